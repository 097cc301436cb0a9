/*
 * Archives become tar (contract/actions.md 4): gzip is inflated, zip is
 * written anew entry by entry, with names, modes and links as they were.
 *
 * Invariant: every byte that goes out passes put(), which keeps the limit, and
 * every byte that comes in passes on_read(), which bounds how much a zip's
 * table of contents may be. A gzip inside a gzip stays one.
 */
#include "cell/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <inttypes.h>
#include <locale.h>
#include <stdbool.h>
#include <unistd.h>

#include "base/mem.h"
#include "cell/archive_crc.h"

#define BLOCK (64 * 1024)
#define STEP                                                                   \
    (4 * 1024 * 1024)     /* put out at most so much, about, in one step       \
                           */
#define STEP_ENTRIES 2000 /* or so many entries */
#define GZIP_TRAILER 8

struct ccb_archive {
    enum ccb_archive_format format;
    int in, to;
    uint64_t limit, size;
    struct archive *reader, *writer; /* no writer for gzip */
    bool opened, in_entry, begun;    /* begun: the first entry was found */
    uint64_t at, taken;              /* in `in`: place, bytes read at all */
    uint32_t crc;                    /* of a gzip's content */
    locale_t locale;      /* names are UTF-8, whatever the daemon's */
    struct ccb_error why; /* what put() or on_read() refused */
    char in_block[BLOCK], block[BLOCK];
};

/* ---- formats ------------------------------------------------------------ */

static const struct {
    enum ccb_archive_format format;
    size_t offset;
    struct ccb_slice mark;
} marks[] = {
    {CCB_ARCHIVE_GZIP, 0, CCB_LIT("\x1f\x8b\x08")},
    {CCB_ARCHIVE_ZIP, 0, CCB_LIT("PK\x03\x04")},
    {CCB_ARCHIVE_TAR, 257, CCB_LIT("ustar\0")},
};

enum ccb_archive_format ccb_archive_detect(struct ccb_slice head)
{
    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
        struct ccb_slice mark = marks[i].mark;

        if (head.len >= marks[i].offset + mark.len &&
            memcmp(head.ptr + marks[i].offset, mark.ptr, mark.len) == 0)
            return marks[i].format;
    }
    return CCB_ARCHIVE_UNKNOWN;
}

/* Like pread, but whole as far as the file goes. */
static ssize_t read_at(int fd, char *bytes, size_t size, uint64_t at)
{
    size_t len = 0;

    while (len < size) {
        ssize_t n = pread(fd, bytes + len, size - len, (off_t)(at + len));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        len += (size_t)n;
    }
    return (ssize_t)len;
}

int ccb_archive_detect_file(int fd, enum ccb_archive_format *format,
                            struct ccb_error *err)
{
    char head[CCB_ARCHIVE_HEAD];
    ssize_t len = read_at(fd, head, sizeof(head), 0);

    if (len < 0)
        return ccb_error_set(err, CCB_IO, "reading the archive: %s",
                             strerror(errno));
    *format = ccb_archive_detect(ccb_slice_make(head, (size_t)len));
    if (*format == CCB_ARCHIVE_UNKNOWN)
        return ccb_error_set(err, CCB_INVALID, "unknown archive format");
    return CCB_OK;
}

/* ---- in and out --------------------------------------------------------- */

static la_ssize_t on_read(struct archive *reader, void *user, const void **out)
{
    struct ccb_archive *archive = user;
    ssize_t len = read_at(archive->in, archive->in_block, BLOCK, archive->at);

    if (len < 0) {
        (void)ccb_error_set(&archive->why, CCB_IO, "reading the archive: %s",
                            strerror(errno));
        archive_set_error(reader, errno, "read");
        return -1;
    }
    archive->at += (uint64_t)len;
    archive->taken += (uint64_t)len;
    if (!archive->begun && archive->taken > CCB_ARCHIVE_DIRECTORY_MAX) {
        (void)ccb_error_set(&archive->why, CCB_TOO_LARGE,
                            "the archive's table of contents is larger than "
                            "%" PRIu64 " bytes",
                            (uint64_t)CCB_ARCHIVE_DIRECTORY_MAX);
        archive_set_error(reader, ENOMEM, "table of contents");
        return -1;
    }
    *out = archive->in_block;
    return len;
}

