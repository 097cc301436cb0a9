/*
 * Several ranges of a file as one multipart/byteranges body (RFC 7233, 4.1;
 * contract/fileserver-ccuploader.md 1.2).
 *
 * Invariant: the length is known before the first byte goes out, and is the
 * sum of the same texts that are written later.
 */
#include "files/internal.h"

#include <inttypes.h>

#include "base/hex.h"
#include "base/random.h"

#define BOUNDARY 60 /* hex digits */
#define PART_HEAD 320

struct parts {
    struct ccb_file_serve *serve;
    size_t next; /* of the ranges */
    bool ended;  /* the last boundary is written */
    char boundary[BOUNDARY + 1];
};

static size_t make_part_head(const struct parts *parts, size_t i, char *text)
{
    const struct ccb_file_serve *serve = parts->serve;
    const struct ccb_http_range *range = &serve->ranges[i];

    return (size_t)snprintf(
        text, PART_HEAD,
        "%s--%s\r\nContent-Range: bytes %" PRIu64 "-%" PRId64 "/%" PRIu64
        "\r\nContent-Type: %s\r\n\r\n",
        i > 0 ? "\r\n" : "", parts->boundary, range->start,
        (int64_t)(range->start + range->length) - 1, serve->size, serve->type);
}

static size_t make_end(const struct parts *parts, char *text)
{
    return (size_t)snprintf(text, PART_HEAD, "\r\n--%s--\r\n", parts->boundary);
}

static int64_t whole_length(const struct parts *parts)
{
    char text[PART_HEAD];
    uint64_t length = make_end(parts, text);

    for (size_t i = 0; i < parts->serve->range_count; i++)
        length +=
            make_part_head(parts, i, text) + parts->serve->ranges[i].length;
    return (int64_t)length;
}

/* As much as the socket takes; comes again when it takes more. */
static void give_parts(struct ccb_http_request *request, void *user)
{
    struct parts *parts = user;
    struct ccb_file_serve *serve = parts->serve;
    char text[PART_HEAD];
    size_t len;

    while (parts->next < serve->range_count) {
        const struct ccb_http_range *range = &serve->ranges[parts->next];

        len = make_part_head(parts, parts->next++, text);
        (void)ccb_http_write(request, ccb_slice_make(text, len));
        if (!ccb_http_write_file(request, serve->fd, range->start,
                                 range->length))
            return;
    }
    len = make_end(parts, text);
    (void)ccb_http_write(request, ccb_slice_make(text, len));
    ccb_http_finish(request);
}

static void on_abort(struct ccb_http_request *request, void *user)
{
    (void)user;
    ccb_http_finish(request);
}

static bool make_boundary(struct parts *parts)
{
    unsigned char bytes[BOUNDARY / 2];

    if (ccb_random_bytes(bytes, sizeof(bytes), NULL) < 0)
        return false;
    ccb_hex_format(parts->boundary, bytes, sizeof(bytes));
    return true;
}

void ccb_files_send_parts(struct ccb_file_serve *serve)
{
    struct parts *parts = ccb_arena_alloc(serve->arena, sizeof(*parts));
    struct ccb_http_header headers[2 + CCB_FILES_VALIDATORS] = {
        {CCB_LIT("Accept-Ranges"), CCB_LIT("bytes")},
        {CCB_LIT("Content-Type"), {NULL, 0}},
    };
    char type[BOUNDARY + 40];
    size_t count = 2;
    int len;

    if (parts == NULL || !make_boundary(parts)) {
        ccb_files_respond_text(serve, 503, "out of memory\n");
        return;
    }
    parts->serve = serve;
    len = snprintf(type, sizeof(type), "multipart/byteranges; boundary=%s",
                   parts->boundary);
    headers[1].value = ccb_slice_make(type, (size_t)len);
    count += ccb_files_put_validators(serve, headers + count);
    serve->status = 206;
    ccb_http_on_drain(serve->request, give_parts, parts);
    ccb_http_on_abort(serve->request, on_abort, parts);
    ccb_http_respond_start(serve->request, 206, headers, count,
                           whole_length(parts));
    give_parts(serve->request, parts);
}
