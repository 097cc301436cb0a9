/*
 * PUT /v1/staging/:staging_guid: a staging request becomes a task
 * (contract/stager.md C3, C9). The steps follow one another down this file;
 * everything they need lies in the request's arena.
 */
#include "base/metrics.h"
#include "model/limits.h"
#include "stager/internal.h"

struct stage {
    struct ccb_stager *stager;
    struct ccb_http_request *request;
    struct ccb_arena *arena;
    struct ccb_slice guid;
    struct ccb_staging_request message;
    struct ccb_buf task;
    struct ccb_log_session log;   /* stager.staging-handler.staging-request */
    struct ccb_log_session build; /* stager.traditional.build-recipe */
    struct ccb_log_field log_fields[1], build_fields[2];
};

static void on_recipe(void *user, const struct ccb_staging_answer *answer);
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
    ccb_stager_note_text(stage->stager, stage->guid, CCB_PHASE_FAILED,
                         CCB_JOURNAL_FAILURE, text);
    if (id && id[0]) {
        shown.id = id;
        shown.message = text;
    }
    finish_with_error(stage, shown.id, shown.message);
}

/* ---- what will not work out, behind us ---------------------------------- */

static void warn(const struct stage *stage, struct ccb_slice words)
{
    if (words.ptr)
        ccb_journal_warn(stage->stager->shared->journal, stage->guid, words);
}

static void on_long_variable(void *user, struct ccb_slice variable, size_t size)
{
    const struct stage *stage = user;
    ccb_log_write(
        &stage->log, CCB_LEVEL_INFO, "environment-value-too-long",
        CCB_FIELDS(ccb_log_text("variable", variable),
                   ccb_log_int("size", (int64_t)size),
                   ccb_log_int("limit", (int64_t)CCB_MAX_ENVIRONMENT_STRING)));
    warn(stage, ccb_arena_format(stage->arena,
                                 "the environment variable %.*s takes %zu "
                                 "bytes; Linux starts no program with more "
                                 "than %zu",
                                 (int)variable.len, variable.ptr, size,
                                 CCB_MAX_ENVIRONMENT_STRING));
}

