/*
 * Bodies in pieces, both ways: order of callbacks, back-pressure, giving up,
 * and cancelling from inside any callback.
 */
#include "client_bed.h"

#include "net/http_client_internal.h"

#define CHUNKED "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

enum act {
    GO_ON,
    PAUSE,
    PAUSE_AND_RESUME,
    GIVE_UP,
    CANCEL,
    CLOSE,
    CANCEL_OTHER
};

struct stream {
    struct result result;
    struct bed *bed;
    struct ccb_http_call *call, *other;
    enum act at_head, at_body, at_read; /* once each */
    int heads, pieces, paused;
    char body[256]; /* of the answer, its beginning */
    size_t got;
    const char *upload;
    size_t piece;   /* of the upload */
    char first[64]; /* the piece that was refused with a pause */
    struct peer *peer;
};

static int act(struct stream *s, enum act *what)
{
    enum act now = *what;

    *what = GO_ON;
    switch (now) {
    case PAUSE:
        s->paused++;
        return CCB_HTTP_PAUSE;
    case PAUSE_AND_RESUME:
        s->paused++;
        ccb_http_call_resume(s->call);
        return CCB_HTTP_PAUSE;
    case GIVE_UP:
        return -77;
    case CANCEL:
        ccb_http_cancel(s->call);
        return 0;
    case CLOSE:
        ccb_http_client_close(s->bed->client, on_bed_closed, s->bed);
        s->bed->client = NULL;
        return 0;
    case CANCEL_OTHER:
        ccb_http_cancel(s->other);
        return 0;
    case GO_ON:
        break;
    }
    return 0;
}

static int on_head(void *user, const struct ccb_http_answer *head)
{
    struct stream *s = user;

    assert_int_equal(s->pieces, 0);
    assert_int_equal(head->status, 200);
    s->heads++;
    return act(s, &s->at_head);
}

static int on_body(void *user, struct ccb_slice piece)
{
    struct stream *s = user;
    size_t room = sizeof(s->body) - 1 - (s->got < 255 ? s->got : 255);
    int code;

    assert_int_equal(s->heads, 1);
    code = act(s, &s->at_body);
    if (code == CCB_HTTP_PAUSE) {
        snprintf(s->first, sizeof(s->first), "%.*s",
                 (int)(piece.len < 60 ? piece.len : 60), piece.ptr);
        return code;
    }
    s->pieces++;
    if (room > 0)
        memcpy(s->body + s->got, piece.ptr,
               piece.len < room ? piece.len : room);
    s->got += piece.len;
    if (s->peer != NULL)
        peer_go(s->peer);
    return code;
}

static int64_t on_read(void *user, char *bytes, size_t size)
{
    struct stream *s = user;
    int code = act(s, &s->at_read);
    size_t n = strlen(s->upload);

    if (code != 0)
        return code;
    if (n > s->piece)
        n = s->piece;
    if (n > size)
        n = size;
    memcpy(bytes, s->upload, n);
    s->upload += n;
    return (int64_t)n;
}

static struct ccb_http_call_options options_for(const char *method,
                                                struct peer *peer,
                                                struct stream *s)
{
    struct ccb_http_call_options options =
        bed_options(method, peer->port, true, &s->result);

    options.on_head = on_head;
    options.on_body = on_body;
    options.user = s;
    return options;
}

static void on_end(void *user, const struct ccb_http_answer *answer)
{
    struct stream *s = user;

    on_result(&s->result, answer);
}

static void send_stream(struct bed *bed, struct ccb_http_call_options *options)
{
    struct stream *s = options->user;
    struct ccb_error err = {0};

    s->bed = bed;
    options->on_done = on_end;
    if (ccb_http_send(bed->client, options, &s->call, &err) != 0)
        fail_msg("%s", err.message);
}

/* ---- down --------------------------------------------------------------- */

