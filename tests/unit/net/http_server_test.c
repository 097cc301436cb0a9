/*
 * What the HTTP server does for a well-behaved peer: routing and its answers
 * (contract/stager.md A7), connections kept and ended, order, closing.
 */
#include "http_bed.h"

static void on_echo(struct ccb_http_request *request, void *user)
{
    const struct ccb_http_request_info *info = ccb_http_request_info(request);
    struct ccb_slice text;

    assert_ptr_equal(user, &bed);
    assert_ptr_equal(info->user, &bed);
    text = ccb_arena_format(
        ccb_http_request_arena(request),
        "%.*s path=%.*s query=%.*s params=%zu[%.*s][%.*s] body=%.*s",
        TEXT(info->method_text), TEXT(info->path), TEXT(info->query),
        info->param_count, info->param_count > 0 ? (int)info->params[0].len : 0,
        info->param_count > 0 ? info->params[0].ptr : "",
        info->param_count > 1 ? (int)info->params[1].len : 0,
        info->param_count > 1 ? info->params[1].ptr : "", TEXT(info->body));
    ccb_http_respond(request, 200, "text/plain; charset=utf-8", text);
}

static void on_empty(struct ccb_http_request *request, void *user)
{
    (void)user;
    ccb_http_respond(request, 202, "text/plain", ccb_slice_of(""));
}

static void on_gone(struct ccb_http_request *request, void *user)
{
    (void)user;
    ccb_http_respond(request, 204, NULL, ccb_slice_of(""));
}

static void on_headers(struct ccb_http_request *request, void *user)
{
    struct ccb_slice odd = ccb_http_request_header(request, "x-ODD");
    struct ccb_slice none = ccb_http_request_header(request, "X-None");
    struct ccb_slice empty = ccb_http_request_header(request, "X-Empty");
    const struct ccb_http_header headers[] = {
        {CCB_LIT("X-Odd"), odd},
        {CCB_LIT("X-Split"), CCB_LIT("a\r\nX-Smuggled: b")},
        {CCB_LIT("Content-Length"), CCB_LIT("999")},
        {CCB_LIT("Connection"), CCB_LIT("close")},
    };

    (void)user;
    assert_null(none.ptr);
    assert_non_null(empty.ptr);
    assert_int_equal(empty.len, 0);
    ccb_http_respond_with(request, 201, headers, 4, ccb_slice_of("made"));
}

static const struct ccb_http_route routes[] = {
    {.method = "GET", .path = "/echo/:a", .on_request = on_echo},
    {.method = "PUT", .path = "/echo/:a", .on_request = on_echo},
    {.method = "GET", .path = "/two/:a/index/:b", .on_request = on_echo},
    {.method = "GET", .path = "/static/*", .on_request = on_echo},
    {.method = "POST", .path = "/post", .on_request = on_echo},
    {.method = "POST",
     .path = "/form",
     .on_request = on_echo,
     .form_body = true},
    {.method = "GET", .path = "/empty", .on_request = on_empty},
    {.method = "GET", .path = "/204", .on_request = on_gone},
    {.method = "GET", .path = "/headers", .on_request = on_headers},
    {.method = "PUT", .path = "/park", .on_request = on_park},
    {.method = "PUT", .path = "/any/put", .on_request = on_empty},
    {.method = "*", .path = "/any/:a", .on_request = on_echo},
};

static int setup(void **state)
{
    (void)state;
    bed_open(routes, sizeof(routes) / sizeof(routes[0]), &usual_limits);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    bed_close();
    return 0;
}

#define H " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
#define HB " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
#define JSON "Content-Type: application/json\r\n"

