/*
 * Pins the push reader: where the document is cut makes no difference, memory
 * follows one element, and broken documents are refused by the end.
 */
#include <stdio.h>

#include "json_help.h"

/* All events of one reading, as text. */
struct events {
    char text[4096];
    size_t len;
    size_t items;
    size_t refuse_at; /* the element (from 1) that is refused */
    size_t borrowed;  /* elements handed on from inside the push */
    struct ccb_slice push;
    /* memory */
    size_t calls, fail_at, live, largest;
};

static void note(struct events *e, char what, struct ccb_json value)
{
    assert_true(e->len + value.raw.len + 2 < sizeof(e->text));
    e->text[e->len++] = what;
    memcpy(e->text + e->len, value.raw.ptr, value.raw.len);
    e->len += value.raw.len;
    e->text[e->len] = '\0';
}

static int on_item(void *ctx, struct ccb_json value)
{
    struct events *e = ctx;
    const char *at = value.raw.ptr;

    note(e, ' ', value);
    if (at >= e->push.ptr && at < e->push.ptr + e->push.len)
        e->borrowed++;
    return ++e->items == e->refuse_at ? CCB_CONFLICT : 0;
}

static int on_member(void *ctx, struct ccb_json key, struct ccb_json value)
{
    assert_int_equal(key.type, CCB_JSON_STRING);
    note(ctx, ' ', key);
    note(ctx, ':', value);
    return 0;
}

static void *resize(void *ctx, void *old, size_t size)
{
    struct events *e = ctx;

    if (size == 0) {
        e->live -= old ? 1 : 0;
        if (old)
            test_free(old);
        return NULL;
    }
    if (++e->calls == e->fail_at)
        return NULL;
    e->live += old ? 0 : 1;
    e->largest = size > e->largest ? size : e->largest;
    return test_realloc(old, size);
}

static struct ccb_json_stream *open_stream(struct events *e, const char *list,
                                           size_t max_item)
{
    struct ccb_json_stream_options options = {.list = list,
                                              .max_item = max_item,
                                              .on_item = on_item,
                                              .on_member = on_member,
                                              .ctx = e,
                                              .resize = resize};

    return ccb_json_stream_create(&options);
}

/* Pushes `text` in parts: the first `head` bytes, then `step` at a time. */
static int read_cut(struct events *e, const char *list, struct ccb_slice text,
                    size_t head, size_t step, struct ccb_error *err)
{
    struct ccb_json_stream *s = open_stream(e, list, 0);
    size_t at = 0, len = head;
    int rc = 0;

    assert_non_null(s);
    while (rc == 0 && at < text.len) {
        if (len > text.len - at)
            len = text.len - at;
        e->push = ccb_slice_make(text.ptr + at, len);
        rc = ccb_json_stream_push(s, e->push, err);
        at += len;
        len = step;
    }
    if (rc == 0)
        rc = ccb_json_stream_end(s, err);
    ccb_json_stream_free(s);
    assert_int_equal(e->live, 0);
    return rc;
}

static const char *events_of(const char *list, const char *text)
{
    static struct events e;
    struct ccb_error err;

    memset(&e, 0, sizeof(e));
    if (read_cut(&e, list, ccb_slice_of(text), SIZE_MAX, 1, &err) != 0)
        fail_msg("%s", err.message);
    return e.text;
}

static void assert_refused(const char *list, const char *text,
                           const char *message)
{
    struct events e;
    struct ccb_error err = {0};
    size_t len = strlen(text);

    for (size_t step = 1; step <= len + 1; step++) {
        memset(&e, 0, sizeof(e));
        assert_int_equal(
            read_cut(&e, list, ccb_slice_of(text), step, step, &err),
            CCB_INVALID);
        if (message)
            assert_string_equal(err.message, message);
    }
}

/* ---- documents ---------------------------------------------------------- */

static const char document[] =
    " \n{ \"token\" : { \"id\" : [ 17 , \"]}\\\"\" ] } , \"Finger\\u0070rints\""
    " : [ {\"process_guid\":\"a-\\\\\",\"etag\":\"1.0\"} , 12.5e3, true ,null,"
    "\"\xc3\xa9\\u20ac\\\"\" , [ ] , {} ,[[1,{\"b\":[2]}],-7] ] , \"x\":null, "
    "\"n\" :-1 } trailing [";