/* The head is told before a body byte is there, each piece as it comes. */
static void test_pieces_arrive_as_sent(void **state)
{
    static const struct peer_step steps[] = {
        {PEER_ACCEPT, NULL, 0},
        {PEER_READ, NULL, 0},
        {PEER_SEND, CHUNKED, 0},
        {PEER_WAIT, NULL, 0},
        {PEER_SEND, "3\r\none\r\n", 0},
        {PEER_WAIT, NULL, 0},
        {PEER_SEND, "3\r\ntwo\r\n0\r\n\r\n", 0},
        {PEER_END, NULL, 0},
    };
    struct stream s = {0};
    struct ccb_http_call_options options;
    struct peer peer;
    struct bed bed;

    (void)state;
    assert_true(peer_start(&peer, steps));
    bed_open(&bed);
    s.peer = &peer;
    options = options_for("GET", &peer, &s);
    send_stream(&bed, &options);
    while (s.heads == 0)
        (void)uv_run(&bed.loop.uv, UV_RUN_ONCE);
    assert_int_equal(s.pieces, 0);
    peer_go(&peer);
    (void)ccb_loop_run(&bed.loop);
    assert_int_equal(s.result.done, 1);
    assert_int_equal(s.result.code, 0);
    assert_int_equal(s.result.body_len, 0); /* on_body had it */
    assert_int_equal(s.pieces, 2);
    assert_string_equal(s.body, "onetwo");
    bed_close(&bed);
    assert_true(peer_stop(&peer));
    peer_free(&peer);
    result_free(&s.result);
}

/* A paused download stops the peer; resumed, the same piece comes again. */
static void test_pause_reaches_the_peer(void **state)
{
    enum { SIZE = 64 << 20 };
    static const struct peer_step steps[] = {
        {PEER_ACCEPT, NULL, 0},
        {PEER_READ, NULL, 0},
        {PEER_SEND, "HTTP/1.1 200 OK\r\nContent-Length: 67108864\r\n\r\n", 0},
        {PEER_FLOOD, NULL, SIZE},
        {PEER_TELL, NULL, 0},
        {PEER_END, NULL, 0},
    };
    struct stream s = {.at_body = PAUSE};
    struct ccb_http_call_options options;
    struct peer peer;
    struct bed bed;

    (void)state;
    assert_true(peer_start(&peer, steps));
    bed_open(&bed);
    options = options_for("GET", &peer, &s);
    send_stream(&bed, &options);
    while (s.paused == 0)
        (void)uv_run(&bed.loop.uv, UV_RUN_ONCE);
    for (int i = 0; i < 1000; i++)
        (void)uv_run(&bed.loop.uv, UV_RUN_NOWAIT);
    assert_int_equal(s.pieces, 0);
    assert_int_not_equal(sem_trywait(&peer.told), 0);
    ccb_http_call_resume(s.call);
    assert_int_equal(s.pieces, 0); /* not from inside resume */
    (void)ccb_loop_run(&bed.loop);
    assert_int_equal(s.result.code, 0);
    assert_int_equal(s.got, SIZE);
    bed_close(&bed);
    assert_true(peer_stop(&peer));
    peer_free(&peer);
    result_free(&s.result);
}

static const struct peer_step one_answer[] = {
    {PEER_ACCEPT, NULL, 0}, {PEER_READ, NULL, 0}, {PEER_SEND, OK_ANSWER, 0},
    {PEER_GONE, NULL, 0},   {PEER_END, NULL, 0},
};

static void run_one(struct stream *s, const char *method, int64_t length)
{
    struct ccb_http_call_options options;
    struct peer peer;
    struct bed bed;

    assert_true(peer_start(&peer, one_answer));
    bed_open(&bed);
    options = options_for(method, &peer, s);
    if (s->upload != NULL) {
        options.on_read = on_read;
        options.upload_length = length;
    }
    send_stream(&bed, &options);
    (void)ccb_loop_run(&bed.loop);
    bed_close(&bed);
    (void)peer_stop(&peer);
    peer_free(&peer);
    result_free(&s->result);
}