static void warn_of_size(const struct stage *stage)
{
    size_t size = stage->task.len;
    if (size <= CCB_MAX_RECIPE)
        return;
    ccb_log_write(&stage->log, CCB_LEVEL_INFO, "recipe-too-large",
                  CCB_FIELDS(ccb_log_int("size", (int64_t)size),
                             ccb_log_int("limit", CCB_MAX_RECIPE)));
    warn(stage,
         ccb_arena_format(stage->arena,
                          "the recipe takes %zu bytes; back ends store no "
                          "more than about %zu",
                          size, CCB_MAX_RECIPE));
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

static void note_request(const struct stage *stage,
                         const struct ccb_plugin_choice *choice)
{
    struct ccb_journal *journal = stage->stager->shared->journal;
    struct ccb_journal_note note = {.guid = stage->guid,
                                    .phase = CCB_PHASE_REQUESTED};
    if (!journal)
        return;
    note.texts[CCB_JOURNAL_APP_GUID] = stage->message.app_id;
    note.texts[CCB_JOURNAL_LIFECYCLE] = choice->lifecycle;
    note.texts[CCB_JOURNAL_STACK] = choice->stack;
    note.texts[CCB_JOURNAL_BECAUSE] = ccb_slice_of(choice->because);
    note.texts[CCB_JOURNAL_REQUEST] = stage->message.document.raw;
    if (choice->plugin) {
        note.texts[CCB_JOURNAL_PLUGIN] =
            ccb_slice_of(ccb_plugin_id(choice->plugin));
        note.texts[CCB_JOURNAL_PLUGIN_VERSION] =
            ccb_slice_of(ccb_plugin_version(choice->plugin));
    }
    ccb_journal_note(journal, &note);
}

static void build(struct stage *stage, const struct ccb_plugin_choice *choice)
{
    struct ccb_log_session *lifecycle =
        ccb_stager_lifecycle_session(stage->stager->shared, choice->lifecycle);
    struct ccb_staging_options options = {
        .guid = stage->guid,
        .request = &stage->message,
        .plugin = choice->plugin,
        .arena = stage->arena,
        .log = lifecycle,
        .document = &stage->task,
        .on_done = on_recipe,
        .user = stage,
    };
    struct ccb_error err;
    stage->build_fields[0] = ccb_log_text("app-id", stage->message.app_id);
    stage->build_fields[1] = ccb_log_text("staging-guid", stage->guid);
    ccb_log_begin(&stage->build, lifecycle, "build-recipe", stage->build_fields,
                  2);
    ccb_log_info(&stage->build, "staging-request");
    if (ccb_staging_build(&stage->stager->maker, &options, &err) < 0)
        fail(stage, "recipe-building-failed", NULL, ccb_slice_of(err.message));
}

void ccb_stager_stage(struct ccb_http_request *request, void *user)
{
    struct ccb_stager *stager = user;
    struct stage *stage = begin(request, stager);
    struct ccb_plugin_choice choice;
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
    ccb_staging_choose(&choice, stager->worker->plugins, &stage->message);
    note_request(stage, &choice);
    if (!choice.plugin) {
        ccb_stager_note_text(stager, stage->guid, CCB_PHASE_FAILED,
                             CCB_JOURNAL_FAILURE,
                             ccb_slice_of("no plugin serves this lifecycle"));
        ccb_log_write(&stage->log, CCB_LEVEL_ERROR, "backend-not-found",
                      CCB_FIELDS(ccb_log_text("backend", choice.lifecycle)));
        finish(stage, 404);
        return;
    }
    ccb_metric_add(CCB_METRIC_STAGING_START_REQUESTS, 1);
    ccb_environment_check(&stage->message.environment, on_long_variable, stage);
    build(stage, &choice);
}

/* ---- 2: the recipe ------------------------------------------------------ */

static void create_task(struct stage *stage, struct ccb_slice callback_url)
{
    struct ccb_diego_call_options call = {
        .operation = CCB_DIEGO_CREATE_TASK,
        .document = ccb_buf_slice(&stage->task),
        .arena = stage->arena,
        .on_done = on_created,
        .user = stage,
    };
    struct ccb_error err;
    ccb_log_write(&stage->log, CCB_LEVEL_INFO, "desiring-task",
                  CCB_FIELDS(ccb_log_text("task_guid", stage->guid),
                             ccb_log_text("callback_url", callback_url)));
    if (ccb_diego_call(stage->stager->diego, &call, &err) < 0)
        fail(stage, "staging-failed", NULL, ccb_slice_of(err.message));
}

static void on_recipe(void *user, const struct ccb_staging_answer *answer)
{
    struct stage *stage = user;
    if (answer->code < 0) {
        fail(stage, "recipe-building-failed",
             ccb_arena_cstr(stage->arena, answer->cc_error_id),
             ccb_slice_of(answer->error));
        return;
    }
    if (ccb_log_enabled(CCB_LEVEL_DEBUG))
        ccb_log_write(&stage->build, CCB_LEVEL_DEBUG, "staging-task-request",
                      CCB_FIELDS(ccb_log_json("task-request",
                                              ccb_buf_slice(&stage->task))));
    ccb_stager_note_text(stage->stager, stage->guid, CCB_PHASE_BUILT,
                         CCB_JOURNAL_RECIPE, ccb_buf_slice(&stage->task));
    warn_of_size(stage);
    create_task(stage, answer->callback_url);
}

/* ---- 3: the back end's word --------------------------------------------- */

static void on_created(void *user, const struct ccb_diego_answer *answer)
{
    struct stage *stage = user;
    if (answer->code < 0 &&
        !ccb_slice_is(answer->name, CCB_DIEGO_TASK_EXISTS)) {
        fail(stage, "staging-failed", NULL, answer->message);
        return;
    }
    ccb_stager_note(stage->stager, stage->guid, CCB_PHASE_CREATED);
    finish(stage, 202);
}
