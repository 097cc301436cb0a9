/*
 * Bodies in pieces, in and out: back-pressure, ends that come too soon,
 * expectations, answers given before the body was read (net/http_server.h).
 */
#include "http_bed.h"

/* ---- answers in pieces -------------------------------------------------- */

static void write_text(struct ccb_http_request *request, const char *text)
{
    (void)ccb_http_write(request, ccb_slice_of(text));
}

static void on_chunked(struct ccb_http_request *request, void *user)
{
    static const struct ccb_http_header type = {CCB_LIT("Content-Type"),
                                                CCB_LIT("text/event-stream")};

    (void)user;
    ccb_http_respond_start(request, 200, &type, 1, -1);
    write_text(request, "hello ");
    write_text(request, ""); /* an empty chunk would be the end */
    write_text(request, "world");
    ccb_http_finish(request);
}

static void on_sized(struct ccb_http_request *request, void *user)
{
    (void)user;
    ccb_http_respond_start(request, 200, NULL, 0, 11);
    write_text(request, "hello ");
    write_text(request, "world");
    ccb_http_finish(request);
}

static void on_short(struct ccb_http_request *request, void *user)
{
    (void)user;
    ccb_http_respond_start(request, 200, NULL, 0, 11);
    write_text(request, "hello");
    ccb_http_finish(request);
}

static void on_long(struct ccb_http_request *request, void *user)
{
    (void)user;
    ccb_http_respond_start(request, 200, NULL, 0, 5);
    write_text(request, "hello world");
    ccb_http_finish(request);
}

static void on_abandon(struct ccb_http_request *request, void *user)
{
    (void)user;
    ccb_http_respond_start(request, 200, NULL, 0, -1);
    write_text(request, "hello");
    ccb_http_abandon(request);
}

#define PIECES 200
#define PIECE 65536

static int pieces_left;
static _Atomic size_t most_waiting;

static void give_pieces(struct ccb_http_request *request, void *user)
{
    static char piece[PIECE];
    size_t waiting = 0;

    (void)user;
    memset(piece, 'p', sizeof(piece));
    while (pieces_left > 0 && waiting < CCB_HTTP_HIGH_WATER) {
        pieces_left--;
        waiting = ccb_http_write(request, ccb_slice_make(piece, sizeof(piece)));
        if (waiting > most_waiting)
            most_waiting = waiting;
    }
    if (pieces_left == 0)
        ccb_http_finish(request);
}

static void on_large(struct ccb_http_request *request, void *user)
{
    pieces_left = PIECES;
    ccb_http_on_drain(request, give_pieces, NULL);
    ccb_http_respond_start(request, 200, NULL, 0, (int64_t)PIECES * PIECE);
    give_pieces(request, user);
}

/* ---- bodies in pieces --------------------------------------------------- */

static struct {
    char text[1 << 20];
    size_t len;
    int64_t length;
    bool pause_each; /* pauses after each piece; the test resumes */
    bool answer_early;
    uv_sem_t paused;
} in;

static void on_piece(struct ccb_http_request *request, struct ccb_slice piece,
                     void *user)
{
    assert_ptr_equal(user, &in);
    assert_true(in.len + piece.len <= sizeof(in.text));
    memcpy(in.text + in.len, piece.ptr, piece.len);
    in.len += piece.len;
    if (in.answer_early) {
        ccb_http_respond(request, 200, "text/plain", ccb_slice_of("early"));
    } else if (in.pause_each) {
        ccb_http_pause(request);
        uv_sem_post(&in.paused);
    }
}

static void on_body_end(struct ccb_http_request *request, void *user)
{
    (void)user;
    ccb_http_respond(request, 200, "text/plain",
                     ccb_slice_make(in.text, in.len < 64 ? in.len : 64));
}

static const struct ccb_http_body_reader reader = {on_piece, on_body_end, &in};

static void on_upload(struct ccb_http_request *request, void *user)
{
    (void)user;
    in.len = 0;
    in.length = ccb_http_content_length(request);
    bed.parked = request;
    ccb_http_on_abort(request, on_bed_abort, NULL);
    ccb_http_read_body(request, &reader);
}

