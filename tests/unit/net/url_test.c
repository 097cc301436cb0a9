/*
 * URLs are taken apart as Go's net/url of 2015 did (core/net/url.h,
 * contract/stager.md B1 and C1). Tables: one row a case.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/mem.h"
#include "net/url.h"

static void assert_slice(struct ccb_slice got, const char *want, const char *of)
{
    if (!ccb_slice_is(got, want))
        fail_msg("%s: got \"%.*s\", want \"%s\"", of, (int)got.len, got.ptr,
                 want);
}

static const struct {
    const char *text, *scheme, *userinfo, *authority, *host;
    uint16_t port;
    const char *target;
} good[] = {
    {"http://h", "http", "", "h", "h", 80, ""},
    {"https://h/p?q=1#f", "https", "", "h", "h", 443, "/p?q=1"},
    {"HTTP://H:8080/", "http", "", "H:8080", "H", 8080, "/"},
    {"ws://tc.local:8081", "ws", "", "tc.local:8081", "tc.local", 8081, ""},
    {"wss://tc.local", "wss", "", "tc.local", "tc.local", 443, ""},
    {"http://u:p@h:1/x", "http", "u:p", "h:1", "h", 1, "/x"},
    {"http://a@b@h/x", "http", "a@b", "h", "h", 80, "/x"},
    {"http://[::1]:80/x", "http", "", "[::1]:80", "::1", 80, "/x"},
    {"http://[fe80::1]", "http", "", "[fe80::1]", "fe80::1", 80, ""},
    {"http://h:", "http", "", "h:", "h", 80, ""},
    {"http://h?q", "http", "", "h", "h", 80, "?q"},
    {"http://", "http", "", "", "", 80, ""},
    {"ftp://h/x", "ftp", "", "h", "h", 0, "/x"},
    {"", "", "", "", "", 0, ""},
    {"/a/b?c", "", "", "", "", 0, "/a/b?c"},
    {"//h:9/p", "", "", "h:9", "h", 9, "/p"},
    {"///p", "", "", "", "", 0, "///p"},
    /* what -dockerRegistryAddress is given */
    {"name.internal:8080", "name.internal", "", "", "", 0, "8080"},
    {"10.0.0.1:8080", "", "", "", "", 0, "10.0.0.1:8080"},
    {"http://h/a b%20c", "http", "", "h", "h", 80, "/a b%20c"},
    {"http://h/p?%zz", "http", "", "h", "h", 80, "/p?%zz"},
};

static void urls_are_taken_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        const char *text = good[i].text;
        struct ccb_error err;
        struct ccb_url url;

        if (ccb_url_parse(&url, ccb_slice_of(text), &err) != CCB_OK)
            fail_msg("%s: %s", text, err.message);
        assert_slice(url.scheme, good[i].scheme, text);
        assert_slice(url.userinfo, good[i].userinfo, text);
        assert_int_equal(url.has_userinfo, good[i].userinfo[0] != '\0');
        assert_slice(url.authority, good[i].authority, text);
        assert_slice(url.host, good[i].host, text);
        assert_int_equal(url.port, good[i].port);
        assert_slice(url.target, good[i].target, text);
    }
}

static const struct {
    const char *text, *message;
} bad[] = {
    {"://noscheme:8500", "parse ://noscheme:8500: missing protocol scheme"},
    {"http://h:port", "parse http://h:port: bad port"},
    {"http://h:65536", "parse http://h:65536: bad port"},
    {"http://h:1:2", "parse http://h:1:2: too many colons in host"},
    {"http://[::1", "parse http://[::1: missing ']' in host"},
    {"http://[::1]x", "parse http://[::1]x: bad port behind ']'"},
    {"http://a b/", "parse http://a b/: bad character in host"},
    {"http://h/%zz", "parse http://h/%zz: broken percent-encoding in path"},
    {"/%1", "parse /%1: broken percent-encoding in path"},
    {"http://u%:p@h", "parse http://h: broken percent-encoding in user info"},
    {"http://h\r\nx", "parse URL: it holds a control character"},
};

static void bad_urls_are_refused_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct ccb_error err;
        struct ccb_url url;

        assert_int_equal(ccb_url_parse(&url, ccb_slice_of(bad[i].text), &err),
                         CCB_INVALID);
        assert_string_equal(err.message, bad[i].message);
    }
}

static void a_refusal_never_shows_user_info_or_query(void **state)
{
    static const char *const texts[] = {
        "http://me:secret@h:port/",   "http://me:sec/ret@h/",
        "http://me:sec?ret@h:x/",     "://me:secret@h/",
        "http://me@secret@h:999999/", "http://h:x/?token=secret",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct ccb_error err = {0};
        struct ccb_url url;

        assert_int_equal(ccb_url_parse(&url, ccb_slice_of(texts[i]), &err),
                         CCB_INVALID);
        assert_null(strstr(err.message, "sec"));
        assert_null(strstr(err.message, "me:"));
    }
}

