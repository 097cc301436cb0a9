/*
 * The table of metrics and its printed form, line by line; and that the clock
 * goes forward (core/base/metrics.h, clock.h).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "ccbridge/error.h"

static const struct row {
    const char *name, *kind, *help, *origin, *historic;
} rows[] = {
#define ROW(id, name_, kind_, help_, ...)                                      \
    {.name = name_, .kind = kind_, .help = help_, __VA_ARGS__},
    CCB_METRICS(ROW)
#undef ROW
};

static void test_every_row_is_well_formed_and_unique(void **state)
{
    (void)state;
    for (size_t i = 0; i < CCB_METRIC_COUNT; i++) {
        struct ccb_slice name = ccb_slice_of(rows[i].name);
        int counter = strcmp(rows[i].kind, "counter") == 0;

        assert_true(ccb_slice_starts(name, "ccbridge_"));
        assert_int_equal(strspn(name.ptr, "abcdefghijklmnopqrstuvwxyz_"),
                         name.len);
        assert_true(counter || strcmp(rows[i].kind, "gauge") == 0);
        assert_int_equal(ccb_slice_ends(name, "_total"), counter);
        assert_true(strlen(rows[i].help) > 0);
        assert_null(strpbrk(rows[i].help, "\n\\"));
        assert_int_equal(rows[i].origin != NULL, rows[i].historic != NULL);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(rows[i].name, rows[j].name);
    }
}

static void test_prints_each_metric_once(void **state)
{
    struct ccb_buf out = {0}, expected = {0};

    (void)state;
    for (int i = 0; i < CCB_METRIC_COUNT; i++)
        ccb_metric_add((enum ccb_metric)i, i * INT64_C(1000000007));
    ccb_metric_add(CCB_METRIC_HTTP_CONNECTIONS, 5);
    ccb_metric_add(CCB_METRIC_HTTP_CONNECTIONS, -7);
    for (int i = 0; i < CCB_METRIC_COUNT; i++) {
        (void)ccb_buf_printf(&expected, "# HELP %s %s\n# TYPE %s %s\n%s %lld\n",
                             rows[i].name, rows[i].help, rows[i].name,
                             rows[i].kind, rows[i].name,
                             i == 0 ? -2LL : i * 1000000007LL);
    }
    ccb_metrics_print(&out);
    assert_true(ccb_slice_equal(ccb_buf_slice(&out), ccb_buf_slice(&expected)));
    ccb_buf_destroy(&out);
    ccb_buf_destroy(&expected);
}

static void test_printing_survives_no_memory(void **state)
{
    struct ccb_buf out = {0};

    (void)state;
    (void)ccb_mem_fail_at(2, 0);
    ccb_metrics_print(&out);
    assert_int_equal(out.failed, CCB_NO_MEMORY);
    (void)ccb_mem_fail_at(0, 0);
    ccb_buf_destroy(&out);
}

static void test_clocks(void **state)
{
    int64_t first = ccb_clock_monotonic(), next = ccb_clock_monotonic();

    (void)state;
    assert_true(next >= first);
    assert_true(first > 0);
    /* After this was written, and before the nanoseconds run out. */
    assert_true(ccb_clock_wall() > 1700000000 * CCB_SECOND);
    assert_true(ccb_clock_wall() < INT64_MAX / 2 + INT64_MAX / 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row_is_well_formed_and_unique),
        cmocka_unit_test(test_prints_each_metric_once),
        cmocka_unit_test(test_printing_survives_no_memory),
        cmocka_unit_test(test_clocks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
