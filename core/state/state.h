/*
 * A file of state in SQLite: how it is opened and upgraded, and how SQLite's
 * failures are told (design.md 7). What is in it is its owner's matter.
 *
 * Invariants: one process at a time has the file (an exclusive lock of
 * SQLite's, gone with the process however that ends); a commit is on the disk
 * when it returns; a file of a newer program, or of another one, is left as it
 * is. One thread at a time.
 */
#ifndef CCB_STATE_STATE_H
#define CCB_STATE_STATE_H

#include <sqlite3.h>

#include "ccbridge/error.h"

struct ccb_state_schema {
    int application_id; /* four letters, so that file(1) and we know whose */
    const char *const *migrations; /* row n makes version n + 1 of version n */
    int version;                   /* how many rows there are */
    const char *flag; /* that says where the file lies, for words to people;
                         NULL: "-stateDir" */
};

/* Opens or creates the file, mode 0600; NULL: in memory, for as long as it is
 * open. `db` NULL after a failure:
 * CCB_CONFLICT when another process has it, or it is not this program's or
 * newer than it; CCB_IO, CCB_NO_MEMORY. */
int ccb_state_open(sqlite3 **db, const char *path,
                   const struct ccb_state_schema *schema,
                   struct ccb_error *err);

/* Of ccb_state_open: step by step, each of them whole or not at all. */
int ccb_state_migrate(sqlite3 *db, const char *path,
                      const struct ccb_state_schema *schema,
                      struct ccb_error *err);

/* SQLite's last failure: CCB_NO_MEMORY, or CCB_IO as "WHAT: why". */
int ccb_state_fail(sqlite3 *db, const char *what, struct ccb_error *err);

/* One row: 1; none: 0; or ccb_state_fail. Resets but at a row. */
int ccb_state_step(sqlite3_stmt *statement, const char *what,
                   struct ccb_error *err);

#endif