static la_int64_t on_seek(struct archive *reader, void *user, la_int64_t offset,
                          int whence)
{
    struct ccb_archive *archive = user;
    la_int64_t base = 0;

    (void)reader;
    if (whence == SEEK_CUR)
        base = (la_int64_t)archive->at;
    else if (whence == SEEK_END)
        base = lseek(archive->in, 0, SEEK_END);
    if (base < 0 || offset < -base || offset > INT64_MAX - base)
        return ARCHIVE_FATAL;
    archive->at = (uint64_t)(base + offset);
    return (la_int64_t)archive->at;
}

static la_int64_t on_skip(struct archive *reader, void *user,
                          la_int64_t request)
{
    la_int64_t before = (la_int64_t)((struct ccb_archive *)user)->at;
    la_int64_t end = lseek(((struct ccb_archive *)user)->in, 0, SEEK_END);

    if (end < before)
        return 0;
    if (request > end - before)
        request = end - before;
    (void)on_seek(reader, user, request, SEEK_CUR);
    return request;
}

static int write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);

        if (n < 0 && errno != EINTR)
            return -1;
        if (n > 0) {
            bytes += n;
            len -= (size_t)n;
        }
    }
    return 0;
}

static int put(struct ccb_archive *archive, const void *bytes, size_t len)
{
    if (len > archive->limit - archive->size)
        return ccb_error_set(&archive->why, CCB_TOO_LARGE,
                             "the archive unpacks to more than %" PRIu64
                             " bytes",
                             archive->limit);
    if (write_all(archive->to, bytes, len) != 0)
        return ccb_error_set(&archive->why, CCB_IO,
                             "writing the unpacked archive: %s",
                             strerror(errno));
    archive->size += len;
    return CCB_OK;
}

/* Never fails to libarchive, which would not free all of a writer that failed:
 * after the first error everything is dropped, and `why` tells. */
static la_ssize_t on_write(struct archive *writer, void *user,
                           const void *bytes, size_t len)
{
    struct ccb_archive *archive = user;

    (void)writer;
    if (archive->why.code == 0)
        (void)put(archive, bytes, len);
    return (la_ssize_t)len;
}

/* Our own reason if there is one, else what libarchive says of the archive. */
static int broken(struct ccb_archive *archive, struct archive *who,
                  struct ccb_error *err)
{
    const char *words = archive_error_string(who);

    if (archive->why.code != 0) {
        if (err != NULL)
            *err = archive->why;
        return archive->why.code;
    }
    return ccb_error_set(
        err, archive_errno(who) == ENOMEM ? CCB_NO_MEMORY : CCB_INVALID,
        "broken archive: %s", words != NULL ? words : "?");
}

/* ---- gzip --------------------------------------------------------------- */

/* Whether a member may begin behind the first one. */
static bool has_second_member(struct ccb_archive *archive)
{
    static const char mark[] = "\x1f\x8b\x08";
    uint64_t at = 1;

    for (;;) {
        ssize_t len = read_at(archive->in, archive->block, BLOCK, at);
        const char *end = archive->block + (len > 0 ? len : 0);
        const char *from = archive->block;

        if (len <= 3)
            return false;
        for (from = memmem(from, (size_t)len, mark, 3); from != NULL;
             from = memmem(from, (size_t)(end - from), mark, 3)) {
            if (from + 3 < end && (unsigned char)from[3] < 0x20)
                return true; /* with flags that there are */
            from++;
        }
        at += (uint64_t)len - 3;
    }
}

