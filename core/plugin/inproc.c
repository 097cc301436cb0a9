/*
 * The in-process backend: plugin code runs on the plugin's own threads in this
 * process. Invariant: an instance is destroyed only when no thread can be in
 * it; one that hangs at the end is left to itself, with all it needs.
 * Follows design.md 6, rules 5 and 8.
 */
#include "base/mem.h"
#include "plugin/host.h"
#include "plugin/pool.h"

struct inproc {
    struct ccb_plugin_code_set code;
    struct ccb_plugin_pool *pool;
};

static void run(void **state, struct ccb_call *call)
{
    const struct inproc *inproc = call->plugin->backend_data;
    ccb_plugin_code code = inproc->code.functions[call->options.function];

    (void)state;
    ccb_plugin_conclude(call,
                        code(inproc->code.instance, call, &call->request));
}

static int start(struct ccb_plugin *plugin, struct ccb_call *call,
                 struct ccb_error *err)
{
    struct inproc *inproc = plugin->backend_data;

    return ccb_plugin_pool_put(inproc->pool, call, err);
}

static bool cancel(struct ccb_plugin *plugin, struct ccb_call *call)
{
    struct inproc *inproc = plugin->backend_data;

    atomic_store(&call->cancelled, true);
    return ccb_plugin_pool_take_back(inproc->pool, call);
}

static void stop(struct ccb_plugin *plugin, int64_t grace)
{
    struct inproc *inproc = plugin->backend_data;

    if (ccb_plugin_pool_stop(inproc->pool, grace) == 0)
        inproc->code.destroy(inproc->code.instance);
}

static void release(struct ccb_plugin *plugin)
{
    struct inproc *inproc = plugin->backend_data;

    ccb_plugin_pool_free(inproc->pool);
    ccb_free(inproc);
}

static const struct ccb_plugin_backend backend = {
    .start = start,
    .cancel = cancel,
    .stop = stop,
    .release = release,
};

int ccb_plugin_inproc_create(struct ccb_plugin *plugin,
                             const struct ccb_plugin_code_set *code)
{
    struct inproc *inproc = ccb_calloc(1, sizeof(*inproc));
    struct ccb_plugin_pool_options options = {
        .max_threads = ccb_plugin_pool_width(plugin), .run = run};

    if (!inproc)
        return CCB_NO_MEMORY;
    inproc->code = *code;
    inproc->pool = ccb_plugin_pool_create(&options);
    if (!inproc->pool) {
        ccb_free(inproc);
        return CCB_NO_MEMORY;
    }
    plugin->backend = &backend;
    plugin->backend_data = inproc;
    return 0;
}
