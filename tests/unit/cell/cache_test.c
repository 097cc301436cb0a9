/*
 * The index of cached downloads: its directory, its order, its bound
 * (contract/actions.md 4 and 9, "Cached downloader").
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "cell/cache.h"

struct place {
    char top[64], path[96];
};

static int place_open(void **state)
{
    static struct place place;

    (void)snprintf(place.top, sizeof(place.top), "/tmp/ccb-cache-XXXXXX");
    if (mkdtemp(place.top) == NULL)
        return -1;
    (void)snprintf(place.path, sizeof(place.path), "%s/a/b", place.top);
    *state = &place;
    return 0;
}

/* Fails when anything was left. */
static int place_close(void **state)
{
    struct place *place = *state;
    char above[80];

    (void)snprintf(above, sizeof(above), "%s/a", place->top);
    (void)rmdir(place->path);
    (void)rmdir(above);
    return rmdir(place->top);
}

static struct ccb_cache *cache_of(const struct place *place, uint64_t limit)
{
    struct ccb_cache *cache = NULL;
    struct ccb_error err = {0};

    if (ccb_cache_open(&cache, place->path, limit, &err) != CCB_OK)
        fail_msg("%s", err.message);
    return cache;
}

static void touch(int directory, const char *name)
{
    int fd = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL, 0600);

    assert_true(fd >= 0);
    (void)close(fd);
}

static int is_there(const struct ccb_cache *cache, const char *name)
{
    return faccessat(ccb_cache_directory(cache), name, F_OK, 0) == 0;
}

/* Stores a file of that size (in words only) and drops what had to go. */
static void store(struct ccb_cache *cache, const char *text, uint64_t size)
{
    struct ccb_cache_entry *gone = NULL, *entry;
    char key[CCB_CACHE_KEY];

    assert_int_equal(ccb_cache_key(ccb_slice_of(text), key, NULL), CCB_OK);
    entry = ccb_cache_entry_create(cache, key, size, "\"etag\"", NULL);
    assert_non_null(entry);
    touch(ccb_cache_directory(cache), entry->name);
    ccb_cache_add(cache, entry, &gone);
    ccb_cache_discard(ccb_cache_directory(cache), gone);
}

static struct ccb_cache_entry *find(struct ccb_cache *cache, const char *text)
{
    char key[CCB_CACHE_KEY];

    assert_int_equal(ccb_cache_key(ccb_slice_of(text), key, NULL), CCB_OK);
    return ccb_cache_find(cache, key);
}

static void close_empty(struct ccb_cache *cache, const struct place *place)
{
    ccb_cache_close(cache);
    ccb_cache_close(cache_of(place, 1)); /* wipes */
}

static void test_the_directory_is_made(void **state)
{
    struct place *place = *state;
    struct ccb_cache *cache = cache_of(place, 10);
    struct stat info;

    assert_int_equal(stat(place->path, &info), 0);
    assert_true(S_ISDIR(info.st_mode));
    ccb_cache_close(cache);
}

static void test_old_files_are_wiped(void **state)
{
    struct place *place = *state;
    struct ccb_cache *cache = cache_of(place, 10);
    int directory = ccb_cache_directory(cache);

    touch(directory, "old");
    assert_int_equal(mkdirat(directory, "sub", 0700), 0);
    touch(directory, "sub/file");
    assert_int_equal(symlinkat("/etc", directory, "link"), 0);
    ccb_cache_close(cache);
    cache = cache_of(place, 10);
    assert_false(is_there(cache, "old"));
    assert_false(is_there(cache, "sub"));
    assert_false(is_there(cache, "link"));
    assert_int_equal(access("/etc/passwd", F_OK), 0);
    ccb_cache_close(cache);
}

static void test_a_place_that_can_not_be_is_refused(void **state)
{
    static const char *const bad[] = {"/", "", "/proc/nothing/here"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct ccb_cache *cache = NULL;
        struct ccb_error err = {0};

        assert_true(ccb_cache_open(&cache, bad[i], 10, &err) < 0);
        assert_non_null(strstr(err.message, "cache directory"));
        assert_null(cache);
    }
}

