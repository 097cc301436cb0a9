/*
 * One connection: what it polls for, what it reads and writes, how it ends.
 *
 * Invariant: after any event ccb_httpd_conn_update sets polling and timeout
 * from the state alone. Polling is changed as rarely as can be, for each
 * change costs libuv two system calls: while a request is handled the socket
 * stays polled for reading, and only if bytes come meanwhile it is hushed.
 * A peer that ends its sending side still gets its answer; only a reset, a
 * full hang-up or a failed write means that it left. But who ends it while an
 * answer of unknown length comes has left: such an answer may wait for its
 * next piece for ever, and nothing else would tell.
 */
#include "net/http_server_internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/metrics.h"

#define COMPACT_AT (64 * 1024)
#define MAX_LINGER (1024 * 1024)

static void on_event(uv_poll_t *poll, int status, int events);

/* ---- polling and timeouts ----------------------------------------------- */

static bool wants_read(const struct ccb_httpd_conn *conn)
{
    switch (conn->state) {
    case CCB_HTTPD_HEAD:
    case CCB_HTTPD_BODY:
    case CCB_HTTPD_DRAIN:
    case CCB_HTTPD_LINGER:
        return !conn->peer_done;
    case CCB_HTTPD_HANDLING:
        return !conn->peer_done && ccb_httpd_request_wants_body(conn->request);
    default:
        return false;
    }
}

/* Bytes in memory, or a file that is not being read just now. */
static bool wants_write(const struct ccb_httpd_conn *conn)
{
    return ccb_httpd_conn_waiting(conn) > 0 ||
           (conn->state == CCB_HTTPD_HANDLING && conn->request->file.left > 0 &&
            conn->request->file.read == NULL);
}

static bool is_endless(const struct ccb_httpd_conn *conn)
{
    return conn->state == CCB_HTTPD_HANDLING && conn->request->endless &&
           conn->body.step == CCB_HTTPD_BODY_DONE;
}

/* Polling for the peer's leaving only. UV_PRIORITIZED stands for no event at
 * all, since a reset and a hang-up are always reported; UV_DISCONNECT for the
 * end of the peer's side, also behind bytes that nobody reads. */
static int quiet_mask(const struct ccb_httpd_conn *conn)
{
    return is_endless(conn) ? UV_DISCONNECT : UV_PRIORITIZED;
}

static int writing_mask(const struct ccb_httpd_conn *conn)
{
    return UV_WRITABLE | (is_endless(conn) ? UV_DISCONNECT : 0);
}

static void set_mask(struct ccb_httpd_conn *conn, int mask)
{
    if (mask == conn->mask)
        return;
    conn->mask = mask;
    if (uv_poll_start(&conn->poll, mask, on_event) != 0)
        ccb_httpd_conn_close(conn);
}

/* Bytes came that nobody wants now: polls for the peer's leaving only. An end
 * of file is looked for, since a peer that has closed is then probed, to learn
 * it soon. */