/* One row: what is asked, and what must be in the answer. */
static const struct {
    const char *request, *status, *body;
} table[] = {
    {"GET /echo/x" H, "200 OK", "GET path=/echo/x query= params=1[x][] body="},
    {"GET /echo/a%20b?q=%201" H, "200 OK",
     "GET path=/echo/a b query=q=%201 params=1[a b][] body="},
    {"GET http://h:1/echo/x?q" H, "200 OK",
     "GET path=/echo/x query=q params=1[x][] body="},
    {"GET /two/g/index/7" H, "200 OK",
     "GET path=/two/g/index/7 query= params=2[g][7] body="},
    {"GET /static/a/b/c" H, "200 OK",
     "GET path=/static/a/b/c query= params=1[a/b/c][] body="},
    {"GET /static/" H, "200 OK", "GET path=/static/ query= params=1[][] body="},
    {"PUT /echo/x" HB "Content-Length: 5\r\n\r\nhello", "200 OK",
     "PUT path=/echo/x query= params=1[x][] body=hello"},
    {"PUT /echo/x" HB "Transfer-Encoding: chunked\r\n\r\n"
     "3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\nContent-Length: 9\r\nX-T: 1\r\n\r\n",
     "200 OK", "PUT path=/echo/x query= params=1[x][] body=hello"},
    /* no route, and the ways a parameter does not take a segment */
    {"GET /nothing" H, "404 Not Found", "404 page not found\n"},
    {"GET http://h" H, "404 Not Found", "404 page not found\n"},
    {"OPTIONS *" H, "404 Not Found", "404 page not found\n"},
    {"GET /echo/" H, "404 Not Found", "404 page not found\n"},
    {"GET /echo/x/" H, "404 Not Found", "404 page not found\n"},
    {"GET /echo/a%2Fb" H, "404 Not Found", "404 page not found\n"},
    {"GET /two//index/7" H, "404 Not Found", "404 page not found\n"},
    {"GET //echo/x" H, "404 Not Found", "404 page not found\n"},
    /* a route for any method, behind one that comes first */
    {"PATCH /any/x" H, "200 OK",
     "PATCH path=/any/x query= params=1[x][] body="},
    {"GET /any/put" H, "200 OK",
     "GET path=/any/put query= params=1[put][] body="},
    /* a wrong method, also one we have no name for */
    {"POST /empty" H, "405 Method Not Allowed", "Method Not Allowed\n"},
    {"PATCH /empty" H, "405 Method Not Allowed", "Method Not Allowed\n"},
    /* a form content type swallows the body, others do not */
    {"POST /form" HB "Content-Type: application/x-www-form-urlencoded\r\n"
     "Content-Length: 2\r\n\r\n{}",
     "200 OK", "POST path=/form query= params=0[][] body="},
    {"POST /form" HB "Content-Type: MultiPart/form-data; boundary=x\r\n"
     "Content-Length: 2\r\n\r\n{}",
     "200 OK", "POST path=/form query= params=0[][] body="},
    {"POST /form" HB JSON "Content-Length: 2\r\n\r\n{}", "200 OK",
     "POST path=/form query= params=0[][] body={}"},
    {"POST /form" HB "Content-Length: 2\r\n\r\n{}", "200 OK",
     "POST path=/form query= params=0[][] body={}"},
    {"POST /post" HB "Content-Type: application/x-www-form-urlencoded\r\n"
     "Content-Length: 2\r\n\r\n{}",
     "200 OK", "POST path=/post query= params=0[][] body={}"},
    /* upgrades we don't serve are as if not asked for */
    {"GET /echo/x HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, close\r\n"
     "Upgrade: h2c\r\nHTTP2-Settings: x\r\n\r\n",
     "200 OK", "GET path=/echo/x query= params=1[x][] body="},
    {"PUT /echo/x HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, close\r\n"
     "Upgrade: websocket\r\nContent-Length: 2\r\n\r\nok",
     "200 OK", "PUT path=/echo/x query= params=1[x][] body=ok"},
    /* empty lines before a request, and the older protocol */
    {"\r\n\r\nGET /echo/x" H, "200 OK",
     "GET path=/echo/x query= params=1[x][] body="},
    {"GET /echo/x HTTP/1.0\r\n\r\n", "200 OK",
     "GET path=/echo/x query= params=1[x][] body="},
};

static void requests_are_routed_and_answered(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        char first[64];

        (void)ask(table[i].request);
        (void)snprintf(first, sizeof(first), "HTTP/1.1 %s\r\n",
                       table[i].status);
        if (strncmp(heard, first, strlen(first)) != 0)
            fail_msg("%s\ngot %s", table[i].request, heard);
        if (strcmp(heard_body(), table[i].body) != 0)
            fail_msg("%s\ngot %s", table[i].request, heard);
        assert_heard("\r\nContent-Type: text/plain; charset=utf-8\r\n");
        assert_heard("\r\nDate: ");
        assert_heard(" GMT\r\n");
        assert_heard("\r\nConnection: close\r\n");
    }
}

