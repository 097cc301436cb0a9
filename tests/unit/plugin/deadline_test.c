/*
 * Deadlines, plugins that hang, closing while calls are under way, and many
 * calls at once (plugin.h "calls"; design.md 5).
 */
#include "stage_testing.h"

#include <dlfcn.h>

#include "base/metrics.h"
#include "plugin/host.h"

/* ---- deadlines ---------------------------------------------------------- */

#define SHORT (60 * CCB_MILLISECOND)

static void test_a_call_that_hangs_ends_at_its_deadline(void **state)
{
    struct stage s;
    struct outcome outcome;
    int64_t before, timeouts;

    (void)state;
    setup(&s, "hang", SHORT);
    before = ccb_clock_monotonic();
    timeouts = atomic_load(&ccb_metric_values[CCB_METRIC_PLUGIN_TIMEOUTS]);
    outcome = call(&s, CCB_PLUGIN_STAGING_RECIPE);
    assert_int_equal(CCB_TIMED_OUT, outcome.code);
    assert_string_equal("plugin zoo.hang: build_recipe did not answer within "
                        "60ms",
                        outcome.error);
    assert_true(ccb_clock_monotonic() - before >= SHORT);
    assert_int_equal(
        timeouts + 1,
        atomic_load(&ccb_metric_values[CCB_METRIC_PLUGIN_TIMEOUTS]));
    /* It saw `cancelled`: its thread is free for the next call. */
    outcome = call(&s, CCB_PLUGIN_SELFTEST);
    assert_int_equal(0, outcome.code);
    teardown(&s);
}

/* The switch by which a hanging member is let go. */
static _Atomic int *find_switch(const struct stage *s)
{
    char path[64];
    void *handle;
    _Atomic int *found;

    snprintf(path, sizeof(path), "/proc/self/fd/%d", s->plugin->image.fd);
    handle = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD);
    assert_non_null(handle);
    found = dlsym(handle, "zoo_release");
    assert_non_null(found);
    return found;
}

static void test_all_calls_of_a_stuck_plugin_end_at_their_deadlines(
    void **state)
{
    enum { CALLS = 5 };
    struct outcome outcomes[CALLS] = {0}, after;
    struct stage s;
    _Atomic int *release;

    (void)state;
    setup(&s, "hang_deaf", SHORT);
    release = find_switch(&s);
    for (int i = 0; i < CALLS; i++)
        assert_int_equal(0, start(&s, CCB_PLUGIN_STAGING_RECIPE, &outcomes[i]));
    ccb_loop_run(&s.loop);
    for (int i = 0; i < CALLS; i++) {
        assert_int_equal(1, outcomes[i].calls);
        assert_int_equal(CCB_TIMED_OUT, outcomes[i].code);
    }
    atomic_store(release, 1);
    after = call(&s, CCB_PLUGIN_STAGING_RECIPE);
    assert_int_equal(0, after.code);
    assert_string_equal("1", after.value);
    for (int i = 0; i < CALLS; i++)
        assert_int_equal(1, outcomes[i].calls); /* the late answer is lost */
    atomic_store(release, 0);
    teardown(&s);
}

static void test_the_queue_of_a_stuck_plugin_is_bounded(void **state)
{
    enum { CALLS = 1100 };
    static struct outcome outcomes[CALLS];
    struct stage s;
    _Atomic int *release;
    int busy = 0, timed_out = 0;

    (void)state;
    setup(&s, "hang_deaf", SHORT);
    release = find_switch(&s);
    for (int i = 0; i < CALLS; i++)
        assert_int_equal(0, start(&s, CCB_PLUGIN_STAGING_RECIPE, &outcomes[i]));
    ccb_loop_run(&s.loop);
    for (int i = 0; i < CALLS; i++) {
        assert_int_equal(1, outcomes[i].calls);
        timed_out += outcomes[i].code == CCB_TIMED_OUT;
        if (outcomes[i].code == CCB_IO) {
            assert_contains(outcomes[i].error, "plugin zoo.hang-deaf is busy");
            busy++;
        }
    }
    assert_int_equal(CALLS, busy + timed_out);
    /* 1024 wait; whether one more runs already is a matter of luck. */
    assert_true(timed_out == 1024 || timed_out == 1025);
    atomic_store(release, 1);
    (void)call(&s, CCB_PLUGIN_STAGING_RECIPE);
    atomic_store(release, 0);
    teardown(&s);
}

