/*
 * PUT /v1/staging/:staging_guid: a staging request becomes a task
 * (contract/stager.md C3, C9). The steps follow one another down this file;
 * everything they need lies in the request's arena.
 */
#include "base/metrics.h"
#include "model/recipe.h"
#include "model/staging.h"
#include "stager/internal.h"

struct stage {
    struct ccb_stager *stager;
    struct ccb_http_request *request;
    struct ccb_arena *arena;
    struct ccb_slice guid;
    struct ccb_staging_request message;
    struct ccb_plugin *plugin;
    struct ccb_slice callback_url;
    struct ccb_buf task;
    struct ccb_log_session log;   /* stager.staging-handler.staging-request */
    struct ccb_log_session build; /* stager.traditional.build-recipe */
    struct ccb_log_field log_fields[1], build_fields[2];
};

static void on_recipe(void *user, const struct ccb_plugin_result *result);
static void on_created(void *user, const struct ccb_diego_answer *answer);

/* ---- ends --------------------------------------------------------------- */

static void finish(struct stage *stage, int status)
{
    ccb_buf_destroy(&stage->task);
    ccb_http_respond(stage->request, status, NULL, ccb_slice_make(NULL, 0));
}

/* 500 with the error object CC shows its user. */
static void finish_with_error(struct stage *stage, const char *id,
                              struct ccb_slice message)
{
    struct ccb_buf body = {0};
    ccb_buf_destroy(&stage->task);
    ccb_staging_error_encode(&body, id, message);
    ccb_http_respond(stage->request, 500, "text/plain; charset=utf-8",
                     ccb_buf_slice(&body));
    ccb_buf_destroy(&body);
}

/* Logs the failure with the (redacted) request and tells CC what it may know.
 * A plugin that names an id has chosen words for the app's developer. */
static void fail(struct stage *stage, const char *action, const char *id,
                 struct ccb_slice text)
{
    struct ccb_sanitised shown = ccb_stager_sanitise(text);
    ccb_log_write(&stage->log, CCB_LEVEL_ERROR, action,
                  CCB_FIELDS(ccb_log_text("error", text),
                             ccb_log_json("staging-request",
                                          stage->message.document.raw)));
    if (id && id[0]) {
        shown.id = id;
        shown.message = text;
    }
    finish_with_error(stage, shown.id, shown.message);
}

/* ---- 1: the message ----------------------------------------------------- */

static struct stage *begin(struct ccb_http_request *request,
                           struct ccb_stager *stager)
{
    const struct ccb_http_request_info *info = ccb_http_request_info(request);
    struct ccb_arena *arena = ccb_http_request_arena(request);
    struct stage *stage = ccb_arena_alloc(arena, sizeof(*stage));
    if (!stage)
        return NULL;
    stage->stager = stager;
    stage->request = request;
    stage->arena = arena;
    stage->guid = info->params[0];
    stage->log_fields[0] = ccb_log_text("staging-guid", stage->guid);
    ccb_log_begin(&stage->log, &stager->shared->sessions[CCB_STAGER_STAGING],
                  "staging-request", stage->log_fields, 1);
    return stage;
}

static void call_plugin(struct stage *stage)
{
    struct ccb_stager_shared *shared = stage->stager->shared;
    struct ccb_log_session *lifecycle =
        ccb_stager_lifecycle_session(shared, stage->message.lifecycle);
    struct ccb_plugin_call_options call = {
        .function = CCB_PLUGIN_STAGING_RECIPE,
        .guid = stage->guid,
        .dialect = ccb_diego_dialect(stage->stager->diego),
        .message = stage->message.document.raw,
        .facts = ccb_buf_slice(&shared->facts),
        .arena = stage->arena,
        .log = lifecycle,
        .on_done = on_recipe,
        .user = stage,
    };
    struct ccb_error err;
    stage->build_fields[0] = ccb_log_text("app-id", stage->message.app_id);
    stage->build_fields[1] = ccb_log_text("staging-guid", stage->guid);
    ccb_log_begin(&stage->build, lifecycle, "build-recipe", stage->build_fields,
                  2);
    ccb_log_info(&stage->build, "staging-request");
    if (ccb_plugin_call(stage->plugin, stage->stager->worker->loop, &call,
                        &err) < 0)
        fail(stage, "recipe-building-failed", NULL, ccb_slice_of(err.message));
}

