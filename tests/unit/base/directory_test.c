/* Making directories (base/directory.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/directory.h"

static char top[64], path[PATH_MAX * 2];
static struct ccb_error err;

static const char *below(const char *name)
{
    snprintf(path, sizeof(path), "%s/%s", top, name);
    return path;
}

static int setup(void **state)
{
    (void)state;
    snprintf(top, sizeof(top), "/tmp/ccb-directory-XXXXXX");
    return mkdtemp(top) ? 0 : -1;
}

static int teardown(void **state)
{
    static const char *const made[] = {"a/b/c", "a/b", "a", "file"};

    (void)state;
    for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++)
        (void)remove(below(made[i]));
    return rmdir(top);
}

static void all_that_is_missing_is_made_and_private(void **state)
{
    static const char *const made[] = {"a", "a/b", "a/b/c"};
    struct stat info;

    (void)state;
    assert_int_equal(ccb_directory_make(below("a/b//c/"), &err), 0);
    for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
        assert_int_equal(stat(below(made[i]), &info), 0);
        assert_int_equal(info.st_mode & 07777, 0700);
    }
    assert_int_equal(ccb_directory_make(below("a/b/c"), &err), 0);
}

static void what_stands_in_the_way_is_named(void **state)
{
    int fd = open(below("file"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    char words[sizeof(path) + 64];

    (void)state;
    assert_true(fd >= 0);
    (void)close(fd);
    assert_int_equal(ccb_directory_make(below("file/x/y"), &err), CCB_IO);
    snprintf(words, sizeof(words), "cannot make %s/file/x: Not a directory",
             top);
    assert_string_equal(err.message, words);
}

static void a_path_too_long_or_empty_is_refused(void **state)
{
    (void)state;
    memset(path, 'x', PATH_MAX);
    path[0] = '/';
    path[PATH_MAX] = '\0';
    assert_int_equal(ccb_directory_make(path, &err), CCB_TOO_LARGE);
    assert_int_equal(ccb_directory_make("", &err), CCB_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_that_is_missing_is_made_and_private),
        cmocka_unit_test(what_stands_in_the_way_is_named),
        cmocka_unit_test(a_path_too_long_or_empty_is_refused),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
