/*
 * Pins contract/stager.md A8 as the table decoder keeps it, and the text of
 * strings: one named test for each rule.
 */
#include <stdio.h>

#include "json_help.h"

struct pair {
    struct ccb_slice name, value;
};

struct inner {
    int64_t start;
    struct ccb_slice text;
};

struct doc {
    struct ccb_slice text;
    bool flag;
    int64_t i64;
    uint64_t u64;
    int32_t i32;
    uint32_t u32;
    uint16_t u16;
    struct ccb_json raw;
    struct inner inner;
    struct ccb_json_list pairs; /* of struct pair */
    struct ccb_json_list names; /* of struct ccb_slice */
    struct ccb_json_list ports; /* of uint16_t */
    struct ccb_json_list raws;  /* of struct ccb_json */
    struct ccb_slice task;      /* has an s and a k */
    bool has_inner, has_i64;
};

#define FIELD(struct_, member, kind) #member, (kind), offsetof(struct_, member)

static const struct ccb_json_field pair_fields[] = {
    {FIELD(struct pair, name, CCB_JSON_K_STRING), 0, NULL, 0},
    {FIELD(struct pair, value, CCB_JSON_K_STRING), 0, NULL, 0},
};
static const struct ccb_json_shape pair_shape = {
    pair_fields, COUNT(pair_fields), sizeof(struct pair)};

static const struct ccb_json_field inner_fields[] = {
    {FIELD(struct inner, start, CCB_JSON_K_INT64), 0, NULL, 0},
    {FIELD(struct inner, text, CCB_JSON_K_STRING), 0, NULL, 0},
};
static const struct ccb_json_shape inner_shape = {
    inner_fields, COUNT(inner_fields), sizeof(struct inner)};

static const struct ccb_json_field doc_fields[] = {
    {FIELD(struct doc, text, CCB_JSON_K_STRING), 0, NULL, 0},
    {FIELD(struct doc, flag, CCB_JSON_K_BOOL), 0, NULL, 0},
    {FIELD(struct doc, i64, CCB_JSON_K_INT64), 0, NULL,
     offsetof(struct doc, has_i64) + 1},
    {FIELD(struct doc, u64, CCB_JSON_K_UINT64), 0, NULL, 0},
    {FIELD(struct doc, i32, CCB_JSON_K_INT32), 0, NULL, 0},
    {FIELD(struct doc, u32, CCB_JSON_K_UINT32), 0, NULL, 0},
    {FIELD(struct doc, u16, CCB_JSON_K_UINT16), 0, NULL, 0},
    {FIELD(struct doc, raw, CCB_JSON_K_RAW), 0, NULL, 0},
    {FIELD(struct doc, inner, CCB_JSON_K_OBJECT), 0, &inner_shape,
     offsetof(struct doc, has_inner) + 1},
    {FIELD(struct doc, pairs, CCB_JSON_K_LIST), CCB_JSON_K_OBJECT, &pair_shape,
     0},
    {FIELD(struct doc, names, CCB_JSON_K_LIST), CCB_JSON_K_STRING, NULL, 0},
    {FIELD(struct doc, ports, CCB_JSON_K_LIST), CCB_JSON_K_UINT16, NULL, 0},
    {FIELD(struct doc, raws, CCB_JSON_K_LIST), CCB_JSON_K_RAW, NULL, 0},
    {FIELD(struct doc, task, CCB_JSON_K_STRING), 0, NULL, 0},
};
static const struct ccb_json_shape doc_shape = {doc_fields, COUNT(doc_fields),
                                                sizeof(struct doc)};

static struct blocks blocks;
static struct ccb_json_alloc blocks_of = {blocks_alloc, &blocks};

/* Every test ends with blocks_free: cmocka counts what is left as a leak. */
static struct doc decode(struct ccb_slice text)
{
    struct ccb_error err;
    struct doc doc;

    memset(&doc, 'x', sizeof(doc));
    if (ccb_json_decode(json_of(text), &doc_shape, &doc, &blocks_of, &err) != 0)
        fail_msg("%s", err.message);
    return doc;
}

static void assert_refused(struct ccb_slice text, const char *message)
{
    struct ccb_error err;
    struct doc doc;

    assert_int_equal(
        ccb_json_decode(json_of(text), &doc_shape, &doc, &blocks_of, &err),
        CCB_INVALID);
    assert_string_equal(err.message, message);
}

/* ---- A8, row by row ----------------------------------------------------- */