static void a_path_is_unescaped_and_its_plus_stands(void **state)
{
    struct ccb_arena *arena = ccb_arena_create();
    struct ccb_slice out, plain = CCB_LIT("/a+b");

    (void)state;
    assert_int_equal(ccb_url_unescape(arena, plain, &out), CCB_OK);
    assert_ptr_equal(out.ptr, plain.ptr); /* nothing to do, nothing copied */
    assert_int_equal(
        ccb_url_unescape(arena, ccb_slice_of("/a%2Fb%20+%C3%a9"), &out),
        CCB_OK);
    assert_slice(out, "/a/b +\xc3\xa9", "unescape");
    assert_int_equal(ccb_url_unescape(arena, ccb_slice_of("%"), &out),
                     CCB_INVALID);
    assert_int_equal(ccb_url_unescape(arena, ccb_slice_of("a%4"), &out),
                     CCB_INVALID);
    assert_int_equal(ccb_url_unescape(arena, ccb_slice_of("a%g0"), &out),
                     CCB_INVALID);
    ccb_mem_fail_at(1, 0);
    assert_int_equal(ccb_url_unescape(arena, ccb_slice_of("%41"), &out),
                     CCB_NO_MEMORY);
    ccb_mem_fail_at(0, 0);
    ccb_arena_unref(arena);
}

static const struct {
    const char *guid, *path; /* NULL: refused */
} guids[] = {
    {"plain-guid_1.2~3", "plain-guid_1.2~3"},
    {"g 1\xc3\xa9", "g%201%C3%A9"}, /* the example of B1 */
    {"a/b", "a/b"},
    {"a%2Fb", "a%2Fb"},
    {"a?b", "a"},
    {"a#b", "a"},
    {"?", ""},
    {"", ""},
    {"a\r\nHost: x", "a%0D%0AHost:%20x"},
    {"a\"<>\\^`{|}b", "a%22%3C%3E%5C%5E%60%7B%7C%7Db"},
    {"a!$&'()*+,;=:@[]", "a!$&'()*+,;=:@[]"},
    {"a%", NULL},
    {"a%2", NULL},
    {"a%zz", NULL},
    {"a?%zz", "a"},
    {"a#%zz", NULL},
};

static void a_guid_goes_into_a_path_as_text(void **state)
{
    struct ccb_arena *arena = ccb_arena_create();

    (void)state;
    for (size_t i = 0; i < sizeof(guids) / sizeof(guids[0]); i++) {
        struct ccb_error err = {0};
        struct ccb_slice out;
        int code =
            ccb_url_path_guid(arena, ccb_slice_of(guids[i].guid), &out, &err);

        if (guids[i].path == NULL) {
            assert_int_equal(code, CCB_INVALID);
            assert_non_null(strstr(err.message, guids[i].guid));
            continue;
        }
        assert_int_equal(code, CCB_OK);
        assert_slice(out, guids[i].path, guids[i].guid);
    }
    ccb_arena_unref(arena);
}

static void a_value_goes_into_a_query_encoded(void **state)
{
    struct ccb_arena *arena = ccb_arena_create();
    struct ccb_slice out;

    (void)state;
    assert_int_equal(
        ccb_url_query_value(arena, ccb_slice_of("{\"id\":[5, \"a&b+c=\xc3\"]}"),
                            &out),
        0);
    assert_slice(out, "%7B%22id%22%3A%5B5%2C%20%22a%26b%2Bc%3D%C3%22%5D%7D",
                 "a token");
    assert_int_equal(ccb_url_query_value(arena, ccb_slice_of("Aa0-._~"), &out),
                     0);
    assert_slice(out, "Aa0-._~", "what stands");
    ccb_mem_fail_at(1, 0);
    assert_int_equal(ccb_url_query_value(arena, ccb_slice_of("{}"), &out),
                     CCB_NO_MEMORY);
    ccb_mem_fail_at(0, 0);
    ccb_arena_unref(arena);
}

static void only_http_and_https_are_called(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"http://h", NULL},
        {"HTTPS://h", NULL},
        {"ftp://u:secret@h", "unsupported protocol scheme \"ftp\""},
        {"h/x", "unsupported protocol scheme \"\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *words = cases[i].words;
        struct ccb_error err;
        struct ccb_url url;

        assert_int_equal(ccb_url_parse(&url, ccb_slice_of(cases[i].text), &err),
                         CCB_OK);
        assert_int_equal(ccb_url_check_http(&url, &err),
                         words ? CCB_INVALID : CCB_OK);
        if (words)
            assert_string_equal(err.message, words);
    }
}

static void a_guid_survives_the_lack_of_memory(void **state)
{
    struct ccb_arena *arena = ccb_arena_create();
    struct ccb_slice out;

    (void)state;
    ccb_mem_fail_at(1, 0);
    assert_int_equal(ccb_url_path_guid(arena, ccb_slice_of("a b"), &out, NULL),
                     CCB_NO_MEMORY);
    ccb_mem_fail_at(0, 0);
    ccb_arena_unref(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls_are_taken_apart),
        cmocka_unit_test(bad_urls_are_refused_by_name),
        cmocka_unit_test(a_refusal_never_shows_user_info_or_query),
        cmocka_unit_test(a_path_is_unescaped_and_its_plus_stands),
        cmocka_unit_test(a_guid_goes_into_a_path_as_text),
        cmocka_unit_test(a_value_goes_into_a_query_encoded),
        cmocka_unit_test(only_http_and_https_are_called),
        cmocka_unit_test(a_guid_survives_the_lack_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
