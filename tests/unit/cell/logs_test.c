/*
 * The log sink: what is written is read again, also after a restart and a
 * kill; bounds hold and say so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cell/logs.h"

#define LINES 20000

static struct sink {
    struct ccb_loop loop;
    char dir[64];
    struct ccb_logs *logs;
    int closed;
} sink;

/* One reader and what it heard. */
struct hearing {
    struct ccb_logs_reader *reader;
    struct ccb_buf text;
    int pieces, ended, code;
    bool pausing; /* after each piece */
};

static void on_sink_closed(void *user)
{
    (void)user;
    sink.closed = 1;
}

static void wait_for(const int *flag)
{
    int64_t end = ccb_clock_monotonic() + 20 * CCB_SECOND;

    while (!*flag) {
        assert_true(ccb_clock_monotonic() < end);
        (void)uv_run(&sink.loop.uv, UV_RUN_ONCE);
    }
}

static void open_logs(uint64_t bytes, size_t guids)
{
    struct ccb_logs_options options = {.loop = &sink.loop,
                                       .directory = sink.dir,
                                       .guid_bytes = bytes,
                                       .guids = guids};
    struct ccb_error err = {0};

    if (ccb_logs_open(&sink.logs, &options, &err) < 0)
        fail_msg("%s", err.message);
}

static void close_logs(void)
{
    sink.closed = 0;
    ccb_logs_close(sink.logs, on_sink_closed, NULL);
    assert_false(sink.closed);
    wait_for(&sink.closed);
}

static int sink_open(void **state)
{
    (void)state;
    memset(&sink, 0, sizeof(sink));
    (void)snprintf(sink.dir, sizeof(sink.dir), "/tmp/ccb-logs-XXXXXX");
    assert_non_null(mkdtemp(sink.dir));
    assert_int_equal(ccb_loop_open(&sink.loop, NULL), 0);
    open_logs(0, 0);
    return 0;
}

/* Each file; how many, and their bytes. */
static int each_file(void (*visit)(const char *path), off_t *bytes)
{
    DIR *dir = opendir(sink.dir);
    struct dirent *entry;
    struct stat info;
    char path[400];
    int count = 0;

    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        (void)snprintf(path, sizeof(path), "%s/%s", sink.dir, entry->d_name);
        assert_int_equal(stat(path, &info), 0);
        *bytes += info.st_size;
        count++;
        if (visit)
            visit(path);
    }
    (void)closedir(dir);
    return count;
}

static void remove_file(const char *path)
{
    assert_int_equal(unlink(path), 0);
}

static int sink_close(void **state)
{
    off_t bytes = 0;

    (void)state;
    close_logs();
    assert_int_equal(ccb_loop_close(&sink.loop, NULL), 0);
    (void)each_file(remove_file, &bytes);
    return rmdir(sink.dir);
}

static void write_as(const char *guid, const char *text)
{
    struct ccb_log_message message = {.guid = ccb_slice_of(guid),
                                      .source = ccb_slice_of("APP"),
                                      .index = 2,
                                      .time = 7,
                                      .text = ccb_slice_of(text)};

    ccb_logs_write(sink.logs, &message);
}

static void write_numbers(int from, int to)
{
    char text[64];

    for (int i = from; i < to; i++) {
        (void)snprintf(text, sizeof(text), "line %d", i);
        write_as("web-1", text);
    }
}

static void on_heard(void *user, struct ccb_slice lines)
{
    struct hearing *hearing = user;

    assert_false(hearing->ended);
    assert_true(lines.len > 0 && lines.ptr[lines.len - 1] == '\n');
    (void)ccb_buf_put_slice(&hearing->text, lines);
    hearing->pieces++;
    if (hearing->pausing)
        ccb_logs_reader_pause(hearing->reader);
}

static void on_heard_end(void *user, const struct ccb_error *err)
{
    struct hearing *hearing = user;

    hearing->ended++;
    hearing->code = err ? err->code : 0;
}

