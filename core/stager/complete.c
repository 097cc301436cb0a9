/*
 * POST /v1/staging/:staging_guid/completed: a finished task's result goes to
 * CC (contract/stager.md C3, C6, C9). Without an outbox nothing is retried
 * here: the back end repeats its callback while the answer is 503 or 504. With
 * one the result is stored before the callback is answered, and delivered by
 * delivery.c.
 */
#include <openssl/evp.h>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/redact.h"
#include "model/staging.h"
#include "stager/internal.h"

struct complete {
    struct ccb_stager *stager;
    struct ccb_http_request *request;
    struct ccb_arena *arena;
    struct ccb_finished_task task;
    struct ccb_buf message; /* for CC */
    struct ccb_outbox_put put;
    struct ccb_log_session log;    /* ...task-complete-callback-received */
    struct ccb_log_session cc_log; /* ....cc-client */
    struct ccb_log_field log_fields[1];
};

static void on_response(void *user, const struct ccb_plugin_result *result);
static void on_delivered(void *user, const struct ccb_cc_answer *answer);

static void finish(struct complete *complete, int status)
{
    ccb_buf_destroy(&complete->message);
    ccb_http_respond(complete->request, status, NULL, ccb_slice_make(NULL, 0));
}

static void fail(struct complete *complete, const char *action,
                 const char *words, int status)
{
    ccb_log_error(&complete->log, action, words);
    ccb_stager_note_text(complete->stager, complete->task.task_guid,
                         CCB_PHASE_FAILED, CCB_JOURNAL_FAILURE,
                         ccb_slice_of(words));
    finish(complete, status);
}

/* ---- 4: to CC ----------------------------------------------------------- */

/* The historic line carries the payload as base64; secrets are taken out
 * before it is encoded, since nobody could see them afterwards. */
static void log_posting(struct complete *complete)
{
    struct ccb_buf shown = {0}, text = {0};
    struct ccb_json payload;
    char *room;
    if (!ccb_log_enabled(CCB_LEVEL_INFO) ||
        ccb_json_parse(&payload, ccb_buf_slice(&complete->message),
                       CCB_JSON_WHOLE, NULL) < 0)
        return;
    ccb_redact_json(&shown, payload);
    room = ccb_buf_reserve(&text, (shown.len + 2) / 3 * 4 + 1);
    if (room) {
        int n =
            EVP_EncodeBlock((unsigned char *)room,
                            (const unsigned char *)shown.data, (int)shown.len);
        ccb_log_write(&complete->log, CCB_LEVEL_INFO,
                      "posting-staging-complete",
                      CCB_FIELDS(ccb_log_text(
                          "payload", ccb_slice_make(room, (size_t)n))));
        ccb_log_write(
            &complete->cc_log, CCB_LEVEL_INFO, "delivering-staging-response",
            CCB_FIELDS(ccb_log_text("payload", ccb_buf_slice(&shown))));
    }
    ccb_buf_destroy(&shown);
    ccb_buf_destroy(&text);
}

static void note_answer(const struct complete *complete,
                        enum ccb_journal_phase phase, int status,
                        const char *words)
{
    struct ccb_journal_note note = {
        .guid = complete->task.task_guid, .phase = phase, .cc_status = status};
    note.texts[CCB_JOURNAL_CC_ERROR] = ccb_slice_of(words);
    ccb_journal_note(complete->stager->shared->journal, &note);
}

static void fail_delivery(struct complete *complete, int status,
                          const char *words)
{
    ccb_log_error(&complete->log, "cc-staging-complete-failed", words);
    note_answer(complete, CCB_PHASE_CC_TRIED, status, words);
    finish(complete, status > 0 ? status : 503);
}

