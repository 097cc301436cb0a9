/*
 * The ways of the messages: a staging request through the stager's making of
 * tasks, a desire request through nsync's of LRPs, a finished task through the
 * plugin's reading of results. A refusal comes with the answer that the role's
 * handler gives (contract/stager.md C3, C6, C9; nsync.md 1.2).
 *
 * Nothing is sent: what a role would ask Consul for has to be named.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "daemon/recipe_internal.h"
#include "model/desire.h"
#include "model/limits.h"
#include "model/staging.h"
#include "nsync/recipe.h"
#include "nsync/ssh_keys.h"
#include "stager/recipe.h"
#include "stager/sanitise.h"

#define DIALECT "receptor/1"

/* ---- refusals ----------------------------------------------------------- */

static void refuse(struct ccb_recipe_making *making, int status,
                   const char *words)
{
    struct ccb_recipe_refusal *refusal = &making->shown->refusal;
    refusal->refused = true;
    refusal->status = making->lacks_registries ? 0 : status;
    snprintf(refusal->words, sizeof(refusal->words), "%s",
             words ? words : "no reason given");
}

/* As the stager tells CC: a plugin that names an id chose its words for it. */
static void refuse_staging(struct ccb_recipe_making *making,
                           struct ccb_slice id, const char *words)
{
    struct ccb_recipe_refusal *refusal = &making->shown->refusal;
    struct ccb_sanitised shown = ccb_stager_sanitise(ccb_slice_of(words));
    refuse(making, 500, words);
    if (id.len == 0)
        id = ccb_slice_of(shown.id);
    else
        shown.message = ccb_slice_of(words);
    snprintf(refusal->id, sizeof(refusal->id), "%.*s", (int)id.len, id.ptr);
    snprintf(refusal->message, sizeof(refusal->message), "%.*s",
             (int)shown.message.len, shown.message.ptr);
}

static void refuse_unserved(struct ccb_recipe_making *making, int status)
{
    struct ccb_slice lifecycle = making->shown->choice.lifecycle;
    struct ccb_error err;
    ccb_error_set(&err, CCB_NOT_FOUND,
                  "no plugin serves the lifecycle \"%.*s\" (%zu are loaded)",
                  (int)lifecycle.len, lifecycle.ptr,
                  ccb_plugins_count(making->shown->plugins));
    refuse(making, status, err.message);
}

/* ---- costly facts ------------------------------------------------------- */

struct named {
    struct ccb_post post; /* first */
    struct ccb_recipe_making *making;
    void (*done)(void *token, int code, struct ccb_slice value,
                 const char *error);
    void *token;
};

static void put_registries(struct ccb_buf *out, const char *list)
{
    struct ccb_json_writer w;
    ccb_json_writer_init(&w, ccb_buf_sink, out);
    ccb_json_begin_array(&w);
    while (*list) {
        size_t len = strcspn(list, ",");
        if (len > 0)
            ccb_json_put_string(&w, ccb_slice_make(list, len));
        list += len + (list[len] == ',');
    }
    ccb_json_end_array(&w);
    ccb_json_writer_end(&w);
}

static void on_named(struct ccb_post *post)
{
    struct named *named = (struct named *)post;
    struct ccb_recipe_making *making = named->making;
    const char *list = making->shown->config->registries;
    struct ccb_buf value = {0};
    put_registries(&value, list);
    making->lacks_registries = !list[0];
    if (making->lacks_registries)
        named->done(named->token, CCB_NOT_FOUND, ccb_slice_make(NULL, 0),
                    "the stager would ask Consul for it, which is not done "
                    "here; give it with --registry IP[,IP]");
    else
        named->done(named->token, value.failed, ccb_buf_slice(&value),
                    "out of memory");
    ccb_buf_destroy(&value);
    ccb_free(named);
}