static void test_resume_before_the_pause_returns(void **state)
{
    struct stream body = {.at_body = PAUSE_AND_RESUME};
    struct stream head = {.at_head = PAUSE_AND_RESUME};

    (void)state;
    run_one(&body, "GET", 0);
    assert_int_equal(body.result.code, 0);
    assert_string_equal(body.first, "ok");
    assert_string_equal(body.body, "ok");
    run_one(&head, "GET", 0);
    assert_int_equal(head.result.code, 0);
    assert_int_equal(head.heads, 1);
    assert_string_equal(head.body, "ok");
}

static void test_pause_at_the_head_holds_the_body(void **state)
{
    struct stream s = {.at_head = PAUSE};
    struct ccb_http_call_options options;
    struct peer peer;
    struct bed bed;

    (void)state;
    assert_true(peer_start(&peer, one_answer));
    bed_open(&bed);
    options = options_for("GET", &peer, &s);
    send_stream(&bed, &options);
    while (s.heads == 0)
        (void)uv_run(&bed.loop.uv, UV_RUN_ONCE);
    for (int i = 0; i < 100; i++)
        (void)uv_run(&bed.loop.uv, UV_RUN_NOWAIT);
    assert_int_equal(s.pieces, 0);
    ccb_http_call_resume(s.call);
    (void)ccb_loop_run(&bed.loop);
    assert_string_equal(s.body, "ok");
    bed_close(&bed);
    assert_true(peer_stop(&peer));
    peer_free(&peer);
    result_free(&s.result);
}

static void test_giving_up_ends_with_its_code(void **state)
{
    struct stream head = {.at_head = GIVE_UP};
    struct stream body = {.at_body = GIVE_UP};
    struct stream read = {.at_read = GIVE_UP, .upload = "x", .piece = 1};

    (void)state;
    run_one(&head, "GET", 0);
    assert_int_equal(head.result.code, -77);
    run_one(&body, "GET", 0);
    assert_int_equal(body.result.code, -77);
    run_one(&read, "PUT", -1);
    assert_int_equal(read.result.code, -77);
}

/* ---- up ----------------------------------------------------------------- */

static void upload(struct stream *s, int64_t length, char *log, size_t size)
{
    static const struct peer_step steps[] = {
        {PEER_ACCEPT, NULL, 0},
        {PEER_READ, NULL, 0},
        {PEER_SEND, OK_ANSWER, 0},
        {PEER_END, NULL, 0},
    };
    struct ccb_http_call_options options;
    struct peer peer;
    struct bed bed;

    s->upload = "some bytes to send";
    s->piece = 7;
    assert_true(peer_start(&peer, steps));
    bed_open(&bed);
    options = options_for("POST", &peer, s);
    options.on_read = on_read;
    options.upload_length = length;
    send_stream(&bed, &options);
    while (s->at_read == PAUSE && s->paused == 0)
        (void)uv_run(&bed.loop.uv, UV_RUN_ONCE);
    if (s->paused > 0 && s->result.done == 0)
        ccb_http_call_resume(s->call);
    (void)ccb_loop_run(&bed.loop);
    bed_close(&bed);
    (void)peer_stop(&peer);
    snprintf(log, size, "%s", peer.log);
    peer_free(&peer);
    result_free(&s->result);
}

static void test_upload_of_known_length(void **state)
{
    struct stream s = {.at_read = PAUSE};
    char log[4096];

    (void)state;
    upload(&s, 18, log, sizeof(log));
    assert_int_equal(s.result.code, 0);
    assert_non_null(strstr(log, "Content-Length: 18\r\n"));
    assert_non_null(strstr(log, "\r\n\r\nsome bytes to send"));
}

static void test_upload_in_chunks(void **state)
{
    struct stream s = {.at_read = PAUSE_AND_RESUME};
    char log[4096];

    (void)state;
    upload(&s, -1, log, sizeof(log));
    assert_int_equal(s.result.code, 0);
    assert_non_null(strstr(log, "Transfer-Encoding: chunked\r\n"));
    assert_non_null(strstr(log, "7\r\nsome by\r\n"));
    assert_non_null(strstr(log, "\r\n0\r\n\r\n"));
}

