/* Changed requests: the same number gives the same case, and the cases differ
 * (sdk/check/fuzz.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "check/fuzz.h"

static const char message[] =
    "{\"app_id\":\"a\",\"list\":[1,2,3],\"more\":{\"b\":null}}";

static struct ccb_buf mutate(uint64_t number)
{
    struct ccb_check_random random = {number};
    struct ccb_buf out = {0};

    ccb_check_mutate(&out, ccb_slice_of(message), &random);
    return out;
}

static void test_number_is_the_case(void **state)
{
    (void)state;
    for (uint64_t n = 0; n < 500; n++) {
        struct ccb_buf one = mutate(n), two = mutate(n);

        assert_true(ccb_slice_equal(ccb_buf_slice(&one), ccb_buf_slice(&two)));
        ccb_buf_destroy(&one);
        ccb_buf_destroy(&two);
    }
}

static void test_cases_differ(void **state)
{
    size_t same = 0, valid = 0;

    (void)state;
    for (uint64_t n = 0; n < 500; n++) {
        struct ccb_buf one = mutate(n), two = mutate(n + 1);
        struct ccb_json json;

        same += ccb_slice_equal(ccb_buf_slice(&one), ccb_buf_slice(&two));
        valid += ccb_json_parse(&json, ccb_buf_slice(&one), CCB_JSON_WHOLE,
                                NULL) == 0;
        ccb_buf_destroy(&one);
        ccb_buf_destroy(&two);
    }
    assert_true(same < 50);
    /* Both what the parser refuses and what lies behind it is tried. */
    assert_in_range(valid, 20, 400);
}

static void test_empty_message(void **state)
{
    struct ccb_check_random random = {1};
    struct ccb_buf out = {0};

    (void)state;
    ccb_check_mutate(&out, ccb_slice_of(""), &random);
    assert_int_equal(out.len, 0);
    ccb_buf_destroy(&out);
}

static void test_survives_no_memory(void **state)
{
    (void)state;
    for (size_t n = 1; n < 20; n++) {
        struct ccb_buf out;

        ccb_mem_fail_at(n, 1);
        out = mutate(n);
        ccb_mem_fail_at(0, 0);
        ccb_buf_destroy(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_number_is_the_case),
        cmocka_unit_test(test_cases_differ),
        cmocka_unit_test(test_empty_message),
        cmocka_unit_test(test_survives_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
