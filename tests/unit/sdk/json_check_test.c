/*
 * Pins the syntax check and the walk over checked text: what is JSON and what
 * is not, where values begin and end, integers, look-up, equality.
 */
#include "json_help.h"

static int parse(struct ccb_slice text, enum ccb_json_extent extent)
{
    struct ccb_json value;
    struct ccb_error err;

    return ccb_json_parse(&value, text, extent, &err);
}

/* A copy of exactly these bytes, so that a read past them is seen. */
static int parse_tight(struct ccb_slice text)
{
    char *copy = test_malloc(text.len ? text.len : 1);
    int rc;

    memcpy(copy, text.ptr, text.len);
    rc = parse(ccb_slice_make(copy, text.len), CCB_JSON_WHOLE);
    test_free(copy);
    return rc;
}

/* ---- syntax ------------------------------------------------------------- */

static void test_every_form_of_value_is_accepted(void **state)
{
    static const struct ccb_slice good[] = {
        CCB_LIT("null"),
        CCB_LIT("true"),
        CCB_LIT("false"),
        CCB_LIT("0"),
        CCB_LIT("-0"),
        CCB_LIT("10"),
        CCB_LIT("-12.50"),
        CCB_LIT("1e3"),
        CCB_LIT("1E+3"),
        CCB_LIT("0.0e-10"),
        CCB_LIT("\"\""),
        CCB_LIT("[]"),
        CCB_LIT("{}"),
        CCB_LIT(" \t\r\n[ 1 , [ ] , { } ] \n"),
        CCB_LIT("{ \"a\" : { \"b\" : [ 1 , \"c\" ] } , \"\" : null }"),
        CCB_LIT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00fF\\uD800\""),
        CCB_LIT("\"long enough for more than one word, \x7f too\""),
        CCB_LIT("\"\xff\xc0\x80 not UTF-8 in a string\"")};

    (void)state;
    for (size_t i = 0; i < COUNT(good); i++)
        if (parse_tight(good[i]) != 0)
            fail_msg("refused: %.*s", (int)good[i].len, good[i].ptr);
}

static void test_what_is_not_json_is_refused(void **state)
{
    static const struct ccb_slice bad[] = {CCB_LIT(""),
                                           CCB_LIT(" "),
                                           CCB_LIT("\n\t"),
                                           CCB_LIT("nul"),
                                           CCB_LIT("nulL"),
                                           CCB_LIT("True"),
                                           CCB_LIT("truex"),
                                           CCB_LIT("01"),
                                           CCB_LIT("-"),
                                           CCB_LIT("-a"),
                                           CCB_LIT("+1"),
                                           CCB_LIT(".5"),
                                           CCB_LIT("1."),
                                           CCB_LIT("1.e3"),
                                           CCB_LIT("1e"),
                                           CCB_LIT("1e+"),
                                           CCB_LIT("0x10"),
                                           CCB_LIT("NaN"),
                                           CCB_LIT("Infinity"),
                                           CCB_LIT("["),
                                           CCB_LIT("]"),
                                           CCB_LIT("[1"),
                                           CCB_LIT("[1,"),
                                           CCB_LIT("[1,]"),
                                           CCB_LIT("[,1]"),
                                           CCB_LIT("[1 2]"),
                                           CCB_LIT("[1}"),
                                           CCB_LIT("{"),
                                           CCB_LIT("{1:2}"),
                                           CCB_LIT("{\"a\"}"),
                                           CCB_LIT("{\"a\":}"),
                                           CCB_LIT("{\"a\":1,}"),
                                           CCB_LIT("{\"a\":1 \"b\":2}"),
                                           CCB_LIT("{\"a\":1]"),
                                           CCB_LIT("{a:1}"),
                                           CCB_LIT("{'a':1}"),
                                           CCB_LIT("{\"a\" 1}"),
                                           CCB_LIT("{,}"),
                                           CCB_LIT("\""),
                                           CCB_LIT("\"ab"),
                                           CCB_LIT("\"ab\\"),
                                           CCB_LIT("\"ab\\\""),
                                           CCB_LIT("// x\n1"),
                                           CCB_LIT("[1] /* x */"),
                                           CCB_LIT("\f1"),
                                           CCB_LIT("\v1")};

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++)
        if (parse_tight(bad[i]) != CCB_INVALID)
            fail_msg("accepted: %.*s", (int)bad[i].len, bad[i].ptr);
}