static void hush(struct ccb_httpd_conn *conn)
{
    static const int seconds = 10;
    char byte;
    ssize_t n = recv(conn->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

    if (n == 0) {
        conn->peer_done = 1;
        (void)setsockopt(conn->fd, IPPROTO_TCP, TCP_KEEPIDLE, &seconds,
                         sizeof(seconds));
    }
    if (conn->peer_done && is_endless(conn))
        ccb_httpd_conn_close(conn);
    else
        set_mask(conn,
                 wants_write(conn) ? writing_mask(conn) : quiet_mask(conn));
}

static enum ccb_httpd_wait wait_kind(const struct ccb_httpd_conn *conn,
                                     bool reading, bool writing)
{
    switch (conn->state) {
    case CCB_HTTPD_HEAD:
        return conn->in.len > 0 ? CCB_HTTPD_WAIT_HEADER : CCB_HTTPD_WAIT_IDLE;
    case CCB_HTTPD_HANDLING:
        return reading || writing ? CCB_HTTPD_WAIT_STALL : CCB_HTTPD_WAIT_NONE;
    case CCB_HTTPD_LINGER:
        return CCB_HTTPD_WAIT_LINGER;
    default:
        return CCB_HTTPD_WAIT_STALL;
    }
}

void ccb_httpd_conn_update(struct ccb_httpd_conn *conn)
{
    bool reading = wants_read(conn);
    bool writing = wants_write(conn);
    int mask = (reading ? UV_READABLE : 0) | (writing ? writing_mask(conn) : 0);
    enum ccb_httpd_wait kind;

    if (conn->state == CCB_HTTPD_CLOSED)
        return;
    if (mask == 0)
        mask = conn->mask == UV_READABLE ? UV_READABLE : quiet_mask(conn);
    set_mask(conn, mask);
    if (conn->state == CCB_HTTPD_CLOSED || conn->wait == CCB_HTTPD_WAIT_NOW)
        return;
    kind = wait_kind(conn, reading, writing);
    if (kind != conn->wait || (kind == CCB_HTTPD_WAIT_STALL && conn->progress))
        ccb_httpd_wait(conn, kind);
    conn->progress = 0;
}

void ccb_httpd_conn_changed(struct ccb_httpd_conn *conn)
{
    if (!conn->processing)
        ccb_httpd_conn_update(conn);
}

void ccb_httpd_conn_later(struct ccb_httpd_conn *conn)
{
    if (conn->wait != CCB_HTTPD_WAIT_NOW)
        ccb_httpd_wait(conn, CCB_HTTPD_WAIT_NOW);
}

/* ---- opening and closing ------------------------------------------------ */

int ccb_httpd_conn_open(struct ccb_http_server *server, int fd)
{
    struct ccb_httpd_conn *conn = ccb_calloc(1, sizeof(*conn));

    if (conn == NULL || uv_poll_init(&server->loop->uv, &conn->poll, fd) != 0) {
        ccb_free(conn);
        (void)close(fd);
        return CCB_NO_MEMORY;
    }
    conn->server = server;
    conn->fd = fd;
    conn->poll.data = conn;
    conn->wait = CCB_HTTPD_WAIT_NONE;
    ccb_httpd_link_append(&server->conns, &conn->all);
    server->conn_count++;
    ccb_metric_add(CCB_METRIC_HTTP_CONNECTIONS, 1);
    ccb_httpd_conn_update(conn);
    return CCB_OK;
}

void ccb_httpd_conn_free_if_done(struct ccb_httpd_conn *conn)
{
    struct ccb_http_server *server = conn->server;

    if (!conn->poll_closed ||
        (conn->request != NULL && conn->request->dispatched))
        return;
    if (conn->request != NULL)
        ccb_httpd_request_end(conn->request);
    ccb_httpd_wait(conn, CCB_HTTPD_WAIT_NONE);
    ccb_httpd_link_remove(&conn->all);
    ccb_buf_destroy(&conn->in);
    ccb_buf_destroy(&conn->out);
    ccb_free(conn);
    server->conn_count--;
    ccb_httpd_server_settle(server);
}

static void on_poll_closed(uv_handle_t *poll)
{
    struct ccb_httpd_conn *conn = poll->data;

    conn->poll_closed = 1;
    ccb_httpd_conn_free_if_done(conn);
}

void ccb_httpd_conn_close(struct ccb_httpd_conn *conn)
{
    struct ccb_http_request *request = conn->request;

    if (conn->state == CCB_HTTPD_CLOSED)
        return;
    conn->state = CCB_HTTPD_CLOSED;
    ccb_httpd_wait(conn, CCB_HTTPD_WAIT_NONE);
    uv_close((uv_handle_t *)&conn->poll, on_poll_closed);
    (void)close(conn->fd);
    conn->fd = -1;
    ccb_metric_add(CCB_METRIC_HTTP_CONNECTIONS, -1);
    if (request == NULL || !request->dispatched || request->gone)
        return;
    request->gone = 1;
    ccb_metric_add(CCB_METRIC_HTTP_ABORTED, 1);
    ccb_httpd_conn_later(conn); /* on_abort is told from the loop */
}

void ccb_httpd_conn_cut(struct ccb_httpd_conn *conn)
{
    static const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

    if (conn->state == CCB_HTTPD_CLOSED)
        return;
    (void)setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &at_once,
                     sizeof(at_once));
    ccb_httpd_conn_close(conn);
}

/* All is written and no further request is taken. When bytes of the peer may
 * be on their way, a close would reset the connection and could take the
 * answer with it: so the own side is ended and the peer's is read for a
 * while. */
static void finish(struct ccb_httpd_conn *conn)
{
    bool clean = !conn->last && conn->in.len == 0;

    if (clean || conn->peer_done) {
        ccb_httpd_conn_close(conn);
        return;
    }
    conn->state = CCB_HTTPD_LINGER;
    conn->drained = 0;
    (void)shutdown(conn->fd, SHUT_WR);
}