static void on_late(struct ccb_http_request *request, void *user)
{
    in.len = 0;
    on_park(request, user);
}

static void read_parked(void *unused)
{
    (void)unused;
    ccb_http_read_body(bed.parked, &reader);
}

static void resume_parked(void *unused)
{
    (void)unused;
    ccb_http_resume(bed.parked);
}

static void on_refuse(struct ccb_http_request *request, void *user)
{
    (void)user;
    ccb_http_respond(request, 403, "text/plain", ccb_slice_of("no"));
}

static void on_whole(struct ccb_http_request *request, void *user)
{
    (void)user;
    ccb_http_respond(request, 200, "text/plain",
                     ccb_http_request_info(request)->body);
}

static const struct ccb_http_route routes[] = {
    {.method = "GET", .path = "/chunked", .on_request = on_chunked},
    {.method = "GET", .path = "/sized", .on_request = on_sized},
    {.method = "GET", .path = "/short", .on_request = on_short},
    {.method = "GET", .path = "/long", .on_request = on_long},
    {.method = "GET", .path = "/abandon", .on_request = on_abandon},
    {.method = "GET", .path = "/large", .on_request = on_large},
    {.method = "PUT", .path = "/up", .on_request = on_upload, .stream = true},
    {.method = "PUT",
     .path = "/capped",
     .on_request = on_upload,
     .stream = true,
     .max_body = 10},
    {.method = "PUT", .path = "/late", .on_request = on_late, .stream = true},
    {.method = "PUT",
     .path = "/refuse",
     .on_request = on_refuse,
     .stream = true},
    {.method = "PUT", .path = "/whole", .on_request = on_whole},
    {.method = "PUT", .path = "/park", .on_request = on_park},
};

static int setup(void **state)
{
    (void)state;
    (void)uv_sem_init(&in.paused, 0);
    bed_open(routes, sizeof(routes) / sizeof(routes[0]), &usual_limits);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    bed_close();
    uv_sem_destroy(&in.paused);
    return 0;
}

#define H " HTTP/1.1\r\nHost: h\r\n"
#define CLOSE "Connection: close\r\n"

static void an_answer_of_unknown_length_is_chunked(void **state)
{
    (void)state;
    (void)ask("GET /chunked" H CLOSE "\r\n");
    assert_heard("\r\nTransfer-Encoding: chunked\r\n");
    assert_heard("\r\nContent-Type: text/event-stream\r\n");
    assert_not_heard("Content-Length");
    assert_string_equal(heard_body(), "6\r\nhello \r\n5\r\nworld\r\n0\r\n\r\n");
    (void)ask("HEAD /chunked" H CLOSE "\r\n");
    assert_string_equal(heard_body(), "");
}

