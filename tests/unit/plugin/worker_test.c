/*
 * Worker processes: the handshake and its refusals, answers, the sandbox, and
 * every way to fail (worker.h; anchors 3.6).
 */
#include "worker_testing.h"

#include <errno.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "plugin/wire.h"

struct printed {
    size_t lines;
    char first[128];
};

static void on_print(void *user, struct ccb_slice line)
{
    struct printed *printed = user;

    if (printed->lines++ == 0)
        snprintf(printed->first, sizeof(printed->first), "%.*s", (int)line.len,
                 line.ptr);
}

static struct ccb_plugin_worker_options options_of(const struct lone *lone,
                                                   struct printed *printed)
{
    return (struct ccb_plugin_worker_options){
        .runner = RUNNER,
        .image_fd = lone->plugin->image.fd,
        .id = lone->plugin->manifest.id,
        .config = lone->plugin->policy.config,
        .memory_mb = 256,
        .on_print = on_print,
        .user = printed,
    };
}

static struct ccb_plugin_worker *open_worker(struct lone *lone,
                                             struct printed *printed)
{
    struct ccb_plugin_worker_options options = options_of(lone, printed);
    struct ccb_plugin_refusal refusal = {.reason = CCB_REFUSED_NONE};
    struct ccb_plugin_worker *worker;
    struct ccb_error error = {0};

    *printed = (struct printed){0};
    if (ccb_plugin_worker_start(&worker, &options,
                                ccb_clock_monotonic() + 20 * CCB_SECOND,
                                lone->plugin->offered, &refusal, &error) != 0)
        fail_msg("%s: %s", error.message, refusal.found);
    return worker;
}

/* No child is left: neither running nor to be reaped. */
static void assert_no_process(void)
{
    assert_int_equal(-1, waitpid(-1, NULL, WNOHANG));
    assert_int_equal(ECHILD, errno);
}

/* ---- opening ------------------------------------------------------------ */

static void test_a_handshake_tells_what_is_offered(void **state)
{
    struct printed printed;
    struct lone lone;
    struct ccb_plugin_worker *worker;

    (void)state;
    lone_open(&lone, "good");
    worker = open_worker(&lone, &printed);
    assert_true(lone.plugin->offered[CCB_PLUGIN_STAGING_RECIPE]);
    assert_true(lone.plugin->offered[CCB_PLUGIN_LRP]);
    assert_false(lone.plugin->offered[CCB_PLUGIN_TASK]);
    assert_false(lone.plugin->offered[CCB_PLUGIN_DOCKER_URI]);
    assert_string_equal("", ccb_plugin_worker_denied(worker));
    assert_true(ccb_plugin_worker_kill(worker));
    assert_no_process();
    lone_close(&lone);
}

static void test_a_plugin_that_does_not_open_is_refused_in_words(void **state)
{
    static const struct {
        const char *member, *found;
        enum ccb_refusal reason;
    } rows[] = {
        {"unresolved", "undefined symbol", CCB_REFUSED_LOAD},
        {"create_null", "NULL from create", CCB_REFUSED_CREATE},
        {"bad_magic", "magic 0x", CCB_REFUSED_BAD_ENTRY},
        {"missing_interface", "NULL from get_interface", CCB_REFUSED_INTERFACE},
        {"iso_ctor_abort", "killed by signal 6 (ABRT)", CCB_REFUSED_CRASHED},
        {"iso_create_hangs", "no answer", CCB_REFUSED_TIMED_OUT},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ccb_plugin_refusal refusal = {.reason = CCB_REFUSED_NONE};
        int64_t patience = rows[i].reason == CCB_REFUSED_TIMED_OUT
                               ? 300 * CCB_MILLISECOND
                               : 20 * CCB_SECOND;
        struct ccb_plugin_worker_options options;
        struct ccb_plugin_worker *worker;
        struct lone lone;

        lone_open(&lone, rows[i].member);
        options = options_of(&lone, NULL);
        assert_int_equal(
            CCB_INVALID,
            ccb_plugin_worker_start(&worker, &options,
                                    ccb_clock_monotonic() + patience,
                                    lone.plugin->offered, &refusal, NULL));
        assert_null(worker);
        assert_contains(refusal.found, rows[i].found);
        assert_int_equal(rows[i].reason, refusal.reason);
        lone_close(&lone);
        assert_no_process();
    }
}