static void test_raw_control_characters_in_strings_are_refused(void **state)
{
    char text[34];

    (void)state;
    for (int c = 0; c < 0x20; c++) {
        /* At each place, so in whole words and behind them. */
        for (size_t at = 1; at < sizeof(text) - 1; at++) {
            memset(text, 'a', sizeof(text));
            text[0] = text[sizeof(text) - 1] = '"';
            text[at] = (char)c;
            assert_int_equal(
                parse(ccb_slice_make(text, sizeof(text)), CCB_JSON_WHOLE),
                CCB_INVALID);
        }
    }
}

static void test_only_the_escapes_of_json_are_accepted(void **state)
{
    char text[] = "\"\\x\"";

    (void)state;
    for (int c = 0; c < 256; c++) {
        int good = c != 0 && strchr("\"\\/bfnrt", c) != NULL;
        text[2] = (char)c;
        /* `\"` swallows the closing quote. */
        if (c == '"')
            continue;
        assert_int_equal(parse(TEXT(text), CCB_JSON_WHOLE),
                         good ? 0 : CCB_INVALID);
    }
    assert_int_equal(parse_tight(TEXT("\"\\u12G4\"")), CCB_INVALID);
    assert_int_equal(parse_tight(TEXT("\"\\u123\"")), CCB_INVALID);
    assert_int_equal(parse_tight(TEXT("\"\\u12")), CCB_INVALID);
    assert_int_equal(parse_tight(TEXT("\"\\U1234\"")), CCB_INVALID);
}

static void test_byte_order_mark_and_nul_bytes_are_refused(void **state)
{
    (void)state;
    assert_int_equal(parse_tight(TEXT("\xef\xbb\xbf{}")), CCB_INVALID);
    assert_int_equal(parse_tight(TEXT("\0{}")), CCB_INVALID);
    assert_int_equal(parse_tight(TEXT("{}\0")), CCB_INVALID);
    assert_int_equal(parse_tight(TEXT("[1,\0 2]")), CCB_INVALID);
    assert_int_equal(parse_tight(TEXT("tru\0")), CCB_INVALID);
}

static void test_depth_is_bounded(void **state)
{
    char text[2 * CCB_JSON_MAX_DEPTH + 2];
    size_t depth = CCB_JSON_MAX_DEPTH;

    (void)state;
    memset(text, '[', depth);
    memset(text + depth, ']', depth);
    assert_int_equal(parse(ccb_slice_make(text, 2 * depth), CCB_JSON_WHOLE), 0);
    depth++;
    memset(text, '[', depth);
    memset(text + depth, ']', depth);
    assert_int_equal(parse(ccb_slice_make(text, 2 * depth), CCB_JSON_WHOLE),
                     CCB_INVALID);
}

static void test_whole_refuses_what_first_ignores(void **state)
{
    static const struct ccb_slice texts[] = {
        CCB_LIT("{} x"),    CCB_LIT("{}{}"),   CCB_LIT("[1]]"), CCB_LIT("1 2"),
        CCB_LIT("\"a\"\""), CCB_LIT("null\0"), CCB_LIT("01")};
    struct ccb_json value;

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        assert_int_equal(parse(texts[i], CCB_JSON_WHOLE), CCB_INVALID);
        assert_int_equal(parse(texts[i], CCB_JSON_FIRST), 0);
    }
    ccb_json_parse(&value, TEXT("  {\"a\":1} rubbish"), CCB_JSON_FIRST, NULL);
    assert_slice(value.raw, "{\"a\":1}");
    assert_int_equal(parse(TEXT(""), CCB_JSON_FIRST), CCB_INVALID);
    assert_int_equal(parse(TEXT("  "), CCB_JSON_FIRST), CCB_INVALID);
}

static void test_message_names_the_byte_and_no_text(void **state)
{
    struct ccb_json value;
    struct ccb_error err;

    (void)state;
    ccb_json_parse(&value, TEXT("{\"password\":secret}"), CCB_JSON_WHOLE, &err);
    assert_string_equal(err.message,
                        "invalid JSON at byte 12: a value was expected");
    assert_int_equal(value.type, CCB_JSON_NONE);
    ccb_json_parse(&value, TEXT("[1,2"), CCB_JSON_WHOLE, &err);
    assert_string_equal(err.message,
                        "invalid JSON at byte 4: the text ends too early");
}