/* Less than was promised must not look like the whole body, or hang. */
static void test_upload_that_ends_early_is_an_error(void **state)
{
    struct stream s = {0};
    char log[4096];

    (void)state;
    upload(&s, 19, log, sizeof(log));
    assert_int_equal(s.result.code, CCB_IO);
    assert_non_null(strstr(s.result.error, "before its stated length"));
}

/* ---- cancelling from inside --------------------------------------------- */

static void test_cancel_inside_callbacks(void **state)
{
    static const struct {
        enum act head, body, read;
    } cases[] = {
        {CANCEL, GO_ON, GO_ON}, {GO_ON, CANCEL, GO_ON}, {GO_ON, GO_ON, CANCEL},
        {CLOSE, GO_ON, GO_ON},  {GO_ON, CLOSE, GO_ON},  {GO_ON, GO_ON, CLOSE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct stream s = {.at_head = cases[i].head,
                           .at_body = cases[i].body,
                           .at_read = cases[i].read,
                           .upload = "abc",
                           .piece = 1};

        run_one(&s, "PUT", 3);
        assert_int_equal(s.result.done, 0);
    }
}

/* One call's callback cancels another one that is under way. */
static void test_cancel_of_another_call(void **state)
{
    static const struct peer_step silent[] = {
        {PEER_ACCEPT, NULL, 0}, {PEER_READ, NULL, 0}, {PEER_TELL, NULL, 0},
        {PEER_GONE, NULL, 0},   {PEER_END, NULL, 0},
    };
    struct stream s = {.at_body = CANCEL_OTHER}, victim = {0};
    struct ccb_http_call_options options;
    struct peer peer, other;
    struct bed bed;

    (void)state;
    assert_true(peer_start(&peer, one_answer));
    assert_true(peer_start(&other, silent));
    bed_open(&bed);
    options = options_for("GET", &other, &victim);
    send_stream(&bed, &options);
    while (sem_trywait(&other.told) != 0)
        (void)uv_run(&bed.loop.uv, UV_RUN_NOWAIT);
    s.other = victim.call;
    options = options_for("GET", &peer, &s);
    send_stream(&bed, &options);
    (void)ccb_loop_run(&bed.loop);
    assert_int_equal(s.result.done, 1);
    assert_int_equal(s.result.code, 0);
    assert_int_equal(victim.result.done, 0);
    assert_true(peer_stop(&other));
    bed_close(&bed);
    assert_true(peer_stop(&peer));
    peer_free(&peer);
    peer_free(&other);
    result_free(&s.result);
}

/* The time limit of the whole exchange runs on while a body is paused. */
static void test_timeout_while_paused(void **state)
{
    struct stream s = {.at_body = PAUSE};
    struct ccb_http_call_options options;
    struct peer peer;
    struct bed bed;

    (void)state;
    assert_true(peer_start(&peer, one_answer));
    bed_open(&bed);
    options = options_for("GET", &peer, &s);
    options.timeout = 50 * INT64_C(1000000);
    send_stream(&bed, &options);
    (void)ccb_loop_run(&bed.loop);
    assert_int_equal(s.result.code, CCB_TIMED_OUT);
    assert_int_equal(s.result.status, 200);
    bed_close(&bed);
    assert_true(peer_stop(&peer));
    peer_free(&peer);
    result_free(&s.result);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces_arrive_as_sent),
        cmocka_unit_test(test_pause_reaches_the_peer),
        cmocka_unit_test(test_resume_before_the_pause_returns),
        cmocka_unit_test(test_pause_at_the_head_holds_the_body),
        cmocka_unit_test(test_giving_up_ends_with_its_code),
        cmocka_unit_test(test_upload_of_known_length),
        cmocka_unit_test(test_upload_in_chunks),
        cmocka_unit_test(test_upload_that_ends_early_is_an_error),
        cmocka_unit_test(test_cancel_inside_callbacks),
        cmocka_unit_test(test_cancel_of_another_call),
        cmocka_unit_test(test_timeout_while_paused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
