/*
 * The short lane: plain http:// calls with a body and an answer in memory, at
 * a fraction of libcurl's cost. Usually one sendmsg, one wait, one recv.
 *
 * States of a call: resolving (names only), connecting, exchanging; it then
 * leaves its connection to the pool or closes it. Invariant: a request goes
 * out a second time only when its pooled connection died before any byte of
 * the answer, and then only when nothing was written or a repeat does no harm
 * (net/http_client.h). Follows contract/stager.md B1.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <sys/uio.h>

#include "base/mem.h"
#include "base/metrics.h"
#include "net/http_client_internal.h"

#define MAX_ADDRS 8
#define MAX_READS 16 /* in one round, so that a flood starves nobody */

struct resolve {
    uv_getaddrinfo_t req;
    struct ccb_http_client *client;
    struct short_call *call; /* NULL: nobody waits any more */
};

struct short_call {
    struct ccb_http_call call;
    struct ccb_http_conn *conn;
    struct resolve *resolve;
    union ccb_http_addr *addrs;
    unsigned addr_count, addr_next;
    int first_error; /* of the first address that refused; negative errno */
    struct ccb_slice head;
    size_t sent; /* of head and body together */
    bool pooled; /* the connection has served before */
    bool repeated;
    struct ccb_http_reader reader;
};

static void dial(struct short_call *s);

/* ---- ends --------------------------------------------------------------- */

static void let_go(struct short_call *s)
{
    if (s->conn != NULL)
        ccb_http_conn_close(s->conn);
    s->conn = NULL;
    if (s->resolve != NULL) {
        s->resolve->call = NULL;
        (void)uv_cancel((uv_req_t *)&s->resolve->req); /* busy: ends alone */
    }
    s->resolve = NULL;
}

/* The words are in the answer already. */
static void fail(struct short_call *s)
{
    let_go(s);
    ccb_http_reader_answer(&s->reader, &s->call.answer);
    s->call.answer.body = ccb_slice_make(NULL, 0);
    s->call.answer.headers = NULL; /* their bytes may be gone */
    s->call.answer.header_count = 0;
    ccb_http_call_fail(&s->call);
}

static size_t request_size(const struct short_call *s)
{
    return s->head.len + s->call.options.body.len;
}

static void complete(struct short_call *s)
{
    struct ccb_http_conn *conn = s->conn;

    s->conn = NULL;
    ccb_http_reader_answer(&s->reader, &s->call.answer);
    /* Before on_done, so that what it starts can have the connection. */
    if (s->reader.keep_alive && s->sent == request_size(s))
        ccb_http_pool_give(conn);
    else
        ccb_http_conn_close(conn);
    ccb_http_call_done(&s->call);
}

/* Also for a second try: the first one may have noted its end. */
static void init_reader(struct short_call *s)
{
    const struct ccb_http_call_options *options = &s->call.options;

    ccb_http_reader_init(&s->reader, s->call.arena,
                         strcmp(options->method, "HEAD") == 0,
                         options->max_answer);
}

static bool may_repeat(const struct short_call *s)
{
    return s->pooled && !s->repeated && !s->reader.begun &&
           (s->sent == 0 || ccb_http_may_repeat(&s->call.options));
}

/* The connection is of no use any more: `error` is a negative errno, or 0 for
 * an end that came too early. */
static void lost(struct short_call *s, int error)
{
    if (may_repeat(s)) {
        ccb_http_conn_close(s->conn);
        s->conn = NULL;
        s->repeated = true;
        s->pooled = false;
        s->sent = 0;
        init_reader(s);
        dial(s);
        return;
    }
    if (error == 0)
        (void)ccb_http_reader_finish(&s->reader); /* for its words */
    ccb_http_call_error(&s->call, CCB_IO, "%s%s",
                        error != 0 && s->reader.begun ? "the answer broke off: "
                                                      : "",
                        error != 0 ? uv_strerror(error) : s->reader.why);
    fail(s);
}

