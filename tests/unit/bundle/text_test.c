/*
 * Paths and URLs as text, ports by number and name
 * (contract/lifecycle-buildpack.md A3, A5; lifecycle-healthcheck.md A2).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "healthcheck.h"
#include "path.h"
#include "url.h"

static void paths_are_cleaned(void **state)
{
    static const struct {
        const char *path, *clean, *parent;
    } rows[] = {
        {"", ".", "."},
        {".", ".", "."},
        {"/", "/", "/"},
        {"a", "a", "."},
        {"a/b", "a/b", "a"},
        {"/a//b/./c/", "/a/b/c", "/a/b/c"},
        {"/a/../../b", "/b", "/"},
        {"a/../../b", "../b", ".."},
        {"../../a", "../../a", "../.."},
        {"a/..", ".", "a"},
        {"..a/b.", "..a/b.", "..a"},
    };
    struct ccb_arena *arena = ccb_arena_create();

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_string_equal(ccb_path_clean(arena, rows[i].path), rows[i].clean);
        assert_string_equal(ccb_path_parent(arena, rows[i].path),
                            rows[i].parent);
    }
    assert_string_equal(ccb_path_join(arena, "/a", "../b"), "/b");
    assert_string_equal(ccb_path_join(arena, "", "b"), "b");
    ccb_arena_unref(arena);
}

static void a_relative_path_stands_behind_pwd(void **state)
{
    struct ccb_arena *arena = ccb_arena_create();

    (void)state;
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(setenv("PWD", "/proc/self/root", 1), 0);
    assert_string_equal(ccb_path_absolute(arena, "app"), "/proc/self/root/app");
    assert_int_equal(setenv("PWD", "/nowhere", 1), 0);
    assert_string_equal(ccb_path_absolute(arena, "app/../x"), "/x");
    assert_string_equal(ccb_path_absolute(arena, "/y/"), "/y");
    ccb_arena_unref(arena);
}

static void urls_are_taken_apart(void **state)
{
    static const struct {
        const char *text;
        const char *scheme, *path, *fragment; /* scheme NULL: refused */
        const char *again;
    } rows[] = {
        {"ruby_bp", "", "ruby_bp", "", "ruby_bp"},
        {"a/b", "", "a/b", "", "a/b"},
        {"", "", "", "", ""},
        {"my-buildpack/key/::", "", "my-buildpack/key/::", "",
         "my-buildpack/key/::"},
        {"git@host:a/b.git", "", "git@host:a/b.git", "", "git@host:a/b.git"},
        {"1a:b", "", "1a:b", "", "1a:b"},
        {"https://u:p@h:1/a.zip?q=1#f", "https", "/a.zip", "f",
         "https://u:p@h:1/a.zip?q=1"},
        {"HTTP://h", "HTTP", "", "", "http://h"},
        {"file:///tmp/x#a%20b", "file", "/tmp/x", "a%20b", "file:///tmp/x"},
        {"git://h/a b", "git", "/a b", "", "git://h/a%20b"},
        {"mailto:x?y", "mailto", "", "", "mailto:x?y"},
        {"x:/a", "x", "/a", "", "x:///a"},
        {"%zz", NULL, "parse %zz: invalid URL escape \"%zz\"", "", ""},
        {"a%2", NULL, "parse a%2: invalid URL escape \"%2\"", "", ""},
        {":bad", NULL, "parse :bad: missing protocol scheme", "", ""},
        {"http://h/#%", NULL, "parse http://h/#%: invalid URL escape \"%\"", "",
         ""},
        {"http://a%41/", NULL, "parse http://a%41/: hexadecimal escape in host",
         "", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ccb_failure failure = {ccb_arena_create(), NULL};
        struct ccb_url url;
        int code = ccb_url_parse(&url, ccb_slice_of(rows[i].text), &failure);

        if (rows[i].scheme == NULL) {
            assert_int_equal(code, CCB_INVALID);
            assert_string_equal(failure.text, rows[i].path);
        } else {
            assert_int_equal(code, 0);
            assert_true(ccb_slice_is(url.scheme, rows[i].scheme));
            assert_true(ccb_slice_is(url.path, rows[i].path));
            assert_true(ccb_slice_is(url.fragment, rows[i].fragment));
            assert_string_equal(ccb_url_format(failure.arena, &url),
                                rows[i].again);
        }
        ccb_arena_unref(failure.arena);
    }
}

static void escapes_are_resolved(void **state)
{
    struct ccb_arena *arena = ccb_arena_create();

    (void)state;
    assert_string_equal(
        ccb_url_unescape(arena, ccb_slice_of("a%2Ezip%20%c3%A9")).ptr,
        "a.zip \xc3\xa9");
    ccb_arena_unref(arena);
}

static void ports_have_numbers_or_names(void **state)
{
    static const struct {
        const char *text;
        int port; /* -1: none */
    } rows[] = {
        {"8080", 8080},   {"0", 0},        {"080", 80},
        {"65535", 65535}, {"65536", -1},   {"99999999999999999999", -1},
        {"-1", -1},       {"", 0},         {"odd", 4711},
        {"other", 4711},  {"https", 443},  {"udponly", -1},
        {"nobody", -1},   {"8080foo", -1}, {"broken", -1},
    };
    char path[] = "/tmp/ccb-services-XXXXXX";
    static const char services[] = "# a comment\n"
                                   "odd\t\t4711/tcp  other # third\n"
                                   "udponly 5/udp\n"
                                   "third 6/tcp\n"
                                   "broken\n"
                                   "large 70000/tcp\n";
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, services, sizeof(services) - 1),
                     sizeof(services) - 1);
    (void)close(fd);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint16_t port = 0;
        int code =
            ccb_health_parse_port(ccb_slice_of(rows[i].text), path, &port);

        if (rows[i].port < 0 ? code == 0 : code != 0 || port != rows[i].port)
            fail_msg("%s: code %d, port %d", rows[i].text, code, port);
    }
    (void)unlink(path);
}

static void running_out_of_memory_gives_nothing(void **state)
{
    struct ccb_arena *arena = ccb_arena_create();
    struct ccb_failure failure = {arena, NULL};
    struct ccb_url url;
    char big[8192];

    (void)state;
    memset(big, 'a', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    (void)ccb_mem_fail_at(1, 1);
    assert_null(ccb_path_clean(arena, big));
    assert_null(ccb_path_join(arena, big, "x"));
    assert_null(ccb_url_unescape(arena, ccb_slice_of(big)).ptr);
    big[0] = '%'; /* and "aa" would be one */
    big[1] = 'z';
    assert_int_equal(ccb_url_parse(&url, ccb_slice_of(big), &failure),
                     CCB_NO_MEMORY);
    (void)ccb_mem_fail_at(0, 0);
    assert_string_equal(failure.text, "not enough memory");
    ccb_arena_unref(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_are_cleaned),
        cmocka_unit_test(a_relative_path_stands_behind_pwd),
        cmocka_unit_test(urls_are_taken_apart),
        cmocka_unit_test(escapes_are_resolved),
        cmocka_unit_test(ports_have_numbers_or_names),
        cmocka_unit_test(running_out_of_memory_gives_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