static void send_to_cc(struct complete *complete)
{
    struct ccb_error err;
    ccb_log_begin(&complete->cc_log, &complete->log, "cc-client", NULL, 0);
    log_posting(complete);
    if (ccb_cc_staging_complete(&complete->stager->cc, complete->task.task_guid,
                                ccb_buf_slice(&complete->message),
                                complete->arena, on_delivered, complete, NULL,
                                &err) == 0)
        return;
    ccb_log_error(&complete->cc_log, "deliver-staging-response-failed",
                  err.message);
    fail_delivery(complete, 0, err.message);
}

/* A task without created_at lasted since 1970, as it always did. */
void ccb_stager_count(bool failed, int64_t created_at)
{
    ccb_metric_add(
        failed ? CCB_METRIC_STAGING_FAILED : CCB_METRIC_STAGING_SUCCEEDED, 1);
    ccb_metric_time(failed ? CCB_METRIC_STAGING_FAILED_TIME
                           : CCB_METRIC_STAGING_SUCCEEDED_TIME,
                    (int64_t)((uint64_t)ccb_clock_wall() -
                              (uint64_t)created_at)); /* wraps, as Go's */
}

static void on_delivered(void *user, const struct ccb_cc_answer *answer)
{
    struct complete *complete = user;
    if (answer->status == 0) {
        ccb_log_error(&complete->cc_log, "deliver-staging-response-failed",
                      answer->error);
        fail_delivery(complete, 0, answer->error);
        return;
    }
    ccb_log_info(&complete->cc_log, "delivered-staging-response");
    if (answer->status != 200) {
        fail_delivery(complete, answer->status, answer->error);
        return;
    }
    ccb_stager_count(complete->task.failed, complete->task.created_at);
    ccb_log_info(&complete->log, "posted-staging-complete");
    note_answer(complete, CCB_PHASE_CC_TOOK, answer->status, NULL);
    finish(complete, 200);
}

/* ---- 3: into the outbox, or straight to CC ------------------------------ */

/* What can't be stored goes to CC as without an outbox. */
static void on_stored(struct ccb_outbox_op *op)
{
    struct complete *complete =
        (struct complete *)(void *)((char *)op -
                                    offsetof(struct complete, put));
    if (op->code < 0) {
        ccb_log_error(&complete->log, "storing-staging-response-failed",
                      op->err.message);
        send_to_cc(complete);
        return;
    }
    if (complete->put.known) {
        ccb_log_info(&complete->log, "staging-response-known-already");
    } else {
        ccb_log_info(&complete->log, "stored-staging-response");
        ccb_stager_note(complete->stager, complete->task.task_guid,
                        CCB_PHASE_STORED);
    }
    finish(complete, 200);
}

static void store(struct complete *complete, struct ccb_outbox *outbox)
{
    struct ccb_outbox_put *put = &complete->put;
    put->op.loop = complete->stager->worker->loop;
    put->op.on_done = on_stored;
    put->letter.guid = complete->task.task_guid;
    put->letter.payload = ccb_buf_slice(&complete->message);
    put->letter.failed = complete->task.failed;
    put->letter.created_at = complete->task.created_at;
    ccb_outbox_put(outbox, put);
}

static void deliver(struct complete *complete)
{
    struct ccb_outbox *outbox = complete->stager->shared->outbox;
    if (complete->message.failed) {
        fail(complete, "get-staging-response-failed", "out of memory", 500);
        return;
    }
    ccb_stager_note(complete->stager, complete->task.task_guid,
                    CCB_PHASE_RESULT_BUILT);
    if (outbox)
        store(complete, outbox);
    else
        send_to_cc(complete);
}

/* ---- 2: the plugin's reading of the result ------------------------------ */

static void on_response(void *user, const struct ccb_plugin_result *result)
{
    struct complete *complete = user;
    if (result->code < 0) {
        fail(complete, "get-staging-response-failed", result->error, 400);
        return;
    }
    ccb_buf_put_slice(&complete->message, result->value.raw);
    deliver(complete);
}

