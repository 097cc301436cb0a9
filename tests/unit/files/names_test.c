/*
 * Names and types: that no path leads above the root, how names come back in
 * a page, and what a file's name or first bytes make of its type.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>

#include "base/arena.h"
#include "base/mem.h"
#include "files/internal.h"

static void test_paths_stay_below_the_root(void **state)
{
    static const char *const rows[][2] = {
        {"", "."},          {"/", "."},       {".", "."},
        {"..", "."},        {"a", "a"},       {"a/", "a"},
        {"a//b", "a/b"},    {"//a", "a"},     {"a/./b", "a/b"},
        {"a/../b", "b"},    {"../../a", "a"}, {"a/b/../../../../c", "c"},
        {"a/..", "."},      {"a/../..", "."}, {"..a/...", "..a/..."},
        {"a/..b", "a/..b"},
    };
    struct ccb_arena *arena = ccb_arena_create();

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_string_equal(
            ccb_files_clean_path(arena, ccb_slice_of(rows[i][0])), rows[i][1]);
    ccb_arena_unref(arena);
    ccb_arena_drain();
}

static void test_base(void **state)
{
    static const char *const rows[][2] = {
        {"", ""}, {"/", ""}, {"a", "a"}, {"a/b", "b"}, {"a/b//", "b"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ccb_slice base = ccb_files_base(ccb_slice_of(rows[i][0]));

        assert_true(ccb_slice_is(base, rows[i][1]));
    }
}

static void test_names_in_a_page_are_data(void **state)
{
    struct ccb_buf out = {0};

    (void)state;
    ccb_files_put_encoded(&out, ccb_slice_of("a-Z_0.~ /:%\"<\xC3\xA4"));
    assert_true(
        ccb_slice_is(ccb_buf_slice(&out), "a-Z_0.~%20%2F%3A%25%22%3C%C3%A4"));
    ccb_buf_reset(&out);
    ccb_files_put_escaped(&out, ccb_slice_of("<a href='x'>&\""));
    assert_true(ccb_slice_is(ccb_buf_slice(&out),
                             "&lt;a href=&#39;x&#39;&gt;&amp;&#34;"));
    ccb_buf_destroy(&out);
}

static void test_types_by_name(void **state)
{
    static const char *const rows[][2] = {
        {"a.html", "text/html; charset=utf-8"},
        {"a.HTM", "text/html; charset=utf-8"},
        {"a.b.txt", "text/plain; charset=utf-8"},
        {"a.css", "text/css; charset=utf-8"},
        {"a.json", "application/json"},
        {"a.png", "image/png"},
        {"a.tgz", "application/gzip"},
        {"a.tar.gz", "application/gzip"},
        {"a.bin", NULL},
        {"a.dat", NULL},
        {"html", NULL},
        {"a.", NULL},
        {"", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *type = ccb_files_type_by_name(ccb_slice_of(rows[i][0]));

        if (rows[i][1] == NULL)
            assert_null(type);
        else
            assert_string_equal(type, rows[i][1]);
    }
}

#define BYTES(text)                                                            \
    {                                                                          \
        (text), sizeof(text) - 1                                               \
    }

static void test_types_by_content(void **state)
{
    static const struct {
        struct ccb_slice bytes;
        const char *type;
    } rows[] = {
        {BYTES(""), "text/plain; charset=utf-8"},
        {BYTES("hello\n\t\r\f\x1B[0m"), "text/plain; charset=utf-8"},
        {BYTES("a\0b"), "application/octet-stream"},
        {BYTES("a\x01"), "application/octet-stream"},
        {BYTES("\xC3\xA4\xFF"), "text/plain; charset=utf-8"},
        {BYTES("  \n<!doctype html>"), "text/html; charset=utf-8"},
        {BYTES("<p>x"), "text/html; charset=utf-8"},
        {BYTES("<pre>x"), "text/plain; charset=utf-8"},
        {BYTES("<html"), "text/plain; charset=utf-8"},
        {BYTES(" <?xml version"), "text/xml; charset=utf-8"},
        {BYTES("%PDF-1.4"), "application/pdf"},
        {BYTES("\x1F\x8B\x08\0"), "application/x-gzip"},
        {BYTES("PK\3\4"), "application/zip"},
        {BYTES("\x89PNG\r\n\x1A\n\0"), "image/png"},
        {BYTES("GIF89a"), "image/gif"},
        {BYTES("\xFF\xD8\xFF\xE0"), "image/jpeg"},
        {BYTES("RIFFabcdWEBPVP8"), "image/webp"},
        {BYTES("RIFFabcdWAVE"), "audio/wave"},
        {BYTES("RIFFabcdWAV"), "text/plain; charset=utf-8"},
        {BYTES("\0\0\0\x14"
               "ftypisom\0\0\0\0mp42"),
         "video/mp4"},
        {BYTES("\0\0\0\x10"
               "ftypisommp42"),
         "application/octet-stream"},
        {BYTES("\x7F"
               "ELF\2\1\1\0"),
         "application/octet-stream"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *type = ccb_files_type_by_content(rows[i].bytes);

        if (strcmp(type, rows[i].type) != 0)
            fail_msg("row %zu: %s, not %s", i, type, rows[i].type);
    }
}

static void test_only_the_first_bytes_count(void **state)
{
    char bytes[CCB_FILES_SNIFF + 1];

    (void)state;
    memset(bytes, 'a', sizeof(bytes));
    bytes[CCB_FILES_SNIFF] = '\0';
    assert_string_equal(
        ccb_files_type_by_content(ccb_slice_make(bytes, sizeof(bytes))),
        "text/plain; charset=utf-8");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths_stay_below_the_root),
        cmocka_unit_test(test_base),
        cmocka_unit_test(test_names_in_a_page_are_data),
        cmocka_unit_test(test_types_by_name),
        cmocka_unit_test(test_types_by_content),
        cmocka_unit_test(test_only_the_first_bytes_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
