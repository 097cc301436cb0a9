/*
 * The wire between daemon and worker: what one side writes the other reads,
 * and nothing else is taken (wire.h; anchors 3.6).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/mem.h"
#include "plugin/host.h"
#include "plugin/wire.h"

#define S(text) ccb_slice_of(text)

static struct ccb_buf encode(enum ccb_wire_kind kind, const void *message)
{
    struct ccb_buf out = {0};

    assert_int_equal(0, ccb_wire_encode(&out, kind, 7, message));
    return out;
}

static void decode(const struct ccb_buf *bytes, enum ccb_wire_side side,
                   enum ccb_wire_kind kind, void *message)
{
    struct ccb_wire_frame frame;
    size_t used;

    assert_int_equal(
        1, ccb_wire_next(ccb_buf_slice(bytes), side, &frame, &used, NULL));
    assert_int_equal(bytes->len, used);
    assert_int_equal(kind, frame.kind);
    assert_int_equal(7, frame.id);
    assert_int_equal(0, ccb_wire_decode(&frame, message, NULL));
}

static void test_a_call_arrives_as_it_was_sent(void **state)
{
    const struct ccb_wire_call sent = {.function = 3,
                                       .remaining = INT64_MAX,
                                       .guid = S("g"),
                                       .dialect = S("receptor/1"),
                                       .message = {"{\0}", 3},
                                       .facts = S("{}")};
    struct ccb_buf bytes = encode(CCB_WIRE_CALL, &sent);
    struct ccb_wire_call came;

    (void)state;
    decode(&bytes, CCB_WIRE_TO_WORKER, CCB_WIRE_CALL, &came);
    assert_int_equal(3, came.function);
    assert_int_equal(INT64_MAX, came.remaining);
    assert_true(ccb_slice_equal(sent.guid, came.guid));
    assert_true(ccb_slice_equal(sent.dialect, came.dialect));
    assert_true(ccb_slice_equal(sent.message, came.message));
    assert_true(ccb_slice_equal(sent.facts, came.facts));
    assert_int_equal(0, came.gathered.len);
    ccb_buf_destroy(&bytes);
}

static void test_an_answer_arrives_as_it_was_sent(void **state)
{
    const struct ccb_wire_answer sent = {.returned = (uint32_t)-6,
                                         .fail_code = (uint32_t)-1,
                                         .tired = 1,
                                         .result = S("[1]"),
                                         .cc_error_id = S("StagingError"),
                                         .wanted = S("a,b"),
                                         .error = S("no")};
    struct ccb_buf bytes = encode(CCB_WIRE_ANSWER, &sent);
    struct ccb_wire_answer came;

    (void)state;
    decode(&bytes, CCB_WIRE_TO_DAEMON, CCB_WIRE_ANSWER, &came);
    assert_int_equal(-6, (int)came.returned);
    assert_int_equal(-1, (int)came.fail_code);
    assert_int_equal(0, came.emit_code);
    assert_int_equal(1, came.tired);
    assert_true(ccb_slice_is(came.result, "[1]"));
    assert_true(ccb_slice_is(came.cc_error_id, "StagingError"));
    assert_true(ccb_slice_is(came.wanted, "a,b"));
    assert_true(ccb_slice_is(came.error, "no"));
    ccb_buf_destroy(&bytes);
}

static void test_a_frame_is_waited_for_until_it_is_whole(void **state)
{
    const struct ccb_wire_log line = {.action = S("a"), .data = S("{}")};
    struct ccb_buf bytes = encode(CCB_WIRE_LOG, &line);
    struct ccb_wire_frame frame;
    size_t used;

    (void)state;
    for (size_t len = 0; len < bytes.len; len++) {
        assert_int_equal(0, ccb_wire_next(ccb_slice_make(bytes.data, len),
                                          CCB_WIRE_TO_DAEMON, &frame, &used,
                                          NULL));
        assert_int_equal(len < CCB_WIRE_HEADER ? CCB_WIRE_HEADER : bytes.len,
                         used);
    }
    ccb_buf_destroy(&bytes);
}

/* Every member of the header is checked before the body is waited for. */
static void test_a_wrong_header_is_refused_by_what_is_wrong(void **state)
{
    static const struct {
        size_t at;
        unsigned char value;
        int code;
        const char *words;
    } rows[] = {
        {0, 'X', CCB_INVALID, "a frame without its magic"},
        {3, 'X', CCB_INVALID, "a frame without its magic"},
        {4, 9, CCB_INVALID, "a frame of version 9, not 1"},
        {5, 0, CCB_INVALID, "a frame of the unknown kind 0"},
        {5, 200, CCB_INVALID, "a frame of the unknown kind 200"},
        {5, CCB_WIRE_CALL, CCB_INVALID, "a \"call\" from the wrong side"},
        {6, 1, CCB_INVALID, "a frame of version 1, not 1"},
        {15, 0x7f, CCB_TOO_LARGE,
         "a \"ready\" of 2130706436 bytes, over the "
         "1114112 allowed"},
    };
    const struct ccb_wire_ready ready = {.offered = 3};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ccb_buf bytes = encode(CCB_WIRE_READY, &ready);
        struct ccb_error error = {0};
        struct ccb_wire_frame frame;
        size_t used;

        bytes.data[rows[i].at] = (char)rows[i].value;
        assert_int_equal(
            rows[i].code,
            ccb_wire_next(ccb_slice_make(bytes.data, CCB_WIRE_HEADER),
                          CCB_WIRE_TO_DAEMON, &frame, &used, &error));
        assert_string_equal(rows[i].words, error.message);
        ccb_buf_destroy(&bytes);
    }
}

