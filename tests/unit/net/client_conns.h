/*
 * What both lanes must do with connections, time and memory: keeping, losing,
 * repeating, cancelling. The including test sets LANE as for client_cases.h.
 */
#ifndef CCB_TEST_CLIENT_CONNS_H
#define CCB_TEST_CLIENT_CONNS_H

#include "client_bed.h"

/* ---- connections -------------------------------------------------------- */

#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static void test_connection_is_kept(void **state)
{
    static const struct peer_step steps[] = {
        {PEER_ACCEPT, NULL, 0},    {PEER_READ, NULL, 0},
        {PEER_SEND, OK_ANSWER, 0}, {PEER_READ, NULL, 0},
        {PEER_SEND, OK_ANSWER, 0}, {PEER_GONE, NULL, 0},
        {PEER_END, NULL, 0},
    };
    struct result r = {0};
    struct peer peer;
    struct bed bed;

    (void)state;
    assert_true(peer_start(&peer, steps));
    bed_open(&bed);
    for (int i = 1; i <= 2; i++) {
        struct ccb_http_call_options options =
            bed_options("POST", peer.port, LANE, &r);

        options.body = ccb_slice_of("body");
        bed_call(&bed, &options);
        assert_int_equal(r.code, 0);
        assert_string_equal(r.body, "ok");
    }
    bed_close(&bed);
    assert_true(peer_stop(&peer));
    assert_int_equal(peer.connections, 1);
    assert_non_null(strstr(peer.log, "Content-Length: 4\r\n\r\nbody"));
    assert_null(strstr(peer.log, "Accept:"));
    assert_null(strstr(peer.log, "Expect:"));
    peer_free(&peer);
    result_free(&r);
}

/* Two calls; between them the peer closes the idle connection. */
static void test_idle_connection_closed_by_peer(void **state)
{
    static const struct peer_step steps[] = {
        {PEER_ACCEPT, NULL, 0},    {PEER_READ, NULL, 0},
        {PEER_SEND, OK_ANSWER, 0}, {PEER_WAIT, NULL, 0},
        {PEER_CLOSE, NULL, 0},     {PEER_TELL, NULL, 0},
        {PEER_ACCEPT, NULL, 0},    {PEER_READ, NULL, 0},
        {PEER_SEND, OK_ANSWER, 0}, {PEER_END, NULL, 0},
    };
    struct result r = {0};
    struct ccb_http_call_options options;
    struct peer peer;
    struct bed bed;

    (void)state;
    assert_true(peer_start(&peer, steps));
    bed_open(&bed);
    options = bed_options("POST", peer.port, LANE, &r);
    options.body = ccb_slice_of("body");
    bed_call(&bed, &options);
    peer_go(&peer);
    assert_true(peer_await(&peer));
    bed_call(&bed, &options); /* even a POST: nothing was written to it */
    assert_int_equal(r.code, 0);
    bed_close(&bed);
    assert_true(peer_stop(&peer));
    assert_int_equal(peer.connections, 2);
    peer_free(&peer);
    result_free(&r);
}

struct repeat_case {
    const char *method, *body;
    bool no_repeat, repeated;
};

