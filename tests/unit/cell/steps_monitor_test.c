/*
 * The plan of an instance and its monitor: contract/actions.md 6.1, 6.2 and
 * the rows of 9 "Monitor". The processes are fakes; a check's outcome is what
 * the test wrote into the action before it fell due.
 */
#include "steps_fake_process.h"

/* Action and monitor; the monitor exits with `status`. */
static struct ccb_action *monitored(struct tree *tree, const char *action,
                                    const char *status)
{
    struct ccb_action *monitor = steps_action(EXIT("0"));

    tree_init(tree, action);
    tree->options.monitor = monitor;
    *(struct ccb_slice *)monitor->args.items = ccb_slice_of(status);
    return monitor;
}

static void set_status(struct ccb_action *monitor, const char *status)
{
    *(struct ccb_slice *)monitor->args.items = ccb_slice_of(status);
}

/* ---- the plan ----------------------------------------------------------- */

static void without_a_monitor_it_is_healthy_while_setup_still_runs(void **state)
{
    struct tree tree;

    (void)state;
    tree_init(&tree, EXIT("0"));
    tree.options.setup = steps_action(RUN("/sleep"));
    tree_start(&tree);
    steps_wait(&tree.healthy, 1);
    steps_wait(&fake_count, 1);
    assert_false(tree.done);
    tree_cancel(&tree);
    tree_ends(&tree, "cancelled");
    assert_int_equal(fake_count, 1);
}

static void a_failing_setup_is_told_as_it_is(void **state)
{
    struct tree tree;

    (void)state;
    monitored(&tree, RUN("/sleep"), "0");
    tree.options.setup = steps_action(EXIT("4"));
    tree_start(&tree);
    tree_ends(&tree, "Exited with status 4");
    assert_int_equal(fake_count, 1);
    assert_int_equal(tree.healthy, 0);
}

static void setup_goes_before_the_action(void **state)
{
    struct tree tree;

    (void)state;
    tree_init(&tree, SAYS("6", "action\\n"));
    tree.options.setup = steps_action(SAYS("0", "setup\\n"));
    tree_start(&tree);
    tree_ends(&tree, "Exited with status 6");
    LOG_IS("APP O setup\nAPP O Exit status 0\nAPP O action\n"
           "APP O Exit status 6\n");
}

static void the_actions_error_ends_the_monitor(void **state)
{
    struct tree tree;

    (void)state;
    steps_times.unhealthy_interval = 3600 * CCB_SECOND;
    monitored(&tree, EXIT("1"), "0");
    tree_start(&tree);
    tree_ends(&tree, "2 error(s) occurred:\n\n* Exited with status 1\n"
                     "* cancelled");
}

static void an_action_that_ends_well_has_daemonised(void **state)
{
    struct tree tree;

    (void)state;
    monitored(&tree, EXIT("0"), "0");
    tree_start(&tree);
    steps_wait(&tree.healthy, 1);
    steps_wait(&fake_count, 5); /* checks go on */
    assert_false(tree.done);
    tree_cancel(&tree);
    tree_ends(&tree, "1 error(s) occurred:\n\n* cancelled");
}

/* ---- the monitor -------------------------------------------------------- */

static void one_good_check_is_one_signal(void **state)
{
    struct tree tree;

    (void)state;
    monitored(&tree, RUN("/sleep"), "0");
    tree_start(&tree);
    steps_wait(&tree.healthy, 1);
    assert_int_equal(fake_count, 2);
    steps_wait(&fake_count, 6);
    assert_int_equal(tree.healthy, 1);
    tree_cancel(&tree);
    steps_wait(&tree.done, 1);
}

static void healthy_then_one_failure_ends_it(void **state)
{
    struct ccb_action *monitor;
    struct tree tree;

    (void)state;
    monitor = monitored(&tree, RUN("/sleep"), "0");
    tree_start(&tree);
    steps_wait(&tree.healthy, 1);
    set_status(monitor, "2");
    tree_ends(&tree, "2 error(s) occurred:\n\n* Exited with status 2\n"
                     "* cancelled");
    assert_int_equal(tree.healthy, 1);
}

