/* What servers count of their requests, and how it is printed
 * (net/http_meter.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/http_meter.h"

static const struct ccb_http_route routes[] = {
    {.method = "GET", .path = "/a"},
    {.method = "PUT", .path = "/b/:guid"},
};

static void expect(void (*put)(struct ccb_buf *out, const char *name,
                               void *user),
                   const char *wanted)
{
    struct ccb_buf out = {0};
    put(&out, "n", NULL);
    ccb_buf_putc(&out, '\0');
    assert_false(out.failed);
    assert_string_equal(out.data, wanted);
    ccb_buf_destroy(&out);
}

static void test_meters_of_one_role_are_added_up(void **state)
{
    struct ccb_http_meter *one = ccb_http_meter_create("r", routes, 2);
    struct ccb_http_meter *two = ccb_http_meter_create("r", routes, 2);
    (void)state;
    ccb_http_meter_answered(one, &routes[0], 200, 0);
    ccb_http_meter_answered(two, &routes[0], 200, 0);
    ccb_http_meter_answered(one, &routes[0], 500, 0);
    ccb_http_meter_answered(two, NULL, 404, 0);
    expect(ccb_http_meters_put_answers,
           "n{role=\"r\",method=\"GET\",route=\"/a\",status=\"200\"} 2\n"
           "n{role=\"r\",method=\"GET\",route=\"/a\",status=\"500\"} 1\n"
           "n{role=\"r\",method=\"\",route=\"\",status=\"404\"} 1\n");
    ccb_http_meter_begin(one);
    ccb_http_meter_begin(two);
    ccb_http_meter_begin(two);
    ccb_http_meter_end(two);
    expect(ccb_http_meters_put_in_flight, "n{role=\"r\"} 2\n");
    ccb_http_meter_free(one);
    expect(ccb_http_meters_put_in_flight, "n{role=\"r\"} 1\n");
    ccb_http_meter_free(two);
    expect(ccb_http_meters_put_in_flight, "");
}

static void test_durations_are_a_histogram(void **state)
{
    static const char *const ends[] = {
        "0.0005", "0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1",
        "0.25",   "0.5",   "1",      "2.5",   "5",    "10",    "+Inf"};
    struct ccb_http_meter *meter = ccb_http_meter_create("r\"\\", routes, 1);
    struct ccb_buf wanted = {0};
    size_t i;
    (void)state;
    ccb_http_meter_answered(meter, &routes[0], 200, 500000); /* its end */
    ccb_http_meter_answered(meter, &routes[0], 200, 500001);
    ccb_http_meter_answered(meter, &routes[0], 200, 60 * CCB_SECOND);
    ccb_http_meter_answered(meter, &routes[0], 200,
                            -1); /* a clock that slips */
#define LABELS "role=\"r\\\"\\\\\",method=\"GET\",route=\"/a\""
    for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
        ccb_buf_printf(&wanted, "n_bucket{" LABELS ",le=\"%s\"} %d\n", ends[i],
                       i == 0   ? 2
                       : i < 14 ? 3
                                : 4);
    ccb_buf_put(&wanted, "n_sum{" LABELS "} 60.001000001\n"
                         "n_count{" LABELS "} 4\n");
    ccb_buf_putc(&wanted, '\0');
    expect(ccb_http_meters_put_durations, wanted.data);
    ccb_buf_destroy(&wanted);
    ccb_http_meter_free(meter);
}

static void test_many_statuses_become_others(void **state)
{
    struct ccb_http_meter *meter = ccb_http_meter_create("r", routes, 1);
    struct ccb_buf out = {0};
    int i;
    (void)state;
    for (i = 0; i < 100; i++)
        ccb_http_meter_answered(meter, &routes[0], 400 + i, 0);
    ccb_http_meters_put_answers(&out, "n", NULL);
    ccb_buf_putc(&out, '\0');
    assert_non_null(strstr(out.data, "status=\"414\"} 1\n"));
    assert_null(strstr(out.data, "status=\"415\"}"));
    assert_non_null(strstr(out.data, "status=\"other\"} 85\n"));
    ccb_buf_destroy(&out);
    ccb_http_meter_free(meter);
}

static void test_without_memory_there_is_none(void **state)
{
    (void)state;
    ccb_mem_fail_at(1, 0);
    assert_null(ccb_http_meter_create("r", routes, 2));
    ccb_mem_fail_at(0, 0);
    ccb_http_meter_begin(NULL);
    ccb_http_meter_answered(NULL, NULL, 200, 0);
    ccb_http_meter_end(NULL);
    ccb_http_meter_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_meters_of_one_role_are_added_up),
        cmocka_unit_test(test_durations_are_a_histogram),
        cmocka_unit_test(test_many_statuses_become_others),
        cmocka_unit_test(test_without_memory_there_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