static void a_wrong_method_is_told_the_right_ones(void **state)
{
    (void)state;
    (void)ask("DELETE /echo/x" H);
    assert_heard("\r\nAllow: GET, HEAD, PUT\r\n");
    (void)ask("GET /post" H);
    assert_heard("\r\nAllow: POST\r\n");
    (void)ask("HEAD /post" H);
    assert_heard("405 Method Not Allowed");
    assert_string_equal(heard_body(), "");
}

static void status_only_answers_have_no_type(void **state)
{
    (void)state;
    (void)ask("GET /empty" H);
    assert_heard("HTTP/1.1 202 Accepted\r\n");
    assert_heard("\r\nContent-Length: 0\r\n");
    assert_not_heard("Content-Type");
    (void)ask("GET /204" H);
    assert_heard("HTTP/1.1 204 No Content\r\n");
    assert_not_heard("Content-Length");
    assert_not_heard("Content-Type");
}

static void head_is_get_without_the_body(void **state)
{
    int fd = dial();

    (void)state;
    say(fd, "HEAD /echo/x HTTP/1.1\r\nHost: h\r\n\r\n");
    hear_head(fd);
    assert_heard("HTTP/1.1 200 OK\r\n");
    assert_heard("\r\nContent-Length: 44\r\n");
    /* No body came: the next thing on the wire is the next answer. */
    say(fd, "GET /empty HTTP/1.1\r\nHost: h\r\n\r\n");
    hear_head(fd);
    assert_heard("HTTP/1.1 202 Accepted\r\n");
    (void)close(fd);
}

static void handlers_see_headers_and_cannot_split_answers(void **state)
{
    (void)state;
    (void)ask("GET /headers HTTP/1.1\r\nHost: h\r\nX-Empty:\r\n"
              "x-oDD: \t a b \t\r\n\r\n");
    assert_heard("HTTP/1.1 201 Created\r\n");
    assert_heard("\r\nX-Odd: a b\r\n");
    assert_heard("\r\nX-Split: a  X-Smuggled: b\r\n");
    assert_heard("\r\nContent-Length: 4\r\n");
    assert_not_heard("999");
    assert_heard("\r\nConnection: close\r\n"); /* asked for by the handler */
    assert_string_equal(heard_body(), "made");
}

static void many_headers_are_all_kept(void **state)
{
    int fd = dial();

    (void)state;
    say(fd, "GET /headers HTTP/1.1\r\nHost: h\r\n");
    for (int i = 0; i < 200; i++)
        say(fd, "X-Many: value\r\n");
    say(fd, "X-Empty: \r\nX-Odd: last\r\n\r\n");
    (void)hear_all(fd);
    assert_heard("\r\nX-Odd: last\r\n");
    (void)close(fd);
}

static void a_connection_is_kept_for_the_next_request(void **state)
{
    int fd = dial();

    (void)state;
    for (int i = 0; i < 3; i++) {
        say(fd, "PUT /echo/x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n"
                "ok");
        (void)hear_answer(fd);
        assert_heard("body=ok");
        assert_not_heard("Connection:");
    }
    (void)close(fd);
}

