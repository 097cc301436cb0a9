/*
 * DELETE /v1/staging/:staging_guid: the task is cancelled (contract/stager.md
 * C3). The answer waits for the cancel, whose failure is only logged.
 */
#include "base/metrics.h"
#include "model/staging.h"
#include "stager/internal.h"

struct stop {
    struct ccb_stager *stager;
    struct ccb_http_request *request;
    struct ccb_arena *arena;
    struct ccb_slice guid;
    struct ccb_log_session log;
    struct ccb_log_field log_fields[1];
};

static void finish(struct stop *stop, int status)
{
    ccb_http_respond(stop->request, status, NULL, ccb_slice_make(NULL, 0));
}

static void on_cancelled(void *user, const struct ccb_diego_answer *answer)
{
    struct stop *stop = user;
    if (answer->code < 0)
        ccb_log_write(&stop->log, CCB_LEVEL_ERROR, "stop-staging-failed",
                      CCB_FIELDS(ccb_log_text("error", answer->message)));
    finish(stop, 202);
}

static int call(struct stop *stop, enum ccb_diego_operation operation,
                void (*on_done)(void *user,
                                const struct ccb_diego_answer *answer),
                struct ccb_error *err)
{
    struct ccb_diego_call_options options = {
        .operation = operation,
        .guid = stop->guid,
        .arena = stop->arena,
        .on_done = on_done,
        .user = stop,
    };
    return ccb_diego_call(stop->stager->diego, &options, err);
}

static void cancel(struct stop *stop)
{
    struct ccb_error err;
    ccb_metric_add(CCB_METRIC_STAGING_STOP_REQUESTS, 1);
    ccb_stager_note(stop->stager, stop->guid, CCB_PHASE_STOP_ASKED);
    ccb_log_write(&stop->log, CCB_LEVEL_INFO, "cancelling",
                  CCB_FIELDS(ccb_log_text("task_guid", stop->guid)));
    if (call(stop, CCB_DIEGO_CANCEL_TASK, on_cancelled, &err) < 0) {
        ccb_log_error(&stop->log, "stop-staging-failed", err.message);
        finish(stop, 202);
    }
}

/* An answer that is not typed as JSON leaves the whole task at zero. */
static int decode_task(struct ccb_finished_task *task,
                       const struct ccb_diego_answer *answer,
                       struct ccb_arena *arena, struct ccb_error *err)
{
    if (answer->object.type != CCB_JSON_NONE)
        return ccb_finished_task_decode(task, answer->object.raw, arena, err);
    memset(task, 0, sizeof(*task));
    return 0;
}

static void fail_to_get(struct stop *stop, struct ccb_slice words)
{
    ccb_log_write(&stop->log, CCB_LEVEL_ERROR, "failed-to-get-task",
                  CCB_FIELDS(ccb_log_text("error", words)));
    finish(stop, 500);
}

/* The annotation must be readable, though nothing in it is looked at. */
static void on_task(void *user, const struct ccb_diego_answer *answer)
{
    struct stop *stop = user;
    struct ccb_staging_annotation annotation;
    struct ccb_finished_task task;
    struct ccb_error err;
    if (answer->code < 0 &&
        ccb_slice_is(answer->name, CCB_DIEGO_TASK_NOT_FOUND)) {
        finish(stop, 404);
        return;
    }
    if (answer->code < 0) {
        fail_to_get(stop, answer->message);
        return;
    }
    if (decode_task(&task, answer, stop->arena, &err) < 0) {
        fail_to_get(stop, ccb_slice_of(err.message));
        return;
    }
    if (ccb_staging_annotation_decode(&annotation, task.annotation, stop->arena,
                                      &err) < 0) {
        ccb_log_error(&stop->log, "failed-to-unmarshal-task-annotation",
                      err.message);
        finish(stop, 500);
        return;
    }
    cancel(stop);
}

void ccb_stager_stop(struct ccb_http_request *request, void *user)
{
    struct ccb_stager *stager = user;
    struct ccb_arena *arena = ccb_http_request_arena(request);
    struct stop *stop = ccb_arena_alloc(arena, sizeof(*stop));
    struct ccb_error err;
    if (!stop) {
        ccb_http_respond(request, 500, NULL, ccb_slice_make(NULL, 0));
        return;
    }
    stop->stager = stager;
    stop->request = request;
    stop->arena = arena;
    stop->guid = ccb_http_request_info(request)->params[0];
    stop->log_fields[0] = ccb_log_text("staging-guid", stop->guid);
    ccb_log_begin(&stop->log, &stager->shared->sessions[CCB_STAGER_STAGING],
                  "stop-staging-request", stop->log_fields, 1);
    if (call(stop, CCB_DIEGO_GET_TASK, on_task, &err) < 0)
        fail_to_get(stop, ccb_slice_of(err.message));
}