static int gather_registries(void *user, struct ccb_loop *loop,
                             void (*done)(void *token, int code,
                                          struct ccb_slice value,
                                          const char *error),
                             void *token)
{
    struct named *named = ccb_calloc(1, sizeof(*named));
    if (!named)
        return CCB_NO_MEMORY;
    named->making = user;
    named->done = done;
    named->token = token;
    named->post.run = on_named;
    ccb_loop_post(loop, &named->post);
    return 0;
}

/* ---- for stage and run -------------------------------------------------- */

static void on_long_variable(void *user, struct ccb_slice variable, size_t size)
{
    const struct ccb_recipe_making *making = user;
    ccb_buf_printf(&making->shown->warnings,
                   "the environment variable %.*s takes %zu bytes; Linux "
                   "starts no program with more than %zu\n",
                   (int)variable.len, variable.ptr, size,
                   CCB_MAX_ENVIRONMENT_STRING);
}

static void warn_of_size(const struct ccb_recipe_making *making)
{
    size_t size = making->shown->document.len;
    if (size > CCB_MAX_RECIPE)
        ccb_buf_printf(&making->shown->warnings,
                       "the recipe takes %zu bytes; back ends store no more "
                       "than about %zu\n",
                       size, CCB_MAX_RECIPE);
}

/* ---- a staging request -------------------------------------------------- */

static void on_staged(void *user, const struct ccb_staging_answer *answer)
{
    if (answer->code < 0)
        refuse_staging(user, answer->cc_error_id, answer->error);
    else
        warn_of_size(user);
}

static void build_task(struct ccb_recipe_making *making,
                       const struct ccb_staging_request *request,
                       struct ccb_plugin *plugin)
{
    const struct ccb_fact_gatherer gatherers[] = {
        {"docker_registries", gather_registries, making}};
    const struct ccb_staging_maker maker = {
        .loop = making->loop,
        .plugins = making->shown->plugins,
        .dialect = CCB_LIT(DIALECT),
        .facts = &making->shown->current,
        .gatherers = gatherers,
        .gatherer_count = sizeof(gatherers) / sizeof(gatherers[0]),
        .stager_url = making->stager_url,
    };
    const struct ccb_staging_options options = {
        .guid = ccb_slice_of(making->shown->config->guid),
        .request = request,
        .plugin = plugin,
        .arena = making->arena,
        .log = making->log,
        .document = &making->shown->document,
        .on_done = on_staged,
        .user = making,
    };
    struct ccb_error err;
    if (ccb_staging_build(&maker, &options, &err) < 0)
        refuse_staging(making, ccb_slice_make(NULL, 0), err.message);
    else
        ccb_loop_run(making->loop);
}

void ccb_recipe_make_stage(struct ccb_recipe_making *making)
{
    struct ccb_recipe_shown *shown = making->shown;
    struct ccb_staging_request request;
    struct ccb_error err;
    if (ccb_staging_request_decode(&request, making->message.raw, making->arena,
                                   &err) < 0) {
        refuse(making, err.code == CCB_NO_MEMORY ? 500 : 400, err.message);
        return;
    }
    ccb_environment_check(&request.environment, on_long_variable, making);
    ccb_staging_choose(&shown->choice, shown->plugins, &request);
    if (shown->choice.plugin)
        build_task(making, &request, shown->choice.plugin);
    else
        refuse_unserved(making, 404);
}

/* ---- a desire request --------------------------------------------------- */

static void on_desired(void *user, const struct ccb_recipe_answer *answer)
{
    if (answer->code < 0)
        refuse(user, answer->code == CCB_INVALID ? 400 : 503, answer->error);
    else
        warn_of_size(user);
}

