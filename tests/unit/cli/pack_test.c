/*
 * What of a directory gets into the zip, how, and what is refused by name
 * (core/cli/pack.h). The zip is read back with libarchive.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "cli/pack.h"

static char root[64];
static struct ccb_buf skipped;

static const char *at(const char *name)
{
    static char path[4][256];
    static int turn;

    turn = (turn + 1) % 4;
    (void)snprintf(path[turn], sizeof(path[0]), "%s/%s", root, name);
    return path[turn];
}

static void put(const char *name, const char *text, mode_t mode)
{
    int fd = open(at(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(root, sizeof(root), "/tmp/ccb-pack-XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static void remove_all(int dir_fd, const char *name)
{
    int fd =
        openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;

    if (!dir) {
        (void)unlinkat(dir_fd, name, 0);
        return;
    }
    for (entry = readdir(dir); entry; entry = readdir(dir))
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
            remove_all(fd, entry->d_name);
    closedir(dir);
    (void)unlinkat(dir_fd, name, AT_REMOVEDIR);
}

static int tear_down(void **state)
{
    (void)state;
    remove_all(AT_FDCWD, root);
    ccb_buf_destroy(&skipped);
    return 0;
}

static void on_skip(void *ctx, const char *path, const char *kind)
{
    (void)ctx;
    ccb_buf_printf(&skipped, "%s is %s\n", path, kind);
}

static int pack(struct ccb_pack *out, struct ccb_error *err)
{
    memset(out, 0, sizeof(*out));
    out->directory = root;
    out->on_skip = on_skip;
    return ccb_pack_directory(out, err);
}

/* "PATH MODE SIZE [-> TARGET|=CONTENT]", a line each. */
static void list(int fd, struct ccb_buf *out)
{
    struct archive *zip = archive_read_new();
    struct archive_entry *entry;

    assert_int_equal(archive_read_support_format_zip(zip), ARCHIVE_OK);
    assert_int_equal(archive_read_open_fd(zip, fd, 4096), ARCHIVE_OK);
    while (archive_read_next_header(zip, &entry) == ARCHIVE_OK) {
        char text[64];
        la_ssize_t n = archive_read_data(zip, text, sizeof(text));

        ccb_buf_printf(out, "%s %o", archive_entry_pathname(entry),
                       (unsigned)archive_entry_mode(entry));
        if (archive_entry_symlink(entry))
            ccb_buf_printf(out, " -> %s", archive_entry_symlink(entry));
        else if (n > 0)
            ccb_buf_printf(out, " =%.*s", (int)n, text);
        ccb_buf_putc(out, '\n');
    }
    archive_read_free(zip);
    ccb_buf_putc(out, '\0');
}

static void packs(const char *wanted)
{
    struct ccb_buf out = {0};
    struct ccb_pack bits;
    struct ccb_error err;
    int fd = pack(&bits, &err);

    if (fd < 0)
        fail_msg("%s", err.message);
    list(fd, &out);
    assert_string_equal(out.data, wanted);
    assert_int_equal(lseek(fd, 0, SEEK_END), bits.size);
    close(fd);
    ccb_buf_destroy(&out);
}

static void refused(int code, const char *words)
{
    struct ccb_pack bits;
    struct ccb_error err;
    int fd = pack(&bits, &err);

    assert_int_equal(fd, code);
    if (!strstr(err.message, words))
        fail_msg("said is: %s", err.message);
}

static void test_keeps_order_modes_and_links(void **state)
{
    (void)state;
    put("run", "#!/bin/sh\n", 0755);
    put("a.txt", "text", 0640);
    put("empty", "", 0644);
    assert_int_equal(mkdir(at("lib"), 0700), 0);
    put("lib/z", "z", 0444);
    put("B", "big", 04755);
    put("n\xc3\xa4me", "u", 0644);
    assert_int_equal(symlink("../a.txt", at("lib/link")), 0);
    assert_int_equal(symlink("lib", at("to-lib")), 0);
    assert_int_equal(symlink("not/there", at("dangling")), 0);
    packs("B 100755 =big\n"
          "a.txt 100640 =text\n"
          "dangling 120777 -> not/there\n"
          "empty 100644\n"
          "lib/ 40700\n"
          "lib/link 120777 -> ../a.txt\n"
          "lib/z 100444 =z\n"
          "n\xc3\xa4me 100644 =u\n"
          "run 100755 =#!/bin/sh\n\n"
          "to-lib 120777 -> lib\n");
}

