/*
 * The trial: a plugin is opened in a worker before anything relies on it, so
 * that one that crashes, hangs or answers nonsense costs a process of its own.
 * One deadline for all of it. Follows anchors 3.5 (5); design.md 6, rule 8.
 */
#include <string.h>

#include "base/clock.h"
#include "plugin/registry.h"
#include "plugin/worker.h"

#define TRIAL_TIME (2 * CCB_SECOND)
#define TRIAL_WORDS "within 2 s"

struct trial {
    struct ccb_plugin *plugin;
    struct ccb_plugin_worker *worker;
    struct ccb_log_session *log;
    struct ccb_plugin_refusal *refusal;
    struct ccb_arena *arena;
    int64_t deadline;
};

static int refuse_selftest(struct ccb_plugin_refusal *refusal, const char *why)
{
    return ccb_refuse(refusal, CCB_REFUSED_SELFTEST, "a self-test that passes",
                      "%s", why ? why : "a question for facts");
}

static int judge(const struct trial *t, const struct ccb_call *call)
{
    if (call->options.function != CCB_PLUGIN_SELFTEST)
        return ccb_plugin_first_call_judge(call, t->refusal);
    if (call->answer.code == 0)
        return 0;
    return refuse_selftest(t->refusal, call->answer.error);
}

/* The worker failed in the middle of a call. */
static int refuse_worker(const struct trial *t, const struct ccb_call *call,
                         int code, const struct ccb_error *error)
{
    const char *name = ccb_plugin_functions[call->options.function].name;

    if (code == CCB_TIMED_OUT)
        return ccb_refuse(t->refusal, CCB_REFUSED_TIMED_OUT,
                          "an answer " TRIAL_WORDS, "none to the first %s",
                          name);
    return ccb_refuse(t->refusal, CCB_REFUSED_CRASHED, "an answer",
                      "in the first %s it was %s", name, error->message);
}

static int call_once(const struct trial *t, enum ccb_plugin_function function)
{
    struct ccb_plugin_call_options options;
    struct ccb_error error = {0};
    struct ccb_call *call;
    int code = ccb_plugin_first_call(&options, t->plugin, function, t->arena);

    if (code)
        return code;
    options.log = NULL; /* nobody asked for what it says of a made-up app */
    call = ccb_plugin_call_create(t->plugin, NULL, &options);
    if (!call)
        return CCB_NO_MEMORY;
    call->deadline = t->deadline;
    code = ccb_plugin_worker_call(t->worker, call, &error);
    if (code == 0)
        code = judge(t, call);
    else if (code != CCB_NO_MEMORY)
        code = refuse_worker(t, call, code, &error);
    ccb_plugin_call_free(call);
    return code;
}

static int call_all(const struct trial *t)
{
    static const enum ccb_plugin_function functions[] = {
        CCB_PLUGIN_SELFTEST,
        CCB_PLUGIN_STAGING_RECIPE,
        CCB_PLUGIN_LRP,
        CCB_PLUGIN_PORTS,
    };
    int code = 0;

    for (size_t i = 0;
         code == 0 && i < sizeof(functions) / sizeof(functions[0]); i++)
        if (t->plugin->offered[functions[i]])
            code = call_once(t, functions[i]);
    return code;
}

static int start_worker(struct trial *t)
{
    const struct ccb_plugin *plugin = t->plugin;
    const struct ccb_plugin_worker_options options = {
        .runner = plugin->runner ? plugin->runner : "",
        .image_fd = plugin->image.fd,
        .id = plugin->manifest.id,
        .config = plugin->policy.config,
        .memory_mb = plugin->policy.memory_mb,
    };
    struct ccb_error error = {0};
    int code = ccb_plugin_worker_start(&t->worker, &options, t->deadline,
                                       t->plugin->offered, t->refusal, &error);

    if (code == 0 || code == CCB_NO_MEMORY || code == CCB_INVALID)
        return code;
    return ccb_refuse(t->refusal, CCB_REFUSED_RUNNER,
                      "a process of ccbridge-plugin-host to open it in", "%s",
                      error.message);
}

static void end_worker(const struct trial *t)
{
    if (!ccb_plugin_worker_kill(t->worker) && t->log)
        ccb_log_write(t->log, CCB_LEVEL_ERROR, "plugin-processes-left",
                      CCB_FIELDS(ccb_log_cstr("plugin", t->plugin->id),
                                 ccb_log_cstr("file", t->plugin->file)));
}

int ccb_plugin_try(struct ccb_plugin *plugin, struct ccb_log_session *log,
                   struct ccb_plugin_refusal *refusal)
{
    struct trial t = {.plugin = plugin,
                      .log = log,
                      .refusal = refusal,
                      .arena = ccb_arena_create(),
                      .deadline = ccb_clock_monotonic() + TRIAL_TIME};
    int code = t.arena ? start_worker(&t) : CCB_NO_MEMORY;

    if (log)
        ccb_log_write(log, CCB_LEVEL_DEBUG, "plugin-tried",
                      CCB_FIELDS(ccb_log_cstr("plugin", plugin->id),
                                 ccb_log_cstr("file", plugin->file)));
    if (code == 0) {
        code = call_all(&t);
        end_worker(&t);
    }
    ccb_arena_unref(t.arena);
    return code;
}

/* ---- in this process ---------------------------------------------------- */

static void on_selftest(void *user, const struct ccb_plugin_result *result)
{
    if (result->code)
        refuse_selftest(user, result->error);
}

/* On a loop of its own, so that the deadline holds here, too. */
static int run_selftest(struct ccb_plugin *plugin,
                        const struct ccb_plugin_call_options *options,
                        struct ccb_error *err)
{
    const struct ccb_plugin_refusal *refusal = options->user;
    struct ccb_loop loop;
    int code = ccb_loop_open(&loop, err);

    if (code)
        return code;
    code = ccb_plugin_call(plugin, &loop, options, err);
    if (code == 0)
        (void)ccb_loop_run(&loop);
    /* One that hangs must not answer to a loop that is gone. */
    if (code || refusal->reason)
        plugin->backend->stop(plugin, 0);
    (void)ccb_loop_close(&loop, NULL);
    return code;
}

int ccb_plugin_selftest(struct ccb_plugin *plugin, struct ccb_log_session *log,
                        struct ccb_plugin_refusal *refusal)
{
    struct ccb_plugin_call_options options = {
        .function = CCB_PLUGIN_SELFTEST,
        .guid = CCB_LIT("ccb-self-test"),
        .message = CCB_LIT("{}"),
        .log = log,
        .on_done = on_selftest,
        .user = refusal,
    };
    struct ccb_error error = {0};
    int code;

    if (!plugin->offered[CCB_PLUGIN_SELFTEST])
        return 0;
    options.arena = ccb_arena_create();
    if (!options.arena)
        return CCB_NO_MEMORY;
    code = run_selftest(plugin, &options, &error);
    ccb_arena_unref(options.arena);
    memset(&plugin->stats, 0, sizeof(plugin->stats)); /* nobody's call */
    if (code && code != CCB_NO_MEMORY)
        return refuse_selftest(refusal, error.message);
    return refusal->reason ? CCB_INVALID : code;
}
