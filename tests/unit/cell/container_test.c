/*
 * The life of a container and its steps: who runs where with what, how a step
 * ends, and that errors have words. Real containers over the host's "/".
 */
#include "container_bed.h"

#include <fcntl.h>

#include "base/mem.h"

static void test_a_step_has_user_directory_and_arguments(void **state)
{
    struct box box;

    box_open(&box, *state);
    run_says(&box, "vcap", "id -u; id -g; id -G; pwd; id -un",
             "2000\n2000\n2000\n/home/vcap\nvcap\n");
    run_says(&box, "root", "id -u; pwd", "0\n/root\n");
    run_says(&box, "vcap", "cat /etc/passwd",
             "root:x:0:0::/root:/bin/sh\n"
             "vcap:x:2000:2000::/home/vcap:/bin/sh\n"
             "nobody:x:65534:65534::/:/usr/sbin/nologin\n");
    box_close(&box);
}

static void test_environment_comes_in_order_and_the_last_wins(void **state)
{
    const char *const container_env[] = {"A=container", "B=container",
                                         "PATH=/usr/bin"};
    const char *const step_env[] = {"B=step", "C=1", "C=2"};
    const char *const args[] = {"-c", "echo $A $B $C $PATH $HOME $USER"};
    struct box box = {.bed = *state};
    struct ccb_container_options options = box_options(&box, 0);
    struct run run;
    struct ccb_step step = run_step(&run, "vcap", args, 2);

    options.env = container_env;
    options.env_count = 3;
    box_create(&box, &options);
    step.env = step_env;
    step.env_count = 3;
    run_start(&run, &box, &step);
    bed_wait(box.bed, &run.closed);
    assert_string_equal(run_text(&run.out),
                        "container step 2 /usr/bin /home/vcap vcap\n");
    run_free(&run);
    box_close(&box);
}

static void test_paths_are_found_in_the_environment(void **state)
{
    const char *const args[] = {"-c", "echo found"};
    struct box box;
    struct run run;
    struct ccb_step step = run_step(&run, "vcap", args, 2);

    box_open(&box, *state);
    step.path = "sh";
    run_start(&run, &box, &step);
    bed_wait(box.bed, &run.closed);
    assert_string_equal(run_text(&run.out), "found\n");
    run_free(&run);
    box_close(&box);
}

static void test_streams_are_told_apart_and_can_be_opened_again(void **state)
{
    struct box box;
    struct run run;

    box_open(&box, *state);
    run_whole(&run, &box, "vcap",
              "echo out > /dev/stdout; echo err > /dev/stderr; cat");
    assert_string_equal(run_text(&run.out), "out\n");
    assert_string_equal(run_text(&run.err), "err\n");
    run_free(&run);
    box_close(&box);
}

static void test_exit_statuses_and_signals_are_told(void **state)
{
    struct box box;
    struct run run;

    box_open(&box, *state);
    run_whole(&run, &box, "vcap", "exit 3");
    assert_int_equal(run.exit.kind, CCB_EXIT_STATUS);
    assert_int_equal(ccb_exit_code(&run.exit), 3);
    run_whole(&run, &box, "vcap", "kill -9 $$");
    assert_int_equal(run.exit.kind, CCB_EXIT_SIGNAL);
    assert_int_equal(ccb_exit_code(&run.exit), 137);
    run_script(&run, &box, "vcap", "exec cat /dev/zero > /dev/null");
    assert_int_equal(ccb_process_signal(run.process, SIGTERM), CCB_OK);
    bed_wait(box.bed, &run.closed);
    assert_int_equal(ccb_exit_code(&run.exit), 128 + SIGTERM);
    box_close(&box);
}

/* A step that can't begin is no exit status. */
static void wants_words(struct box *box, const struct ccb_step *step,
                        const char *words)
{
    struct run *run = step->ctx;

    run_start(run, box, step);
    bed_wait(box->bed, &run->closed);
    assert_int_equal(run->exit.kind, CCB_EXIT_NOT_STARTED);
    assert_string_equal(run->exit.err.message, words);
}

