/*
 * Requests the HTTP server refuses, each by name: status, words, the end of
 * the connection (contract/stager.md A7; what llhttp lets through).
 */
#include "http_bed.h"

static _Atomic int handled;

static void on_request(struct ccb_http_request *request, void *user)
{
    (void)user;
    handled++;
    ccb_http_respond(request, 200, "text/plain",
                     ccb_http_request_info(request)->body);
}

static const struct ccb_http_route routes[] = {
    {.method = "GET", .path = "/*", .on_request = on_request},
    {.method = "PUT", .path = "/put", .on_request = on_request},
};

#define G "GET / HTTP/1.1\r\nHost: h\r\n"
#define P "PUT /put HTTP/1.1\r\nHost: h\r\n"
#define C P "Transfer-Encoding: chunked\r\n\r\n"

/* The text's length counts, for some hold a NUL. */
#define ROW(text, status, why)                                                 \
    {                                                                          \
        text, sizeof(text) - 1, status, why                                    \
    }
static const struct {
    const char *text;
    size_t len;
    int status;
    const char *why;
} table[] = {
    /* the request line */
    ROW("GET /\r\n", 505, "HTTP/0.9 is not served"),
    ROW("GET / HTTP/0.9\r\n\r\n", 505, "only HTTP/1.0 and HTTP/1.1"),
    ROW("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "only HTTP/1.0 and"),
    ROW("GET / HTTP/1.2\r\nHost: h\r\n\r\n", 505, "only HTTP/1.0 and"),
    ROW("GET / HTTP/3.1\r\nHost: h\r\n\r\n", 505, "only HTTP/1.0 and"),
    ROW("GET / http/1.1\r\nHost: h\r\n\r\n", 400, "malformed HTTP version"),
    ROW("GET / HTTP/1.10\r\nHost: h\r\n\r\n", 400, "malformed HTTP version"),
    ROW("GET / HTTP/11\r\nHost: h\r\n\r\n", 400, "malformed HTTP version"),
    ROW("GET / ICE/1.0\r\nHost: h\r\n\r\n", 400, "malformed HTTP version"),
    ROW("GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400, "malformed request line"),
    ROW("GET / x HTTP/1.1\r\nHost: h\r\n\r\n", 400, "malformed HTTP version"),
    ROW(" GET / HTTP/1.1\r\n\r\n", 400, "malformed request line"),
    ROW("GET\r\n", 400, "malformed request line"),
    ROW("\x16\x03\x01\x02\r\n", 400, "malformed request line"),
    ROW("BREW / HTTP/1.1\r\nHost: h\r\n\r\n", 501, "unknown method"),
    ROW("get / HTTP/1.1\r\nHost: h\r\n\r\n", 501, "unknown method"),
    ROW("CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n", 501, "CONNECT"),
    ROW("GET /\x01 HTTP/1.1\r\nHost: h\r\n\r\n", 400, "in the request target"),
    ROW("GET /\0 HTTP/1.1\r\nHost: h\r\n\r\n", 400, "in the request target"),
    ROW("GET h HTTP/1.1\r\nHost: h\r\n\r\n", 400, "bad request target"),
    ROW("GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n", 400, "bad percent-encoding"),
    ROW("GET /% HTTP/1.1\r\nHost: h\r\n\r\n", 400, "bad percent-encoding"),
    ROW("GET /a%00b HTTP/1.1\r\nHost: h\r\n\r\n", 400, "NUL in the path"),
    /* line ends */
    ROW("GET / HTTP/1.1\nHost: h\n\n", 400, "line end without CR"),
    ROW("\nGET / HTTP/1.1\r\n", 400, "line end without CR"),
    ROW("GET / HTTP/1.1\r\nHost: h\n\r\n", 400, "line end without CR"),
    ROW("GET / HTTP/1.1\r\nA: b\rc\r\n", 400, "control character in a header"),
    ROW("GET / HTTP/1.1\r\n\nHost: h\r\n\r\n", 400, "line end without CR"),
    ROW("GET / HTTP/1.1\r\r\nHost: h\r\n\r\n", 400, "malformed HTTP version"),
    /* header lines */
    ROW("GET / HTTP/1.1\r\nHost : h\r\n\r\n", 400, "before the colon"),
    ROW("GET / HTTP/1.1\r\nHost\t: h\r\n\r\n", 400, "before the colon"),
    ROW(G ": x\r\n\r\n", 400, "empty header name"),
    ROW(G "A: b\r\n c\r\n\r\n", 400, "folded header lines"),
    ROW(G "A: b\r\n\tc\r\n\r\n", 400, "folded header lines"),
    ROW("GET / HTTP/1.1\r\n Host: h\r\n\r\n", 400, "folded header lines"),
    ROW(G "A(b): c\r\n\r\n", 400, "bad character in a header name"),
    ROW(G "\xc3\xa9: c\r\n\r\n", 400, "bad character in a header name"),
    ROW(G "nocolon\r\n\r\n", 400, "without a colon"),
    ROW(G "A: \x02\r\n\r\n", 400, "control character in a header value"),
    ROW(G "A: \x7f\r\n\r\n", 400, "control character in a header value"),
    ROW(G "A: b\0c\r\n\r\n", 400, "control character in a header value"),
    /* hosts */
    ROW("GET / HTTP/1.1\r\n\r\n", 400, "no Host header"),
    ROW(G "Host: h\r\n\r\n", 400, "more than one Host"),
    ROW(G "host: other\r\n\r\n", 400, "more than one Host"),
    ROW("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400, "one Host"),
    ROW("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, "in the Host header"),
    ROW("GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", 400, "in the Host header"),
    /* what frames the body */
    ROW(P "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400,
        "Content-Length given twice"),
    ROW(P "Content-Length: 1, 2\r\n\r\nab", 400, "bad Content-Length"),
    ROW(P "Content-Length: -1\r\n\r\n", 400, "bad Content-Length"),
    ROW(P "Content-Length: +1\r\n\r\na", 400, "bad Content-Length"),
    ROW(P "Content-Length: 0x1\r\n\r\na", 400, "bad Content-Length"),
    ROW(P "Content-Length:\r\n\r\n", 400, "bad Content-Length"),
    ROW(P "Content-Length: 99999999999999999999\r\n\r\n", 400,
        "bad Content-Length"),
    ROW(P "Content-Length: 9999999999999999999\r\n\r\n", 400,
        "Content-Length too large"),
    ROW(P "Transfer-Encoding: gzip, chunked\r\n\r\n", 501, "is chunked"),
    ROW(P "Transfer-Encoding: chunked, gzip\r\n\r\n", 501, "is chunked"),
    ROW(P "Transfer-Encoding: xchunked\r\n\r\n", 501, "is chunked"),
    ROW(P "Transfer-Encoding: identity\r\n\r\n", 501, "is chunked"),
    ROW(P "Transfer-Encoding:\r\n\r\n", 501, "is chunked"),
    ROW(P "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        501, "is chunked"),
    ROW(P "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", 400,
        "with Transfer-Encoding"),
    ROW(P "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400,
        "with Transfer-Encoding"),
    ROW("PUT /put HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400,
        "in an HTTP/1.0 request"),
    ROW(P "Expect: 200-ok\r\nContent-Length: 1\r\n\r\n", 417, "100-continue"),
    /* chunks */
    ROW(C "10000000000000000\r\n", 400, "chunk size too large"),
    ROW(C "ffffffffffffffff\r\n", 400, "chunk size too large"),
    ROW(C "\r\n", 400, "bad chunk size"),
    ROW(C "x\r\n", 400, "bad chunk size"),
    ROW(C "-1\r\n", 400, "bad chunk size"),
    ROW(C "0x1\r\n", 400, "bad chunk size"),
    ROW(C "1 \r\na", 400, "bad chunk size"),
    ROW(C "1\na", 400, "bad chunk size"),
    ROW(C "1\rxa", 400, "bad line end in a chunked body"),
    ROW(C "1;a\x01", 400, "control character in a chunked body"),
    ROW(C "1;a\n", 400, "control character in a chunked body"),
    /* llhttp itself skips these two unseen */
    ROW(C "1\r\naXX0\r\n\r\n", 400, "bad line end in a chunked body"),
    ROW(C "1\r\na\n", 400, "bad line end in a chunked body"),
    ROW(C "0\r\n\n", 400, "control character in a chunked body"),
    ROW(C "0\r\nA: b\nc", 400, "control character in a chunked body"),
    ROW(C "0\r\n\rX", 400, "bad line end in a chunked body"),
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

static void hear_refusal(int fd, size_t row)
{
    char first[32], why[64];
    const char *text = table[row].text;

    if (hear_all(fd) != 0)
        fail_msg("row %zu was reset: %s", row, text);
    (void)snprintf(first, sizeof(first), "HTTP/1.1 %d ", table[row].status);
    if (strncmp(heard, first, strlen(first)) != 0)
        fail_msg("row %zu: %s\ngot %s", row, text, heard);
    (void)snprintf(why, sizeof(why), "%s", table[row].why);
    if (strstr(heard_body(), why) == NULL)
        fail_msg("row %zu: %s\ngot %s", row, text, heard);
    assert_heard("\r\nContent-Type: text/plain; charset=utf-8\r\n");
    assert_heard("\r\nConnection: close\r\n");
    assert_int_equal(heard[heard_len - 1], '\n');
    assert_int_equal(bed.refused, table[row].status);
}

static void each_slip_is_refused_by_name(void **state)
{
    (void)state;
    handled = 0;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        int64_t before = metric(CCB_METRIC_HTTP_BAD_REQUESTS);
        int fd = dial();

        bed.refused = 0;
        say_bytes(fd, table[i].text, table[i].len);
        hear_refusal(fd, i);
        (void)close(fd);
        assert_int_equal(metric(CCB_METRIC_HTTP_BAD_REQUESTS), before + 1);
    }
    assert_int_equal(handled, 0);
}

/* Where the packets end makes no difference. */
static void slips_that_come_in_two_halves_are_seen_too(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        static const int on = 1;
        size_t half = table[i].len / 2;
        int fd = dial();

        (void)setsockopt(fd, IPPROTO_TCP, 1 /* no delay */, &on, sizeof(on));
        say_bytes(fd, table[i].text, half);
        (void)send(fd, table[i].text + half, table[i].len - half, MSG_NOSIGNAL);
        hear_refusal(fd, i);
        (void)close(fd);
    }
}

static void a_refusal_behind_good_requests_comes_after_their_answers(
    void **state)
{
    int fd = dial();

    (void)state;
    say(fd, P "Content-Length: 2\r\n\r\nok" G "\r\nGET / HTTP/1.1\r\n\r\n" G
              "\r\n");
    assert_string_equal(hear_answer(fd), "ok");
    (void)hear_answer(fd);
    assert_heard("200 OK");
    assert_int_equal(hear_all(fd), 0);
    assert_heard("no Host header\n");
    assert_null(strstr(heard, "200 OK"));
    (void)close(fd);
}

/* The peer goes on sending for a while: it must see the answer all the same,
 * not a reset. */
static void a_peer_that_goes_on_sending_sees_the_refusal(void **state)
{
    static char much[300000];
    int fd = dial();

    (void)state;
    memset(much, 'x', sizeof(much));
    say(fd, P "Content-Length: 999999999999\r\n\r\n");
    say_bytes(fd, much, sizeof(much));
    assert_int_equal(hear_all(fd), 0);
    assert_heard("413 Request Entity Too Large");
    assert_heard("request body too large\n");
    /* The server has ended its side only: what comes is still taken. A closed
     * socket would answer the first with a reset and so fail the second. */
    say(fd, "more");
    say(fd, "and more");
    (void)close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_slip_is_refused_by_name),
        cmocka_unit_test(slips_that_come_in_two_halves_are_seen_too),
        cmocka_unit_test(
            a_refusal_behind_good_requests_comes_after_their_answers),
        cmocka_unit_test(a_peer_that_goes_on_sending_sees_the_refusal),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
