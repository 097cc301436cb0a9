/*
 * The front of a call, on the loop's thread: starting it, its end by answer or
 * by deadline, and freeing it.
 * Invariant: on_done comes exactly once for a call that was started, and the
 * call's memory is freed once nobody has it: after the answer, or at the
 * deadline when it still waited.
 * Follows plugin.h, "calls"; design.md 4 and 5.
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/flags.h"
#include "base/metrics.h"
#include "plugin/host.h"

/* What the call, a plugin's scratch and its result take together; with it the
 * plugin's thread hardly ever asks the heap. */
#define USUAL_CALL ((size_t)32768)

void ccb_plugin_call_free(struct ccb_call *call)
{
    struct ccb_plugin *plugin = call->plugin;

    ccb_arena_unref(call->options.arena);
    ccb_arena_unref(call->arena); /* the call lies in it */
    ccb_plugin_unref(plugin);
}

static void add(_Atomic uint64_t *figure)
{
    atomic_fetch_add_explicit(figure, 1, memory_order_relaxed);
}

static void note_failure(struct ccb_call *call)
{
    add(&call->plugin->stats.failures);
    ccb_metric_add(CCB_METRIC_PLUGIN_FAILURES, 1);
}

/* Each round of a call counts, from when the plugin was asked: what the host
 * gathers in between is not the plugin's time. */
static void note_span(const struct ccb_call *call)
{
    struct ccb_plugin *plugin = call->plugin;
    int64_t asked = call->deadline - plugin->call_timeout;
    int64_t us = (ccb_clock_monotonic() - asked) / 1000;
    unsigned at = 0;

    while (us > 0 && at < CCB_PLUGIN_SPANS - 1) {
        us >>= 1;
        at++;
    }
    add(&plugin->stats.spans[at]);
}

/* Tells the caller; the memory stays. */
static void report(struct ccb_call *call)
{
    const struct ccb_plugin_answer *answer = &call->answer;
    struct ccb_plugin_result result = {.code = answer->code};

    if (result.code == 0) {
        result.value = answer->value;
    } else {
        result.cc_error_id = answer->cc_error_id;
        result.error = answer->error;
        note_failure(call);
    }
    call->given_up = true;
    call->options.on_done(call->options.user, &result);
}

static void finish(struct ccb_call *call)
{
    report(call);
    ccb_plugin_call_free(call);
}

/* ---- the answer --------------------------------------------------------- */

static void on_answer(struct ccb_post *post)
{
    struct ccb_call *call =
        (struct ccb_call *)(void *)((char *)post -
                                    offsetof(struct ccb_call, post));

    if (call->given_up) {
        ccb_plugin_call_free(call);
        return;
    }
    note_span(call);
    ccb_plugin_deadline_remove(call);
    if (call->answer.code != CCB_NEED_FACTS ||
        ccb_plugin_facts_gather(call) != 0)
        finish(call);
}

void ccb_plugin_answer(struct ccb_call *call)
{
    call->post.run = on_answer;
    ccb_loop_post(call->loop, &call->post);
}

void ccb_plugin_expired(struct ccb_call *call)
{
    struct ccb_plugin_answer late = {.code = CCB_TIMED_OUT};
    char words[256], span[40];
    bool ours = call->plugin->backend->cancel(call->plugin, call);

    note_span(call);
    add(&call->plugin->stats.timeouts);
    ccb_metric_add(CCB_METRIC_PLUGIN_TIMEOUTS, 1);
    ccb_duration_format(call->plugin->call_timeout, span, sizeof(span));
    snprintf(words, sizeof(words), "plugin %s: %s did not answer within %s",
             call->plugin->id,
             ccb_plugin_functions[call->options.function].name, span);
    late.error = words;
    if (ours) {
        call->answer = late;
        finish(call);
        return;
    }
    /* The plugin's thread may be writing call->answer: report beside it. */
    note_failure(call);
    call->given_up = true;
    call->options.on_done(
        call->options.user,
        &(struct ccb_plugin_result){.code = late.code, .error = late.error});
}

/* ---- the start ---------------------------------------------------------- */

/* An answer of the front's own; it goes the usual way, so that on_done never
 * comes from inside ccb_plugin_call. */
static void start(struct ccb_call *call)
{
    struct ccb_plugin *plugin = call->plugin;
    struct ccb_error error = {0};
    int code;

    if (!plugin->offered[call->options.function]) {
        const struct ccb_plugin_function_row *row =
            &ccb_plugin_functions[call->options.function];

        ccb_plugin_conclude_error(call, CCB_UNSUPPORTED,
                                  "plugin %s does not offer %s of %s",
                                  plugin->id, row->name, row->interface);
        ccb_plugin_answer(call);
        return;
    }
    code = plugin->backend->start(plugin, call, &error);
    if (code) {
        ccb_plugin_conclude_error(call, code, "plugin %s %s", plugin->id,
                                  error.message);
        ccb_plugin_answer(call);
    }
}

void ccb_plugin_retry(struct ccb_call *call, int code)
{
    struct ccb_error error = {0};

    if (code == 0) {
        call->answer = (struct ccb_plugin_answer){0};
        code = ccb_plugin_deadline_add(call, &error);
        if (code)
            ccb_plugin_conclude_error(call, code, "%s", error.message);
    }
    if (code)
        finish(call);
    else
        start(call);
}

static void fill_request(struct ccb_call *call)
{
    static const struct ccb_slice usual_dialect = CCB_LIT("receptor/1");
    static const struct ccb_slice no_facts = CCB_LIT("{}");
    const struct ccb_plugin_call_options *options = &call->options;

    call->request = (struct ccb_request){
        .struct_size = sizeof(struct ccb_request),
        .guid = options->guid,
        .dialect = options->dialect.len ? options->dialect : usual_dialect,
        .message = options->message,
        .facts = options->facts.len ? options->facts : no_facts,
    };
}

struct ccb_call *ccb_plugin_call_create(struct ccb_plugin *plugin,
                                        struct ccb_loop *loop,
                                        const struct ccb_plugin_call_options *o)
{
    struct ccb_arena *arena = ccb_arena_create_for(USUAL_CALL);
    struct ccb_call *call = NULL;

    if (arena)
        call = ccb_arena_alloc(arena, sizeof(*call));
    if (!call) {
        ccb_arena_unref(arena);
        return NULL;
    }
    call->arena = arena;
    call->plugin = plugin;
    ccb_plugin_ref(plugin);
    call->loop = loop;
    call->options = *o;
    ccb_arena_ref(o->arena);
    fill_request(call);
    return call;
}

int ccb_plugin_call(struct ccb_plugin *plugin, struct ccb_loop *loop,
                    const struct ccb_plugin_call_options *options,
                    struct ccb_error *err)
{
    struct ccb_call *call;
    int code;

    if ((unsigned)options->function >= CCB_PLUGIN_FUNCTIONS)
        return ccb_error_set(err, CCB_INVALID, "there is no plugin function %d",
                             (int)options->function);
    call = ccb_plugin_call_create(plugin, loop, options);
    if (!call)
        return ccb_error_set(err, CCB_NO_MEMORY,
                             "no memory for a call of plugin %s", plugin->id);
    code = ccb_plugin_deadline_add(call, err);
    if (code) {
        ccb_plugin_call_free(call);
        return code;
    }
    add(&plugin->stats.calls);
    ccb_metric_add(CCB_METRIC_PLUGIN_CALLS, 1);
    start(call);
    return 0;
}