static void test_a_runner_that_is_none_is_an_error_in_words(void **state)
{
    static const struct {
        const char *runner, *words;
        int code;
    } rows[] = {
        {"/nowhere/runner", "/nowhere/runner can't be started", CCB_IO},
        {"/bin/true", "ended with status 0", CCB_INVALID},
    };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct ccb_plugin_refusal refusal = {.reason = CCB_REFUSED_NONE};
        struct ccb_plugin_worker_options options;
        struct ccb_plugin_worker *worker;
        struct ccb_error error = {0};
        struct lone lone;

        lone_open(&lone, "good");
        options = options_of(&lone, NULL);
        options.runner = rows[i].runner;
        assert_int_equal(
            rows[i].code,
            ccb_plugin_worker_start(&worker, &options,
                                    ccb_clock_monotonic() + 20 * CCB_SECOND,
                                    lone.plugin->offered, &refusal, &error));
        assert_contains(error.message, rows[i].words);
        lone_close(&lone);
        assert_no_process();
    }
}

/* What a worker says of its memory, or a plugin in its place, is a fault of
 * that file; no memory of ours would give up all plugins. */
static void test_a_worker_without_memory_is_refused(void **state)
{
    static const struct ccb_wire_refused none = {.reason = CCB_REFUSED_NONE};
    struct ccb_plugin_refusal refusal = {.reason = CCB_REFUSED_NONE};
    struct ccb_plugin_worker_options options;
    struct ccb_plugin_worker *worker;
    struct ccb_buf frame = {0};
    char text[PATH_MAX + 64], path[PATH_MAX + 8];
    struct lone lone;
    struct zoo zoo;

    (void)state;
    zoo_init(&zoo);
    assert_int_equal(0, ccb_wire_encode(&frame, CCB_WIRE_REFUSED, 0, &none));
    zoo_add_bytes(&zoo, "frame", frame.data, frame.len);
    ccb_buf_destroy(&frame);
    snprintf(text, sizeof(text), "#!/bin/sh\nexec /bin/cat %s/frame >&3\n",
             zoo.dir);
    zoo_add_bytes(&zoo, "runner", text, strlen(text));
    snprintf(path, sizeof(path), "%s/runner", zoo.dir);
    assert_int_equal(0, chmod(path, 0755));
    lone_open(&lone, "good");
    options = options_of(&lone, NULL);
    options.runner = path;
    assert_int_equal(CCB_INVALID, ccb_plugin_worker_start(
                                      &worker, &options,
                                      ccb_clock_monotonic() + 20 * CCB_SECOND,
                                      lone.plugin->offered, &refusal, NULL));
    assert_int_equal(CCB_REFUSED_LOAD, refusal.reason);
    assert_contains(refusal.expected, "memory_mb");
    lone_close(&lone);
    zoo_destroy(&zoo);
    assert_no_process();
}

static void test_the_policys_config_reaches_create(void **state)
{
    struct printed printed;
    struct lone lone;
    struct ccb_plugin_worker *worker;
    struct ccb_call *call;

    (void)state;
    lone_open(&lone, "iso_config");
    lone.plugin->policy.config = S("{\"mirror\":\"m\"}");
    worker = open_worker(&lone, &printed);
    call = lone_call(&lone, "g", 20 * CCB_SECOND);
    assert_int_equal(0, ccb_plugin_worker_call(worker, call, NULL));
    assert_int_equal(0, call->answer.code);
    assert_true(ccb_slice_is(call->answer.value.raw, "{\"mirror\":\"m\"}"));
    ccb_plugin_call_free(call);
    assert_true(ccb_plugin_worker_kill(worker));
    lone_close(&lone);
}

/* ---- answers ------------------------------------------------------------ */

/* One recipe of a member, concluded. */
static struct ccb_call *call_once(struct lone *lone, const char *member,
                                  const char *guid, struct printed *printed)
{
    struct ccb_plugin_worker *worker;
    struct ccb_call *call;
    struct ccb_error error = {0};

    lone_open(lone, member);
    worker = open_worker(lone, printed);
    call = lone_call(lone, guid, 20 * CCB_SECOND);
    if (ccb_plugin_worker_call(worker, call, &error) != 0)
        fail_msg("%s: %s", member, error.message);
    assert_true(ccb_plugin_worker_kill(worker));
    assert_no_process();
    return call;
}

