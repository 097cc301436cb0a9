/*
 * Listening sockets, accepting, and the life of a server.
 *
 * Invariant: running out of descriptors or memory sheds connections and never
 * spins: with the spare descriptor the waiting peer is taken and let go; when
 * that fails too, accepting pauses (contract/stager.md A5, A7).
 */
#include "net/http_server_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/metrics.h"

#define ACCEPT_AT_ONCE 64
#define ACCEPT_PAUSE_MS 100

#define LIMIT(member) offsetof(struct ccb_http_limits, member)
const struct ccb_flag ccb_http_limit_flags[] = {
    {.name = "httpMaxHeaderBytes",
     .type = CCB_FLAG_UINT,
     .offset = LIMIT(max_header_bytes),
     .default_text = "65536",
     .placeholder = "BYTES",
     .help = "Largest request line and headers taken; more is answered with "
             "431, 0 means no limit"},
    {.name = "httpMaxBodyBytes",
     .type = CCB_FLAG_UINT,
     .offset = LIMIT(max_body_bytes),
     .default_text = "16777216",
     .placeholder = "BYTES",
     .help = "Largest request body kept in memory; more is answered with 413, "
             "0 means no limit"},
    {.name = "httpMaxConnections",
     .type = CCB_FLAG_UINT,
     .offset = LIMIT(max_connections),
     .default_text = "10000",
     .placeholder = "COUNT",
     .help = "Most connections open at once in this process; more are "
             "answered with 503 and closed, 0 means no limit"},
    {.name = "httpHeaderTimeout",
     .type = CCB_FLAG_DURATION,
     .offset = LIMIT(header_timeout),
     .default_text = "30s",
     .help = "Time a peer has to send a whole request head, 0 means no limit"},
    {.name = "httpIdleTimeout",
     .type = CCB_FLAG_DURATION,
     .offset = LIMIT(idle_timeout),
     .default_text = "3m",
     .help = "Time a connection may stay open without a request, 0 means no "
             "limit"},
    {.name = "httpStallTimeout",
     .type = CCB_FLAG_DURATION,
     .offset = LIMIT(stall_timeout),
     .default_text = "1m",
     .help = "Time without progress after which a half-sent body or a "
             "half-read answer is cut, 0 means no limit"},
};
const size_t ccb_http_limit_flag_count =
    sizeof(ccb_http_limit_flags) / sizeof(ccb_http_limit_flags[0]);

/* ---- accepting ---------------------------------------------------------- */

/* At the cap. Whatever the peer sent already is read, for unread bytes would
 * turn the close into a reset that eats the answer. */
static void turn_away(struct ccb_http_server *server, int fd)
{
    static const char answer[] = "HTTP/1.1 503 Service Unavailable\r\n"
                                 "Content-Type: text/plain; charset=utf-8\r\n"
                                 "Content-Length: 21\r\n"
                                 "Connection: close\r\n\r\n"
                                 "too many connections\n";

    /* Counted first: who has read the answer finds it counted. */
    ccb_metric_add(CCB_METRIC_HTTP_REFUSED_CONNECTIONS, 1);
    if (server->options.on_refused != NULL)
        server->options.on_refused(server->options.user, 503,
                                   "too many connections");
    (void)send(fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)shutdown(fd, SHUT_WR);
    (void)recv(fd, server->scratch, sizeof(server->scratch), MSG_DONTWAIT);
    (void)close(fd);
}

static bool at_cap(const struct ccb_http_server *server)
{
    /* The gauge is of the whole process, as the limit is. */
    int64_t open = atomic_load_explicit(
        &ccb_metric_values[CCB_METRIC_HTTP_CONNECTIONS], memory_order_relaxed);

    return server->limits.max_connections > 0 &&
           open >= (int64_t)server->limits.max_connections;
}