static void test_every_kind_is_filled(void **state)
{
    struct doc doc = decode(
        TEXT("{\"text\":\"a\",\"flag\":true,\"i64\":-9223372036854775808,"
             "\"u64\":18446744073709551615,\"i32\":-2147483648,"
             "\"u32\":4294967295,\"u16\":65535,\"raw\":{ \"b\" : [ ] },"
             "\"inner\":{\"start\":3306,\"text\":\"t\"},"
             "\"pairs\":[{\"name\":\"n\",\"value\":\"v\"},{}],"
             "\"names\":[\"x\",\"y\"],\"ports\":[1,65535],"
             "\"raws\":[1.5,null,[2]]}"));
    const struct pair *pairs = doc.pairs.items;
    const struct ccb_slice *names = doc.names.items;
    const uint16_t *ports = doc.ports.items;
    const struct ccb_json *raws = doc.raws.items;

    (void)state;
    assert_slice(doc.text, "a");
    assert_true(doc.flag && doc.i64 == INT64_MIN && doc.u64 == UINT64_MAX);
    assert_true(doc.i32 == INT32_MIN && doc.u32 == UINT32_MAX);
    assert_int_equal(doc.u16, 65535);
    assert_int_equal(doc.raw.type, CCB_JSON_OBJECT);
    assert_slice(doc.raw.raw, "{ \"b\" : [ ] }");
    assert_true(doc.inner.start == 3306 && doc.has_inner && doc.has_i64);
    assert_slice(doc.inner.text, "t");
    assert_int_equal(doc.pairs.count, 2);
    assert_slice(pairs[0].value, "v");
    assert_int_equal(pairs[1].name.len, 0);
    assert_int_equal(doc.names.count, 2);
    assert_slice(names[1], "y");
    assert_true(ports[0] == 1 && ports[1] == 65535);
    assert_slice(raws[0].raw, "1.5");
    assert_int_equal(raws[1].type, CCB_JSON_NULL);
    assert_slice(raws[2].raw, "[2]");
    blocks_free(&blocks);
}

static void test_keys_match_in_any_case(void **state)
{
    (void)state;
    assert_slice(decode(TEXT("{\"TEXT\":\"a\"}")).text, "a");
    assert_slice(decode(TEXT("{\"tExT\":\"a\"}")).text, "a");
    assert_slice(decode(TEXT("{\"TA\xc5\xbf\xe2\x84\xaa\":\"a\"}")).task, "a");
    assert_slice(decode(TEXT("{\"ta\\u017f\\u212a\":\"a\"}")).task, "a");
    assert_slice(decode(TEXT("{\"\\u0054ext\":\"a\"}")).text, "a");
    assert_int_equal(decode(TEXT("{\"text \":\"a\"}")).text.len, 0);
    assert_int_equal(decode(TEXT("{\"te\xc3\x97t\":\"a\"}")).text.len, 0);
    assert_int_equal(decode(TEXT("{\"text\\u0000\":\"a\"}")).text.len, 0);
    blocks_free(&blocks);
}

static void test_exact_key_goes_before_another_case(void **state)
{
    struct two {
        int64_t upper, lower;
    } out;
    static const struct ccb_json_field fields[] = {
        {"PORT", CCB_JSON_K_INT64, offsetof(struct two, upper), 0, NULL, 0},
        {"port", CCB_JSON_K_INT64, offsetof(struct two, lower), 0, NULL, 0}};
    static const struct ccb_json_shape shape = {fields, 2, sizeof(struct two)};
    struct ccb_json doc =
        json_of(TEXT("{\"port\":1,\"PORT\":2,\"p\\u006frt\":3}"));

    (void)state;
    assert_int_equal(ccb_json_decode(doc, &shape, &out, NULL, NULL), 0);
    assert_int_equal(out.upper, 2);
    assert_int_equal(out.lower, 3);
}

static void test_unknown_keys_are_ignored(void **state)
{
    struct doc doc = decode(TEXT("{\"x\":{\"text\":\"no\"},\"y\":[[{}]],\"\":1,"
                                 "\"text\":\"a\",\"z\":\"}\"}"));

    (void)state;
    assert_slice(doc.text, "a");
    blocks_free(&blocks);
}

