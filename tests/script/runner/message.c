/*
 * Reads HTTP/1.1 requests and answers off a wire (wire.h).
 *
 * Invariant: it judges nothing that a test may want to see; a body longer
 * than CCB_MESSAGE_KEEP is counted and digested, not kept.
 */
#include "wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *ccb_message_header(const struct ccb_message *m, const char *name)
{
    for (size_t i = 0; i < m->header_count; i++)
        if (strcasecmp(m->headers[i].name, name) == 0)
            return m->headers[i].value;
    return NULL;
}

void ccb_message_free(struct ccb_message *m)
{
    for (size_t i = 0; i < m->header_count; i++) {
        free(m->headers[i].name);
        free(m->headers[i].value);
    }
    free(m->headers);
    free(m->method);
    free(m->target);
    ccb_text_free(&m->body);
    memset(m, 0, sizeof(*m));
}

static int broken(struct ccb_text *why, const char *what, const char *text)
{
    ccb_text_addf(why, "%s: ", what);
    ccb_text_show(why, text, strlen(text), 120);
    return CCB_WIRE_BROKEN;
}

static int read_start(struct ccb_message *m, const char *line, int answer,
                      struct ccb_text *why)
{
    int minor = 1, used = 0;
    if (answer) {
        if (sscanf(line, "HTTP/1.%d %d", &minor, &m->status) != 2)
            return broken(why, "no HTTP answer", line);
    } else {
        const char *space = strchr(line, ' ');
        const char *last = space ? strrchr(line, ' ') : NULL;
        if (last == NULL || last == space ||
            sscanf(last, " HTTP/1.%d%n", &minor, &used) != 1)
            return broken(why, "no HTTP request", line);
        m->method = ccb_tool_copy(line, (size_t)(space - line));
        m->target = ccb_tool_copy(space + 1, (size_t)(last - space) - 1);
    }
    m->keep_alive = minor >= 1;
    return 0;
}

static int add_header(struct ccb_message *m, const char *line,
                      struct ccb_text *why)
{
    const char *colon = strchr(line, ':');
    if (colon == NULL || colon == line)
        return broken(why, "no header", line);
    const char *value = colon + 1 + strspn(colon + 1, " \t");
    size_t len = strlen(value);
    while (len > 0 && strchr(" \t", value[len - 1]) != NULL)
        len--;
    struct ccb_header *more =
        ccb_tool_alloc((m->header_count + 1) * sizeof(*more));
    if (m->header_count > 0)
        memcpy(more, m->headers, m->header_count * sizeof(*more));
    free(m->headers);
    m->headers = more;
    more[m->header_count].name = ccb_tool_copy(line, (size_t)(colon - line));
    more[m->header_count++].value = ccb_tool_copy(value, len);
    return 0;
}

static int read_headers(struct ccb_wire *w, struct ccb_message *m,
                        struct ccb_text *why)
{
    struct ccb_text line = {0};
    int code = 0;
    while (code == 0) {
        code = ccb_wire_line(w, &line);
        if (code < 0)
            ccb_text_addf(why, "%s within the headers", ccb_wire_error(code));
        else if (line.len == 0)
            break;
        else
            code = add_header(m, line.ptr, why);
    }
    ccb_text_free(&line);
    return code;
}

static void read_connection(struct ccb_message *m)
{
    const char *connection = ccb_message_header(m, "Connection");
    const char *encoding = ccb_message_header(m, "Transfer-Encoding");
    if (connection != NULL && strcasecmp(connection, "close") == 0)
        m->keep_alive = 0;
    if (connection != NULL && strcasecmp(connection, "keep-alive") == 0)
        m->keep_alive = 1;
    m->chunked = encoding != NULL && strcasecmp(encoding, "chunked") == 0;
}

