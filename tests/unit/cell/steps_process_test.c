/*
 * A process as a step: contract/actions.md 3.1, 5.3 and the rows of 9 "Steps"
 * for run, with processes that are fakes: what a real one seldom does.
 */
#include "steps_fake_process.h"

/* ---- how it ends -------------------------------------------------------- */

static void the_exit_decides_the_result_and_is_logged(void **state)
{
    static const struct {
        const char *action, *reason, *log;
    } rows[] = {
        {EXIT("0"), NULL, "APP O Exit status 0\n"},
        {EXIT("19"), "Exited with status 19", "APP O Exit status 19\n"},
        {RUN("/oom"), "Exited with status 19 (out of memory)",
         "APP O Exit status 19\n"},
        {RUN("/missing"), "executable /missing: gone", ""},
        {RUN("/refused"), "spawn refused", ""},
        {RUN("/lost"), "the container has ended", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        log_clear();
        action_ends(rows[i].action, rows[i].reason);
        LOG_IS(rows[i].log);
    }
}

static void output_passes_and_the_exit_is_glued_to_an_unfinished_line(
    void **state)
{
    (void)state;
    action_ends("{'run':{'path':'/exit','args':['34','hi out','hi err'],"
                "'user':'vcap'}}",
                "Exited with status 34");
    LOG_IS("APP O hi outExit status 34\nAPP E hi err\n");
}

static void output_of_children_is_logged_until_the_tree_ends(void **state)
{
    struct tree tree;

    (void)state;
    tree_init(&tree, "{'serial':{'actions':[{'run':{'path':'/linger','user':"
                     "'vcap','log_source':'D'}}," RUN("/sleep") "]}}");
    tree_start(&tree);
    steps_wait(&fake_count, 2);
    LOG_IS("D O Exit status 0\n");
    fakes[0].step.on_output(fakes[0].step.ctx, CCB_STREAM_OUT,
                            ccb_slice_of("late\nlater"));
    LOG_IS("D O Exit status 0\nD O late\n");
    tree_cancel(&tree);
    tree_ends(&tree, "cancelled");
    LOG_HAS("D O later\n"); /* nothing stays in a buffer */
    assert_true(fakes[0].detached);
}

static void a_child_that_ends_early_is_forgotten_early(void **state)
{
    struct tree tree;

    (void)state;
    tree_init(&tree,
              "{'serial':{'actions':[" RUN("/linger") "," RUN("/sleep") "]}}");
    tree_start(&tree);
    steps_wait(&fake_count, 2);
    fake_close(&fakes[0]);
    tree_cancel(&tree);
    tree_ends(&tree, "cancelled");
}

/* ---- what it gets ------------------------------------------------------- */

static void run_with_network(const char *action, const char *const *env,
                             size_t count)
{
    struct tree tree;

    tree_init(&tree, action);
    tree.options.network_env = env;
    tree.options.network_env_count = count;
    tree_start(&tree);
    tree_ends(&tree, NULL);
}

static void network_variables_come_after_its_own(void **state)
{
    static const char *const env[] = {
        "CF_INSTANCE_IP=external-ip", "CF_INSTANCE_PORT=1",
        "CF_INSTANCE_ADDR=external-ip:1",
        ("CF_INSTANCE_PORTS=[{\"external\":1,\"internal\":2},"
         "{\"external\":3,\"internal\":4}]")};

    (void)state;
    run_with_network("{'run':{'path':'/exit','user':'vcap','env':[{'name':'A',"
                     "'value':'x=y'},{'name':'A','value':''}]}}",
                     env, 4);
    assert_string_equal(fake_env,
                        "A=x=y;A=;CF_INSTANCE_IP=external-ip;"
                        "CF_INSTANCE_PORT=1;CF_INSTANCE_ADDR=external-ip:1;"
                        "CF_INSTANCE_PORTS=[{\"external\":1,\"internal\":2},"
                        "{\"external\":3,\"internal\":4}];");
}

static void network_variables_without_ports_are_there_and_empty(void **state)
{
    static const char *const env[] = {
        "CF_INSTANCE_IP=ip",
        "CF_INSTANCE_PORT=", "CF_INSTANCE_ADDR=", "CF_INSTANCE_PORTS=[]"};

    (void)state;
    run_with_network(EXIT("0"), env, 4);
    assert_string_equal(fake_env, "CF_INSTANCE_IP=ip;CF_INSTANCE_PORT=;"
                                  "CF_INSTANCE_ADDR=;CF_INSTANCE_PORTS=[];");
}

static void network_variables_off_are_not_there(void **state)
{
    (void)state;
    run_with_network(EXIT("0"), NULL, 0);
    assert_string_equal(fake_env, "");
}

static void limits_are_passed_on_only_when_given(void **state)
{
    (void)state;
    action_ends(EXIT("0"), NULL);
    assert_true(fake_nofile == 0);
    action_ends("{'run':{'path':'/exit','user':'vcap','resource_limits':"
                "{'nofile':1234}}}",
                NULL);
    assert_true(fake_nofile == 1234);
}

static void a_nul_byte_in_an_argument_is_refused_without_showing_it(
    void **state)
{
    (void)state;
    action_ends("{'run':{'path':'/exit','args':['s3cret\\u0000x'],'user':"
                "'vcap'}}",
                "run: an argument holds a NUL byte");
    action_ends("{'run':{'path':'/exit','env':[{'name':'A','value':'s3cret"
                "\\u0000x'}],'user':'vcap'}}",
                "run: a variable's value holds a NUL byte");
    assert_int_equal(fake_count, 0);
}

/* ---- cancel ------------------------------------------------------------- */

static void cancel_and_end(const char *action, const char *reason)
{
    struct tree tree;

    tree_init(&tree, action);
    tree_start(&tree);
    steps_wait(&fake_count, 1);
    tree_cancel(&tree);
    tree_cancel(&tree); /* any number of times */
    tree_ends(&tree, reason);
}

static void a_process_that_hears_gets_sigterm_only(void **state)
{
    (void)state;
    cancel_and_end(RUN("/sleep"), "cancelled");
    assert_int_equal(fake_signal_count, 1);
    assert_int_equal(fake_signals[0], SIGTERM);
    LOG_IS("APP O Exit status 143\n");
}

static void a_cancelled_process_is_cancelled_whatever_its_status(void **state)
{
    (void)state;
    cancel_and_end(RUN("/gentle"), "cancelled");
    LOG_IS("APP O Exit status 0\n");
}

static void one_that_does_not_hear_is_killed(void **state)
{
    (void)state;
    cancel_and_end(RUN("/stubborn"), "cancelled");
    assert_int_equal(fake_signal_count, 2);
    assert_int_equal(fake_signals[0], SIGTERM);
    assert_int_equal(fake_signals[1], SIGKILL);
    LOG_IS("APP O Exit status 137\n");
}

static void one_that_can_not_be_killed_is_given_up(void **state)
{
    (void)state;
    cancel_and_end(RUN("/zombie"), "process did not exit");
    assert_int_equal(fake_signal_count, 2);
    assert_true(fakes[0].detached); /* its end comes with the container's */
    assert_false(fakes[0].closed);
}

static void patience_is_diegos(void **state)
{
    (void)state;
    assert_true(ccb_step_times_default.terminate == 10 * CCB_SECOND);
    assert_true(ccb_step_times_default.exit == 60 * CCB_SECOND);
    assert_true(ccb_step_times_default.unhealthy_interval == 500 * MS);
    assert_true(ccb_step_times_default.healthy_interval == 30 * CCB_SECOND);
    assert_int_equal(CCB_CHECKS_AT_ONCE, 64);
}

static void without_a_guid_nothing_is_logged(void **state)
{
    struct tree tree;

    (void)state;
    tree_init(&tree, SAYS("0", "x\\n"));
    tree.options.log_guid = ccb_slice_of("");
    tree_start(&tree);
    tree_ends(&tree, NULL);
    LOG_IS("");
}

#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, fakes_open_bed, fakes_close_bed)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_exit_decides_the_result_and_is_logged),
        TEST(output_passes_and_the_exit_is_glued_to_an_unfinished_line),
        TEST(output_of_children_is_logged_until_the_tree_ends),
        TEST(a_child_that_ends_early_is_forgotten_early),
        TEST(network_variables_come_after_its_own),
        TEST(network_variables_without_ports_are_there_and_empty),
        TEST(network_variables_off_are_not_there),
        TEST(limits_are_passed_on_only_when_given),
        TEST(a_nul_byte_in_an_argument_is_refused_without_showing_it),
        TEST(a_process_that_hears_gets_sigterm_only),
        TEST(a_cancelled_process_is_cancelled_whatever_its_status),
        TEST(one_that_does_not_hear_is_killed),
        TEST(one_that_can_not_be_killed_is_given_up),
        TEST(patience_is_diegos),
        TEST(without_a_guid_nothing_is_logged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