static void http10_is_kept_only_when_asked(void **state)
{
    int fd = dial();

    (void)state;
    say(fd, "GET /empty HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    (void)hear_answer(fd);
    assert_heard("\r\nConnection: keep-alive\r\n");
    say(fd, "GET /empty HTTP/1.0\r\n\r\n");
    assert_int_equal(hear_all(fd), 0);
    assert_heard("\r\nConnection: close\r\n");
    (void)close(fd);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    int fd = dial();

    (void)state;
    say(fd, "GET /echo/1 HTTP/1.1\r\nHost: h\r\n\r\n"
            "PUT /echo/2 HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx"
            "PUT /park HTTP/1.1\r\nHost: h\r\n"
            "Transfer-Encoding: chunked\r\n\r\n1\r\ny\r\n0\r\n\r\n"
            "GET /echo/4 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
            "GET /echo/never HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_string_equal(hear_answer(fd),
                        "GET path=/echo/1 query= params=1[1][] body=");
    assert_string_equal(hear_answer(fd),
                        "PUT path=/echo/2 query= params=1[2][] body=x");
    (void)bed_parked();
    bed_call(answer_parked, (void *)(uintptr_t) "later");
    assert_string_equal(hear_answer(fd), "later");
    (void)hear_all(fd);
    assert_string_equal(heard_body(),
                        "GET path=/echo/4 query= params=1[4][] body=");
    (void)close(fd);
}

/* Also what came while a request was handled, in a packet of its own. */
static void a_request_sent_during_another_waits(void **state)
{
    int fd = dial();

    (void)state;
    say(fd, "PUT /park HTTP/1.1\r\nHost: h\r\n\r\n");
    (void)bed_parked();
    say(fd, "GET /echo/2 HTTP/1.1\r\nHost: h\r\n\r\n");
    bed_call(answer_parked, (void *)(uintptr_t) "first");
    assert_string_equal(hear_answer(fd), "first");
    assert_string_equal(hear_answer(fd),
                        "GET path=/echo/2 query= params=1[2][] body=");
    (void)close(fd);
}

static void a_head_may_come_byte_by_byte(void **state)
{
    static const char text[] = "PUT /echo/x HTTP/1.1\r\nHost: h\r\n"
                               "Transfer-Encoding: chunked\r\n\r\n"
                               "2\r\nok\r\n0\r\n\r\n";
    static const int on = 1;
    int fd = dial();

    (void)state;
    (void)setsockopt(fd, IPPROTO_TCP, 1 /* no delay */, &on, sizeof(on));
    for (size_t i = 0; i + 1 < sizeof(text); i++)
        say_bytes(fd, text + i, 1);
    (void)hear_answer(fd);
    assert_heard("body=ok");
    (void)close(fd);
}

static void a_half_closed_peer_gets_its_answer(void **state)
{
    int fd = dial();

    (void)state;
    say(fd, "PUT /park HTTP/1.1\r\nHost: h\r\n\r\n");
    (void)shutdown(fd, SHUT_WR);
    (void)bed_parked();
    bed_call(answer_parked, (void *)(uintptr_t) "still");
    assert_int_equal(hear_all(fd), 0);
    assert_string_equal(heard_body(), "still");
    assert_int_equal(bed.aborted, 0);
    (void)close(fd);
}

static void a_reset_aborts_the_request(void **state)
{
    static const struct linger at_once = {.l_onoff = 1};
    int64_t before = metric(CCB_METRIC_HTTP_ABORTED);
    int fd = dial();

    (void)state;
    say(fd, "PUT /park HTTP/1.1\r\nHost: h\r\n\r\n");
    (void)bed_parked();
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    (void)close(fd);
    uv_sem_wait(&bed.aborted_there);
    assert_int_equal(bed.aborted, 1);
    assert_int_equal(metric(CCB_METRIC_HTTP_ABORTED), before + 1);
    bed_call(answer_parked, (void *)(uintptr_t) "to nobody");
    (void)ask("GET /empty" H);
    assert_heard("202 Accepted");
}

/* Even with a pipelined request unread in the socket. */
static void a_reset_behind_unread_bytes_aborts_too(void **state)
{
    static const struct linger at_once = {.l_onoff = 1};
    int fd = dial();

    (void)state;
    say(fd, "PUT /park HTTP/1.1\r\nHost: h\r\n\r\n");
    (void)bed_parked();
    say(fd, "GET /empty HTTP/1.1\r\nHost: h\r\n\r\n");
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    (void)close(fd);
    uv_sem_wait(&bed.aborted_there);
    bed_call(answer_parked, (void *)(uintptr_t) "to nobody");
}

static void count_in_flight(void *count)
{
    *(size_t *)count = ccb_http_server_in_flight(bed.server);
}

static void a_graceful_close_waits_for_requests_in_flight(void **state)
{
    int idle, busy;
    size_t count = 99;

    (void)state;
    setup(NULL);
    idle = dial();
    busy = dial();
    say(idle, "GET /empty HTTP/1.1\r\nHost: h\r\n\r\n");
    (void)hear_answer(idle);
    say(busy, "PUT /park HTTP/1.1\r\nHost: h\r\n\r\n");
    (void)bed_parked();
    bed_call(count_in_flight, &count);
    assert_int_equal(count, 1);
    bed_call(close_server, NULL);
    assert_int_equal(hear_all(idle), 0); /* closed at once */
    bed_call(answer_parked, (void *)(uintptr_t) "done");
    (void)hear_all(busy);
    assert_heard("\r\nConnection: close\r\n");
    assert_string_equal(heard_body(), "done");
    (void)close(idle);
    (void)close(busy);
    bed_join();
}

static void a_second_close_cuts_what_is_left(void **state)
{
    int busy, half;

    (void)state;
    setup(NULL);
    busy = dial();
    half = dial();
    say(half, "GET /empty HTTP/1.1\r\nHo");
    say(busy, "PUT /park HTTP/1.1\r\nHost: h\r\n\r\n");
    (void)bed_parked();
    bed_call(close_server, NULL);
    bed_call(close_server, NULL);
    (void)hear_all(busy);
    assert_int_equal(heard_len, 0);
    (void)hear_all(half);
    uv_sem_wait(&bed.aborted_there);
    bed_call(answer_parked, (void *)(uintptr_t) "to nobody");
    (void)close(busy);
    (void)close(half);
    bed_join();
}

static void on_server_closed(void *count)
{
    ++*(int *)count;
}

static void an_address_belongs_to_one_daemon(void **state)
{
    struct ccb_http_server_options options = {.routes = routes,
                                              .route_count = 1};
    struct ccb_http_server *server;
    struct ccb_error err = {0};
    struct ccb_loop loop;
    char want[80];
    int first, other, sibling, closed = 0;
    uint16_t port;

    (void)state;
    assert_int_equal(ccb_http_listen("127.0.0.1", 0, -1, &first, &err), 0);
    port = ccb_http_bound_port(first);
    assert_int_not_equal(port, 0);
    (void)snprintf(want, sizeof(want),
                   "listen tcp 127.0.0.1:%u: bind: address already in use",
                   port);
    assert_int_equal(ccb_http_listen("127.0.0.1", port, -1, &other, &err),
                     CCB_IO);
    assert_string_equal(err.message, want);
    assert_int_equal(ccb_http_listen("127.0.0.1", port, first, &sibling, &err),
                     CCB_OK);
    assert_int_equal(ccb_http_bound_port(sibling), port);
    /* Opening the siblings has not let others in. */
    assert_int_equal(ccb_http_listen("127.0.0.1", port, -1, &other, &err),
                     CCB_IO);
    assert_int_equal(
        ccb_http_listen("no.such.host.invalid", 1, -1, &other, &err), CCB_IO);
    assert_non_null(strstr(err.message, "no.such.host.invalid:1: lookup"));
    (void)close(sibling);
    assert_int_equal(ccb_loop_open(&loop, &err), CCB_OK);
    assert_int_equal(
        ccb_http_server_open(&server, &loop, first, &options, &err), CCB_OK);
    ccb_http_server_close(server, on_server_closed, &closed);
    assert_int_equal(closed, 0); /* from the loop only */
    assert_int_equal(ccb_loop_run(&loop), CCB_OK);
    assert_int_equal(closed, 1);
    assert_int_equal(ccb_loop_close(&loop, &err), CCB_OK);
}

static void both_siblings_get_connections(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fds[2], peers[64], got[2] = {0, 0};

    (void)state;
    assert_int_equal(ccb_http_listen("127.0.0.1", 0, -1, &fds[0], NULL), 0);
    assert_int_equal(ccb_http_listen("", 0, fds[0], &fds[1], NULL), 0);
    address.sin_port = htons(ccb_http_bound_port(fds[0]));
    for (size_t i = 0; i < 64; i++) {
        peers[i] = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(
            connect(peers[i], (struct sockaddr *)&address, sizeof(address)), 0);
    }
    for (size_t i = 0; i < 2; i++) {
        int fd = accept(fds[i], NULL, NULL);

        for (; fd >= 0; fd = accept(fds[i], NULL, NULL)) {
            got[i]++;
            (void)close(fd);
        }
        (void)close(fds[i]);
    }
    for (size_t i = 0; i < 64; i++)
        (void)close(peers[i]);
    assert_int_equal(got[0] + got[1], 64);
    assert_true(got[0] > 0 && got[1] > 0);
}

static void bad_routes_are_refused_at_start(void **state)
{
    static const struct ccb_http_route bad[] = {
        {.method = "GET", .path = "no-slash", .on_request = on_echo},
        {.method = "GET", .path = "/*/behind", .on_request = on_echo},
        {.method = "GET",
         .path = "/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17",
         .on_request = on_echo},
    };
    struct ccb_loop loop;

    (void)state;
    assert_int_equal(ccb_loop_open(&loop, NULL), CCB_OK);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct ccb_http_server_options options = {.routes = &bad[i],
                                                  .route_count = 1};
        struct ccb_http_server *server;
        struct ccb_error err = {0};
        int fd;

        assert_int_equal(ccb_http_listen("127.0.0.1", 0, -1, &fd, &err), 0);
        assert_int_equal(
            ccb_http_server_open(&server, &loop, fd, &options, &err),
            CCB_INVALID);
        assert_non_null(strstr(err.message, bad[i].path));
    }
    assert_int_equal(ccb_loop_close(&loop, NULL), CCB_OK);
}

