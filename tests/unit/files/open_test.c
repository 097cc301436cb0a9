/*
 * Opening below the root with links confined: by the kernel, and as it is done
 * where the kernel can't. Both must agree.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/mem.h"
#include "files/internal.h"

static char top[64], root[80];

static const char *at(const char *name)
{
    static char path[256];

    snprintf(path, sizeof(path), "%s/%s", top, name);
    return path;
}

static const char *const directories[] = {"root", "root/a", "root/a/b", "out"};
static const char *const files[] = {"out/file", "root/file", "root/a/b/file"};
static const struct {
    const char *target, *name;
} links[] = {
    {"file", "root/same"},
    {"../file", "root/a/up"},
    {"../../file", "root/a/b/up"},
    {"a/b", "root/short"},
    {"short/up", "root/twice"},
    {"a/../../root/file", "root/leaves-and-returns"},
    {"../out/file", "root/out"},
    {"../../out", "root/a/out"},
    {"/etc/passwd", "root/absolute"},
    {"circle", "root/circle"},
    {"nothing", "root/dangling"},
    {"", NULL},
};

static const struct {
    const char *path;
    int error;
} rows[] = {
    {".", 0},
    {"file", 0},
    {"a/b/file", 0},
    {"same", 0},
    {"a/up", 0},
    {"a/b/up", 0},
    {"short/file", 0},
    {"short/up", 0},
    {"twice", 0},
    {"short/../up", 0}, /* of where the link led to */
    {"leaves-and-returns", EXDEV},
    {"out", EXDEV},
    {"a/out/file", EXDEV},
    {"..", EXDEV},
    {"a/../..", EXDEV},
    {"absolute", EXDEV},
    {"circle", ELOOP},
    {"dangling", ENOENT},
    {"missing", ENOENT},
    {"missing/x", ENOENT},
    {"file/x", ENOTDIR},
};

/* 0, or the errno; what was opened is closed. */
static int tried(int fd)
{
    if (fd < 0)
        return -fd;
    assert_int_equal(close(fd), 0);
    return 0;
}

static void test_links_stay_below_the_root(void **state)
{
    struct ccb_arena *arena = ccb_arena_create();
    struct ccb_files_config config = {.static_directory = root,
                                      .confine_links = true};
    int fd;

    (void)state;
    fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int walked = tried(ccb_files_open_walking(fd, rows[i].path));
        int opened = tried(ccb_files_open(&config, arena, rows[i].path));

        if (walked != rows[i].error || opened != rows[i].error)
            fail_msg("%s: %s by walking, %s by the kernel", rows[i].path,
                     strerror(walked), strerror(opened));
    }
    assert_int_equal(close(fd), 0);
    ccb_arena_unref(arena);
    ccb_arena_drain();
}

static void test_names_too_long_are_refused(void **state)
{
    char path[9000];
    int fd = open(at("root"), O_PATH | O_DIRECTORY | O_CLOEXEC);

    (void)state;
    assert_true(fd >= 0);
    memset(path, 'x', sizeof(path));
    path[300] = '\0';
    assert_int_equal(ccb_files_open_walking(fd, path), -ENAMETOOLONG);
    path[300] = 'x';
    path[sizeof(path) - 1] = '\0';
    assert_int_equal(ccb_files_open_walking(fd, path), -ENAMETOOLONG);
    assert_int_equal(close(fd), 0);
}

static void test_links_are_followed_unless_confined(void **state)
{
    struct ccb_arena *arena = ccb_arena_create();
    struct ccb_files_config config = {.static_directory = root};

    (void)state;
    assert_int_equal(tried(ccb_files_open(&config, arena, "out")), 0);
    assert_int_equal(tried(ccb_files_open(&config, arena, "absolute")), 0);
    assert_int_equal(tried(ccb_files_open(&config, arena, "missing")), ENOENT);
    ccb_arena_unref(arena);
    ccb_arena_drain();
}

static int make_tree(void **state)
{
    (void)state;
    snprintf(top, sizeof(top), "/tmp/ccb-open-XXXXXX");
    if (mkdtemp(top) == NULL)
        return -1;
    snprintf(root, sizeof(root), "%s/root", top);
    for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++)
        if (mkdir(at(directories[i]), 0700) != 0)
            return -1;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        if (close(open(at(files[i]), O_WRONLY | O_CREAT, 0600)) != 0)
            return -1;
    for (size_t i = 0; links[i].name != NULL; i++)
        if (symlink(links[i].target, at(links[i].name)) != 0)
            return -1;
    return 0;
}

static int remove_tree(void **state)
{
    (void)state;
    for (size_t i = 0; links[i].name != NULL; i++)
        (void)unlink(at(links[i].name));
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        (void)unlink(at(files[i]));
    for (size_t i = sizeof(directories) / sizeof(directories[0]); i-- > 0;)
        (void)rmdir(at(directories[i]));
    return rmdir(top);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_links_stay_below_the_root),
        cmocka_unit_test(test_names_too_long_are_refused),
        cmocka_unit_test(test_links_are_followed_unless_confined),
    };

    return cmocka_run_group_tests(tests, make_tree, remove_tree);
}