int ccb_message_read_head(struct ccb_wire *w, struct ccb_message *m, int answer,
                          struct ccb_text *why)
{
    struct ccb_text line = {0};
    int code;
    do {
        ccb_message_free(m);
        code = ccb_wire_line(w, &line);
        if (code < 0 && line.len > 0) {
            ccb_text_addf(why, "%s within the first line",
                          ccb_wire_error(code));
            code = CCB_WIRE_BROKEN;
        } else if (code < 0) {
            ccb_text_adds(why, ccb_wire_error(code));
        } else {
            code = read_start(m, line.ptr, answer, why);
        }
        if (code == 0)
            code = read_headers(w, m, why);
    } while (code == 0 && answer && m->status / 100 == 1);
    if (code == 0)
        read_connection(m);
    ccb_text_free(&line);
    return code;
}

/* ---- bodies ------------------------------------------------------------- */

struct body {
    struct ccb_wire *w;
    struct ccb_message *m;
    struct ccb_md5 *md5;
    uint64_t limit;
};

static void take(struct body *b, const char *bytes, size_t len)
{
    struct ccb_message *m = b->m;
    ccb_md5_add(b->md5, bytes, len);
    m->length += len;
    b->limit -= len;
    if (m->length > CCB_MESSAGE_KEEP) {
        ccb_text_free(&m->body);
        m->whole = 0;
    } else {
        ccb_text_add(&m->body, bytes, len);
    }
}

/* Reads `len` bytes, or less when the limit is reached, or, for UINT64_MAX,
 * up to the end of the stream. */
static int read_run(struct body *b, uint64_t len)
{
    char buffer[16384];
    int to_end = len == UINT64_MAX;
    while (len > 0 && b->limit > 0) {
        uint64_t most = len < b->limit ? len : b->limit;
        if (most > sizeof(buffer))
            most = sizeof(buffer);
        long n = ccb_wire_read(b->w, buffer, (size_t)most);
        if (n == CCB_WIRE_EOF && to_end)
            return 0;
        if (n < 0)
            return (int)n;
        take(b, buffer, (size_t)n);
        if (!to_end)
            len -= (uint64_t)n;
    }
    return 0;
}

static int read_chunks(struct body *b, struct ccb_text *why)
{
    struct ccb_text line = {0};
    int code = 0;
    while (code == 0 && b->limit > 0) {
        code = ccb_wire_line(b->w, &line);
        if (code < 0)
            break;
        char *end;
        uint64_t size = strtoull(line.ptr, &end, 16);
        if (end == line.ptr) {
            code = broken(why, "no chunk size", line.ptr);
            break;
        }
        if (size > 0)
            code = read_run(b, size);
        if (code == 0 && b->limit > 0)
            code = ccb_wire_line(b->w, &line);
        while (code == 0 && size == 0 && line.len > 0) /* trailers */
            code = ccb_wire_line(b->w, &line);
        if (size == 0)
            break;
    }
    ccb_text_free(&line);
    return code;
}

int ccb_message_read_body(struct ccb_wire *w, struct ccb_message *m, int answer,
                          uint64_t limit, struct ccb_text *why)
{
    const char *length = ccb_message_header(m, "Content-Length");
    struct body b = {.w = w, .m = m, .md5 = ccb_md5_create(), .limit = limit};
    int code = 0;
    m->whole = 1;
    ccb_text_add(&m->body, "", 0);
    if (answer && (m->status == 204 || m->status == 304))
        code = 0;
    else if (m->chunked)
        code = read_chunks(&b, why);
    else if (length != NULL)
        code = read_run(&b, strtoull(length, NULL, 10));
    else if (answer)
        code = read_run(&b, UINT64_MAX);
    if (answer && !m->chunked && length == NULL)
        m->keep_alive = 0;
    if (code < 0 && why->len == 0)
        ccb_text_addf(why, "%s within the body, after %llu bytes",
                      ccb_wire_error(code), (unsigned long long)m->length);
    ccb_md5_finish(b.md5, m->md5);
    return code;
}