/* The answer is written: the next request, or the end. */
static void next_request(struct ccb_httpd_conn *conn)
{
    if (conn->last || !conn->keep_alive || conn->server->closing) {
        finish(conn);
        return;
    }
    conn->state = CCB_HTTPD_HEAD;
    conn->line = conn->scanned = 0;
}

static void flush_state(struct ccb_httpd_conn *conn)
{
    conn->state = CCB_HTTPD_FLUSH;
    if (ccb_httpd_conn_waiting(conn) == 0)
        next_request(conn);
}

void ccb_httpd_conn_drained(struct ccb_httpd_conn *conn)
{
    flush_state(conn);
}

void ccb_httpd_conn_end(struct ccb_httpd_conn *conn)
{
    conn->last = 1;
    flush_state(conn);
}

void ccb_httpd_conn_answered(struct ccb_httpd_conn *conn)
{
    if (conn->state == CCB_HTTPD_CLOSED) {
        ccb_httpd_conn_free_if_done(conn);
        return;
    }
    if (conn->state != CCB_HTTPD_HANDLING)
        return; /* refused meanwhile */
    conn->drained = 0;
    if (conn->body.step == CCB_HTTPD_BODY_DONE)
        flush_state(conn);
    else if (conn->last || conn->not_continued || conn->peer_done)
        ccb_httpd_conn_end(conn); /* the rest need not come at all */
    else
        conn->state = CCB_HTTPD_DRAIN;
    if (conn->processing)
        return;
    if (conn->in.len > 0 || conn->peer_done)
        ccb_httpd_conn_later(conn);
    ccb_httpd_conn_update(conn);
}

/* ---- refusing ----------------------------------------------------------- */

static void count_refusal(int status)
{
    static const struct {
        int status;
        enum ccb_metric metric;
    } rows[] = {
        {413, CCB_METRIC_HTTP_BODIES_TOO_LARGE},
        {414, CCB_METRIC_HTTP_HEADERS_TOO_LARGE},
        {431, CCB_METRIC_HTTP_HEADERS_TOO_LARGE},
        {408, CCB_METRIC_COUNT}, /* counted by what ran out */
        {503, CCB_METRIC_COUNT}, /* not the peer's fault */
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].status != status)
            continue;
        if (rows[i].metric != CCB_METRIC_COUNT)
            ccb_metric_add(rows[i].metric, 1);
        return;
    }
    ccb_metric_add(CCB_METRIC_HTTP_BAD_REQUESTS, 1);
}

static void send_refusal(struct ccb_httpd_conn *conn, int status,
                         const char *why)
{
    char text[512];
    int len = snprintf(text, sizeof(text),
                       "HTTP/1.1 %d %s\r\n%s"
                       "Content-Type: text/plain; charset=utf-8\r\n"
                       "Content-Length: %zu\r\n"
                       "Connection: close\r\n\r\n%s\n",
                       status, ccb_httpd_reason(status),
                       ccb_httpd_date(conn->server), strlen(why) + 1, why);
    struct iovec part = {text, (size_t)len};

    ccb_httpd_conn_send(conn, &part, 1, 0);
}

void ccb_httpd_conn_refuse(struct ccb_httpd_conn *conn, int status,
                           const char *why)
{
    struct ccb_http_server *server = conn->server;
    struct ccb_http_request *request = conn->request;

    count_refusal(status);
    if (server->options.on_refused != NULL)
        server->options.on_refused(server->options.user, status, why);
    if (conn->state == CCB_HTTPD_DRAIN) {
        ccb_httpd_conn_end(conn); /* it has its answer */
        return;
    }
    if (request != NULL && request->dispatched) {
        if (request->started) {
            ccb_httpd_conn_cut(conn);
            return;
        }
        request->gone = 1;
        ccb_httpd_conn_later(conn);
    }
    send_refusal(conn, status, why);
    if (conn->state != CCB_HTTPD_CLOSED)
        ccb_httpd_conn_end(conn);
}

/* ---- writing ------------------------------------------------------------ */

size_t ccb_httpd_conn_waiting(const struct ccb_httpd_conn *conn)
{
    return conn->out.len - conn->out_pos;
}

