/*
 * URLs: joints, escaping and guids in paths (contract/stager.md B1, C4), and
 * what Go's url.Parse and ParseRequestURI refuse.
 */
#include "call_fixture.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int check_joints(struct ccb_sdk_call *c)
{
    static const char *const rows[][3] = {
        {"http://fs", "/v1/static/", "http://fs/v1/static/"},
        {"http://fs/", "/v1", "http://fs/v1"},
        {"http://fs/", "v1", "http://fs/v1"},
        {"http://fs", "v1", "http://fs/v1"},
        {"http://fs//", "//v1", "http://fs///v1"},
        {"", "/v1", "/v1"},
        {"", "", "/"},
        {"a/../b", "./c", "a/../b/./c"},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_slice(
            ccb_sdk_join(c, ccb_slice_of(rows[i][0]), ccb_slice_of(rows[i][1])),
            rows[i][2]);
    return 0;
}

static void joints_have_one_slash_and_nothing_else_changes(void **state)
{
    (void)state;
    assert_int_equal(in_call("", "", check_joints), 0);
}

static int check_escaping(struct ccb_sdk_call *c)
{
    static const char *const rows[][2] = {
        {"", ""},
        {"azAZ09-_.~", "azAZ09-_.~"},
        {"http://u:p@h/a b?x=1&y", "http%3A%2F%2Fu%3Ap%40h%2Fa+b%3Fx%3D1%26y"},
        {"+%*'()!", "%2B%25%2A%27%28%29%21"},
        {"\xc3\xa9\xff\x01", "%C3%A9%FF%01"},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_slice(ccb_sdk_query_escape(c, ccb_slice_of(rows[i][0])),
                     rows[i][1]);
    assert_slice(ccb_sdk_query_escape(c, ccb_slice_make("a\0b", 3)), "a%00b");
    return 0;
}

static void form_escaping_is_upper_case_with_plus(void **state)
{
    (void)state;
    assert_int_equal(in_call("", "", check_escaping), 0);
}

static int check_guids(struct ccb_sdk_call *c)
{
    static const char *const good[][2] = {
        {"", ""},
        {"5c3f2d9a-7b41", "5c3f2d9a-7b41"},
        {"g 1\xc3\xa9", "g%201%C3%A9"},
        {"x y/z?k", "x%20y/z"},
        {"a#b", "a%23b"},
        {"a#b?c", "a%23b"},
        {"a?b#c", "a"},
        {"a%2Fb%c3", "a%2Fb%c3"},
        {"a?%zz", "a"},
        {"-_.~!$&'()*+,;=:@[]/", "-_.~!$&'()*+,;=:@[]/"},
        {"\"<>\\^`{|}", "%22%3C%3E%5C%5E%60%7B%7C%7D"},
    };
    static const char *const bad[] = {"%",     "a%4",   "a%4g",    "a%4?1",
                                      "a#%zz", "a?b#%", "a#b?%zz", "a\x01",
                                      "a\x7f", "a?\n",  "%%41"};
    struct ccb_slice out;

    for (size_t i = 0; i < COUNT(good); i++) {
        assert_int_equal(ccb_sdk_path_guid(c, ccb_slice_of(good[i][0]), &out),
                         0);
        assert_slice(out, good[i][1]);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(ccb_sdk_path_guid(c, ccb_slice_of(bad[i]), &out),
                         CCB_INVALID);
        assert_int_equal(out.len, 0);
    }
    assert_int_equal(c->code, 0); /* the caller has the word */
    return 0;
}

static void guids_keep_what_a_path_can_hold(void **state)
{
    (void)state;
    assert_int_equal(in_call("", "", check_guids), 0);
}

static void schemes_are_found_as_url_parse_does(void **state)
{
    static const char *const rows[][2] = {
        {"", ""},
        {"*", ""},
        {"lc/b.tgz", ""},
        {"/lc/b:c.tgz", ""},
        {"lc/b:c.tgz", ""},
        {"http://h/x", "http"},
        {"HTTPS://h/x", "HTTPS"},
        {"a:b.tgz", "a"},
        {"a+b-c.1:", "a+b-c.1"},
        {"fs.local:8080/x", "fs.local"},
        {"http:opaque%zz", "http"},
        {"lc/x?a:b%zz", ""},
        {"lc/x#f:g%41", ""},
        {"//h/x", ""},
        {"http://[::1]:80/", "http"},
        {"http://[fe80::1%25en0]/", "http"},
        {"http://[fe80::1%25%65n%20]/", "http"},
        {"http://h:/", "http"},
        {"http://u:p%40@h", "http"},
        {"http://h%C3%A9/", "http"},
        {"http:///x", "http"},
    };
    struct ccb_slice scheme;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(
            ccb_url_scheme(ccb_slice_of(rows[i][0]), &scheme, NULL), 0);
        assert_slice(scheme, rows[i][1]);
    }
}

static void what_url_parse_refuses(void **state)
{
    static const char *const rows[][2] = {
        {"://x", "missing protocol scheme"},
        {":", "missing protocol scheme"},
        {"1:b.tgz", "first path segment"},
        {"l_c:b/x", "first path segment"},
        {"\xc3\xa9:x/", "first path segment"},
        {"lc/%zz", "percent escape"},
        {"lc/x#%4", "percent escape"},
        {"lc\x7f", "control character"},
        {"http://h/\n", "control character"},
        {"http://h:80a/", "port"},
        {"http://h:-1/", "port"},
        {"http://[::1", "missing ']'"},
        {"http://[::1]x/", "port"},
        {"http://h h/", "host name"},
        {"http://h%20/", "escape in the host"},
        {"http://h%/", "escape in the host"},
        {"http://[a%25%2f]/", "escape in the host"},
        {"http://u\\:p@h/", "user information"},
        {"http://u%zz@h/", "user information"},
    };
    struct ccb_slice scheme;
    struct ccb_error err;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(
            ccb_url_scheme(ccb_slice_of(rows[i][0]), &scheme, &err),
            CCB_INVALID);
        if (!strstr(err.message, rows[i][1]))
            fail_msg("%s: expected \"%s\", found \"%s\"", rows[i][0],
                     rows[i][1], err.message);
    }
}