/* libarchive does not look at the sum and the length behind a member. Where one
 * member is all there is, we do. */
static int check_trailer(struct ccb_archive *archive, struct ccb_error *err)
{
    unsigned char bytes[GZIP_TRAILER];
    uint32_t sum = 0, length = 0;
    off_t end = lseek(archive->in, 0, SEEK_END);

    if (end < GZIP_TRAILER ||
        read_at(archive->in, (char *)bytes, sizeof(bytes),
                (uint64_t)end - GZIP_TRAILER) != GZIP_TRAILER)
        return ccb_error_set(err, CCB_INVALID, "broken archive: cut off");
    for (size_t i = 4; i-- > 0;) {
        sum = sum << 8 | bytes[i];
        length = length << 8 | bytes[i + 4];
    }
    if (length == (uint32_t)archive->size && sum == archive->crc)
        return CCB_OK;
    if (length != (uint32_t)archive->size && has_second_member(archive))
        return CCB_OK;
    return ccb_error_set(err, CCB_INVALID,
                         "broken archive: its checksum is wrong");
}

static int step_gzip(struct ccb_archive *archive, struct ccb_error *err)
{
    struct archive_entry *entry;
    uint64_t end = archive->size + STEP;

    if (!archive->begun) {
        int code = archive_read_next_header(archive->reader, &entry);

        if (code == ARCHIVE_EOF)
            return check_trailer(archive, err);
        if (code != ARCHIVE_OK)
            return broken(archive, archive->reader, err);
        archive->begun = true;
    }
    while (archive->size < end) {
        la_ssize_t len =
            archive_read_data(archive->reader, archive->block, BLOCK);

        if (len == 0)
            return check_trailer(archive, err);
        if (len < 0 || put(archive, archive->block, (size_t)len) != CCB_OK)
            return broken(archive, archive->reader, err);
        archive->crc =
            ccb_archive_crc(archive->crc, archive->block, (size_t)len);
    }
    return 1;
}

/* ---- zip ---------------------------------------------------------------- */

/* What a call of the writer gave. */
static int written(struct ccb_archive *archive, int code, struct ccb_error *err)
{
    if (archive->why.code == 0 && code >= ARCHIVE_WARN)
        return CCB_OK;
    return broken(archive, archive->writer, err);
}

/* 1: an entry is open; 0: there are no more. */
static int next_entry(struct ccb_archive *archive, struct ccb_error *err)
{
    struct archive_entry *entry;
    int code = archive_read_next_header(archive->reader, &entry);

    archive->begun = true;
    if (code == ARCHIVE_EOF)
        return written(archive, archive_write_close(archive->writer), err);
    if (code < ARCHIVE_WARN)
        return broken(archive, archive->reader, err);
    if (archive_entry_pathname(entry) == NULL)
        return ccb_error_set(err, CCB_INVALID,
                             "broken archive: a name can't be read");
    if (archive_entry_filetype(entry) == AE_IFREG &&
        !archive_entry_size_is_set(entry))
        return ccb_error_set(err, CCB_INVALID,
                             "broken archive: %.100s has no size",
                             archive_entry_pathname(entry));
    code = written(archive, archive_write_header(archive->writer, entry), err);
    archive->in_entry = archive_entry_filetype(entry) == AE_IFREG;
    return code == CCB_OK ? 1 : code;
}

/* A block of the open entry. */
static int copy_block(struct ccb_archive *archive, struct ccb_error *err)
{
    la_ssize_t len = archive_read_data(archive->reader, archive->block, BLOCK);

    if (len < 0)
        return broken(archive, archive->reader, err);
    if (len == 0) {
        archive->in_entry = false;
        return written(archive, archive_write_finish_entry(archive->writer),
                       err);
    }
    if (archive_write_data(archive->writer, archive->block, (size_t)len) != len)
        return broken(archive, archive->writer, err);
    return written(archive, ARCHIVE_OK, err);
}

