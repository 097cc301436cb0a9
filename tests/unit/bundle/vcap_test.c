/*
 * VCAP_APPLICATION as the launcher rewrites it
 * (contract/lifecycle-buildpack.md A10, 4): one row a case.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "launcher.h"

#define OWN "\"host\":\"0.0.0.0\",\"instance_id\":\"id\""

static const struct ccb_vcap bare = {.instance_id = CCB_LIT("id")};
static const struct ccb_vcap full = {.instance_id = CCB_LIT("id"),
                                     .has_port = true,
                                     .has_index = true,
                                     .port = 8080,
                                     .index = 123};

static void objects_are_rewritten(void **state)
{
    static const struct {
        const struct ccb_vcap *vcap;
        const char *text, *want; /* NULL: untouched */
    } rows[] = {
        {&full, "{\"foo\":1}",
         "{\"foo\":1," OWN ",\"instance_index\":123,\"port\":8080}"},
        {&bare, "{}", "{" OWN "}"},
        {&bare, " { \"z\" : [ 1 , true , null ] } ",
         "{" OWN ",\"z\":[1,true,null]}"},
        {&bare, "{\"port\":5,\"host\":\"h\",\"instance_id\":7}",
         "{" OWN ",\"port\":5}"},
        {&full, "{\"port\":\"x\",\"instance_index\":9}",
         "{" OWN ",\"instance_index\":123,\"port\":8080}"},
        {&bare, "{\"b\":{\"z\":1,\"A\":2,\"a\":3},\"a\":[]}",
         "{\"a\":[],\"b\":{\"A\":2,\"a\":3,\"z\":1}," OWN "}"},
        {&bare, "{\"a\":1,\"a\":{\"x\":1},\"\\u0061\":3}", "{\"a\":3," OWN "}"},
        {&bare, "{\"a\":1,\"ab\":2,\"\":3}",
         "{\"\":3,\"a\":1,\"ab\":2," OWN "}"},
        {&bare, "{\"a\":\"<&>\\u003c\\/\"}",
         "{\"a\":\"\\u003c\\u0026\\u003e\\u003c/\"," OWN "}"},
        {&bare, "{\"a\":\"caf\xc3\xa9 \\u00e9\"}",
         "{\"a\":\"caf\xc3\xa9 \xc3\xa9\"," OWN "}"},
        {&bare, "{\"a\":76543210987654321098}",
         "{\"a\":76543210987654320000," OWN "}"},
        {&bare, "null", NULL},
        {&bare, "[1]", NULL},
        {&bare, "\"x\"", NULL},
        {&bare, "1", NULL},
        {&bare, "", NULL},
        {&bare, "{", NULL},
        {&bare, "{} x", NULL},
        {&bare, "{\"a\":1e999}", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ccb_arena *arena = ccb_arena_create();
        struct ccb_buf out = {0};
        int code = ccb_vcap_rewrite(arena, ccb_slice_of(rows[i].text),
                                    rows[i].vcap, &out);

        if (rows[i].want == NULL
                ? code != CCB_INVALID
                : code != 0 || !ccb_slice_is(ccb_buf_slice(&out), rows[i].want))
            fail_msg("%s: code %d, %.*s", rows[i].text, code, (int)out.len,
                     out.len > 0 ? out.data : "");
        ccb_buf_destroy(&out);
        ccb_arena_unref(arena);
    }
}

static void numbers_have_the_fewest_digits(void **state)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"0", "0"},
        {"-0", "-0"},
        {"1", "1"},
        {"1.0", "1"},
        {"-12.50", "-12.5"},
        {"1e3", "1000"},
        {"0.1", "0.1"},
        {"0.30000000000000004", "0.30000000000000004"},
        {"123456789012", "123456789012"},
        {"9007199254740993", "9007199254740992"},
        {"76543210987654321098", "76543210987654320000"},
        {"999999999999999999999", "1e+21"},
        {"1e20", "100000000000000000000"},
        {"1e21", "1e+21"},
        {"4e21", "4e+21"},
        {"1.5e300", "1.5e+300"},
        {"0.000001", "0.000001"},
        {"0.00000123", "0.00000123"},
        {"2.5e-7", "2.5e-7"},
        {"-1e-10", "-1e-10"},
        {"5e-324", "5e-324"},
        {"1.7976931348623157e308", "1.7976931348623157e+308"},
        {"1e-400", "0"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char out[64];
        double number = strtod(rows[i].text, NULL);

        assert_int_equal(ccb_vcap_format_number(number, out, sizeof(out)),
                         strlen(rows[i].want));
        assert_string_equal(out, rows[i].want);
        assert_true(strtod(out, NULL) == number);
    }
}

static void integers_are_base_ten_and_whole(void **state)
{
    static const struct {
        const char *text;
        bool good;
        int64_t value;
    } rows[] = {
        {"8080", true, 8080},
        {"0", true, 0},
        {"007", true, 7},
        {"+5", true, 5},
        {"-5", true, -5},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"", false, 0},
        {"-", false, 0},
        {"0x10", false, 0},
        {"1 ", false, 0},
        {" 1", false, 0},
        {"1.0", false, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t value = 0;

        assert_int_equal(ccb_vcap_parse_integer(rows[i].text, &value),
                         rows[i].good);
        assert_true(value == rows[i].value);
    }
}

static void deep_nesting_is_rewritten_or_left(void **state)
{
    enum { DEEP = 200 };
    struct ccb_arena *arena = ccb_arena_create();
    struct ccb_buf text = {0}, out = {0};

    (void)state;
    (void)ccb_buf_put(&text, "{\"a\":");
    for (int i = 0; i < DEEP; i++)
        (void)ccb_buf_putc(&text, '[');
    for (int i = 0; i < DEEP; i++)
        (void)ccb_buf_putc(&text, ']');
    (void)ccb_buf_putc(&text, '}');
    assert_int_equal(ccb_vcap_rewrite(arena, ccb_buf_slice(&text), &bare, &out),
                     0);
    assert_int_equal(out.len, text.len + strlen("," OWN));
    ccb_buf_destroy(&text);
    ccb_buf_destroy(&out);
    ccb_arena_unref(arena);
}

static void running_out_of_memory_is_told(void **state)
{
    struct ccb_slice text = ccb_slice_of(
        "{\"a\":[1.5,\"\\u00e9<\"],\"b\":{\"c\":1},\"long\":\"0123456789\"}");
    int code = CCB_NO_MEMORY;

    (void)state;
    for (size_t n = 1; n < 200 && code != 0; n++) {
        struct ccb_arena *arena = ccb_arena_create();
        struct ccb_buf out = {0};

        (void)ccb_mem_fail_at(n, 0);
        code = ccb_vcap_rewrite(arena, text, &full, &out);
        (void)ccb_mem_fail_at(0, 0);
        assert_true(code == 0 || code == CCB_NO_MEMORY);
        ccb_buf_destroy(&out);
        ccb_arena_unref(arena);
    }
    assert_int_equal(code, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_are_rewritten),
        cmocka_unit_test(numbers_have_the_fewest_digits),
        cmocka_unit_test(integers_are_base_ten_and_whole),
        cmocka_unit_test(deep_nesting_is_rewritten_or_left),
        cmocka_unit_test(running_out_of_memory_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
