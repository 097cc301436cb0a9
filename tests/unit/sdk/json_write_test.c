/*
 * Pins the writer: its escapes (contract/stager.md A8, encoders), where commas
 * go, and that errors stick.
 */
#include <stdio.h>

#include "json_help.h"

struct output {
    char text[8192];
    size_t len, calls, fail_at;
};

static int output_sink(void *ctx, const char *bytes, size_t len)
{
    struct output *out = ctx;

    if (++out->calls == out->fail_at)
        return CCB_CLOSED;
    assert_true(len <= sizeof(out->text) - out->len);
    memcpy(out->text + out->len, bytes, len);
    out->len += len;
    return 0;
}

static void begin(struct ccb_json_writer *w, struct output *out)
{
    memset(out, 0, sizeof(*out));
    memset(w, 'x', sizeof(*w)); /* init must not lean on zeroed memory */
    ccb_json_writer_init(w, output_sink, out);
}

#define assert_output(w, out, literal)                                         \
    do {                                                                       \
        assert_int_equal(ccb_json_writer_end(w), 0);                           \
        assert_slice(ccb_slice_make((out)->text, (out)->len), literal);        \
    } while (0)

#define assert_written(text, expected)                                         \
    do {                                                                       \
        struct ccb_json_writer w_;                                             \
        struct output out_;                                                    \
        begin(&w_, &out_);                                                     \
        ccb_json_put_string(&w_, TEXT(text));                                  \
        assert_output(&w_, &out_, expected);                                   \
    } while (0)

/* ---- strings ------------------------------------------------------------ */