static int step_zip(struct ccb_archive *archive, struct ccb_error *err)
{
    uint64_t end = archive->size + STEP;
    int entries = 0;

    while (archive->size < end && entries < STEP_ENTRIES) {
        int code;

        if (archive->in_entry) {
            code = copy_block(archive, err);
            if (code != CCB_OK)
                return code;
            continue;
        }
        entries++;
        code = next_entry(archive, err);
        if (code <= 0)
            return code;
    }
    return 1;
}

/* ---- the whole ---------------------------------------------------------- */

static int set_gzip(struct ccb_archive *archive)
{
    /* Appended, not supported: so nothing is guessed, and just one layer of
     * gzip is taken off. */
    return archive_read_append_filter(archive->reader, ARCHIVE_FILTER_GZIP) |
           archive_read_support_format_raw(archive->reader) |
           archive_read_support_format_empty(archive->reader);
}

static int set_zip(struct ccb_archive *archive)
{
    struct archive *writer = archive_write_new();

    archive->writer = writer;
    if (writer == NULL)
        return ARCHIVE_FATAL;
    return archive_read_support_format_zip_seekable(archive->reader) |
           archive_write_set_format_pax_restricted(writer) |
           archive_write_set_bytes_in_last_block(writer, 1) |
           archive_write_open(writer, archive, NULL, on_write, NULL);
}

static int open_reader(struct ccb_archive *archive)
{
    struct archive *reader = archive->reader;
    int code = archive->format == CCB_ARCHIVE_ZIP ? set_zip(archive)
                                                  : set_gzip(archive);

    if (code != ARCHIVE_OK)
        return ARCHIVE_FATAL;
    (void)archive_read_set_read_callback(reader, on_read);
    (void)archive_read_set_seek_callback(reader, on_seek);
    (void)archive_read_set_skip_callback(reader, on_skip);
    (void)archive_read_set_callback_data(reader, archive);
    return archive_read_open1(reader);
}

int ccb_archive_open(struct ccb_archive **out, int in, int to,
                     enum ccb_archive_format format, uint64_t limit,
                     struct ccb_error *err)
{
    struct ccb_archive *archive = ccb_calloc(1, sizeof(*archive));

    if (archive == NULL)
        return ccb_error_set(err, CCB_NO_MEMORY, "no memory to unpack");
    archive->format = format;
    archive->in = in;
    archive->to = to;
    archive->limit = limit > 0 ? limit : CCB_ARCHIVE_BYTES_MAX;
    archive->reader = archive_read_new();
    archive->locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    if (archive->reader == NULL || archive->locale == (locale_t)0) {
        ccb_archive_close(archive);
        return ccb_error_set(err, CCB_NO_MEMORY, "no memory to unpack");
    }
    *out = archive;
    return CCB_OK;
}

int ccb_archive_step(struct ccb_archive *archive, struct ccb_error *err)
{
    locale_t before = uselocale(archive->locale);
    int code = ARCHIVE_OK;

    if (!archive->opened)
        code = open_reader(archive);
    archive->opened = true;
    if (code != ARCHIVE_OK)
        code = broken(archive, archive->reader, err);
    else if (archive->format == CCB_ARCHIVE_ZIP)
        code = step_zip(archive, err);
    else
        code = step_gzip(archive, err);
    (void)uselocale(before);
    return code;
}

uint64_t ccb_archive_size(const struct ccb_archive *archive)
{
    return archive->size;
}

void ccb_archive_close(struct ccb_archive *archive)
{
    if (archive == NULL)
        return;
    if (archive->writer != NULL) {
        archive->why.code = CCB_CANCELLED; /* nothing is written any more */
        (void)archive_write_free(archive->writer);
    }
    if (archive->reader != NULL)
        (void)archive_read_free(archive->reader);
    if (archive->locale != (locale_t)0)
        freelocale(archive->locale);
    ccb_free(archive);
}
