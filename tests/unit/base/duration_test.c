/*
 * Go's durations, both ways, row by row (contract/stager.md A1).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/flags.h"

#define MICROSECOND INT64_C(1000)
#define MINUTE (60 * CCB_SECOND)
#define HOUR (60 * MINUTE)

static const struct good {
    const char *text;
    int64_t value;
    const char *printed; /* NULL: the same text */
} good[] = {
    {"0", 0, NULL},
    {"-0", 0, "0"},
    {"+0", 0, "0"},
    {"0s", 0, "0"},
    {"1ns", 1, NULL},
    {"10s", 10 * CCB_SECOND, NULL},
    {"90s", 90 * CCB_SECOND, "1m30s"},
    {"1m30s", 90 * CCB_SECOND, NULL},
    {"1500ms", 1500 * CCB_MILLISECOND, "1.5s"},
    {"500us", 500 * MICROSECOND, "500\xc2\xb5s"},
    {"500\xc2\xb5s", 500 * MICROSECOND, NULL},
    {"500\xce\xbcs", 500 * MICROSECOND, "500\xc2\xb5s"},
    {"1.5us", 1500, "1.5\xc2\xb5s"},
    {"3600s", HOUR, "1h0m0s"},
    {"2m", 2 * MINUTE, "2m0s"},
    {"1.5h", 90 * MINUTE, "1h30m0s"},
    {".5s", 500 * CCB_MILLISECOND, "500ms"},
    {"5.s", 5 * CCB_SECOND, "5s"},
    {"-1.5h", -90 * MINUTE, "-1h30m0s"},
    {"+1m", MINUTE, "1m0s"},
    {"1h15m30.918273645s",
     HOUR + 15 * MINUTE + 30 * CCB_SECOND + INT64_C(918273645), NULL},
    {"1s1s", 2 * CCB_SECOND, "2s"},
    {"0.100000000000000000000h", 6 * MINUTE, "6m0s"},
    {"0.830103483285477580700h", INT64_C(2988372539827), NULL},
    {"2.000000001s", 2 * CCB_SECOND + 1, NULL},
    {"1.0001ms", 1000100, NULL},
    {"9223372036854775807ns", INT64_MAX, "2562047h47m16.854775807s"},
    {"-9223372036854775807ns", -INT64_MAX, "-2562047h47m16.854775807s"},
};

static void test_reads_what_go_reads(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        int64_t value = -1;

        if (ccb_duration_parse(ccb_slice_of(good[i].text), &value) != 0 ||
            value != good[i].value)
            fail_msg("%s gave %lld", good[i].text, (long long)value);
    }
}

static void test_prints_as_go_prints_and_reads_it_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        const char *expected =
            good[i].printed == NULL ? good[i].text : good[i].printed;
        int64_t again = -1;
        char text[40];

        if (strncmp(good[i].text, "0.83", 4) == 0)
            continue; /* checked for its value only */
        ccb_duration_format(good[i].value, text, sizeof(text));
        assert_string_equal(text, expected);
        assert_int_equal(ccb_duration_parse(ccb_slice_of(text), &again), 0);
        assert_int_equal(again, good[i].value);
    }
}

static void test_the_least_value_prints(void **state)
{
    char text[40], narrow[4];

    (void)state;
    ccb_duration_format(INT64_MIN, text, sizeof(text));
    assert_string_equal(text, "-2562047h47m16.854775808s");
    ccb_duration_format(90 * CCB_SECOND, narrow, sizeof(narrow));
    assert_string_equal(narrow, "1m3"); /* cut, never past the end */
}

static const struct bad {
    const char *text, *why;
} bad[] = {
    {"", "time: invalid duration "},
    {"3", "time: missing unit in duration 3"},
    {"10", "time: missing unit in duration 10"},
    {"1s3", "time: missing unit in duration 1s3"},
    {"00", "time: missing unit in duration 00"},
    {"-", "time: invalid duration -"},
    {"s", "time: invalid duration s"},
    {".", "time: invalid duration ."},
    {"-.", "time: invalid duration -."},
    {".s", "time: invalid duration .s"},
    {"+.s", "time: invalid duration +.s"},
    {"--1s", "time: invalid duration --1s"},
    {" 1s", "time: invalid duration  1s"},
    {"1.2.3s", "time: missing unit in duration 1.2.3s"},
    {"1d", "time: unknown unit d in duration 1d"},
    {"1s 2s", "time: unknown unit s  in duration 1s 2s"},
    {"1S", "time: unknown unit S in duration 1S"},
    {"9223372036854775808ns", "time: invalid duration 9223372036854775808ns"},
    {"3000000h", "time: invalid duration 3000000h"},
    {"9223372036854775.808us", "time: invalid duration 9223372036854775.808us"},
    {"2562047h47m17s", "time: invalid duration 2562047h47m17s"},
    {"-9223372036854775808ns", "time: invalid duration -9223372036854775808ns"},
};

static void test_refuses_what_go_refuses_in_its_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct ccb_slice text = ccb_slice_of(bad[i].text);
        int64_t value = 77;
        char why[120];

        assert_int_equal(ccb_duration_parse(text, &value), CCB_INVALID);
        assert_int_equal(value, 77);
        assert_int_equal(ccb_duration_check(text, why, sizeof(why)),
                         CCB_INVALID);
        assert_string_equal(why, bad[i].why);
    }
    assert_int_equal(ccb_duration_check(ccb_slice_of("1s"), NULL, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_what_go_reads),
        cmocka_unit_test(test_prints_as_go_prints_and_reads_it_back),
        cmocka_unit_test(test_the_least_value_prints),
        cmocka_unit_test(test_refuses_what_go_refuses_in_its_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