/* ---- the exchange ------------------------------------------------------- */

/* Sends what the socket takes. 0, or a negative errno. */
static int send_some(struct short_call *s)
{
    struct ccb_slice body = s->call.options.body;

    while (s->sent < request_size(s)) {
        struct iovec parts[2];
        struct msghdr message = {.msg_iov = parts};
        ssize_t n;

        if (s->sent < s->head.len) {
            parts[0].iov_base = (char *)(uintptr_t)s->head.ptr + s->sent;
            parts[0].iov_len = s->head.len - s->sent;
            parts[1].iov_base = (char *)(uintptr_t)body.ptr;
            parts[1].iov_len = body.len;
            message.msg_iovlen = body.len > 0 ? 2 : 1;
        } else {
            size_t done = s->sent - s->head.len;

            parts[0].iov_base = (char *)(uintptr_t)body.ptr + done;
            parts[0].iov_len = body.len - done;
            message.msg_iovlen = 1;
        }
        n = sendmsg(s->conn->fd, &message, MSG_NOSIGNAL);
        if (n >= 0)
            s->sent += (size_t)n;
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
            return 0;
        else if (errno != EINTR)
            return -errno;
    }
    return 0;
}

/* Reads once. 1: more may be there; 0: not now, or the call has moved on. */
static int receive_some(struct short_call *s, bool broken)
{
    char *scratch = s->call.client->scratch;
    ssize_t n = recv(s->conn->fd, scratch, CCB_HTTP_SCRATCH, 0);
    int code;

    if (n < 0 && errno == EINTR)
        return 1;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        if (broken) /* libuv gave up on it and will not call again */
            lost(s, -ECONNRESET);
        return 0;
    }
    if (n < 0) {
        lost(s, -errno);
        return 0;
    }
    if (n == 0 && ccb_http_reader_finish(&s->reader) != 1) {
        lost(s, 0);
        return 0;
    }
    code = n == 0 ? 1
                  : ccb_http_reader_feed(&s->reader,
                                         ccb_slice_make(scratch, (size_t)n));
    if (code == 0)
        return broken || n == CCB_HTTP_SCRATCH;
    if (code < 0) {
        ccb_http_call_error(&s->call, code, "%s%s",
                            code == CCB_IO ? "malformed HTTP answer: " : "",
                            s->reader.why);
        fail(s);
        return 0;
    }
    complete(s);
    return 0;
}

static void receive(struct short_call *s, bool broken)
{
    for (int i = 0; i < MAX_READS || broken; i++)
        if (receive_some(s, broken) == 0)
            return;
}

/* Sends, then watches for what is missing. */
static void go_on(struct short_call *s)
{
    int events = UV_READABLE;
    int rc = send_some(s);

    if (rc == 0 && s->sent < request_size(s))
        events |= UV_WRITABLE;
    /* A peer may answer and close before it has read the whole request: the
     * answer counts, so a failed send waits for what there is to read. */
    if (rc == 0 || s->sent > 0)
        rc = ccb_http_conn_watch(s->conn, events);
    if (rc != 0)
        lost(s, rc);
}

/* ---- connecting --------------------------------------------------------- */

static int64_t phase_due(const struct ccb_http_call *call, int64_t limit)
{
    int64_t due = limit > 0 ? (int64_t)uv_hrtime() + limit : CCB_HTTP_NEVER;

    return due < call->deadline ? due : call->deadline;
}

static void format_addr(const union ccb_http_addr *addr, char *out, size_t size)
{
    bool six = addr->any.sa_family == AF_INET6;
    char host[INET6_ADDRSTRLEN] = "";
    const void *bytes =
        six ? (const void *)&addr->in6.sin6_addr : &addr->in.sin_addr;

    (void)inet_ntop(addr->any.sa_family, bytes, host, sizeof(host));
    (void)snprintf(out, size, six ? "[%s]:%u" : "%s:%u", host,
                   ntohs(six ? addr->in6.sin6_port : addr->in.sin_port));
}

