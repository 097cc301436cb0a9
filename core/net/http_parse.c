/*
 * Bytes to requests.
 *
 * A head is first looked at line by line where it was read, so that a bad one
 * is refused as soon as the bad line is whole. A whole head is copied into
 * the request's arena and goes through llhttp there in one piece: the slices
 * it gives are whole, and both must agree where the head ends.
 */
#include "net/http_server_internal.h"

#include <llhttp.h>

#include "base/mem.h"

#define FIRST_HEADERS 16

/* ---- llhttp's callbacks ------------------------------------------------- */

static int on_url(llhttp_t *parser, const char *at, size_t len)
{
    struct ccb_http_request *request = parser->data;

    request->info.target = ccb_slice_make(at, len);
    return 0;
}

static int grow_headers(struct ccb_http_request *request)
{
    size_t room = request->header_room * 2;
    struct ccb_http_header *headers;

    if (room < FIRST_HEADERS)
        room = FIRST_HEADERS;
    headers = (struct ccb_http_header *)ccb_arena_alloc(
        request->arena, room * sizeof(*headers));
    if (headers == NULL) {
        request->no_memory = 1;
        return -1;
    }
    if (request->info.header_count > 0)
        memcpy(headers, request->headers,
               request->info.header_count * sizeof(*headers));
    request->headers = headers;
    request->info.headers = headers;
    request->header_room = room;
    return 0;
}