static void test_the_request_outlives_a_late_plugin(void **state)
{
    struct stage s;
    struct outcome outcome = {0};
    struct ccb_plugin_call_options options;
    _Atomic int *release;

    (void)state;
    setup(&s, "hang_deaf", SHORT);
    release = find_switch(&s);
    options = options_of(&s, CCB_PLUGIN_STAGING_RECIPE, &outcome);
    options.arena = ccb_arena_create();
    options.message = ccb_arena_copy(options.arena, S("{}"));
    assert_int_equal(
        0, ccb_plugin_call(s.plugin, &s.loop, &options, &s.zoo.error));
    ccb_arena_unref(options.arena); /* only the call holds it now */
    ccb_loop_run(&s.loop);
    assert_int_equal(CCB_TIMED_OUT, outcome.code);
    atomic_store(release, 1);
    teardown(&s); /* waits for the thread; the loop frees the call */
    assert_int_equal(1, outcome.calls);
    atomic_store(release, 0);
}

static void test_closing_answers_what_waits_and_waits_for_what_runs(
    void **state)
{
    struct stage s;
    struct outcome first = {0}, second = {0};
    _Atomic int *release;

    (void)state;
    setup(&s, "hang_deaf", 20 * CCB_SECOND);
    release = find_switch(&s);
    assert_int_equal(0, start(&s, CCB_PLUGIN_STAGING_RECIPE, &first));
    assert_int_equal(0, start(&s, CCB_PLUGIN_STAGING_RECIPE, &second));
    atomic_store(release, 1);
    ccb_plugins_close(s.zoo.plugins);
    s.zoo.plugins = NULL;
    ccb_loop_run(&s.loop);
    assert_int_equal(1, first.calls);
    assert_int_equal(1, second.calls);
    /* Whichever had not begun was answered with this. */
    assert_true(second.code == 0 || second.code == CCB_CANCELLED);
    atomic_store(release, 0);
    teardown(&s);
}

/* Last: it leaves a thread hanging for good. */
static void test_closing_leaves_a_hanging_thread_to_itself(void **state)
{
    struct stage s;
    struct outcome outcome;
    int64_t before;

    (void)state;
    setup(&s, "hang_deaf", SHORT);
    outcome = call(&s, CCB_PLUGIN_STAGING_RECIPE);
    assert_int_equal(CCB_TIMED_OUT, outcome.code);
    before = ccb_clock_monotonic();
    teardown(&s);
    assert_true(ccb_clock_monotonic() - before >= SHORT);
}

/* ---- many --------------------------------------------------------------- */

static void test_many_calls_on_two_loops_all_come_back(void **state)
{
    enum { CALLS = 400 };
    static struct outcome outcomes[2 * CALLS];
    static const char *const members[] = {"good", "concurrent"};

    (void)state;
    for (size_t m = 0; m < 2; m++) {
        struct stage s;
        struct ccb_loop other;
        struct ccb_loop *loops[] = {&s.loop, &other};

        memset(outcomes, 0, sizeof(outcomes));
        setup(&s, members[m], 20 * CCB_SECOND);
        assert_int_equal(0, ccb_loop_open(&other, &s.zoo.error));
        for (int i = 0; i < 2 * CALLS; i++) {
            struct ccb_plugin_call_options options =
                options_of(&s, CCB_PLUGIN_STAGING_RECIPE, &outcomes[i]);

            assert_int_equal(0, ccb_plugin_call(s.plugin, loops[i % 2],
                                                &options, &s.zoo.error));
        }
        ccb_loop_run(&s.loop);
        ccb_loop_run(&other);
        for (int i = 0; i < 2 * CALLS; i++) {
            assert_int_equal(1, outcomes[i].calls);
            assert_int_equal(0, outcomes[i].code);
        }
        assert_int_equal(0, ccb_loop_close(&other, &s.zoo.error));
        teardown(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_call_that_hangs_ends_at_its_deadline),
        cmocka_unit_test(
            test_all_calls_of_a_stuck_plugin_end_at_their_deadlines),
        cmocka_unit_test(test_the_queue_of_a_stuck_plugin_is_bounded),
        cmocka_unit_test(test_the_request_outlives_a_late_plugin),
        cmocka_unit_test(
            test_closing_answers_what_waits_and_waits_for_what_runs),
        cmocka_unit_test(test_many_calls_on_two_loops_all_come_back),
        cmocka_unit_test(test_closing_leaves_a_hanging_thread_to_itself),
    };

    return cmocka_run_group_tests_name("plugin deadlines", tests, NULL, NULL);
}
