/*
 * From a host port to a container port, in the daemon's own loop: what comes
 * in at the listener goes through a socket that init made inside the
 * container's network name space (container_internal.h, a wish). So neither
 * daemon nor container needs a right over the other's network, and nothing of
 * it stays in the kernel.
 *
 * Invariant: at most one buffer is under way in each direction; a slow reader
 * stops the writer. An end of one direction is passed on, the other goes on.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "cell/container_internal.h"
#include "cell/container_users.h"

#define CONNS_MAX 1024
#define BACKLOG 128
#define BUFFER 16384

struct conn;

struct side {
    uv_tcp_t tcp;
    struct conn *conn;
    struct side *other;
    int open;  /* the handle is initialised */
    int ended; /* no more comes from here */
    uv_write_t write;
    uv_shutdown_t shutdown;
    char buffer[BUFFER]; /* what came from here */
};

struct conn {
    struct conn *next;
    struct ccb_forward *forward;
    struct ccb_socket_wish wish;
    int wishing;
    uv_connect_t connect;
    struct side host, inside;
};

struct ccb_forward {
    uv_tcp_t listener;
    struct ccb_loop *loop;
    struct ccb_container *container;
    uint16_t port, host_port;
    int listening;  /* the listener's handle is not gone yet */
    uv_tcp_t spare; /* takes a caller for whom there is no memory */
    int sparing, deaf;
    struct conn *conns;
    size_t conn_count;
    void (*on_closed)(void *ctx);
    void *ctx;
};

static void free_when_gone(struct ccb_forward *forward)
{
    if (forward->listening || forward->sparing || forward->conns != NULL)
        return;
    if (forward->on_closed != NULL)
        forward->on_closed(forward->ctx);
    ccb_free(forward);
}

/* ---- the end of a connection --------------------------------------------- */

static void drop(struct conn *conn)
{
    struct ccb_forward *forward = conn->forward;
    struct conn **at = &forward->conns;

    while (*at != conn)
        at = &(*at)->next;
    *at = conn->next;
    forward->conn_count--;
    ccb_free(conn);
    free_when_gone(forward);
}

static void on_side_closed(uv_handle_t *handle)
{
    struct side *side = handle->data;

    side->open = 0;
    if (!side->other->open)
        drop(side->conn);
}

static void close_side(struct side *side)
{
    if (side->open && !uv_is_closing((uv_handle_t *)&side->tcp))
        uv_close((uv_handle_t *)&side->tcp, on_side_closed);
}

static void close_conn(struct conn *conn)
{
    if (conn->wishing)
        ccb_container_unwish(conn->forward->container, &conn->wish);
    conn->wishing = 0;
    close_side(&conn->inside);
    close_side(&conn->host);
}

/* ---- passing on ---------------------------------------------------------- */

static void start_reading(struct side *side);

static void on_written(uv_write_t *write, int status)
{
    struct side *from = write->data;

    if (status != 0)
        close_conn(from->conn);
    else
        start_reading(from);
}

static void on_shut(uv_shutdown_t *shutdown, int status)
{
    struct side *side = shutdown->data;

    if (status != 0 || side->ended)
        close_conn(side->conn);
}

static void on_room(uv_handle_t *handle, size_t wanted, uv_buf_t *buf)
{
    struct side *side = handle->data;

    (void)wanted;
    *buf = uv_buf_init(side->buffer, sizeof(side->buffer));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct side *side = stream->data;
    uv_stream_t *other = (uv_stream_t *)&side->other->tcp;
    uv_buf_t bytes;
    int code;

    if (n == 0)
        return;
    (void)uv_read_stop(stream);
    if (n == UV_EOF) {
        side->ended = 1;
        side->other->shutdown.data = side->other;
        code = uv_shutdown(&side->other->shutdown, other, on_shut);
    } else if (n < 0) {
        code = (int)n;
    } else {
        bytes = uv_buf_init(buf->base, (unsigned)n);
        side->write.data = side;
        code = uv_write(&side->write, other, &bytes, 1, on_written);
    }
    if (code != 0)
        close_conn(side->conn);
}

static void start_reading(struct side *side)
{
    if (uv_is_closing((uv_handle_t *)&side->tcp))
        return;
    if (uv_read_start((uv_stream_t *)&side->tcp, on_room, on_read) != 0)
        close_conn(side->conn);
}

/* ---- the way in ---------------------------------------------------------- */

static void on_connected(uv_connect_t *connect, int status)
{
    struct conn *conn = connect->data;

    if (status != 0) { /* nobody listens there (yet) */
        close_conn(conn);
        return;
    }
    start_reading(&conn->host);
    start_reading(&conn->inside);
}

/* Only an IPv4 stream socket is taken from the other side. */
static int is_tcp(int fd)
{
    int domain = 0, type = 0;
    socklen_t len = sizeof(int);

    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 &&
           getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
           domain == AF_INET && type == SOCK_STREAM;
}

static int init_side(struct conn *conn, struct side *side, struct side *other)
{
    int code = uv_tcp_init(&conn->forward->loop->uv, &side->tcp);

    side->tcp.data = side;
    side->conn = conn;
    side->other = other;
    side->open = code == 0;
    return code;
}