static void hear(struct hearing *hearing, const char *guid, int64_t tail,
                 bool follow)
{
    struct ccb_logs_read read = {.guid = ccb_slice_of(guid),
                                 .tail = tail,
                                 .follow = follow,
                                 .on_lines = on_heard,
                                 .on_end = on_heard_end,
                                 .user = hearing};

    memset(hearing, 0, sizeof(*hearing));
    assert_int_equal(
        ccb_logs_reader_open(&hearing->reader, sink.logs, &read, NULL), 0);
    assert_int_equal(hearing->pieces + hearing->ended, 0);
}

static const char *text_of(struct hearing *hearing)
{
    assert_non_null(ccb_buf_reserve(&hearing->text, 1));
    hearing->text.data[hearing->text.len] = '\0';
    return hearing->text.data;
}

/* Waits until a follower heard `part`. */
static void hear_until(struct hearing *hearing, const char *part)
{
    int64_t end = ccb_clock_monotonic() + 20 * CCB_SECOND;

    while (strstr(text_of(hearing), part) == NULL) {
        assert_true(ccb_clock_monotonic() < end);
        assert_false(hearing->ended);
        (void)uv_run(&sink.loop.uv, UV_RUN_ONCE);
    }
}

/* Everything that is there. */
static const char *hear_whole(struct hearing *hearing, const char *guid,
                              int64_t tail)
{
    hear(hearing, guid, tail, false);
    wait_for(&hearing->ended);
    assert_int_equal(hearing->code, 0);
    return text_of(hearing);
}

/* "line N" of [from, to), each once and in order, and nothing else. */
static void assert_numbers(const char *text, int from, int to)
{
    for (int i = from; i < to; i++) {
        char want[32];
        const char *at = strstr(text, "\"message\":\"");

        (void)snprintf(want, sizeof(want), "line %d\"}\n", i);
        if (at == NULL || strncmp(at + 11, want, strlen(want)) != 0)
            fail_msg("not %s but %.80s", want, at ? at : "the end");
        text = at + 11 + strlen(want);
    }
    assert_string_equal(text, "");
}

/* ---- lines -------------------------------------------------------------- */

static void test_a_line_looks_as_clients_get_it(void **state)
{
    struct hearing got;

    (void)state;
    write_as("web-1", "a \"b\"");
    assert_string_equal(
        hear_whole(&got, "web-1", -1),
        "{\"timestamp\":7,\"source_type\":\"APP\",\"source_instance\":\"2\","
        "\"message_type\":\"OUT\",\"message\":\"a \\\"b\\\"\"}\n");
    ccb_buf_destroy(&got.text);
    write_as("", "nobody's");
    (void)hear_whole(&got, "web-2", -1);
    assert_int_equal(got.pieces, 0);
    ccb_buf_destroy(&got.text);
}

static void test_a_guid_may_hold_any_byte(void **state)
{
    struct hearing got;

    (void)state;
    write_as("../../\x01\xff/x", "one");
    write_as("..", "two");
    assert_non_null(strstr(hear_whole(&got, "../../\x01\xff/x", -1), "one"));
    assert_null(strstr(text_of(&got), "two"));
    ccb_buf_destroy(&got.text);
}

static void test_long_texts_go_on_in_further_lines(void **state)
{
    static char text[CCB_LOG_MESSAGE_MAX + 3];
    struct hearing got;

    (void)state;
    memset(text, 'a', sizeof(text) - 3);
    text[sizeof(text) - 4] = '\xc3'; /* an umlaut across the border */
    text[sizeof(text) - 3] = '\xa4';
    write_as("web-1", text);
    assert_non_null(
        strstr(hear_whole(&got, "web-1", 1), "\"message\":\"\xc3\xa4\"}"));
    assert_null(strstr(text_of(&got), "\xef\xbf\xbd"));
    ccb_buf_destroy(&got.text);
}

