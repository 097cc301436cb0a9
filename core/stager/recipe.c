/* Chooses the plugin, calls it, and makes the task of what it says. */
#include "stager/recipe.h"

#include "model/recipe.h"

/* ---- who ---------------------------------------------------------------- */

void ccb_staging_choose(struct ccb_plugin_choice *choice,
                        const struct ccb_plugins *plugins,
                        const struct ccb_staging_request *request)
{
    *choice = (struct ccb_plugin_choice){
        .lifecycle = request->lifecycle,
        .stack = request->stack,
        .because = request->stack.len > 0
                       ? "the request's members \"lifecycle\" and "
                         "\"lifecycle_data\".\"stack\" say so"
                       : "the request's member \"lifecycle\" says so",
        .plugin = ccb_plugins_find(plugins, request->lifecycle, request->stack),
    };
}

struct ccb_plugin *ccb_staging_find_reader(
    const struct ccb_plugins *plugins,
    const struct ccb_staging_annotation *annotation)
{
    if (annotation->plugin.len > 0)
        return ccb_plugins_get(plugins, annotation->plugin);
    if (annotation->lifecycle.len == 0)
        return NULL;
    return ccb_plugins_find(plugins, annotation->lifecycle,
                            ccb_slice_make(NULL, 0));
}

/* ---- the call ----------------------------------------------------------- */

/* Lies in the arena of its options. */
struct call {
    const struct ccb_staging_maker *maker;
    struct ccb_staging_options options;
};

/* The finished task must find its way back to the plugin that made it. */
static void put_annotation(struct ccb_buf *out, const struct call *call)
{
    struct ccb_plugin *plugin = call->options.plugin;
    struct ccb_staging_annotation annotation = {
        .lifecycle = call->options.request->lifecycle};
    if (!ccb_plugins_annotation_is_enough(call->maker->plugins, plugin,
                                          annotation.lifecycle))
        annotation.plugin = ccb_slice_of(ccb_plugin_id(plugin));
    ccb_staging_annotation_encode(out, &annotation);
}

static int encode(const struct call *call, struct ccb_json recipe,
                  struct ccb_slice callback_url, struct ccb_error *err)
{
    const struct ccb_staging_options *options = &call->options;
    struct ccb_buf annotation = {0};
    struct ccb_task_identity identity = {
        .task_guid = options->guid,
        .domain = CCB_LIT(CCB_STAGING_DOMAIN),
        .log_guid = options->request->log_guid,
        .completion_callback_url = callback_url,
    };
    int code;
    put_annotation(&annotation, call);
    identity.annotation = ccb_buf_slice(&annotation);
    if (annotation.failed || !callback_url.ptr)
        code = ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    else
        code =
            ccb_task_recipe_encode(options->document, recipe, &identity, err);
    ccb_buf_destroy(&annotation);
    return code;
}

static void on_recipe(void *user, const struct ccb_plugin_result *result)
{
    const struct call *call = user;
    const struct ccb_staging_options *options = &call->options;
    struct ccb_staging_answer answer = {.code = result->code,
                                        .error = result->error,
                                        .cc_error_id = result->cc_error_id};
    struct ccb_error err;
    if (result->code == 0) {
        answer.callback_url = ccb_arena_format(
            options->arena, "%s/v1/staging/%.*s/completed",
            call->maker->stager_url, (int)options->guid.len, options->guid.ptr);
        answer.code = encode(call, result->value, answer.callback_url, &err);
        answer.error = answer.code < 0 ? err.message : NULL;
    }
    options->on_done(options->user, &answer);
}

int ccb_staging_build(const struct ccb_staging_maker *maker,
                      const struct ccb_staging_options *options,
                      struct ccb_error *err)
{
    struct call *call = ccb_arena_alloc(options->arena, sizeof(*call));
    struct ccb_plugin_call_options plugin = {
        .function = CCB_PLUGIN_STAGING_RECIPE,
        .guid = options->guid,
        .dialect = maker->dialect,
        .message = options->request->document.raw,
        .facts = ccb_facts_get(maker->facts, options->arena),
        .arena = options->arena,
        .gatherers = maker->gatherers,
        .gatherer_count = maker->gatherer_count,
        .log = options->log,
        .on_done = on_recipe,
        .user = call,
    };
    if (!call || !plugin.facts.ptr)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    call->maker = maker;
    call->options = *options;
    return ccb_plugin_call(options->plugin, maker->loop, &plugin, err);
}
