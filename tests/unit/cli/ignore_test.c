/*
 * `.cfignore` has gitignore's meaning (core/cli/ignore.h). Random lines were
 * also compared with `git check-ignore`.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/mem.h"
#include "ccbridge/error.h"
#include "cli/ignore.h"

static const struct {
    const char *lines, *path; /* a path that ends with '/' is a directory */
    bool excluded;
} rows[] = {
    /* without a slash: at any depth */
    {"a.log\n", "a.log", true},
    {"a.log\n", "x/y/a.log", true},
    {"a.log\n", "a.log/", true},
    {"a.log\n", "a.log.old", false},
    {"a.log", "a.log", true},
    {"*.log\n", "x/b.log", true},
    {"*.log\n", ".log", true},
    {"*.log\n", "b.logs", false},
    {"*", "anything", true},
    {"?b", "ab", true},
    {"?b", "b", false},
    {"a*b*c", "axxbyyc", true},
    {"a*b*c", "axxbyy", false},
    /* anchored */
    {"/a\n", "a", true},
    {"/a\n", "x/a", false},
    {"x/a\n", "x/a", true},
    {"x/a\n", "y/x/a", false},
    {"x/*\n", "x/a", true},
    {"x/*.c\n", "x/y/a.c", false},
    {"/*.c\n", "a.c", true},
    {"/*.c\n", "x/a.c", false},
    /* directories only */
    {"build/\n", "build/", true},
    {"build/\n", "build", false},
    {"build/\n", "x/build/", true},
    {"/build/\n", "x/build/", false},
    {"build/\n", "build/a/b", true},
    {"x/build/\n", "x/build/", true},
    /* `**` */
    {"**/a\n", "a", true},
    {"**/a\n", "x/y/a", true},
    {"a/**\n", "a/", false},
    {"a/**\n", "a/x/y", true},
    {"a/**/b\n", "a/b", true},
    {"a/**/b\n", "a/x/y/b", true},
    {"a/**/b\n", "a/x/y/c", false},
    {"a/**/b\n", "x/a/b", false},
    {"**/a/b\n", "x/a/b", true},
    {"**/a/**\n", "x/a/b", true},
    {"a**b\n", "axxb", true},
    {"x/a**b\n", "x/a/b", false},
    {"/**\n", "a", true},
    {"***/a\n", "x/y/a", true},
    {"**\n", "x/a", true},
    /* the last line that matches */
    {"*.log\n!a.log\n", "a.log", false},
    {"*.log\n!a.log\n", "b.log", true},
    {"!a.log\n*.log\n", "a.log", true},
    {"*\n!*/\n!*.c\n", "x/a.c", false},
    {"*\n!*/\n!*.c\n", "x/a.h", true},
    /* what lies in an excluded directory can't be taken back */
    {"x\n!x/a\n", "x/a", true},
    {"x/*\n!x/a\n", "x/a", false},
    /* lines that say nothing */
    {"\n\n#a\n", "#a", false},
    {"\\#a\n", "#a", true},
    {"\\!a\n", "!a", true},
    {"/\n", "a", false},
    {"!\n", "a", false},
    {"   \n", "   ", false},
    {"a  \n", "a", true},
    {"a\\ \n", "a ", true},
    {"a b\n", "a b", true},
    {" a\n", " a", true},
    {" a\n", "a", false},
    {"a\r\nb\r\n", "a", true},
    {"a\r\nb\r\n", "b", true},
    {"\xef\xbb\xbf"
     "a\n",
     "a", true},
    /* brackets and backslashes */
    {"[a-c].x\n", "b.x", true},
    {"[a-c].x\n", "d.x", false},
    {"[!a-c].x\n", "d.x", true},
    {"[^a-c].x\n", "b.x", false},
    {"[]x]\n", "]", true},
    {"[a-]\n", "-", true},
    {"[[:digit:]a]\n", "7", true},
    {"[[:digit:]a]\n", "b", false},
    {"[[:nothing:]]\n", "n", false},
    {"[ab\n", "[ab", false},
    {"\\*\n", "*", true},
    {"\\*\n", "a", false},
    {"[\\]]\n", "]", true},
    {"a\\\n", "a\\", false},
};

static bool ask(const char *lines, const char *path)
{
    struct ccb_ignore list = {0};
    char plain[64];
    size_t len = strlen(path);
    bool directory = path[len - 1] == '/', excluded;

    assert_int_equal(ccb_ignore_add(&list, ccb_slice_of(lines)), 0);
    memcpy(plain, path, len);
    plain[len - directory] = '\0';
    excluded = ccb_ignore_excludes(&list, plain, directory);
    ccb_ignore_destroy(&list);
    return excluded;
}

static void test_means_what_gitignore_means(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (ask(rows[i].lines, rows[i].path) != rows[i].excluded)
            fail_msg("\"%s\" and %s: wanted is %d", rows[i].lines, rows[i].path,
                     rows[i].excluded);
}

static void test_defaults_can_be_taken_back(void **state)
{
    static const char *const names[] = {".cfignore",  ".git",       "x/.git",
                                        ".gitignore", ".svn",       ".hg",
                                        "_darcs",     "x/.DS_Store"};
    struct ccb_ignore list = {0};

    (void)state;
    assert_int_equal(ccb_ignore_add_defaults(&list), 0);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_true(ccb_ignore_excludes(&list, names[i], false));
    assert_false(ccb_ignore_excludes(&list, "git", false));
    assert_int_equal(ccb_ignore_add(&list, ccb_slice_of("!.gitignore")), 0);
    assert_false(ccb_ignore_excludes(&list, ".gitignore", false));
    ccb_ignore_destroy(&list);
}

/* Of many stars only the last is tried again: this ends at once. */
static void test_many_stars_are_no_trap(void **state)
{
    char pattern[257], name[4097];

    (void)state;
    for (size_t i = 0; i < 256; i += 2)
        memcpy(pattern + i, "*a", 2);
    pattern[255] = 'b';
    pattern[256] = '\0';
    memset(name, 'a', 4096);
    name[4096] = '\0';
    assert_false(
        ccb_ignore_match_name(ccb_slice_of(pattern), ccb_slice_of(name)));
}

static void test_survives_no_memory(void **state)
{
    char lines[161];
    size_t failures = 0;

    (void)state;
    for (size_t i = 0; i < 160; i++)
        lines[i] = i % 2 ? '\n' : 'a';
    lines[160] = '\0';
    for (size_t n = 1; n < 20; n++) {
        struct ccb_ignore list = {0};
        int code;

        ccb_mem_fail_at(n, 1);
        code = ccb_ignore_add(&list, ccb_slice_of(lines));
        ccb_mem_fail_at(0, 0);
        ccb_ignore_destroy(&list);
        if (code == 0)
            break;
        assert_int_equal(code, CCB_NO_MEMORY);
        failures++;
    }
    assert_true(failures >= 3 && failures < 19);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_means_what_gitignore_means),
        cmocka_unit_test(test_defaults_can_be_taken_back),
        cmocka_unit_test(test_many_stars_are_no_trap),
        cmocka_unit_test(test_survives_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
