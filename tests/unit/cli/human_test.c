/* Sizes, ages, times and nearest words (core/cli/human.h, nearest.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/nearest.h"
#include "ccbridge/error.h"
#include "cli/human.h"

static void test_sizes_for_people(void **state)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } rows[] = {
        {0, "0 B"},
        {1023, "1023 B"},
        {1024, "1 KB"},
        {1536, "1.5 KB"},
        {10 * 1024 + 600, "10 KB"},
        {256ull << 20, "256 MB"},
        {1ull << 30, "1 GB"},
        {(3ull << 30) + (1ull << 29), "3.5 GB"},
        {UINT64_MAX, "16383 PB"},
    };
    char out[16];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ccb_cli_format_size(rows[i].bytes, out, sizeof(out));
        assert_string_equal(out, rows[i].text);
    }
}

static void test_reads_megabytes(void **state)
{
    static const struct {
        const char *text;
        int64_t megabytes; /* 0: refused */
    } rows[] = {
        {"512", 512},      {"256M", 256},   {"256m", 256},
        {"1G", 1024},      {"2GB", 2048},   {"64mb", 64},
        {"0", 0},          {"0M", 0},       {"-1", 0},
        {"", 0},           {"M", 0},        {"1T", 0},
        {"1.5G", 0},       {"1 G", 0},      {" 1", 0},
        {"+1", 0},         {"0x10", 0},     {"2147483647", 2147483647},
        {"2147483648", 0}, {"2097152G", 0}, {"99999999999999999999", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t out = 0;
        int code = ccb_cli_parse_megabytes(rows[i].text, &out);

        if (out != rows[i].megabytes || (code == 0) != (rows[i].megabytes > 0))
            fail_msg("%s: %lld", rows[i].text, (long long)out);
    }
}

static void test_ages(void **state)
{
    static const struct {
        int64_t seconds;
        const char *text;
    } rows[] = {{-5, "0s"},         {0, "0s"},         {59, "59s"},
                {60, "1m 0s"},      {3599, "59m 59s"}, {3600, "1h 0m"},
                {86399, "23h 59m"}, {90000, "1d 1h"}};
    char out[24];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ccb_cli_format_age(rows[i].seconds, out, sizeof(out));
        assert_string_equal(out, rows[i].text);
    }
}

static void test_times(void **state)
{
    static const char *const bad[] = {"",
                                      "2026",
                                      "2026-01-31T12:00:00",
                                      "2026-01-31T12:00:00Zx",
                                      "2026-01-31T12:00:00.Q",
                                      "9999-12-31T12:00:00Z"};
    int64_t ns = 0;
    char out[64];

    (void)state;
    assert_int_equal(ccb_cli_parse_time("1970-01-01T00:00:01Z", &ns), 0);
    assert_int_equal(ns, 1000000000);
    assert_int_equal(
        ccb_cli_parse_time("1970-01-01T01:00:00.000000007+01:00", &ns), 0);
    assert_int_equal(ns, 7);
    assert_int_equal(ccb_cli_parse_time("1970-01-01T00:00:00.5-00:30", &ns), 0);
    assert_int_equal(ns, 1800500000000);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(ccb_cli_parse_time(bad[i], &ns), CCB_INVALID);
    setenv("TZ", "UTC-1", 1);
    tzset();
    ccb_cli_format_time(1500000000, out, sizeof(out));
    assert_string_equal(out, "1970-01-01T01:00:01.500+0100");
}

static void test_distance(void **state)
{
    (void)state;
    assert_int_equal(ccb_nearest_distance("push", "push"), 0);
    assert_int_equal(ccb_nearest_distance("psuh", "push"), 1);
    assert_int_equal(ccb_nearest_distance("pus", "push"), 1);
    assert_int_equal(ccb_nearest_distance("puush", "push"), 1);
    assert_int_equal(ccb_nearest_distance("pash", "push"), 1);
    assert_int_equal(ccb_nearest_distance("", "push"), 4);
    assert_int_equal(ccb_nearest_distance("scael", "scale"), 1);
    assert_int_equal(ccb_nearest_distance("kitten", "sitting"), 3);
    assert_true(ccb_nearest_distance(
                    "a-word-of-far-more-than-thirty-one-letters", "a") > 100);
}

static void test_nearest_is_near(void **state)
{
    static const char *const known[] = {"up", "push", "apps", "app"};
    static const struct {
        const char *typed, *best;
    } rows[] = {{"psuh", "push"}, {"aps", "apps"},     {"ap", "app"},
                {"xyzzy", NULL},  {"upp", "up"},       {"p", "up"},
                {"pushes", NULL}, {"completely", NULL}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ccb_nearest nearest = {.typed = rows[i].typed};

        for (size_t k = 0; k < 4; k++)
            ccb_nearest_try(&nearest, known[k]);
        if (!rows[i].best)
            assert_null(nearest.best);
        else
            assert_string_equal(nearest.best, rows[i].best);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes_for_people),
        cmocka_unit_test(test_reads_megabytes),
        cmocka_unit_test(test_ages),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_distance),
        cmocka_unit_test(test_nearest_is_near),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
