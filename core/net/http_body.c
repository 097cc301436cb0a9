/*
 * Where a request's body ends: by Content-Length, or by chunks.
 *
 * Ours and not llhttp's, whose loose build skips the two bytes behind a chunk
 * unseen and lets a trailer set the content length: both let a peer hide a
 * request. Here every byte of the framing must be what RFC 9112 7.1 says;
 * extensions and trailers are bounded and ignored.
 */
#include "net/http_server_internal.h"

#include "base/hex.h"

void ccb_httpd_body_start(struct ccb_httpd_body *body, int64_t content_length)
{
    body->extra = 0;
    body->left = 0;
    if (content_length < 0) {
        body->step = CCB_HTTPD_CHUNK_START;
    } else {
        body->left = (uint64_t)content_length;
        body->step =
            content_length > 0 ? CCB_HTTPD_BODY_LENGTH : CCB_HTTPD_BODY_DONE;
    }
}

static const char *on_size(struct ccb_httpd_body *body, unsigned char c)
{
    int digit = ccb_hex_digit((char)c);

    if (digit >= 0) {
        if (body->left > (uint64_t)INT64_MAX >> 4)
            return "chunk size too large";
        if (body->left == 0 && body->step == CCB_HTTPD_CHUNK_SIZE)
            body->extra++; /* leading zeros are bounded too */
        body->left = body->left << 4 | (uint64_t)digit;
        body->step = CCB_HTTPD_CHUNK_SIZE;
        return NULL;
    }
    if (body->step == CCB_HTTPD_CHUNK_START || (c != '\r' && c != ';'))
        return "bad chunk size";
    body->step = c == ';' ? CCB_HTTPD_CHUNK_EXTENSION : CCB_HTTPD_CHUNK_SIZE_LF;
    return NULL;
}

static const char *expect(struct ccb_httpd_body *body, unsigned char c,
                          unsigned char want, enum ccb_httpd_step next)
{
    body->step = next;
    return c == want ? NULL : "bad line end in a chunked body";
}

/* The text of an extension or a trailer, up to its CR. */
static const char *on_extra(struct ccb_httpd_body *body, unsigned char c,
                            enum ccb_httpd_step next)
{
    body->extra++;
    if (c == '\r') {
        body->step = next;
        return NULL;
    }
    return (c < 0x20 && c != '\t') || c == 0x7f
               ? "control character in a chunked body"
               : NULL;
}

/* One byte of framing: NULL, or what is wrong with it. */
static const char *on_byte(struct ccb_httpd_body *body, unsigned char c)
{
    switch (body->step) {
    case CCB_HTTPD_CHUNK_START:
    case CCB_HTTPD_CHUNK_SIZE:
        return on_size(body, c);
    case CCB_HTTPD_CHUNK_EXTENSION:
        return on_extra(body, c, CCB_HTTPD_CHUNK_SIZE_LF);
    case CCB_HTTPD_CHUNK_SIZE_LF:
        return expect(body, c, '\n',
                      body->left > 0 ? CCB_HTTPD_CHUNK_DATA
                                     : CCB_HTTPD_TRAILER_START);
    case CCB_HTTPD_CHUNK_DATA_CR:
        return expect(body, c, '\r', CCB_HTTPD_CHUNK_DATA_LF);
    case CCB_HTTPD_CHUNK_DATA_LF:
        return expect(body, c, '\n', CCB_HTTPD_CHUNK_START);
    case CCB_HTTPD_TRAILER_START:
        body->step = CCB_HTTPD_TRAILER_LINE;
        if (c != '\r')
            return on_extra(body, c, CCB_HTTPD_TRAILER_LF);
        body->step = CCB_HTTPD_END_LF;
        return NULL;
    case CCB_HTTPD_TRAILER_LINE:
        return on_extra(body, c, CCB_HTTPD_TRAILER_LF);
    case CCB_HTTPD_TRAILER_LF:
        return expect(body, c, '\n', CCB_HTTPD_TRAILER_START);
    case CCB_HTTPD_END_LF:
        return expect(body, c, '\n', CCB_HTTPD_BODY_DONE);
    default:
        return "bad chunked body";
    }
}

static bool is_data(const struct ccb_httpd_body *body)
{
    return body->step == CCB_HTTPD_BODY_LENGTH ||
           body->step == CCB_HTTPD_CHUNK_DATA;
}

size_t ccb_httpd_body_next(struct ccb_httpd_body *body, const char *data,
                           size_t len, uint64_t max_extra,
                           struct ccb_slice *piece, const char **why)
{
    size_t used = 0, take;

    *piece = ccb_slice_make(data, 0);
    *why = NULL;
    while (used < len && body->step != CCB_HTTPD_BODY_DONE && !is_data(body)) {
        *why = on_byte(body, (unsigned char)data[used++]);
        if (*why == NULL && max_extra > 0 && body->extra > max_extra)
            *why = "trailers too large";
        if (*why != NULL)
            return used;
    }
    if (used == len || !is_data(body))
        return used;
    take = body->left < len - used ? (size_t)body->left : len - used;
    *piece = ccb_slice_make(data + used, take);
    body->left -= take;
    if (body->left == 0)
        body->step = body->step == CCB_HTTPD_BODY_LENGTH
                         ? CCB_HTTPD_BODY_DONE
                         : CCB_HTTPD_CHUNK_DATA_CR;
    return used + take;
}
