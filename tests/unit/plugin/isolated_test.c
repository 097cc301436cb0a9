/*
 * The isolated backend behind the usual front: retry, poison, back-off,
 * quarantine, deadlines, the end (host.h; anchors 3.6).
 */
#include "worker_testing.h"

#include <errno.h>
#include <sched.h>
#include <sys/wait.h>

struct outcome {
    int calls, code;
    char value[1024], error[1024];
};

struct stage {
    struct lone lone;
    struct ccb_loop loop;
    struct ccb_error error;
};

static void setup(struct stage *s, const char *member, int64_t timeout)
{
    memset(s, 0, sizeof(*s));
    lone_open(&s->lone, member);
    s->lone.plugin->call_timeout = timeout;
    for (size_t i = 0; i < CCB_PLUGIN_FUNCTION_COUNT; i++)
        s->lone.plugin->offered[i] = true;
    assert_int_equal(0, ccb_loop_open(&s->loop, &s->error));
    assert_int_equal(
        0, ccb_plugin_isolated_create(s->lone.plugin, &s->lone.log, &s->error));
}

/* Nothing may be left: no handle, no thread, no process. */
static void teardown(struct stage *s, int64_t grace)
{
    s->lone.plugin->backend->stop(s->lone.plugin, grace);
    ccb_loop_run(&s->loop); /* the answers of what was ended */
    lone_close(&s->lone);
    assert_int_equal(0, ccb_loop_close(&s->loop, &s->error));
    assert_int_equal(-1, waitpid(-1, NULL, WNOHANG));
    assert_int_equal(ECHILD, errno);
}

static void on_done(void *user, const struct ccb_plugin_result *result)
{
    struct outcome *o = user;

    o->calls++;
    o->code = result->code;
    snprintf(o->value, sizeof(o->value), "%.*s", (int)result->value.raw.len,
             result->value.raw.len ? result->value.raw.ptr : "");
    snprintf(o->error, sizeof(o->error), "%s",
             result->error ? result->error : "");
}

static void start(struct stage *s, const char *guid, struct outcome *outcome)
{
    struct ccb_plugin_call_options options = {
        .function = CCB_PLUGIN_STAGING_RECIPE,
        .guid = S(guid),
        .message = S("{\"a\":1}"),
        .arena = s->lone.arena,
        .log = &s->lone.log,
        .on_done = on_done,
        .user = outcome,
    };

    assert_int_equal(
        0, ccb_plugin_call(s->lone.plugin, &s->loop, &options, &s->error));
}

static struct outcome call(struct stage *s, const char *guid)
{
    struct outcome outcome = {0};

    start(s, guid, &outcome);
    ccb_loop_run(&s->loop);
    assert_int_equal(1, outcome.calls);
    return outcome;
}

static uint64_t figure(_Atomic uint64_t *value)
{
    return atomic_load(value);
}

static void test_calls_are_answered_by_a_worker(void **state)
{
    struct outcome outcome;
    struct stage s;

    (void)state;
    setup(&s, "good", 20 * CCB_SECOND);
    for (int i = 0; i < 20; i++) {
        outcome = call(&s, "g-1");
        assert_int_equal(0, outcome.code);
        assert_string_equal("{\"guid\":\"g-1\",\"message\":{\"a\":1},\"facts\":"
                            "{}}",
                            outcome.value);
    }
    assert_int_equal(0, figure(&s.lone.plugin->stats.crashes));
    teardown(&s, CCB_SECOND);
}

