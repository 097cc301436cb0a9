/*
 * Files into and out of a container: whose they are, what they hold, over an
 * empty root file system, too; and above all that no archive writes outside.
 */
#include "container_files.h"

#include <fcntl.h>

#include "container_tar.h"

static void good_tar(struct ccb_buf *tar)
{
    tar_put(tar, '5', "./", "", 0755, ccb_slice_make(NULL, 0));
    tar_put(tar, '5', "./bin/", "", 0555, ccb_slice_make(NULL, 0));
    tar_file(tar, "./bin/run", 0755, "#!/bin/sh\necho run\n");
    tar_file(tar, "deep/er/file", 04644, "deep");
    tar_file(tar, "n\xc3\xa4me", 0600, "");
    tar_link(tar, '2', "deep/link", "../bin/run");
    tar_link(tar, '1', "hard", "./bin/run");
    tar_file(tar, "deep/er/file", 0644, "again");
    tar_end(tar);
}

static void test_a_stream_is_unpacked_as_the_user(void **state)
{
    struct box box;
    struct ccb_buf tar = {0};
    struct transfer transfer;

    good_tar(&tar);
    box_open(&box, *state);
    unpack_whole(&transfer, &box, "/home/vcap/app/sub", "vcap",
                 ccb_buf_slice(&tar), 700);
    assert_string_equal(transfer.err.message, "");
    run_says(&box, "vcap",
             "cd app/sub; stat -c '%U %a %n' . bin bin/run deep/er/file "
             "n\xc3\xa4me; bin/run; deep/link; ./hard; cat deep/er/file; "
             "readlink deep/link; stat -c %Y bin/run",
             "vcap 755 .\nvcap 755 bin\nvcap 755 bin/run\n"
             "vcap 644 deep/er/file\nvcap 600 n\xc3\xa4me\nrun\nrun\nrun\n"
             "again../bin/run\n1440000000\n");
    unpack_whole(&transfer, &box, "/tmp/r", "root", ccb_buf_slice(&tar), 9999);
    assert_string_equal(transfer.err.message, "");
    run_says(&box, "vcap", "stat -c '%U %a' /tmp/r/bin/run", "root 755\n");
    box_close(&box);
    ccb_buf_destroy(&tar);
}

/* What no archive may do, and the words of its refusal. */
static void test_bad_archives_are_refused(void **state)
{
    static const struct {
        char type;
        const char *name, *link, *words;
    } rows[] = {
        {'0', "/tmp/absolute", "", "/tmp/absolute: the name leads outside"},
        {'0', "../up", "", "../up: the name leads outside"},
        {'0', "a/../../up", "", "a/../../up: the name leads outside"},
        {'0', "a/..", "", "a/..: the name leads outside"},
        {'5', "../dir", "", "../dir: the name leads outside"},
        {'2', "/tmp/link", "x", "/tmp/link: the name leads outside"},
        {'2', "../link", "x", "../link: the name leads outside"},
        {'1', "hard", "/etc/passwd", "hard: the link leads outside"},
        {'1', "hard", "../mark", "hard: the link leads outside"},
        {'3', "device", "", "device: is a device, a pipe or a socket"},
        {'6', "pipe", "", "pipe: is a device, a pipe or a socket"},
    };
    struct box box;

    box_open(&box, *state);
    run_says(&box, "vcap", "echo kept > /tmp/mark", "");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ccb_buf tar = {0};
        struct transfer transfer;

        tar_put(&tar, rows[i].type, rows[i].name, rows[i].link, 0644,
                ccb_slice_make(NULL, 0));
        tar_end(&tar);
        unpack_whole(&transfer, &box, "/tmp/in", "vcap", ccb_buf_slice(&tar),
                     9999);
        if (strstr(transfer.err.message, rows[i].words) == NULL)
            fail_msg("row %zu: \"%s\"", i, transfer.err.message);
        ccb_buf_destroy(&tar);
    }
    run_says(&box, "vcap", "cd /tmp; ls; ls in; cat mark", "in\nmark\nkept\n");
    box_close(&box);
}

