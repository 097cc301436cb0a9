/*
 * The files of one log guid: NAME.log, which grows, and NAME.old, the one
 * before it. Each begins with a header line that says at which place of the
 * guid's lines it starts, and of which guid (as hex, for people).
 *
 * Invariant: what a place covers is whole lines; bytes behind place.end are
 * no lines. Turning over is one rename, so a kill at any moment leaves
 * segments that load finds again. Everything here is [pool]; reading goes on
 * beside the writer, for a segment that was opened stays what it is.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cell/logs_internal.h"

#define MAGIC "ccb-log 1 "
#define MAGIC_LEN (sizeof(MAGIC) - 1)
#define HEAD_MAX (MAGIC_LEN + 20 + 1 + 2 * CCB_LOG_GUID_SHOWN + 2)
#define BLOCK 16384

struct segment {
    int fd; /* -1: there is none */
    uint64_t start;
    size_t head;
};

static const char *const endings[] = {"log", "old"};
enum { NEWER, OLDER };

static void file_name(const struct ccb_log_files *files, int which,
                      char name[CCB_LOG_NAME + 4])
{
    (void)snprintf(name, CCB_LOG_NAME + 4, "%.32s.%s", files->name,
                   endings[which]);
}

static int open_file(const struct ccb_log_files *files, int which, int flags)
{
    char name[CCB_LOG_NAME + 4];

    file_name(files, which, name);
    return openat(files->dir, name, flags | O_CLOEXEC | O_NOFOLLOW, 0640);
}

/* ---- segments ----------------------------------------------------------- */

/* 0 bytes: it has no whole header. */
static size_t read_head(int fd, uint64_t *start)
{
    char text[HEAD_MAX + 1], *end, *line_end;
    ssize_t n = pread(fd, text, HEAD_MAX, 0);

    if (n <= (ssize_t)MAGIC_LEN)
        return 0;
    text[n] = '\0';
    line_end = memchr(text, '\n', (size_t)n);
    if (line_end == NULL || memcmp(text, MAGIC, MAGIC_LEN) != 0)
        return 0;
    *start = strtoull(text + MAGIC_LEN, &end, 10);
    return *end == ' ' ? (size_t)(line_end - text) + 1 : 0;
}

static struct segment open_segment(const struct ccb_log_files *files, int which)
{
    struct segment segment = {.fd = open_file(files, which, O_RDONLY)};

    if (segment.fd < 0)
        return segment;
    segment.head = read_head(segment.fd, &segment.start);
    if (segment.head == 0) {
        (void)close(segment.fd);
        segment.fd = -1;
    }
    return segment;
}

static void close_segment(const struct segment *segment)
{
    if (segment->fd >= 0)
        (void)close(segment->fd);
}

/* The segment that holds `place`; fd -1: none does any more, and *next is the
 * oldest place there is (UINT64_MAX: none). */
static struct segment segment_of(const struct ccb_log_files *files,
                                 uint64_t place, uint64_t *next)
{
    struct segment segment = {.fd = -1};

    *next = UINT64_MAX;
    for (int which = NEWER; which <= OLDER; which++) {
        segment = open_segment(files, which);
        if (segment.fd < 0)
            continue;
        if (segment.start <= place)
            return segment;
        *next = segment.start;
        close_segment(&segment);
        segment.fd = -1;
    }
    return segment;
}

/* ---- loading ------------------------------------------------------------ */

/* Bytes of the whole lines behind the header; the rest is torn. */
static uint64_t whole_lines(const struct segment *segment)
{
    char block[BLOCK];
    struct stat info;
    uint64_t end;

    if (fstat(segment->fd, &info) != 0)
        return 0;
    end = (uint64_t)info.st_size;
    while (end > segment->head) {
        uint64_t room = end - segment->head;
        size_t want = room < BLOCK ? (size_t)room : BLOCK;
        ssize_t n = pread(segment->fd, block, want, (off_t)(end - want));
        const char *last =
            n == (ssize_t)want ? memrchr(block, '\n', want) : NULL;

        if (last != NULL)
            return end - want + (uint64_t)(last - block) + 1 - segment->head;
        end -= want;
    }
    return 0;
}

