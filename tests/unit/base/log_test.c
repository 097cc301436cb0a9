/*
 * The historic log line, byte by byte; who wins when keys are equal; that no
 * secret passes; that lines of several threads stay whole; how a fatal line
 * ends the process (contract/stager.md A3).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/log_line.h"
#include "base/mem.h"
#include "ccbridge/json.h"

static int ends[2]; /* the pipe the log goes to */
static struct ccb_log_session component;
static char line[65536]; /* the last line, without its end */
static char long_text[30000];

static int on_setup(void **state)
{
    (void)state;
    memset(long_text, 'x', sizeof(long_text));
    if (pipe2(ends, O_CLOEXEC) != 0)
        return -1;
    (void)fcntl(ends[1], F_SETPIPE_SZ, 65536);
    (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
    ccb_log_set_fd(ends[1]);
    ccb_log_set_level(CCB_LEVEL_INFO);
    ccb_log_open(&component, "stager");
    return 0;
}

static int on_teardown(void **state)
{
    (void)state;
    ccb_log_set_fd(STDOUT_FILENO);
    (void)close(ends[0]);
    (void)close(ends[1]);
    return 0;
}

/* Whether there was one line, and only one; checks that it is JSON. */
static int read_line(void)
{
    ssize_t n = read(ends[0], line, sizeof(line) - 1);
    struct ccb_json value;

    if (n <= 0)
        return 0;
    assert_int_equal(line[n - 1], '\n');
    line[n - 1] = '\0';
    assert_null(strchr(line, '\n'));
    assert_int_equal(
        ccb_json_parse(&value, ccb_slice_of(line), CCB_JSON_WHOLE, NULL), 0);
    return 1;
}

/* Everything behind the timestamp, which has its form checked. */
static void assert_line(const char *rest)
{
    static const char start[] = "{\"timestamp\":\"";
    const char *pos = line + sizeof(start) - 1;
    size_t seconds;

    assert_true(read_line());
    assert_memory_equal(line, start, sizeof(start) - 1);
    seconds = strspn(pos, "0123456789");
    assert_int_equal(seconds, 10);
    assert_int_equal(pos[seconds], '.');
    assert_int_equal(strspn(pos + seconds + 1, "0123456789"), 9);
    assert_string_equal(pos + seconds + 10, rest);
}

static void test_the_line_of_the_contract(void **state)
{
    struct ccb_log_session handler, request;
    struct ccb_log_field guid = ccb_log_cstr("staging-guid", "s-77");

    (void)state;
    for (int i = 0; i < 3; i++)
        ccb_log_begin(&handler, &component, "staging-handler", NULL, 0);
    for (int i = 0; i < 12; i++)
        ccb_log_begin(&request, &handler, "staging-request", &guid, 1);
    ccb_log_write(
        &request, CCB_LEVEL_INFO, "desiring-task",
        CCB_FIELDS(ccb_log_cstr("task_guid", "s-77"),
                   ccb_log_cstr("callback_url", "http://stg.local:8888/v1/"
                                                "staging/s-77/completed")));
    assert_line("\",\"source\":\"stager\",\"message\":\"stager.staging-handler."
                "staging-request.desiring-task\",\"log_level\":1,\"data\":{"
                "\"callback_url\":\"http://stg.local:8888/v1/staging/s-77/"
                "completed\",\"session\":\"3.12\",\"staging-guid\":\"s-77\","
                "\"task_guid\":\"s-77\"}}");
}

static void test_a_component_has_no_session_number(void **state)
{
    (void)state;
    ccb_log_info(&component, "started");
    assert_line("\",\"source\":\"stager\",\"message\":\"stager.started\","
                "\"log_level\":1,\"data\":{}}");
}

static void test_times_keep_their_zeros(void **state)
{
    struct ccb_log_line text;

    (void)state;
    ccb_log_line_init(&text);
    ccb_log_line_put_time(&text, INT64_C(1440417600125000000));
    CCB_LOG_LINE_LIT(&text, " ");
    ccb_log_line_put_time(&text, INT64_C(1440417600000000001));
    CCB_LOG_LINE_LIT(&text, " ");
    ccb_log_line_put_time(&text, -1); /* a clock before 1970 */
    assert_true(ccb_slice_is(ccb_slice_make(text.data, text.len),
                             "1440417600.125000000 1440417600.000000001 "
                             "0.000000000"));
    ccb_log_line_destroy(&text);
}

static void test_error_carries_its_text(void **state)
{
    struct ccb_log_session session;

    (void)state;
    ccb_log_begin(&session, &component, "s", NULL, 0);
    ccb_log_error(&session, "failed", "no <route> & \"such\"");
    assert_line("\",\"source\":\"stager\",\"message\":\"stager.s.failed\","
                "\"log_level\":2,\"data\":{\"error\":\"no \\u003croute\\u003e "
                "\\u0026 \\\"such\\\"\",\"session\":\"1\"}}");
}

static void test_levels(void **state)
{
    (void)state;
    ccb_log_debug(&component, "quiet");
    assert_false(read_line());
    ccb_log_set_level(CCB_LEVEL_DEBUG);
    ccb_log_debug(&component, "heard");
    assert_true(read_line());
    ccb_log_set_level(CCB_LEVEL_FATAL);
    assert_false(ccb_log_enabled(CCB_LEVEL_ERROR));
    ccb_log_error(&component, "quiet", "x");
    assert_false(read_line());
    assert_int_equal(ccb_log_parse_level("debug"), CCB_LEVEL_DEBUG);
    assert_int_equal(ccb_log_parse_level("info"), CCB_LEVEL_INFO);
    assert_int_equal(ccb_log_parse_level("error"), CCB_LEVEL_ERROR);
    assert_int_equal(ccb_log_parse_level("fatal"), CCB_LEVEL_FATAL);
    assert_int_equal(ccb_log_parse_level("INFO"), -1);
    assert_int_equal(ccb_log_parse_level(""), -1);
}

static void test_who_wins_among_equal_keys(void **state)
{
    const struct ccb_log_field outer[] = {ccb_log_cstr("a", "outer"),
                                          ccb_log_cstr("b", "outer"),
                                          ccb_log_cstr("c", "outer")};
    const struct ccb_log_field inner[] = {ccb_log_cstr("b", "inner"),
                                          ccb_log_cstr("c", "inner"),
                                          ccb_log_cstr("session", "never")};
    struct ccb_log_session first, second;

    (void)state;
    ccb_log_begin(&first, &component, "x", outer, 3);
    ccb_log_begin(&second, &first, "y", inner, 3);
    ccb_log_write(
        &second, CCB_LEVEL_INFO, "z",
        CCB_FIELDS(ccb_log_cstr("c", "not this"), ccb_log_cstr("c", "entry")));
    assert_line("\",\"source\":\"stager\",\"message\":\"stager.x.y.z\","
                "\"log_level\":1,\"data\":{\"a\":\"outer\",\"b\":\"inner\","
                "\"c\":\"entry\",\"session\":\"1.1\"}}");
}

static void test_keys_are_in_byte_order(void **state)
{
    (void)state;
    ccb_log_write(&component, CCB_LEVEL_INFO, "z",
                  CCB_FIELDS(ccb_log_int("b", 1), ccb_log_int("Z", 2),
                             ccb_log_int("a-b", 3), ccb_log_int("a_b", 4),
                             ccb_log_int("a", 5), ccb_log_int("\xc3\xa9", 6)));
    assert_true(read_line());
    assert_non_null(strstr(line, "{\"Z\":2,\"a\":5,\"a-b\":3,\"a_b\":4,\"b\":1,"
                                 "\"\xc3\xa9\":6}"));
}

static void test_more_members_than_usual(void **state)
{
    struct ccb_log_field fields[100];
    char names[100][16];

    (void)state;
    for (int i = 0; i < 100; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "%02d", 99 - i);
        fields[i] = ccb_log_int(names[i], 99 - i);
    }
    ccb_log_write(&component, CCB_LEVEL_INFO, "z", fields, 100);
    assert_true(read_line());
    for (int i = 0; i < 99; i++) {
        char pair[64];

        (void)snprintf(pair, sizeof(pair), "\"%02d\":%d,\"%02d\":%d", i, i,
                       i + 1, i + 1);
        assert_non_null(strstr(line, pair));
    }
}