/* Keeps what the socket did not take; `skip` bytes of it, it did. */
static void keep_rest(struct ccb_httpd_conn *conn, const struct iovec *parts,
                      size_t count, size_t skip)
{
    for (size_t i = 0; i < count; i++) {
        size_t taken = skip < parts[i].iov_len ? skip : parts[i].iov_len;

        skip -= taken;
        if (ccb_buf_append(&conn->out, (char *)parts[i].iov_base + taken,
                           parts[i].iov_len - taken) != 0) {
            ccb_httpd_conn_cut(conn);
            return;
        }
    }
}

void ccb_httpd_conn_send(struct ccb_httpd_conn *conn, const struct iovec *parts,
                         size_t count, int flags)
{
    struct msghdr message = {.msg_iov = (struct iovec *)parts,
                             .msg_iovlen = count};
    size_t total = 0;
    ssize_t n = 0;

    if (conn->state == CCB_HTTPD_CLOSED)
        return;
    for (size_t i = 0; i < count; i++)
        total += parts[i].iov_len;
    if (ccb_httpd_conn_waiting(conn) == 0) {
        n = sendmsg(conn->fd, &message, MSG_NOSIGNAL | flags);
        if (n < 0 && errno != EAGAIN && errno != EINTR) {
            ccb_httpd_conn_close(conn);
            return;
        }
        if (n > 0)
            conn->progress = 1;
        if (n < 0)
            n = 0;
    }
    if ((size_t)n < total)
        keep_rest(conn, parts, count, (size_t)n);
}

/* Sends what waits; false: the connection is closed. */
static bool flush(struct ccb_httpd_conn *conn)
{
    ssize_t n = send(conn->fd, conn->out.data + conn->out_pos,
                     ccb_httpd_conn_waiting(conn), MSG_NOSIGNAL);

    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        ccb_httpd_conn_close(conn);
        return false;
    }
    if (n > 0) {
        conn->progress = 1;
        conn->out_pos += (size_t)n;
    }
    if (conn->out_pos == conn->out.len) {
        ccb_buf_destroy(&conn->out);
        conn->out_pos = 0;
    } else if (conn->out_pos >= COMPACT_AT &&
               conn->out_pos > conn->out.len / 2) {
        ccb_buf_consume(&conn->out, conn->out_pos);
        conn->out_pos = 0;
    }
    return true;
}

/* ---- events ------------------------------------------------------------- */

/* Keeps what the state could not take of freshly read bytes. */
static void keep_unread(struct ccb_httpd_conn *conn, const char *data,
                        size_t len)
{
    if (conn->state == CCB_HTTPD_CLOSED || conn->state == CCB_HTTPD_LINGER)
        return;
    if (ccb_buf_append(&conn->in, data, len) == 0)
        return;
    ccb_buf_destroy(&conn->in);
    if (conn->state == CCB_HTTPD_HEAD)
        ccb_httpd_conn_refuse(conn, 503, "out of memory");
    else
        ccb_httpd_conn_cut(conn);
}

/* Looks at the bytes that wait in memory. */
static void drive(struct ccb_httpd_conn *conn)
{
    size_t used;

    conn->processing = 1;
    used = ccb_httpd_parse(conn, conn->in.len > 0 ? conn->in.data : "",
                           conn->in.len);
    conn->processing = 0;
    if (used >= conn->in.len)
        ccb_buf_destroy(&conn->in); /* idle connections hold none */
    else
        ccb_buf_consume(&conn->in, used);
}

/* Whether only the peer, which has ended its side, could bring it on. */
static bool is_starved(const struct ccb_httpd_conn *conn)
{
    switch (conn->state) {
    case CCB_HTTPD_HEAD:
    case CCB_HTTPD_BODY:
        return true;
    case CCB_HTTPD_HANDLING:
        return ccb_httpd_request_wants_body(conn->request);
    default:
        return false;
    }
}

/* What is left to do after bytes were looked at. */
static void settle(struct ccb_httpd_conn *conn)
{
    bool over =
        conn->state == CCB_HTTPD_FLUSH || conn->state == CCB_HTTPD_LINGER;

    if (over && conn->request != NULL && !conn->request->dispatched)
        ccb_httpd_request_end(conn->request);
    if (conn->peer_done && is_starved(conn))
        ccb_httpd_conn_close(conn);
    else
        ccb_httpd_conn_update(conn);
}

