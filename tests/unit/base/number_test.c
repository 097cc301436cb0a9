/* Whole numbers in text (base/number.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/number.h"
#include "ccbridge/error.h"

static void what_is_a_number_is_read(void **state)
{
    static const struct {
        const char *text;
        int64_t value;
    } rows[] = {
        {"0", 0},
        {"-0", 0},
        {"+7", 7},
        {"007", 7},
        {"-42", -42},
        {"9223372036854775807", INT64_MAX},
        {"-9223372036854775808", INT64_MIN},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t value = 1;

        assert_int_equal(ccb_number_parse(ccb_slice_of(rows[i].text), &value),
                         0);
        assert_true(value == rows[i].value);
    }
}

static void what_is_none_is_refused_by_kind(void **state)
{
    static const struct {
        const char *text;
        int code;
    } rows[] = {
        {"", CCB_INVALID},
        {"-", CCB_INVALID},
        {"+", CCB_INVALID},
        {"--1", CCB_INVALID},
        {" 1", CCB_INVALID},
        {"1 ", CCB_INVALID},
        {"0x1", CCB_INVALID},
        {"1.0", CCB_INVALID},
        {"\xd9\xa1", CCB_INVALID},
        {"99999999999999999999x", CCB_INVALID},
        {"9223372036854775808", CCB_TOO_LARGE},
        {"-9223372036854775809", CCB_TOO_LARGE},
        {"99999999999999999999", CCB_TOO_LARGE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t value = 1;

        assert_int_equal(ccb_number_parse(ccb_slice_of(rows[i].text), &value),
                         rows[i].code);
        assert_int_equal(value, 1);
    }
    assert_int_equal(ccb_number_parse(ccb_slice_make(NULL, 0), &(int64_t){0}),
                     CCB_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_a_number_is_read),
        cmocka_unit_test(what_is_none_is_refused_by_kind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
