/*
 * The bed the HTTP server's tests lie in: a server on a real loop in a thread
 * of its own, and blocking sockets as its peers in the test's thread. Closing
 * the bed proves that no handle is left open.
 */
#ifndef CCB_TESTS_HTTP_BED_H
#define CCB_TESTS_HTTP_BED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/metrics.h"
#include "net/http_server.h"

#define MAY_BE_UNUSED __attribute__((unused))
#define TEXT(slice) (int)(slice).len, (slice).ptr

static struct bed {
    struct ccb_loop loop;
    uv_async_t hold; /* keeps the loop running until bed_join */
    struct ccb_http_server *server;
    uv_thread_t thread;
    uint16_t port;
    struct ccb_http_request *parked; /* by on_park, for a later call */
    uv_sem_t parked_there, aborted_there;
    _Atomic int aborted, refused;
} bed;

static const struct ccb_http_limits usual_limits = {
    .max_header_bytes = 65536,
    .max_body_bytes = 1 << 20,
    .max_connections = 1000,
    .header_timeout = 10 * INT64_C(1000000000),
    .idle_timeout = 10 * INT64_C(1000000000),
    .stall_timeout = 10 * INT64_C(1000000000),
};

static void on_bed_refused(void *user, int status, const char *why)
{
    (void)user;
    (void)why;
    bed.refused = status;
}

static void run_bed(void *unused)
{
    (void)unused;
    (void)ccb_loop_run(&bed.loop);
}

static MAY_BE_UNUSED void bed_open(const struct ccb_http_route *routes,
                                   size_t count,
                                   const struct ccb_http_limits *limits)
{
    struct ccb_http_server_options options = {
        .routes = routes,
        .route_count = count,
        .user = &bed,
        .limits = limits,
        .on_refused = on_bed_refused,
    };
    struct ccb_error err = {0};
    int fd;

    memset(&bed, 0, sizeof(bed));
    assert_int_equal(uv_sem_init(&bed.parked_there, 0), 0);
    assert_int_equal(uv_sem_init(&bed.aborted_there, 0), 0);
    assert_int_equal(ccb_loop_open(&bed.loop, &err), CCB_OK);
    assert_int_equal(uv_async_init(&bed.loop.uv, &bed.hold, NULL), 0);
    if (ccb_http_listen("127.0.0.1", 0, -1, &fd, &err) != CCB_OK ||
        ccb_http_server_open(&bed.server, &bed.loop, fd, &options, &err) !=
            CCB_OK)
        fail_msg("%s", err.message);
    bed.port = ccb_http_bound_port(fd);
    assert_int_equal(uv_thread_create(&bed.thread, run_bed, NULL), 0);
}

/* ---- calls on the loop's thread ----------------------------------------- */

struct bed_call {
    struct ccb_post post;
    void (*run)(void *arg);
    void *arg;
    uv_sem_t done;
};

static void on_bed_call(struct ccb_post *post)
{
    struct bed_call *call = (struct bed_call *)post;

    call->run(call->arg);
    uv_sem_post(&call->done);
}

static MAY_BE_UNUSED void bed_call(void (*run)(void *arg), void *arg)
{
    struct bed_call call = {.post.run = on_bed_call, .run = run, .arg = arg};

    assert_int_equal(uv_sem_init(&call.done, 0), 0);
    ccb_loop_post(&bed.loop, &call.post);
    uv_sem_wait(&call.done);
    uv_sem_destroy(&call.done);
}

static void close_server(void *unused)
{
    (void)unused;
    ccb_http_server_close(bed.server, NULL, NULL);
}

static void close_hold(void *unused)
{
    (void)unused;
    uv_close((uv_handle_t *)&bed.hold, NULL);
}

/* Lets the loop end; then nothing may be left. */
static MAY_BE_UNUSED void bed_join(void)
{
    struct ccb_error err = {0};

    bed_call(close_hold, NULL);
    uv_thread_join(&bed.thread);
    if (ccb_loop_close(&bed.loop, &err) != CCB_OK)
        fail_msg("%s", err.message);
    uv_sem_destroy(&bed.parked_there);
    uv_sem_destroy(&bed.aborted_there);
    assert_int_equal(ccb_metric_values[CCB_METRIC_HTTP_CONNECTIONS], 0);
}

static void close_twice(void *unused)
{
    close_server(unused);
    close_server(unused);
}

static MAY_BE_UNUSED void bed_close(void)
{
    bed_call(close_twice, NULL);
    bed_join();
}

