/*
 * Answers: heads, whole bodies, pieces (contract/stager.md A7).
 *
 * Invariant: a request is answered once and gone with that, whatever became
 * of its peer. A body that breaks off never looks whole: its connection is
 * reset. Nothing a handler gives can start a further header line.
 */
#include "net/http_server_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>

#include "base/clock.h"
#include "base/metrics.h"

/* ---- heads -------------------------------------------------------------- */

static const struct {
    int status;
    const char *reason;
} reasons[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {304, "Not Modified"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Request Entity Too Large"},
    {414, "Request URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Requested Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {422, "Unprocessable Entity"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
};

const char *ccb_httpd_reason(int status)
{
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Status";
}

const char *ccb_httpd_date(struct ccb_http_server *server)
{
    uint64_t now = uv_now(&server->loop->uv);
    int64_t wall;
    struct tm parts;
    time_t seconds;

    if (server->date[0] != '\0' && now < server->date_until)
        return server->date;
    wall = ccb_clock_wall();
    seconds = (time_t)(wall / CCB_SECOND);
    (void)gmtime_r(&seconds, &parts);
    /* No locale is ever set, so the names of days and months are C's. */
    (void)strftime(server->date, sizeof(server->date),
                   "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &parts);
    server->date_until =
        now + 1 +
        (uint64_t)((CCB_SECOND - wall % CCB_SECOND) / CCB_MILLISECOND);
    return server->date;
}

static bool may_have_body(int status)
{
    return status >= 200 && status != 204 && status != 304;
}

/* What the server says itself; a handler's word on it is not repeated. */
static bool is_ours(struct ccb_slice name)
{
    static const char *const names[] = {"Content-Length", "Transfer-Encoding",
                                        "Connection", "Keep-Alive", "Date"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (ccb_httpd_slice_is_nocase(name, names[i]))
            return true;
    return false;
}

static void put_header(struct ccb_buf *head,
                       const struct ccb_http_header *header)
{
    size_t len = header->name.len + header->value.len + 4;
    char *out = ccb_buf_reserve(head, len);

    if (out == NULL)
        return;
    memcpy(out, header->name.ptr, header->name.len);
    memcpy(out + header->name.len, ": ", 2);
    if (header->value.len > 0)
        memcpy(out + header->name.len + 2, header->value.ptr,
               header->value.len);
    for (size_t i = 0; i < len - 2; i++)
        if ((unsigned char)out[i] < 0x20)
            out[i] = ' ';
    memcpy(out + len - 2, "\r\n", 2);
    head->len += len;
}

static void put_headers(struct ccb_http_request *request, struct ccb_buf *head,
                        const struct ccb_http_header *headers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (headers[i].name.len == 0)
            continue;
        if (!is_ours(headers[i].name))
            put_header(head, &headers[i]);
        else if (ccb_httpd_slice_is_nocase(headers[i].name, "Connection") &&
                 ccb_httpd_slice_is_nocase(headers[i].value, "close"))
            request->conn->keep_alive = 0;
    }
}

static void put_status(struct ccb_buf *head, int status)
{
    if (status == 200)
        (void)ccb_buf_append(head, "HTTP/1.1 200 OK\r\n", 17);
    else
        (void)ccb_buf_printf(head, "HTTP/1.1 %d %s\r\n", status,
                             ccb_httpd_reason(status));
}

static void put_length(struct ccb_buf *head, uint64_t length)
{
    char text[48] = "Content-Length: ";
    char digits[24];
    size_t count = 0, at = 16;

    do {
        digits[count++] = (char)('0' + length % 10);
        length /= 10;
    } while (length > 0);
    while (count > 0)
        text[at++] = digits[--count];
    text[at++] = '\r';
    text[at++] = '\n';
    (void)ccb_buf_append(head, text, at);
}

/* A peer that still has much to send, or waits to be asked for it, is not
 * worth reading on. */
static void decide_end(struct ccb_http_request *request)
{
    struct ccb_httpd_conn *conn = request->conn;

    if (conn->server->closing)
        conn->keep_alive = 0;
    if (conn->body.step == CCB_HTTPD_BODY_DONE)
        return;
    if (conn->not_continued || conn->body.left > CCB_HTTPD_MAX_DRAIN) {
        conn->keep_alive = 0;
        conn->last = 1;
    }
}

/* length -1: chunked, -2: nothing is said. NULL: no memory. */
static struct ccb_buf *build_head(struct ccb_http_request *request, int status,
                                  const struct ccb_http_header *headers,
                                  size_t count, int64_t length)
{
    struct ccb_httpd_conn *conn = request->conn;
    struct ccb_buf *head = &conn->server->head;

    decide_end(request);
    request->status = status;
    ccb_buf_reset(head);
    put_status(head, status);
    (void)ccb_buf_put(head, ccb_httpd_date(conn->server));
    put_headers(request, head, headers, count);
    if (length >= 0)
        put_length(head, (uint64_t)length);
    else if (length == -1)
        (void)ccb_buf_put(head, "Transfer-Encoding: chunked\r\n");
    if (!conn->keep_alive)
        (void)ccb_buf_put(head, "Connection: close\r\n");
    else if (request->http10)
        (void)ccb_buf_put(head, "Connection: keep-alive\r\n");
    (void)ccb_buf_put(head, "\r\n");
    return head->failed ? NULL : head;
}

/* ---- ends --------------------------------------------------------------- */

static void end_answer(struct ccb_http_request *request)
{
    struct ccb_httpd_conn *conn = request->conn;

    if (!request->gone)
        ccb_metric_add(CCB_METRIC_HTTP_REQUESTS, 1);
    if (!request->gone && conn->server->meter != NULL)
        ccb_http_meter_answered(conn->server->meter, request->route,
                                request->status,
                                ccb_clock_monotonic() - request->begun_at);
    if (request->on_answered != NULL)
        request->on_answered(request, request->answer_bytes,
                             request->answered_user);
    ccb_httpd_request_end(request);
    ccb_httpd_conn_answered(conn);
}

void ccb_http_on_answered(struct ccb_http_request *request,
                          void (*on_answered)(struct ccb_http_request *,
                                              uint64_t bytes, void *user),
                          void *user)
{
    request->on_answered = on_answered;
    request->answered_user = user;
}

void ccb_http_abandon(struct ccb_http_request *request)
{
    if (!request->gone) {
        request->gone = 1; /* it was not the peer that left */
        ccb_httpd_conn_cut(request->conn);
    }
    end_answer(request);
}

/* ---- whole answers ------------------------------------------------------ */

void ccb_http_respond_with(struct ccb_http_request *request, int status,
                           const struct ccb_http_header *headers,
                           size_t header_count, struct ccb_slice body)
{
    bool with_body = may_have_body(status);
    struct ccb_buf *head;
    struct iovec parts[2];

    if (request->gone) {
        end_answer(request);
        return;
    }
    head = request->started ? NULL
                            : build_head(request, status, headers, header_count,
                                         with_body ? (int64_t)body.len : -2);
    if (head == NULL) { /* no memory, or a second answer */
        ccb_http_abandon(request);
        return;
    }
    parts[0] = (struct iovec){head->data, head->len};
    parts[1] = (struct iovec){(char *)(uintptr_t)body.ptr, body.len};
    with_body = with_body && !request->head_method && body.len > 0;
    request->answer_bytes = with_body ? body.len : 0;
    ccb_httpd_conn_send(request->conn, parts, with_body ? 2 : 1, 0);
    end_answer(request);
}

void ccb_http_respond(struct ccb_http_request *request, int status,
                      const char *content_type, struct ccb_slice body)
{
    struct ccb_http_header type = {CCB_LIT("Content-Type"),
                                   ccb_slice_of(content_type)};

    ccb_http_respond_with(request, status, &type,
                          content_type != NULL && body.len > 0 ? 1 : 0, body);
}

/* ---- answers in pieces -------------------------------------------------- */

void ccb_http_respond_start(struct ccb_http_request *request, int status,
                            const struct ccb_http_header *headers,
                            size_t header_count, int64_t length)
{
    struct ccb_httpd_conn *conn = request->conn;
    struct ccb_buf *head;
    struct iovec part;
    bool more;

    if (request->gone || request->started)
        return;
    request->started = 1;
    request->endless = length < 0;
    if (request->endless && conn->peer_done &&
        conn->body.step == CCB_HTTPD_BODY_DONE) {
        ccb_httpd_conn_close(conn); /* it has left already */
        return;
    }
    if (!may_have_body(status)) {
        request->head_method = 1;
        length = -2;
    } else if (length < 0 && request->http10) {
        conn->keep_alive = 0; /* the end of the connection is the end */
        length = -2;
    }
    request->chunked = length == -1;
    request->answer_left = length;
    head = build_head(request, status, headers, header_count, length);
    if (head == NULL) {
        ccb_httpd_conn_cut(conn);
        return;
    }
    part = (struct iovec){head->data, head->len};
    /* Of a body with a length the first bytes can share the head's packet. */
    more = length > 0 && !request->head_method;
    ccb_httpd_conn_send(conn, &part, 1, more ? MSG_MORE : 0);
    ccb_httpd_conn_changed(conn);
}

static void send_chunk(struct ccb_httpd_conn *conn, struct ccb_slice bytes)
{
    char size[24];
    int len = snprintf(size, sizeof(size), "%zx\r\n", bytes.len);
    struct iovec parts[3] = {
        {size, (size_t)len},
        {(char *)(uintptr_t)bytes.ptr, bytes.len},
        {(char *)(uintptr_t) "\r\n", 2},
    };

    ccb_httpd_conn_send(conn, parts, 3, 0);
}

size_t ccb_http_write(struct ccb_http_request *request, struct ccb_slice bytes)
{
    struct ccb_httpd_conn *conn = request->conn;
    struct iovec part;

    if (request->gone || !request->started || request->head_method)
        return 0;
    if (request->answer_left >= 0) {
        if (bytes.len > (uint64_t)request->answer_left) {
            request->overrun = 1;
            bytes.len = (size_t)request->answer_left;
        }
        request->answer_left -= (int64_t)bytes.len;
    }
    part = (struct iovec){(char *)(uintptr_t)bytes.ptr, bytes.len};
    request->answer_bytes += bytes.len;
    if (bytes.len > 0 && request->chunked)
        send_chunk(conn, bytes);
    else if (bytes.len > 0)
        ccb_httpd_conn_send(conn, &part, 1, 0);
    ccb_httpd_conn_changed(conn);
    return request->gone ? 0 : ccb_httpd_conn_waiting(conn);
}

void ccb_http_on_drain(struct ccb_http_request *request,
                       void (*on_drain)(struct ccb_http_request *, void *user),
                       void *user)
{
    request->on_drain = on_drain;
    request->drain_user = user;
}

void ccb_http_finish(struct ccb_http_request *request)
{
    static char last[] = "0\r\n\r\n";
    struct iovec part = {last, sizeof(last) - 1};
    bool whole = request->started &&
                 (request->head_method || request->answer_left <= 0) &&
                 !request->overrun;

    if (!request->gone && !whole) {
        ccb_http_abandon(request);
        return;
    }
    if (!request->gone && request->chunked && !request->head_method)
        ccb_httpd_conn_send(request->conn, &part, 1, 0);
    end_answer(request);
}
