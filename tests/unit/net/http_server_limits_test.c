/*
 * Each limit of the HTTP server: its refusal, its counter, and that what
 * keeps within it is served (struct ccb_http_limits and its flags). Times are
 * tens of milliseconds; the tests wait for what the server does.
 */
#include "http_bed.h"

#include <fcntl.h>
#include <sys/resource.h>

#define MS INT64_C(1000000)

static void on_body(struct ccb_http_request *request, void *user)
{
    (void)user;
    ccb_http_respond(request, 200, "text/plain",
                     ccb_http_request_info(request)->body);
}

static void on_large(struct ccb_http_request *request, void *user)
{
    static char piece[1 << 20];

    (void)user;
    bed.parked = request;
    ccb_http_on_abort(request, on_bed_abort, NULL);
    ccb_http_respond_start(request, 200, NULL, 0, INT64_C(1) << 40);
    for (int i = 0; i < 32; i++) /* more than sockets hold */
        (void)ccb_http_write(request, ccb_slice_make(piece, sizeof(piece)));
}

static void on_piece(struct ccb_http_request *request, struct ccb_slice piece,
                     void *user)
{
    (void)request;
    (void)piece;
    (void)user;
}

static void on_upload(struct ccb_http_request *request, void *user)
{
    static const struct ccb_http_body_reader reader = {.on_body = on_piece};

    (void)user;
    bed.parked = request;
    ccb_http_on_abort(request, on_bed_abort, NULL);
    ccb_http_read_body(request, &reader);
}

static const struct ccb_http_route routes[] = {
    {.method = "PUT", .path = "/body", .on_request = on_body},
    {.method = "PUT", .path = "/small", .on_request = on_body, .max_body = 3},
    {.method = "GET", .path = "/large", .on_request = on_large},
    {.method = "PUT", .path = "/up", .on_request = on_upload, .stream = true},
    {.method = "PUT", .path = "/park", .on_request = on_park},
};

static void open_with(const struct ccb_http_limits *limits)
{
    bed_open(routes, sizeof(routes) / sizeof(routes[0]), limits);
}

#define H " HTTP/1.1\r\nHost: h\r\n"
#define CLOSE "Connection: close\r\n"

static void the_flags_fill_the_limits(void **state)
{
    struct ccb_http_limits limits;
    const struct ccb_flag_set set = {NULL, ccb_http_limit_flags,
                                     ccb_http_limit_flag_count, &limits};
    char some[] = "-httpMaxBodyBytes=7", other[] = "-httpStallTimeout=90s";
    char *argv[] = {some, other};

    (void)state;
    assert_int_equal(ccb_flags_parse(&set, 1, 0, NULL, "p", stderr),
                     CCB_FLAGS_OK);
    assert_int_equal(limits.max_header_bytes, 65536);
    assert_int_equal(limits.max_body_bytes, 16777216);
    assert_int_equal(limits.max_connections, 10000);
    assert_int_equal(limits.header_timeout, 30000 * MS);
    assert_int_equal(limits.idle_timeout, 180000 * MS);
    assert_int_equal(limits.stall_timeout, 60000 * MS);
    assert_int_equal(ccb_flags_parse(&set, 1, 2, argv, "p", stderr),
                     CCB_FLAGS_OK);
    assert_int_equal(limits.max_body_bytes, 7);
    assert_int_equal(limits.stall_timeout, 90000 * MS);
}

static void large_heads_are_refused(void **state)
{
    struct ccb_http_limits limits = usual_limits;
    int64_t before = metric(CCB_METRIC_HTTP_HEADERS_TOO_LARGE);
    char text[512];

    (void)state;
    limits.max_header_bytes = 200;
    open_with(&limits);
    (void)snprintf(text, sizeof(text), "GET /%0250d" H "\r\n", 0);
    (void)ask(text); /* whole */
    assert_heard("HTTP/1.1 414 ");
    assert_heard("request line too long\n");
    text[240] = '\0'; /* endless */
    (void)ask(text);
    assert_heard("HTTP/1.1 414 ");
    (void)snprintf(text, sizeof(text), "GET /" H "A: %0250d\r\n\r\n", 0);
    (void)ask(text);
    assert_heard("HTTP/1.1 431 ");
    assert_heard("request headers too large\n");
    text[240] = '\0';
    (void)ask(text);
    assert_heard("HTTP/1.1 431 ");
    assert_int_equal(metric(CCB_METRIC_HTTP_HEADERS_TOO_LARGE), before + 4);
    (void)snprintf(text, sizeof(text), "PUT /body" H CLOSE "A: %0100d\r\n\r\n",
                   0);
    (void)ask(text);
    assert_heard("200 OK");
    bed_close();
}

