/*
 * What the tests of calls share: a registry of one member of the zoo, a loop,
 * and a call whose outcome is kept.
 */
#ifndef TESTS_PLUGIN_STAGE_TESTING_H
#define TESTS_PLUGIN_STAGE_TESTING_H

#include "zoo_testing.h"

#include <stdatomic.h>

#include "base/clock.h"

/* ---- one call ----------------------------------------------------------- */

/* What is around a call: a registry of one member, a loop, an arena. */
struct stage {
    struct zoo zoo;
    struct ccb_loop loop;
    struct ccb_plugin *plugin;
    struct ccb_arena *arena;
    struct ccb_log_session session;
};

struct outcome {
    int calls, code;
    char value[2048], id[80], error[6000];
    size_t error_len;
};

static inline void on_done(void *user, const struct ccb_plugin_result *result)
{
    struct outcome *o = user;

    o->calls++;
    o->code = result->code;
    snprintf(o->value, sizeof(o->value), "%.*s", (int)result->value.raw.len,
             result->value.raw.len ? result->value.raw.ptr : "");
    snprintf(o->id, sizeof(o->id), "%.*s", (int)result->cc_error_id.len,
             result->cc_error_id.len ? result->cc_error_id.ptr : "");
    snprintf(o->error, sizeof(o->error), "%s",
             result->error ? result->error : "");
    o->error_len = strlen(o->error);
    assert_true((result->code == 0) == (result->error == NULL));
}

/* Files are named with '_', ids may only have '-'. */
static inline struct ccb_plugin *stage_plugin(const struct stage *s,
                                              const char *member)
{
    char id[80];

    snprintf(id, sizeof(id), "zoo.%s", member);
    for (char *c = id; *c; c++)
        if (*c == '_')
            *c = '-';
    return ccb_plugins_get(s->zoo.plugins, S(id));
}

static inline void setup(struct stage *s, const char *member, int64_t timeout)
{
    int fd = zoo_log_begin();

    memset(s, 0, sizeof(*s));
    zoo_init(&s->zoo);
    zoo_add(&s->zoo, member);
    s->zoo.call_timeout = timeout;
    if (zoo_open(&s->zoo) != 0 || ccb_plugins_count(s->zoo.plugins) != 1)
        fail_msg("%s: %s %s", member, s->zoo.error.message, s->zoo.last.found);
    s->plugin = stage_plugin(s, member);
    assert_non_null(s->plugin);
    assert_int_equal(0, ccb_loop_open(&s->loop, &s->zoo.error));
    s->arena = ccb_arena_create();
    assert_non_null(s->arena);
    ccb_log_begin(&s->session, &s->zoo.log, "request", NULL, 0);
    ccb_free(zoo_log_end(fd));
}

/* Ends in the order the daemon does: plugins, then loop. No handle of ours is
 * open, or closing would say so. */
static inline void teardown(struct stage *s)
{
    zoo_destroy(&s->zoo);
    assert_int_equal(0, ccb_loop_close(&s->loop, &s->zoo.error));
    ccb_arena_unref(s->arena);
}

static inline struct ccb_plugin_call_options options_of(
    const struct stage *s, enum ccb_plugin_function f, struct outcome *outcome)
{
    return (struct ccb_plugin_call_options){
        .function = f,
        .guid = S("g-1"),
        .message = S("{\"a\":1}"),
        .facts = S("{\"x\":\"y\"}"),
        .arena = s->arena,
        .log = (struct ccb_log_session *)&s->session,
        .on_done = on_done,
        .user = outcome,
    };
}

static inline int start(struct stage *s, enum ccb_plugin_function f,
                        struct outcome *outcome)
{
    struct ccb_plugin_call_options options = options_of(s, f, outcome);

    return ccb_plugin_call(s->plugin, &s->loop, &options, &s->zoo.error);
}

static inline struct outcome call(struct stage *s, enum ccb_plugin_function f)
{
    struct outcome outcome = {0};

    assert_int_equal(0, start(s, f, &outcome));
    assert_int_equal(0, outcome.calls); /* never from inside */
    assert_int_equal(0, ccb_loop_run(&s->loop));
    assert_int_equal(1, outcome.calls);
    return outcome;
}

/* A recipe of one member that goes wrong in its way. */
static inline struct outcome call_member(const char *member)
{
    struct stage s;
    struct outcome outcome;

    setup(&s, member, 20 * CCB_SECOND);
    outcome = call(&s, CCB_PLUGIN_STAGING_RECIPE);
    teardown(&s);
    return outcome;
}

#endif