static void test_last_duplicate_wins_whole(void **state)
{
    struct doc doc = decode(TEXT("{\"text\":\"a\",\"TEXT\":\"b\","
                                 "\"inner\":{\"start\":1,\"text\":\"t\"},"
                                 "\"Inner\":{\"start\":2},"
                                 "\"names\":[\"x\",\"y\"],\"names\":[\"z\"]}"));

    (void)state;
    assert_slice(doc.text, "b");
    assert_int_equal(doc.inner.start, 2);
    assert_int_equal(doc.inner.text.len, 0);
    assert_int_equal(doc.names.count, 1);
    assert_refused(TEXT("{\"text\":1,\"text\":\"b\"}"),
                   "text: expected a string, found a number");
    blocks_free(&blocks);
}

static void test_null_leaves_zero(void **state)
{
    struct doc doc =
        decode(TEXT("{\"text\":null,\"flag\":null,\"i64\":null,\"inner\":null,"
                    "\"pairs\":null,\"raw\":null,\"names\":[null,\"b\"],"
                    "\"u64\":7,\"u64\":null,\"i64\":null}"));
    const struct ccb_slice *names = doc.names.items;

    (void)state;
    assert_true(!doc.flag && doc.i64 == 0 && doc.text.len == 0);
    assert_false(doc.has_inner || doc.has_i64 || doc.pairs.given);
    assert_int_equal(doc.raw.type, CCB_JSON_NULL);
    assert_int_equal(names[0].len, 0);
    assert_slice(names[1], "b");
    assert_true(doc.u64 == 0);
    doc = decode(TEXT("{\"inner\":{},\"inner\":null,\"i64\":0}"));
    assert_false(doc.has_inner);
    assert_true(doc.has_i64);
    doc = decode(TEXT("null"));
    assert_int_equal(doc.raw.type, CCB_JSON_NONE);
    assert_int_equal(doc.text.len, 0);
    blocks_free(&blocks);
}

static void test_empty_list_differs_from_none(void **state)
{
    struct doc doc = decode(TEXT("{\"pairs\":[],\"names\":null}"));

    (void)state;
    assert_true(doc.pairs.given && doc.pairs.count == 0);
    assert_false(doc.names.given);
    assert_false(doc.ports.given);
    blocks_free(&blocks);
}

static void test_wrong_types_name_path_and_types(void **state)
{
    (void)state;
    assert_refused(TEXT("[]"), "expected an object, found an array");
    assert_refused(TEXT("\"x\""), "expected an object, found a string");
    assert_refused(TEXT("{\"text\":{}}"),
                   "text: expected a string, found an object");
    assert_refused(TEXT("{\"flag\":\"true\"}"),
                   "flag: expected a boolean, found a string");
    assert_refused(TEXT("{\"i64\":\"1\"}"),
                   "i64: expected an integer, found a string");
    assert_refused(TEXT("{\"inner\":[]}"),
                   "inner: expected an object, found an array");
    assert_refused(TEXT("{\"pairs\":{}}"),
                   "pairs: expected an array, found an object");
    assert_refused(TEXT("{\"PAIRS\":[{},{},{},{\"Value\":5}]}"),
                   "pairs[3].value: expected a string, found a number");
    assert_refused(TEXT("{\"names\":[\"a\",true]}"),
                   "names[1]: expected a string, found a boolean");
    assert_refused(TEXT("{\"inner\":{\"start\":false}}"),
                   "inner.start: expected an integer, found a boolean");
    blocks_free(&blocks);
}

static void test_integers_out_of_range_are_refused(void **state)
{
    static const struct {
        const char *name, *below, *above;
    } rows[] = {{"i64", "-9223372036854775809", "9223372036854775808"},
                {"u64", "-1", "18446744073709551616"},
                {"i32", "-2147483649", "2147483648"},
                {"u32", "-1", "4294967296"},
                {"u16", "-1", "65536"}};
    char text[64], message[64];

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        snprintf(message, sizeof(message), "%s: number out of range",
                 rows[i].name);
        snprintf(text, sizeof(text), "{\"%s\":%s}", rows[i].name,
                 rows[i].below);
        assert_refused(ccb_slice_of(text), message);
        snprintf(text, sizeof(text), "{\"%s\":%s}", rows[i].name,
                 rows[i].above);
        assert_refused(ccb_slice_of(text), message);
    }
    assert_refused(TEXT("{\"ports\":[1,65536]}"),
                   "ports[1]: number out of range");
    blocks_free(&blocks);
}

