/*
 * Output cut into messages: contract/actions.md 2 and the rows of 9 "Log
 * streamer". The sink is a list here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cell/log_lines.h"

static struct {
    char text[65536];
    size_t len;
    int count;
    size_t sizes[16];
    char guid[32], source[32];
    int64_t index;
} sink;

void ccb_logs_write(struct ccb_logs *logs,
                    const struct ccb_log_message *message)
{
    assert_ptr_equal(logs, &sink);
    assert_true(message->text.len > 0);
    assert_true(message->text.len <= CCB_LOG_MESSAGE_MAX);
    assert_true(sink.count < 16);
    sink.sizes[sink.count++] = message->text.len;
    sink.len += (size_t)snprintf(sink.text + sink.len,
                                 sizeof(sink.text) - sink.len, "%c:%.*s,",
                                 message->stream == CCB_STREAM_OUT ? 'O' : 'E',
                                 (int)message->text.len, message->text.ptr);
    (void)snprintf(sink.guid, sizeof(sink.guid), "%.*s", (int)message->guid.len,
                   message->guid.ptr);
    (void)snprintf(sink.source, sizeof(sink.source), "%.*s",
                   (int)message->source.len, message->source.ptr);
    sink.index = message->index;
}

static struct ccb_log_lines *lines;

static int open_lines(void **state)
{
    (void)state;
    memset(&sink, 0, sizeof(sink));
    lines = ccb_log_lines_create((struct ccb_logs *)&sink, ccb_slice_of("g"),
                                 ccb_slice_of("APP"), 3);
    return lines == NULL;
}

static int close_lines(void **state)
{
    (void)state;
    ccb_log_lines_unref(lines);
    return 0;
}

static void out(const char *text)
{
    ccb_log_lines_say(lines, CCB_STREAM_OUT, text);
}

/* `count` bytes of 'x', then `tail`. */
static void out_long(size_t count, const char *tail)
{
    static char text[20000];

    memset(text, 'x', count);
    (void)snprintf(text + count, sizeof(text) - count, "%s", tail);
    out(text);
}

static void every_line_end_ends_and_empty_messages_are_dropped(void **state)
{
    (void)state;
    out("A\nB\rC\n\rD\r\nE\n\n\nF\r\r\rG\n\r\r\n\n\n\r");
    assert_string_equal(sink.text, "O:A,O:B,O:C,O:D,O:E,O:F,O:G,");
}

static void writes_without_a_line_end_join(void **state)
{
    (void)state;
    out("this ");
    out("is ");
    out("one ");
    assert_int_equal(sink.count, 0);
    out("line\n");
    assert_string_equal(sink.text, "O:this is one line,");
}

static void the_last_line_waits_for_a_flush(void **state)
{
    (void)state;
    out("x\ny\nz");
    assert_string_equal(sink.text, "O:x,O:y,");
    ccb_log_lines_flush(lines);
    assert_string_equal(sink.text, "O:x,O:y,O:z,");
    ccb_log_lines_flush(lines);
    assert_int_equal(sink.count, 3);
}

static void a_full_line_is_one_message(void **state)
{
    (void)state;
    out_long(4096, "\n");
    assert_int_equal(sink.count, 1);
    assert_int_equal(sink.sizes[0], 4096);
}

static void a_longer_one_goes_on_in_the_next(void **state)
{
    (void)state;
    out_long(3 * (size_t)4096, "hello\n");
    assert_int_equal(sink.count, 4);
    assert_int_equal(sink.sizes[2], 4096);
    assert_int_equal(sink.sizes[3], 5);
}

static void a_character_is_not_cut(void **state)
{
    (void)state;
    out_long(4095, "\xc3\xa9\n");
    assert_int_equal(sink.count, 2);
    assert_int_equal(sink.sizes[0], 4095);
    assert_non_null(strstr(sink.text, "O:\xc3\xa9,"));
}

static void a_character_of_four_bytes_is_not_cut_anywhere(void **state)
{
    (void)state;
    for (size_t before = 4093; before <= 4095; before++) {
        memset(&sink, 0, sizeof(sink));
        out_long(before - 5, "");
        out("12345\xf0\x9f\x98\x80\n");
        assert_int_equal(sink.count, 2);
        assert_int_equal(sink.sizes[0], before);
        assert_int_equal(sink.sizes[1], 4);
    }
    memset(&sink, 0, sizeof(sink));
    out_long(4092, "\xf0\x9f\x98\x80\n"); /* just fits */
    assert_int_equal(sink.count, 1);
}