/* ---- every allocation of an exchange fails once ------------------------- */

static void fail_from_now(void *nth)
{
    (void)ccb_mem_fail_at(*(size_t *)nth, 0);
}

/* 1 answered as asked, 0 refused or cut. */
static int exchange(const char *request)
{
    int fd = dial();

    (void)send(fd, request, strlen(request), MSG_NOSIGNAL);
    (void)hear_all(fd);
    (void)close(fd);
    if (strncmp(heard, "HTTP/1.1 200 OK\r\n", 17) == 0)
        return 1;
    if (heard_len > 0 && strncmp(heard, "HTTP/1.1 503 ", 13) != 0)
        fail_msg("an answer out of nowhere: %s", heard);
    return 0;
}

static void torture(const char *request)
{
    size_t off = 0;

    for (size_t nth = 1; nth < 100; nth++) {
        bed_call(fail_from_now, &nth);
        if (exchange(request)) {
            bed_call(fail_from_now, &off);
            assert_true(nth > 3);
            return;
        }
    }
    fail_msg("it never succeeded");
}

static void an_exchange_survives_every_lack_of_memory(void **state)
{
    static char large[100000];
    size_t used;

    (void)state;
    torture("GET /echo/a%20b?q" H);
    torture("PUT /echo/x" HB "Content-Length: 5\r\n\r\nhello");
    torture("PUT /echo/x" HB "Transfer-Encoding: chunked\r\n\r\n"
            "5\r\nhello\r\n0\r\n\r\n");
    used = (size_t)snprintf(large, sizeof(large),
                            "PUT /echo/x" HB "Content-Length: 90000\r\n\r\n");
    memset(large + used, 'x', 90000);
    torture(large);
    (void)ask("GET /nothing" H);
    assert_heard("404 Not Found");
}