static void test_fractions_and_exponents_are_no_integers(void **state)
{
    static const char *const numbers[] = {"6.0", "1e3", "1E3", "-0.5"};
    char text[64];

    (void)state;
    for (size_t i = 0; i < COUNT(numbers); i++) {
        snprintf(text, sizeof(text), "{\"i32\":%s}", numbers[i]);
        assert_refused(ccb_slice_of(text),
                       "i32: expected an integer, found a number with a "
                       "fraction or an exponent");
    }
    blocks_free(&blocks);
}

/* ---- text --------------------------------------------------------------- */

#define assert_text(json, expected)                                            \
    do {                                                                       \
        struct ccb_slice text_;                                                \
        assert_int_equal(                                                      \
            ccb_json_string(json_of(TEXT(json)), &blocks_of, &text_), 0);      \
        assert_slice(text_, expected);                                         \
    } while (0)

#define BAD "\xef\xbf\xbd" /* U+FFFD */

static void test_plain_text_is_borrowed(void **state)
{
    struct ccb_json value =
        json_of(TEXT("\"plain \xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80 text\""));
    struct ccb_slice text;

    (void)state;
    assert_int_equal(ccb_json_string(value, NULL, &text), 0);
    assert_ptr_equal(text.ptr, value.raw.ptr + 1);
    assert_int_equal(text.len, value.raw.len - 2);
    assert_int_equal(ccb_json_string(json_of(TEXT("1")), NULL, &text),
                     CCB_INVALID);
}

static void test_escapes_are_decoded(void **state)
{
    (void)state;
    assert_text("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t");
    assert_text("\"\\u0041\\u00e9\\u20AC\"", "A\xc3\xa9\xe2\x82\xac");
    assert_text("\"a\\u0000b\"", "a\0b");
    assert_text("\"\\uD83D\\uDE00\\uDBFF\\uDFFF\"",
                "\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf");
    blocks_free(&blocks);
}

static void test_lone_surrogates_become_replacements(void **state)
{
    (void)state;
    assert_text("\"\\ud83d\"", BAD);
    assert_text("\"\\ude00\"", BAD);
    assert_text("\"\\ud83dx\"", BAD "x");
    assert_text("\"\\ud83d\\n\"", BAD "\n");
    assert_text("\"\\ud83d\\u0041\"", BAD "A");
    assert_text("\"\\ud83d\\ud83d\\ude00\"", BAD "\xf0\x9f\x98\x80");
    assert_text("\"\\ude00\\ud83d\"", BAD BAD);
    blocks_free(&blocks);
}

static void test_each_bad_byte_becomes_one_replacement(void **state)
{
    (void)state;
    assert_text("\"\xff\"", BAD);
    assert_text("\"\x80\x80\"", BAD BAD);
    assert_text("\"\xc0\xaf\"", BAD BAD);         /* too long a form */
    assert_text("\"\xe0\x9f\xbf\"", BAD BAD BAD); /* too long a form */
    assert_text("\"\xf0\x8f\xbf\xbf\"", BAD BAD BAD BAD);
    assert_text("\"\xed\xa0\x80\"", BAD BAD BAD);         /* a surrogate */
    assert_text("\"\xf4\x90\x80\x80\"", BAD BAD BAD BAD); /* > U+10FFFF */
    assert_text("\"\xe2\x82\"", BAD BAD);                 /* cut short */
    assert_text("\"\xe2\x82z\"", BAD BAD "z");
    assert_text("\"\xc2\"", BAD);
    assert_text("\"\xc2\xa9\xc2\"", "\xc2\xa9" BAD);
    assert_text("\"" BAD "\"", BAD);
    blocks_free(&blocks);
}

static void test_string_is_compares_decoded_text(void **state)
{
    (void)state;
    assert_true(
        ccb_json_string_is(json_of(TEXT("\"buildpack\"")), "buildpack"));
    assert_true(ccb_json_string_is(json_of(TEXT("\"\\u0062\\/\"")), "b/"));
    assert_true(
        ccb_json_string_is(json_of(TEXT("\"\\u20ac\"")), "\xe2\x82\xac"));
    assert_true(ccb_json_string_is(json_of(TEXT("\"\"")), ""));
    assert_false(ccb_json_string_is(json_of(TEXT("\"a\\n\"")), "a\\n"));
    assert_false(ccb_json_string_is(json_of(TEXT("\"a\"")), "ab"));
    assert_false(ccb_json_string_is(json_of(TEXT("\"ab\"")), "a"));
    assert_false(ccb_json_string_is(json_of(TEXT("\"a\\u0000\"")), "a"));
    assert_false(ccb_json_string_is(json_of(TEXT("\"A\"")), "a"));
    assert_false(ccb_json_string_is(json_of(TEXT("null")), "null"));
}

