/*
 * Processes of steps in real containers: contract/actions.md 3.1, and an
 * instance from its setup to its stop.
 */
#include "container_bed.h"

#include "steps_bed.h"

static struct box box;

static int open_box(void **state)
{
    if (bed_open(state) != 0)
        return -1;
    box_open(&box, *state);
    steps_reset(&box.bed->loop);
    steps_times.terminate = 150 * MS;
    steps_times.exit = 5 * CCB_SECOND;
    return 0;
}

static int close_box(void **state)
{
    steps_clean();
    box_close(&box);
    return bed_close(state);
}

#define SHELL(script)                                                          \
    "{'run':{'path':'/bin/sh','args':['-c','" script "'],'user':'vcap'}}"

static void tree_init_boxed(struct tree *tree, const char *action)
{
    tree_init(tree, action);
    tree->options.container = box.container;
}

static void script_ends(const char *action, const char *reason)
{
    struct tree tree;

    tree_init_boxed(&tree, action);
    tree_start(&tree);
    tree_ends(&tree, reason);
}

static void wait_for_log(const char *part)
{
    int64_t end = ccb_clock_monotonic() + STEPS_DEADLINE;

    while (strstr(steps_log, part) == NULL) {
        assert_true(ccb_clock_monotonic() < end);
        (void)uv_run(&steps_loop->uv, UV_RUN_ONCE);
    }
}

static void output_and_status_come_as_they_are(void **state)
{
    (void)state;
    script_ends(SHELL("printf one; echo two; echo bad >&2; printf hi; exit 34"),
                "Exited with status 34");
    LOG_HAS("APP O onetwo\n");
    LOG_HAS("APP E bad\n");
    LOG_HAS("APP O hiExit status 34\n");
}

static void environment_goes_container_action_network(void **state)
{
    static const char *const env[] = {"C=network", "CF_INSTANCE_IP=1.2.3.4"};
    struct tree tree;

    (void)state;
    tree_init_boxed(&tree, "{'run':{'path':'/bin/sh','args':['-c','echo $B $C "
                           "$CF_INSTANCE_IP $HOME; pwd'],'dir':'/tmp','env':[{"
                           "'name':'B','value':'x y'},{'name':'C','value':"
                           "'action'}],'user':'vcap'}}");
    tree.options.network_env = env;
    tree.options.network_env_count = 2;
    tree_start(&tree);
    tree_ends(&tree, NULL);
    LOG_IS("APP O x y network 1.2.3.4 /home/vcap\nAPP O /tmp\n"
           "APP O Exit status 0\n");
}

static void limits_hold(void **state)
{
    (void)state;
    script_ends("{'run':{'path':'/bin/sh','args':['-c','ulimit -n'],'user':"
                "'vcap','resource_limits':{'nofile':321}}}",
                NULL);
    LOG_HAS("APP O 321\n");
}

static void what_can_not_be_spawned_has_words(void **state)
{
    (void)state;
    script_ends("{'run':{'path':'/no/such','user':'vcap'}}",
                "executable /no/such: No such file or directory");
    script_ends("{'run':{'path':'/bin/true','user':'fred'}}",
                "unknown user fred");
    LOG_IS("");
}

static void cancelled_it_is_ended_then_killed(void **state)
{
    struct tree tree;

    (void)state;
    tree_init_boxed(&tree, SHELL("echo up; exec tail -f /dev/null"));
    tree_start(&tree);
    wait_for_log("up");
    tree_cancel(&tree);
    tree_ends(&tree, "cancelled");
    LOG_HAS("Exit status 143");
    log_clear();
    tree_init_boxed(&tree, SHELL("trap : TERM; echo up; while :; do "
                                 "tail -f /dev/null; done"));
    tree_start(&tree);
    wait_for_log("up");
    tree_cancel(&tree);
    tree_ends(&tree, "cancelled");
    LOG_HAS("Exit status 137");
}

static void a_timeout_ends_a_process(void **state)
{
    (void)state;
    script_ends("{'timeout':{'timeout':30000000,'action':" SHELL(
                    "exec tail -f /dev/null") "}}",
                "exceeded 30ms timeout");
}

static void an_instance_comes_up_is_healthy_and_stops(void **state)
{
    struct tree tree;

    (void)state;
    tree_init_boxed(&tree, SHELL("touch /tmp/up; exec tail -f /dev/null"));
    tree.options.setup = steps_action(SHELL("rm -f /tmp/up"));
    tree.options.monitor = steps_action(SHELL("test -f /tmp/up"));
    tree_start(&tree);
    steps_wait(&tree.healthy, 1);
    tree_cancel(&tree);
    steps_wait(&tree.done, 1);
    assert_true(tree.failed);
    LOG_HAS("Exit status 143");
}

static void an_instance_whose_check_fails_crashes(void **state)
{
    struct tree tree;

    (void)state;
    tree_init_boxed(&tree, SHELL("exec tail -f /dev/null"));
    tree.options.monitor = steps_action(
        SHELL("test -f /tmp/was || { touch /tmp/was; exit 0; }; exit 3"));
    tree_start(&tree);
    tree_ends(&tree, "2 error(s) occurred:\n\n* Exited with status 3\n"
                     "* cancelled");
    assert_int_equal(tree.healthy, 1);
}

static void a_child_that_stays_does_not_hold_the_tree(void **state)
{
    (void)state;
    script_ends(SHELL("tail -f /dev/null & echo started"), NULL);
    LOG_IS("APP O started\nAPP O Exit status 0\n");
}

static void the_end_of_the_container_ends_the_steps(void **state)
{
    struct tree tree;

    (void)state;
    tree_init_boxed(&tree, SHELL("echo up; exec tail -f /dev/null"));
    tree_start(&tree);
    wait_for_log("up");
    ccb_container_destroy(box.container, on_box_destroyed, &box);
    tree_ends(&tree, "the container has ended");
    bed_wait(box.bed, &box.destroyed);
    box.destroyed = box.created = 0;
    box_open(&box, box.bed); /* for the end of the test */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_box, close_box)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(output_and_status_come_as_they_are),
        TEST(environment_goes_container_action_network),
        TEST(limits_hold),
        TEST(what_can_not_be_spawned_has_words),
        TEST(cancelled_it_is_ended_then_killed),
        TEST(a_timeout_ends_a_process),
        TEST(an_instance_comes_up_is_healthy_and_stops),
        TEST(an_instance_whose_check_fails_crashes),
        TEST(a_child_that_stays_does_not_hold_the_tree),
        TEST(the_end_of_the_container_ends_the_steps),
    };

    if (bed_missing())
        return 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