/* The pooled connection takes the second request and dies without a word. */
static void test_repeats(void **state)
{
    static const struct repeat_case cases[] = {
        {"GET", NULL, false, true},    {"PUT", "body", false, true},
        {"DELETE", NULL, false, true}, {"PUT", "body", true, false},
        {"GET", NULL, true, false},    {"POST", "body", false, false},
        {"POST", NULL, false, false},
    };
    static const struct peer_step repeated[] = {
        {PEER_ACCEPT, NULL, 0},    {PEER_READ, NULL, 0},
        {PEER_SEND, OK_ANSWER, 0}, {PEER_READ, NULL, 0},
        {PEER_CLOSE, NULL, 0},     {PEER_ACCEPT, NULL, 0},
        {PEER_READ, NULL, 0},      {PEER_SEND, OK_ANSWER, 0},
        {PEER_END, NULL, 0},
    };
    struct peer_step once[7];

    (void)state;
    memcpy(once, repeated, 5 * sizeof(once[0]));
    /* Keeps listening: a second try would get a connection and no answer. */
    once[5] = (struct peer_step){PEER_WAIT, NULL, 0};
    once[6] = (struct peer_step){PEER_END, NULL, 0};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ccb_http_call_options options;
        struct result r = {0};
        struct peer peer;
        struct bed bed;

        assert_true(peer_start(&peer, cases[i].repeated ? repeated : once));
        bed_open(&bed);
        options = bed_options(cases[i].method, peer.port, LANE, &r);
        options.body = ccb_slice_of(cases[i].body);
        options.no_repeat = cases[i].no_repeat;
        options.timeout = 2 * INT64_C(1000000000);
        bed_call(&bed, &options);
        assert_int_equal(r.code, 0);
        bed_call(&bed, &options);
        if (r.code != (cases[i].repeated ? 0 : CCB_IO))
            fail_msg("%s, case %zu: %d %s", cases[i].method, i, r.code,
                     r.error);
        bed_close(&bed);
        peer_go(&peer);
        assert_true(peer_stop(&peer));
        assert_int_equal(peer.connections, cases[i].repeated ? 2 : 1);
        peer_free(&peer);
        result_free(&r);
    }
}

/* A fresh connection that dies is an error, whatever the method. */
static void test_fresh_connection_reset(void **state)
{
    static const struct peer_step steps[] = {
        {PEER_ACCEPT, NULL, 0},
        {PEER_READ, NULL, 0},
        {PEER_RESET, NULL, 0},
        {PEER_END, NULL, 0},
    };
    struct result r = {0};
    struct ccb_http_call_options options;
    struct peer peer;
    struct bed bed;

    (void)state;
    assert_true(peer_start(&peer, steps));
    bed_open(&bed);
    options = bed_options("GET", peer.port, LANE, &r);
    bed_call(&bed, &options);
    assert_int_equal(r.code, CCB_IO);
    assert_non_null(strstr(r.error, "Get http://127.0.0.1:"));
    assert_null(strstr(r.error, "secret"));
    bed_close(&bed);
    assert_true(peer_stop(&peer));
    peer_free(&peer);
    result_free(&r);
}

static void test_connection_close_is_obeyed(void **state)
{
    static const struct peer_step steps[] = {
        {PEER_ACCEPT, NULL, 0},
        {PEER_READ, NULL, 0},
        {PEER_SEND,
         "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
         0},
        {PEER_GONE, NULL, 0},
        {PEER_ACCEPT, NULL, 0},
        {PEER_READ, NULL, 0},
        {PEER_SEND, OK_ANSWER, 0},
        {PEER_END, NULL, 0},
    };
    struct result r = {0};
    struct ccb_http_call_options options;
    struct peer peer;
    struct bed bed;

    (void)state;
    assert_true(peer_start(&peer, steps));
    bed_open(&bed);
    options = bed_options("POST", peer.port, LANE, &r);
    for (int i = 0; i < 2; i++) {
        bed_call(&bed, &options);
        assert_int_equal(r.code, 0);
    }
    bed_close(&bed);
    assert_true(peer_stop(&peer));
    assert_int_equal(peer.connections, 2);
    peer_free(&peer);
    result_free(&r);
}

static void test_connection_refused(void **state)
{
    struct result r = {0};
    struct ccb_http_call_options options;
    unsigned short port = 0;
    int fd = peer_listen(AF_INET, &port);
    char words[160];
    struct bed bed;

    (void)state;
    close(fd);
    bed_open(&bed);
    options = bed_options("GET", port, LANE, &r);
    bed_call(&bed, &options);
    assert_int_equal(r.code, CCB_IO);
    snprintf(words, sizeof(words),
             "Get http://127.0.0.1:%u/p: dial tcp 127.0.0.1:%u: connection "
             "refused",
             port, port);
    assert_string_equal(r.error, words);
    bed_close(&bed);
    result_free(&r);
}