static void bytes_that_are_no_text_are_cut_where_the_room_ends(void **state)
{
    (void)state;
    out_long(4092, "\x80\x80\x80\x80zz\n");
    assert_int_equal(sink.sizes[0], 4096);
    assert_int_equal(sink.sizes[1], 2);
}

static void what_waits_is_filled_up_first(void **state)
{
    (void)state;
    out_long(4094, "");
    out("778888\n");
    assert_int_equal(sink.count, 2);
    assert_int_equal(sink.sizes[0], 4096);
    assert_non_null(strstr(sink.text, "77,O:8888,"));
}

static void the_streams_do_not_mix(void **state)
{
    (void)state;
    out("o1 ");
    ccb_log_lines_say(lines, CCB_STREAM_ERR, "e1 ");
    out("o2\n");
    ccb_log_lines_say(lines, CCB_STREAM_ERR, "e2\n");
    assert_string_equal(sink.text, "O:o1 o2,E:e1 e2,");
    assert_string_equal(sink.guid, "g");
    assert_int_equal(sink.index, 3);
}

static void without_a_guid_nothing_is_logged(void **state)
{
    struct ccb_log_lines *mute = ccb_log_lines_create(
        (struct ccb_logs *)&sink, ccb_slice_of(""), ccb_slice_of("APP"), 0);

    (void)state;
    ccb_log_lines_say(mute, CCB_STREAM_OUT, "secret\nhalf");
    ccb_log_lines_unref(mute);
    assert_int_equal(sink.count, 0);
}

static void without_a_source_it_is_log_and_the_index_may_be_negative(
    void **state)
{
    struct ccb_log_lines *plain = ccb_log_lines_create(
        (struct ccb_logs *)&sink, ccb_slice_of("g"), ccb_slice_of(""), -1);

    (void)state;
    ccb_log_lines_say(plain, CCB_STREAM_OUT, "x\n");
    ccb_log_lines_unref(plain);
    assert_string_equal(sink.source, "LOG");
    assert_int_equal(sink.index, -1);
}

static void another_source_has_its_own_buffers(void **state)
{
    struct ccb_log_lines *other =
        ccb_log_lines_fork(lines, ccb_slice_of("HEALTH"));

    (void)state;
    out("half ");
    ccb_log_lines_say(other, CCB_STREAM_OUT, "check\n");
    assert_string_equal(sink.source, "HEALTH");
    assert_string_equal(sink.guid, "g");
    assert_int_equal(sink.index, 3);
    out("whole\n");
    assert_string_equal(sink.text, "O:check,O:half whole,");
    ccb_log_lines_unref(other);
}

static void the_last_reference_flushes(void **state)
{
    struct ccb_log_lines *other =
        ccb_log_lines_fork(lines, ccb_slice_of("HEALTH"));

    (void)state;
    (void)ccb_log_lines_ref(other);
    ccb_log_lines_say(other, CCB_STREAM_ERR, "half");
    ccb_log_lines_unref(other);
    assert_int_equal(sink.count, 0);
    ccb_log_lines_unref(other);
    assert_string_equal(sink.text, "E:half,");
}

static void without_memory_a_line_is_cut_early_but_not_lost(void **state)
{
    (void)state;
    (void)ccb_mem_fail_at(1, 1);
    assert_null(ccb_log_lines_fork(lines, ccb_slice_of("X")));
    out("ha");
    out("lf\n");
    (void)ccb_mem_fail_at(0, 0);
    assert_string_equal(sink.text, "O:ha,O:lf,");
}

#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, open_lines, close_lines)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_line_end_ends_and_empty_messages_are_dropped),
        TEST(writes_without_a_line_end_join),
        TEST(the_last_line_waits_for_a_flush),
        TEST(a_full_line_is_one_message),
        TEST(a_longer_one_goes_on_in_the_next),
        TEST(a_character_is_not_cut),
        TEST(a_character_of_four_bytes_is_not_cut_anywhere),
        TEST(bytes_that_are_no_text_are_cut_where_the_room_ends),
        TEST(what_waits_is_filled_up_first),
        TEST(the_streams_do_not_mix),
        TEST(without_a_guid_nothing_is_logged),
        TEST(without_a_source_it_is_log_and_the_index_may_be_negative),
        TEST(another_source_has_its_own_buffers),
        TEST(the_last_reference_flushes),
        TEST(without_memory_a_line_is_cut_early_but_not_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
