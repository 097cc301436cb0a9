/*
 * The test in a worker: the plugin as it runs when it is isolated, where the
 * answers must be those of this process and no system call may be denied.
 * Follows plugin/worker.h; anchors 3.6.
 */
#include <fcntl.h>
#include <libgen.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "options.h"
#include "plugin/worker.h"
#include "test.h"

#define START_TIME (2 * CCB_SECOND)
#define CALL_TIME CCB_SECOND

struct isolated {
    struct ccb_check_subject *s;
    struct ccb_check_outcome *out;
    struct ccb_plugin plugin; /* as much of one as a call needs */
    struct ccb_plugin_worker *worker;
    char runner[4096];
};

/* The one that was named, or the one beside this program. */
static bool find_runner(struct isolated *t,
                        const struct ccb_check_options *options)
{
    char self[3072];
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

    self[len > 0 ? len : 0] = '\0';
    if (options->runner)
        snprintf(t->runner, sizeof(t->runner), "%s", options->runner);
    else
        snprintf(t->runner, sizeof(t->runner), "%s/ccbridge-plugin-host",
                 dirname(self));
    if (access(t->runner, X_OK) == 0)
        return true;
    ccb_check_skip(t->out, "there is no %s", t->runner);
    return false;
}

static bool open_image(struct isolated *t)
{
    struct ccb_plugin_refusal refusal = {0};
    char path[4096], copy[4096];
    int directory, code;

    snprintf(path, sizeof(path), "%s", t->s->file);
    snprintf(copy, sizeof(copy), "%s", t->s->file);
    directory = open(dirname(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    code = ccb_plugin_image_open(&t->plugin.image, directory, basename(copy),
                                 &refusal);
    if (directory >= 0)
        close(directory);
    if (code < 0)
        ccb_check_skip(t->out, "no image of the file: expected %s, found %s",
                       refusal.expected, refusal.found);
    return code == 0;
}

static bool start_worker(struct isolated *t)
{
    const struct ccb_plugin_worker_options options = {.runner = t->runner,
                                                      .image_fd =
                                                          t->plugin.image.fd,
                                                      .id = t->s->manifest.id,
                                                      .config = CCB_LIT(""),
                                                      .memory_mb = 256};
    struct ccb_plugin_refusal refusal = {0};
    struct ccb_error err = {0};
    int code = ccb_plugin_worker_start(&t->worker, &options,
                                       ccb_clock_monotonic() + START_TIME,
                                       t->plugin.offered, &refusal, &err);

    if (code == CCB_INVALID)
        ccb_check_fail(t->out, CCB_RULE_55, refusal.expected, "%s",
                       refusal.found);
    else if (code < 0)
        ccb_check_skip(t->out, "no worker: %s", err.message);
    return code == 0;
}

/* ---- calls -------------------------------------------------------------- */

/* Compares what the worker said with what this process has just said. */
static void compare(struct isolated *t, const struct ccb_check_request *request,
                    const struct ccb_call *call,
                    const struct ccb_check_answer *here)
{
    const struct ccb_plugin_answer *there = &call->answer;

    if (there->code != here->returned)
        ccb_check_fail(t->out, CCB_RULE_55, "the same as in this process",
                       "%s: %d (%s) instead of %d", request->name, there->code,
                       there->error ? there->error : "no words",
                       here->returned);
    else if (there->code == 0 && here->result.len > 0 &&
             !ccb_slice_equal(there->value.raw, here->result))
        ccb_check_fail(t->out, CCB_RULE_55, "the same as in this process",
                       "%s: another document", request->name);
}

static void look_for_denied(struct isolated *t,
                            const struct ccb_check_request *request)
{
    const char *denied = ccb_plugin_worker_denied(t->worker);

    if (denied[0])
        ccb_check_fail(t->out, CCB_RULE_55, "no system call that is denied",
                       "%s: it called %s", request->name, denied);
}

static bool call_worker(struct isolated *t,
                        const struct ccb_check_request *request)
{
    struct ccb_check_ask ask = {.request = request, .gathered = CCB_LIT("{}")};
    const struct ccb_plugin_call_options options = {
        .function = (enum ccb_plugin_function)request->function,
        .guid = CCB_LIT("ccb-check-1"),
        .dialect = CCB_LIT("receptor/1"),
        .message = request->message,
        .facts = t->s->requests.facts,
        .arena = t->s->arena};
    struct ccb_call *call = ccb_plugin_call_create(&t->plugin, NULL, &options);
    struct ccb_check_answer here;
    struct ccb_error err = {0};
    int code;

    if (!call)
        return false;
    call->deadline = ccb_clock_monotonic() + CALL_TIME;
    call->request.gathered = ask.gathered;
    code = ccb_plugin_worker_call(t->worker, call, &err);
    if (code < 0) {
        ccb_check_fail(t->out, CCB_RULE_55, "an answer from the worker",
                       "%s: %s", request->name, err.message);
    } else {
        look_for_denied(t, request);
        ccb_check_call(t->s, &t->s->host, t->s->self, &ask, &here);
        compare(t, request, call, &here);
    }
    ccb_plugin_call_free(call);
    return code == 0;
}

static void call_all(struct isolated *t)
{
    CCB_CHECK_EACH(t->s, request)
    {
        if (!call_worker(t, request))
            return;
    }
}

void ccb_test_isolated(struct ccb_check_subject *s,
                       struct ccb_check_outcome *out,
                       const struct ccb_check_options *options)
{
    struct isolated t = {.s = s, .out = out};

    t.plugin.arena = s->arena;
    t.plugin.manifest = s->manifest;
    t.plugin.file = s->file;
    t.plugin.id = ccb_arena_cstr(s->arena, s->manifest.id);
    t.plugin.version = s->entry->version;
    t.plugin.call_timeout = CALL_TIME;
    t.plugin.image.fd = -1;
    atomic_store(&t.plugin.refs, 1); /* ours, never given back */
    if (t.plugin.id && find_runner(&t, options) && open_image(&t) &&
        start_worker(&t)) {
        call_all(&t);
        if (!ccb_plugin_worker_kill(t.worker))
            ccb_check_fail(out, CCB_RULE_49, "no process",
                           "the worker's group can't be ended");
    }
    ccb_plugin_image_close(&t.plugin.image);
}