static void test_the_same_directory_gives_the_same_bytes(void **state)
{
    struct ccb_pack bits;
    char one[4096], two[4096];
    ssize_t n, m;
    int fd;

    (void)state;
    put("a", "1", 0644);
    put("b", "2", 0644);
    fd = pack(&bits, NULL);
    n = read(fd, one, sizeof(one));
    close(fd);
    fd = pack(&bits, NULL);
    m = read(fd, two, sizeof(two));
    close(fd);
    assert_true(n > 0 && n == m);
    assert_memory_equal(one, two, (size_t)n);
    assert_int_equal(bits.files, 2);
    assert_int_equal(bits.bytes, 2);
}

static void test_leaves_out_what_cfignore_names(void **state)
{
    (void)state;
    put("keep", "", 0644);
    put("a.log", "", 0644);
    put("b.log", "", 0644);
    put(".cfignore", "*.log\n!b.log\n/tmp/\n", 0644);
    assert_int_equal(mkdir(at("tmp"), 0755), 0);
    put("tmp/x", "", 0644);
    assert_int_equal(mkdir(at(".git"), 0755), 0);
    put(".git/config", "", 0644);
    /* Excluded links and pipes are nobody's trouble. */
    assert_int_equal(symlink("/etc/passwd", at("c.log")), 0);
    packs("b.log 100644\nkeep 100644\n");
}

static void test_skips_what_is_no_file_with_a_word(void **state)
{
    (void)state;
    put("keep", "", 0644);
    assert_int_equal(mkfifo(at("pipe"), 0644), 0);
    packs("keep 100644\n");
    ccb_buf_putc(&skipped, '\0');
    assert_string_equal(skipped.data, "pipe is a pipe\n");
}

static void test_refuses_links_that_lead_outside(void **state)
{
    (void)state;
    put("keep", "", 0644);
    assert_int_equal(mkdir(at("lib"), 0755), 0);
    assert_int_equal(symlink("../../etc/passwd", at("lib/bad")), 0);
    refused(CCB_INVALID, "lib/bad leads outside");
}

static void test_what_leads_outside(void **state)
{
    static const struct {
        const char *path, *target;
        int outside;
    } rows[] = {
        {"a", "b", 0},         {"a", "/b", 1},
        {"a", "..", 1},        {"a", "../b", 1},
        {"a", "b/../c", 0},    {"a", "b/../../c", 1},
        {"x/a", "..", 0},      {"x/a", "../b", 0},
        {"x/a", "../../b", 1}, {"x/a", "./.././b", 0},
        {"x/y/a", "../..", 0}, {"x/y/a", "..//..//..", 1},
        {"a", ".", 0},         {"a", "..b/c", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (ccb_pack_leads_outside(rows[i].path, rows[i].target) !=
            rows[i].outside)
            fail_msg("%s -> %s", rows[i].path, rows[i].target);
}

static void test_refuses_a_directory_without_files(void **state)
{
    (void)state;
    refused(CCB_INVALID, root);
    put(".cfignore", "*\n", 0644);
    put("a", "", 0644);
    refused(CCB_INVALID, "no file to upload");
}

static void test_names_what_it_cannot_read(void **state)
{
    uid_t uid = geteuid();

    (void)state;
    put("keep", "", 0644);
    put("secret", "", 0000);
    assert_int_equal(chmod(root, 0755), 0);
    assert_int_equal(uid == 0 ? seteuid(65534) : 0, 0);
    refused(CCB_IO, "cannot read secret: Permission denied");
    assert_int_equal(uid == 0 ? seteuid(uid) : 0, 0);
    remove_all(AT_FDCWD, root);
    refused(CCB_IO, root);
}

static void test_survives_no_memory(void **state)
{
    struct ccb_pack bits;
    struct ccb_error err;
    size_t n;
    int fd = -1;

    (void)state;
    assert_int_equal(mkdir(at("d"), 0755), 0);
    put("d/a", "1", 0644);
    put(".cfignore", "x\n", 0644);
    for (n = 1; n < 50 && fd < 0; n++) {
        ccb_mem_fail_at(n, 1);
        fd = pack(&bits, &err);
        ccb_mem_fail_at(0, 0);
        if (fd < 0)
            assert_int_equal(err.code, CCB_NO_MEMORY);
    }
    assert_true(n > 5 && fd >= 0);
    close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_keeps_order_modes_and_links),
        TEST(test_the_same_directory_gives_the_same_bytes),
        TEST(test_leaves_out_what_cfignore_names),
        TEST(test_skips_what_is_no_file_with_a_word),
        TEST(test_refuses_links_that_lead_outside),
        TEST(test_what_leads_outside),
        TEST(test_refuses_a_directory_without_files),
        TEST(test_names_what_it_cannot_read),
        TEST(test_survives_no_memory),
    };

    (void)setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