static void test_answers_are_as_in_process(void **state)
{
    static const struct {
        const char *member;
        int code;
        const char *words;
    } rows[] = {
        {"emit_garbage", CCB_FAILED,
         "plugin zoo.emit-garbage: the result of build_recipe is not JSON: "},
        {"emit_too_much", CCB_TOO_LARGE, "is over 1048576 bytes"},
        {"fail_without_reason", CCB_NOT_FOUND, "build_recipe failed (not"},
        {"returns_nonsense", CCB_FAILED, "returned -777, which means nothing"},
        {"asks_without_names", CCB_FAILED, "needs facts but named none"},
        {"fail_at_length", CCB_INVALID, "!"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct printed printed;
        struct lone lone;
        struct ccb_call *call = call_once(&lone, rows[i].member, "g", &printed);

        assert_int_equal(rows[i].code, call->answer.code);
        assert_contains(call->answer.error, rows[i].words);
        assert_int_equal(0, call->answer.cc_error_id.len);
        ccb_plugin_call_free(call);
        lone_close(&lone);
    }
}

static void test_a_request_arrives_byte_for_byte_many_times(void **state)
{
    struct printed printed;
    struct lone lone;
    struct ccb_plugin_worker *worker;

    (void)state;
    lone_open(&lone, "good");
    worker = open_worker(&lone, &printed);
    for (int i = 0; i < 100; i++) {
        struct ccb_call *call = lone_call(&lone, "g-1", 20 * CCB_SECOND);

        assert_int_equal(0, ccb_plugin_worker_call(worker, call, NULL));
        assert_true(ccb_slice_is(call->answer.value.raw,
                                 "{\"guid\":\"g-1\",\"message\":{\"a\":1},"
                                 "\"facts\":{\"x\":\"y\"}}"));
        ccb_plugin_call_free(call);
    }
    assert_true(ccb_plugin_worker_kill(worker));
    lone_close(&lone);
}

static void test_log_lines_come_out_here(void **state)
{
    struct printed printed;
    struct lone lone;
    char *text;
    int fd = zoo_log_begin();
    struct ccb_call *call = call_once(&lone, "logs_a_lot", "g", &printed);

    (void)state;
    text = zoo_log_end(fd);
    assert_contains(text, "\"plugin\":\"zoo.logs-a-lot\"");
    ccb_free(text);
    ccb_plugin_call_free(call);
    lone_close(&lone);
}

static void test_what_is_printed_comes_line_by_line(void **state)
{
    struct printed printed;
    struct lone lone;
    struct ccb_call *call = call_once(&lone, "iso_moody", "print", &printed);

    (void)state;
    /* It may have come behind the answer. */
    if (printed.lines)
        assert_string_equal("first line", printed.first);
    assert_int_equal(0, call->answer.code);
    ccb_plugin_call_free(call);
    lone_close(&lone);
}

/* ---- the sandbox -------------------------------------------------------- */

static void test_a_plugin_can_compute_and_nothing_else(void **state)
{
    /* 1 is EPERM */
    static const char refused[] =
        "{\"fork\":1,\"setsid\":1,\"socket\":1,\"open\":1,\"kill\":1,"
        "\"exec\":1,\"handler\":1,\"environment\":0,\"end\":0}";
    struct printed printed;
    struct lone lone;
    struct ccb_plugin_worker *worker;
    struct ccb_call *call;

    (void)state;
    lone_open(&lone, "iso_moody");
    worker = open_worker(&lone, &printed);
    call = lone_call(&lone, "try", 20 * CCB_SECOND);
    assert_int_equal(0, ccb_plugin_worker_call(worker, call, NULL));
    assert_int_equal(0, call->answer.code);
    assert_true(ccb_slice_is(call->answer.value.raw, refused));
    assert_contains(ccb_plugin_worker_denied(worker), "socket");
    assert_contains(ccb_plugin_worker_denied(worker), "clone");
    assert_contains(ccb_plugin_worker_denied(worker), "setsid");
    assert_contains(ccb_plugin_worker_denied(worker), "openat");
    ccb_plugin_call_free(call);
    call = lone_call(&lone, "thread", 20 * CCB_SECOND);
    assert_int_equal(0, ccb_plugin_worker_call(worker, call, NULL));
    assert_true(ccb_slice_is(call->answer.value.raw, "7"));
    ccb_plugin_call_free(call);
    assert_true(ccb_plugin_worker_kill(worker));
    lone_close(&lone);
    assert_no_process();
}

static void test_memory_is_bounded(void **state)
{
    struct printed printed;
    struct lone lone;
    struct ccb_call *call;
    int64_t megabytes = 0;

    (void)state;
    if (SANITIZED)
        skip();
    call = call_once(&lone, "iso_moody", "eat", &printed);
    assert_int_equal(0, call->answer.code);
    assert_int_equal(
        0, ccb_json_int64(ccb_json_get(call->answer.value, "megabytes"),
                          &megabytes));
    assert_in_range(megabytes, 100, 290);
    ccb_plugin_call_free(call);
    lone_close(&lone);
}

/* ---- failing ------------------------------------------------------------ */

static void test_every_way_to_fail_is_told_apart(void **state)
{
    static const struct {
        const char *guid, *how;
        int code;
    } rows[] = {
        {"abort", "killed by signal 6 (ABRT)", CCB_CLOSED},
        {"exit", "ended with status ", CCB_CLOSED},
        {"scribble", "talked nonsense: a frame without its magic", CCB_CLOSED},
        {"close", "closed its socket", CCB_CLOSED},
        {"hang", "", CCB_TIMED_OUT},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t patience = rows[i].code == CCB_TIMED_OUT ? 200 * CCB_MILLISECOND
                                                         : 20 * CCB_SECOND;
        struct ccb_error error = {0};
        struct printed printed;
        struct lone lone;
        struct ccb_plugin_worker *worker;
        struct ccb_call *call;

        lone_open(&lone, "iso_moody");
        worker = open_worker(&lone, &printed);
        call = lone_call(&lone, rows[i].guid, patience);
        assert_int_equal(rows[i].code,
                         ccb_plugin_worker_call(worker, call, &error));
        assert_contains(error.message, rows[i].how);
        ccb_plugin_call_free(call);
        assert_true(ccb_plugin_worker_kill(worker));
        assert_no_process();
        lone_close(&lone);
    }
}

static void test_a_wait_ends_when_it_is_told_to(void **state)
{
    struct ccb_plugin_worker_options options;
    struct ccb_plugin_refusal refusal;
    struct ccb_plugin_worker *worker;
    struct ccb_error error = {0};
    struct lone lone;

    (void)state;
    lone_open(&lone, "iso_create_hangs");
    options = options_of(&lone, NULL);
    options.stop_fd = eventfd(1, EFD_CLOEXEC);
    assert_int_equal(
        CCB_CANCELLED,
        ccb_plugin_worker_start(&worker, &options,
                                ccb_clock_monotonic() + 20 * CCB_SECOND,
                                lone.plugin->offered, &refusal, &error));
    close(options.stop_fd);
    lone_close(&lone);
    assert_no_process();
}

/* No memory at any place ends a start or a call, and leaves no process. */
static void test_every_allocation_may_fail(void **state)
{
    struct lone lone;
    int code = CCB_NO_MEMORY;

    (void)state;
    lone_open(&lone, "good");
    for (size_t nth = 1; code != 0; nth++) {
        struct printed printed;
        struct ccb_plugin_worker_options options = options_of(&lone, &printed);
        struct ccb_call *call = lone_call(&lone, "g", 20 * CCB_SECOND);
        struct ccb_plugin_refusal refusal;
        struct ccb_plugin_worker *worker;

        assert_true(nth < 50);
        ccb_mem_fail_at(nth, 0);
        code = ccb_plugin_worker_start(&worker, &options, call->deadline,
                                       lone.plugin->offered, &refusal, NULL);
        if (code == 0)
            code = ccb_plugin_worker_call(worker, call, NULL);
        if (code == 0)
            code = call->answer.code;
        ccb_mem_fail_at(0, 0);
        assert_true(code == 0 || code == CCB_NO_MEMORY);
        assert_true(ccb_plugin_worker_kill(worker));
        ccb_plugin_call_free(call);
        assert_no_process();
    }
    lone_close(&lone);
}

/* The status it ends with, started by hand. */
static int run_by_hand(const char *argument)
{
    char *argv[] = {(char *)RUNNER, (char *)argument, NULL};
    posix_spawn_file_actions_t actions;
    int status;
    pid_t pid;

    assert_int_equal(0, posix_spawn_file_actions_init(&actions));
    for (int fd = 1; fd <= 2; fd++)
        assert_int_equal(0, posix_spawn_file_actions_addopen(
                                &actions, fd, "/dev/null", O_WRONLY, 0));
    assert_int_equal(0, posix_spawn_file_actions_addclosefrom_np(&actions, 3));
    assert_int_equal(0, posix_spawn(&pid, RUNNER, &actions, NULL, argv, NULL));
    posix_spawn_file_actions_destroy(&actions);
    assert_int_equal(pid, waitpid(pid, &status, 0));
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void test_the_runner_is_not_started_by_hand(void **state)
{
    (void)state;
    assert_int_equal(0, run_by_hand("--help"));
    assert_int_equal(2, run_by_hand(NULL));
    assert_int_equal(2, run_by_hand("1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_handshake_tells_what_is_offered),
        cmocka_unit_test(test_a_plugin_that_does_not_open_is_refused_in_words),
        cmocka_unit_test(test_a_runner_that_is_none_is_an_error_in_words),
        cmocka_unit_test(test_a_worker_without_memory_is_refused),
        cmocka_unit_test(test_the_policys_config_reaches_create),
        cmocka_unit_test(test_answers_are_as_in_process),
        cmocka_unit_test(test_a_request_arrives_byte_for_byte_many_times),
        cmocka_unit_test(test_log_lines_come_out_here),
        cmocka_unit_test(test_what_is_printed_comes_line_by_line),
        cmocka_unit_test(test_a_plugin_can_compute_and_nothing_else),
        cmocka_unit_test(test_memory_is_bounded),
        cmocka_unit_test(test_every_way_to_fail_is_told_apart),
        cmocka_unit_test(test_a_wait_ends_when_it_is_told_to),
        cmocka_unit_test(test_every_allocation_may_fail),
        cmocka_unit_test(test_the_runner_is_not_started_by_hand),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