static void test_a_step_that_cannot_begin_has_words(void **state)
{
    const char *const args[] = {"-c", "exit 0"};
    struct box box;
    struct run run;
    struct ccb_step step = run_step(&run, "vcap", args, 2), bad = step;

    box_open(&box, *state);
    bad.user = "nobody-here";
    wants_words(&box, &bad, "unknown user nobody-here");
    bad = step;
    bad.path = "/no/such/program";
    wants_words(&box, &bad,
                "executable /no/such/program: No such file or directory");
    bad = step;
    bad.dir = "/no/such/dir";
    wants_words(&box, &bad,
                "directory /no/such/dir: No such file or directory");
    run_says(&box, "vcap", "echo still here", "still here\n");
    box_close(&box);
}

static void test_nofile_is_set_and_bounded(void **state)
{
    const char *const args[] = {"-c", "ulimit -n; ulimit -Hn"};
    struct box box;
    struct run run;
    struct ccb_step step = run_step(&run, "vcap", args, 2);

    box_open(&box, *state);
    step.nofile = 77;
    run_start(&run, &box, &step);
    bed_wait(box.bed, &run.closed);
    assert_string_equal(run_text(&run.out), "77\n77\n");
    run_free(&run);
    step.nofile = UINT64_MAX;
    run_start(&run, &box, &step);
    bed_wait(box.bed, &run.closed);
    assert_int_equal(run.exit.kind, CCB_EXIT_NOT_STARTED);
    assert_non_null(strstr(run.exit.err.message, "nofile"));
    box_close(&box);
}

static void test_arguments_over_the_limit_are_refused(void **state)
{
    char *large = ccb_malloc(1100000);
    const char *args[] = {"-c", large};
    struct box box;
    struct run run = {0};
    struct ccb_step step = run_step(&run, "vcap", args, 2);
    struct ccb_error err;

    assert_non_null(large);
    memset(large, 'x', 1099999);
    large[1099999] = '\0';
    box_open(&box, *state);
    assert_int_equal(
        ccb_container_spawn(&run.process, box.container, &step, &err),
        CCB_TOO_LARGE);
    run_says(&box, "vcap", "echo still here", "still here\n");
    box_close(&box);
    ccb_free(large);
}

static void test_many_steps_share_tmp_and_end_in_any_order(void **state)
{
    struct box box;
    struct run runs[20];

    box_open(&box, *state);
    for (int i = 0; i < 20; i++)
        run_script(&runs[i], &box, i % 2 ? "vcap" : "root",
                   "> /tmp/go-$$; echo done");
    for (int i = 0; i < 20; i++)
        bed_wait(box.bed, &runs[i].closed);
    for (int i = 0; i < 20; i++) {
        assert_string_equal(run_text(&runs[i].out), "done\n");
        run_free(&runs[i]);
    }
    run_says(&box, "vcap", "ls /tmp | wc -l", "20\n");
    box_close(&box);
}

/* ---- output -------------------------------------------------------------- */

static void test_a_paused_step_waits_and_loses_nothing(void **state)
{
    struct box box;
    struct run run, other;

    box_open(&box, *state);
    run_script(&run, &box, "vcap",
               "head -c 300000 /dev/zero; echo end; echo x > /tmp/written");
    ccb_process_pause(run.process);
    run_whole(&other, &box, "vcap",
              "i=0; while [ $i -lt 2000 ]; do i=$((i+1)); done; ls /tmp");
    assert_int_equal(other.out.len, 0); /* the pipe is full, it waits */
    assert_int_equal(run.out.len, 0);
    assert_false(run.exited);
    ccb_process_resume(run.process);
    bed_wait(box.bed, &run.closed);
    assert_int_equal(run.out.len, 300004);
    run_free(&run);
    box_close(&box);
}

static void on_output_before_exit(void *ctx, const struct ccb_exit *ended)
{
    struct run *run = ctx;

    assert_int_equal(run->out.len, 5);
    on_run_exit(ctx, ended);
}