static void test_a_key_is_the_md5_of_the_cache_key(void **state)
{
    char key[CCB_CACHE_KEY];

    (void)state;
    assert_int_equal(ccb_cache_key(ccb_slice_of("abc"), key, NULL), CCB_OK);
    assert_string_equal(key, "900150983cd24fb0d6963f7d28e17f72");
}

static void test_the_least_recently_used_go_first(void **state)
{
    struct place *place = *state;
    struct ccb_cache *cache = cache_of(place, 30);
    char name[CCB_CACHE_NAME];

    store(cache, "a", 10);
    store(cache, "b", 10);
    store(cache, "c", 10);
    ccb_cache_touch(cache, find(cache, "a"));
    (void)snprintf(name, sizeof(name), "%s", find(cache, "b")->name);
    store(cache, "d", 5);
    assert_null(find(cache, "b"));
    assert_false(is_there(cache, name));
    assert_int_equal(ccb_cache_bytes(cache), 25);
    store(cache, "e", 20); /* takes c, then a */
    assert_null(find(cache, "c"));
    assert_null(find(cache, "a"));
    assert_non_null(find(cache, "d"));
    assert_true(is_there(cache, find(cache, "e")->name));
    assert_int_equal(ccb_cache_bytes(cache), 25);
    store(cache, "f", 30);
    assert_null(find(cache, "d"));
    assert_null(find(cache, "e"));
    assert_int_equal(ccb_cache_bytes(cache), 30);
    close_empty(cache, place);
}

static void test_a_replaced_file_stays_readable(void **state)
{
    struct place *place = *state;
    struct ccb_cache *cache = cache_of(place, 30);
    char name[CCB_CACHE_NAME];
    struct stat info;
    int fd;

    store(cache, "a", 10);
    (void)snprintf(name, sizeof(name), "%s", find(cache, "a")->name);
    fd = openat(ccb_cache_directory(cache), name, O_RDONLY);
    assert_true(fd >= 0);
    store(cache, "a", 12);
    assert_string_not_equal(find(cache, "a")->name, name);
    assert_false(is_there(cache, name));
    assert_int_equal(fstat(fd, &info), 0);
    assert_int_equal(ccb_cache_bytes(cache), 12);
    (void)close(fd);
    close_empty(cache, place);
}

static void test_an_entry_is_removed(void **state)
{
    struct place *place = *state;
    struct ccb_cache *cache = cache_of(place, 30);
    struct ccb_cache_entry *gone = NULL;
    char key[CCB_CACHE_KEY];

    store(cache, "a", 10);
    assert_int_equal(ccb_cache_key(ccb_slice_of("a"), key, NULL), CCB_OK);
    ccb_cache_remove(cache, key, &gone);
    ccb_cache_remove(cache, key, &gone); /* nothing is there */
    assert_null(ccb_cache_find(cache, key));
    assert_int_equal(ccb_cache_bytes(cache), 0);
    ccb_cache_discard(ccb_cache_directory(cache), gone);
    close_empty(cache, place);
}

static void test_each_allocation_may_fail(void **state)
{
    struct place *place = *state;
    struct ccb_cache *cache = NULL;
    char key[CCB_CACHE_KEY];

    (void)ccb_mem_fail_at(1, 0);
    assert_int_equal(ccb_cache_open(&cache, place->path, 1, NULL),
                     CCB_NO_MEMORY);
    (void)ccb_mem_fail_at(0, 0);
    cache = cache_of(place, 10);
    assert_int_equal(ccb_cache_key(ccb_slice_of("a"), key, NULL), CCB_OK);
    for (size_t n = 1; n <= 3; n++) {
        (void)ccb_mem_fail_at(n, 0);
        assert_null(ccb_cache_entry_create(cache, key, 1, "e", "m"));
        (void)ccb_mem_fail_at(0, 0);
    }
    ccb_cache_close(cache);
}

#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, place_open, place_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_directory_is_made),
        TEST(test_old_files_are_wiped),
        TEST(test_a_place_that_can_not_be_is_refused),
        TEST(test_a_key_is_the_md5_of_the_cache_key),
        TEST(test_the_least_recently_used_go_first),
        TEST(test_a_replaced_file_stays_readable),
        TEST(test_an_entry_is_removed),
        TEST(test_each_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
