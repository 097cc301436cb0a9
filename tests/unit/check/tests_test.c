/* The table of tests: every row is whole, and every rule that the host or the
 * checker enforces has a test (sdk/check/test.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "check/elf_file.h"
#include "check/options.h"
#include "check/test.h"

static bool is_tested(int rule)
{
    for (size_t i = 0; i < ccb_check_test_count; i++)
        for (int j = 0; j < CCB_CHECK_MAX_RULES; j++)
            if (ccb_check_tests[i].rules[j] == rule)
                return true;
    return false;
}

static void test_every_rule_has_a_test(void **state)
{
    (void)state;
    for (int n = 1; ccb_check_find_rule(n); n++)
        assert_int_equal(is_tested(n), strcmp(ccb_check_find_rule(n)->enforced,
                                              "nobody") != 0);
}

static void test_rows_are_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < ccb_check_test_count; i++) {
        const struct ccb_check_test *test = &ccb_check_tests[i];

        assert_non_null(test->run);
        assert_true(test->what[0] && test->rules[0]);
        assert_ptr_equal(ccb_check_find_test(test->name), test);
        for (int j = 0; j < CCB_CHECK_MAX_RULES && test->rules[j]; j++)
            assert_non_null(ccb_check_find_rule(test->rules[j]));
    }
    assert_null(ccb_check_find_test("no-such-test"));
}

static void test_times(void **state)
{
    int64_t time = 0;

    (void)state;
    assert_int_equal(ccb_check_parse_time("2", &time), 0);
    assert_int_equal(time, 2000000000);
    assert_int_equal(ccb_check_parse_time("500ms", &time), 0);
    assert_int_equal(time, 500000000);
    assert_int_equal(ccb_check_parse_time("0", &time), CCB_INVALID);
    assert_int_equal(ccb_check_parse_time("-1s", &time), CCB_INVALID);
    assert_int_equal(ccb_check_parse_time("jar.so", &time), CCB_INVALID);
}

/* What follows --fuzz may be its time, or a file. */
static void test_fuzz_takes_a_time_or_none(void **state)
{
    char program[] = "check", fuzz[] = "--fuzz", time[] = "3s";
    char file[] = "a.so", seed[] = "--seed=4";
    char *with[] = {program, fuzz, time, file, NULL};
    char *without[] = {program, fuzz, file, seed, NULL};
    struct ccb_check_options options;
    struct ccb_error err;

    (void)state;
    assert_int_equal(ccb_check_options_parse(&options, 4, with, &err), 0);
    assert_true(options.fuzz);
    assert_int_equal(options.fuzz_time, 3000000000);
    assert_int_equal(options.file_count, 1);
    assert_int_equal(ccb_check_options_parse(&options, 4, without, &err), 0);
    assert_true(options.fuzz);
    assert_int_equal(options.seed, 4);
    assert_string_equal(options.files[0], "a.so");
}

static void test_elf_of_no_elf(void **state)
{
    struct ccb_elf elf;
    struct ccb_error err;

    (void)state;
    assert_int_equal(ccb_elf_open(&elf, "/dev/null", &err), CCB_IO);
    assert_int_equal(ccb_elf_open(&elf, __FILE__, &err), CCB_INVALID);
    assert_int_equal(ccb_elf_open(&elf, "/proc/self/exe", &err), 0);
    assert_true(elf.symbol_count > 0 && elf.dynamic_count > 0);
    assert_true(ccb_elf_has_tag(&elf, DT_NEEDED, NULL));
    assert_string_equal(ccb_elf_name(&elf, elf.names_size), "");
    ccb_elf_close(&elf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_rule_has_a_test),
        cmocka_unit_test(test_rows_are_whole),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_fuzz_takes_a_time_or_none),
        cmocka_unit_test(test_elf_of_no_elf),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