static void test_output_before_the_exit_comes_before_on_exit(void **state)
{
    const char *const args[] = {"-c", "sh -c 'cat < /tmp/f; echo child' & "
                                      "echo mine"};
    struct box box;
    struct run run;
    struct ccb_step step = run_step(&run, "vcap", args, 2);

    box_open(&box, *state);
    run_says(&box, "vcap", "mkfifo /tmp/f", "");
    step.on_exit = on_output_before_exit;
    run_start(&run, &box, &step);
    bed_wait(box.bed, &run.exited);
    assert_false(run.closed); /* a child still holds the streams */
    run_says(&box, "vcap", "echo go > /tmp/f", "");
    bed_wait(box.bed, &run.closed);
    assert_string_equal(run_text(&run.out), "mine\ngo\nchild\n");
    run_free(&run);
    box_close(&box);
}

static void test_a_detached_step_closes_with_its_exit(void **state)
{
    struct box box;
    struct run run;

    box_open(&box, *state);
    run_script(&run, &box, "vcap", "cat /dev/zero & cat /dev/zero | head -c 9");
    ccb_process_detach(run.process);
    bed_wait(box.bed, &run.closed);
    assert_int_equal(run.exit.code, 0);
    box_close(&box);
    run_free(&run);
}

/* ---- ends ---------------------------------------------------------------- */

static void test_a_signal_to_all_reaches_all(void **state)
{
    struct box box;
    struct run one, two;

    box_open(&box, *state);
    run_script(&one, &box, "vcap", "echo up; exec cat /dev/zero >/dev/null");
    run_script(&two, &box, "root", "echo up; exec cat /dev/zero >/dev/null");
    assert_int_equal(ccb_container_signal_all(box.container, SIGKILL), CCB_OK);
    bed_wait(box.bed, &one.closed);
    bed_wait(box.bed, &two.closed);
    assert_int_equal(ccb_exit_code(&one.exit), 137);
    assert_int_equal(ccb_exit_code(&two.exit), 137);
    run_says(&box, "vcap", "echo still here", "still here\n");
    run_free(&one);
    run_free(&two);
    box_close(&box);
}

static void test_destroy_tells_each_process_that_it_is_lost(void **state)
{
    struct box box;
    struct run one, two;

    box_open(&box, *state);
    run_script(&one, &box, "vcap", "trap '' TERM; while :; do :; done");
    run_script(&two, &box, "vcap", "echo x; cat /dev/zero");
    ccb_process_pause(two.process);
    box_close(&box);
    assert_true(one.closed && two.closed);
    assert_int_equal(one.exit.kind, CCB_EXIT_LOST);
    assert_int_equal(two.exit.kind, CCB_EXIT_LOST);
    run_free(&two);
}

static void test_destroy_while_it_starts(void **state)
{
    struct box box = {.bed = *state};
    struct ccb_container_options options = box_options(&box, 0);

    assert_int_equal(
        ccb_container_create(&box.container, &box.bed->loop, &options, NULL),
        CCB_OK);
    box_close(&box);
    assert_false(box.created);
}