/* A body cut anywhere, or with one byte more, is none. */
static void test_a_body_is_taken_whole_or_not_at_all(void **state)
{
    const struct ccb_wire_refused sent = {
        .reason = 2, .expected = S("this"), .found = S("that")};
    struct ccb_buf bytes = encode(CCB_WIRE_REFUSED, &sent);
    struct ccb_wire_frame frame = {.kind = CCB_WIRE_REFUSED};
    struct ccb_wire_refused came;
    size_t whole = bytes.len - CCB_WIRE_HEADER;

    (void)state;
    ccb_buf_putc(&bytes, 'x');
    for (size_t len = 0; len <= whole + 1; len++) {
        frame.body = ccb_slice_make(bytes.data + CCB_WIRE_HEADER, len);
        assert_int_equal(len == whole ? 0 : CCB_INVALID,
                         ccb_wire_decode(&frame, &came, NULL));
    }
    ccb_buf_destroy(&bytes);
}

static void test_a_text_over_its_limit_is_neither_sent_nor_taken(void **state)
{
    static char text[CCB_PLUGIN_MAX_RESULT + 1];
    struct ccb_wire_answer sent = {.result = {text, sizeof(text)}};
    struct ccb_wire_frame frame = {.kind = CCB_WIRE_LOG};
    struct ccb_wire_log line = {.data = S("{}")}, came;
    struct ccb_buf bytes = {0};
    uint32_t too_much = 1025;

    (void)state;
    assert_int_equal(CCB_TOO_LARGE,
                     ccb_wire_encode(&bytes, CCB_WIRE_ANSWER, 1, &sent));
    assert_int_equal(0, bytes.len);
    sent.result.len--;
    assert_int_equal(0, ccb_wire_encode(&bytes, CCB_WIRE_ANSWER, 1, &sent));
    ccb_buf_reset(&bytes);
    line.action = ccb_slice_make(text, 1024);
    assert_int_equal(0, ccb_wire_encode(&bytes, CCB_WIRE_LOG, 1, &line));
    ccb_buf_putc(&bytes, 'x');
    memcpy(bytes.data + CCB_WIRE_HEADER + 4, &too_much, sizeof(too_much));
    frame.body = ccb_slice_make(bytes.data + CCB_WIRE_HEADER,
                                bytes.len - CCB_WIRE_HEADER);
    assert_int_equal(CCB_INVALID, ccb_wire_decode(&frame, &came, NULL));
    ccb_buf_destroy(&bytes);
}

static void test_no_memory_is_said_and_leaves_nothing_half(void **state)
{
    const struct ccb_wire_log line = {.action = S("a"), .data = S("{}")};
    struct ccb_buf bytes = {0};

    (void)state;
    ccb_mem_fail_at(1, 0);
    assert_int_equal(CCB_NO_MEMORY,
                     ccb_wire_encode(&bytes, CCB_WIRE_LOG, 1, &line));
    ccb_mem_fail_at(0, 0);
    assert_int_equal(0, bytes.len);
    ccb_buf_destroy(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_call_arrives_as_it_was_sent),
        cmocka_unit_test(test_an_answer_arrives_as_it_was_sent),
        cmocka_unit_test(test_a_frame_is_waited_for_until_it_is_whole),
        cmocka_unit_test(test_a_wrong_header_is_refused_by_what_is_wrong),
        cmocka_unit_test(test_a_body_is_taken_whole_or_not_at_all),
        cmocka_unit_test(test_a_text_over_its_limit_is_neither_sent_nor_taken),
        cmocka_unit_test(test_no_memory_is_said_and_leaves_nothing_half),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
