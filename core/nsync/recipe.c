/* Chooses the plugin, calls it, and checks what it says. */
#include "nsync/recipe.h"

#include "model/recipe.h"

/* ---- who ---------------------------------------------------------------- */

void ccb_recipe_choose(struct ccb_plugin_choice *choice,
                       const struct ccb_plugins *plugins,
                       const struct ccb_desire_request *request)
{
    const struct ccb_slice none = CCB_LIT("");
    if (request->lifecycle.len > 0)
        *choice = (struct ccb_plugin_choice){
            .lifecycle = request->lifecycle,
            .stack = request->stack.len > 0 ? request->stack
                                            : request->lifecycle_stack,
            .because = "the request's member \"lifecycle\" says so"};
    else if (request->docker_image.len > 0)
        *choice = (struct ccb_plugin_choice){
            .lifecycle = CCB_LIT("docker"),
            .stack = none,
            .because = "the request has a docker_image"};
    else
        *choice = (struct ccb_plugin_choice){
            .lifecycle = CCB_LIT("buildpack"),
            .stack = request->stack,
            .because = "the request has no docker_image"};
    choice->plugin =
        ccb_plugins_find(plugins, choice->lifecycle, choice->stack);
}

/* ---- the call ----------------------------------------------------------- */

/* Lies in the arena of its options. */
struct call {
    struct ccb_recipe_options options;
};

static int start(const struct ccb_recipe_maker *maker,
                 const struct ccb_recipe_options *options,
                 enum ccb_plugin_function function,
                 void (*on_done)(void *user,
                                 const struct ccb_plugin_result *result),
                 struct ccb_error *err)
{
    struct call *call = ccb_arena_alloc(options->arena, sizeof(*call));
    struct ccb_plugin_call_options plugin = {
        .function = function,
        .guid = options->request->process_guid,
        .dialect = maker->dialect,
        .message = options->request->document.raw,
        .facts = ccb_facts_get(maker->facts, options->arena),
        .arena = options->arena,
        .gatherers = maker->gatherers,
        .gatherer_count = maker->gatherer_count,
        .log = options->log,
        .on_done = on_done,
        .user = call,
    };
    struct ccb_plugin_choice choice;
    int code;
    if (!call || !plugin.facts.ptr)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    call->options = *options;
    ccb_recipe_choose(&choice, maker->plugins, options->request);
    if (!choice.plugin)
        return ccb_error_set(err, CCB_INVALID,
                             "no plugin serves the lifecycle %.*s",
                             (int)choice.lifecycle.len, choice.lifecycle.ptr);
    code = ccb_plugin_call(choice.plugin, maker->loop, &plugin, err);
    if (code == CCB_INVALID)
        err->code = code = CCB_FAILED; /* it is not the app that is wrong */
    return code;
}

static void finish(const struct call *call, int code, const char *error,
                   uint16_t port)
{
    const struct ccb_recipe_answer answer = {code, error, port};
    call->options.on_done(call->options.user, &answer);
}

/* What is wrong with a plugin's document is not the app's fault. */
static void finish_refused(const struct call *call, const struct ccb_error *err)
{
    bool memory = err->code == CCB_NO_MEMORY;
    finish(call, memory ? CCB_NO_MEMORY : CCB_FAILED, err->message, 0);
}

static void on_recipe(void *user, const struct ccb_plugin_result *result)
{
    const struct call *call = user;
    struct ccb_lrp_identity identity = {
        .process_guid = call->options.request->process_guid,
        .domain = CCB_LIT(CCB_NSYNC_DOMAIN),
        .annotation = call->options.request->etag,
    };
    struct ccb_error err;
    if (result->code < 0)
        finish(call, result->code, result->error, 0);
    else if (ccb_lrp_recipe_encode(call->options.document, result->value,
                                   &identity, &err) < 0)
        finish_refused(call, &err);
    else
        finish(call, 0, NULL, 0);
}

int ccb_recipe_build(const struct ccb_recipe_maker *maker,
                     const struct ccb_recipe_options *options,
                     struct ccb_error *err)
{
    return start(maker, options, CCB_PLUGIN_LRP, on_recipe, err);
}

static void on_ports(void *user, const struct ccb_plugin_result *result)
{
    const struct call *call = user;
    struct ccb_error err;
    uint16_t port;
    if (result->code < 0)
        finish(call, result->code, result->error, 0);
    else if (ccb_ports_first(result->value, &port, &err) < 0)
        finish_refused(call, &err);
    else
        finish(call, 0, NULL, port);
}

int ccb_recipe_port(const struct ccb_recipe_maker *maker,
                    const struct ccb_recipe_options *options,
                    struct ccb_error *err)
{
    return start(maker, options, CCB_PLUGIN_PORTS, on_ports, err);
}