void ccb_stager_stage(struct ccb_http_request *request, void *user)
{
    struct ccb_stager *stager = user;
    struct stage *stage = begin(request, stager);
    struct ccb_error err;
    if (!stage) {
        ccb_http_respond(request, 500, NULL, ccb_slice_make(NULL, 0));
        return;
    }
    if (ccb_staging_request_decode(&stage->message,
                                   ccb_http_request_info(request)->body,
                                   stage->arena, &err) < 0) {
        ccb_log_error(&stage->log, "unmarshal-request-failed", err.message);
        finish(stage, err.code == CCB_NO_MEMORY ? 500 : 400);
        return;
    }
    stage->plugin =
        ccb_plugins_find(stager->worker->plugins, stage->message.lifecycle,
                         stage->message.stack);
    if (!stage->plugin) {
        ccb_log_write(
            &stage->log, CCB_LEVEL_ERROR, "backend-not-found",
            CCB_FIELDS(ccb_log_text("backend", stage->message.lifecycle)));
        finish(stage, 404);
        return;
    }
    ccb_metric_add(CCB_METRIC_STAGING_START_REQUESTS, 1);
    call_plugin(stage);
}

/* ---- 2: the recipe ------------------------------------------------------ */

static struct ccb_slice encode_annotation(struct stage *stage)
{
    const struct ccb_plugins *plugins = stage->stager->worker->plugins;
    struct ccb_staging_annotation annotation = {.lifecycle =
                                                    stage->message.lifecycle};
    struct ccb_buf text = {0};
    struct ccb_slice copy;
    if (!ccb_plugins_annotation_is_enough(plugins, stage->plugin,
                                          annotation.lifecycle))
        annotation.plugin = ccb_slice_of(ccb_plugin_id(stage->plugin));
    ccb_staging_annotation_encode(&text, &annotation);
    copy = ccb_arena_copy(stage->arena, ccb_buf_slice(&text));
    ccb_buf_destroy(&text);
    return copy;
}

static int encode_task(struct stage *stage, struct ccb_json recipe,
                       struct ccb_error *err)
{
    struct ccb_task_identity identity = {
        .task_guid = stage->guid,
        .domain = CCB_LIT(CCB_STAGER_DOMAIN),
        .log_guid = stage->message.log_guid,
        .annotation = encode_annotation(stage),
    };
    stage->callback_url =
        ccb_arena_format(stage->arena, "%s/v1/staging/%.*s/completed",
                         stage->stager->shared->config->stager_url,
                         (int)stage->guid.len, stage->guid.ptr);
    if (!stage->callback_url.ptr || !identity.annotation.ptr)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    identity.completion_callback_url = stage->callback_url;
    return ccb_task_recipe_encode(&stage->task, recipe, &identity, err);
}

static void create_task(struct stage *stage)
{
    struct ccb_diego_call_options call = {
        .operation = CCB_DIEGO_CREATE_TASK,
        .document = ccb_buf_slice(&stage->task),
        .arena = stage->arena,
        .on_done = on_created,
        .user = stage,
    };
    struct ccb_error err;
    ccb_log_write(
        &stage->log, CCB_LEVEL_INFO, "desiring-task",
        CCB_FIELDS(ccb_log_text("task_guid", stage->guid),
                   ccb_log_text("callback_url", stage->callback_url)));
    if (ccb_diego_call(stage->stager->diego, &call, &err) < 0)
        fail(stage, "staging-failed", NULL, ccb_slice_of(err.message));
}

static void on_recipe(void *user, const struct ccb_plugin_result *result)
{
    struct stage *stage = user;
    struct ccb_error err;
    if (result->code < 0) {
        const char *id = ccb_arena_cstr(stage->arena, result->cc_error_id);
        fail(stage, "recipe-building-failed", id, ccb_slice_of(result->error));
        return;
    }
    if (encode_task(stage, result->value, &err) < 0) {
        fail(stage, "recipe-building-failed", NULL, ccb_slice_of(err.message));
        return;
    }
    if (ccb_log_enabled(CCB_LEVEL_DEBUG))
        ccb_log_write(&stage->build, CCB_LEVEL_DEBUG, "staging-task-request",
                      CCB_FIELDS(ccb_log_json("task-request",
                                              ccb_buf_slice(&stage->task))));
    create_task(stage);
}

/* ---- 3: the back end's word --------------------------------------------- */

static void on_created(void *user, const struct ccb_diego_answer *answer)
{
    struct stage *stage = user;
    if (answer->code < 0 && !ccb_slice_is(answer->name, CCB_DIEGO_TASK_EXISTS))
        fail(stage, "staging-failed", NULL, answer->message);
    else
        finish(stage, 202);
}