void ccb_log_files_load(const struct ccb_log_files *files,
                        struct ccb_log_place *place)
{
    struct segment older = open_segment(files, OLDER);
    struct segment newer = open_segment(files, NEWER);

    memset(place, 0, sizeof(*place));
    if (older.fd >= 0) {
        place->first = older.start;
        place->end = older.start + whole_lines(&older);
        place->start = place->end;
    }
    if (newer.fd >= 0) {
        if (older.fd < 0)
            place->first = newer.start;
        place->start = newer.start;
        place->end = newer.start + whole_lines(&newer);
        place->head = newer.head;
    }
    close_segment(&older);
    close_segment(&newer);
}

void ccb_log_files_remove(const struct ccb_log_files *files)
{
    char name[CCB_LOG_NAME + 4];

    for (int which = NEWER; which <= OLDER; which++) {
        file_name(files, which, name);
        /* What can't be removed is found again at the next start. */
        (void)unlinkat(files->dir, name, 0);
    }
}

/* ---- writing ------------------------------------------------------------ */

static int put_at(int fd, struct ccb_slice bytes, uint64_t offset)
{
    while (bytes.len > 0) {
        ssize_t n = pwrite(fd, bytes.ptr, bytes.len, (off_t)offset);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        bytes.ptr += n;
        bytes.len -= (size_t)n;
        offset += (uint64_t)n;
    }
    return 0;
}

/* A new, empty segment at place->end; what lies in its way is none. */
static int make_segment(const struct ccb_log_files *files,
                        struct ccb_slice guid, struct ccb_log_place *place)
{
    char text[HEAD_MAX + 1];
    size_t len,
        shown = guid.len < CCB_LOG_GUID_SHOWN ? guid.len : CCB_LOG_GUID_SHOWN;
    int fd = open_file(files, NEWER, O_WRONLY | O_CREAT | O_TRUNC), failed;

    if (fd < 0)
        return -1;
    len = (size_t)snprintf(text, sizeof(text), MAGIC "%020" PRIu64 " ",
                           place->end);
    for (size_t i = 0; i < shown; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%02x",
                                (unsigned char)guid.ptr[i]);
    text[len++] = '\n';
    failed = put_at(fd, ccb_slice_make(text, len), 0);
    (void)close(fd);
    if (failed)
        return -1;
    if (place->start == place->first && place->end == place->first)
        place->first = place->end;
    place->start = place->end;
    place->head = len;
    return 0;
}

static int turn_over(const struct ccb_log_files *files,
                     struct ccb_log_place *place)
{
    char newer[CCB_LOG_NAME + 4], older[CCB_LOG_NAME + 4];

    file_name(files, NEWER, newer);
    file_name(files, OLDER, older);
    if (renameat(files->dir, newer, files->dir, older) != 0)
        return -1;
    place->first = place->start;
    place->head = 0;
    return 0;
}

/* The whole lines that `room` bytes take; at least one when `force`. */
static size_t lines_in(struct ccb_slice lines, uint64_t room, bool force)
{
    size_t want = lines.len < room ? lines.len : (size_t)room;
    const char *last = want > 0 ? memrchr(lines.ptr, '\n', want) : NULL;

    if (last == NULL && force)
        last = memchr(lines.ptr, '\n', lines.len);
    return last != NULL ? (size_t)(last - lines.ptr) + 1 : 0;
}

static size_t count_lines(struct ccb_slice text)
{
    size_t count = 0;

    for (size_t i = 0; i < text.len; i++)
        count += text.ptr[i] == '\n';
    return count;
}

