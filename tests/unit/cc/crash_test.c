/* The body that tells CC of a crash: contract/tps.md 2.3, 4.3. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "cc/cc.h"

static void expect(const struct ccb_cc_crash *crash, const char *wanted)
{
    struct ccb_buf out = {0};
    ccb_cc_crash_encode(&out, crash);
    ccb_buf_putc(&out, '\0');
    assert_int_equal(out.failed, 0);
    assert_string_equal(out.data, wanted);
    ccb_buf_destroy(&out);
}

static void test_what_is_empty_is_left_out_or_not(void **state)
{
    struct ccb_cc_crash crash = {.index = 1};
    (void)state;
    expect(&crash, "{\"instance\":\"\",\"index\":1,\"reason\":\"\","
                   "\"crash_count\":0,\"crash_timestamp\":0}");
}

static void test_all_members_in_their_order(void **state)
{
    struct ccb_cc_crash crash = {
        .instance = CCB_LIT("i-7"),
        .index = 1,
        .reason = CCB_LIT("CRASHED"),
        .exit_status = -1,
        .exit_description = CCB_LIT("out of \"memory\""),
        .crash_count = 2,
        .crash_timestamp = INT64_C(1440417600125000001),
    };
    (void)state;
    expect(&crash, "{\"instance\":\"i-7\",\"index\":1,\"reason\":\"CRASHED\","
                   "\"exit_status\":-1,\"exit_description\":"
                   "\"out of \\\"memory\\\"\",\"crash_count\":2,"
                   "\"crash_timestamp\":1440417600125000001}");
}

static void test_no_memory_sticks_in_the_buffer(void **state)
{
    struct ccb_cc_crash crash = {.index = 1};
    struct ccb_buf out = {0};
    (void)state;
    ccb_mem_fail_at(1, 1);
    ccb_cc_crash_encode(&out, &crash);
    ccb_mem_fail_at(0, 0);
    assert_int_equal(out.failed, CCB_NO_MEMORY);
    ccb_buf_destroy(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_empty_is_left_out_or_not),
        cmocka_unit_test(test_all_members_in_their_order),
        cmocka_unit_test(test_no_memory_sticks_in_the_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
