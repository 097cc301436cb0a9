/*
 * Removing a tree that an app made: deeper than any path, with links that lead
 * out, with modes that forbid; and nothing outside is touched.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cell/container_tree.h"

#define DEPTH 5000 /* times 3 bytes: over PATH_MAX */

static char top[64];

static int open_top(void **state)
{
    (void)state;
    (void)snprintf(top, sizeof(top), "/tmp/ccb-tree-XXXXXX");
    return mkdtemp(top) == NULL || chdir(top) != 0 ? -1 : 0;
}

static int close_top(void **state)
{
    (void)state;
    return chdir("/") != 0 || rmdir(top) != 0 ? -1 : 0;
}

static void make_file(int dir, const char *name)
{
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
}

static void remove_it(const char *name)
{
    struct ccb_error err = {0};

    if (ccb_tree_remove(AT_FDCWD, name, &err) != CCB_OK)
        fail_msg("%s", err.message);
    assert_int_equal(access(name, F_OK), -1);
}

static void test_any_depth(void **state)
{
    int at, next;

    (void)state;
    assert_int_equal(mkdir("deep", 0700), 0);
    at = open("deep", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < DEPTH; i++) {
        assert_int_equal(mkdirat(at, "dd", 0700), 0);
        make_file(at, "file");
        make_file(at, ".gone-1"); /* names that the removal uses itself */
        next = openat(at, "dd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(next >= 0);
        (void)close(at);
        at = next;
    }
    (void)close(at);
    remove_it("deep");
}

static void test_links_are_not_followed(void **state)
{
    (void)state;
    assert_int_equal(mkdir("outside", 0700), 0);
    make_file(AT_FDCWD, "outside/kept");
    assert_int_equal(mkdir("tree", 0700), 0);
    assert_int_equal(symlink("../outside", "tree/out"), 0);
    assert_int_equal(mkdir("tree/sub", 0700), 0);
    assert_int_equal(symlink("../../outside", "tree/sub/out"), 0);
    remove_it("tree");
    assert_int_equal(access("outside/kept", F_OK), 0);
    assert_int_equal(symlink("outside", "link"), 0);
    remove_it("link");
    assert_int_equal(access("outside/kept", F_OK), 0);
    remove_it("outside");
}

static void test_what_is_not_there_is_fine(void **state)
{
    (void)state;
    remove_it("nothing");
    make_file(AT_FDCWD, "file");
    remove_it("file");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_top, close_top)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_any_depth),
                                       TEST(test_links_are_not_followed),
                                       TEST(test_what_is_not_there_is_fine)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
