/* The reader of server-sent events: its fields, its lines, its limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/sse.h"

struct record {
    char text[4096]; /* "id|name|data|retry\n" for each event */
    size_t len;
    int answer; /* what on_event returns */
};

static int on_event(void *user, const struct ccb_sse_event *event)
{
    struct record *record = user;

    record->len += (size_t)snprintf(
        record->text + record->len, sizeof(record->text) - record->len,
        "%.*s|%.*s|%.*s|%lld\n", (int)event->id.len,
        event->id.len > 0 ? event->id.ptr : "", (int)event->name.len,
        event->name.len > 0 ? event->name.ptr : "", (int)event->data.len,
        event->data.len > 0 ? event->data.ptr : "", (long long)event->retry);
    return record->answer;
}

struct row {
    const char *name;
    struct ccb_slice sends;
    const char *events;
};

static const struct row rows[] = {
    {"one event", CCB_LIT("id: 3\nevent: added\ndata: {}\n\n"),
     "3|added|{}|-1\n"},
    {"lines of data are joined", CCB_LIT("data: a\ndata: b\ndata\n\n"),
     "||a\nb\n|-1\n"},
    {"one blank is dropped", CCB_LIT("data:  a\ndata:b\n\n"), "|| a\nb|-1\n"},
    {"CRLF", CCB_LIT("event: x\r\ndata: a\r\n\r\ndata: b\r\n\r\n"),
     "|x|a|-1\n||b|-1\n"},
    {"CR", CCB_LIT("event: x\rdata: a\r\rdata: b\r\r"), "|x|a|-1\n||b|-1\n"},
    {"mixed line ends", CCB_LIT("data: a\r\ndata: b\rdata: c\n\r\n"),
     "||a\nb\nc|-1\n"},
    {"comments", CCB_LIT(": hello\ndata: a\n:\n\n"), "||a|-1\n"},
    {"byte order mark",
     CCB_LIT("\xef\xbb\xbf"
             "data: a\n\ndata: b\n\n"),
     "||a|-1\n||b|-1\n"},
    {"a mark later is text",
     CCB_LIT("data: a\n\n\xef\xbb\xbf"
             "data: b\n\n"),
     "||a|-1\n"},
    {"empty data is data", CCB_LIT("data\n\n"), "|||-1\n"},
    {"no data, no event, no name", CCB_LIT("event: x\n\ndata: a\n\n"),
     "||a|-1\n"},
    {"an id lasts", CCB_LIT("id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n"),
     "1||a|-1\n1||b|-1\n||c|-1\n"},
    {"an id alone lasts", CCB_LIT("id: 1\n\ndata: b\n\n"), "1||b|-1\n"},
    {"an id with NUL is ignored", CCB_LIT("id: 1\nid: a\0b\ndata: a\n\n"),
     "1||a|-1\n"},
    {"retry", CCB_LIT("retry: 250\n\ndata: a\n\ndata: b\n\n"),
     "||a|250\n||b|-1\n"},
    {"bad retries",
     CCB_LIT("retry: 2x\nretry:\nretry: -1\nretry: "
             "99999999999999999999\ndata: a\n\n"),
     "||a|-1\n"},
    {"unknown fields", CCB_LIT("Data: x\nfoo: y\nbar\ndata: a\n\n"),
     "||a|-1\n"},
    {"a block without its end", CCB_LIT("data: a\n\ndata: b\n"), "||a|-1\n"},
};

static void read_all(const struct row *row, size_t step)
{
    struct record record = {0};
    struct ccb_sse_reader *reader = ccb_sse_reader_create(on_event, &record, 0);
    struct ccb_error err;

    for (size_t at = 0; at < row->sends.len; at += step) {
        size_t n = row->sends.len - at < step ? row->sends.len - at : step;
        char *piece = malloc(n); /* so that reading past it is seen */

        memcpy(piece, row->sends.ptr + at, n);
        assert_int_equal(
            ccb_sse_reader_push(reader, ccb_slice_make(piece, n), &err), 0);
        free(piece);
    }
    if (strcmp(record.text, row->events) != 0)
        fail_msg("%s, %zu at a time: %s", row->name, step, record.text);
    ccb_sse_reader_free(reader);
}

static void test_events_however_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (size_t step = 1; step <= rows[i].sends.len; step++)
            read_all(&rows[i], step);
}

