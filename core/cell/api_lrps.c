/*
 * Desired and actual LRPs over HTTP: contract/receptor-api.md 4.2, 4.3.
 */
#include "cell/api_internal.h"

#include <stdio.h>

static struct ccb_slice body_of(const struct ccb_api_call *call)
{
    return ccb_http_request_info(call->request)->body;
}

static int no_memory(struct ccb_error *err)
{
    return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
}

/* ---- desired ------------------------------------------------------------ */

static int run_create(struct ccb_store_op *op, struct ccb_store_tx *tx,
                      struct ccb_error *err)
{
    return ccb_desired_create(tx, &((struct ccb_api_call *)op)->of.desired,
                              err);
}

void ccb_api_desired_create(struct ccb_api_call *call)
{
    struct ccb_refusal refusal;
    int code = ccb_desired_decode(&call->of.desired, body_of(call), call->arena,
                                  &refusal);

    if (code < 0)
        ccb_api_refuse(call->request, code, &refusal);
    else
        ccb_api_submit(call, run_create, 201);
}

static int run_get(struct ccb_store_op *op, struct ccb_store_tx *tx,
                   struct ccb_error *err)
{
    struct ccb_api_call *call = (struct ccb_api_call *)op;
    struct ccb_desired desired;
    int code = ccb_desired_get(tx, call->guid, &desired, err);

    if (code < 0)
        return code;
    if (code == 0) {
        (void)ccb_error_set(err, CCB_NOT_FOUND,
                            "Desired LRP with guid '%.*s' not found",
                            (int)call->guid.len, call->guid.ptr);
        (void)snprintf(err->id, sizeof(err->id), CCB_ID_LRP_NOT_FOUND);
        return CCB_NOT_FOUND;
    }
    ccb_desired_encode(&call->out, &desired);
    return call->out.failed ? no_memory(err) : 0;
}

void ccb_api_desired_get(struct ccb_api_call *call)
{
    ccb_api_submit(call, run_get, 200);
}

static int run_update(struct ccb_store_op *op, struct ccb_store_tx *tx,
                      struct ccb_error *err)
{
    struct ccb_api_call *call = (struct ccb_api_call *)op;

    return ccb_desired_update(tx, call->guid, &call->of.update, err);
}

void ccb_api_desired_update(struct ccb_api_call *call)
{
    struct ccb_refusal refusal;
    int code = ccb_desired_update_decode(&call->of.update, body_of(call),
                                         call->arena, &refusal);

    if (code < 0)
        ccb_api_refuse(call->request, code, &refusal);
    else
        ccb_api_submit(call, run_update, 204);
}

static int run_delete(struct ccb_store_op *op, struct ccb_store_tx *tx,
                      struct ccb_error *err)
{
    return ccb_desired_delete(tx, ((struct ccb_api_call *)op)->guid, err);
}

void ccb_api_desired_delete(struct ccb_api_call *call)
{
    ccb_api_submit(call, run_delete, 204);
}

/* ---- actual ------------------------------------------------------------- */

/* A missing one is null with 404: no error object. */
static int run_get_actual(struct ccb_store_op *op, struct ccb_store_tx *tx,
                          struct ccb_error *err)
{
    struct ccb_api_call *call = (struct ccb_api_call *)op;
    struct ccb_actual actual;
    int code = ccb_actual_get(tx, call->guid, call->index, &actual, err);

    if (code < 0)
        return code;
    if (code == 1) {
        ccb_actual_encode(&call->out, &actual);
    } else {
        call->status = 404;
        (void)ccb_buf_put(&call->out, "null");
    }
    return call->out.failed ? no_memory(err) : 0;
}

void ccb_api_actual_get(struct ccb_api_call *call)
{
    ccb_api_submit(call, run_get_actual, 200);
}

static int run_kill(struct ccb_store_op *op, struct ccb_store_tx *tx,
                    struct ccb_error *err)
{
    struct ccb_api_call *call = (struct ccb_api_call *)op;

    return ccb_actual_retire(tx, call->guid, call->index, err);
}

void ccb_api_actual_kill(struct ccb_api_call *call)
{
    ccb_api_submit(call, run_kill, 204);
}