static int open_spare(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* Takes one waiting peer with the spare descriptor and lets it go. */
static int shed_one(struct ccb_http_server *server)
{
    int fd;

    if (server->spare_fd < 0)
        return -1;
    (void)close(server->spare_fd);
    fd = accept4(server->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0)
        turn_away(server, fd);
    server->spare_fd = open_spare();
    return fd >= 0 ? 0 : -1;
}

static void on_listener(uv_poll_t *poll, int status, int events);

static void pause_accepting(struct ccb_http_server *server)
{
    (void)uv_poll_stop(&server->listener);
    server->accept_again = uv_now(&server->loop->uv) + ACCEPT_PAUSE_MS;
    ccb_httpd_wait_until(server, server->accept_again);
}

void ccb_httpd_accept_again(struct ccb_http_server *server)
{
    server->accept_again = 0;
    if (server->closing)
        return;
    if (server->spare_fd < 0)
        server->spare_fd = open_spare();
    if (uv_poll_start(&server->listener, UV_READABLE, on_listener) != 0)
        pause_accepting(server);
}

/* What to do about a failed accept; true: go on with the next one. */
static bool after_failed_accept(struct ccb_http_server *server, int error)
{
    if (error == EAGAIN || error == EWOULDBLOCK)
        return false;
    if (error == EINTR || error == ECONNABORTED || error == EPROTO)
        return true;
    if ((error == EMFILE || error == ENFILE) && shed_one(server) == 0)
        return true;
    pause_accepting(server);
    return false;
}

static void on_listener(uv_poll_t *poll, int status, int events)
{
    struct ccb_http_server *server = poll->data;

    (void)events;
    if (status < 0) {
        pause_accepting(server);
        return;
    }
    for (int i = 0; i < ACCEPT_AT_ONCE && !server->closing; i++) {
        int fd = accept4(server->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd < 0) {
            if (!after_failed_accept(server, errno))
                return;
        } else if (at_cap(server)) {
            turn_away(server, fd);
        } else if (ccb_httpd_conn_open(server, fd) != CCB_OK &&
                   server->options.on_refused != NULL) {
            server->options.on_refused(server->options.user, 503,
                                       "no memory for a connection");
        }
    }
}

/* ---- the server --------------------------------------------------------- */

/* Accepted sockets inherit these; a unix socket refuses them, which is fine.
 * The keep-alive probes find peers that vanished without a word. */
static void set_inherited(int fd)
{
    static const struct {
        int level, name, value;
    } rows[] = {
        {IPPROTO_TCP, TCP_NODELAY, 1},   {SOL_SOCKET, SO_KEEPALIVE, 1},
        {IPPROTO_TCP, TCP_KEEPIDLE, 60}, {IPPROTO_TCP, TCP_KEEPINTVL, 15},
        {IPPROTO_TCP, TCP_KEEPCNT, 4},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        (void)setsockopt(fd, rows[i].level, rows[i].name, &rows[i].value,
                         sizeof(rows[i].value));
}

static void server_free(struct ccb_http_server *server)
{
    if (server->fd >= 0)
        (void)close(server->fd);
    if (server->spare_fd >= 0)
        (void)close(server->spare_fd);
    ccb_httpd_routes_destroy(&server->routes);
    ccb_buf_destroy(&server->head);
    ccb_http_meter_free(server->meter);
    ccb_free(server);
}

static void on_open_failed(uv_handle_t *timer)
{
    server_free(timer->data);
}

/* The handles; after a failure the server goes in the timer's close. */
static int open_handles(struct ccb_http_server *server, struct ccb_error *err)
{
    int code = ccb_httpd_waits_init(server);

    if (code == 0) {
        code = uv_poll_init(&server->loop->uv, &server->listener, server->fd);
        if (code != 0)
            uv_close((uv_handle_t *)&server->timer, on_open_failed);
    } else {
        server_free(server);
    }
    if (code != 0)
        return ccb_error_set(err, CCB_IO, "HTTP server: %s", uv_strerror(code));
    server->listener.data = server;
    (void)uv_poll_start(&server->listener, UV_READABLE, on_listener);
    return CCB_OK;
}

int ccb_http_server_open(struct ccb_http_server **out, struct ccb_loop *loop,
                         int fd, const struct ccb_http_server_options *options,
                         struct ccb_error *err)
{
    struct ccb_http_server *server = ccb_malloc(sizeof(*server));
    int code;

    *out = NULL;
    if (server == NULL) {
        (void)close(fd);
        return ccb_error_set(err, CCB_NO_MEMORY, "no memory for a server");
    }
    /* Not the scratch room: its pages are only taken when they are used. */
    memset(server, 0, offsetof(struct ccb_http_server, scratch));
    server->loop = loop;
    server->options = *options;
    if (options->limits != NULL)
        server->limits = *options->limits;
    server->fd = fd;
    server->spare_fd = open_spare();
    ccb_httpd_link_init(&server->conns);
    set_inherited(fd);
    code = ccb_httpd_routes_compile(&server->routes, options->routes,
                                    options->route_count, err);
    if (code == CCB_OK && options->name != NULL)
        server->meter = ccb_http_meter_create(options->name, options->routes,
                                              options->route_count);
    if (code == CCB_OK && (ccb_buf_reserve(&server->head, 2048) == NULL ||
                           (options->name != NULL && server->meter == NULL)))
        code = ccb_error_set(err, CCB_NO_MEMORY, "no memory for a server");
    if (code != CCB_OK) {
        server_free(server);
        return code;
    }
    code = open_handles(server, err);
    if (code == CCB_OK)
        *out = server;
    return code;
}

static void on_timer_closed(uv_handle_t *timer)
{
    struct ccb_http_server *server = timer->data;
    void (*on_closed)(void *user) = server->on_closed;
    void *user = server->closed_user;

    server_free(server);
    if (on_closed != NULL)
        on_closed(user);
}

void ccb_httpd_server_settle(struct ccb_http_server *server)
{
    if (!server->listener_closed || server->conn_count > 0 ||
        server->timer_closing)
        return;
    server->timer_closing = true;
    uv_close((uv_handle_t *)&server->timer, on_timer_closed);
}

static void on_listener_closed(uv_handle_t *poll)
{
    struct ccb_http_server *server = poll->data;

    server->listener_closed = true;
    ccb_httpd_server_settle(server);
}

static struct ccb_httpd_conn *conn_of(struct ccb_httpd_link *link)
{
    return (struct ccb_httpd_conn *)((char *)link -
                                     offsetof(struct ccb_httpd_conn, all));
}

void ccb_http_server_close(struct ccb_http_server *server,
                           void (*on_closed)(void *user), void *user)
{
    bool at_once = server->closing;
    struct ccb_httpd_link *link, *next;

    if (!server->closing) {
        server->closing = true;
        server->on_closed = on_closed;
        server->closed_user = user;
        uv_close((uv_handle_t *)&server->listener, on_listener_closed);
        (void)close(server->fd);
        server->fd = -1;
    }
    for (link = server->conns.next; link != &server->conns; link = next) {
        struct ccb_httpd_conn *conn = conn_of(link);

        next = link->next;
        if (at_once || (conn->state == CCB_HTTPD_HEAD && conn->in.len == 0))
            ccb_httpd_conn_close(conn);
    }
}

size_t ccb_http_server_in_flight(const struct ccb_http_server *server)
{
    return server->in_flight;
}