/* ---- reading ------------------------------------------------------------ */

static void test_the_tail_is_the_last_lines(void **state)
{
    struct hearing got;

    (void)state;
    write_numbers(0, LINES / 10);
    for (int tail = 0; tail < 3; tail++) {
        assert_numbers(hear_whole(&got, "web-1", tail), LINES / 10 - tail,
                       LINES / 10);
        ccb_buf_destroy(&got.text);
    }
    assert_numbers(hear_whole(&got, "web-1", 1999), 1, LINES / 10);
    ccb_buf_destroy(&got.text);
    assert_numbers(hear_whole(&got, "web-1", 99999), 0, LINES / 10);
    ccb_buf_destroy(&got.text);
}

static void test_follow_has_no_gap_and_no_repeat(void **state)
{
    struct hearing got;

    (void)state;
    write_numbers(0, 100);
    hear(&got, "web-1", 10, true);
    write_numbers(100, 200); /* in the batch that its tail waits for */
    /* All of it fits in what may wait: valgrind may keep the writer away. */
    for (int i = 2; i < 20; i++) {
        write_numbers(i * 100, i * 100 + 100);
        (void)uv_run(&sink.loop.uv, UV_RUN_NOWAIT);
    }
    hear_until(&got, "line 1999\"");
    assert_numbers(text_of(&got), 90, 2000);
    ccb_logs_reader_close(got.reader);
    ccb_buf_destroy(&got.text);
}

static void test_follow_waits_for_a_guid_that_is_not_there_yet(void **state)
{
    struct hearing got;

    (void)state;
    hear(&got, "web-1", 0, true);
    for (int i = 0; i < 5; i++)
        (void)uv_run(&sink.loop.uv, UV_RUN_NOWAIT);
    write_numbers(0, 1);
    hear_until(&got, "line 0\"");
    ccb_logs_reader_close(got.reader);
    assert_int_equal(got.ended, 0);
    ccb_buf_destroy(&got.text);
}

static void test_a_paused_reader_gets_all_later(void **state)
{
    struct hearing got;

    (void)state;
    write_numbers(0, 2500); /* several pieces */
    hear(&got, "web-1", -1, false);
    got.pausing = true;
    while (!got.ended) {
        int before = got.pieces;

        for (int i = 0; i < 3; i++)
            (void)uv_run(&sink.loop.uv, UV_RUN_NOWAIT);
        assert_in_range(got.pieces, before, before + 1);
        ccb_logs_reader_resume(got.reader);
        (void)uv_run(&sink.loop.uv, UV_RUN_ONCE);
    }
    assert_true(got.pieces > 3);
    assert_numbers(text_of(&got), 0, 2500);
    ccb_buf_destroy(&got.text);
}

static void test_ending_readers_tells_each_once(void **state)
{
    struct hearing got[3];

    (void)state;
    write_numbers(0, 1);
    for (int i = 0; i < 3; i++)
        hear(&got[i], i < 2 ? "web-1" : "web-2", -1, true);
    hear_until(&got[0], "line 0\"");
    ccb_logs_end_readers(sink.logs);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(got[i].ended, 1);
        assert_int_equal(got[i].code, 0);
        ccb_buf_destroy(&got[i].text);
    }
}

static void test_closing_writes_what_waits_and_ends_readers(void **state)
{
    struct hearing got;

    (void)state;
    hear(&got, "web-1", -1, true);
    write_numbers(0, 500);
    close_logs();
    assert_int_equal(got.ended, 1);
    ccb_buf_destroy(&got.text);
    open_logs(0, 0);
    assert_numbers(hear_whole(&got, "web-1", -1), 0, 500);
    ccb_buf_destroy(&got.text);
    write_numbers(500, 501); /* a restart goes on where it was */
    assert_numbers(hear_whole(&got, "web-1", -1), 0, 501);
    ccb_buf_destroy(&got.text);
}