/* ---- walking ------------------------------------------------------------ */

static void test_iteration_gives_members_in_order(void **state)
{
    struct ccb_json_iter it = ccb_json_iter(json_of(TEXT(
        " { \"a\" : [ \"]\\\"\" , { } ] , \"b\\\"\":-1.5e3 ,\"c\":\"}\" } ")));

    (void)state;
    assert_true(ccb_json_next(&it));
    assert_int_equal(it.index, 0);
    assert_slice(it.key.raw, "\"a\"");
    assert_int_equal(it.value.type, CCB_JSON_ARRAY);
    assert_slice(it.value.raw, "[ \"]\\\"\" , { } ]");
    assert_true(ccb_json_next(&it));
    assert_int_equal(it.index, 1);
    assert_slice(it.key.raw, "\"b\\\"\"");
    assert_slice(it.value.raw, "-1.5e3");
    assert_true(ccb_json_next(&it));
    assert_int_equal(it.value.type, CCB_JSON_STRING);
    assert_slice(it.value.raw, "\"}\"");
    assert_false(ccb_json_next(&it));
    assert_false(ccb_json_next(&it));
}

static void test_iteration_of_arrays_has_no_keys(void **state)
{
    static const enum ccb_json_type types[] = {
        CCB_JSON_NULL,   CCB_JSON_BOOL,   CCB_JSON_BOOL, CCB_JSON_NUMBER,
        CCB_JSON_STRING, CCB_JSON_OBJECT, CCB_JSON_ARRAY};
    struct ccb_json_iter it =
        ccb_json_iter(json_of(TEXT("[null,true,false,1,\"\",{},[]]")));
    size_t n = 0;

    (void)state;
    for (; ccb_json_next(&it); n++) {
        assert_int_equal(it.index, n);
        assert_int_equal(it.value.type, types[n]);
        assert_int_equal(it.key.type, CCB_JSON_NONE);
    }
    assert_int_equal(n, COUNT(types));
}

static void test_other_values_have_no_elements(void **state)
{
    static const struct ccb_json none;
    struct ccb_json_iter it = ccb_json_iter(json_of(TEXT("\"[1]\"")));

    (void)state;
    assert_false(ccb_json_next(&it));
    it = ccb_json_iter(json_of(TEXT("[]")));
    assert_false(ccb_json_next(&it));
    it = ccb_json_iter(none);
    assert_false(ccb_json_next(&it));
    assert_int_equal(ccb_json_get(none, "a").type, CCB_JSON_NONE);
    assert_int_equal(ccb_json_get(json_of(TEXT("[1]")), "a").type,
                     CCB_JSON_NONE);
}

static void test_get_takes_the_last_match_in_any_case(void **state)
{
    struct ccb_json doc = json_of(TEXT("{\"port\":1,\"PORT\":2,\"Por\":3,"
                                       "\"ports\":4,\"tas\\u212A\":5}"));

    (void)state;
    assert_slice(ccb_json_get(doc, "port").raw, "2");
    assert_slice(ccb_json_get(doc, "Port").raw, "2");
    assert_slice(ccb_json_get(doc, "task").raw, "5");
    assert_int_equal(ccb_json_get(doc, "po").type, CCB_JSON_NONE);
    assert_int_equal(ccb_json_get(doc, "portss").type, CCB_JSON_NONE);
    assert_int_equal(ccb_json_get(doc, "").type, CCB_JSON_NONE);
}

/* ---- integers ----------------------------------------------------------- */

static void test_integers_are_exact_to_their_borders(void **state)
{
    int64_t i = 0;
    uint64_t u = 0;

    (void)state;
    assert_int_equal(ccb_json_int64(json_of(TEXT("1440417600125000001")), &i),
                     0);
    assert_true(i == INT64_C(1440417600125000001));
    assert_int_equal(ccb_json_int64(json_of(TEXT("-9223372036854775808")), &i),
                     0);
    assert_true(i == INT64_MIN);
    assert_int_equal(ccb_json_int64(json_of(TEXT("9223372036854775807")), &i),
                     0);
    assert_true(i == INT64_MAX);
    assert_int_equal(ccb_json_uint64(json_of(TEXT("18446744073709551615")), &u),
                     0);
    assert_true(u == UINT64_MAX);
    assert_int_equal(ccb_json_int64(json_of(TEXT("-0")), &i), 0);
    assert_true(i == 0);
}

