/*
 * Connections of the short lane and the pool of idle ones.
 *
 * Invariant: a connection is in use by one call, idle in the pool, or closing;
 * its memory goes in the close callback. While idle it is still polled, so
 * that one the peer closes is dropped at once, but does not keep the loop
 * alive. The poll handle keeps watching for input from one call to the next:
 * changing what it watches costs two system calls.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/metrics.h"
#include "net/http_client_internal.h"

/* ---- the idle list ------------------------------------------------------ */

static void unlink_idle(struct ccb_http_conn *conn)
{
    struct ccb_http_pool *pool = &conn->client->pool;

    if (conn->prev != NULL)
        conn->prev->next = conn->next;
    else
        pool->first = conn->next;
    if (conn->next != NULL)
        conn->next->prev = conn->prev;
    else
        pool->last = conn->prev;
    conn->prev = NULL;
    conn->next = NULL;
    pool->count--;
}

static void drop_idle(struct ccb_http_conn *conn)
{
    unlink_idle(conn);
    ccb_http_conn_close(conn);
}

static bool leads_to(const struct ccb_http_conn *conn,
                     const struct ccb_url *url)
{
    return conn->port == url->port && conn->host_len == url->host.len &&
           memcmp(conn->host, url->host.ptr, conn->host_len) == 0;
}

/* Nothing to read and not closed. An idle peer has nothing to say, so bytes
 * make a connection as unusable as its end. */
static bool is_quiet(const struct ccb_http_conn *conn)
{
    char byte;
    ssize_t n;

    do {
        n = recv(conn->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

struct ccb_http_conn *ccb_http_pool_take(struct ccb_http_call *call)
{
    struct ccb_http_conn *conn = call->client->pool.first;

    while (conn != NULL) {
        struct ccb_http_conn *next = conn->next;

        if (leads_to(conn, &call->url)) {
            if (is_quiet(conn)) {
                unlink_idle(conn);
                conn->call = call;
                uv_ref((uv_handle_t *)&conn->poll);
                return conn;
            }
            drop_idle(conn);
        }
        conn = next;
    }
    return NULL;
}

void ccb_http_pool_give(struct ccb_http_conn *conn)
{
    struct ccb_http_pool *pool = &conn->client->pool;

    conn->call = NULL;
    if (conn->client->closing || ccb_http_conn_watch(conn, UV_READABLE) != 0) {
        ccb_http_conn_close(conn);
        return;
    }
    if (pool->count >= CCB_HTTP_MAX_IDLE)
        drop_idle(pool->last);
    uv_unref((uv_handle_t *)&conn->poll);
    conn->idle_since = (int64_t)uv_hrtime();
    conn->prev = NULL;
    conn->next = pool->first;
    if (pool->first != NULL)
        pool->first->prev = conn;
    else
        pool->last = conn;
    pool->first = conn;
    pool->count++;
    ccb_http_client_arm(conn->client, conn->idle_since + CCB_HTTP_IDLE_TIME);
}

int64_t ccb_http_pool_sweep(struct ccb_http_client *client, int64_t now)
{
    struct ccb_http_pool *pool = &client->pool;

    while (pool->last != NULL &&
           now - pool->last->idle_since >= CCB_HTTP_IDLE_TIME)
        drop_idle(pool->last);
    return pool->last != NULL ? pool->last->idle_since + CCB_HTTP_IDLE_TIME
                              : CCB_HTTP_NEVER;
}

void ccb_http_pool_close(struct ccb_http_client *client)
{
    while (client->pool.first != NULL)
        drop_idle(client->pool.first);
}

/* ---- one connection ----------------------------------------------------- */

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct ccb_http_conn *conn = poll->data;

    if (conn->call != NULL)
        ccb_http_short_on_event(conn, status, events);
    else
        drop_idle(conn);
}

int ccb_http_conn_watch(struct ccb_http_conn *conn, int events)
{
    int rc;

    if (conn->events == events)
        return 0;
    rc = uv_poll_start(&conn->poll, events, on_poll);
    conn->events = rc == 0 ? events : 0;
    return rc;
}

static void on_closed(uv_handle_t *handle)
{
    struct ccb_http_conn *conn = handle->data;
    struct ccb_http_client *client = conn->client;

    ccb_free(conn);
    ccb_http_client_release(client);
}

void ccb_http_conn_close(struct ccb_http_conn *conn)
{
    conn->call = NULL;
    /* Closing the handle first takes the descriptor out of the poll set. */
    uv_close((uv_handle_t *)&conn->poll, on_closed);
    close(conn->fd);
    conn->fd = -1;
}

static int begin_connect(int fd, const union ccb_http_addr *addr)
{
    socklen_t len =
        addr->any.sa_family == AF_INET6 ? sizeof(addr->in6) : sizeof(addr->in);
    int one = 1;

    /* Without it a body in two pieces may wait for the peer's delayed ack.
     * A socket that refuses the option still works. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(fd, &addr->any, len) == 0 || errno == EINPROGRESS ||
        errno == EINTR)
        return 0;
    return -errno;
}

/* Opens the descriptor and the handle; 0 or a negative errno. */
static int open_socket(struct ccb_http_conn *conn,
                       const union ccb_http_addr *addr)
{
    uv_loop_t *loop = &conn->client->loop->uv;
    int rc;

    conn->fd = socket(addr->any.sa_family,
                      SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (conn->fd < 0)
        return -errno;
    rc = begin_connect(conn->fd, addr);
    if (rc == 0)
        rc = uv_poll_init(loop, &conn->poll, conn->fd);
    if (rc != 0)
        close(conn->fd);
    return rc;
}

int ccb_http_conn_open(struct ccb_http_call *call,
                       const union ccb_http_addr *addr,
                       struct ccb_http_conn **out)
{
    struct ccb_http_conn *conn =
        ccb_calloc(1, sizeof(*conn) + call->url.host.len);
    int rc;

    if (conn == NULL)
        return -ENOMEM;
    conn->client = call->client;
    conn->port = call->url.port;
    conn->host_len = call->url.host.len;
    memcpy(conn->host, call->url.host.ptr, conn->host_len);
    rc = open_socket(conn, addr);
    if (rc != 0) {
        ccb_free(conn);
        return rc;
    }
    conn->client->handles++;
    conn->poll.data = conn;
    conn->call = call;
    rc = ccb_http_conn_watch(conn, UV_WRITABLE);
    if (rc != 0) {
        ccb_http_conn_close(conn);
        return rc;
    }
    *out = conn;
    return 0;
}