/* ---- bounds ------------------------------------------------------------- */

static void test_the_oldest_lines_go(void **state)
{
    struct hearing got;
    const char *text;
    off_t bytes = 0;
    int first = -1;

    (void)state;
    close_logs();
    open_logs(20000, 0);
    for (int i = 0; i < LINES / 100; i++) {
        write_numbers(i * 100, i * 100 + 100);
        (void)hear_whole(&got, "web-1", 0); /* all is written */
        ccb_buf_destroy(&got.text);
    }
    assert_int_equal(each_file(NULL, &bytes), 2);
    assert_in_range(bytes, 10000, 20000);
    text = strstr(hear_whole(&got, "web-1", -1), "\"line ");
    assert_non_null(text);
    first = (int)strtol(text + 6, NULL, 10);
    assert_in_range(first, 19000, 19999);
    assert_numbers(text_of(&got), first, LINES);
    ccb_buf_destroy(&got.text);
}

static void test_a_reader_that_is_too_late_is_told(void **state)
{
    struct hearing got;

    (void)state;
    close_logs();
    open_logs(20000, 0);
    write_numbers(0, 1);
    hear(&got, "web-1", -1, true);
    got.pausing = true;
    wait_for(&got.pieces);
    for (int i = 1; i < 20; i++) {
        struct hearing other;

        write_numbers(i * 100, i * 100 + 100);
        (void)hear_whole(&other, "web-1", 0);
        ccb_buf_destroy(&other.text);
    }
    got.pausing = false;
    ccb_logs_reader_resume(got.reader);
    hear_until(&got, "line 1999\"");
    assert_non_null(strstr(text_of(&got), "bytes of the log were dropped"));
    ccb_logs_reader_close(got.reader);
    ccb_buf_destroy(&got.text);
}

static void test_lines_over_the_bound_are_counted_in_their_place(void **state)
{
    struct hearing got;
    const char *note, *rest;
    long dropped;
    int kept = 0;

    (void)state;
    write_numbers(0, LINES); /* in one turn of the loop */
    (void)hear_whole(&got, "web-1", 0);
    ccb_buf_destroy(&got.text);
    write_as("web-1", "after");
    note = strstr(hear_whole(&got, "web-1", -1), "log lines were dropped");
    assert_non_null(note);
    while (note[-1] != '"')
        note--;
    dropped = strtol(note, NULL, 10);
    for (rest = text_of(&got); (rest = strstr(rest, "\"line ")); rest++)
        kept++;
    assert_int_equal(kept + dropped, LINES);
    assert_non_null(strstr(note, "\"after\"}\n"));
    ccb_buf_destroy(&got.text);
}

static void test_the_longest_unwritten_guid_goes(void **state)
{
    static const char *const guids[] = {"a", "b", "a", "c"};
    struct hearing got;
    off_t bytes = 0;

    (void)state;
    close_logs();
    open_logs(0, 2);
    for (int i = 0; i < 4; i++) {
        write_as(guids[i], "x");
        (void)hear_whole(&got, guids[i], 0);
        ccb_buf_destroy(&got.text);
    }
    (void)hear_whole(&got, "b", -1);
    assert_int_equal(got.pieces, 0);
    ccb_buf_destroy(&got.text);
    (void)hear_whole(&got, "a", -1);
    assert_int_equal(got.pieces, 1);
    ccb_buf_destroy(&got.text);
    assert_int_equal(each_file(NULL, &bytes), 2);
    close_logs();
    open_logs(0, 1); /* also of what a former run left */
    (void)hear_whole(&got, "c", -1);
    assert_int_equal(got.pieces, 1);
    ccb_buf_destroy(&got.text);
    assert_int_equal(each_file(NULL, &bytes), 1);
}

/* ---- faults ------------------------------------------------------------- */

static void tear_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);

    assert_int_equal(write(fd, "{\"timestamp\":99999,\"torn", 24), 24);
    (void)close(fd);
}