static void build_lrp(struct ccb_recipe_making *making,
                      const struct ccb_desire_request *request)
{
    struct ccb_ssh_keys keys = {.type = making->ssh_key_type};
    const struct ccb_fact_gatherer gatherers[] = {
        {"ssh_keys", ccb_ssh_keys_gather, &keys}};
    const struct ccb_recipe_maker maker = {
        .loop = making->loop,
        .plugins = making->shown->plugins,
        .dialect = CCB_LIT(DIALECT),
        .facts = &making->shown->current,
        .gatherers = gatherers,
        .gatherer_count = sizeof(gatherers) / sizeof(gatherers[0]),
    };
    const struct ccb_recipe_options options = {
        .request = request,
        .arena = making->arena,
        .log = making->log,
        .document = &making->shown->document,
        .on_done = on_desired,
        .user = making,
    };
    struct ccb_error err;
    if (ccb_recipe_build(&maker, &options, &err) < 0)
        refuse(making, err.code == CCB_INVALID ? 400 : 503, err.message);
    else
        ccb_loop_run(making->loop);
}

void ccb_recipe_make_run(struct ccb_recipe_making *making)
{
    struct ccb_recipe_shown *shown = making->shown;
    struct ccb_desire_request request;
    struct ccb_error err;
    if (ccb_desire_request_decode(&request, making->message.raw, making->arena,
                                  &err) < 0) {
        refuse(making, err.code == CCB_NO_MEMORY ? 503 : 400, err.message);
        return;
    }
    ccb_environment_check(&request.environment, on_long_variable, making);
    ccb_recipe_choose(&shown->choice, shown->plugins, &request);
    if (shown->choice.plugin)
        build_lrp(making, &request);
    else
        refuse_unserved(making, 400);
}

/* ---- a finished task ---------------------------------------------------- */

static void on_read(void *user, const struct ccb_plugin_result *result)
{
    const struct ccb_recipe_making *making = user;
    if (result->code < 0)
        refuse(user, 400, result->error);
    else
        ccb_buf_put_slice(&making->shown->document, result->value.raw);
}

static void read_result(struct ccb_recipe_making *making,
                        const struct ccb_finished_task *task,
                        struct ccb_plugin *plugin)
{
    const struct ccb_plugin_call_options call = {
        .function = CCB_PLUGIN_STAGING_RESPONSE,
        .guid = task->task_guid,
        .dialect = CCB_LIT(DIALECT),
        .message = task->document.raw,
        .facts = making->shown->facts,
        .arena = making->arena,
        .log = making->log,
        .on_done = on_read,
        .user = making,
    };
    struct ccb_error err;
    if (ccb_plugin_call(plugin, making->loop, &call, &err) < 0)
        refuse(making, 500, err.message);
    else
        ccb_loop_run(making->loop);
}

/* A failed task's message is the same for every lifecycle. */
static void read_task(struct ccb_recipe_making *making,
                      const struct ccb_finished_task *task,
                      struct ccb_plugin *plugin)
{
    struct ccb_sanitised shown;
    if (!task->failed) {
        read_result(making, task, plugin);
        return;
    }
    shown = ccb_stager_sanitise(task->failure_reason);
    ccb_staging_error_encode(&making->shown->document, shown.id, shown.message);
}

void ccb_recipe_make_done(struct ccb_recipe_making *making)
{
    struct ccb_recipe_shown *shown = making->shown;
    struct ccb_staging_annotation annotation;
    struct ccb_finished_task task;
    struct ccb_plugin *plugin;
    struct ccb_error err;
    int code = ccb_finished_task_decode(&task, making->message.raw,
                                        making->arena, &err);
    if (code == 0)
        code = ccb_staging_annotation_decode(&annotation, task.annotation,
                                             making->arena, &err);
    if (code < 0) {
        refuse(making, code == CCB_NO_MEMORY ? 500 : 400, err.message);
        return;
    }
    plugin = ccb_staging_find_reader(shown->plugins, &annotation);
    shown->choice.lifecycle = annotation.lifecycle;
    shown->choice.because =
        annotation.plugin.len > 0
            ? "the annotation's member \"plugin\" says so"
            : "the annotation's member \"lifecycle\" says so";
    shown->choice.plugin = plugin;
    if (plugin)
        read_task(making, &task, plugin);
    else
        refuse_unserved(making, 404);
}