static void dial_failed(struct short_call *s, int error, const char *words)
{
    char addr[80];

    format_addr(&s->addrs[0], addr, sizeof(addr));
    s->call.answer.unconnected = !s->repeated;
    ccb_http_call_error(&s->call,
                        error == -ENOMEM      ? CCB_NO_MEMORY
                        : error == -ETIMEDOUT ? CCB_TIMED_OUT
                                              : CCB_IO,
                        "dial tcp %s: %s", addr,
                        words != NULL ? words : uv_strerror(error));
    fail(s);
}

/* Tries the addresses that are left, one after the other. */
static void try_next(struct short_call *s)
{
    while (s->addr_next < s->addr_count) {
        int rc =
            ccb_http_conn_open(&s->call, &s->addrs[s->addr_next], &s->conn);

        s->addr_next++;
        if (rc == 0)
            return;
        if (s->first_error == 0)
            s->first_error = rc;
    }
    dial_failed(s, s->first_error, NULL);
}

static void connected(struct short_call *s)
{
    int error = 0;
    socklen_t len = sizeof(error);

    if (getsockopt(s->conn->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        error = errno;
    if (error != 0) {
        if (s->first_error == 0)
            s->first_error = -error;
        ccb_http_conn_close(s->conn);
        s->conn = NULL;
        try_next(s);
        return;
    }
    s->conn->connected = true;
    ccb_metric_add(CCB_METRIC_CLIENT_CONNECTS, 1);
    ccb_http_call_set_due(&s->call, s->call.deadline);
    go_on(s);
}

void ccb_http_short_on_event(struct ccb_http_conn *conn, int status, int events)
{
    struct short_call *s = (struct short_call *)conn->call;

    if (!conn->connected) {
        connected(s);
        return;
    }
    if (status < 0) {
        conn->events = 0; /* libuv stopped watching */
        receive(s, true);
        return;
    }
    if ((events & UV_READABLE) != 0)
        receive(s, false);
    /* Unless that ended the call or moved it to another connection. */
    if ((events & UV_WRITABLE) != 0 && conn->call == &s->call)
        go_on(s);
}

/* ---- addresses ---------------------------------------------------------- */

static void add_addr(struct short_call *s, int family, const void *bytes)
{
    union ccb_http_addr *addr = &s->addrs[s->addr_count];

    memset(addr, 0, sizeof(*addr));
    addr->any.sa_family = (sa_family_t)family;
    if (family == AF_INET6) {
        memcpy(&addr->in6.sin6_addr, bytes, sizeof(addr->in6.sin6_addr));
        addr->in6.sin6_port = htons(s->call.url.port);
    } else {
        memcpy(&addr->in.sin_addr, bytes, sizeof(addr->in.sin_addr));
        addr->in.sin_port = htons(s->call.url.port);
    }
    s->addr_count++;
}

/* Numbers and localhost need nobody's help. */
static bool known_addrs(struct short_call *s, const char *host)
{
    struct in6_addr six;
    struct in_addr four;

    if (strcmp(host, "localhost") == 0) {
        four.s_addr = htonl(INADDR_LOOPBACK);
        add_addr(s, AF_INET, &four);
        add_addr(s, AF_INET6, &in6addr_loopback);
    } else if (inet_pton(AF_INET, host, &four) == 1) {
        add_addr(s, AF_INET, &four);
    } else if (inet_pton(AF_INET6, host, &six) == 1) {
        add_addr(s, AF_INET6, &six);
    }
    return s->addr_count > 0;
}

static void lookup_failed(struct short_call *s, int code, const char *words)
{
    s->call.answer.unconnected = !s->repeated;
    ccb_http_call_error(&s->call, code, "dial tcp: lookup %.*s: %s",
                        (int)s->call.url.host.len, s->call.url.host.ptr, words);
    fail(s);
}

static void on_resolved(uv_getaddrinfo_t *req, int status,
                        struct addrinfo *found)
{
    struct resolve *resolve = req->data;
    struct ccb_http_client *client = resolve->client;
    struct short_call *s = resolve->call;

    ccb_free(resolve);
    if (s != NULL) {
        s->resolve = NULL;
        for (const struct addrinfo *a = found;
             a != NULL && s->addr_count < MAX_ADDRS; a = a->ai_next) {
            if (a->ai_family == AF_INET)
                add_addr(s, AF_INET,
                         &((const struct sockaddr_in *)(const void *)a->ai_addr)
                              ->sin_addr);
            else if (a->ai_family == AF_INET6)
                add_addr(
                    s, AF_INET6,
                    &((const struct sockaddr_in6 *)(const void *)a->ai_addr)
                         ->sin6_addr);
        }
        if (s->addr_count > 0)
            try_next(s);
        else
            lookup_failed(s, CCB_IO,
                          status == 0 || status == UV_EAI_NONAME
                              ? "no such host"
                              : uv_strerror(status));
    }
    if (found != NULL)
        uv_freeaddrinfo(found);
    ccb_http_client_release(client);
}

static void look_up(struct short_call *s, const char *host)
{
    static const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct ccb_http_client *client = s->call.client;
    struct resolve *resolve = ccb_calloc(1, sizeof(*resolve));
    int rc;

    if (resolve == NULL) {
        lookup_failed(s, CCB_NO_MEMORY, "out of memory");
        return;
    }
    resolve->client = client;
    resolve->call = s;
    resolve->req.data = resolve;
    rc = uv_getaddrinfo(&client->loop->uv, &resolve->req, on_resolved, host,
                        NULL, &hints);
    if (rc != 0) {
        ccb_free(resolve);
        lookup_failed(s, rc == UV_ENOMEM ? CCB_NO_MEMORY : CCB_IO,
                      uv_strerror(rc));
        return;
    }
    s->resolve = resolve;
    client->handles++;
}

/* Opens a connection of its own for the call. */
static void dial(struct short_call *s)
{
    char *host = ccb_arena_cstr(s->call.arena, s->call.url.host);

    s->addr_count = 0;
    s->addr_next = 0;
    s->first_error = 0;
    s->addrs = ccb_arena_alloc(s->call.arena, MAX_ADDRS * sizeof(*s->addrs));
    if (host == NULL || s->addrs == NULL) {
        lookup_failed(s, CCB_NO_MEMORY, "out of memory");
        return;
    }
    ccb_http_call_set_due(&s->call,
                          phase_due(&s->call, s->call.options.connect_timeout));
    if (known_addrs(s, host))
        try_next(s);
    else
        look_up(s, host);
}

/* ---- the lane ----------------------------------------------------------- */

static int start(struct ccb_http_call *call, struct ccb_error *err)
{
    struct short_call *s = (struct short_call *)call;
    struct ccb_http_client *client = call->client;
    int code = ccb_http_request_head(call, &s->head, err);

    if (code != 0)
        return code;
    if (client->scratch == NULL) {
        client->scratch = ccb_malloc(CCB_HTTP_SCRATCH);
        if (client->scratch == NULL)
            return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    }
    init_reader(s);
    s->conn = ccb_http_pool_take(call);
    if (s->conn == NULL) {
        dial(s);
        return 0;
    }
    s->pooled = true;
    ccb_http_call_set_due(call, call->deadline);
    go_on(s);
    return 0;
}

static bool stop(struct ccb_http_call *call)
{
    let_go((struct short_call *)call);
    return true;
}

static void resume(struct ccb_http_call *call)
{
    (void)call; /* nothing here ever pauses */
}

static void destroy(struct ccb_http_call *call)
{
    ccb_http_reader_destroy(&((struct short_call *)call)->reader);
}

const struct ccb_http_lane ccb_http_short_lane = {
    .call_size = sizeof(struct short_call),
    .start = start,
    .stop = stop,
    .resume = resume,
    .destroy = destroy,
};