static const char events[] =
    " \"token\":{ \"id\" : [ 17 , \"]}\\\"\" ] }"
    " {\"process_guid\":\"a-\\\\\",\"etag\":\"1.0\"} 12.5e3 true null"
    " \"\xc3\xa9\\u20ac\\\"\" [ ] {} [[1,{\"b\":[2]}],-7] \"x\":null \"n\":-1";

static void test_cuts_make_no_difference(void **state)
{
    struct ccb_slice text = TEXT(document);
    struct ccb_error err;
    struct events e;

    (void)state;
    /* One cut at every byte; then steps of every length. */
    for (size_t cut = 1; cut <= text.len; cut++) {
        memset(&e, 0, sizeof(e));
        assert_int_equal(
            read_cut(&e, "fingerprints", text, cut, SIZE_MAX, &err), 0);
        assert_string_equal(e.text, events);
        memset(&e, 0, sizeof(e));
        assert_int_equal(read_cut(&e, "fingerprints", text, cut, cut, &err), 0);
        assert_string_equal(e.text, events);
    }
}

static void test_document_may_be_the_array(void **state)
{
    (void)state;
    assert_string_equal(events_of(NULL, "[1,{\"a\":2}]"), " 1 {\"a\":2}");
    assert_string_equal(events_of(NULL, " [ ] "), "");
    assert_string_equal(events_of(NULL, "[[]]"), " []");
}

static void test_list_may_be_absent_or_null(void **state)
{
    (void)state;
    assert_string_equal(events_of("list", "{}"), "");
    assert_string_equal(events_of("list", "{\"a\":1}"), " \"a\":1");
    assert_string_equal(events_of("list", "{\"list\":null,\"a\":1}"),
                        " \"a\":1");
    assert_string_equal(events_of("list", "{\"list\":[],\"list2\":[1]}"),
                        " \"list2\":[1]");
}

static void test_document_may_be_null(void **state)
{
    (void)state;
    assert_string_equal(events_of(NULL, "null"), "");
    assert_string_equal(events_of("list", " null "), "");
    assert_refused(NULL, "nul", NULL);
    assert_refused(NULL, "nulls", NULL);
}

static void test_what_follows_the_document_is_ignored(void **state)
{
    (void)state;
    assert_string_equal(events_of(NULL, "[1]]}nonsense"), " 1");
    assert_string_equal(events_of("list", "{\"list\":[1]}{\"list\":[2]}"),
                        " 1");
}

/* ---- refusals ----------------------------------------------------------- */

static void test_second_list_is_refused(void **state)
{
    (void)state;
    assert_refused("list", "{\"list\":[1],\"LIST\":[2]}", "list: given twice");
    assert_refused("list", "{\"list\":null,\"list\":[2]}", "list: given twice");
}

static void test_other_types_are_refused_by_name(void **state)
{
    (void)state;
    assert_refused(NULL, "{}", "expected an array, found an object");
    assert_refused(NULL, "17", "expected an array, found a number");
    assert_refused("list", "[]", "expected an object, found an array");
    assert_refused("list", "{\"list\":{}}",
                   "list: expected an array, found an object");
    assert_refused("list", "{\"list\":\"x\"}",
                   "list: expected an array, found a string");
}

static void test_broken_documents_are_refused_however_cut(void **state)
{
    static const char *const arrays[] = {" ",           "[",
                                         "[1",          "[1,",
                                         "[1,]",        "[,1]",
                                         "[1 2]",       "[1}",
                                         "[01]",        "[tru]",
                                         "[nul1]",      "[\"a]",
                                         "[\"\\x\"]",   "[{]}]",
                                         "[{\"a\":1]]", "[\"a\nb\"]",
                                         "[1:2]",       "\xef\xbb\xbf[]",
                                         "[+1]",        "[\"a\"\"b\"]",
                                         "[[1,]]",      "[{} {}]"};
    static const char *const objects[] = {"{",
                                          "{\"list\"",
                                          "{\"list\":",
                                          "{\"list\":[",
                                          "{\"list\":[]",
                                          "{\"list\":[],}",
                                          "{\"list\" []}",
                                          "{\"list\":[]\"a\":1}",
                                          "{list:[]}",
                                          "{,}",
                                          "{\"a\":}",
                                          "{\"a\":1,\"b\":tru}",
                                          "{\"a\\x\":1}",
                                          "{\"list\":nul}",
                                          "{\"list\":[]]"};

    (void)state;
    for (size_t i = 0; i < COUNT(arrays); i++)
        assert_refused(NULL, arrays[i], NULL);
    for (size_t i = 0; i < COUNT(objects); i++)
        assert_refused("list", objects[i], NULL);
    assert_refused(NULL, "[1,2,tru]",
                   "element 2: invalid JSON at byte 3: the text ends too "
                   "early");
    assert_refused(NULL, "[1,2 3]",
                   "invalid JSON at byte 5: ',' or ']' was expected");
    assert_refused(NULL, "[1,2",
                   "invalid JSON at byte 4: the text ends too early");
}

