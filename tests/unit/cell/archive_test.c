/*
 * Archives become tar by what they hold: the formats of contract/actions.md 4
 * and 9, what is kept of a zip, and how broken and exploding ones end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <locale.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/mem.h"
#include "cell/archive.h"
#include "cell/archive_crc.h"
#include "transfer_archives.h"

struct run {
    int in, to, code, steps;
    struct ccb_error err;
    struct ccb_buf out;
};

static int file_of(struct ccb_slice bytes)
{
    int fd = memfd_create("test", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes.ptr, bytes.len), bytes.len);
    return fd;
}

/* To its end, whatever that is. */
static void convert(struct run *run, struct ccb_slice bytes, uint64_t limit)
{
    enum ccb_archive_format format = CCB_ARCHIVE_UNKNOWN;
    struct ccb_archive *archive = NULL;
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    locale_t before = uselocale(plain); /* the daemon's */
    ssize_t len;

    memset(run, 0, sizeof(*run));
    run->in = file_of(bytes);
    run->to = file_of(ccb_slice_make("", 0));
    run->code = ccb_archive_detect_file(run->in, &format, &run->err);
    if (run->code == CCB_OK)
        run->code = ccb_archive_open(&archive, run->in, run->to, format, limit,
                                     &run->err);
    if (run->code == CCB_OK)
        do {
            run->code = ccb_archive_step(archive, &run->err);
            run->steps++;
        } while (run->code == 1);
    if (archive != NULL && limit > 0)
        assert_true(ccb_archive_size(archive) <= limit);
    ccb_archive_close(archive);
    (void)uselocale(before);
    freelocale(plain);
    assert_int_equal(lseek(run->to, 0, SEEK_SET), 0);
    do {
        char *room = ccb_buf_reserve(&run->out, 65536);

        len = read(run->to, room, 65536);
        run->out.len += len > 0 ? (size_t)len : 0;
    } while (len > 0);
}

static void run_close(struct run *run)
{
    (void)close(run->in);
    (void)close(run->to);
    ccb_buf_destroy(&run->out);
}

static void refused(struct ccb_slice bytes, int code, const char *words)
{
    struct run run;

    convert(&run, bytes, 0);
    if (run.code != code)
        fail_msg("%s: code %d, %s", words, run.code, run.err.message);
    assert_non_null(strstr(run.err.message, words));
    run_close(&run);
}

static void test_the_first_bytes_tell_the_format(void **state)
{
    char head[CCB_ARCHIVE_HEAD] = {0};

    (void)state;
    memcpy(head + 257, "ustar\0", 6);
    assert_int_equal(ccb_archive_detect(ccb_slice_make(head, sizeof(head))),
                     CCB_ARCHIVE_TAR);
    assert_int_equal(ccb_archive_detect(ccb_slice_make(head, sizeof(head) - 1)),
                     CCB_ARCHIVE_UNKNOWN);
    memcpy(head + 257, "ustar ", 6); /* GNU's */
    assert_int_equal(ccb_archive_detect(ccb_slice_make(head, sizeof(head))),
                     CCB_ARCHIVE_UNKNOWN);
    assert_int_equal(ccb_archive_detect(ccb_slice_make("\x1f\x8b\x08", 3)),
                     CCB_ARCHIVE_GZIP);
    assert_int_equal(ccb_archive_detect(ccb_slice_make("PK\x03\x04", 4)),
                     CCB_ARCHIVE_ZIP);
    assert_int_equal(ccb_archive_detect(ccb_slice_make("", 0)),
                     CCB_ARCHIVE_UNKNOWN);
}

static void test_an_mp3_is_an_unknown_archive_format(void **state)
{
    (void)state;
    refused(ccb_slice_of("ID3\x03 la la la"), CCB_INVALID,
            "unknown archive format");
    refused(ccb_slice_make("", 0), CCB_INVALID, "unknown archive format");
}

static void test_a_tgz_is_inflated_as_it_is(void **state)
{
    struct ccb_buf tar = {0}, tgz = {0};
    struct run run;

    (void)state;
    make_tar(&tar, "text");
    memcpy(tar.data + 257, "ustar  ", 8); /* a GNU tar inside is fine */
    gzip(&tgz, ccb_buf_slice(&tar));
    convert(&run, ccb_buf_slice(&tgz), 0);
    assert_int_equal(run.code, CCB_OK);
    assert_true(ccb_slice_equal(ccb_buf_slice(&run.out), ccb_buf_slice(&tar)));
    run_close(&run);
    ccb_buf_destroy(&tar);
    ccb_buf_destroy(&tgz);
}