static void endless_trailers_are_refused(void **state)
{
    struct ccb_http_limits limits = usual_limits;
    char text[512];

    (void)state;
    limits.max_header_bytes = 200;
    open_with(&limits);
    (void)snprintf(text, sizeof(text),
                   "PUT /body" H "Transfer-Encoding: chunked\r\n\r\n"
                   "0\r\nA: %0250d",
                   0);
    (void)ask(text);
    assert_heard("400 Bad Request");
    assert_heard("trailers too large\n");
    (void)snprintf(text, sizeof(text),
                   "PUT /body" H "Transfer-Encoding: chunked\r\n\r\n%0250d", 0);
    (void)ask(text);
    assert_heard("400 Bad Request");
    bed_close();
}

static void large_bodies_are_refused_before_they_are_read(void **state)
{
    struct ccb_http_limits limits = usual_limits;
    int64_t before = metric(CCB_METRIC_HTTP_BODIES_TOO_LARGE);

    (void)state;
    limits.max_body_bytes = 10;
    open_with(&limits);
    (void)ask("PUT /body" H "Content-Length: 11\r\n\r\n");
    assert_heard("HTTP/1.1 413 ");
    (void)ask("PUT /body" H "Transfer-Encoding: chunked\r\n\r\n"
              "6\r\nabcdef\r\n6\r\nabcdef\r\n");
    assert_heard("HTTP/1.1 413 ");
    (void)ask("PUT /small" H "Content-Length: 4\r\n\r\nabcd");
    assert_heard("HTTP/1.1 413 ");
    assert_int_equal(metric(CCB_METRIC_HTTP_BODIES_TOO_LARGE), before + 3);
    (void)ask("PUT /body" H CLOSE "Content-Length: 10\r\n\r\n0123456789");
    assert_heard("0123456789");
    bed_close();
}

static void a_body_grows_with_what_comes(void **state)
{
    static char much[300000];
    int fd;

    (void)state;
    open_with(&usual_limits);
    memset(much, 'x', sizeof(much));
    fd = dial();
    say(fd, "PUT /body" H "Content-Length: 300000\r\n\r\n");
    say_bytes(fd, much, sizeof(much));
    assert_int_equal(strlen(hear_answer(fd)), sizeof(much));
    (void)close(fd);
    bed_close();
}

static void connections_over_the_cap_are_turned_away(void **state)
{
    struct ccb_http_limits limits = usual_limits;
    int64_t before = metric(CCB_METRIC_HTTP_REFUSED_CONNECTIONS);
    int one, two, three;

    (void)state;
    limits.max_connections = 2;
    open_with(&limits);
    one = dial();
    two = dial();
    say(one, "PUT /body" H "\r\n");
    (void)hear_answer(one);
    say(two, "PUT /body" H "\r\n");
    (void)hear_answer(two);
    three = dial();
    assert_int_equal(hear_all(three), 0);
    assert_heard("HTTP/1.1 503 Service Unavailable\r\n");
    assert_string_equal(heard_body(), "too many connections\n");
    assert_int_equal(metric(CCB_METRIC_HTTP_REFUSED_CONNECTIONS), before + 1);
    assert_int_equal(bed.refused, 503);
    (void)close(three);
    /* There is room again once one has left. */
    say(one, "PUT /body" H CLOSE "\r\n");
    (void)hear_all(one);
    (void)ask("PUT /body" H CLOSE "\r\n");
    assert_heard("200 OK");
    (void)close(one);
    (void)close(two);
    bed_close();
}

/* Slowloris: each byte is progress, and it does not help. */
static void a_slow_head_is_timed_as_a_whole(void **state)
{
    struct ccb_http_limits limits = usual_limits;
    int64_t before = metric(CCB_METRIC_HTTP_HEADER_TIMEOUTS);
    struct timeval step = {.tv_usec = 5000};
    int fd, sent = 0;
    char byte;

    (void)state;
    limits.header_timeout = 50 * MS;
    open_with(&limits);
    fd = dial();
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &step, sizeof(step));
    say(fd, "GET / HTTP/1.1\r\nA: ");
    while (recv(fd, &byte, 1, MSG_PEEK) < 0) {
        (void)send(fd, "a", 1, MSG_NOSIGNAL);
        assert_true(++sent < 2000);
    }
    step.tv_sec = 10;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &step, sizeof(step));
    assert_int_equal(hear_all(fd), 0);
    assert_heard("HTTP/1.1 408 Request Timeout\r\n");
    assert_int_equal(metric(CCB_METRIC_HTTP_HEADER_TIMEOUTS), before + 1);
    (void)close(fd);
    bed_close();
}

static void idle_connections_are_closed_silently(void **state)
{
    struct ccb_http_limits limits = usual_limits;
    int64_t before = metric(CCB_METRIC_HTTP_IDLE_TIMEOUTS);
    int fd;

    (void)state;
    limits.idle_timeout = 40 * MS;
    open_with(&limits);
    (void)ask(""); /* never said a word */
    assert_int_equal(heard_len, 0);
    fd = dial();
    say(fd, "PUT /body" H "\r\n");
    (void)hear_answer(fd);
    assert_int_equal(hear_all(fd), 0);
    assert_int_equal(heard_len, 0);
    (void)close(fd);
    assert_int_equal(metric(CCB_METRIC_HTTP_IDLE_TIMEOUTS), before + 2);
    bed_close();
}