/* ---- handlers ----------------------------------------------------------- */

static void on_bed_abort(struct ccb_http_request *request, void *user)
{
    (void)request;
    (void)user;
    bed.aborted++;
    uv_sem_post(&bed.aborted_there);
}

/* Keeps the request for the test to answer. */
static MAY_BE_UNUSED void on_park(struct ccb_http_request *request, void *user)
{
    (void)user;
    bed.parked = request;
    ccb_http_on_abort(request, on_bed_abort, NULL);
    uv_sem_post(&bed.parked_there);
}

static MAY_BE_UNUSED struct ccb_http_request *bed_parked(void)
{
    uv_sem_wait(&bed.parked_there);
    return bed.parked;
}

static MAY_BE_UNUSED void answer_parked(void *text)
{
    ccb_http_respond(bed.parked, 200, "text/plain", ccb_slice_of(text));
}

/* ---- peers -------------------------------------------------------------- */

static MAY_BE_UNUSED int dial(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(bed.port),
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct timeval patience = {.tv_sec = 20};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)),
                     0);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    return fd;
}

static MAY_BE_UNUSED void say_bytes(int fd, const void *bytes, size_t len)
{
    assert_int_equal(send(fd, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
}

static MAY_BE_UNUSED void say(int fd, const char *text)
{
    say_bytes(fd, text, strlen(text));
}

static char heard[1 << 22];
static size_t heard_len;

/* Everything until the peer ends; 0, or -1 after a reset. */
static MAY_BE_UNUSED int hear_all(int fd)
{
    ssize_t n;

    heard_len = 0;
    for (;;) {
        n = recv(fd, heard + heard_len, sizeof(heard) - 1 - heard_len, 0);
        if (n <= 0)
            break;
        heard_len += (size_t)n;
    }
    heard[heard_len] = '\0';
    if (n < 0 && errno != ECONNRESET)
        fail_msg("the server neither answered nor closed: %s", heard);
    return n < 0 ? -1 : 0;
}

/* At least `want` bytes; whether they came. */
static MAY_BE_UNUSED int hear_bytes(int fd, size_t want)
{
    for (heard_len = 0; heard_len < want;) {
        ssize_t n = recv(fd, heard + heard_len, want - heard_len, 0);

        if (n <= 0)
            break;
        heard_len += (size_t)n;
    }
    heard[heard_len] = '\0';
    return heard_len == want;
}

/* One head, byte by byte, so that nothing behind it is taken. */
static MAY_BE_UNUSED void hear_head(int fd)
{
    heard_len = 0;
    do {
        if (recv(fd, heard + heard_len, 1, 0) != 1)
            fail_msg("no whole head: %.*s", (int)heard_len, heard);
        heard[++heard_len] = '\0';
    } while (strstr(heard, "\r\n\r\n") == NULL);
}

/* One answer with a Content-Length, head and body, into `heard`. */
static MAY_BE_UNUSED const char *hear_answer(int fd)
{
    const char *length;
    size_t head, body = 0;

    hear_head(fd);
    head = heard_len;
    length = strcasestr(heard, "\r\nContent-Length: ");
    if (length != NULL)
        body = strtoul(length + 18, NULL, 10);
    for (; heard_len < head + body;) {
        ssize_t n = recv(fd, heard + heard_len, head + body - heard_len, 0);

        assert_true(n > 0);
        heard_len += (size_t)n;
    }
    heard[heard_len] = '\0';
    return heard + head;
}

/* Says all, hears all. */
static MAY_BE_UNUSED const char *ask(const char *text)
{
    int fd = dial();

    say(fd, text);
    (void)hear_all(fd);
    (void)close(fd);
    return heard;
}

static MAY_BE_UNUSED const char *heard_body(void)
{
    const char *end = strstr(heard, "\r\n\r\n");

    return end == NULL ? "" : end + 4;
}

static MAY_BE_UNUSED void assert_heard(const char *part)
{
    if (strstr(heard, part) == NULL)
        fail_msg("no \"%s\" in:\n%s", part, heard);
}

static MAY_BE_UNUSED void assert_not_heard(const char *part)
{
    if (strcasestr(heard, part) != NULL)
        fail_msg("\"%s\" in:\n%s", part, heard);
}

static MAY_BE_UNUSED int64_t metric(enum ccb_metric which)
{
    return ccb_metric_values[which];
}

#endif