static void test_unknown_host(void **state)
{
    struct result r = {0};
    struct ccb_http_call_options options;
    struct bed bed;

    (void)state;
    bed_open(&bed);
    options = bed_options("GET", 1, LANE, &r);
    options.url = ccb_slice_of("http://u:pw@no-such-host.invalid/p?q=secret");
    bed_call(&bed, &options);
    assert_int_equal(r.code, CCB_IO);
    assert_non_null(strstr(r.error, "Get http://no-such-host.invalid/p: dial "
                                    "tcp: lookup no-such-host.invalid: "));
    assert_null(strstr(r.error, "pw"));
    bed_close(&bed);
    result_free(&r);
}

/* IPv6 literals and localhost. */
static void test_other_addresses(void **state)
{
    static const struct peer_step steps[] = {
        {PEER_ACCEPT, NULL, 0},
        {PEER_READ, NULL, 0},
        {PEER_SEND, OK_ANSWER, 0},
        {PEER_END, NULL, 0},
    };
    static const char *const urls[] = {
        "http://[::1]:%u/", "http://localhost:%u", "http://localhost:%u?x"};

    (void)state;
    for (int i = 0; i < 3; i++) {
        struct result r = {0};
        struct ccb_http_call_options options;
        struct peer peer;
        struct bed bed;
        char url[64];

        if (!peer_start_on(&peer, i == 2 ? AF_INET : AF_INET6, steps))
            return; /* a machine without IPv6 */
        bed_open(&bed);
        options = bed_options("GET", peer.port, LANE, &r);
        switch (i) {
        case 0:
            snprintf(url, sizeof(url), "http://[::1]:%u/", peer.port);
            break;
        case 1:
            snprintf(url, sizeof(url), "http://localhost:%u", peer.port);
            break;
        default:
            snprintf(url, sizeof(url), "http://localhost:%u?x", peer.port);
            break;
        }
        options.url = ccb_slice_of(url);
        bed_call(&bed, &options);
        if (r.code != 0)
            fail_msg("%s: %s", urls[i], r.error);
        bed_close(&bed);
        assert_true(peer_stop(&peer));
        assert_non_null(
            strstr(peer.log, i == 2 ? "GET /?x HTTP/1.1" : "GET / HTTP/1.1"));
        peer_free(&peer);
        result_free(&r);
    }
}

static void test_auth_and_headers(void **state)
{
    static const struct peer_step steps[] = {
        {PEER_ACCEPT, NULL, 0},    {PEER_READ, NULL, 0},
        {PEER_SEND, OK_ANSWER, 0}, {PEER_READ, NULL, 0},
        {PEER_SEND, OK_ANSWER, 0}, {PEER_END, NULL, 0},
    };
    struct ccb_http_header headers[] = {{CCB_LIT("X-Mine"), CCB_LIT("1 2")},
                                        {CCB_LIT("X-Empty"), CCB_LIT("")}};
    struct result r = {0};
    struct ccb_http_call_options options;
    struct peer peer;
    struct bed bed;
    char url[64];

    (void)state;
    assert_true(peer_start(&peer, steps));
    bed_open(&bed);
    options = bed_options("GET", peer.port, LANE, &r);
    snprintf(url, sizeof(url), "http://us%%65r:p%%40ss@127.0.0.1:%u/a%%20b",
             peer.port);
    options.url = ccb_slice_of(url);
    options.headers = headers;
    options.header_count = 2;
    bed_call(&bed, &options);
    assert_int_equal(r.code, 0);
    assert_non_null(strstr(peer.log, "GET /a%20b HTTP/1.1\r\n"));
    /* user:p@ss */
    assert_non_null(strstr(peer.log, "Authorization: Basic dXNlcjpwQHNz\r\n"));
    assert_non_null(strstr(peer.log, "X-Mine: 1 2\r\n"));
    assert_non_null(strstr(peer.log, "X-Empty:"));
    options.has_auth = true;
    options.username = ccb_slice_of("a");
    options.password = ccb_slice_of("b");
    bed_call(&bed, &options);
    assert_non_null(strstr(peer.log, "Authorization: Basic YTpi\r\n"));
    bed_close(&bed);
    assert_true(peer_stop(&peer));
    peer_free(&peer);
    result_free(&r);
}

