/*
 * The life of a task: contract/receptor-api.md 6.
 *
 * Invariant: a record is read, judged and only then changed, so a refusal
 * leaves it as it was; every change sets updated_at.
 */
#include "cell/task.h"

#include <stdio.h>

#include "cell/store_internal.h"

static int refuse(struct ccb_error *err, int code, const char *id)
{
    if (err)
        (void)snprintf(err->id, sizeof(err->id), "%s", id);
    return code;
}

/* A task that must be there. */
static int find(struct ccb_store_tx *tx, struct ccb_slice guid,
                struct ccb_task *out, struct ccb_error *err)
{
    int code = ccb_task_get(tx, guid, out, err);

    if (code != 0)
        return code < 0 ? code : 0;
    (void)ccb_error_set(err, CCB_NOT_FOUND, "task with guid '%.*s' not found",
                        (int)guid.len, guid.ptr);
    return refuse(err, CCB_NOT_FOUND, CCB_ID_TASK_NOT_FOUND);
}

static int refuse_transition(const struct ccb_task *task,
                             enum ccb_task_state to, struct ccb_error *err)
{
    (void)ccb_error_set(err, CCB_CONFLICT, "Cannot transition from %s to %s",
                        ccb_task_state_word(task->state),
                        ccb_task_state_word(to));
    return refuse(err, CCB_CONFLICT, CCB_ID_BAD_TRANSITION);
}

static int send_effect(struct ccb_store_tx *tx, enum ccb_effect_kind kind,
                       const struct ccb_task *task, struct ccb_error *err)
{
    struct ccb_effect effect = {
        .kind = kind, .guid = task->task_guid, .cell_id = task->cell_id};

    return ccb_tx_effect(tx, &effect, err);
}

int ccb_task_desire(struct ccb_store_tx *tx, const struct ccb_task *task,
                    struct ccb_error *err)
{
    struct ccb_task record = *task;
    int code = ccb_task_get(tx, task->task_guid, &record, err);

    if (code < 0)
        return code;
    if (code == 1) {
        (void)ccb_error_set(err, CCB_CONFLICT, "task already exists");
        return refuse(err, CCB_CONFLICT, CCB_ID_TASK_EXISTS);
    }
    record.state = CCB_TASK_PENDING;
    record.created_at = record.updated_at = tx->now;
    code = ccb_task_insert(tx, &record, err);
    return code < 0 ? code
                    : send_effect(tx, CCB_EFFECT_AUCTION_TASK, &record, err);
}

int ccb_task_start(struct ccb_store_tx *tx, struct ccb_slice guid,
                   struct ccb_slice cell_id, bool *should_start,
                   struct ccb_error *err)
{
    struct ccb_task task;
    int code = find(tx, guid, &task, err);

    *should_start = false;
    if (code < 0)
        return code;
    if (task.state == CCB_TASK_RUNNING &&
        ccb_slice_equal(task.cell_id, cell_id))
        return 0;
    if (task.state != CCB_TASK_PENDING)
        return refuse_transition(&task, CCB_TASK_RUNNING, err);
    task.state = CCB_TASK_RUNNING;
    task.cell_id = cell_id;
    task.updated_at = tx->now;
    code = ccb_task_set(tx, &task, err);
    *should_start = code == 0;
    return code;
}

/* ---- completion --------------------------------------------------------- */

static int finish(struct ccb_store_tx *tx, struct ccb_task *task,
                  const struct ccb_task_outcome *outcome, bool call_back,
                  struct ccb_error *err)
{
    int code;

    task->state = CCB_TASK_COMPLETED;
    task->cell_id = ccb_slice_of("");
    task->updated_at = task->first_completed_at = tx->now;
    task->failed = outcome->failed;
    task->failure_reason = outcome->failure_reason;
    task->result = outcome->result;
    code = ccb_task_set(tx, task, err);
    if (code == 0 && call_back && task->callback_url.len > 0)
        code = send_effect(tx, CCB_EFFECT_CALL_BACK, task, err);
    return code;
}

int ccb_task_complete(struct ccb_store_tx *tx, struct ccb_slice guid,
                      struct ccb_slice cell_id,
                      const struct ccb_task_outcome *outcome,
                      struct ccb_error *err)
{
    struct ccb_task task;
    int code = find(tx, guid, &task, err);

