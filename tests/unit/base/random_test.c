/* Random bytes and guids (base/random.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/hex.h"
#include "base/random.h"

static void bytes_differ_from_call_to_call(void **state)
{
    unsigned char one[32] = {0}, other[32] = {0}, none[32] = {0};

    (void)state;
    assert_int_equal(ccb_random_bytes(one, sizeof(one), NULL), 0);
    assert_int_equal(ccb_random_bytes(other, sizeof(other), NULL), 0);
    assert_memory_not_equal(one, other, sizeof(one));
    assert_memory_not_equal(one + 16, none, 16); /* filled to the end */
}

static void a_guid_has_its_form_version_and_variant(void **state)
{
    static const char form[] = "xxxxxxxx-xxxx-4xxx-vxxx-xxxxxxxxxxxx";
    char guid[CCB_GUID_SIZE], other[CCB_GUID_SIZE];

    (void)state;
    for (int round = 0; round < 100; round++) {
        assert_int_equal(ccb_guid_make(guid, NULL), 0);
        assert_int_equal(strlen(guid), sizeof(form) - 1);
        for (size_t i = 0; form[i]; i++)
            if (form[i] == 'x')
                assert_true(ccb_hex_digit(guid[i]) >= 0);
            else if (form[i] == 'v')
                assert_non_null(strchr("89ab", guid[i]));
            else
                assert_int_equal(guid[i], form[i]);
    }
    assert_int_equal(ccb_guid_make(other, NULL), 0);
    assert_string_not_equal(guid, other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_differ_from_call_to_call),
        cmocka_unit_test(a_guid_has_its_form_version_and_variant),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