static int on_header_field(llhttp_t *parser, const char *at, size_t len)
{
    struct ccb_http_request *request = parser->data;
    struct ccb_http_header *header;

    if (request->info.header_count == request->header_room &&
        grow_headers(request) != 0)
        return -1;
    header = &request->headers[request->info.header_count++];
    header->name = ccb_slice_make(at, len);
    header->value = ccb_slice_make(at + len, 0);
    return 0;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static int on_header_value(llhttp_t *parser, const char *at, size_t len)
{
    struct ccb_http_request *request = parser->data;
    struct ccb_slice *value =
        &request->headers[request->info.header_count - 1].value;

    if (value->len > 0) /* a later piece: they lie side by side */
        len = (size_t)(at + len - value->ptr);
    else
        value->ptr = at;
    while (len > 0 && is_blank(value->ptr[len - 1]))
        len--;
    while (len > 0 && is_blank(value->ptr[0])) {
        value->ptr++;
        len--;
    }
    value->len = len;
    return 0;
}

static int on_headers_complete(llhttp_t *parser)
{
    struct ccb_http_request *request = parser->data;

    request->http10 = parser->http_minor == 0;
    request->conn->keep_alive = llhttp_should_keep_alive(parser) != 0;
    return HPE_PAUSED; /* bodies are not llhttp's matter: http_body.c */
}

static llhttp_settings_t settings = {
    .on_url = on_url,
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_headers_complete = on_headers_complete,
};

/* ---- heads -------------------------------------------------------------- */

static void refuse(struct ccb_httpd_conn *conn,
                   struct ccb_httpd_refusal refusal)
{
    ccb_httpd_conn_refuse(conn, refusal.status, refusal.why);
}

/* What llhttp does not take although our checks did. */
static struct ccb_httpd_refusal parser_refusal(enum llhttp_errno code)
{
    switch (code) {
    case HPE_INVALID_METHOD:
        return (struct ccb_httpd_refusal){501, "unknown method"};
    case HPE_UNEXPECTED_CONTENT_LENGTH:
        return (struct ccb_httpd_refusal){
            400, "Content-Length given twice or with Transfer-Encoding"};
    case HPE_INVALID_CONTENT_LENGTH:
        return (struct ccb_httpd_refusal){400, "bad Content-Length"};
    case HPE_INVALID_TRANSFER_ENCODING:
        return (struct ccb_httpd_refusal){
            501, "the only Transfer-Encoding taken is chunked"};
    case HPE_INVALID_URL:
        return (struct ccb_httpd_refusal){400, "bad request target"};
    default:
        return (struct ccb_httpd_refusal){400, "malformed request"};
    }
}

/* Runs llhttp over the head in the arena. */
static struct ccb_httpd_refusal parse_head(struct ccb_http_request *request,
                                           const char *head, size_t len)
{
    const char *space = memchr(head, ' ', len);
    llhttp_t parser;
    enum llhttp_errno code;

    llhttp_init(&parser, HTTP_REQUEST, &settings);
    parser.data = request;
    code = llhttp_execute(&parser, head, len);
    if (request->no_memory)
        return (struct ccb_httpd_refusal){503, "out of memory"};
    if (code != HPE_PAUSED)
        return parser_refusal(code);
    if (llhttp_get_error_pos(&parser) != head + len)
        return (struct ccb_httpd_refusal){400, "malformed request"};
    request->info.method_text = ccb_slice_make(head, (size_t)(space - head));
    return ccb_httpd_check_headers(request);
}

static void begin_request(struct ccb_httpd_conn *conn, const char *head,
                          size_t len)
{
    struct ccb_http_request *request = ccb_httpd_request_create(conn);
    struct ccb_httpd_refusal refusal = {503, "out of memory"};
    char *copy = request == NULL ? NULL : ccb_arena_text(request->arena, len);

    if (copy != NULL) {
        memcpy(copy, head, len);
        refusal = parse_head(request, copy, len);
    }
    if (refusal.status != 0)
        refuse(conn, refusal);
    else
        ccb_httpd_request_route(request);
}

static void refuse_large(struct ccb_httpd_conn *conn, bool in_line)
{
    if (in_line)
        ccb_httpd_conn_refuse(conn, 414, "request line too long");
    else
        ccb_httpd_conn_refuse(conn, 431, "request headers too large");
}

/* Looks at the lines that are whole by now. The length of the head when its
 * end is there, else 0; a refusal changes the connection's state. */
static size_t scan_head(struct ccb_httpd_conn *conn, const char *data,
                        size_t len)
{
    for (;;) {
        const char *end =
            conn->scanned < len
                ? memchr(data + conn->scanned, '\n', len - conn->scanned)
                : NULL;
        struct ccb_slice line = {data + conn->line, 0};
        struct ccb_httpd_refusal refusal;

        if (end == NULL) {
            conn->scanned = len;
            return 0;
        }
        line.len = (size_t)(end - line.ptr);
        if (line.len == 0 || line.ptr[line.len - 1] != '\r') {
            ccb_httpd_conn_refuse(conn, 400, "line end without CR");
            return 0;
        }
        line.len--;
        if (line.len == 0)
            return (size_t)(end - data) + 1;
        refusal = conn->line == 0 ? ccb_httpd_check_request_line(line)
                                  : ccb_httpd_check_header_line(line);
        if (refusal.status != 0) {
            refuse(conn, refusal);
            return 0;
        }
        conn->line = conn->scanned = (size_t)(end - data) + 1;
    }
}

/* Empty lines before a request are skipped (RFC 9112 2.2). */
static size_t skip_empty_lines(struct ccb_httpd_conn *conn, const char *data,
                               size_t len)
{
    size_t used = 0;

    if (conn->line > 0)
        return 0;
    while (len - used >= 2 && data[used] == '\r' && data[used + 1] == '\n')
        used += 2;
    if (used > 0)
        conn->scanned = 0;
    return used;
}

static size_t take_head(struct ccb_httpd_conn *conn, const char *data,
                        size_t len)
{
    uint64_t max = conn->server->limits.max_header_bytes;
    size_t skipped = skip_empty_lines(conn, data, len), head;
    bool in_line;

    data += skipped;
    len -= skipped;
    if (len == 0)
        return skipped;
    head = scan_head(conn, data, len);
    if (conn->state != CCB_HTTPD_HEAD)
        return skipped;
    in_line = conn->line == 0 || (max > 0 && conn->line > max &&
                                  memchr(data, '\n', (size_t)max) == NULL);
    if (max > 0 && (head > max || (head == 0 && len > max))) {
        refuse_large(conn, in_line);
        return skipped;
    }
    if (head == 0)
        return skipped;
    conn->line = conn->scanned = 0;
    begin_request(conn, data, head);
    return skipped + head;
}

/* ---- bodies ------------------------------------------------------------- */

static void give_piece(struct ccb_httpd_conn *conn, struct ccb_slice piece)
{
    if (conn->state == CCB_HTTPD_DRAIN) {
        conn->drained += piece.len;
        if (conn->drained > CCB_HTTPD_MAX_DRAIN)
            ccb_httpd_conn_end(conn);
    } else if (piece.len > 0) {
        ccb_httpd_request_body(conn->request, piece);
    }
}

static size_t take_body(struct ccb_httpd_conn *conn, const char *data,
                        size_t len)
{
    struct ccb_slice piece;
    const char *why;
    size_t used = ccb_httpd_body_next(&conn->body, data, len,
                                      conn->server->limits.max_header_bytes,
                                      &piece, &why);

    if (why != NULL) {
        ccb_httpd_conn_refuse(conn, 400, why);
        return used;
    }
    /* Framing alone counts as thrown away, too. */
    if (conn->state == CCB_HTTPD_DRAIN)
        conn->drained += used - piece.len;
    give_piece(conn, piece);
    return used;
}

/* The body is whole: what comes next. False: nothing now. */
static bool body_whole(struct ccb_httpd_conn *conn)
{
    enum ccb_httpd_state before = conn->state;

    if (conn->state == CCB_HTTPD_DRAIN) {
        ccb_httpd_conn_drained(conn);
        return true;
    }
    ccb_httpd_request_whole(conn->request);
    return conn->state != before;
}

size_t ccb_httpd_parse(struct ccb_httpd_conn *conn, const char *data,
                       size_t len)
{
    size_t used = 0, step;

    for (;;) {
        switch (conn->state) {
        case CCB_HTTPD_HEAD:
            step = take_head(conn, data + used, len - used);
            used += step;
            if (conn->state == CCB_HTTPD_HEAD && step == 0)
                return used;
            break;
        case CCB_HTTPD_BODY:
        case CCB_HTTPD_HANDLING:
        case CCB_HTTPD_DRAIN:
            if (conn->body.step == CCB_HTTPD_BODY_DONE) {
                if (!body_whole(conn))
                    return used;
                break;
            }
            if (used == len || (conn->state == CCB_HTTPD_HANDLING &&
                                !ccb_httpd_request_wants_body(conn->request)))
                return used;
            used += take_body(conn, data + used, len - used);
            break;
        case CCB_HTTPD_FLUSH:
            return used;
        default:
            return len;
        }
    }
}