static void to_http10_it_ends_with_the_connection(void **state)
{
    (void)state;
    (void)ask("GET /chunked HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_not_heard("chunked");
    assert_heard("\r\nConnection: close\r\n");
    assert_string_equal(heard_body(), "hello world");
}

static void an_answer_of_known_length_says_it(void **state)
{
    int fd = dial();

    (void)state;
    say(fd, "GET /sized" H "\r\n");
    assert_string_equal(hear_answer(fd), "hello world");
    say(fd, "HEAD /sized" H "\r\n");
    hear_head(fd);
    assert_heard("\r\nContent-Length: 11\r\n");
    say(fd, "GET /sized" H CLOSE "\r\n");
    (void)hear_all(fd);
    assert_string_equal(heard_body(), "hello world");
    (void)close(fd);
}

static void what_is_not_whole_is_cut(void **state)
{
    static const char *const requests[] = {
        "GET /short" H "\r\n",
        "GET /long" H "\r\n",
        "GET /abandon" H "\r\n",
        "GET /abandon HTTP/1.0\r\n\r\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        int fd = dial();

        say(fd, requests[i]);
        assert_int_equal(hear_all(fd), -1); /* a reset */
        (void)close(fd);
    }
    assert_int_equal(bed.aborted, 0);
}

static void a_slow_reader_holds_the_writer_back(void **state)
{
    size_t want = (size_t)PIECES * PIECE;
    int fd = dial();

    (void)state;
    most_waiting = 0;
    say(fd, "GET /large" H "\r\n");
    hear_head(fd);
    for (size_t got = 0; got < want; got += heard_len) {
        size_t step =
            want - got < sizeof(heard) - 1 ? want - got : sizeof(heard) - 1;

        assert_true(hear_bytes(fd, step));
        for (size_t i = 0; i < heard_len; i++)
            if (heard[i] != 'p')
                fail_msg("a wrong byte at %zu", got + i);
    }
    assert_true(most_waiting > 0); /* else it pinned nothing */
    assert_true(most_waiting <= CCB_HTTP_HIGH_WATER + PIECE);
    say(fd, "GET /sized" H "\r\n");
    assert_string_equal(hear_answer(fd), "hello world");
    (void)close(fd);
}

static void a_body_comes_in_pieces(void **state)
{
    int fd = dial();

    (void)state;
    say(fd, "PUT /up" H "Content-Length: 5\r\n\r\nhel");
    say(fd, "lo");
    assert_string_equal(hear_answer(fd), "hello");
    assert_int_equal(in.length, 5);
    say(fd, "PUT /up" H "Transfer-Encoding: chunked\r\n\r\n"
            "3\r\nabc\r\n2\r\nde\r\n0\r\nX: y\r\n\r\n");
    assert_string_equal(hear_answer(fd), "abcde");
    assert_int_equal(in.length, -1);
    say(fd, "PUT /up" H "\r\n");
    assert_string_equal(hear_answer(fd), "");
    assert_int_equal(in.length, 0);
    (void)close(fd);
}

/* All bytes are there at once, yet each piece waits for its resume; the
 * pipelined request behind waits too. */
static void a_paused_body_waits(void **state)
{
    int fd = dial();

    (void)state;
    in.pause_each = true;
    say(fd, "PUT /up" H "Transfer-Encoding: chunked\r\n\r\n"
            "1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n"
            "GET /sized" H "\r\n");
    for (int i = 0; i < 3; i++) {
        uv_sem_wait(&in.paused);
        assert_int_equal(in.len, (size_t)i + 1);
        bed_call(resume_parked, NULL);
    }
    in.pause_each = false;
    assert_string_equal(hear_answer(fd), "abc");
    assert_string_equal(hear_answer(fd), "hello world");
    (void)close(fd);
}

static void a_reader_may_be_set_later(void **state)
{
    int fd = dial();

    (void)state;
    say(fd, "PUT /late" H "Content-Length: 5\r\n\r\nhello");
    (void)bed_parked();
    bed_call(read_parked, NULL);
    assert_string_equal(hear_answer(fd), "hello");
    say(fd, "PUT /late" H "\r\n"); /* no body: only the end comes */
    (void)bed_parked();
    bed_call(read_parked, NULL);
    assert_string_equal(hear_answer(fd), "");
    (void)close(fd);
}

static void a_half_closed_upload_that_is_whole_is_answered(void **state)
{
    int fd = dial();

    (void)state;
    say(fd, "PUT /late" H "Content-Length: 5\r\n\r\nhello");
    (void)shutdown(fd, SHUT_WR);
    (void)bed_parked();
    bed_call(read_parked, NULL);
    (void)hear_all(fd);
    assert_string_equal(heard_body(), "hello");
    (void)close(fd);
}

static void a_body_that_breaks_off_is_an_abort(void **state)
{
    static const char *const requests[] = {
        "PUT /up" H "Content-Length: 5\r\n\r\nhel",
        "PUT /up" H "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        int before = bed.aborted, fd = dial();

        say(fd, requests[i]);
        (void)shutdown(fd, SHUT_WR);
        uv_sem_wait(&bed.aborted_there);
        assert_int_equal(bed.aborted, before + 1);
        bed_call(answer_parked, (void *)(uintptr_t) "to nobody");
        (void)hear_all(fd);
        assert_int_equal(heard_len, 0);
        (void)close(fd);
    }
}

static void a_broken_chunk_is_refused_and_an_abort(void **state)
{
    int fd = dial();

    (void)state;
    say(fd, "PUT /up" H "Transfer-Encoding: chunked\r\n\r\n1\r\nax");
    uv_sem_wait(&bed.aborted_there);
    bed_call(answer_parked, (void *)(uintptr_t) "to nobody");
    assert_int_equal(hear_all(fd), 0);
    assert_heard("400 Bad Request");
    assert_not_heard("nobody");
    (void)close(fd);
}

static void a_streamed_body_over_its_cap_is_refused(void **state)
{
    int64_t before = metric(CCB_METRIC_HTTP_BODIES_TOO_LARGE);
    int fd;

    (void)state;
    (void)ask("PUT /capped" H "Content-Length: 11\r\n\r\n");
    assert_heard("413 Request Entity Too Large");
    fd = dial();
    say(fd, "PUT /capped" H "Transfer-Encoding: chunked\r\n\r\n"
            "b\r\nhello world\r\n");
    uv_sem_wait(&bed.aborted_there);
    bed_call(answer_parked, (void *)(uintptr_t) "to nobody");
    (void)hear_all(fd);
    assert_heard("413 Request Entity Too Large");
    (void)close(fd);
    assert_int_equal(metric(CCB_METRIC_HTTP_BODIES_TOO_LARGE), before + 2);
}

/* A small rest is thrown away and the connection kept. */
static void an_early_answer_throws_the_rest_away(void **state)
{
    int fd = dial();

    (void)state;
    say(fd, "PUT /refuse" H "Content-Length: 5\r\n\r\nhel");
    assert_string_equal(hear_answer(fd), "no");
    assert_not_heard("Connection: close");
    say(fd, "loGET /sized" H "\r\n");
    assert_string_equal(hear_answer(fd), "hello world");
    in.answer_early = true;
    say(fd, "PUT /up" H "Transfer-Encoding: chunked\r\n\r\n"
            "1\r\na\r\n1\r\nb\r\n0\r\n\r\nGET /sized" H "\r\n");
    assert_string_equal(hear_answer(fd), "early");
    assert_string_equal(hear_answer(fd), "hello world");
    in.answer_early = false;
    (void)close(fd);
}

/* A large one ends the connection, and the answer says so. */
static void an_early_answer_to_a_large_body_ends_the_connection(void **state)
{
    static char chunk[65536];
    int fd;

    (void)state;
    (void)ask("PUT /refuse" H "Content-Length: 1000000\r\n\r\nhel");
    assert_heard("403 Forbidden");
    assert_heard("\r\nConnection: close\r\n");
    (void)ask("PUT /nothing" H "Content-Length: 1000000\r\n\r\nhel");
    assert_heard("404 Not Found");
    assert_heard("\r\nConnection: close\r\n");
    /* Of unknown length: bounded, too. */
    fd = dial();
    say(fd, "PUT /refuse" H "Transfer-Encoding: chunked\r\n\r\n");
    assert_string_equal(hear_answer(fd), "no");
    memset(chunk, 'x', sizeof(chunk));
    for (int i = 0; i < 6; i++) {
        (void)send(fd, "10000\r\n", 7, MSG_NOSIGNAL);
        (void)send(fd, chunk, sizeof(chunk), MSG_NOSIGNAL);
        (void)send(fd, "\r\n", 2, MSG_NOSIGNAL);
    }
    assert_int_equal(hear_all(fd), 0);
    (void)close(fd);
}

static void continue_is_said_when_the_body_is_wanted(void **state)
{
    static const char *const paths[] = {"PUT /whole", "PUT /up"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        int fd = dial();

        say(fd, paths[i]);
        say(fd, H "Expect: 100-Continue\r\nContent-Length: 5\r\n\r\n");
        hear_head(fd);
        assert_string_equal(heard, "HTTP/1.1 100 Continue\r\n\r\n");
        say(fd, "hello");
        assert_string_equal(hear_answer(fd), "hello");
        (void)close(fd);
    }
}

static void continue_is_not_said_otherwise(void **state)
{
    (void)state;
    /* refused at once, by the handler, by the routes and by a limit */
    (void)ask("PUT /refuse" H "Expect: 100-continue\r\n"
              "Content-Length: 5\r\n\r\n");
    assert_heard("HTTP/1.1 403 Forbidden\r\n");
    assert_heard("\r\nConnection: close\r\n");
    assert_not_heard("100 Continue");
    (void)ask("PUT /nothing" H "Expect: 100-continue\r\n"
              "Content-Length: 5\r\n\r\n");
    assert_heard("HTTP/1.1 404 Not Found\r\n");
    assert_not_heard("100 Continue");
    (void)ask("PUT /whole" H "Expect: 100-continue\r\n"
              "Content-Length: 999999999\r\n\r\n");
    assert_heard("HTTP/1.1 413 ");
    assert_not_heard("100 Continue");
    /* nothing to wait for */
    (void)ask("PUT /whole" H CLOSE "Expect: 100-continue\r\n\r\n");
    assert_heard("HTTP/1.1 200 OK\r\n");
    assert_not_heard("100 Continue");
    /* HTTP/1.0 does not know it */
    (void)ask("PUT /whole HTTP/1.0\r\nExpect: 100-continue\r\n"
              "Content-Length: 5\r\n\r\nhello");
    assert_heard("HTTP/1.1 200 OK\r\n");
    assert_not_heard("100 Continue");
}

/* ---- every allocation fails once ---------------------------------------- */

static void fail_from_now(void *nth)
{
    (void)ccb_mem_fail_at(*(size_t *)nth, 0);
}

static void streams_survive_every_lack_of_memory(void **state)
{
    static const char request[] =
        "PUT /up" H CLOSE "Transfer-Encoding: chunked\r\n\r\n"
        "1\r\na\r\n1\r\nb\r\n0\r\n\r\n";
    size_t nth = 0, off = 0;

    (void)state;
    do {
        assert_true(++nth < 50);
        bed_call(fail_from_now, &nth);
        (void)ask(request);
        if (heard_len > 0 && strncmp(heard, "HTTP/1.1 503", 12) != 0)
            assert_heard("200 OK");
    } while (strstr(heard, "200 OK") == NULL);
    assert_true(nth > 2);
    bed_call(fail_from_now, &off);
    nth = 5; /* behind what the head takes: the answer's own buffer */
    bed_call(fail_from_now, &nth);
    {
        int fd = dial();

        say(fd, "GET /large" H "\r\n");
        (void)hear_all(fd); /* cut, not stuck */
        (void)close(fd);
    }
    bed_call(fail_from_now, &off);
    (void)ask("GET /sized" H CLOSE "\r\n");
    assert_string_equal(heard_body(), "hello world");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_of_unknown_length_is_chunked),
        cmocka_unit_test(to_http10_it_ends_with_the_connection),
        cmocka_unit_test(an_answer_of_known_length_says_it),
        cmocka_unit_test(what_is_not_whole_is_cut),
        cmocka_unit_test(a_slow_reader_holds_the_writer_back),
        cmocka_unit_test(a_body_comes_in_pieces),
        cmocka_unit_test(a_paused_body_waits),
        cmocka_unit_test(a_reader_may_be_set_later),
        cmocka_unit_test(a_half_closed_upload_that_is_whole_is_answered),
        cmocka_unit_test(a_body_that_breaks_off_is_an_abort),
        cmocka_unit_test(a_broken_chunk_is_refused_and_an_abort),
        cmocka_unit_test(a_streamed_body_over_its_cap_is_refused),
        cmocka_unit_test(an_early_answer_throws_the_rest_away),
        cmocka_unit_test(an_early_answer_to_a_large_body_ends_the_connection),
        cmocka_unit_test(continue_is_said_when_the_body_is_wanted),
        cmocka_unit_test(continue_is_not_said_otherwise),
        cmocka_unit_test(streams_survive_every_lack_of_memory),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
