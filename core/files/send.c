/*
 * A regular file as an answer: its type, the ranges asked for, its bytes
 * (contract/fileserver-ccuploader.md 1.2).
 *
 * Invariant: the loop never waits for a disk that can tell what is in memory:
 * what is not there yet is read by the pool, the start of a file here, the
 * rest by ccb_http_send_file. A whole small file goes out with its head in one
 * packet.
 */
#include "files/internal.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/uio.h>
#include <unistd.h>

/* Bytes that are in memory already; -1 with EAGAIN: they are not. */
static ssize_t read_now(int fd, char *bytes, size_t size, uint64_t offset)
{
    struct iovec part = {bytes, size};
    ssize_t n = preadv2(fd, &part, 1, (off_t)offset, RWF_NOWAIT);

    if (n < 0 && errno == EOPNOTSUPP) /* a file system that lives in memory */
        n = pread(fd, bytes, size, (off_t)offset);
    return n;
}

/* ---- the bytes ---------------------------------------------------------- */

#define HEADERS (4 + CCB_FILES_VALIDATORS)

/* The head's lines for one range, or the whole file; `text` is their room. */
static size_t make_headers(const struct ccb_file_serve *serve,
                           struct ccb_http_header headers[HEADERS], char *text,
                           size_t size)
{
    const struct ccb_http_range *range = serve->ranges;
    size_t count = 0;
    int len;

    headers[count++] =
        (struct ccb_http_header){CCB_LIT("Accept-Ranges"), CCB_LIT("bytes")};
    headers[count++] = (struct ccb_http_header){CCB_LIT("Content-Type"),
                                                ccb_slice_of(serve->type)};
    count += ccb_files_put_validators(serve, headers + count);
    if (serve->range_count == 0 && serve->etag[0] != '\0')
        headers[count++] = (struct ccb_http_header){CCB_LIT("Content-MD5"),
                                                    ccb_slice_of(serve->md5)};
    if (serve->range_count == 0)
        return count;
    /* An empty range ends before it begins, as the historic program says. */
    len = snprintf(text, size, "bytes %" PRIu64 "-%" PRId64 "/%" PRIu64,
                   range->start, (int64_t)(range->start + range->length) - 1,
                   serve->size);
    headers[count++] = (struct ccb_http_header){
        CCB_LIT("Content-Range"), ccb_slice_make(text, (size_t)len)};
    return count;
}

static void send_bytes(struct ccb_file_serve *serve)
{
    struct ccb_http_header headers[HEADERS];
    char *small = serve->files->small, text[80];
    size_t count = make_headers(serve, headers, text, sizeof(text));
    uint64_t start = 0, length = serve->size;
    int fd = serve->fd;

    serve->status = 200;
    if (serve->range_count == 1) {
        serve->status = 206;
        start = serve->ranges[0].start;
        length = serve->ranges[0].length;
    }
    if (length <= CCB_FILES_SMALL &&
        ccb_http_request_info(serve->request)->method == CCB_HTTP_GET &&
        read_now(fd, small, (size_t)length, start) == (ssize_t)length) {
        ccb_http_respond_with(serve->request, serve->status, headers, count,
                              ccb_slice_make(small, (size_t)length));
        return;
    }
    serve->fd = -1; /* it is taken over */
    ccb_http_respond_start(serve->request, serve->status, headers, count,
                           (int64_t)length);
    ccb_http_send_file(serve->request, fd, start, length);
}

/* ---- ranges ------------------------------------------------------------- */

static void refuse_ranges(struct ccb_file_serve *serve, int code)
{
    struct ccb_http_header headers[] = {
        {CCB_LIT("Content-Type"), CCB_LIT("text/plain; charset=utf-8")},
        {CCB_LIT("Content-Range"), {NULL, 0}},
    };
    char text[40];
    int len = snprintf(text, sizeof(text), "bytes */%" PRIu64, serve->size);

    headers[1].value = ccb_slice_make(text, (size_t)len);
    if (code == CCB_NOT_FOUND)
        ccb_files_respond(serve, 416, headers, 2,
                          ccb_slice_of("invalid range: failed to overlap\n"));
    else
        ccb_files_respond(serve, 416, headers, 1,
                          ccb_slice_of("invalid range\n"));
}

/* 0, or a code with which the request was answered. */
static int take_ranges(struct ccb_file_serve *serve)
{
    struct ccb_slice header = ccb_http_request_header(serve->request, "Range");
    int code;

    if (header.len == 0 || !ccb_files_range_stands(serve))
        return CCB_OK;
    serve->ranges = ccb_arena_alloc(serve->arena, CCB_FILES_MAX_RANGES *
                                                      sizeof(*serve->ranges));
    if (serve->ranges == NULL) {
        ccb_files_respond_text(serve, 503, "out of memory\n");
        return CCB_NO_MEMORY;
    }
    code = ccb_http_range_parse(header, serve->size, serve->ranges,
                                CCB_FILES_MAX_RANGES, &serve->range_count);
    if (code != CCB_OK)
        refuse_ranges(serve, code);
    return code;
}

static void send_typed(struct ccb_file_serve *serve)
{
    if (serve->range_count > 1)
        ccb_files_send_parts(serve);
    else
        send_bytes(serve);
}

/* ---- the type ----------------------------------------------------------- */

struct sniff {
    uv_work_t work;
    struct ccb_file_serve *serve;
    ssize_t got; /* or minus errno */
    char bytes[CCB_FILES_SNIFF];
};

static void send_sniffed(struct ccb_file_serve *serve, const char *bytes,
                         ssize_t got)
{
    if (got < 0) {
        ccb_files_respond_errno(serve, (int)-got);
        return;
    }
    serve->type = ccb_files_type_by_content(ccb_slice_make(bytes, (size_t)got));
    send_typed(serve);
}

static void on_sniff_work(uv_work_t *work)
{
    struct sniff *sniff = work->data;

    sniff->got = pread(sniff->serve->fd, sniff->bytes, sizeof(sniff->bytes), 0);
    if (sniff->got < 0)
        sniff->got = -errno;
}

static void on_sniff_done(uv_work_t *work, int status)
{
    struct sniff *sniff = work->data;

    (void)status;
    send_sniffed(sniff->serve, sniff->bytes, sniff->got);
}

/* The request stays until it is answered, and so does what is in its arena. */
static void sniff_in_pool(struct ccb_file_serve *serve)
{
    struct sniff *sniff = ccb_arena_alloc(serve->arena, sizeof(*sniff));

    if (sniff != NULL) {
        sniff->work.data = sniff;
        sniff->serve = serve;
    }
    if (sniff == NULL ||
        uv_queue_work(&serve->files->worker->loop->uv, &sniff->work,
                      on_sniff_work, on_sniff_done) != 0)
        ccb_files_respond_text(serve, 503, "out of memory\n");
}

void ccb_files_send(struct ccb_file_serve *serve)
{
    char *small = serve->files->small;
    ssize_t got;

    if (take_ranges(serve) != CCB_OK)
        return;
    serve->type = ccb_files_type_by_name(serve->name);
    if (serve->type != NULL) {
        send_typed(serve);
        return;
    }
    got = read_now(serve->fd, small, CCB_FILES_SNIFF, 0);
    if (got < 0 && errno == EAGAIN)
        sniff_in_pool(serve);
    else
        send_sniffed(serve, small, got < 0 ? -errno : got);
}