/* ---- memory ------------------------------------------------------------- */

static void test_every_failed_allocation_is_reported(void **state)
{
    struct ccb_json value =
        json_of(TEXT("{\"text\":\"\\n\",\"pairs\":[{\"name\":\"\\t\"},"
                     "{\"value\":\"\xff\"}],\"names\":[\"\\u0041\"]}"));
    struct ccb_error err;
    struct doc doc;
    size_t failures = 0;
    int rc = CCB_NO_MEMORY;

    (void)state;
    while (rc == CCB_NO_MEMORY) {
        blocks.fail_at = failures + 1;
        rc = ccb_json_decode(value, &doc_shape, &doc, &blocks_of, &err);
        blocks_free(&blocks);
        if (rc == CCB_NO_MEMORY) {
            assert_int_equal(err.code, CCB_NO_MEMORY);
            failures++;
        }
    }
    assert_int_equal(rc, 0);
    assert_int_equal(failures, 6);
    rc = ccb_json_decode(value, &doc_shape, &doc, NULL, &err);
    assert_int_equal(rc, CCB_NO_MEMORY);
    assert_string_equal(err.message, "text: no memory");
    blocks_free(&blocks);
}

static void test_plain_document_needs_no_memory(void **state)
{
    struct doc doc = decode(TEXT("{\"text\":\"a\",\"names\":[]}"));

    (void)state;
    assert_slice(doc.text, "a");
    assert_int_equal(blocks.calls, 0);
}

struct quoted {
    struct ccb_slice text;
    struct ccb_json_list list;
};

static void test_quoted_strings_keep_their_form(void **state)
{
    static const struct ccb_json_field fields[] = {
        {.name = "text",
         .kind = CCB_JSON_K_QUOTED,
         .offset = offsetof(struct quoted, text)},
        {.name = "list",
         .kind = CCB_JSON_K_LIST,
         .offset = offsetof(struct quoted, list),
         .element = CCB_JSON_K_QUOTED},
    };
    static const struct ccb_json_shape shape = {fields, 2,
                                                sizeof(struct quoted)};
    static const char text[] =
        "{\"text\": \"a\\n\\\"\" ,\"list\":[\"b\",null]}";
    struct quoted out;
    struct ccb_json value;
    struct ccb_error err;

    (void)state;
    assert_int_equal(ccb_json_parse(&value, TEXT(text), CCB_JSON_WHOLE, &err),
                     0);
    assert_int_equal(ccb_json_decode(value, &shape, &out, &blocks_of, &err), 0);
    assert_slice(out.text, "\"a\\n\\\"\"");
    assert_int_equal(out.list.count, 2);
    assert_slice(((struct ccb_slice *)out.list.items)[0], "\"b\"");
    assert_int_equal(((struct ccb_slice *)out.list.items)[1].len, 0);
    assert_int_equal(
        ccb_json_parse(&value, TEXT("{\"text\":7}"), CCB_JSON_WHOLE, &err), 0);
    assert_int_equal(ccb_json_decode(value, &shape, &out, &blocks_of, &err),
                     CCB_INVALID);
    assert_string_equal(err.message, "text: expected a string, found a number");
    blocks_free(&blocks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quoted_strings_keep_their_form),
        cmocka_unit_test(test_every_kind_is_filled),
        cmocka_unit_test(test_keys_match_in_any_case),
        cmocka_unit_test(test_exact_key_goes_before_another_case),
        cmocka_unit_test(test_unknown_keys_are_ignored),
        cmocka_unit_test(test_last_duplicate_wins_whole),
        cmocka_unit_test(test_null_leaves_zero),
        cmocka_unit_test(test_empty_list_differs_from_none),
        cmocka_unit_test(test_wrong_types_name_path_and_types),
        cmocka_unit_test(test_integers_out_of_range_are_refused),
        cmocka_unit_test(test_fractions_and_exponents_are_no_integers),
        cmocka_unit_test(test_plain_text_is_borrowed),
        cmocka_unit_test(test_escapes_are_decoded),
        cmocka_unit_test(test_lone_surrogates_become_replacements),
        cmocka_unit_test(test_each_bad_byte_becomes_one_replacement),
        cmocka_unit_test(test_string_is_compares_decoded_text),
        cmocka_unit_test(test_every_failed_allocation_is_reported),
        cmocka_unit_test(test_plain_document_needs_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
