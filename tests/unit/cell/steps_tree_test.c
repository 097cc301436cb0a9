/*
 * How steps are put together: contract/actions.md 2 (sources), 3.4 - 3.9, the
 * rows of 9 "Steps" for wrappers and groups. The processes are fakes.
 */
#include "steps_fake_process.h"

/* ---- serial ------------------------------------------------------------- */

static void serial_stops_at_the_first_error(void **state)
{
    (void)state;
    action_ends(
        "{'serial':{'actions':[" EXIT("0") "," EXIT("2") "," EXIT("3") "]}}",
        "Exited with status 2");
    assert_int_equal(fake_count, 2);
}

static void serial_runs_all_in_order(void **state)
{
    (void)state;
    action_ends("{'serial':{'actions':[" SAYS("0", "one\\n") "," SAYS(
                    "0", "two\\n") "]}}",
                NULL);
    LOG_IS("APP O one\nAPP O Exit status 0\nAPP O two\nAPP O Exit status 0\n");
}

static void a_cancelled_serial_begins_no_process_any_more(void **state)
{
    struct tree tree;

    (void)state;
    tree_init(&tree, "{'serial':{'actions':[{'try':{'action':" RUN(
                         "/sleep") "}}," EXIT("0") "]}}");
    tree_start(&tree);
    steps_wait(&fake_count, 1);
    tree_cancel(&tree);
    tree_ends(&tree, "cancelled");
    assert_int_equal(fake_count, 1);
}

static void cancelled_before_its_beginning_nothing_is_spawned(void **state)
{
    struct tree tree;

    (void)state;
    tree_init(&tree, EXIT("0"));
    tree_start(&tree);
    tree_cancel(&tree);
    tree_cancel(&tree);
    tree_ends(&tree, "cancelled");
    assert_int_equal(fake_count, 0);
    assert_int_equal(tree.healthy, 0);
    LOG_IS("");
}

/* ---- parallel ----------------------------------------------------------- */

static void parallel_runs_all_to_their_end_and_joins_errors(void **state)
{
    (void)state;
    action_ends(
        "{'parallel':{'actions':[" EXIT("1") "," EXIT("0") "," EXIT("2") "]}}",
        "2 error(s) occurred:\n\n* Exited with status 1\n"
        "* Exited with status 2");
    assert_int_equal(fake_count, 3);
    assert_int_equal(fake_signal_count, 0);
}

static void one_error_keeps_the_form_and_lists_nest(void **state)
{
    (void)state;
    action_ends("{'parallel':{'actions':[{'parallel':{'actions':[" EXIT(
                    "1") "]}}," EXIT("0") "]}}",
                "1 error(s) occurred:\n\n* 1 error(s) occurred:\n\n"
                "* Exited with status 1");
}

static void parallel_without_errors_is_well(void **state)
{
    (void)state;
    action_ends("{'parallel':{'actions':[" EXIT("0") "," EXIT("0") "]}}", NULL);
}

static void errors_come_in_the_order_of_their_ends(void **state)
{
    struct tree tree;

    (void)state;
    tree_init(&tree,
              "{'parallel':{'actions':[" RUN("/sleep") "," EXIT("2") "]}}");
    tree_start(&tree);
    while (strstr(steps_log, "Exit status 2") == NULL)
        (void)uv_run(&steps_loop->uv, UV_RUN_ONCE);
    tree_cancel(&tree);
    tree_ends(&tree, "2 error(s) occurred:\n\n* Exited with status 2\n"
                     "* cancelled");
}

/* ---- codependent -------------------------------------------------------- */

static void codependent_a_failure_cancels_all(void **state)
{
    (void)state;
    action_ends("{'codependent':{'actions':[" RUN("/sleep") "," EXIT(
                    "7") "," RUN("/sleep") "]}}",
                "3 error(s) occurred:\n\n* Exited with status 7\n"
                "* cancelled\n* cancelled");
    assert_int_equal(fake_signal_count, 2);
}