static void test_kinds_of_values(void **state)
{
    (void)state;
    ccb_log_write(&component, CCB_LEVEL_INFO, "z",
                  CCB_FIELDS(ccb_log_int("a", INT64_MIN),
                             ccb_log_int("b", INT64_MAX), ccb_log_bool("c", 1),
                             ccb_log_bool("d", 0),
                             ccb_log_json("e", ccb_slice_of("[1, {}]")),
                             ccb_log_json("f", ccb_slice_of("[not json")),
                             ccb_log_text("g", ccb_slice_make(NULL, 0))));
    assert_true(read_line());
    assert_non_null(
        strstr(line, "{\"a\":-9223372036854775808,\"b\":9223372036854775807,"
                     "\"c\":true,\"d\":false,\"e\":[1,{}],\"f\":\"[not json\","
                     "\"g\":\"\"}"));
}

static void test_escapes(void **state)
{
    static const char bytes[] = "q\" b\\ n\n r\r t\t \x01 \x1f \x7f \xc3\xa9 "
                                "\xe2\x80\xa8\xe2\x80\xa9 \xff \xed\xa0\x80 "
                                "\xf0\x9f\x98\x80 \xe2\x82";

    (void)state;
    ccb_log_write(
        &component, CCB_LEVEL_INFO, "a<b",
        CCB_FIELDS(ccb_log_text("k\n", ccb_slice_make(bytes, sizeof(bytes)))));
    assert_true(read_line());
    assert_non_null(strstr(line, "stager.a\\u003cb"));
    assert_non_null(strstr(
        line,
        "\"k\\n\":\"q\\\" b\\\\ n\\n r\\r t\\t \\u0001 \\u001f \x7f \xc3\xa9 "
        "\\u2028\\u2029 \xef\xbf\xbd \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd "
        "\xf0\x9f\x98\x80 \xef\xbf\xbd\xef\xbf\xbd\\u0000\""));
}

