/*
 * Any bytes as a peer of the HTTP server, in pieces whose sizes the input
 * chooses: no crash, every request that reached a handler is answered, in
 * order, and the connection always ends (core/net/http_server.h).
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/http_server_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct ccb_loop loop;
static struct ccb_http_server *server;
static unsigned handled;

static void check(int ok)
{
    if (!ok)
        abort();
}

/* Numbered, so that the order shows on the wire. */
static void answer(struct ccb_http_request *request)
{
    char text[32];
    int len = snprintf(text, sizeof(text), "<<%u>>", handled++);

    ccb_http_respond(request, 200, "text/plain",
                     ccb_slice_make(text, (size_t)len));
}

static void on_request(struct ccb_http_request *request, void *user)
{
    const struct ccb_http_request_info *info = ccb_http_request_info(request);

    (void)user;
    check(memchr(info->path.ptr, '\0', info->path.len) == NULL);
    for (size_t i = 0; i < info->header_count; i++)
        check(info->headers[i].name.len > 0);
    answer(request);
}

static void on_piece(struct ccb_http_request *request, struct ccb_slice piece,
                     void *user)
{
    (void)user;
    check(piece.len > 0);
    if (piece.ptr[0] == '!')
        answer(request);
    else if (piece.ptr[0] == '?')
        ccb_http_pause(request);
}

static void on_end(struct ccb_http_request *request, void *user)
{
    (void)user;
    answer(request);
}

static void on_gone(struct ccb_http_request *request, void *user)
{
    (void)user;
    ccb_http_abandon(request);
}

static void on_stream(struct ccb_http_request *request, void *user)
{
    static const struct ccb_http_body_reader reader = {on_piece, on_end, NULL};

    (void)user;
    ccb_http_on_abort(request, on_gone, NULL);
    ccb_http_read_body(request, &reader);
}

static const struct ccb_http_route routes[] = {
    {.method = "GET", .path = "/*", .on_request = on_request},
    {.method = "PUT",
     .path = "/w/:x",
     .on_request = on_request,
     .form_body = true},
    {.method = "PUT", .path = "/s", .on_request = on_stream, .stream = true},
};

static void start(void)
{
    static const struct ccb_http_limits limits = {.max_header_bytes = 512,
                                                  .max_body_bytes = 4096};
    struct ccb_http_server_options options = {
        .routes = routes,
        .route_count = sizeof(routes) / sizeof(routes[0]),
        .limits = &limits,
    };
    int fd;

    check(ccb_loop_open(&loop, NULL) == CCB_OK);
    check(ccb_http_listen("127.0.0.1", 0, -1, &fd, NULL) == CCB_OK);
    check(ccb_http_server_open(&server, &loop, fd, &options, NULL) == CCB_OK);
}

static void resume_paused(void)
{
    struct ccb_httpd_link *link = server->conns.next;
    struct ccb_httpd_conn *conn =
        (struct ccb_httpd_conn *)((char *)link -
                                  offsetof(struct ccb_httpd_conn, all));

    if (link != &server->conns && conn->request != NULL &&
        conn->request->paused)
        ccb_http_resume(conn->request);
}

static char heard[1 << 20];
static size_t heard_len;

static void turn(int fd)
{
    ssize_t n;

    for (int i = 0; i < 2; i++)
        (void)uv_run(&loop.uv, UV_RUN_NOWAIT);
    n = recv(fd, heard + heard_len, sizeof(heard) - 1 - heard_len,
             MSG_DONTWAIT);
    if (n > 0)
        heard_len += (size_t)n;
}

static void check_order(void)
{
    const char *pos = heard;
    unsigned next = 0;

    heard[heard_len] = '\0';
    for (pos = strstr(pos, "<<"); pos != NULL; pos = strstr(pos + 2, "<<"))
        check(strtoul(pos + 2, NULL, 10) == next++);
    check(next <= handled);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int pair[2];
    size_t at = 0, step, turns = 0;
    unsigned seed = size > 0 ? data[0] : 1;

    if (server == NULL)
        start();
    if (size > 8192)
        return 0;
    handled = 0;
    heard_len = 0;
    check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
    check(ccb_httpd_conn_open(server, pair[0]) == CCB_OK);
    for (at = size > 0; at < size; at += step) {
        seed = seed * 1103515245 + 12345;
        step = data[0] == 0 ? size : 1 + (seed >> 16) % (data[0] * 4u);
        if (step > size - at)
            step = size - at;
        if (send(pair[1], data + at, step, MSG_NOSIGNAL) < 0)
            break;
        turn(pair[1]);
        resume_paused();
    }
    (void)shutdown(pair[1], SHUT_WR);
    for (; server->conn_count > 0; turns++) {
        check(turns < 10000);
        turn(pair[1]);
        resume_paused();
    }
    check(server->in_flight == 0);
    check_order();
    (void)close(pair[1]);
    return 0;
}
