/* The outbox's file, as its thread sees it. Inside outbox*.c only. */
#ifndef CCB_OUTBOX_OUTBOX_INTERNAL_H
#define CCB_OUTBOX_OUTBOX_INTERNAL_H

#include <sqlite3.h>

#include "outbox/outbox.h"

/* The rows are in outbox_file.c. */
enum ccb_outbox_sql {
    CCB_OUTBOX_BEGIN,
    CCB_OUTBOX_COMMIT,
    CCB_OUTBOX_ROLLBACK,
    CCB_OUTBOX_COUNT,
    CCB_OUTBOX_OLDEST,
    CCB_OUTBOX_IS_DELIVERED,
    CCB_OUTBOX_INSERT,
    CCB_OUTBOX_FIRST_DUE,
    CCB_OUTBOX_CLAIM,
    CCB_OUTBOX_UNCLAIM,
    CCB_OUTBOX_DELETE,
    CCB_OUTBOX_POSTPONE,
    CCB_OUTBOX_REMEMBER,
    CCB_OUTBOX_FORGET,
    /* of who has notes */
    CCB_OUTBOX_EACH_NOTE,
    CCB_OUTBOX_WRITE_NOTE,
    CCB_OUTBOX_FORGET_NOTE,
    CCB_OUTBOX_STATEMENTS
};

struct ccb_outbox_file {
    const struct ccb_outbox_kind *kind;
    sqlite3 *db;
    sqlite3_stmt *statements[CCB_OUTBOX_STATEMENTS];
};

int ccb_outbox_file_open(struct ccb_outbox_file *file,
                         const struct ccb_outbox_kind *kind, const char *dir,
                         struct ccb_error *err);
void ccb_outbox_file_close(struct ccb_outbox_file *file);

/* Of each kind of operation, inside a transaction. */
int ccb_outbox_run_put(struct ccb_outbox_file *file, struct ccb_outbox_put *put,
                       struct ccb_error *err);
int ccb_outbox_run_take(struct ccb_outbox_file *file,
                        struct ccb_outbox_take *take, struct ccb_error *err);
int ccb_outbox_run_mark(struct ccb_outbox_file *file,
                        struct ccb_outbox_mark *mark, struct ccb_error *err);

int ccb_outbox_run_write(struct ccb_outbox_file *file,
                         struct ccb_outbox_write *write, struct ccb_error *err);
int ccb_outbox_read_notes(struct ccb_outbox_file *file,
                          int (*on_note)(void *user,
                                         const struct ccb_outbox_note *note),
                          void *user, struct ccb_error *err);

/* A statement without parameters or rows. */
int ccb_outbox_run_plain(struct ccb_outbox_file *file, enum ccb_outbox_sql sql,
                         struct ccb_error *err);
/* The number that a statement without parameters gives; 0: no row. */
int ccb_outbox_get_number(struct ccb_outbox_file *file, enum ccb_outbox_sql sql,
                          int64_t *out, struct ccb_error *err);

#endif
