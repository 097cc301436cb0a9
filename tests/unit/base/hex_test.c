/* Hexadecimal digits (base/hex.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hex.h"

static void bytes_become_lower_case_digits(void **state)
{
    static const unsigned char bytes[] = {0x00, 0x0f, 0xf0, 0xff, 0x9a};
    char text[11] = "xxxxxxxxxx";

    (void)state;
    ccb_hex_format(text, bytes, sizeof(bytes));
    assert_string_equal(text, "000ff0ff9a");
    ccb_hex_format(text, bytes, 0);
    assert_string_equal(text, "");
}

static void only_digits_have_values(void **state)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    int found = 0;

    (void)state;
    for (int i = 0; i < 22; i++)
        assert_int_equal(ccb_hex_digit(digits[i]), i < 16 ? i : i - 6);
    for (int c = 0; c < 256; c++)
        found += ccb_hex_digit((char)c) >= 0;
    assert_int_equal(found, 22);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_become_lower_case_digits),
        cmocka_unit_test(only_digits_have_values),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