int main(void)
{
    const struct CMUnitTest with_bed[] = {
        cmocka_unit_test(requests_are_routed_and_answered),
        cmocka_unit_test(a_wrong_method_is_told_the_right_ones),
        cmocka_unit_test(status_only_answers_have_no_type),
        cmocka_unit_test(head_is_get_without_the_body),
        cmocka_unit_test(handlers_see_headers_and_cannot_split_answers),
        cmocka_unit_test(many_headers_are_all_kept),
        cmocka_unit_test(a_connection_is_kept_for_the_next_request),
        cmocka_unit_test(http10_is_kept_only_when_asked),
        cmocka_unit_test(pipelined_requests_are_answered_in_order),
        cmocka_unit_test(a_request_sent_during_another_waits),
        cmocka_unit_test(a_head_may_come_byte_by_byte),
        cmocka_unit_test(a_half_closed_peer_gets_its_answer),
        cmocka_unit_test(a_reset_aborts_the_request),
        cmocka_unit_test(a_reset_behind_unread_bytes_aborts_too),
        cmocka_unit_test(an_exchange_survives_every_lack_of_memory),
    };
    const struct CMUnitTest alone[] = {
        cmocka_unit_test(a_graceful_close_waits_for_requests_in_flight),
        cmocka_unit_test(a_second_close_cuts_what_is_left),
        cmocka_unit_test(an_address_belongs_to_one_daemon),
        cmocka_unit_test(both_siblings_get_connections),
        cmocka_unit_test(bad_routes_are_refused_at_start),
    };
    int failed = cmocka_run_group_tests(with_bed, setup, teardown);

    return failed + cmocka_run_group_tests(alone, NULL, NULL);
}