/* A link that was there before, or came in the archive, is no way out. */
static void test_links_on_the_way_are_not_followed(void **state)
{
    struct box box;
    struct ccb_buf tar = {0};
    struct transfer transfer;

    tar_file(&tar, "out/file", 0644, "x");
    tar_end(&tar);
    box_open(&box, *state);
    run_says(&box, "vcap",
             "mkdir /tmp/in /tmp/victim; "
             "ln -s /tmp/victim /tmp/in/out",
             "");
    unpack_whole(&transfer, &box, "/tmp/in", "vcap", ccb_buf_slice(&tar), 9999);
    assert_non_null(strstr(transfer.err.message, "out/file: "));
    ccb_buf_reset(&tar);
    tar_file(&tar, "target", 0644, "new"); /* replaces, does not write into */
    tar_end(&tar);
    run_says(&box, "vcap",
             "echo old > /tmp/victim/f; "
             "ln -s /tmp/victim/f /tmp/in/target",
             "");
    unpack_whole(&transfer, &box, "/tmp/in", "vcap", ccb_buf_slice(&tar), 9999);
    assert_string_equal(transfer.err.message, "");
    run_says(&box, "vcap", "cat /tmp/in/target /tmp/victim/f; ls /tmp/victim",
             "newold\nf\n");
    box_close(&box);
    ccb_buf_destroy(&tar);
}

/* Links to anywhere come as they are, and neither a later entry nor a hard
 * link gets through one. */
static void test_links_may_point_anywhere(void **state)
{
    static const char *const through[] = {"out/file", "up/file"};
    struct box box;
    struct ccb_buf tar = {0};
    struct transfer transfer;
    size_t links;

    tar_link(&tar, '2', "out", "/tmp/victim");
    tar_link(&tar, '2', "deep/up", "../../victim");
    tar_link(&tar, '2', "up", "../victim");
    tar_link(&tar, '2', "passwd", "/etc/passwd");
    tar_link(&tar, '1', "hard", "passwd"); /* the link, not what it means */
    tar_end(&tar);
    box_open(&box, *state);
    run_says(&box, "vcap", "mkdir /tmp/in /tmp/victim", "");
    unpack_whole(&transfer, &box, "/tmp/in", "vcap", ccb_buf_slice(&tar), 9999);
    assert_string_equal(transfer.err.message, "");
    run_says(&box, "vcap", "cd /tmp/in; readlink out deep/up up passwd hard",
             "/tmp/victim\n../../victim\n../victim\n/etc/passwd\n"
             "/etc/passwd\n");
    links = tar.len - 1024;
    for (int i = 0; i < 2; i++) {
        tar.len = links;
        tar_file(&tar, through[i], 0644, "x");
        tar_end(&tar);
        unpack_whole(&transfer, &box, "/tmp/in", "vcap", ccb_buf_slice(&tar),
                     9999);
        assert_non_null(strstr(transfer.err.message, through[i]));
    }
    run_says(&box, "vcap", "ls -A /tmp/victim", "");
    box_close(&box);
    ccb_buf_destroy(&tar);
}

static void test_broken_streams_and_places_have_words(void **state)
{
    struct box box;
    struct ccb_buf tar = {0};
    struct transfer transfer;

    good_tar(&tar);
    box_open(&box, *state);
    unpack_whole(&transfer, &box, "/tmp/in", "vcap",
                 ccb_slice_make(tar.data, 1536), 9999);
    assert_non_null(strstr(transfer.err.message, "unpacking: "));
    unpack_whole(&transfer, &box, "/tmp/in", "vcap",
                 ccb_slice_of("this is no archive at all"), 9999);
    assert_non_null(strstr(transfer.err.message, "unpacking: "));
    unpack_whole(&transfer, &box, "/usr/in", "vcap", ccb_buf_slice(&tar), 99);
    assert_string_equal(transfer.err.message,
                        "unpacking: /usr/in: Read-only file system");
    unpack_whole(&transfer, &box, "/tmp/in", "nobody-here", ccb_buf_slice(&tar),
                 9999);
    assert_string_equal(transfer.err.message,
                        "unpacking: unknown user nobody-here");
    box_close(&box);
    ccb_buf_destroy(&tar);
}

static void test_unpacking_can_be_cancelled(void **state)
{
    struct box box;
    struct transfer transfer = {0};

    box_open(&box, *state);
    assert_int_equal(ccb_container_unpack(&transfer.unpack, box.container,
                                          "/tmp/in", "vcap", on_transfer_done,
                                          &transfer, NULL),
                     CCB_OK);
    ccb_unpack_cancel(transfer.unpack);
    bed_wait(box.bed, &transfer.done);
    assert_int_equal(transfer.err.code, CCB_CANCELLED);
    box_close(&box);
}