static void on_eof(struct ccb_httpd_conn *conn)
{
    conn->peer_done = 1;
    if (conn->state == CCB_HTTPD_DRAIN)
        ccb_httpd_conn_end(conn);
    else
        ccb_httpd_conn_close(conn);
}

static void on_readable(struct ccb_httpd_conn *conn)
{
    char *scratch = conn->server->scratch;
    ssize_t n = recv(conn->fd, scratch, CCB_HTTPD_READ_SIZE, MSG_DONTWAIT);
    size_t used;

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n < 0) {
        ccb_httpd_conn_close(conn);
        return;
    }
    if (n == 0) {
        on_eof(conn);
        settle(conn);
        return;
    }
    conn->progress = 1;
    if (conn->state == CCB_HTTPD_LINGER) {
        conn->drained += (uint64_t)n;
        if (conn->drained > MAX_LINGER)
            ccb_httpd_conn_close(conn);
        return;
    }
    if (conn->in.len > 0) {
        keep_unread(conn, scratch, (size_t)n);
        if (conn->in.len > 0)
            drive(conn);
    } else {
        conn->processing = 1;
        used = ccb_httpd_parse(conn, scratch, (size_t)n);
        conn->processing = 0;
        if (used < (size_t)n)
            keep_unread(conn, scratch + used, (size_t)n - used);
    }
    settle(conn);
}

static void on_writable(struct ccb_httpd_conn *conn)
{
    struct ccb_http_request *request = conn->request;

    if (ccb_httpd_conn_waiting(conn) > 0 && !flush(conn))
        return;
    if (ccb_httpd_conn_waiting(conn) == 0) {
        if (conn->state == CCB_HTTPD_HANDLING && request->file.left > 0)
            ccb_httpd_file_advance(request);
        else if (conn->state == CCB_HTTPD_HANDLING && request->on_drain != NULL)
            request->on_drain(request, request->drain_user);
        else if (conn->state == CCB_HTTPD_FLUSH)
            next_request(conn);
        if (conn->state == CCB_HTTPD_HEAD && conn->in.len > 0)
            drive(conn);
    }
    settle(conn);
}

static void on_event(uv_poll_t *poll, int status, int events)
{
    struct ccb_httpd_conn *conn = poll->data;

    if (status < 0) { /* a reset */
        ccb_httpd_conn_close(conn);
        return;
    }
    if ((events & UV_DISCONNECT) && is_endless(conn)) {
        ccb_httpd_conn_close(conn);
        return;
    }
    if (events & UV_WRITABLE)
        on_writable(conn);
    if (conn->state == CCB_HTTPD_CLOSED)
        return;
    if (events & UV_READABLE) {
        if (wants_read(conn))
            on_readable(conn);
        else
            hush(conn);
    } else if (events & UV_PRIORITIZED) {
        ccb_httpd_conn_close(conn); /* hushed: only a hang-up comes here */
    }
}

void ccb_httpd_conn_on_now(struct ccb_httpd_conn *conn)
{
    bool closed = conn->state == CCB_HTTPD_CLOSED;

    if (conn->request != NULL && conn->request->gone)
        ccb_httpd_request_tell(conn->request);
    if (closed) /* and freed, if the request was answered just now */
        return;
    drive(conn);
    settle(conn);
}

void ccb_httpd_conn_on_timeout(struct ccb_httpd_conn *conn,
                               enum ccb_httpd_wait kind)
{
    if (kind == CCB_HTTPD_WAIT_IDLE)
        ccb_metric_add(CCB_METRIC_HTTP_IDLE_TIMEOUTS, 1);
    if (kind == CCB_HTTPD_WAIT_STALL)
        ccb_metric_add(CCB_METRIC_HTTP_STALLED, 1);
    if (kind == CCB_HTTPD_WAIT_HEADER) {
        ccb_metric_add(CCB_METRIC_HTTP_HEADER_TIMEOUTS, 1);
        ccb_httpd_conn_refuse(conn, 408, "the request did not come in time");
        settle(conn);
    } else if (kind == CCB_HTTPD_WAIT_STALL && conn->state == CCB_HTTPD_BODY) {
        ccb_httpd_conn_refuse(conn, 408, "the request body stopped coming");
        settle(conn);
    } else if (kind == CCB_HTTPD_WAIT_STALL) {
        ccb_httpd_conn_cut(conn);
    } else {
        ccb_httpd_conn_close(conn);
    }
}