static void test_a_request_that_kills_two_workers_is_poison(void **state)
{
    struct ccb_plugin_stats *stats;
    struct outcome outcome;
    struct stage s;
    int fd = zoo_log_begin();
    char *log;

    (void)state;
    setup(&s, "iso_moody", 20 * CCB_SECOND);
    stats = &s.lone.plugin->stats;
    outcome = call(&s, "abort-1");
    assert_int_equal(CCB_FAILED, outcome.code);
    assert_string_equal("plugin zoo.iso-moody: the worker of build_recipe was "
                        "lost: killed by signal 6 (ABRT)",
                        outcome.error);
    assert_int_equal(2, figure(&stats->crashes));
    assert_int_equal(1, figure(&stats->retries));
    outcome = call(&s, "abort-1");
    assert_int_equal(CCB_FAILED, outcome.code);
    assert_contains(outcome.error, "this very request of build_recipe killed "
                                   "two workers and is not tried again");
    assert_int_equal(1, figure(&stats->poisoned));
    assert_int_equal(2, figure(&stats->crashes));
    outcome = call(&s, "other");
    assert_int_equal(0, outcome.code);
    teardown(&s, CCB_SECOND);
    log = zoo_log_end(fd);
    assert_contains(log, "zoo.plugin-worker-crashed");
    assert_contains(log, "\"how\":\"killed by signal 6 (ABRT)\"");
    assert_contains(log, "zoo.plugin-poisoned");
    ccb_free(log);
}

static void test_poison_does_not_put_a_good_plugin_into_quarantine(void **state)
{
    char guid[40];
    struct stage s;
    int fd = zoo_log_begin();

    (void)state;
    setup(&s, "iso_moody", 20 * CCB_SECOND);
    for (int i = 0; i < 4; i++) {
        snprintf(guid, sizeof(guid), "exit-%d", i);
        assert_int_equal(CCB_FAILED, call(&s, guid).code);
        assert_int_equal(0, call(&s, "other").code);
    }
    assert_int_equal(8, figure(&s.lone.plugin->stats.crashes));
    assert_false(atomic_load(&s.lone.plugin->quarantined));
    teardown(&s, CCB_SECOND);
    ccb_free(zoo_log_end(fd));
}

static void test_five_crashes_end_in_a_quarantine_that_is_lifted(void **state)
{
    char guid[40];
    struct outcome outcome;
    struct stage s;
    int fd = zoo_log_begin();
    char *log;

    (void)state;
    setup(&s, "iso_moody", 20 * CCB_SECOND);
    for (int i = 0; i < 3; i++) {
        snprintf(guid, sizeof(guid), "abort-%d", i);
        assert_int_equal(CCB_FAILED, call(&s, guid).code);
    }
    assert_int_equal(5, figure(&s.lone.plugin->stats.crashes));
    assert_true(atomic_load(&s.lone.plugin->quarantined));
    outcome = call(&s, "other");
    assert_int_equal(CCB_FAILED, outcome.code);
    assert_contains(outcome.error, "plugin zoo.iso-moody is in quarantine "
                                   "since 2");
    assert_contains(outcome.error, "(the last: killed by signal 6 (ABRT))");
    assert_contains(outcome.error, "ccbridge plugin enable zoo.iso-moody");
    atomic_store(&s.lone.plugin->quarantined, false);
    assert_int_equal(0, call(&s, "other").code);
    teardown(&s, CCB_SECOND);
    log = zoo_log_end(fd);
    assert_contains(log, "zoo.plugin-quarantined");
    ccb_free(log);
}

static void test_a_hung_call_ends_at_its_deadline_without_a_retry(void **state)
{
    struct outcome outcome;
    struct stage s;
    int fd = zoo_log_begin();

    (void)state;
    setup(&s, "iso_moody", 300 * CCB_MILLISECOND);
    outcome = call(&s, "hang");
    assert_int_equal(CCB_TIMED_OUT, outcome.code);
    assert_contains(outcome.error, "did not answer within 300ms");
    s.lone.plugin->call_timeout = 20 * CCB_SECOND;
    assert_int_equal(0, call(&s, "other").code);
    assert_int_equal(1, figure(&s.lone.plugin->stats.crashes));
    assert_int_equal(0, figure(&s.lone.plugin->stats.retries));
    teardown(&s, CCB_SECOND);
    ccb_free(zoo_log_end(fd));
}

