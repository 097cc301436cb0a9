/*
 * What the tests of isolation share: a plugin made of one member of the zoo,
 * without a registry, and calls of it without a loop.
 */
#ifndef TESTS_PLUGIN_WORKER_TESTING_H
#define TESTS_PLUGIN_WORKER_TESTING_H

#include "zoo_testing.h"

#include "base/clock.h"
#include "plugin/host.h"
#include "plugin/worker.h"

#define RUNNER CCB_BUILD_DIR "/bin/ccbridge-plugin-host"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

struct lone {
    struct ccb_plugin *plugin;
    struct ccb_arena *arena; /* of the requests */
    struct ccb_log_session log;
};

static inline void lone_open(struct lone *lone, const char *member)
{
    struct ccb_plugin_refusal refusal;
    char path[PATH_MAX];

    memset(lone, 0, sizeof(*lone));
    ccb_log_open(&lone->log, "zoo");
    lone->arena = ccb_arena_create();
    snprintf(path, sizeof(path), "%s/%s.so", ZOO_DIR, member);
    lone->plugin = ccb_plugin_create(NULL, path);
    assert_non_null(lone->plugin);
    lone->plugin->image.fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(lone->plugin->image.fd >= 0);
    assert_int_equal(0, ccb_manifest_read(&lone->plugin->manifest,
                                          lone->plugin->image.fd,
                                          lone->plugin->arena, &refusal));
    lone->plugin->id =
        ccb_arena_cstr(lone->plugin->arena, lone->plugin->manifest.id);
    lone->plugin->runner = RUNNER;
    lone->plugin->isolated = true;
    lone->plugin->call_timeout = CCB_SECOND;
}

static inline void lone_close(struct lone *lone)
{
    ccb_plugin_unref(lone->plugin);
    ccb_arena_unref(lone->arena);
}

/* A recipe's call; `guid` must outlive it. */
static inline struct ccb_call *lone_call(struct lone *lone, const char *guid,
                                         int64_t timeout)
{
    struct ccb_plugin_call_options options = {
        .function = CCB_PLUGIN_STAGING_RECIPE,
        .guid = S(guid),
        .message = S("{\"a\":1}"),
        .facts = S("{\"x\":\"y\"}"),
        .arena = lone->arena,
        .log = &lone->log,
    };
    struct ccb_call *call =
        ccb_plugin_call_create(lone->plugin, NULL, &options);

    assert_non_null(call);
    call->deadline = ccb_clock_monotonic() + timeout;
    return call;
}

#endif