static void codependent_a_good_end_cancels_all_and_is_an_error(void **state)
{
    (void)state;
    action_ends("{'codependent':{'actions':[" EXIT("0") "," RUN("/sleep") "]}}",
                "2 error(s) occurred:\n\n* Codependent step exited\n"
                "* cancelled");
}

/* ---- timeout ------------------------------------------------------------ */

static void timeout_passes_on_what_ends_in_time(void **state)
{
    (void)state;
    action_ends("{'timeout':{'timeout':10000000000,'action':" EXIT("0") "}}",
                NULL);
    action_ends("{'timeout':{'timeout':10000000000,'action':" EXIT("3") "}}",
                "Exited with status 3");
}

static void timeout_cancels_and_tells_how_long_it_was(void **state)
{
    (void)state;
    action_ends("{'timeout':{'timeout':10000000,'action':" RUN("/sleep") "}}",
                "exceeded 10ms timeout");
    assert_int_equal(fake_signals[0], SIGTERM);
}

static void timeout_waits_for_a_child_that_does_not_hear(void **state)
{
    (void)state;
    action_ends("{'timeout':{'timeout':1000000,'action':" RUN("/stubborn") "}}",
                "exceeded 1ms timeout");
    assert_int_equal(fake_signals[1], SIGKILL);
    LOG_IS("APP O Exit status 137\n");
}

static void timeout_counts_also_when_the_child_then_ends_well(void **state)
{
    (void)state;
    action_ends("{'timeout':{'timeout':1500000,'action':{'try':{'action':" RUN(
                    "/gentle") "}}}}",
                "exceeded 1.5ms timeout");
}

static void timeout_quotes_errors_that_are_for_people(void **state)
{
    (void)state;
    /* The inner one expires first; its child needs time to die. */
    action_ends("{'timeout':{'timeout':15000000,'action':{'timeout':{'timeout'"
                ":1000000,'action':" RUN("/stubborn") "}}}}",
                "exceeded 15ms timeout; exceeded 1ms timeout");
}

static void cancelling_a_timeout_is_no_expiry(void **state)
{
    struct tree tree;

    (void)state;
    tree_init(&tree,
              "{'timeout':{'timeout':60000000000,'action':" RUN("/sleep") "}}");
    tree_start(&tree);
    steps_wait(&fake_count, 1);
    tree_cancel(&tree);
    tree_ends(&tree, "cancelled");
}

/* ---- try ---------------------------------------------------------------- */

static void try_is_always_well(void **state)
{
    (void)state;
    action_ends("{'try':{'action':" EXIT("9") "}}", NULL);
    LOG_IS("APP O Exit status 9\n");
}

/* ---- emit_progress ------------------------------------------------------ */

#define PROGRESS(texts, action)                                                \
    "{'emit_progress':{" texts "'log_source':'P','action':" action "}}"

static void progress_without_texts_says_nothing(void **state)
{
    (void)state;
    action_ends(PROGRESS("", EXIT("0")), NULL);
    LOG_IS("APP O Exit status 0\n");
    log_clear();
    action_ends(PROGRESS("", EXIT("1")), "Exited with status 1");
    LOG_IS("APP O Exit status 1\n");
}

static void progress_says_start_and_success_under_its_own_source(void **state)
{
    (void)state;
    action_ends(PROGRESS("'start_message':'Go','success_message':'Done',"
                         "'failure_message_prefix':'FAIL',",
                         EXIT("0")),
                NULL);
    LOG_IS("P O Go\nAPP O Exit status 0\nP O Done\n");
}

static void progress_quotes_errors_that_are_for_people(void **state)
{
    (void)state;
    action_ends(PROGRESS("'failure_message_prefix':'FAIL',", EXIT("1")),
                "Exited with status 1");
    LOG_IS("APP O Exit status 1\nP E FAIL: Exited with status 1\n");
}