static void failing_in_time_goes_on_silently(void **state)
{
    struct ccb_action *monitor;
    struct tree tree;

    (void)state;
    monitor = monitored(&tree, RUN("/sleep"), "1");
    tree.options.start_timeout = 3600 * CCB_SECOND;
    tree_start(&tree);
    steps_wait(&fake_count, 5);
    assert_int_equal(tree.healthy, 0);
    LOG_HAS("APP O Exit status 1\nAPP O Exit status 1\nAPP O Exit status 1\n");
    assert_null(strstr(steps_log, " E ")); /* nobody else says a word */
    set_status(monitor, "0");
    steps_wait(&tree.healthy, 1);
    tree_cancel(&tree);
    steps_wait(&tree.done, 1);
}

static void failing_too_long_ends_with_the_checks_error(void **state)
{
    struct tree tree;

    (void)state;
    monitored(&tree, RUN("/sleep"), "3");
    tree.options.start_timeout = 1 * MS;
    tree_start(&tree);
    tree_ends(&tree, "2 error(s) occurred:\n\n* Exited with status 3\n"
                     "* cancelled");
    LOG_HAS("APP E Timed out after 1ms: health check never passed.\n");
    assert_int_equal(tree.healthy, 0);
}

static void the_time_out_is_said_under_the_containers_source(void **state)
{
    struct ccb_action *monitor;
    struct tree tree;

    (void)state;
    monitor = monitored(&tree, RUN("/sleep"), "3");
    monitor->log_source = ccb_slice_of("HEALTH");
    tree.options.start_timeout = 1 * MS;
    tree_start(&tree);
    steps_wait(&tree.done, 1);
    LOG_HAS("HEALTH O Exit status 3\n"
            "APP E Timed out after 1ms: health check never passed.\n");
}

static void without_a_start_timeout_it_waits_for_ever(void **state)
{
    struct tree tree;

    (void)state;
    monitored(&tree, RUN("/sleep"), "3");
    tree_start(&tree);
    steps_wait(&fake_count, 12);
    assert_false(tree.done);
    tree_cancel(&tree);
    steps_wait(&tree.done, 1);
}

static void the_interval_becomes_the_healthy_one(void **state)
{
    struct tree tree;
    int64_t begin;

    (void)state;
    steps_times.healthy_interval = 40 * MS;
    monitored(&tree, RUN("/sleep"), "0");
    tree_start(&tree);
    steps_wait(&tree.healthy, 1);
    begin = ccb_clock_monotonic();
    steps_wait(&fake_count, 3);
    assert_true(ccb_clock_monotonic() - begin >= 38 * MS);
    tree_cancel(&tree);
    steps_wait(&tree.done, 1);
}

static void cancel_between_checks_ends_at_once(void **state)
{
    struct tree tree;

    (void)state;
    steps_times.unhealthy_interval = 3600 * CCB_SECOND;
    monitored(&tree, RUN("/sleep"), "0");
    tree_start(&tree);
    steps_wait(&fake_count, 1);
    tree_cancel(&tree);
    tree_ends(&tree, "2 error(s) occurred:\n\n* cancelled\n* cancelled");
}

static void cancel_during_a_check_cancels_it(void **state)
{
    struct tree tree;

    (void)state;
    tree_init(&tree, EXIT("0"));
    tree.options.monitor = steps_action(RUN("/sleep"));
    tree_start(&tree);
    steps_wait(&fake_count, 2);
    tree_cancel(&tree);
    tree_ends(&tree, "1 error(s) occurred:\n\n* cancelled");
    assert_int_equal(fake_signals[0], SIGTERM);
    LOG_HAS("Exit status 143");
}

static void the_actions_error_cancels_a_check_that_hangs(void **state)
{
    struct tree tree;

    (void)state;
    tree_init(&tree, RUN("/sleep"));
    tree.options.monitor = steps_action(RUN("/sleep"));
    tree_start(&tree);
    steps_wait(&fake_count, 2);
    fake_end(&fakes[0], CCB_EXIT_STATUS, 8, "");
    tree_ends(&tree, "2 error(s) occurred:\n\n* Exited with status 8\n"
                     "* cancelled");
}