static void test_the_end_waits_for_nobody_beyond_its_grace(void **state)
{
    struct outcome outcome = {0};
    struct stage s;
    struct stat st;
    int64_t begun;
    int fd = zoo_log_begin();

    (void)state;
    setup(&s, "iso_moody", 60 * CCB_SECOND);
    assert_int_equal(0, call(&s, "other").code);
    start(&s, "hang", &outcome);
    while (fstat(fd, &st) == 0 && st.st_size == 0)
        sched_yield(); /* until it says that it hangs */
    begun = ccb_clock_monotonic();
    teardown(&s, 100 * CCB_MILLISECOND);
    assert_true(ccb_clock_monotonic() - begun < 10 * CCB_SECOND);
    assert_int_equal(1, outcome.calls);
    assert_int_equal(CCB_CANCELLED, outcome.code);
    assert_string_equal("plugin zoo.iso-moody is closed", outcome.error);
    ccb_free(zoo_log_end(fd));
}

static void test_several_workers_serve_at_a_time(void **state)
{
    struct outcome hung = {0}, other = {0};
    struct stage s;
    int fd = zoo_log_begin();

    (void)state;
    setup(&s, "iso_moody", 2 * CCB_SECOND);
    s.lone.plugin->backend->stop(s.lone.plugin, 0);
    s.lone.plugin->backend->release(s.lone.plugin);
    s.lone.plugin->policy.workers = 2;
    assert_int_equal(
        0, ccb_plugin_isolated_create(s.lone.plugin, &s.lone.log, &s.error));
    start(&s, "hang", &hung);
    start(&s, "other", &other);
    ccb_loop_run(&s.loop);
    assert_int_equal(CCB_TIMED_OUT, hung.code);
    assert_int_equal(0, other.code); /* not behind the hung one */
    teardown(&s, CCB_SECOND);
    ccb_free(zoo_log_end(fd));
}

static void test_what_a_plugin_tries_and_prints_is_logged(void **state)
{
    struct stage s;
    int fd = zoo_log_begin();
    char *log;

    (void)state;
    setup(&s, "iso_moody", 20 * CCB_SECOND);
    assert_int_equal(0, call(&s, "try").code);
    assert_int_equal(0, call(&s, "print").code);
    assert_int_equal(0, call(&s, "other").code); /* reads the rest */
    assert_int_equal(CCB_FAILED, call(&s, "exit").code);
    teardown(&s, CCB_SECOND);
    log = zoo_log_end(fd);
    assert_contains(log, "zoo.plugin-worker-denied");
    assert_contains(log, "socket");
    assert_contains(log, "zoo.plugin-worker-printed");
    assert_contains(log, "\"text\":\"first line\"");
    assert_null(strstr(log, "secret@host"));
    ccb_free(log);
}

/* A runner that is gone is an error with words, and no crash of the plugin. */
static void test_a_lost_runner_is_said(void **state)
{
    struct outcome outcome;
    struct stage s;

    (void)state;
    setup(&s, "good", 20 * CCB_SECOND);
    s.lone.plugin->runner = "/nowhere/runner";
    outcome = call(&s, "g");
    assert_int_equal(CCB_IO, outcome.code);
    assert_contains(outcome.error, "/nowhere/runner can't be started");
    assert_int_equal(0, figure(&s.lone.plugin->stats.crashes));
    teardown(&s, CCB_SECOND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls_are_answered_by_a_worker),
        cmocka_unit_test(test_a_request_that_kills_two_workers_is_poison),
        cmocka_unit_test(
            test_poison_does_not_put_a_good_plugin_into_quarantine),
        cmocka_unit_test(test_five_crashes_end_in_a_quarantine_that_is_lifted),
        cmocka_unit_test(test_a_hung_call_ends_at_its_deadline_without_a_retry),
        cmocka_unit_test(test_the_end_waits_for_nobody_beyond_its_grace),
        cmocka_unit_test(test_several_workers_serve_at_a_time),
        cmocka_unit_test(test_what_a_plugin_tries_and_prints_is_logged),
        cmocka_unit_test(test_a_lost_runner_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
