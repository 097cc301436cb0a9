/* Outcomes keep the worst that was said, come through their document as they
 * were, and lose what could move a cursor (sdk/check/outcome.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "check/outcome.h"

static void test_first_failure_wins(void **state)
{
    struct ccb_check_outcome out = {0};

    (void)state;
    ccb_check_remark(&out, "looked at %d", 3);
    assert_int_equal(out.status, CCB_CHECK_SUCCESS);
    ccb_check_warn(&out, 12, "fast", "slow");
    ccb_check_remark(&out, "all is well");
    assert_int_equal(out.status, CCB_CHECK_WARNING);
    ccb_check_fail(&out, 31, "one", "two");
    ccb_check_fail(&out, 32, "three", "four");
    ccb_check_warn(&out, 12, "fast", "slow");
    ccb_check_skip(&out, "never mind");
    assert_int_equal(out.status, CCB_CHECK_FAILED);
    assert_int_equal(out.rule, 31);
    assert_string_equal(out.found, "two");
}

static void test_through_the_document(void **state)
{
    struct ccb_check_outcome out = {0}, back;
    struct ccb_buf text = {0};

    (void)state;
    ccb_check_fail(&out, 54, "\"quotes\" \\", "\x1b[2J %s", "a\nb");
    snprintf(out.subject, sizeof(out.subject), "org.example.jar 1");
    ccb_check_outcome_encode(&text, &out);
    assert_int_equal(
        ccb_check_outcome_decode(&back, ccb_buf_slice(&text), NULL), 0);
    assert_int_equal(back.status, CCB_CHECK_FAILED);
    assert_int_equal(back.rule, 54);
    assert_string_equal(back.expected, "\"quotes\" \\");
    assert_string_equal(back.found, " [2J a b");
    assert_string_equal(back.subject, "org.example.jar 1");
    ccb_buf_destroy(&text);
}

static void test_refuses_other_documents(void **state)
{
    static const char *const texts[] = {"",
                                        "{}",
                                        "[]",
                                        "{\"status\":\"great\",\"rule\":1}",
                                        "{\"status\":\"failed\"}",
                                        "{\"status\":\"failed\",\"rule\":1}x"};
    struct ccb_check_outcome out;
    struct ccb_error err;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_int_equal(
            ccb_check_outcome_decode(&out, ccb_slice_of(texts[i]), &err),
            CCB_INVALID);
}

static void test_encode_without_memory(void **state)
{
    struct ccb_check_outcome out = {0};
    struct ccb_buf text = {0};

    (void)state;
    ccb_mem_fail_at(1, 1);
    ccb_check_outcome_encode(&text, &out);
    ccb_mem_fail_at(0, 0);
    assert_true(text.failed != 0);
    ccb_buf_destroy(&text);
}

/* Every number has one row, in order, with all its words. */
static void test_rules_are_whole(void **state)
{
    int number = 1;

    (void)state;
    for (; ccb_check_find_rule(number); number++) {
        const struct ccb_check_rule *rule = ccb_check_find_rule(number);

        assert_true(rule->rule[0] && rule->consequence[0] && rule->advice[0]);
        assert_true(strcmp(rule->enforced, "host") == 0 ||
                    strcmp(rule->enforced, "checker") == 0 ||
                    strcmp(rule->enforced, "nobody") == 0);
        assert_null(strchr(rule->rule, '|'));
    }
    assert_true(number > 40);
    assert_null(ccb_check_find_rule(0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_failure_wins),
        cmocka_unit_test(test_through_the_document),
        cmocka_unit_test(test_refuses_other_documents),
        cmocka_unit_test(test_encode_without_memory),
        cmocka_unit_test(test_rules_are_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