/* ---- the pool ----------------------------------------------------------- */

static void the_surplus_of_checks_waits(void **state)
{
    struct tree trees[5];

    (void)state;
    ccb_step_checks_free(steps_cell.checks);
    steps_cell.checks = ccb_step_checks_create(2);
    for (int i = 0; i < 5; i++) {
        tree_init(&trees[i], EXIT("0"));
        trees[i].options.monitor = steps_action(RUN("/sleep"));
        tree_start(&trees[i]);
    }
    steps_wait(&fake_count, 7); /* five actions, two checks */
    for (int i = 0; i < 50; i++)
        (void)uv_run(&steps_loop->uv, UV_RUN_NOWAIT);
    assert_int_equal(fake_count, 7);
    fake_end(&fakes[5], CCB_EXIT_STATUS, 0, "");
    steps_wait(&fake_count, 8);
    assert_int_equal(fakes_open, 2);
    for (int i = 0; i < 5; i++) /* those that wait, too */
        tree_cancel(&trees[i]);
    for (int i = 0; i < 5; i++)
        steps_wait(&trees[i].done, 1);
    assert_int_equal(fakes_open, 0);
}

static void a_cancelled_one_leaves_the_queue(void **state)
{
    struct tree trees[3];

    (void)state;
    ccb_step_checks_free(steps_cell.checks);
    steps_cell.checks = ccb_step_checks_create(1);
    for (int i = 0; i < 3; i++) {
        tree_init(&trees[i], EXIT("0"));
        trees[i].options.monitor = steps_action(RUN("/sleep"));
        tree_start(&trees[i]);
        steps_wait(&fake_count, i == 0 ? 2 : 2 + i);
    }
    for (int i = 0; i < 50; i++)
        (void)uv_run(&steps_loop->uv, UV_RUN_ONCE);
    tree_cancel(&trees[1]);
    tree_ends(&trees[1], "1 error(s) occurred:\n\n* cancelled");
    assert_int_equal(fake_count, 4);
    tree_cancel(&trees[0]); /* its place goes to the third */
    steps_wait(&fake_count, 5);
    tree_cancel(&trees[2]);
    steps_wait(&trees[2].done, 1);
    assert_true(trees[0].done);
}

static void on_healthy_cancel(void *ctx)
{
    struct tree *tree = ctx;

    on_tree_healthy(ctx);
    tree_cancel(tree);
}

static void it_may_be_cancelled_by_who_is_told_of_its_health(void **state)
{
    struct tree tree;

    (void)state;
    monitored(&tree, RUN("/sleep"), "0");
    tree.options.on_healthy = on_healthy_cancel;
    tree_start(&tree);
    tree_ends(&tree, "2 error(s) occurred:\n\n* cancelled\n* cancelled");
    tree_init(&tree, EXIT("0"));
    tree.options.on_healthy = on_healthy_cancel;
    tree_start(&tree);
    tree_ends(&tree, "cancelled");
}

#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, fakes_open_bed, fakes_close_bed)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_a_monitor_it_is_healthy_while_setup_still_runs),
        TEST(a_failing_setup_is_told_as_it_is),
        TEST(setup_goes_before_the_action),
        TEST(the_actions_error_ends_the_monitor),
        TEST(an_action_that_ends_well_has_daemonised),
        TEST(one_good_check_is_one_signal),
        TEST(healthy_then_one_failure_ends_it),
        TEST(failing_in_time_goes_on_silently),
        TEST(failing_too_long_ends_with_the_checks_error),
        TEST(the_time_out_is_said_under_the_containers_source),
        TEST(without_a_start_timeout_it_waits_for_ever),
        TEST(the_interval_becomes_the_healthy_one),
        TEST(cancel_between_checks_ends_at_once),
        TEST(cancel_during_a_check_cancels_it),
        TEST(the_actions_error_cancels_a_check_that_hangs),
        TEST(the_surplus_of_checks_waits),
        TEST(a_cancelled_one_leaves_the_queue),
        TEST(it_may_be_cancelled_by_who_is_told_of_its_health),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
