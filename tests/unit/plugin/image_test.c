/*
 * Private images: what is taken, what is refused and how that is said, and that
 * nothing which happens to the file afterwards reaches the image.
 */
#include "zoo_testing.h"

#include "plugin/image.h"

static struct zoo zoo;
static int directory;
static struct ccb_plugin_refusal refusal;

static int setup(void **state)
{
    (void)state;
    zoo_init(&zoo);
    refusal = (struct ccb_plugin_refusal){.file = "x.so"};
    return ccb_plugin_directory_open(&directory, zoo.dir, &refusal);
}

static int teardown(void **state)
{
    (void)state;
    close(directory);
    zoo_destroy(&zoo);
    return 0;
}

static void put(const char *name, const char *text)
{
    zoo_add_bytes(&zoo, name, text, strlen(text));
}

static void path_of(char path[PATH_MAX], const char *name)
{
    snprintf(path, PATH_MAX, "%s/%s", zoo.dir, name);
}

static void assert_refused(const char *name, enum ccb_refusal reason,
                           const char *found)
{
    struct ccb_plugin_image image;

    assert_int_equal(CCB_INVALID,
                     ccb_plugin_image_open(&image, directory, name, &refusal));
    assert_int_equal(reason, refusal.reason);
    if (!strstr(refusal.found, found))
        fail_msg("%s is not in: %s", found, refusal.found);
    assert_int_equal(-1, image.fd);
}

static void assert_holds(const struct ccb_plugin_image *image, const char *text)
{
    char bytes[64] = {0};

    assert_int_equal((ssize_t)strlen(text),
                     pread(image->fd, bytes, sizeof(bytes), 0));
    assert_string_equal(text, bytes);
}

/* ---- what is taken ------------------------------------------------------ */

static void test_an_image_has_the_bytes_and_their_digest(void **state)
{
    struct ccb_plugin_image image;

    (void)state;
    put("x.so", "abc");
    assert_int_equal(
        0, ccb_plugin_image_open(&image, directory, "x.so", &refusal));
    assert_string_equal("ba7816bf8f01cfea414140de5dae2223"
                        "b00361a396177a9cb410ff61f20015ad",
                        image.digest);
    assert_holds(&image, "abc");
    assert_int_equal(-1, write(image.fd, "x", 1));
    assert_int_equal(-1, ftruncate(image.fd, 0));
    ccb_plugin_image_close(&image);
    assert_int_equal(-1, image.fd);
}

static void test_what_happens_to_the_file_is_nothing_to_the_image(void **state)
{
    struct ccb_plugin_image image;
    char path[PATH_MAX], other[PATH_MAX];
    int fd;

    (void)state;
    put("x.so", "as it was");
    put("y", "another one");
    path_of(path, "x.so");
    path_of(other, "y");
    assert_int_equal(
        0, ccb_plugin_image_open(&image, directory, "x.so", &refusal));
    fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(4, write(fd, "over", 4));
    assert_holds(&image, "as it was");
    assert_int_equal(0, ftruncate(fd, 0));
    close(fd);
    assert_holds(&image, "as it was");
    assert_int_equal(0, rename(other, path));
    assert_holds(&image, "as it was");
    assert_int_equal(0, unlink(path));
    assert_holds(&image, "as it was");
    ccb_plugin_image_close(&image);
}

/* ---- what is not -------------------------------------------------------- */

static void test_others_may_not_write_the_file(void **state)
{
    char path[PATH_MAX];

    (void)state;
    put("x.so", "abc");
    path_of(path, "x.so");
    assert_int_equal(0, chmod(path, 0664));
    assert_refused("x.so", CCB_REFUSED_UNSAFE, "mode 0664");
    assert_int_equal(0, chmod(path, 0646));
    assert_refused("x.so", CCB_REFUSED_UNSAFE, "mode 0646");
}

static void test_the_owner_is_root_or_we(void **state)
{
    char path[PATH_MAX];

    (void)state;
    if (geteuid() != 0)
        skip();
    put("x.so", "abc");
    path_of(path, "x.so");
    assert_int_equal(0, chown(path, 12345, (gid_t)-1));
    assert_refused("x.so", CCB_REFUSED_UNSAFE, "owner 12345");
    assert_int_equal(0, chown(path, 0, (gid_t)-1));
    assert_int_equal(0, chown(zoo.dir, 12345, (gid_t)-1));
    close(directory);
    assert_int_equal(CCB_INVALID,
                     ccb_plugin_directory_open(&directory, zoo.dir, &refusal));
    assert_int_equal(CCB_REFUSED_UNSAFE, refusal.reason);
    assert_int_equal(-1, directory);
}

static void test_others_may_not_write_the_directory(void **state)
{
    int fd;

    (void)state;
    assert_int_equal(0, chmod(zoo.dir, 01777));
    assert_int_equal(CCB_INVALID,
                     ccb_plugin_directory_open(&fd, zoo.dir, &refusal));
    assert_int_equal(CCB_REFUSED_UNSAFE, refusal.reason);
    assert_non_null(strstr(refusal.found, "mode 1777"));
    assert_int_equal(0, chmod(zoo.dir, 0700));
}

static void test_only_regular_files_of_some_size(void **state)
{
    char path[PATH_MAX];

    (void)state;
    assert_refused("none.so", CCB_REFUSED_UNREADABLE, "No such file");
    put("y", "abc");
    assert_int_equal(0, symlinkat("y", directory, "link.so"));
    assert_refused("link.so", CCB_REFUSED_UNSAFE, "symbolic link");
    assert_int_equal(0, mkfifoat(directory, "fifo.so", 0600));
    assert_refused("fifo.so", CCB_REFUSED_UNREADABLE, "type");
    assert_int_equal(0, mkdirat(directory, "dir.so", 0700));
    assert_refused("dir.so", CCB_REFUSED_UNREADABLE, "type");
    assert_int_equal(0, unlinkat(directory, "dir.so", AT_REMOVEDIR));
    put("big.so", "abc");
    path_of(path, "big.so");
    assert_int_equal(0, truncate(path, CCB_PLUGIN_MAX_FILE + 1));
    assert_refused("big.so", CCB_REFUSED_UNREADABLE, "67108865 bytes");
}

static void test_no_memory_leaves_nothing_open(void **state)
{
    struct ccb_plugin_image image;
    int at, code = CCB_NO_MEMORY;

    (void)state;
    put("x.so", "abc");
    for (at = 1; code == CCB_NO_MEMORY; at++) {
        ccb_mem_fail_at((size_t)at, 0);
        code = ccb_plugin_image_open(&image, directory, "x.so", &refusal);
        ccb_mem_fail_at(0, 0);
        if (code)
            assert_int_equal(-1, image.fd);
    }
    assert_int_equal(0, code);
    assert_true(at > 2);
    ccb_plugin_image_close(&image);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_an_image_has_the_bytes_and_their_digest),
        TEST(test_what_happens_to_the_file_is_nothing_to_the_image),
        TEST(test_others_may_not_write_the_file),
        TEST(test_the_owner_is_root_or_we),
        TEST(test_others_may_not_write_the_directory),
        TEST(test_only_regular_files_of_some_size),
        TEST(test_no_memory_leaves_nothing_open),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