static int push(struct ccb_sse_reader *reader, const char *text,
                struct ccb_error *err)
{
    return ccb_sse_reader_push(reader, ccb_slice_of(text), err);
}

static void test_an_event_is_bounded(void **state)
{
    static const char *const floods[] = {"data: 0123456789\n", "0123456789",
                                         ": 0123456789", "event: 0123456789"};
    struct ccb_error err;

    (void)state;
    for (size_t i = 0; i < sizeof(floods) / sizeof(floods[0]); i++) {
        struct record record = {0};
        struct ccb_sse_reader *reader =
            ccb_sse_reader_create(on_event, &record, 64);
        int code = 0;

        for (int k = 0; k < 7 && code == 0; k++)
            code = push(reader, floods[i], &err);
        assert_int_equal(code, CCB_TOO_LARGE);
        assert_non_null(strstr(err.message, "64 bytes"));
        err.message[0] = '\0';
        assert_int_equal(push(reader, "\n\n", &err), CCB_TOO_LARGE);
        assert_non_null(strstr(err.message, "64 bytes")); /* told again */
        assert_int_equal(record.len, 0);
        ccb_sse_reader_free(reader);
    }
}

/* A byte order mark counts towards the bound however the line was cut. */
static void test_the_bound_does_not_depend_on_cuts(void **state)
{
    static const char line[] = "\xef\xbb\xbf"
                               "data: 0123456789\n\n";

    (void)state;
    for (size_t step = 1; step <= sizeof(line) - 1; step++) {
        struct record record = {0};
        struct ccb_sse_reader *reader =
            ccb_sse_reader_create(on_event, &record, 16);
        int code = 0;

        for (size_t at = 0; at < sizeof(line) - 1; at += step) {
            size_t left = sizeof(line) - 1 - at;

            code = ccb_sse_reader_push(
                reader, ccb_slice_make(line + at, left < step ? left : step),
                NULL);
        }
        assert_int_equal(code, CCB_TOO_LARGE);
        assert_int_equal(record.len, 0);
        ccb_sse_reader_free(reader);
    }
}

/* The bound is for one event, not for the stream. */
static void test_many_events_fit(void **state)
{
    struct record record = {0};
    struct ccb_sse_reader *reader =
        ccb_sse_reader_create(on_event, &record, 64);

    (void)state;
    for (int i = 0; i < 100; i++)
        assert_int_equal(
            push(reader, "data: 0123456789\ndata: 0123456789\n\n", NULL), 0);
    ccb_sse_reader_free(reader);
}

static void test_the_reader_may_stop(void **state)
{
    struct record record = {.answer = CCB_CANCELLED};
    struct ccb_sse_reader *reader = ccb_sse_reader_create(on_event, &record, 0);
    struct ccb_error err;

    (void)state;
    assert_int_equal(push(reader, "data: a\n\ndata: b\n\n", &err),
                     CCB_CANCELLED);
    assert_string_equal(record.text, "||a|-1\n");
    assert_int_equal(push(reader, "data: c\n\n", &err), CCB_CANCELLED);
    assert_string_equal(record.text, "||a|-1\n");
    ccb_sse_reader_free(reader);
    ccb_sse_reader_free(NULL);
}

static void test_out_of_memory(void **state)
{
    int code = CCB_NO_MEMORY;

    (void)state;
    for (size_t nth = 1; code != 0; nth++) {
        struct record record = {0};
        struct ccb_sse_reader *reader;
        struct ccb_error err = {0};

        (void)ccb_mem_fail_at(nth, 0);
        reader = ccb_sse_reader_create(on_event, &record, 0);
        if (reader != NULL) {
            code = push(reader, "id: 1\nevent: e\ndata: a", &err);
            if (code == 0)
                code = push(reader, "\n\n", &err);
        }
        (void)ccb_mem_fail_at(0, 0);
        assert_true(code == 0 || code == CCB_NO_MEMORY);
        if (code == 0)
            assert_string_equal(record.text, "1|e|a|-1\n");
        ccb_sse_reader_free(reader);
        assert_true(nth < 50);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events_however_cut),
        cmocka_unit_test(test_an_event_is_bounded),
        cmocka_unit_test(test_the_bound_does_not_depend_on_cuts),
        cmocka_unit_test(test_many_events_fit),
        cmocka_unit_test(test_the_reader_may_stop),
        cmocka_unit_test(test_out_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