/* One layer is taken off, not two, and two members are one stream. */
static void test_gzip_layers_and_members(void **state)
{
    struct ccb_buf once = {0}, twice = {0}, empty = {0};
    struct run run;

    (void)state;
    gzip(&once, ccb_slice_of("inside"));
    gzip(&twice, ccb_buf_slice(&once));
    convert(&run, ccb_buf_slice(&twice), 0);
    assert_int_equal(run.code, CCB_OK);
    assert_true(ccb_slice_equal(ccb_buf_slice(&run.out), ccb_buf_slice(&once)));
    run_close(&run);
    gzip(&once, ccb_slice_of(", outside"));
    convert(&run, ccb_buf_slice(&once), 0);
    assert_true(ccb_slice_is(ccb_buf_slice(&run.out), "inside, outside"));
    run_close(&run);
    gzip(&empty, ccb_slice_make("", 0));
    convert(&run, ccb_buf_slice(&empty), 0);
    assert_int_equal(run.code, CCB_OK);
    assert_int_equal(run.out.len, 0);
    run_close(&run);
    ccb_buf_destroy(&once);
    ccb_buf_destroy(&twice);
    ccb_buf_destroy(&empty);
}

static void test_a_damaged_gzip_is_refused(void **state)
{
    struct ccb_buf tgz = {0};

    (void)state;
    make_tgz(&tgz, "some text that is in the archive");
    tgz.data[tgz.len - 6] ^= 1; /* of the sum */
    refused(ccb_buf_slice(&tgz), CCB_INVALID, "checksum is wrong");
    tgz.data[tgz.len - 6] ^= 1;
    for (size_t less = 1; less < tgz.len - 3; less++)
        refused(ccb_slice_make(tgz.data, tgz.len - less), CCB_INVALID,
                "broken archive");
    ccb_buf_destroy(&tgz);
}

static const char *entry_line(struct archive *a, struct archive_entry *entry,
                              char *line, size_t size)
{
    char text[64] = "";

    (void)archive_read_data(a, text, sizeof(text) - 1);
    (void)snprintf(line, size, "%s %o %s%s", archive_entry_pathname(entry),
                   (unsigned)archive_entry_mode(entry), text,
                   archive_entry_symlink(entry) != NULL
                       ? archive_entry_symlink(entry)
                       : "");
    return line;
}

static void test_a_zip_keeps_names_modes_and_links(void **state)
{
    static const char *const wanted[] = {
        "bin/ 40755 ", "bin/run 100755 #!/bin/sh\necho run\n",
        "secret 100600 quiet", "link 120777 bin/run", "n\xc3\xa4me 100644 "};
    struct ccb_buf zip = {0};
    struct archive *a = archive_read_new();
    struct archive_entry *entry;
    struct run run;
    char line[256];

    (void)state;
    make_zip(&zip);
    convert(&run, ccb_buf_slice(&zip), 0);
    assert_string_equal(run.err.message, "");
    (void)archive_read_support_format_tar(a);
    assert_int_equal(archive_read_open_memory(a, run.out.data, run.out.len), 0);
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        assert_int_equal(archive_read_next_header(a, &entry), ARCHIVE_OK);
        assert_string_equal(entry_line(a, entry, line, sizeof(line)),
                            wanted[i]);
        assert_int_equal(archive_entry_mtime(entry), 1440000000);
    }
    assert_int_equal(archive_read_next_header(a, &entry), ARCHIVE_EOF);
    (void)archive_read_free(a);
    run_close(&run);
    ccb_buf_destroy(&zip);
}

static void test_a_damaged_zip_is_refused(void **state)
{
    struct ccb_buf zip = {0};
    char *text;

    (void)state;
    make_zip(&zip);
    refused(ccb_slice_make(zip.data, zip.len / 2), CCB_INVALID,
            "broken archive");
    /* Stored or deflated, a byte of the data is wrong. */
    text = memmem(zip.data, zip.len, "secret", 6);
    assert_non_null(text);
    for (char *at = text + 6; at < text + 60; at++)
        *at ^= 0x55;
    refused(ccb_buf_slice(&zip), CCB_INVALID, "broken archive");
    ccb_buf_destroy(&zip);
}