static void test_truncated_number_is_not_handed_on(void **state)
{
    struct ccb_error err;
    struct events e = {0};

    (void)state;
    assert_int_equal(read_cut(&e, NULL, TEXT("[1,23"), 5, 5, &err),
                     CCB_INVALID);
    assert_string_equal(e.text, " 1");
}

static void test_no_input_is_refused(void **state)
{
    struct events e = {0};
    struct ccb_error err;

    (void)state;
    assert_int_equal(read_cut(&e, NULL, TEXT(""), 1, 1, &err), CCB_INVALID);
}

static void test_refusal_of_a_callback_ends_the_reading(void **state)
{
    struct events e = {0};
    struct ccb_error err;
    struct ccb_json_stream *s;

    (void)state;
    e.refuse_at = 2;
    s = open_stream(&e, NULL, 0);
    assert_int_equal(ccb_json_stream_push(s, TEXT("[1,2,3"), &err),
                     CCB_CONFLICT);
    assert_string_equal(err.message,
                        "element 1: refused by its reader (conflict)");
    assert_int_equal(ccb_json_stream_push(s, TEXT(",4]"), &err), CCB_CONFLICT);
    assert_int_equal(ccb_json_stream_end(s, NULL), CCB_CONFLICT);
    assert_string_equal(e.text, " 1 2");
    ccb_json_stream_free(s);
}

/* ---- memory ------------------------------------------------------------- */

static void test_whole_elements_are_not_copied(void **state)
{
    struct events e = {0};
    struct ccb_error err;

    (void)state;
    assert_int_equal(read_cut(&e, NULL, TEXT("[{\"a\":\"b\"},[1],2,\"x\"]"),
                              SIZE_MAX, 1, &err),
                     0);
    assert_int_equal(e.borrowed, 4);
    assert_int_equal(e.calls, 1); /* the stream itself */
}

static void test_memory_is_bounded_by_max_item(void **state)
{
    static const char *const lists[] = {NULL, "list"};
    struct ccb_error err;
    char text[200];

    (void)state;
    for (size_t i = 0; i < COUNT(lists); i++) {
        for (size_t len = 60; len <= 70; len++) {
            size_t n = (size_t)snprintf(text, sizeof(text), "%s\"%0*d\"%s",
                                        i ? "{\"abc\":" : "[", (int)len - 2, 0,
                                        i ? "}" : "]");
            /* With a member its name counts, too: 5 bytes. */
            int fits = len + (i ? 5 : 0) <= 64;
            for (size_t step = 1; step <= n; step++) {
                struct events e = {0};
                struct ccb_json_stream *s = open_stream(&e, lists[i], 64);
                int rc = 0;
                for (size_t at = 0; at < n && rc == 0; at += step)
                    rc = ccb_json_stream_push(
                        s,
                        ccb_slice_make(text + at,
                                       n - at < step ? n - at : step),
                        &err);
                assert_int_equal(rc, fits ? 0 : CCB_TOO_LARGE);
                ccb_json_stream_free(s);
            }
        }
    }
}

static void test_endless_lists_need_one_elements_memory(void **state)
{
    struct events e = {0};
    struct ccb_json_stream *s = open_stream(&e, NULL, 4096);
    size_t largest = 0;

    (void)state;
    assert_int_equal(ccb_json_stream_push(s, TEXT("["), NULL), 0);
    for (int i = 0; i < 20000; i++) {
        e.len = 0;
        assert_int_equal(ccb_json_stream_push(s, TEXT(" {\"etag\":\"x"), NULL),
                         0);
        assert_int_equal(ccb_json_stream_push(s, TEXT("\"} ,"), NULL), 0);
        if (i == 0)
            largest = e.largest;
    }
    assert_int_equal(e.items, 20000);
    assert_int_equal(e.largest, largest);
    assert_true(e.calls <= 2);
    ccb_json_stream_free(s);
}