static void test_secrets_are_cut(void **state)
{
    static const char request[] =
        "{\"environment\":[{\"name\":\"A\",\"value\":\"s3cret\"}],"
        "\"docker_password\":\"s3cret\"}";

    (void)state;
    ccb_log_write(&component, CCB_LEVEL_INFO, "z",
                  CCB_FIELDS(ccb_log_cstr("url", "http://u:s3cret@h/x"),
                             ccb_log_json("request", ccb_slice_of(request)),
                             ccb_log_cstr("key", "-----BEGIN KEY\ns3cret")));
    assert_true(read_line());
    assert_null(strstr(line, "s3cret"));
    assert_non_null(strstr(line, "\"key\":\"[redacted]\""));
    assert_non_null(strstr(line, "\"url\":\"http://h/x\""));
    assert_non_null(strstr(line, "{\"name\":\"A\",\"value\":\"[redacted]\"}"));
}

static void test_a_long_line_is_whole(void **state)
{
    (void)state;
    ccb_log_write(
        &component, CCB_LEVEL_INFO, "z",
        CCB_FIELDS(ccb_log_text("a", ccb_slice_make(long_text, 30000)),
                   ccb_log_int("b", 1)));
    assert_true(read_line());
    assert_int_equal(strspn(strstr(line, "xxx"), "x"), 30000);
    assert_non_null(strstr(line, "\"b\":1}"));
}

static void test_usual_lines_need_no_memory(void **state)
{
    struct ccb_log_field guid = ccb_log_cstr("guid", "s-77");
    struct ccb_log_session session;

    (void)state;
    (void)ccb_mem_fail_at(1, 1);
    ccb_log_begin(&session, &component, "s", &guid, 1);
    ccb_log_write(
        &session, CCB_LEVEL_INFO, "z",
        CCB_FIELDS(ccb_log_cstr("url", "http://h/x"), ccb_log_int("n", 1)));
    assert_int_equal(ccb_mem_fail_at(0, 0), 0);
    assert_true(read_line());
    assert_non_null(strstr(line, "\"n\":1"));
}

/* The line itself is what must not be lost. */
static void test_without_memory_the_data_is_left_out(void **state)
{
    const struct ccb_log_field fields[] = {
        ccb_log_text("a", ccb_slice_make(long_text, sizeof(long_text))),
        ccb_log_cstr("b", "http://u:s3cret@h"),
        ccb_log_json("c", ccb_slice_of("{\"password\":\"s3cret\"}"))};

    (void)state;
    for (int i = 0; i < 3; i++) {
        (void)ccb_mem_fail_at(1, 1);
        ccb_log_write(&component, CCB_LEVEL_ERROR, "z", &fields[i], 1);
        (void)ccb_mem_fail_at(0, 0);
        assert_line("\",\"source\":\"stager\",\"message\":\"stager.z\","
                    "\"log_level\":2,\"data\":{}}");
    }
}

static void test_a_closed_log_does_no_harm(void **state)
{
    (void)state;
    ccb_log_set_fd(-1);
    ccb_log_info(&component, "into the void");
    ccb_log_flush();
    assert_false(read_line());
}

/* ---- threads ------------------------------------------------------------ */

enum { THREADS = 4, LINES = 1000 };

static void *on_writer(void *ctx)
{
    struct ccb_slice filler = {long_text, 100 + 6000 * (*(int *)ctx == 3)};

    for (int i = 0; i < LINES; i++) {
        struct ccb_log_session session;

        ccb_log_begin(&session, &component, "s", NULL, 0);
        ccb_log_write(&session, CCB_LEVEL_INFO, "z",
                      CCB_FIELDS(ccb_log_text("filler", filler)));
    }
    return NULL;
}