/* Into the newer segment, which is there. */
static int put_lines(const struct ccb_log_files *files,
                     struct ccb_log_place *place, struct ccb_slice lines)
{
    uint64_t offset = place->head + (place->end - place->start);
    int fd = open_file(files, NEWER, O_WRONLY), failed;

    if (fd < 0) {
        if (errno == ENOENT)
            place->head = 0; /* somebody took it away: a new one, next time */
        return -1;
    }
    failed = put_at(fd, lines, offset);
    if (failed) {
        int why = errno;

        /* The part is overwritten by what comes next in any case. */
        (void)!ftruncate(fd, (off_t)offset);
        errno = why;
    }
    (void)close(fd);
    if (!failed)
        place->end += lines.len;
    return failed;
}

size_t ccb_log_files_append(const struct ccb_log_files *files,
                            struct ccb_slice guid, size_t segment,
                            struct ccb_log_place *place, struct ccb_slice lines,
                            int *error)
{
    size_t kept = 0;

    *error = 0;
    while (lines.len > 0) {
        uint64_t used = place->head + (place->end - place->start);
        struct ccb_slice part = {lines.ptr, 0};

        if (place->head > 0)
            part.len = lines_in(lines, used < segment ? segment - used : 0,
                                place->end == place->start);
        if (place->head == 0) {
            if (make_segment(files, guid, place) != 0)
                break;
        } else if (part.len == 0) {
            if (turn_over(files, place) != 0)
                break;
        } else if (put_lines(files, place, part) != 0) {
            break;
        }
        kept += count_lines(part);
        lines.ptr += part.len;
        lines.len -= part.len;
    }
    if (lines.len > 0)
        *error = errno;
    return kept;
}

/* ---- reading ------------------------------------------------------------ */

/* Counts *tail line ends back from *at to the segment's start. 1: *at is the
 * line wanted; 0: *at is the start and more are wanted. */
static int count_back(const struct segment *segment, uint64_t *at,
                      uint64_t *tail)
{
    char block[BLOCK];

    while (*at > segment->start) {
        uint64_t room = *at - segment->start;
        size_t want = room < BLOCK ? (size_t)room : BLOCK;
        uint64_t from = *at - want;
        off_t offset = (off_t)(segment->head + (from - segment->start));

        if (pread(segment->fd, block, want, offset) != (ssize_t)want)
            return -EIO;
        for (size_t i = want; i-- > 0;) {
            if (block[i] != '\n')
                continue;
            if (*tail == 0) {
                *at = from + i + 1;
                return 1;
            }
            --*tail;
        }
        *at = from;
    }
    return 0;
}

int ccb_log_files_tail(const struct ccb_log_files *files,
                       const struct ccb_log_place *place, uint64_t tail,
                       uint64_t *out)
{
    uint64_t next;
    int done = tail == 0;

    *out = place->end;
    while (!done && *out > place->first) {
        struct segment segment = segment_of(files, *out - 1, &next);

        if (segment.fd < 0)
            return 0; /* the older one went meanwhile */
        done = count_back(&segment, out, &tail);
        close_segment(&segment);
    }
    return done < 0 ? done : 0;
}

ssize_t ccb_log_files_read(const struct ccb_log_files *files, uint64_t *at,
                           uint64_t end, char *room, size_t size)
{
    uint64_t next;
    struct segment segment = segment_of(files, *at, &next);
    const char *last;
    ssize_t n;

    if (segment.fd < 0 && next < end) { /* it has been turned over */
        *at = next;
        segment = segment_of(files, *at, &next);
    }
    if (segment.fd < 0)
        return 0;
    if (end - *at < size)
        size = (size_t)(end - *at);
    n = pread(segment.fd, room, size,
              (off_t)(segment.head + (*at - segment.start)));
    if (n < 0)
        n = -errno;
    close_segment(&segment);
    if (n <= 0)
        return n;
    last = memrchr(room, '\n', (size_t)n);
    return last != NULL ? last - room + 1 : 0;
}