static void test_other_numbers_are_no_integers(void **state)
{
    static const struct ccb_slice bad[] = {CCB_LIT("6.0"),
                                           CCB_LIT("1e3"),
                                           CCB_LIT("1E3"),
                                           CCB_LIT("0e0"),
                                           CCB_LIT("9223372036854775808"),
                                           CCB_LIT("-9223372036854775809"),
                                           CCB_LIT("99999999999999999999"),
                                           CCB_LIT("\"1\""),
                                           CCB_LIT("null"),
                                           CCB_LIT("true"),
                                           CCB_LIT("[]")};
    int64_t i = 77;
    uint64_t u = 77;

    (void)state;
    for (size_t n = 0; n < COUNT(bad); n++) {
        assert_int_equal(ccb_json_int64(json_of(bad[n]), &i), CCB_INVALID);
        assert_true(i == 77);
    }
    assert_int_equal(ccb_json_uint64(json_of(TEXT("18446744073709551616")), &u),
                     CCB_INVALID);
    assert_int_equal(ccb_json_uint64(json_of(TEXT("-1")), &u), CCB_INVALID);
    assert_int_equal(ccb_json_uint64(json_of(TEXT("-0")), &u), CCB_INVALID);
    assert_true(u == 77);
}

/* ---- equality ----------------------------------------------------------- */

static int equal(const char *a, const char *b)
{
    struct ccb_json left = json_of(ccb_slice_of(a));
    struct ccb_json right = json_of(ccb_slice_of(b));
    int forth = ccb_json_equal(left, right);

    assert_int_equal(ccb_json_equal(right, left), forth);
    return forth;
}

static void test_equal_looks_at_meaning(void **state)
{
    (void)state;
    assert_true(equal("{\"a\":1,\"b\":[true,null]}",
                      " { \"b\" : [ true , null ] , \"a\" : 1 } "));
    assert_true(equal("\"\\u0041\\/\"", "\"A/\""));
    assert_true(equal("{\"\\u0061\":1}", "{\"a\":1}"));
    assert_true(equal("\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\""));
    assert_true(equal("\"\\ud800\"", "\"\xff\""));
    assert_true(equal("{\"a\":1,\"a\":2}", "{\"a\":2}"));
    assert_true(equal("{\"a\":2,\"b\":{},\"a\":1}", "{\"b\":{},\"a\":1}"));
}

static void test_equal_sees_every_difference(void **state)
{
    (void)state;
    assert_false(equal("1", "1.0"));
    assert_false(equal("null", "false"));
    assert_false(equal("true", "false"));
    assert_false(equal("[1,2]", "[2,1]"));
    assert_false(equal("[1]", "[1,1]"));
    assert_false(equal("[]", "{}"));
    assert_false(equal("{\"a\":1}", "{\"A\":1}"));
    assert_false(equal("{\"a\":1}", "{\"a\":1,\"b\":null}"));
    assert_false(equal("{\"a\":1,\"a\":2}", "{\"a\":1}"));
    assert_false(equal("{\"a\":[{\"b\":1}]}", "{\"a\":[{\"b\":2}]}"));
    assert_false(equal("\"a\"", "\"a\\u0000\""));
    assert_false(equal("\"a\"", "\"b\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_form_of_value_is_accepted),
        cmocka_unit_test(test_what_is_not_json_is_refused),
        cmocka_unit_test(test_raw_control_characters_in_strings_are_refused),
        cmocka_unit_test(test_only_the_escapes_of_json_are_accepted),
        cmocka_unit_test(test_byte_order_mark_and_nul_bytes_are_refused),
        cmocka_unit_test(test_depth_is_bounded),
        cmocka_unit_test(test_whole_refuses_what_first_ignores),
        cmocka_unit_test(test_message_names_the_byte_and_no_text),
        cmocka_unit_test(test_iteration_gives_members_in_order),
        cmocka_unit_test(test_iteration_of_arrays_has_no_keys),
        cmocka_unit_test(test_other_values_have_no_elements),
        cmocka_unit_test(test_get_takes_the_last_match_in_any_case),
        cmocka_unit_test(test_integers_are_exact_to_their_borders),
        cmocka_unit_test(test_other_numbers_are_no_integers),
        cmocka_unit_test(test_equal_looks_at_meaning),
        cmocka_unit_test(test_equal_sees_every_difference),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
