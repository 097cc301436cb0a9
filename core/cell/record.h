/*
 * The records of the state, as C structs and as the documents that clients get
 * (contract/receptor-api.md 4.1 to 4.3).
 *
 * Everything is borrowed: of the transaction's arena where a record was read,
 * of the caller where it is to be stored.
 */
#ifndef CCB_CELL_RECORD_H
#define CCB_CELL_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "cell/store.h"

enum ccb_task_state {
    CCB_TASK_INVALID,
    CCB_TASK_PENDING,
    CCB_TASK_RUNNING,
    CCB_TASK_COMPLETED,
    CCB_TASK_RESOLVING
};

struct ccb_task {
    struct ccb_slice task_guid, domain;
    int64_t state; /* as stored: may be none of the above */
    struct ccb_slice cell_id;
    int64_t created_at, updated_at, first_completed_at; /* wall; 0: not yet */
    bool failed;
    struct ccb_slice failure_reason, result;
    struct ccb_slice result_file, callback_url, annotation;
    struct ccb_slice body; /* an object: all members that never change */
};

struct ccb_tag {
    struct ccb_slice epoch;
    int64_t index;
};
bool ccb_tag_equal(const struct ccb_tag *a, const struct ccb_tag *b);
/* Whether `b` is newer than `a`. */
bool ccb_tag_succeeded_by(const struct ccb_tag *a, const struct ccb_tag *b);

struct ccb_desired {
    struct ccb_slice process_guid, domain;
    int64_t instances;
    struct ccb_slice routes; /* an object, or empty */
    struct ccb_slice annotation;
    struct ccb_tag tag;
    struct ccb_slice body; /* an object: all members that never change */
};

enum ccb_actual_state {
    CCB_ACTUAL_INVALID,
    CCB_ACTUAL_UNCLAIMED,
    CCB_ACTUAL_CLAIMED,
    CCB_ACTUAL_RUNNING,
    CCB_ACTUAL_CRASHED
};

struct ccb_actual {
    struct ccb_slice process_guid;
    int64_t index;
    struct ccb_slice domain;
    struct ccb_slice instance_guid, cell_id;
    struct ccb_slice address, ports; /* ports: a JSON array, or empty */
    int64_t state;                   /* as stored */
    int64_t crash_count;
    struct ccb_slice crash_reason, placement_error;
    int64_t since;
    struct ccb_tag tag;
};

/* "PENDING", and "Pending" as refusals say it; "INVALID" for unknown ones. */
const char *ccb_task_state_name(int64_t state);
const char *ccb_task_state_word(int64_t state);
const char *ccb_actual_state_name(int64_t state);

/* ---- reading (inside a transaction) ------------------------------------- */

/* 1, 0: there is none, or negative. */
int ccb_task_get(struct ccb_store_tx *tx, struct ccb_slice guid,
                 struct ccb_task *out, struct ccb_error *err);
int ccb_desired_get(struct ccb_store_tx *tx, struct ccb_slice guid,
                    struct ccb_desired *out, struct ccb_error *err);
int ccb_actual_get(struct ccb_store_tx *tx, struct ccb_slice guid,
                   int64_t index, struct ccb_actual *out,
                   struct ccb_error *err);

/*
 * Walks records in the order of their keys, from behind a key, up to `limit`
 * of them: how lists of any length are read in pieces. Start with the key
 * fields empty (index -1); a domain or a guid that is empty filters nothing.
 * `each` returns 0 or ends the walk with its code. *last_* are set to the last
 * record's key; returns how many there were, or negative.
 */
struct ccb_page {
    struct ccb_slice after;
    int64_t after_index;
    struct ccb_slice domain;
    struct ccb_slice guid; /* actual LRPs of one process only */
    int limit;
};
int ccb_tasks_each(struct ccb_store_tx *tx, const struct ccb_page *page,
                   int (*each)(void *user, const struct ccb_task *task),
                   void *user, struct ccb_error *err);
int ccb_desired_each(struct ccb_store_tx *tx, const struct ccb_page *page,
                     int (*each)(void *user, const struct ccb_desired *desired),
                     void *user, struct ccb_error *err);
int ccb_actuals_each(struct ccb_store_tx *tx, const struct ccb_page *page,
                     int (*each)(void *user, const struct ccb_actual *actual),
                     void *user, struct ccb_error *err);

/* ---- writing (inside a transaction) ------------------------------------- */

int ccb_task_insert(struct ccb_store_tx *tx, const struct ccb_task *task,
                    struct ccb_error *err);
/* What may change of a task. */
int ccb_task_set(struct ccb_store_tx *tx, const struct ccb_task *task,
                 struct ccb_error *err);
int ccb_task_remove(struct ccb_store_tx *tx, struct ccb_slice guid,
                    struct ccb_error *err);

/* The next two publish what they did. `before` NULL: the record is new;
 * `after` NULL: it goes. */
int ccb_desired_change(struct ccb_store_tx *tx,
                       const struct ccb_desired *before,
                       const struct ccb_desired *after, struct ccb_error *err);
int ccb_actual_change(struct ccb_store_tx *tx, const struct ccb_actual *before,
                      const struct ccb_actual *after, struct ccb_error *err);

/* A new epoch in the arena. CCB_NO_MEMORY, CCB_IO. */
int ccb_tag_start(struct ccb_store_tx *tx, struct ccb_tag *tag,
                  struct ccb_error *err);

/* ---- documents ---------------------------------------------------------- */

/* Appended; the buffer's `failed` tells of memory. */
void ccb_task_encode(struct ccb_buf *out, const struct ccb_task *task);
void ccb_desired_encode(struct ccb_buf *out, const struct ccb_desired *desired);
void ccb_actual_encode(struct ccb_buf *out, const struct ccb_actual *actual);
/* What a completion callback is sent (6.3). */
void ccb_task_callback_encode(struct ccb_buf *out, const struct ccb_task *task);

#endif