static void request_uris_are_absolute_or_begin_with_a_slash(void **state)
{
    static const char *const good[] = {
        "/",       "/x y",     "//h/x",          "http://h/x#%41?",
        "a:b",     "http://h", "/v1/a?b=%zz",    "*",
        "http:",   "///x",     "http://u:p@h/x", "fs.local:8080/v1",
        "/a:b/c:d"};
    static const char *const bad[] = {
        "",         "not-a-uri",     "x/y",   "?a=b",        "://x",
        "/%zz",     "http://h/%",    "/\x01", "http://h:x/", "#x",
        "fs_local", "http://h/#%4z", "1:/",   "http://[::1/"};
    struct ccb_error err;

    (void)state;
    for (size_t i = 0; i < COUNT(good); i++)
        if (ccb_url_check_request_uri(ccb_slice_of(good[i]), &err) != 0)
            fail_msg("%s: %s", good[i], err.message);
    for (size_t i = 0; i < COUNT(bad); i++) {
        if (ccb_url_check_request_uri(ccb_slice_of(bad[i]), &err) == 0)
            fail_msg("%s was taken", bad[i]);
        assert_int_equal(err.code, CCB_INVALID);
        assert_non_null(strstr(err.message, "invalid URI"));
    }
}

static void refusals_never_hold_the_url(void **state)
{
    struct ccb_slice url = CCB_LIT("http://user:s3cret@h:port/"), scheme;
    struct ccb_error err;

    (void)state;
    assert_int_equal(ccb_url_check_request_uri(url, &err), CCB_INVALID);
    assert_null(strstr(err.message, "s3cret"));
    assert_int_equal(ccb_url_scheme(url, &scheme, &err), CCB_INVALID);
    assert_null(strstr(err.message, "s3cret"));
}

static int make_all(struct ccb_sdk_call *c)
{
    struct ccb_slice guid;

    ccb_sdk_join(c, ccb_slice_of("a"), ccb_slice_of("b"));
    ccb_sdk_query_escape(c, ccb_slice_of("a"));
    if (c->code == 0)
        ccb_sdk_path_guid(c, ccb_slice_of("a"), &guid);
    return c->code;
}

static void lack_of_memory_sticks(void **state)
{
    (void)state;
    for (size_t n = 1; n <= 3; n++) {
        fixture_host.fail_alloc_at = n;
        assert_int_equal(in_call("", "", make_all), CCB_NO_MEMORY);
        assert_int_equal(fixture_host.code, CCB_NO_MEMORY);
    }
    fixture_host.fail_alloc_at = 0;
    assert_int_equal(in_call("", "", make_all), 0);
    assert_int_equal(fixture_host.allocations, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joints_have_one_slash_and_nothing_else_changes),
        cmocka_unit_test(form_escaping_is_upper_case_with_plus),
        cmocka_unit_test(guids_keep_what_a_path_can_hold),
        cmocka_unit_test(schemes_are_found_as_url_parse_does),
        cmocka_unit_test(what_url_parse_refuses),
        cmocka_unit_test(request_uris_are_absolute_or_begin_with_a_slash),
        cmocka_unit_test(refusals_never_hold_the_url),
        cmocka_unit_test(lack_of_memory_sticks),
    };
    fixture_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
