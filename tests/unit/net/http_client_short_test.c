/*
 * The short lane: the common cases, and what only it does: its pool, early
 * answers, and when it leaves a call to the other lane.
 */
#define LANE true
#include "client_cases.h"
#include "client_conns.h"

#include "base/metrics.h"
#include "net/http_client_internal.h"

/* Bytes behind an answer: whose are they? The connection is not used again. */
static void test_excess_bytes_end_the_connection(void **state)
{
    static const struct peer_step steps[] = {
        {PEER_ACCEPT, NULL, 0},
        {PEER_READ, NULL, 0},
        {PEER_SEND, OK_ANSWER OK_ANSWER, 0},
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
    options = bed_options("GET", peer.port, true, &r);
    bed_call(&bed, &options);
    assert_int_equal(r.code, 0);
    assert_int_equal(bed.client->pool.count, 0);
    assert_true(peer_stop(&peer));
    bed_close(&bed);
    peer_free(&peer);
    result_free(&r);
}

/* A server that refuses before it has read a large body, then closes. */
static void test_early_answer_counts(void **state)
{
    static const struct peer_step steps[] = {
        {PEER_ACCEPT, NULL, 0},
        {PEER_HEAD, NULL, 0},
        {PEER_SEND, "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno", 0},
        {PEER_GONE, NULL, 0},
        {PEER_END, NULL, 0},
    };
    enum { SIZE = 64 << 20 }; /* more than the kernel's buffers ever hold */
    struct result r = {0};
    struct ccb_http_call_options options;
    char *body = calloc(1, SIZE);
    struct peer peer;
    struct bed bed;

    (void)state;
    assert_true(peer_start(&peer, steps));
    bed_open(&bed);
    options = bed_options("PUT", peer.port, true, &r);
    options.body = ccb_slice_make(body, SIZE);
    bed_call(&bed, &options);
    assert_int_equal(r.code, 0);
    assert_int_equal(r.status, 413);
    assert_int_equal(bed.client->pool.count, 0);
    bed_close(&bed);
    assert_true(peer_stop(&peer));
    peer_free(&peer);
    result_free(&r);
    free(body);
}

/* Neither use_proxy without a proxy nor a length without on_read leads away
 * from the lane: libcurl is not even set up. */
static void test_fits_the_short_lane(void **state)
{
    static const struct peer_step steps[] = {
        {PEER_ACCEPT, NULL, 0},
        {PEER_READ, NULL, 0},
        {PEER_SEND, OK_ANSWER, 0},
        {PEER_END, NULL, 0},
    };

    (void)state;
    for (int proxied = 0; proxied < 2; proxied++) {
        struct result r = {0};
        struct ccb_http_call_options options;
        struct peer peer;
        struct bed bed;

        assert_true(peer_start(&peer, steps));
        bed_open(&bed);
        options = bed_options("GET", peer.port, true, &r);
        options.use_proxy = proxied != 0; /* the environment names none */
        if (!proxied)
            options.upload_length = 7; /* means nothing without on_read */
        bed_call(&bed, &options);
        assert_int_equal(r.code, 0);
        assert_null(bed.client->curl);
        bed_close(&bed);
        assert_true(peer_stop(&peer));
        peer_free(&peer);
        result_free(&r);
    }
}

enum { MANY = CCB_HTTP_MAX_IDLE + 6 };

struct crowd {
    int listener;
    int fds[MANY];
    bool ok;
};

/* Takes all connections before it answers the first. */
static void *crowd_main(void *arg)
{
    static const char answer[] = OK_ANSWER;
    struct crowd *crowd = arg;
    char request[1024];

    crowd->ok = true;
    for (int i = 0; i < MANY; i++) {
        crowd->fds[i] = peer_ready(crowd->listener, POLLIN)
                            ? accept(crowd->listener, NULL, NULL)
                            : -1;
        crowd->ok = crowd->ok && crowd->fds[i] >= 0;
    }
    for (int i = 0; i < MANY && crowd->ok; i++)
        crowd->ok =
            peer_ready(crowd->fds[i], POLLIN) &&
            recv(crowd->fds[i], request, sizeof(request), 0) > 0 &&
            send(crowd->fds[i], answer, sizeof(answer) - 1, MSG_NOSIGNAL) > 0;
    return NULL;
}

static void test_idle_connections_are_bounded(void **state)
{
    struct crowd crowd = {0};
    struct result r = {0};
    int64_t before =
        atomic_load(&ccb_metric_values[CCB_METRIC_CLIENT_CONNECTS]);
    unsigned short port = 0;
    pthread_t thread;
    struct bed bed;

    (void)state;
    crowd.listener = peer_listen(AF_INET, &port);
    assert_int_equal(pthread_create(&thread, NULL, crowd_main, &crowd), 0);
    bed_open(&bed);
    for (int i = 0; i < MANY; i++) {
        struct ccb_http_call_options options =
            bed_options("GET", port, true, &r);

        (void)bed_send(&bed, &options);
    }
    (void)ccb_loop_run(&bed.loop); /* idle ones do not keep it running */
    assert_int_equal(r.done, MANY);
    assert_int_equal(r.code, 0);
    assert_int_equal(bed.client->pool.count, CCB_HTTP_MAX_IDLE);
    assert_int_equal(
        atomic_load(&ccb_metric_values[CCB_METRIC_CLIENT_CONNECTS]) - before,
        MANY);
    /* As if all had been idle for long. */
    (void)ccb_http_pool_sweep(bed.client,
                              (int64_t)uv_hrtime() + CCB_HTTP_IDLE_TIME);
    assert_int_equal(bed.client->pool.count, 0);
    (void)pthread_join(thread, NULL);
    assert_true(crowd.ok);
    bed_close(&bed);
    for (int i = 0; i < MANY; i++)
        close(crowd.fds[i]);
    close(crowd.listener);
    result_free(&r);
}

static void on_alive(uv_timer_t *timer)
{
    (void)timer;
}

/* The peer closes an idle connection: noticed without a call. */
static void test_idle_connection_is_dropped_at_once(void **state)
{
    static const struct peer_step steps[] = {
        {PEER_ACCEPT, NULL, 0},    {PEER_READ, NULL, 0},
        {PEER_SEND, OK_ANSWER, 0}, {PEER_WAIT, NULL, 0},
        {PEER_CLOSE, NULL, 0},     {PEER_TELL, NULL, 0},
        {PEER_END, NULL, 0},
    };
    struct result r = {0};
    struct ccb_http_call_options options;
    uv_timer_t alive;
    struct peer peer;
    struct bed bed;

    (void)state;
    assert_true(peer_start(&peer, steps));
    bed_open(&bed);
    options = bed_options("GET", peer.port, true, &r);
    bed_call(&bed, &options);
    assert_int_equal(bed.client->pool.count, 1);
    peer_go(&peer);
    assert_true(peer_await(&peer));
    /* An idle connection does not keep the loop going; something must. */
    (void)uv_timer_init(&bed.loop.uv, &alive);
    (void)uv_timer_start(&alive, on_alive, PEER_PATIENCE, 0);
    (void)uv_run(&bed.loop.uv, UV_RUN_NOWAIT);
    uv_close((uv_handle_t *)&alive, NULL);
    assert_int_equal(bed.client->pool.count, 0);
    bed_close(&bed);
    assert_true(peer_stop(&peer));
    peer_free(&peer);
    result_free(&r);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        COMMON_TESTS,
        cmocka_unit_test(test_excess_bytes_end_the_connection),
        cmocka_unit_test(test_early_answer_counts),
        cmocka_unit_test(test_fits_the_short_lane),
        cmocka_unit_test(test_idle_connections_are_bounded),
        cmocka_unit_test(test_idle_connection_is_dropped_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