static void check_whole(const char *text, size_t len, unsigned char *seen)
{
    struct ccb_json value, number;
    struct ccb_slice digits;
    long n;

    assert_int_equal(
        ccb_json_parse(&value, ccb_slice_make(text, len), CCB_JSON_WHOLE, NULL),
        0);
    number = ccb_json_get(ccb_json_get(value, "data"), "session");
    assert_int_equal(ccb_json_string(number, NULL, &digits), 0);
    n = strtol(digits.ptr, NULL, 10);
    assert_true(n >= 1 && n <= THREADS * LINES);
    assert_int_equal(seen[n], 0);
    seen[n] = 1;
}

static int drain_lines(unsigned char *seen)
{
    struct ccb_buf text = {0};
    int lines = 0;

    while (lines < THREADS * LINES) {
        char *room = ccb_buf_reserve(&text, 4096), *end;
        ssize_t n = read(ends[0], room, 4096);

        assert_true(n > 0);
        text.len += (size_t)n;
        end = memchr(text.data, '\n', text.len);
        for (; end != NULL; end = memchr(text.data, '\n', text.len)) {
            check_whole(text.data, (size_t)(end - text.data), seen);
            ccb_buf_consume(&text, (size_t)(end - text.data) + 1);
            lines++;
        }
    }
    assert_int_equal(text.len, 0);
    ccb_buf_destroy(&text);
    return lines;
}

/* A small pipe without blocking makes the kernel take lines over PIPE_BUF in
 * pieces. */
static void test_lines_of_threads_stay_whole(void **state)
{
    static unsigned char seen[THREADS * LINES + 1];
    pthread_t threads[THREADS];
    int numbers[THREADS];

    (void)state;
    memset(seen, 0, sizeof(seen));
    (void)fcntl(ends[0], F_SETFL, 0);
    (void)fcntl(ends[1], F_SETFL, O_NONBLOCK);
    (void)fcntl(ends[1], F_SETPIPE_SZ, 4096);
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        assert_int_equal(
            pthread_create(&threads[i], NULL, on_writer, &numbers[i]), 0);
    }
    assert_int_equal(drain_lines(seen), THREADS * LINES);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

/* ---- fatal -------------------------------------------------------------- */

static void test_fatal_ends_as_the_historic_programs_do(void **state)
{
    int errors[2], status = 0;
    char said[16384];
    ssize_t len = 0, n = 1;
    pid_t pid;

    (void)state;
    assert_int_equal(pipe2(errors, O_CLOEXEC), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)dup2(errors[1], STDERR_FILENO);
        ccb_log_set_level(CCB_LEVEL_FATAL);
        ccb_log_fatal(&component, "invalid-url", "bad http://u:s3cret@h");
    }
    (void)close(errors[1]);
    for (; n > 0; len += n > 0 ? n : 0)
        n = read(errors[0], said + len, sizeof(said) - 1 - (size_t)len);
    said[len] = '\0';
    (void)close(errors[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 2);
    assert_int_equal(strncmp(said, "panic: bad http://h\n\n", 21), 0);
    assert_true(read_line());
    assert_non_null(strstr(line, "\"message\":\"stager.invalid-url\","
                                 "\"log_level\":3,\"data\":{\"error\":"
                                 "\"bad http://h\",\"trace\":\""));
    assert_null(strstr(line, "\"trace\":\"\""));
}

#define LOG_TEST(name)                                                         \
    cmocka_unit_test_setup_teardown(name, on_setup, on_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOG_TEST(test_the_line_of_the_contract),
        LOG_TEST(test_a_component_has_no_session_number),
        LOG_TEST(test_times_keep_their_zeros),
        LOG_TEST(test_error_carries_its_text),
        LOG_TEST(test_levels),
        LOG_TEST(test_who_wins_among_equal_keys),
        LOG_TEST(test_keys_are_in_byte_order),
        LOG_TEST(test_more_members_than_usual),
        LOG_TEST(test_kinds_of_values),
        LOG_TEST(test_escapes),
        LOG_TEST(test_secrets_are_cut),
        LOG_TEST(test_a_long_line_is_whole),
        LOG_TEST(test_usual_lines_need_no_memory),
        LOG_TEST(test_without_memory_the_data_is_left_out),
        LOG_TEST(test_a_closed_log_does_no_harm),
        LOG_TEST(test_lines_of_threads_stay_whole),
        LOG_TEST(test_fatal_ends_as_the_historic_programs_do),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