static void test_every_failed_allocation_is_reported(void **state)
{
    struct ccb_slice text = TEXT(document);
    struct ccb_error err;
    size_t failures = 0;

    (void)state;
    for (;;) {
        struct events e = {0};
        e.fail_at = failures + 1;
        if (e.fail_at == 1) {
            assert_null(open_stream(&e, "fingerprints", 0));
        } else {
            int rc = read_cut(&e, "fingerprints", text, 3, 3, &err);
            if (rc == 0)
                break;
            assert_int_equal(rc, CCB_NO_MEMORY);
        }
        assert_int_equal(e.live, 0);
        failures++;
    }
    assert_true(failures >= 3); /* the stream, a name, an element */
}

/* Reads `text` with the two demands on, cut at every byte. */
static int read_strictly(struct ccb_slice text, struct ccb_error *err)
{
    int rc = 0;
    for (size_t cut = 0; cut <= text.len; cut++) {
        struct events e = {0};
        struct ccb_json_stream_options options = {.list = "list",
                                                  .on_item = on_item,
                                                  .ctx = &e,
                                                  .needs_list = 1,
                                                  .whole = 1};
        struct ccb_json_stream *s = ccb_json_stream_create(&options);
        rc = ccb_json_stream_push(s, ccb_slice_make(text.ptr, cut), err);
        if (rc == 0)
            rc = ccb_json_stream_push(
                s, ccb_slice_make(text.ptr + cut, text.len - cut), err);
        if (rc == 0)
            rc = ccb_json_stream_end(s, err);
        ccb_json_stream_free(s);
    }
    return rc;
}

static void test_the_list_and_the_end_may_be_demanded(void **state)
{
    struct ccb_error err;

    (void)state;
    assert_int_equal(read_strictly(TEXT("{\"a\":1,\"List\":[1]} \n"), &err), 0);
    assert_int_equal(read_strictly(TEXT("{\"list\":null}"), &err), CCB_INVALID);
    assert_string_equal(err.message, "list: expected an array, found null");
    assert_int_equal(read_strictly(TEXT("{\"a\":1}"), &err), CCB_INVALID);
    assert_string_equal(err.message, "there is no list in the document");
    assert_int_equal(read_strictly(TEXT("null"), &err), CCB_INVALID);
    assert_int_equal(read_strictly(TEXT("{\"list\":[]} {"), &err), CCB_INVALID);
    assert_string_equal(err.message,
                        "invalid JSON at byte 12: nothing was expected behind "
                        "the document");
}

static void test_default_memory_is_the_heap(void **state)
{
    struct events e = {0};
    struct ccb_json_stream_options options = {.on_item = on_item, .ctx = &e};
    struct ccb_json_stream *s = ccb_json_stream_create(&options);

    (void)state;
    assert_int_equal(ccb_json_stream_push(s, TEXT("[{\"a\""), NULL), 0);
    assert_int_equal(ccb_json_stream_push(s, TEXT(":1}]"), NULL), 0);
    assert_int_equal(ccb_json_stream_end(s, NULL), 0);
    assert_string_equal(e.text, " {\"a\":1}");
    ccb_json_stream_free(s);
    ccb_json_stream_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cuts_make_no_difference),
        cmocka_unit_test(test_document_may_be_the_array),
        cmocka_unit_test(test_list_may_be_absent_or_null),
        cmocka_unit_test(test_document_may_be_null),
        cmocka_unit_test(test_what_follows_the_document_is_ignored),
        cmocka_unit_test(test_second_list_is_refused),
        cmocka_unit_test(test_other_types_are_refused_by_name),
        cmocka_unit_test(test_broken_documents_are_refused_however_cut),
        cmocka_unit_test(test_truncated_number_is_not_handed_on),
        cmocka_unit_test(test_no_input_is_refused),
        cmocka_unit_test(test_refusal_of_a_callback_ends_the_reading),
        cmocka_unit_test(test_whole_elements_are_not_copied),
        cmocka_unit_test(test_memory_is_bounded_by_max_item),
        cmocka_unit_test(test_endless_lists_need_one_elements_memory),
        cmocka_unit_test(test_every_failed_allocation_is_reported),
        cmocka_unit_test(test_the_list_and_the_end_may_be_demanded),
        cmocka_unit_test(test_default_memory_is_the_heap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