static void ask_plugin(struct complete *complete, struct ccb_plugin *plugin,
                       struct ccb_slice lifecycle)
{
    struct ccb_stager_shared *shared = complete->stager->shared;
    struct ccb_plugin_call_options call = {
        .function = CCB_PLUGIN_STAGING_RESPONSE,
        .guid = complete->task.task_guid,
        .dialect = ccb_diego_dialect(complete->stager->diego),
        .message = complete->task.document.raw,
        .facts = ccb_facts_get(&shared->facts, complete->arena),
        .arena = complete->arena,
        .log = ccb_stager_lifecycle_session(shared, lifecycle),
        .on_done = on_response,
        .user = complete,
    };
    struct ccb_error err = {.message = "out of memory"};
    if (call.facts.ptr &&
        ccb_plugin_call(plugin, complete->stager->worker->loop, &call, &err) ==
            0)
        return;
    fail(complete, "get-staging-response-failed", err.message, 500);
}

/* A failed task's message is the same for every lifecycle. */
static void build_response(struct complete *complete, struct ccb_plugin *plugin,
                           struct ccb_slice lifecycle)
{
    struct ccb_sanitised shown;
    if (!complete->task.failed) {
        ask_plugin(complete, plugin, lifecycle);
        return;
    }
    shown = ccb_stager_sanitise(complete->task.failure_reason);
    ccb_staging_error_encode(&complete->message, shown.id, shown.message);
    deliver(complete);
}

/* ---- 1: the callback ---------------------------------------------------- */

static void take(struct complete *complete, struct ccb_slice path_guid)
{
    struct ccb_staging_annotation annotation;
    struct ccb_plugin *plugin;
    struct ccb_error err;
    if (!ccb_slice_equal(path_guid, complete->task.task_guid)) {
        ccb_log_write(&complete->log, CCB_LEVEL_ERROR, "task-guid-mismatch",
                      CCB_FIELDS(ccb_log_text("body-task-guid",
                                              complete->task.task_guid)));
        finish(complete, 400);
        return;
    }
    ccb_stager_note_text(complete->stager, complete->task.task_guid,
                         CCB_PHASE_CALLED_BACK, CCB_JOURNAL_FAILURE,
                         complete->task.failed ? complete->task.failure_reason
                                               : ccb_slice_make(NULL, 0));
    if (ccb_staging_annotation_decode(&annotation, complete->task.annotation,
                                      complete->arena, &err) < 0) {
        fail(complete, "parsing-annotation-failed", err.message, 400);
        return;
    }
    plugin =
        ccb_staging_find_reader(complete->stager->worker->plugins, &annotation);
    if (!plugin) {
        fail(complete, "get-staging-response-failed-backend-not-found",
             "no plugin reads the results of this lifecycle", 404);
        return;
    }
    build_response(complete, plugin, annotation.lifecycle);
}

void ccb_stager_complete(struct ccb_http_request *request, void *user)
{
    struct ccb_stager *stager = user;
    struct ccb_log_session *handler =
        &stager->shared->sessions[CCB_STAGER_COMPLETION];
    const struct ccb_http_request_info *info = ccb_http_request_info(request);
    struct ccb_arena *arena = ccb_http_request_arena(request);
    struct complete *complete = ccb_arena_alloc(arena, sizeof(*complete));
    struct ccb_error err;
    if (!complete) {
        ccb_http_respond(request, 500, NULL, ccb_slice_make(NULL, 0));
        return;
    }
    complete->stager = stager;
    complete->request = request;
    complete->arena = arena;
    if (ccb_finished_task_decode(&complete->task, info->body, arena, &err) <
        0) {
        ccb_log_error(handler, "parsing-incoming-task-failed", err.message);
        finish(complete, err.code == CCB_NO_MEMORY ? 500 : 400);
        return;
    }
    complete->log_fields[0] = ccb_log_text("guid", info->params[0]);
    ccb_log_begin(&complete->log, handler, "task-complete-callback-received",
                  complete->log_fields, 1);
    take(complete, info->params[0]);
}