static void test_plain_text_stands_for_itself(void **state)
{
    (void)state;
    assert_written("", "\"\"");
    assert_written("a/b'c \x7f", "\"a/b'c \x7f\"");
    assert_written("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
                   "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"");
}

static void test_markup_is_escaped(void **state)
{
    (void)state;
    assert_written("<a>&", "\"\\u003ca\\u003e\\u0026\"");
    assert_written("12345678<12345678>1234567&", "\"12345678\\u003c12345678"
                                                 "\\u003e1234567\\u0026\"");
    assert_written("\"\\", "\"\\\"\\\\\"");
}

static void test_line_ends_of_javascript_are_escaped(void **state)
{
    (void)state;
    assert_written("a\xe2\x80\xa8z\xe2\x80\xa9", "\"a\\u2028z\\u2029\"");
    assert_written("\xe2\x80\xa7\xe2\x80\xaa", "\"\xe2\x80\xa7\xe2\x80\xaa\"");
}

static void test_control_characters_are_escaped(void **state)
{
    (void)state;
    assert_written("\n\r\t", "\"\\n\\r\\t\"");
    assert_written("\b\f\x1f", "\"\\u0008\\u000c\\u001f\"");
    assert_written("a\0b", "\"a\\u0000b\"");
}

static void test_invalid_utf8_is_replaced(void **state)
{
    (void)state;
    assert_written("\xff", "\"\\ufffd\"");
    assert_written("a\xe2\x82", "\"a\\ufffd\\ufffd\"");
    assert_written("\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"");
}

/* Every byte at every place of a word, read back by the reader. */
static void test_every_byte_at_every_place_reads_back(void **state)
{
    struct blocks blocks = {0};
    struct ccb_json_alloc alloc = {blocks_alloc, &blocks};
    struct ccb_json_writer w;
    struct output out;
    char text[20];

    (void)state;
    for (int c = 0; c < 0x80; c++) {
        for (size_t at = 0; at < sizeof(text); at++) {
            struct ccb_slice back;
            memset(text, 'a', sizeof(text));
            text[at] = (char)c;
            begin(&w, &out);
            ccb_json_put_string(&w, ccb_slice_make(text, sizeof(text)));
            assert_int_equal(ccb_json_writer_end(&w), 0);
            assert_int_equal(
                ccb_json_string(json_of(ccb_slice_make(out.text, out.len)),
                                &alloc, &back),
                0);
            assert_int_equal(back.len, sizeof(text));
            assert_memory_equal(back.ptr, text, sizeof(text));
            blocks_free(&blocks);
        }
    }
}

static void test_pieces_make_one_string(void **state)
{
    static const struct ccb_slice pieces[] = {
        CCB_LIT("-port="), {NULL, 0}, CCB_LIT("<8080>"), CCB_LIT("")};
    struct ccb_json_writer w;
    struct output out;

    (void)state;
    begin(&w, &out);
    ccb_json_begin_array(&w);
    ccb_json_put_pieces(&w, pieces, COUNT(pieces));
    ccb_json_put_pieces(&w, pieces, 0);
    ccb_json_end_array(&w);
    assert_output(&w, &out, "[\"-port=\\u003c8080\\u003e\",\"\"]");
}

/* ---- structure ---------------------------------------------------------- */

static void test_commas_and_colons_are_placed(void **state)
{
    struct ccb_json_writer w;
    struct output out;

    (void)state;
    begin(&w, &out);
    ccb_json_begin_object(&w);
    ccb_json_key(&w, "a");
    ccb_json_begin_array(&w);
    ccb_json_begin_object(&w);
    ccb_json_end_object(&w);
    ccb_json_begin_array(&w);
    ccb_json_end_array(&w);
    ccb_json_put_null(&w);
    ccb_json_put_bool(&w, 7);
    ccb_json_end_array(&w);
    ccb_json_key_slice(&w, TEXT("<b>"));
    ccb_json_put_int(&w, INT64_MIN);
    ccb_json_member_uint(&w, "c", UINT64_MAX);
    ccb_json_member_int(&w, "d", 0);
    ccb_json_member_bool(&w, "e", 0);
    ccb_json_member_cstr(&w, "f", "x");
    ccb_json_member_cstr(&w, "g", NULL);
    ccb_json_member_string(&w, "h", TEXT("y"));
    ccb_json_member_raw(&w, "i", TEXT("{ \"<\" : 1.0 }"));
    ccb_json_member_raw(&w, "j", TEXT(""));
    ccb_json_end_object(&w);
    assert_output(&w, &out,
                  "{\"a\":[{},[],null,true],\"\\u003cb\\u003e\":"
                  "-9223372036854775808,\"c\":18446744073709551615,\"d\":0,"
                  "\"e\":false,\"f\":\"x\",\"g\":\"\",\"h\":\"y\","
                  "\"i\":{ \"<\" : 1.0 },\"j\":null}");
}

/* A container begins empty even where one before it at its depth had members.
 */
static void test_siblings_begin_without_a_comma(void **state)
{
    struct ccb_json_writer w;
    struct output out;

    (void)state;
    begin(&w, &out);
    ccb_json_begin_array(&w);
    for (int i = 0; i < 2; i++) {
        ccb_json_begin_object(&w);
        ccb_json_key_raw(&w, TEXT("\"\\u0041\""));
        ccb_json_begin_array(&w);
        ccb_json_put_int(&w, i);
        ccb_json_end_array(&w);
        ccb_json_member_bool(&w, "b", 1);
        ccb_json_end_object(&w);
    }
    ccb_json_end_array(&w);
    assert_output(&w, &out,
                  "[{\"\\u0041\":[0],\"b\":true},"
                  "{\"\\u0041\":[1],\"b\":true}]");
}

static void test_long_output_arrives_whole_and_in_order(void **state)
{
    struct ccb_json_writer w;
    struct output out;
    char text[3000];

    (void)state;
    for (size_t len = 1010; len < sizeof(text); len += 7) {
        memset(text, 'a', len);
        text[len / 2] = '\n';
        begin(&w, &out);
        ccb_json_begin_array(&w);
        ccb_json_put_int(&w, 1);
        ccb_json_put_string(&w, ccb_slice_make(text, len));
        ccb_json_put_raw(&w, TEXT("2"));
        ccb_json_end_array(&w);
        assert_int_equal(ccb_json_writer_end(&w), 0);
        assert_int_equal(out.len, len + 9);
        assert_memory_equal(out.text, "[1,\"aaa", 7);
        assert_memory_equal(out.text + out.len - 6, "aa\",2]", 6);
        json_of(ccb_slice_make(out.text, out.len));
    }
}

static void test_sixty_four_containers_may_be_open(void **state)
{
    struct ccb_json_writer w;
    struct output out;

    (void)state;
    for (int depth = 64; depth <= 65; depth++) {
        begin(&w, &out);
        for (int i = 0; i < depth; i++)
            ccb_json_begin_array(&w);
        for (int i = 0; i < depth; i++) {
            ccb_json_put_int(&w, i);
            ccb_json_end_array(&w);
        }
        assert_int_equal(ccb_json_writer_end(&w), depth == 64 ? 0 : CCB_FAILED);
    }
}

static void test_calls_that_do_not_nest_fail(void **state)
{
    struct ccb_json_writer w;
    struct output out;

    (void)state;
    begin(&w, &out);
    ccb_json_begin_object(&w);
    assert_int_equal(ccb_json_writer_end(&w), CCB_FAILED);
    assert_int_equal(out.len, 0);
    begin(&w, &out);
    ccb_json_end_array(&w);
    assert_int_equal(ccb_json_writer_end(&w), CCB_FAILED);
    begin(&w, &out);
    ccb_json_begin_object(&w);
    ccb_json_key(&w, "a");
    ccb_json_end_object(&w);
    assert_int_equal(ccb_json_writer_end(&w), CCB_FAILED);
    begin(&w, &out);
    ccb_json_key(&w, "a");
    assert_int_equal(ccb_json_writer_end(&w), CCB_FAILED);
}

static void test_first_error_of_the_sink_sticks(void **state)
{
    struct ccb_json_writer w;
    struct output out;

    (void)state;
    for (size_t fail_at = 1; fail_at <= 4; fail_at++) {
        begin(&w, &out);
        out.fail_at = fail_at;
        ccb_json_begin_array(&w);
        for (int i = 0; i < 1500; i++)
            ccb_json_put_string(&w, TEXT("a"));
        ccb_json_end_array(&w);
        assert_int_equal(ccb_json_writer_end(&w), CCB_CLOSED);
        assert_int_equal(out.calls, fail_at);
    }
}

/* A quoted string is passed on as it stands, but for what is no UTF-8. */
static void test_quoted_strings_are_passed_on(void **state)
{
    static const struct {
        const char *quoted, *expected;
    } rows[] = {
        {"", "\"\""},
        {"\"\"", "\"\""},
        {"\"plain and longer than sixteen bytes\"",
         "\"plain and longer than sixteen bytes\""},
        {"\"\\u003c\\\\ \\\"<&> \\/\"", "\"\\u003c\\\\ \\\"<&> \\/\""},
        {"\"h\xc3\xa9\xe2\x80\xa8\"", "\"h\xc3\xa9\\u2028\""},
        {"\"0123456789abcdef\\\\\xff\"", "\"0123456789abcdef\\\\\\ufffd\""},
        {"\"\xe2\x80\"", "\"\\ufffd\\ufffd\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ccb_json_writer w;
        struct output out;

        begin(&w, &out);
        ccb_json_put_quoted(&w, ccb_slice_of(rows[i].quoted));
        assert_int_equal(ccb_json_writer_end(&w), 0);
        out.text[out.len] = '\0';
        assert_string_equal(out.text, rows[i].expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_text_stands_for_itself),
        cmocka_unit_test(test_markup_is_escaped),
        cmocka_unit_test(test_line_ends_of_javascript_are_escaped),
        cmocka_unit_test(test_control_characters_are_escaped),
        cmocka_unit_test(test_invalid_utf8_is_replaced),
        cmocka_unit_test(test_every_byte_at_every_place_reads_back),
        cmocka_unit_test(test_pieces_make_one_string),
        cmocka_unit_test(test_quoted_strings_are_passed_on),
        cmocka_unit_test(test_commas_and_colons_are_placed),
        cmocka_unit_test(test_siblings_begin_without_a_comma),
        cmocka_unit_test(test_long_output_arrives_whole_and_in_order),
        cmocka_unit_test(test_sixty_four_containers_may_be_open),
        cmocka_unit_test(test_calls_that_do_not_nest_fail),
        cmocka_unit_test(test_first_error_of_the_sink_sticks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