static void progress_does_not_quote_plain_errors(void **state)
{
    (void)state;
    action_ends(PROGRESS("'failure_message_prefix':'FAIL',", RUN("/refused")),
                "spawn refused");
    LOG_IS("P E FAIL\n");
    log_clear();
    action_ends(PROGRESS("'failure_message_prefix':'FAIL',",
                         "{'parallel':{'actions':[" EXIT("1") "]}}"),
                "1 error(s) occurred:\n\n* Exited with status 1");
    LOG_IS("APP O Exit status 1\nP E FAIL\n");
}

/* ---- sources ------------------------------------------------------------ */

#define SOURCED(kind, action)                                                  \
    "{'" kind "':{'log_source':'OWN','timeout':10000000000,'action':" action   \
    ",'actions':[" action "]}}"

static void who_inherits_which_source(void **state)
{
    static const struct {
        const char *action, *source;
    } rows[] = {
        {SOURCED("timeout", SAYS("0", "x\\n")), "OWN O x"},
        {SOURCED("try", SAYS("0", "x\\n")), "OWN O x"},
        {SOURCED("parallel", SAYS("0", "x\\n")), "OWN O x"},
        {SOURCED("serial", SAYS("0", "x\\n")), "APP O x"},
        {SOURCED("emit_progress", SAYS("0", "x\\n")), "APP O x"},
        {SOURCED("try", SOURCED("serial", SAYS("0", "x\\n"))), "OWN O x"},
        {SOURCED("try", "{'run':{'path':'/exit','args':['0','x\\n'],'user':"
                        "'vcap','log_source':'RUN'}}"),
         "RUN O x"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        log_clear();
        action_ends(rows[i].action, NULL);
        if (strncmp(steps_log, rows[i].source, strlen(rows[i].source)) != 0)
            fail_msg("row %zu: %s", i, steps_log);
    }
}

static void codependent_children_inherit_its_source(void **state)
{
    struct tree tree;

    (void)state;
    tree_init(&tree, SOURCED("codependent", SAYS("0", "x\\n")));
    tree_start(&tree);
    tree_ends(&tree, "1 error(s) occurred:\n\n* Codependent step exited");
    LOG_IS("OWN O x\nOWN O Exit status 0\n");
}

static void steps_of_one_source_share_unfinished_lines(void **state)
{
    (void)state;
    action_ends(
        "{'parallel':{'actions':[" SAYS("0", "a") "," RUN("/linger") "]}}",
        NULL);
    LOG_HAS("APP O aExit status 0\n");
}

#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, fakes_open_bed, fakes_close_bed)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(serial_stops_at_the_first_error),
        TEST(serial_runs_all_in_order),
        TEST(a_cancelled_serial_begins_no_process_any_more),
        TEST(cancelled_before_its_beginning_nothing_is_spawned),
        TEST(parallel_runs_all_to_their_end_and_joins_errors),
        TEST(one_error_keeps_the_form_and_lists_nest),
        TEST(parallel_without_errors_is_well),
        TEST(errors_come_in_the_order_of_their_ends),
        TEST(codependent_a_failure_cancels_all),
        TEST(codependent_a_good_end_cancels_all_and_is_an_error),
        TEST(timeout_passes_on_what_ends_in_time),
        TEST(timeout_cancels_and_tells_how_long_it_was),
        TEST(timeout_waits_for_a_child_that_does_not_hear),
        TEST(timeout_counts_also_when_the_child_then_ends_well),
        TEST(timeout_quotes_errors_that_are_for_people),
        TEST(cancelling_a_timeout_is_no_expiry),
        TEST(try_is_always_well),
        TEST(progress_without_texts_says_nothing),
        TEST(progress_says_start_and_success_under_its_own_source),
        TEST(progress_quotes_errors_that_are_for_people),
        TEST(progress_does_not_quote_plain_errors),
        TEST(who_inherits_which_source),
        TEST(codependent_children_inherit_its_source),
        TEST(steps_of_one_source_share_unfinished_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
