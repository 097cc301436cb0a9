/*
 * MD5: RFC 1321's own values, those of contract/stager.md C10, and lengths at
 * every border of a block.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ccbridge/sdk.h"

static void known_values(void **state)
{
    static const struct {
        const char *text, *digest;
    } rows[] = {
        {"", "d41d8cd98f00b204e9800998ecf8427e"},
        {"a", "0cc175b9c0f1b6a831c399e269772661"},
        {"abc", "900150983cd24fb0d6963f7d28e17f72"},
        {"message digest", "f96b697d7cb7938d525a2f31aaf161d0"},
        {"abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"},
        {"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
         "d174ab98d277d9f5a5611c2c9f419d9f"},
        {"1234567890123456789012345678901234567890"
         "1234567890123456789012345678901234567890",
         "57edf4a22be3c955ac49da2e2107b67a"},
        {"zfirst-buildpack", "0fe7d5fc3f73b0ab8682a664da513fbd"},
        {"asecond-buildpack", "58015c32d26f0ad3418f87dd9bf47797"},
        {"my-buildpack/key/::", "8b2f72a0702aed614f8b5d8f7f5b431b"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char hex[33];
        ccb_md5_hex(ccb_slice_of(rows[i].text), hex);
        assert_string_equal(hex, rows[i].digest);
    }
}

/* The digest of all digests of 0 to 200 times 'x', so that each length around
 * 55, 56, 63, 64 and their doubles counts. */
static void every_length_around_a_block(void **state)
{
    char text[200], all[201 * 32], hex[33];

    (void)state;
    memset(text, 'x', sizeof(text));
    for (size_t len = 0; len <= sizeof(text); len++) {
        ccb_md5_hex(ccb_slice_make(text, len), hex);
        memcpy(all + 32 * len, hex, 32);
    }
    ccb_md5_hex(ccb_slice_make(all, sizeof(all)), hex);
    assert_string_equal(hex, "1f0d9d949b2c16e511c7083a082d1828");
}

static void no_memory_behind_an_empty_text(void **state)
{
    char hex[33];

    (void)state;
    ccb_md5_hex(ccb_slice_make(NULL, 0), hex);
    assert_string_equal(hex, "d41d8cd98f00b204e9800998ecf8427e");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_values),
        cmocka_unit_test(every_length_around_a_block),
        cmocka_unit_test(no_memory_behind_an_empty_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