static void test_a_torn_last_line_is_none(void **state)
{
    struct hearing got;
    off_t bytes = 0;

    (void)state;
    write_numbers(0, 3);
    close_logs();
    assert_int_equal(each_file(tear_file, &bytes), 1);
    open_logs(0, 0);
    assert_numbers(hear_whole(&got, "web-1", -1), 0, 3);
    ccb_buf_destroy(&got.text);
    write_numbers(3, 5);
    assert_numbers(hear_whole(&got, "web-1", -1), 0, 5);
    ccb_buf_destroy(&got.text);
}

/* A directory in the place of the file: no write can succeed, root or not. */
static void test_what_cannot_be_written_is_counted(void **state)
{
    struct hearing got;
    char path[400] = "";
    off_t bytes = 0;

    (void)state;
    write_numbers(0, 1);
    (void)hear_whole(&got, "web-1", 0);
    ccb_buf_destroy(&got.text);
    {
        DIR *dir = opendir(sink.dir);
        struct dirent *entry;

        while ((entry = readdir(dir)) != NULL)
            if (entry->d_name[0] != '.')
                (void)snprintf(path, sizeof(path), "%s/%s", sink.dir,
                               entry->d_name);
        (void)closedir(dir);
    }
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    write_numbers(1, 8);
    (void)hear_whole(&got, "web-1", 0); /* nothing else fails */
    ccb_buf_destroy(&got.text);
    assert_int_equal(rmdir(path), 0);
    write_as("web-1", "first again");
    (void)hear_whole(&got, "web-1", 0);
    ccb_buf_destroy(&got.text);
    write_as("web-1", "after");
    (void)hear_whole(&got, "web-1", -1);
    assert_non_null(strstr(text_of(&got), "\"message\":\"after\"}\n"));
    assert_non_null(strstr(text_of(&got), "log lines were dropped: "));
    assert_int_equal(each_file(NULL, &bytes), 1);
    ccb_buf_destroy(&got.text);
}

static void test_no_memory_loses_lines_and_nothing_else(void **state)
{
    struct hearing got;

    (void)state;
    for (size_t nth = 1; nth < 12; nth++) {
        struct ccb_logs_read read = {.guid = ccb_slice_of("web-1"),
                                     .on_lines = on_heard,
                                     .on_end = on_heard_end,
                                     .user = &got};

        memset(&got, 0, sizeof(got));
        (void)ccb_mem_fail_at(nth, 1);
        write_numbers(0, 3);
        if (ccb_logs_reader_open(&got.reader, sink.logs, &read, NULL) == 0)
            wait_for(&got.ended);
        (void)ccb_mem_fail_at(0, 0);
        ccb_buf_destroy(&got.text);
    }
    write_as("web-1", "alive");
    assert_non_null(strstr(hear_whole(&got, "web-1", -1), "\"alive\"}\n"));
    ccb_buf_destroy(&got.text);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, sink_open, sink_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_line_looks_as_clients_get_it),
        CASE(test_a_guid_may_hold_any_byte),
        CASE(test_long_texts_go_on_in_further_lines),
        CASE(test_the_tail_is_the_last_lines),
        CASE(test_follow_has_no_gap_and_no_repeat),
        CASE(test_follow_waits_for_a_guid_that_is_not_there_yet),
        CASE(test_a_paused_reader_gets_all_later),
        CASE(test_ending_readers_tells_each_once),
        CASE(test_closing_writes_what_waits_and_ends_readers),
        CASE(test_the_oldest_lines_go),
        CASE(test_a_reader_that_is_too_late_is_told),
        CASE(test_lines_over_the_bound_are_counted_in_their_place),
        CASE(test_the_longest_unwritten_guid_goes),
        CASE(test_a_torn_last_line_is_none),
        CASE(test_what_cannot_be_written_is_counted),
        CASE(test_no_memory_loses_lines_and_nothing_else),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