    if (code < 0)
        return code;
    if (task.state != CCB_TASK_RUNNING)
        return refuse_transition(&task, CCB_TASK_COMPLETED, err);
    if (!ccb_slice_equal(task.cell_id, cell_id)) {
        (void)ccb_error_set(err, CCB_CONFLICT, "Running on cell %.*s not %.*s",
                            (int)task.cell_id.len, task.cell_id.ptr,
                            (int)cell_id.len, cell_id.ptr);
        return refuse(err, CCB_CONFLICT, CCB_ID_OTHER_CELL);
    }
    return finish(tx, &task, outcome, true, err);
}

/* By anyone but the cell: PENDING and RUNNING alike. */
static int end_early(struct ccb_store_tx *tx, struct ccb_slice guid,
                     struct ccb_slice reason, bool call_back,
                     struct ccb_task *before, struct ccb_error *err)
{
    struct ccb_task_outcome outcome = {.failed = true,
                                       .failure_reason = reason};
    struct ccb_task task;
    int code = find(tx, guid, &task, err);

    if (code < 0)
        return code;
    if (task.state != CCB_TASK_PENDING && task.state != CCB_TASK_RUNNING)
        return refuse_transition(&task, CCB_TASK_COMPLETED, err);
    *before = task;
    return finish(tx, &task, &outcome, call_back, err);
}

int ccb_task_fail(struct ccb_store_tx *tx, struct ccb_slice guid,
                  struct ccb_slice reason, struct ccb_error *err)
{
    struct ccb_task before;

    return end_early(tx, guid, reason, true, &before, err);
}

int ccb_task_expire(struct ccb_store_tx *tx, struct ccb_slice guid,
                    struct ccb_slice reason, struct ccb_error *err)
{
    struct ccb_task before;

    return end_early(tx, guid, reason, false, &before, err);
}

int ccb_task_cancel(struct ccb_store_tx *tx, struct ccb_slice guid,
                    struct ccb_error *err)
{
    struct ccb_task before;
    int code = end_early(tx, guid, ccb_slice_of("task was cancelled"), true,
                         &before, err);

    if (code == 0 && before.state == CCB_TASK_RUNNING)
        code = send_effect(tx, CCB_EFFECT_CANCEL_TASK, &before, err);
    return code;
}

/* ---- resolution --------------------------------------------------------- */

int ccb_task_resolving(struct ccb_store_tx *tx, struct ccb_slice guid,
                       struct ccb_error *err)
{
    struct ccb_task task;
    int code = find(tx, guid, &task, err);

    if (code < 0)
        return code;
    if (task.state != CCB_TASK_COMPLETED)
        return refuse_transition(&task, CCB_TASK_RESOLVING, err);
    task.state = CCB_TASK_RESOLVING;
    task.updated_at = tx->now;
    return ccb_task_set(tx, &task, err);
}

int ccb_task_resolve(struct ccb_store_tx *tx, struct ccb_slice guid,
                     struct ccb_error *err)
{
    struct ccb_task task;
    int code = find(tx, guid, &task, err);

    if (code < 0)
        return code;
    if (task.state != CCB_TASK_RESOLVING)
        return refuse_transition(&task, CCB_TASK_RESOLVING, err);
    return ccb_task_remove(tx, guid, err);
}

int ccb_task_demote(struct ccb_store_tx *tx, struct ccb_slice guid,
                    struct ccb_error *err)
{
    struct ccb_task task;
    int code = find(tx, guid, &task, err);

    if (code < 0)
        return code;
    if (task.state != CCB_TASK_RESOLVING)
        return refuse_transition(&task, CCB_TASK_COMPLETED, err);
    task.state = CCB_TASK_COMPLETED;
    task.updated_at = tx->now;
    code = ccb_task_set(tx, &task, err);
    if (code == 0 && task.callback_url.len > 0)
        code = send_effect(tx, CCB_EFFECT_CALL_BACK, &task, err);
    return code;
}

int ccb_task_call_back(struct ccb_store_tx *tx, struct ccb_slice guid,
                       struct ccb_error *err)
{
    struct ccb_task task;
    int code = find(tx, guid, &task, err);

    if (code < 0)
        return code;
    if (task.state != CCB_TASK_COMPLETED)
        return refuse_transition(&task, CCB_TASK_COMPLETED, err);
    return send_effect(tx, CCB_EFFECT_CALL_BACK, &task, err);
}
