/* Container metrics: what is read of a multipart body, what is passed over, and
 * how an instance's stats are written (contract/tps.md 1.3, 1.5). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/mem.h"
#include "tps/metrics.h"

#define TYPE "multipart/x-protobuf; boundary=B"
/* Index, then cpu (8 bytes), memory 1, disk 2. */
#define METRIC(index, cpu) "\x10" index "\x19" cpu "\x20\x01\x28\x02"
#define FOUR "\x00\x00\x00\x00\x00\x00\x10\x40"
#define FIVE "\x00\x00\x00\x00\x00\x00\x14\x40"
#define NAN_ "\x00\x00\x00\x00\x00\x00\xf8\x7f"
/* 15 bytes long. */
#define ENVELOPE(metric) "\x10\x09\x62\x0f" metric
#define PART(body) "\r\n--B\r\nA: b\r\n\r\n" body
#define END "\r\n--B--\r\n"
#define S(text) ccb_slice_make((text), sizeof(text) - 1)

static int parse(struct ccb_container_metrics *out, const char *type,
                 struct ccb_slice body, struct ccb_arena *arena)
{
    struct ccb_error err;
    return ccb_container_metrics_parse(out, ccb_slice_of(type), body, arena,
                                       &err);
}

static void test_the_last_of_an_index_counts(void **state)
{
    struct ccb_slice body = S("--B\r\n\r\n" ENVELOPE(METRIC("\x01", FOUR))
                                  PART(ENVELOPE(METRIC("\x01", FIVE)))
                                      PART(ENVELOPE(METRIC("\x07", FOUR))) END);
    struct ccb_arena *arena = ccb_arena_create();
    struct ccb_container_metrics metrics;
    const struct ccb_container_metric *one;
    (void)state;
    assert_int_equal(parse(&metrics, TYPE, body, arena), 0);
    assert_int_equal(metrics.count, 3);
    one = ccb_container_metrics_find(&metrics, 1);
    assert_non_null(one);
    assert_true(one->cpu == 5.0);
    assert_int_equal(one->memory, 1);
    assert_int_equal(one->disk, 2);
    assert_non_null(ccb_container_metrics_find(&metrics, 7));
    assert_null(ccb_container_metrics_find(&metrics, 0));
    assert_null(ccb_container_metrics_find(NULL, 0));
    ccb_arena_unref(arena);
}

static void test_what_is_passed_over(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
    } rows[] = {
#define ROW(text) {text, sizeof(text) - 1}
        ROW("--B--"),
        ROW(""),
        ROW("no delimiter"),
        ROW("--B\r\n\r\n" ENVELOPE(METRIC("\x01", FOUR))), /* is cut off */
        ROW(PART("\xff") END),
        ROW(PART("\x10\x09") END),                 /* no metric */
        ROW(PART("\x10\x09\x62\x02\x10\x01") END), /* lacks its rest */
        ROW(PART("\x10\x09\x62\x7f\x10\x01") END), /* longer than it is */
        ROW(PART(ENVELOPE(METRIC("\x01", NAN_))) END),
        ROW(PART("\x00") END),
        ROW(PART("\x0b") END), /* a group */
    };
    size_t i;
    (void)state;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ccb_arena *arena = ccb_arena_create();
        struct ccb_container_metrics metrics;
        if (parse(&metrics, TYPE, ccb_slice_make(rows[i].bytes, rows[i].len),
                  arena) != 0 ||
            metrics.count != 0)
            fail_msg("row %zu", i);
        ccb_arena_unref(arena);
    }
}

static void test_what_is_an_error(void **state)
{
    struct ccb_slice log = S(PART("\x10\x05\x42\x00") END);
    struct ccb_arena *arena = ccb_arena_create();
    struct ccb_container_metrics metrics;
    (void)state;
    assert_int_equal(parse(&metrics, TYPE, log, arena), CCB_INVALID);
    assert_int_equal(parse(&metrics, "", log, arena), CCB_INVALID);
    assert_int_equal(parse(&metrics, "multipart/x-protobuf", log, arena),
                     CCB_INVALID);
    assert_int_equal(parse(&metrics, "a; boundary=", log, arena), CCB_INVALID);
    assert_int_equal(parse(&metrics, "a; boundary=\"C\"", log, arena), 0);
    ccb_arena_unref(arena);
}

static void test_how_it_is_written(void **state)
{
    struct ccb_container_metric metric = {
        .cpu = 3.1, .memory = UINT64_MAX, .disk = 0};
    struct ccb_buf out = {0};
    char time[40];
    (void)state;
    ccb_container_metric_put(&out, &metric, "T");
    assert_true(ccb_slice_is(ccb_buf_slice(&out),
                             "{\"time\":\"T\",\"cpu\":0.031,\"mem\":"
                             "18446744073709551615,\"disk\":0}"));
    ccb_buf_destroy(&out);
    setenv("TZ", "UTC0", 1);
    tzset();
    ccb_metric_time_format(INT64_C(1440417600250000000), time, sizeof(time));
    assert_string_equal(time, "2015-08-24T12:00:00.25Z");
    setenv("TZ", "IST-5:30", 1);
    tzset();
    ccb_metric_time_format(INT64_C(1440417600000000000), time, sizeof(time));
    assert_string_equal(time, "2015-08-24T17:30:00+05:30");
    setenv("TZ", "BRT3", 1);
    tzset();
    ccb_metric_time_format(INT64_C(1440417600000000001), time, sizeof(time));
    assert_string_equal(time, "2015-08-24T09:00:00.000000001-03:00");
    unsetenv("TZ");
    tzset();
}

static void test_every_allocation_may_fail(void **state)
{
    struct ccb_slice body = S(PART(ENVELOPE(METRIC("\x01", FOUR))) END);
    int code = CCB_NO_MEMORY;
    size_t nth;
    (void)state;
    for (nth = 1; code != 0; nth++) {
        struct ccb_container_metrics metrics;
        struct ccb_arena *arena = ccb_arena_create();
        ccb_mem_fail_at(nth, 0);
        code = parse(&metrics, TYPE, body, arena);
        ccb_mem_fail_at(0, 0);
        assert_true(code == 0 || code == CCB_NO_MEMORY);
        ccb_arena_unref(arena);
    }
    ccb_arena_drain();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_last_of_an_index_counts),
        cmocka_unit_test(test_what_is_passed_over),
        cmocka_unit_test(test_what_is_an_error),
        cmocka_unit_test(test_how_it_is_written),
        cmocka_unit_test(test_every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
