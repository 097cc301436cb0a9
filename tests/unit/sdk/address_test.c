/*
 * Addresses: where Go's net.SplitHostPort cuts, and its words when it does not
 * (contract/stager.md C1, C5 row 7).
 */
#include "ccbridge/address.h"

#include "json_help.h"

static const struct {
    const char *text, *host, *port, *message;
} addresses[] = {
    {"h:80", "h", "80", NULL},
    {"[::1]:80", "::1", "80", NULL},
    {":8080", "", "8080", NULL},
    {"h:", "h", "", NULL},
    {"", NULL, NULL, "missing port in address"},
    {"h", NULL, NULL, "missing port in address h"},
    {"[::1]", NULL, NULL, "missing port in address [::1]"},
    {"[::1]x:1", NULL, NULL, "missing port in address [::1]x:1"},
    {"a:b:c", NULL, NULL, "too many colons in address a:b:c"},
    {"[::1]:1:2", NULL, NULL, "too many colons in address [::1]:1:2"},
    {"[::1:80", NULL, NULL, "missing ']' in address [::1:80"},
    {"a%b:80", NULL, NULL, "missing brackets in address a%b:80"},
    {"a[b:80", NULL, NULL, "unexpected '[' in address a[b:80"},
    {"a]b:80", NULL, NULL, "unexpected ']' in address a]b:80"},
    {"[a[b]:80", NULL, NULL, "unexpected '[' in address [a[b]:80"},
    {"h:8[0", NULL, NULL, "unexpected '[' in address h:8[0"},
    {"://host:", NULL, NULL, "too many colons in address ://host:"},
    {"h:8]0", NULL, NULL, "unexpected ']' in address h:8]0"},
};

static void addresses_are_split_with_gos_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(addresses); i++) {
        struct ccb_slice text = ccb_slice_of(addresses[i].text);
        struct ccb_slice host, port;
        struct ccb_error err;
        int code = ccb_url_split_host_port(text, &host, &port, &err);

        if (addresses[i].message) {
            assert_int_equal(code, CCB_INVALID);
            assert_string_equal(err.message, addresses[i].message);
            continue;
        }
        assert_int_equal(code, CCB_OK);
        assert_true(ccb_slice_is(host, addresses[i].host));
        assert_true(ccb_slice_is(port, addresses[i].port));
    }
}

static void a_refusal_has_no_parts_and_cuts_what_is_long(void **state)
{
    struct ccb_slice host, port;
    struct ccb_error err;
    char text[1000];

    (void)state;
    memset(text, 'h', sizeof(text));
    assert_int_equal(ccb_url_split_host_port(ccb_slice_make(text, sizeof(text)),
                                             &host, &port, &err),
                     CCB_INVALID);
    assert_int_equal(strlen(err.message),
                     strlen("missing port in address ") + 200);
    assert_int_equal(host.len, 0);
    assert_int_equal(port.len, 0);
    assert_int_equal(
        ccb_url_split_host_port(ccb_slice_make(NULL, 0), &host, &port, NULL),
        CCB_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_split_with_gos_words),
        cmocka_unit_test(a_refusal_has_no_parts_and_cuts_what_is_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
