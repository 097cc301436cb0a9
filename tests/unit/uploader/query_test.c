/*
 * Parameters of URLs: read as forms are, written sorted, resolved without
 * credentials, logged without secrets.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>

#include "base/arena.h"
#include "base/mem.h"
#include "uploader/internal.h"

static void assert_slice(struct ccb_slice got, const char *want)
{
    if (!ccb_slice_is(got, want))
        fail_msg("\"%.*s\", not \"%s\"", (int)got.len, got.ptr, want);
}

static void test_parameters_are_read_as_forms(void **state)
{
    static const char *const rows[][2] = {
        {"u=a&u=b", "a"},
        {"x=1&u=a%20b+c", "a b c"},
        {"%75=a", "a"},
        {"u=http%3A%2F%2Fh%2Fp%3Fq%3D1%26r", "http://h/p?q=1&r"},
        {"u=a=b", "a=b"},
        {"u", ""},
        {"u=%zz&u=b", "b"},
        {"u=%4", ""},
        {"", ""},
        {"&&", ""},
        {"U=a", ""},
    };
    struct ccb_arena *arena = ccb_arena_create();

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_slice(ccb_query_get(arena, ccb_slice_of(rows[i][0]), "u"),
                     rows[i][1]);
    ccb_arena_unref(arena);
    ccb_arena_drain();
}

static void test_a_set_parameter_sorts_the_query(void **state)
{
    static const char *const rows[][2] = {
        {"http://h/p", "http://h/p?async=true"},
        {"http://h/p?z=1&a=2", "http://h/p?a=2&async=true&z=1"},
        {"http://u:p@h/p?async=false&async", "http://u:p@h/p?async=true"},
        {"http://h/p?b=2&b=1&a", "http://h/p?a=&async=true&b=2&b=1"},
        {"http://h/p?k=a b&l=%2f%20", "http://h/p?async=true&k=a+b&l=%2F+"},
        {"http://h/p?bad=%zz&k=v#frag", "http://h/p?async=true&k=v"},
        {"upload-uri.com", "upload-uri.com?async=true"},
        {"http://h?", "http://h?async=true"},
    };
    struct ccb_arena *arena = ccb_arena_create();

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_slice(
            ccb_query_set(arena, ccb_slice_of(rows[i][0]), "async", "true"),
            rows[i][1]);
    ccb_arena_unref(arena);
    ccb_arena_drain();
}

static void test_references_lose_the_credentials_of_the_base(void **state)
{
    static const char *const rows[][2] = {
        {"/v2/jobs/1?x=y", "https://cc:1/v2/jobs/1?x=y"},
        {"jobs", "https://cc:1/jobs"},
        {"", "https://cc:1/"},
        {"http://u:p@other/j", "http://u:p@other/j"},
        {"//other:2/j", "https://other:2/j"},
    };
    struct ccb_buf out = {0};
    struct ccb_url base;
    struct ccb_error err;

    (void)state;
    assert_int_equal(
        ccb_url_parse(&base, ccb_slice_of("https://bob:pw@cc:1/up"), &err), 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(
            ccb_query_resolve(&out, &base, ccb_slice_of(rows[i][0]), &err),
            CCB_OK);
        assert_slice(ccb_buf_slice(&out), rows[i][1]);
    }
    assert_int_equal(
        ccb_query_resolve(&out, &base, ccb_slice_of("http://%x"), &err),
        CCB_INVALID);
    ccb_buf_destroy(&out);
}

static void test_logged_urls_have_no_secrets(void **state)
{
    struct ccb_buf out = {0};
    struct ccb_url url;

    (void)state;
    (void)ccb_url_parse(
        &url, ccb_slice_of("http://bob:pw@cc:1/up?signature=hush&k=v"), NULL);
    ccb_query_log_url(&out, &url);
    (void)ccb_buf_putc(&out, '\0');
    assert_non_null(strstr(out.data, "\"Host\":\"cc:1\",\"Path\":\"/up\""));
    assert_non_null(strstr(out.data, "k=v"));
    assert_null(strstr(out.data, "bob"));
    assert_null(strstr(out.data, "pw"));
    assert_null(strstr(out.data, "hush"));
    ccb_buf_destroy(&out);
}

static void test_integers(void **state)
{
    static const char *const bad[] = {"",   "-",  "+", "1.0",
                                      "1s", " 1", "x", "9223372036854775808"};
    struct ccb_error err;
    int64_t value;

    (void)state;
    assert_int_equal(ccb_query_int(ccb_slice_of("300"), &value, &err), 0);
    assert_int_equal(value, 300);
    assert_int_equal(ccb_query_int(ccb_slice_of("-5"), &value, &err), 0);
    assert_int_equal(value, -5);
    assert_int_equal(ccb_query_int(ccb_slice_of("+7"), &value, &err), 0);
    assert_int_equal(value, 7);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(ccb_query_int(ccb_slice_of(bad[i]), &value, &err),
                         CCB_INVALID);
    assert_non_null(strstr(err.message, "value out of range"));
}

static void test_memory_runs_out(void **state)
{
    struct ccb_arena *arena;

    (void)state;
    for (size_t nth = 1; nth < 6; nth++) {
        struct ccb_slice url;

        arena = ccb_arena_create();
        (void)ccb_mem_fail_at(nth, 1);
        url = ccb_query_set(arena, ccb_slice_of("http://h/p?z=1&a=2"), "async",
                            "true");
        (void)ccb_mem_fail_at(0, 0);
        if (url.ptr != NULL)
            assert_slice(url, "http://h/p?a=2&async=true&z=1");
        ccb_arena_unref(arena);
        ccb_arena_drain();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parameters_are_read_as_forms),
        cmocka_unit_test(test_a_set_parameter_sorts_the_query),
        cmocka_unit_test(test_references_lose_the_credentials_of_the_base),
        cmocka_unit_test(test_logged_urls_have_no_secrets),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_memory_runs_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