static void test_a_file_comes_out_with_its_size_first(void **state)
{
    struct box box;
    struct transfer transfer;

    box_open(&box, *state);
    run_says(&box, "vcap",
             "printf hello > small; : > empty; "
             "head -c 3000000 /dev/urandom > large",
             "");
    fetch_whole(&transfer, &box, "/home/vcap/small", "vcap");
    assert_string_equal(transfer.err.message, "");
    assert_int_equal(transfer.size, 5);
    assert_int_equal(transfer.data.len, 5);
    assert_memory_equal(transfer.data.data, "hello", 5);
    ccb_buf_destroy(&transfer.data);
    fetch_whole(&transfer, &box, "/home/vcap/empty", "vcap");
    assert_string_equal(transfer.err.message, "");
    assert_true(transfer.sized && transfer.size == 0);
    fetch_start(&transfer, &box, "/home/vcap/large", "root");
    ccb_fetch_pause(transfer.fetch);
    run_says(&box, "vcap", "echo meanwhile", "meanwhile\n");
    assert_false(transfer.sized);
    ccb_fetch_resume(transfer.fetch);
    bed_wait(box.bed, &transfer.done);
    assert_int_equal(transfer.data.len, 3000000);
    ccb_buf_destroy(&transfer.data);
    fetch_start(&transfer, &box, "/home/vcap/large", "root");
    ccb_fetch_cancel(transfer.fetch);
    bed_wait(box.bed, &transfer.done);
    assert_int_equal(transfer.err.code, CCB_CANCELLED);
    ccb_buf_destroy(&transfer.data);
    box_close(&box);
}

static void test_what_cannot_be_read_has_words(void **state)
{
    static const struct {
        const char *path, *words;
    } rows[] = {
        {"/no/such", "reading: /no/such: No such file or directory"},
        {"/tmp", "reading: /tmp: is not a regular file"},
        {"/tmp/pipe", "reading: /tmp/pipe: is not a regular file"},
        {"/dev/zero", "reading: /dev/zero: is not a regular file"},
        {"/root/secret", "reading: /root/secret: Permission denied"},
    };
    struct box box;
    struct transfer transfer;

    box_open(&box, *state);
    run_says(&box, "root", "mkfifo -m 666 /tmp/pipe; echo x > /root/secret",
             "");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fetch_whole(&transfer, &box, rows[i].path, "vcap");
        assert_string_equal(transfer.err.message, rows[i].words);
        assert_false(transfer.sized);
    }
    box_close(&box);
}

/* No shell, no tar, no /etc in there: init does it all by itself. */
static void test_an_empty_root_file_system_is_enough(void **state)
{
    struct box box = {.bed = *state};
    struct ccb_container_options options = box_options(&box, 0);
    char rootfs[96];
    struct ccb_buf tar = {0};
    struct transfer transfer;

    (void)snprintf(rootfs, sizeof(rootfs), "/tmp/ccb-rootfs-%d", (int)getpid());
    assert_int_equal(mkdir(rootfs, 0755), 0);
    good_tar(&tar);
    options.rootfs = rootfs;
    box_create(&box, &options);
    assert_string_equal(box.err.message, "");
    unpack_whole(&transfer, &box, "/app", "vcap", ccb_buf_slice(&tar), 9999);
    assert_string_equal(transfer.err.message, "");
    fetch_whole(&transfer, &box, "/app/hard", "vcap");
    assert_string_equal(transfer.err.message, "");
    assert_memory_equal(transfer.data.data, "#!/bin/sh\n", 10);
    ccb_buf_destroy(&transfer.data);
    fetch_whole(&transfer, &box, "/etc/passwd", "vcap");
    assert_string_equal(transfer.err.message, "");
    ccb_buf_destroy(&transfer.data);
    box_close(&box);
    ccb_buf_destroy(&tar);
    assert_int_equal(rmdir(rootfs), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bed_open, bed_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_stream_is_unpacked_as_the_user),
        TEST(test_bad_archives_are_refused),
        TEST(test_links_on_the_way_are_not_followed),
        TEST(test_links_may_point_anywhere),
        TEST(test_broken_streams_and_places_have_words),
        TEST(test_unpacking_can_be_cancelled),
        TEST(test_a_file_comes_out_with_its_size_first),
        TEST(test_what_cannot_be_read_has_words),
        TEST(test_an_empty_root_file_system_is_enough),
    };

    if (bed_missing())
        return 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