/* A long handler is no stall: nothing is waited for from the peer. */
static void a_handler_may_take_its_time(void **state)
{
    struct ccb_http_limits limits = usual_limits;
    int fd, other;

    (void)state;
    limits.idle_timeout = limits.header_timeout = limits.stall_timeout =
        20 * MS;
    open_with(&limits);
    fd = dial();
    say(fd, "PUT /park" H CLOSE "\r\n");
    (void)bed_parked();
    for (int i = 0; i < 3; i++) { /* each is an idle timeout long */
        other = dial();
        (void)hear_all(other);
        (void)close(other);
    }
    bed_call(answer_parked, (void *)(uintptr_t) "at last");
    (void)hear_all(fd);
    assert_string_equal(heard_body(), "at last");
    (void)close(fd);
    bed_close();
}

static void a_body_that_stops_coming_is_a_stall(void **state)
{
    struct ccb_http_limits limits = usual_limits;
    int64_t before = metric(CCB_METRIC_HTTP_STALLED);
    int fd;

    (void)state;
    limits.stall_timeout = 40 * MS;
    open_with(&limits);
    (void)ask("PUT /body" H "Content-Length: 5\r\n\r\nhel");
    assert_heard("HTTP/1.1 408 Request Timeout\r\n");
    fd = dial();
    say(fd, "PUT /up" H "Content-Length: 5\r\n\r\nhel");
    uv_sem_wait(&bed.aborted_there);
    bed_call(answer_parked, (void *)(uintptr_t) "to nobody");
    (void)hear_all(fd);
    assert_int_equal(heard_len, 0);
    (void)close(fd);
    assert_int_equal(metric(CCB_METRIC_HTTP_STALLED), before + 2);
    bed_close();
}

static void a_peer_that_does_not_read_is_a_stall(void **state)
{
    struct ccb_http_limits limits = usual_limits;
    int64_t before = metric(CCB_METRIC_HTTP_STALLED);
    int fd;

    (void)state;
    limits.stall_timeout = 40 * MS;
    open_with(&limits);
    fd = dial();
    say(fd, "GET /large" H "\r\n");
    uv_sem_wait(&bed.aborted_there);
    assert_int_equal(metric(CCB_METRIC_HTTP_STALLED), before + 1);
    bed_call(answer_parked, (void *)(uintptr_t) "to nobody");
    (void)close(fd);
    bed_close();
}

/* The descriptors of the process run out: peers that are waiting are
 * let go one by one, and there is room again afterwards. */
static void running_out_of_descriptors_sheds_connections(void **state)
{
    struct rlimit old, few;
    int fds[64], peers[8], count = 0;

    (void)state;
    open_with(&usual_limits);
    (void)ask("PUT /body" H CLOSE "\r\n");
    for (size_t i = 0; i < 8; i++)
        peers[i] = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    few = old;
    few.rlim_cur = (rlim_t)peers[7] + 8;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    while (count < 64) {
        fds[count] = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (fds[count] < 0)
            break;
        count++;
    }
    assert_true(count < 64);
    for (size_t i = 0; i < 8; i++) {
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_port = htons(bed.port),
                                      .sin_addr = {htonl(INADDR_LOOPBACK)}};

        assert_int_equal(
            connect(peers[i], (struct sockaddr *)&address, sizeof(address)), 0);
        (void)hear_all(peers[i]); /* let go, not left hanging */
        (void)close(peers[i]);
        peers[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    }
    while (count > 0)
        (void)close(fds[--count]);
    for (size_t i = 0; i < 8; i++)
        (void)close(peers[i]);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    (void)ask("PUT /body" H CLOSE "\r\n");
    assert_heard("200 OK");
    bed_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_flags_fill_the_limits),
        cmocka_unit_test(large_heads_are_refused),
        cmocka_unit_test(endless_trailers_are_refused),
        cmocka_unit_test(large_bodies_are_refused_before_they_are_read),
        cmocka_unit_test(a_body_grows_with_what_comes),
        cmocka_unit_test(connections_over_the_cap_are_turned_away),
        cmocka_unit_test(a_slow_head_is_timed_as_a_whole),
        cmocka_unit_test(idle_connections_are_closed_silently),
        cmocka_unit_test(a_handler_may_take_its_time),
        cmocka_unit_test(a_body_that_stops_coming_is_a_stall),
        cmocka_unit_test(a_peer_that_does_not_read_is_a_stall),
        cmocka_unit_test(running_out_of_descriptors_sheds_connections),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
