/*
 * Tasks over HTTP: contract/receptor-api.md 4.1.
 */
#include "cell/api_internal.h"
#include "cell/task.h"

#include <stdio.h>

static struct ccb_slice body_of(const struct ccb_api_call *call)
{
    return ccb_http_request_info(call->request)->body;
}

static int run_create(struct ccb_store_op *op, struct ccb_store_tx *tx,
                      struct ccb_error *err)
{
    return ccb_task_desire(tx, &((struct ccb_api_call *)op)->of.task, err);
}

void ccb_api_task_create(struct ccb_api_call *call)
{
    struct ccb_refusal refusal;
    int code =
        ccb_task_decode(&call->of.task, body_of(call), call->arena, &refusal);

    if (code < 0)
        ccb_api_refuse(call->request, code, &refusal);
    else
        ccb_api_submit(call, run_create, 201);
}

static int run_get(struct ccb_store_op *op, struct ccb_store_tx *tx,
                   struct ccb_error *err)
{
    struct ccb_api_call *call = (struct ccb_api_call *)op;
    struct ccb_task task;
    int code = ccb_task_get(tx, call->guid, &task, err);

    if (code < 0)
        return code;
    if (code == 0) {
        (void)ccb_error_set(err, CCB_NOT_FOUND,
                            "task with guid '%.*s' not found",
                            (int)call->guid.len, call->guid.ptr);
        (void)snprintf(err->id, sizeof(err->id), CCB_ID_TASK_NOT_FOUND);
        return CCB_NOT_FOUND;
    }
    ccb_task_encode(&call->out, &task);
    return call->out.failed ? ccb_error_set(err, CCB_NO_MEMORY, "out of memory")
                            : 0;
}

void ccb_api_task_get(struct ccb_api_call *call)
{
    ccb_api_submit(call, run_get, 200);
}

/* Two steps, as the reference takes them: a task that can't be marked is not
 * removed. */
static int run_delete(struct ccb_store_op *op, struct ccb_store_tx *tx,
                      struct ccb_error *err)
{
    struct ccb_slice guid = ((struct ccb_api_call *)op)->guid;
    int code = ccb_task_resolving(tx, guid, err);

    if (code == CCB_CONFLICT) {
        (void)ccb_error_set(err, code,
                            "This task has not been completed. Please retry "
                            "when it is completed.");
        (void)snprintf(err->id, sizeof(err->id), "TaskNotDeletable");
    }
    return code < 0 ? code : ccb_task_resolve(tx, guid, err);
}

void ccb_api_task_delete(struct ccb_api_call *call)
{
    ccb_api_submit(call, run_delete, 200);
}

static int run_cancel(struct ccb_store_op *op, struct ccb_store_tx *tx,
                      struct ccb_error *err)
{
    return ccb_task_cancel(tx, ((struct ccb_api_call *)op)->guid, err);
}

void ccb_api_task_cancel(struct ccb_api_call *call)
{
    ccb_api_submit(call, run_cancel, 200);
}
