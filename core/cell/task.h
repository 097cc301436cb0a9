/*
 * The life of a task: the transitions of contract/receptor-api.md 6, each a
 * function inside a store's transaction. What a transition asks of others
 * (auction, cancel, callback) goes out as an effect after the commit.
 *
 * A refusal is CCB_CONFLICT, and CCB_NOT_FOUND for a missing task; the error's
 * id names the kind, its message is the contract's text, and the record is
 * untouched. Threads: the store's.
 */
#ifndef CCB_CELL_TASK_H
#define CCB_CELL_TASK_H

#include "cell/record.h"

#define CCB_ID_TASK_EXISTS "TaskGuidAlreadyExists"
#define CCB_ID_TASK_NOT_FOUND "TaskNotFound"
#define CCB_ID_BAD_TRANSITION "InvalidStateTransition"
#define CCB_ID_OTHER_CELL "RunningOnDifferentCell"

/* A new record, PENDING, created now; only the guid, domain, files, URL,
 * annotation and body of `task` count. */
int ccb_task_desire(struct ccb_store_tx *tx, const struct ccb_task *task,
                    struct ccb_error *err);
/* *should_start is false when this cell runs it already. */
int ccb_task_start(struct ccb_store_tx *tx, struct ccb_slice guid,
                   struct ccb_slice cell_id, bool *should_start,
                   struct ccb_error *err);

struct ccb_task_outcome {
    bool failed;
    struct ccb_slice failure_reason, result;
};
int ccb_task_complete(struct ccb_store_tx *tx, struct ccb_slice guid,
                      struct ccb_slice cell_id,
                      const struct ccb_task_outcome *outcome,
                      struct ccb_error *err);
int ccb_task_fail(struct ccb_store_tx *tx, struct ccb_slice guid,
                  struct ccb_slice reason, struct ccb_error *err);
/* The same by the converger: the callback waits for the next kick. */
int ccb_task_expire(struct ccb_store_tx *tx, struct ccb_slice guid,
                    struct ccb_slice reason, struct ccb_error *err);
int ccb_task_cancel(struct ccb_store_tx *tx, struct ccb_slice guid,
                    struct ccb_error *err);
int ccb_task_resolving(struct ccb_store_tx *tx, struct ccb_slice guid,
                       struct ccb_error *err);
/* The record goes. */
int ccb_task_resolve(struct ccb_store_tx *tx, struct ccb_slice guid,
                     struct ccb_error *err);
/* RESOLVING back to COMPLETED, and the callback again. */
int ccb_task_demote(struct ccb_store_tx *tx, struct ccb_slice guid,
                    struct ccb_error *err);
/* COMPLETED, the callback again. */
int ccb_task_call_back(struct ccb_store_tx *tx, struct ccb_slice guid,
                       struct ccb_error *err);

#endif