static void on_socket(struct ccb_socket_wish *wish, int fd)
{
    struct conn *conn =
        (struct conn *)((char *)wish - offsetof(struct conn, wish));
    struct sockaddr_in address;
    int code = -1;

    conn->wishing = 0;
    (void)uv_ip4_addr(CCB_CONTAINER_ADDRESS, conn->forward->port, &address);
    if (fd >= 0 && is_tcp(fd) &&
        init_side(conn, &conn->inside, &conn->host) == 0)
        code = uv_tcp_open(&conn->inside.tcp, fd);
    if (code != 0 && fd >= 0)
        (void)close(fd);
    if (code == 0) {
        conn->connect.data = conn;
        (void)uv_tcp_nodelay(&conn->inside.tcp, 1);
        code = uv_tcp_connect(&conn->connect, &conn->inside.tcp,
                              (const struct sockaddr *)&address, on_connected);
    }
    if (code != 0)
        close_conn(conn);
}

static void turn_away(struct ccb_forward *forward);

static void on_spare_closed(uv_handle_t *handle)
{
    struct ccb_forward *forward = handle->data;

    forward->sparing = 0;
    if (forward->deaf && forward->on_closed == NULL)
        turn_away(forward);
    free_when_gone(forward);
}

/* Accepts and closes: a listener whose caller is not accepted stays deaf. */
static void turn_away(struct ccb_forward *forward)
{
    forward->deaf = forward->sparing;
    if (forward->sparing ||
        uv_tcp_init(&forward->loop->uv, &forward->spare) != 0)
        return;
    forward->sparing = 1;
    forward->spare.data = forward;
    (void)uv_accept((uv_stream_t *)&forward->listener,
                    (uv_stream_t *)&forward->spare);
    uv_close((uv_handle_t *)&forward->spare, on_spare_closed);
}

static struct conn *make_conn(struct ccb_forward *forward)
{
    struct conn *conn =
        forward->conn_count < CONNS_MAX ? ccb_calloc(1, sizeof(*conn)) : NULL;

    if (conn == NULL)
        return NULL;
    conn->forward = forward;
    conn->wish.on_socket = on_socket;
    conn->inside.other = &conn->host;
    if (init_side(conn, &conn->host, &conn->inside) != 0) {
        ccb_free(conn);
        return NULL;
    }
    conn->next = forward->conns;
    forward->conns = conn;
    forward->conn_count++;
    return conn;
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct ccb_forward *forward = listener->data;
    struct conn *conn;

    if (status != 0)
        return; /* this caller is gone; the next ones come */
    conn = make_conn(forward);
    if (conn == NULL) {
        turn_away(forward);
        return;
    }
    if (uv_accept(listener, (uv_stream_t *)&conn->host.tcp) != 0 ||
        ccb_container_wish(forward->container, &conn->wish) != CCB_OK) {
        close_conn(conn);
        return;
    }
    conn->wishing = 1;
    (void)uv_tcp_nodelay(&conn->host.tcp, 1);
}

/* ---- the forward --------------------------------------------------------- */

static void on_listener_closed(uv_handle_t *handle)
{
    struct ccb_forward *forward = handle->data;

    forward->listening = 0;
    free_when_gone(forward);
}

void ccb_forward_close(struct ccb_forward *forward, void (*on_closed)(void *),
                       void *ctx)
{
    forward->on_closed = on_closed;
    forward->ctx = ctx;
    for (struct conn *conn = forward->conns; conn != NULL; conn = conn->next)
        close_conn(conn);
    uv_close((uv_handle_t *)&forward->listener, on_listener_closed);
}

static int bind_free(struct ccb_forward *forward, const char *address)
{
    struct sockaddr_in any;
    struct sockaddr_storage bound;
    int len = sizeof(bound);
    int code = uv_ip4_addr(address, 0, &any);

    if (code == 0)
        code =
            uv_tcp_bind(&forward->listener, (const struct sockaddr *)&any, 0);
    if (code == 0)
        code = uv_listen((uv_stream_t *)&forward->listener, BACKLOG,
                         on_connection);
    if (code == 0)
        code = uv_tcp_getsockname(&forward->listener, (struct sockaddr *)&bound,
                                  &len);
    if (code == 0)
        forward->host_port =
            ntohs(((const struct sockaddr_in *)&bound)->sin_port);
    return code;
}

int ccb_forward_open(struct ccb_forward **out, struct ccb_loop *loop,
                     const struct ccb_forward_options *options,
                     struct ccb_error *err)
{
    struct ccb_forward *forward = ccb_calloc(1, sizeof(*forward));
    int code = UV_ENOMEM;

    if (forward != NULL)
        code = uv_tcp_init(&loop->uv, &forward->listener);
    if (code != 0) {
        ccb_free(forward);
        return ccb_error_set(err, CCB_NO_MEMORY, "no memory for port %u",
                             options->port);
    }
    forward->listener.data = forward;
    forward->listening = 1;
    forward->loop = loop;
    forward->container = options->container;
    forward->port = options->port;
    code = bind_free(forward, options->address);
    if (code == 0) {
        *out = forward;
        return CCB_OK;
    }
    uv_close((uv_handle_t *)&forward->listener, on_listener_closed);
    return ccb_error_set(err, CCB_IO, "no host port on %s for port %u: %s",
                         options->address, options->port, uv_strerror(code));
}

uint16_t ccb_forward_host_port(const struct ccb_forward *forward)
{
    return forward->host_port;
}