/* ---- big bodies, time, cancelling --------------------------------------- */

static void test_large_bodies(void **state)
{
    enum { UP = 700000, DOWN = 3000000 };
    static const struct peer_step steps[] = {
        {PEER_ACCEPT, NULL, 0},
        {PEER_READ, NULL, 0},
        {PEER_SEND, "HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n", 0},
        {PEER_FLOOD, NULL, DOWN},
        {PEER_END, NULL, 0},
    };
    struct result r = {0};
    struct ccb_http_call_options options;
    char *body = malloc(UP);
    struct peer peer;
    struct bed bed;

    (void)state;
    memset(body, 'u', UP);
    assert_true(peer_start(&peer, steps));
    bed_open(&bed);
    options = bed_options("PUT", peer.port, LANE, &r);
    options.body = ccb_slice_make(body, UP);
    bed_call(&bed, &options);
    assert_int_equal(r.code, 0);
    assert_int_equal(r.body_len, DOWN);
    assert_int_equal(strspn(r.body, "x"), DOWN);
    bed_close(&bed);
    assert_true(peer_stop(&peer));
    assert_int_equal(strspn(strstr(peer.log, "\r\n\r\n") + 4, "u"), UP);
    peer_free(&peer);
    result_free(&r);
    free(body);
}

static void test_timeout(void **state)
{
    static const struct peer_step steps[] = {
        {PEER_ACCEPT, NULL, 0},
        {PEER_READ, NULL, 0},
        {PEER_SEND, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", 0},
        {PEER_GONE, NULL, 0},
        {PEER_END, NULL, 0},
    };
    struct result r = {0};
    struct ccb_http_call_options options;
    struct peer peer;
    struct bed bed;

    (void)state;
    assert_true(peer_start(&peer, steps));
    bed_open(&bed);
    options = bed_options("GET", peer.port, LANE, &r);
    options.timeout = 50 * INT64_C(1000000);
    bed_call(&bed, &options);
    assert_int_equal(r.code, CCB_TIMED_OUT);
    assert_non_null(strstr(r.error, "no whole answer within 50ms"));
    assert_true(peer_stop(&peer));
    bed_close(&bed);
    peer_free(&peer);
    result_free(&r);
}

/* A listener whose queue is full does not answer a connection's first packet.
 */
static void test_connect_timeout(void **state)
{
    struct result r = {0};
    struct ccb_http_call_options options;
    unsigned short port = 0;
    int fd = peer_listen(AF_INET, &port);
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fillers[8];
    struct bed bed;

    (void)state;
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(listen(fd, 0), 0);
    for (int i = 0; i < 8; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(fillers[i], (void *)&addr, sizeof(addr));
    }
    bed_open(&bed);
    options = bed_options("GET", port, LANE, &r);
    options.connect_timeout = 50 * INT64_C(1000000);
    options.timeout = 20 * INT64_C(1000000000);
    bed_call(&bed, &options);
    assert_int_equal(r.code, CCB_TIMED_OUT);
    assert_non_null(strstr(r.error, "no connection within 50ms"));
    bed_close(&bed);
    for (int i = 0; i < 8; i++)
        close(fillers[i]);
    close(fd);
    result_free(&r);
}

/* What is cancelled, before or during the exchange, is never heard of. */
static void test_cancel(void **state)
{
    static const struct peer_step steps[] = {
        {PEER_ACCEPT, NULL, 0}, {PEER_READ, NULL, 0}, {PEER_TELL, NULL, 0},
        {PEER_GONE, NULL, 0},   {PEER_END, NULL, 0},
    };
    struct result r = {0};
    struct ccb_http_call_options options;
    struct ccb_http_call *call;
    struct peer peer;
    struct bed bed;

    (void)state;
    assert_true(peer_start(&peer, steps));
    bed_open(&bed);
    options = bed_options("GET", peer.port, LANE, &r);
    options.url = ccb_slice_of("http://name-to-resolve.invalid/");
    ccb_http_cancel(bed_send(&bed, &options));
    options = bed_options("GET", peer.port, LANE, &r);
    call = bed_send(&bed, &options);
    while (sem_trywait(&peer.told) != 0)
        (void)uv_run(&bed.loop.uv, UV_RUN_NOWAIT);
    ccb_http_cancel(call);
    (void)ccb_loop_run(&bed.loop);
    assert_true(peer_stop(&peer));
    assert_int_equal(r.done, 0);
    bed_close(&bed);
    peer_free(&peer);
}

static void test_close_cancels(void **state)
{
    static const struct peer_step steps[] = {
        {PEER_ACCEPT, NULL, 0}, {PEER_READ, NULL, 0}, {PEER_TELL, NULL, 0},
        {PEER_GONE, NULL, 0},   {PEER_END, NULL, 0},
    };
    struct result r = {0};
    struct ccb_http_call_options options;
    struct ccb_error err;
    struct peer peer;
    struct bed bed;

    (void)state;
    assert_true(peer_start(&peer, steps));
    bed_open(&bed);
    options = bed_options("GET", peer.port, LANE, &r);
    (void)bed_send(&bed, &options);
    while (sem_trywait(&peer.told) != 0)
        (void)uv_run(&bed.loop.uv, UV_RUN_NOWAIT);
    ccb_http_client_close(bed.client, on_bed_closed, &bed);
    assert_int_equal(ccb_http_send(bed.client, &options, NULL, &err),
                     CCB_CLOSED);
    bed.client = NULL;
    bed_close(&bed);
    assert_true(peer_stop(&peer));
    assert_int_equal(r.done, 0);
    peer_free(&peer);
}

/* A call started from on_done has the connection of the call that ended. */
struct chain {
    struct result result;
    struct bed *bed;
    struct ccb_http_call_options options;
    struct ccb_http_call *call;
    int left;
};

static void on_chain(void *user, const struct ccb_http_answer *answer)
{
    struct chain *chain = user;
    struct ccb_error err;

    on_result(&chain->result, answer);
    ccb_http_cancel(chain->call); /* harmless in its own on_done */
    if (chain->left-- > 0)
        assert_int_equal(ccb_http_send(chain->bed->client, &chain->options,
                                       &chain->call, &err),
                         0);
    else
        ccb_http_client_close(chain->bed->client, on_bed_closed, chain->bed);
}

static void test_chain_and_close_inside_on_done(void **state)
{
    static const struct peer_step steps[] = {
        {PEER_ACCEPT, NULL, 0},    {PEER_READ, NULL, 0},
        {PEER_SEND, OK_ANSWER, 0}, {PEER_READ, NULL, 0},
        {PEER_SEND, OK_ANSWER, 0}, {PEER_READ, NULL, 0},
        {PEER_SEND, OK_ANSWER, 0}, {PEER_GONE, NULL, 0},
        {PEER_END, NULL, 0},
    };
    struct chain chain = {.left = 2};
    struct peer peer;
    struct bed bed;

    (void)state;
    assert_true(peer_start(&peer, steps));
    bed_open(&bed);
    chain.bed = &bed;
    chain.options = bed_options("GET", peer.port, LANE, &chain.result);
    chain.options.on_done = on_chain;
    chain.options.user = &chain;
    chain.call = bed_send(&bed, &chain.options);
    chain.result.sending = false;
    (void)ccb_loop_run(&bed.loop);
    assert_int_equal(chain.result.done, 3);
    assert_true(bed.closed);
    bed.client = NULL;
    bed_close(&bed);
    assert_true(peer_stop(&peer));
    assert_int_equal(peer.connections, 1);
    peer_free(&peer);
    result_free(&chain.result);
}

static void test_refused_requests(void **state)
{
    static const char *const urls[] = {
        "", "://x", "ftp://h/", "http://", "http://h/a b", "http://h/\n",
    };
    struct ccb_http_header bad[] = {
        {CCB_LIT("X"), CCB_LIT("a\r\nY: b")},
        {CCB_LIT("X y"), CCB_LIT("a")},
        {CCB_LIT("content-length"), CCB_LIT("3")},
    };
    struct result r = {0};
    struct bed bed;
    struct ccb_error err;
    struct ccb_http_call_options options = bed_options("GET", 1, LANE, &r);

    (void)state;
    bed_open(&bed);
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        options.url = ccb_slice_of(urls[i]);
        assert_int_equal(ccb_http_send(bed.client, &options, NULL, &err),
                         CCB_INVALID);
    }
    options = bed_options("GET", 1, LANE, &r);
    options.header_count = 1;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        options.headers = &bad[i];
        assert_int_equal(ccb_http_send(bed.client, &options, NULL, NULL),
                         CCB_INVALID);
    }
    options = bed_options("G T", 1, LANE, &r);
    assert_int_equal(ccb_http_send(bed.client, &options, NULL, &err),
                     CCB_INVALID);
    bed_close(&bed);
    assert_int_equal(r.done, 0);
}

