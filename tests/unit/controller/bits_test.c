/* Which zips may be the bits of an app (core/controller/bits.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controller/bits.h"
#include "controller/packs.h"

struct entry {
    const char *name, *link;
};

static char path[] = "/tmp/ccb-bits-XXXXXX";

static void make_zip(const struct entry *entries, size_t count)
{
    struct archive *zip = archive_write_new();

    archive_write_set_format_zip(zip);
    assert_int_equal(archive_write_open_filename(zip, path), ARCHIVE_OK);
    for (size_t i = 0; i < count; i++) {
        struct archive_entry *entry = archive_entry_new();
        archive_entry_set_pathname(entry, entries[i].name);
        archive_entry_set_mode(entry, entries[i].link ? AE_IFLNK | 0777
                                                      : AE_IFREG | 0644);
        archive_entry_set_size(entry, entries[i].link ? 0 : 2);
        if (entries[i].link)
            archive_entry_set_symlink(entry, entries[i].link);
        assert_int_equal(archive_write_header(zip, entry), ARCHIVE_OK);
        if (!entries[i].link)
            assert_int_equal(archive_write_data(zip, "x\n", 2), 2);
        archive_entry_free(entry);
    }
    archive_write_close(zip);
    archive_write_free(zip);
}

static int check(const struct entry *entries, size_t count,
                 struct ccb_error *err)
{
    make_zip(entries, count);
    return ccb_bits_check(path, err);
}

static void takes_files_and_links_inside(void **state)
{
    const struct entry good[] = {
        {"index.html", NULL}, {"a/b/c.txt", NULL},    {"a/up", "../index.html"},
        {"here", "a/b"},      {"a/b/root", "../.."},  {"names/..dots", NULL},
        {"./also", NULL},     {"\xc3\xa4.txt", NULL},
    };
    struct ccb_error err;

    (void)state;
    assert_int_equal(check(good, sizeof(good) / sizeof(good[0]), &err), 0);
}

static void refuses_what_leads_outside(void **state)
{
    static const struct {
        struct entry entries[2];
        size_t count;
        const char *words;
    } bad[] = {
        {{{"/etc/passwd", NULL}}, 1, "absolute"},
        {{{"../x", NULL}}, 1, "outside"},
        {{{"a/../../x", NULL}}, 1, "outside"},
        {{{"l", "/etc/passwd"}}, 1, "link"},
        {{{"l", ".."}}, 1, "link"},
        {{{"a/l", "../../x"}}, 1, "link"},
        {{{"a/l", "b/../../.."}}, 1, "link"},
        {{{"a/l", "b/.."}}, 1, "link"}, /* climbs behind a name */
        {{{"a/l", ".."}, {"a/l/x", NULL}}, 2, "below the link"},
        {{{"a/l/x", NULL}, {"a//l", ".."}}, 2, "below the link"},
    };
    struct ccb_error err;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(check(bad[i].entries, bad[i].count, &err),
                         CCB_INVALID);
        assert_string_equal(err.id, "InvalidBits");
        assert_non_null(strstr(err.message, bad[i].words));
    }
}

static void refuses_what_is_no_whole_zip(void **state)
{
    const struct entry one[] = {{"index.html", NULL}};
    struct ccb_error err;
    int fd;

    (void)state;
    assert_int_equal(check(NULL, 0, &err), CCB_INVALID);
    assert_string_equal(err.id, "InvalidBits");
    make_zip(one, 1);
    fd = open(path, O_RDWR);
    assert_int_equal(ftruncate(fd, 40), 0); /* its directory is gone */
    close(fd);
    assert_int_equal(ccb_bits_check(path, &err), CCB_INVALID);
    assert_string_equal(err.id, "InvalidBits");
    fd = open(path, O_RDWR | O_TRUNC);
    close(fd);
    assert_int_equal(ccb_bits_check(path, &err), CCB_INVALID);
}

/* What is packed of a directory is equal whenever the directory is, and passes
 * the check itself. */
static void packing_gives_equal_bytes(void **state)
{
    char dir[] = "/tmp/ccb-pack-XXXXXX", name[64];
    struct ccb_digests first, second;
    struct ccb_error err;
    FILE *file;

    (void)state;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(name, sizeof(name), "%s/detect", dir);
    file = fopen(name, "w");
    fputs("#!/bin/sh\n", file);
    fclose(file);
    assert_int_equal(ccb_pack_directory(dir, path, &err), 0);
    assert_int_equal(ccb_pack_digest(path, &first, &err), 0);
    assert_int_equal(ccb_bits_check(path, &err), 0);
    assert_int_equal(ccb_pack_directory(dir, path, &err), 0);
    assert_int_equal(ccb_pack_digest(path, &second, &err), 0);
    assert_string_equal(first.sha256, second.sha256);
    assert_int_equal(strlen(first.md5), 32);
    assert_int_equal(strlen(first.sha1), 40);
    unlink(name);
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_files_and_links_inside),
        cmocka_unit_test(refuses_what_leads_outside),
        cmocka_unit_test(refuses_what_is_no_whole_zip),
        cmocka_unit_test(packing_gives_equal_bytes),
    };
    int fd = mkstemp(path), failed;

    if (fd < 0)
        return 1;
    close(fd);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return failed;
}