static void test_a_container_that_cannot_stand_says_why(void **state)
{
    static const struct {
        const char *rootfs, *bwrap, *words;
    } rows[] = {
        {"/no/such/rootfs", NULL, "root file system /no/such/rootfs"},
        {"/", "/no/bwrap", "/no/bwrap: No such file or directory"},
        {"/", "/bin/false", "ended at its start"},
        {"/", "/bin/ls", "bwrap: unrecognized option"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct box box = {.bed = *state};
        struct ccb_container_options options = box_options(&box, 0);

        options.rootfs = rows[i].rootfs;
        options.bwrap = rows[i].bwrap;
        box_create(&box, &options);
        if (strstr(box.err.message, rows[i].words) == NULL)
            fail_msg("\"%s\" lacks \"%s\"", box.err.message, rows[i].words);
        assert_false(box.lost);
        box_close(&box);
    }
}

static void test_wrong_options_are_refused_at_once(void **state)
{
    struct box box = {.bed = *state};
    struct ccb_container_options options = box_options(&box, 0), bad = options;

    bad.guid = "../x";
    assert_int_equal(
        ccb_container_create(&box.container, &box.bed->loop, &bad, NULL),
        CCB_INVALID);
    bad = options;
    bad.uid_base = 0;
    assert_int_equal(
        ccb_container_create(&box.container, &box.bed->loop, &bad, NULL),
        CCB_INVALID);
    bad = options;
    bad.rootfs = "relative";
    assert_int_equal(
        ccb_container_create(&box.container, &box.bed->loop, &bad, NULL),
        CCB_INVALID);
}

static void test_memory_over_the_limit_is_told(void **state)
{
    struct box box = {.bed = *state};
    struct ccb_container_options options = box_options(&box, 0);
    struct run run;

    options.memory_mb = 48;
    box_create(&box, &options);
    assert_string_equal(box.err.message, "");
    if (ccb_container_memory_note(box.container) != NULL) {
        print_message("skipped: %s\n",
                      ccb_container_memory_note(box.container));
    } else {
        run_whole(&run, &box, "vcap", "exit 1");
        assert_false(run.exit.out_of_memory);
        run_whole(&run, &box, "vcap",
                  "head -c 200000000 /dev/zero | tail -n1 "
                  "> /dev/null");
        assert_int_equal(ccb_exit_code(&run.exit), 137);
        assert_true(run.exit.out_of_memory);
        run_says(&box, "vcap", "echo still here", "still here\n");
    }
    run_free(&run);
    box_close(&box);
}

/* Every allocation of a create and a spawn fails once: words or success, and
 * nothing left behind. */
static void test_no_memory_is_survived(void **state)
{
    for (size_t nth = 1;; nth++) {
        struct box box = {.bed = *state};
        struct ccb_container_options options = box_options(&box, 0);
        size_t made;
        int code;

        (void)ccb_mem_fail_at(nth, 0);
        code = ccb_container_create(&box.container, &box.bed->loop, &options,
                                    &box.err);
        made = ccb_mem_fail_at(0, 0);
        if (code == CCB_OK)
            box_close(&box);
        else
            assert_int_equal(code, CCB_NO_MEMORY);
        if (made < nth)
            break;
    }
}

static void test_no_memory_for_a_step_is_survived(void **state)
{
    const char *const args[] = {"-c", "exit 0"};
    struct box box;
    struct run run = {0};
    struct ccb_step step = run_step(&run, "vcap", args, 2);
    int code = CCB_NO_MEMORY;

    box_open(&box, *state);
    for (size_t nth = 1; code != CCB_OK; nth++) {
        (void)ccb_mem_fail_at(nth, 0);
        code = ccb_container_spawn(&run.process, box.container, &step, NULL);
        (void)ccb_mem_fail_at(0, 0);
        assert_true(code == CCB_OK || code == CCB_NO_MEMORY);
    }
    bed_wait(box.bed, &run.closed);
    run_says(&box, "vcap", "echo still here", "still here\n");
    box_close(&box);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bed_open, bed_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_step_has_user_directory_and_arguments),
        TEST(test_environment_comes_in_order_and_the_last_wins),
        TEST(test_paths_are_found_in_the_environment),
        TEST(test_streams_are_told_apart_and_can_be_opened_again),
        TEST(test_exit_statuses_and_signals_are_told),
        TEST(test_a_step_that_cannot_begin_has_words),
        TEST(test_nofile_is_set_and_bounded),
        TEST(test_arguments_over_the_limit_are_refused),
        TEST(test_many_steps_share_tmp_and_end_in_any_order),
        TEST(test_a_paused_step_waits_and_loses_nothing),
        TEST(test_output_before_the_exit_comes_before_on_exit),
        TEST(test_a_detached_step_closes_with_its_exit),
        TEST(test_a_signal_to_all_reaches_all),
        TEST(test_destroy_tells_each_process_that_it_is_lost),
        TEST(test_destroy_while_it_starts),
        TEST(test_a_container_that_cannot_stand_says_why),
        TEST(test_wrong_options_are_refused_at_once),
        TEST(test_memory_over_the_limit_is_told),
        TEST(test_no_memory_is_survived),
        TEST(test_no_memory_for_a_step_is_survived),
    };

    if (bed_missing())
        return 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