/* What explodes ends at the limit, in steps, not in memory. */
static void test_a_bomb_ends_at_the_limit(void **state)
{
    size_t size = 24 * 1024 * 1024;
    char *zeros = ccb_calloc(1, size);
    struct ccb_buf gz = {0};
    struct run run;

    (void)state;
    assert_non_null(zeros);
    gzip(&gz, ccb_slice_make(zeros, size));
    convert(&run, ccb_buf_slice(&gz), size);
    assert_int_equal(run.code, CCB_OK);
    assert_int_equal(run.out.len, size);
    assert_true(run.steps >= 6);
    run_close(&run);
    convert(&run, ccb_buf_slice(&gz), size - 1);
    assert_int_equal(run.code, CCB_TOO_LARGE);
    assert_string_equal(run.err.message,
                        "the archive unpacks to more than 25165823 bytes");
    run_close(&run);
    ccb_buf_reset(&gz);
    make_zip(&gz);
    convert(&run, ccb_buf_slice(&gz), 3000);
    assert_int_equal(run.code, CCB_TOO_LARGE);
    run_close(&run);
    ccb_buf_destroy(&gz);
    ccb_free(zeros);
}

/* A table of contents that would fill the memory. */
static void test_a_huge_table_of_contents_is_refused(void **state)
{
    static const char row[46] = "PK\x01\x02";
    struct ccb_buf zip = {0};
    size_t rows = (size_t)CCB_ARCHIVE_DIRECTORY_MAX / sizeof(row) + 2000;
    unsigned char end[22] = "PK\x05\x06";
    uint32_t size = (uint32_t)(rows * sizeof(row));

    (void)state;
    (void)ccb_buf_append(&zip, "PK\x03\x04", 4);
    for (size_t i = 0; i < rows; i++)
        (void)ccb_buf_append(&zip, row, sizeof(row));
    for (int i = 0; i < 4; i++)
        end[12 + i] = (unsigned char)(size >> 8 * i);
    end[16] = 4; /* where it begins */
    (void)ccb_buf_append(&zip, end, sizeof(end));
    refused(ccb_buf_slice(&zip), CCB_TOO_LARGE, "table of contents");
    ccb_buf_destroy(&zip);
}

static void test_a_full_disk_is_an_error(void **state)
{
    struct rlimit before, small = {1024, 1024};
    struct ccb_buf tgz = {0};
    struct run run;

    (void)state;
    make_tgz(&tgz, "text");
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    convert(&run, ccb_buf_slice(&tgz), 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(run.code, CCB_IO);
    assert_non_null(strstr(run.err.message, "writing the unpacked archive: "));
    run_close(&run);
    ccb_buf_destroy(&tgz);
}

static void test_without_memory_nothing_is_opened(void **state)
{
    struct ccb_archive *archive = NULL;
    struct ccb_error err = {0};

    (void)state;
    (void)ccb_mem_fail_at(1, 0);
    assert_int_equal(
        ccb_archive_open(&archive, -1, -1, CCB_ARCHIVE_GZIP, 0, &err),
        CCB_NO_MEMORY);
    (void)ccb_mem_fail_at(0, 0);
    assert_null(archive);
}

static void test_the_sum_is_that_of_gzip(void **state)
{
    const char *text = "123456789";

    (void)state;
    assert_int_equal(ccb_archive_crc(0, text, 9), 0xcbf43926);
    assert_int_equal(ccb_archive_crc(ccb_archive_crc(0, text, 2), text + 2, 7),
                     0xcbf43926);
    assert_int_equal(ccb_archive_crc(0, "", 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_first_bytes_tell_the_format),
        cmocka_unit_test(test_an_mp3_is_an_unknown_archive_format),
        cmocka_unit_test(test_a_tgz_is_inflated_as_it_is),
        cmocka_unit_test(test_gzip_layers_and_members),
        cmocka_unit_test(test_a_damaged_gzip_is_refused),
        cmocka_unit_test(test_a_zip_keeps_names_modes_and_links),
        cmocka_unit_test(test_a_damaged_zip_is_refused),
        cmocka_unit_test(test_a_bomb_ends_at_the_limit),
        cmocka_unit_test(test_a_huge_table_of_contents_is_refused),
        cmocka_unit_test(test_a_full_disk_is_an_error),
        cmocka_unit_test(test_without_memory_nothing_is_opened),
        cmocka_unit_test(test_the_sum_is_that_of_gzip),
    };

    (void)setlocale(LC_CTYPE, "C.UTF-8"); /* for the archives we make */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