/* Every allocation of an exchange fails once: an error or a whole answer, and
 * nothing left behind. */
static void test_out_of_memory(void **state)
{
    static const struct peer_step steps[] = {
        {PEER_ACCEPT, NULL, 0},
        {PEER_READ, NULL, 0},
        {PEER_EACH,
         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n"
         "0\r\n\r\n",
         0},
        {PEER_END, NULL, 0},
    };
    bool whole = false;

    (void)state;
    for (size_t nth = 1; !whole && nth < 200; nth++) {
        struct result r = {0};
        struct ccb_http_call_options options;
        struct ccb_error err = {0};
        struct peer peer;
        struct bed bed;
        int code, wake;

        assert_true(peer_start(&peer, steps));
        bed_open(&bed);
        options = bed_options("PUT", peer.port, LANE, &r);
        options.body = ccb_slice_of("body");
        (void)ccb_mem_fail_at(nth, 0);
        code = ccb_http_send(bed.client, &options, NULL, &err);
        (void)ccb_loop_run(&bed.loop);
        whole = ccb_mem_fail_at(0, 0) < nth;
        assert_int_equal(r.done, code == 0 ? 1 : 0);
        assert_true(code == 0 || code == CCB_NO_MEMORY);
        if (whole)
            assert_int_equal(r.code, 0);
        if (r.done && r.code == 0)
            assert_string_equal(r.body, "ok");
        bed_close(&bed);
        /* A peer that was never called on still waits. */
        wake = socket(AF_INET, SOCK_STREAM, 0);
        (void)connect(
            wake,
            (void *)&(struct sockaddr_in){.sin_family = AF_INET,
                                          .sin_port = htons(peer.port),
                                          .sin_addr = {htonl(INADDR_LOOPBACK)}},
            sizeof(struct sockaddr_in));
        close(wake);
        (void)peer_stop(&peer);
        peer_free(&peer);
        result_free(&r);
    }
    assert_true(whole);
}

#define COMMON_TESTS                                                           \
    cmocka_unit_test(test_answers),                                            \
        cmocka_unit_test(test_answers_byte_by_byte),                           \
        cmocka_unit_test(test_cut_answers_are_errors),                         \
        cmocka_unit_test(test_connection_is_kept),                             \
        cmocka_unit_test(test_idle_connection_closed_by_peer),                 \
        cmocka_unit_test(test_repeats),                                        \
        cmocka_unit_test(test_fresh_connection_reset),                         \
        cmocka_unit_test(test_connection_close_is_obeyed),                     \
        cmocka_unit_test(test_connection_refused),                             \
        cmocka_unit_test(test_unknown_host),                                   \
        cmocka_unit_test(test_other_addresses),                                \
        cmocka_unit_test(test_auth_and_headers),                               \
        cmocka_unit_test(test_large_bodies), cmocka_unit_test(test_timeout),   \
        cmocka_unit_test(test_connect_timeout), cmocka_unit_test(test_cancel), \
        cmocka_unit_test(test_close_cancels),                                  \
        cmocka_unit_test(test_chain_and_close_inside_on_done),                 \
        cmocka_unit_test(test_refused_requests),                               \
        cmocka_unit_test(test_out_of_memory)

#endif
