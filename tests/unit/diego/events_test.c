/*
 * A subscription to the back end's events: contract/tps.md 2.2. The Receptor
 * is a server on the same loop. What takes a second's pause is tested by
 * tests/script/tps/watcher-stream.script.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/mem.h"
#include "diego/diego.h"

struct bed {
    struct ccb_loop loop;
    struct ccb_http_client *client;
    struct ccb_http_server *server;
    struct ccb_diego *diego;
    struct ccb_diego_subscription *subscription;
    struct ccb_http_request *streams[4];
    char last_ids[4][16];
    size_t stream_count;
    char seen[256]; /* the data of the events, in order */
    bool take;      /* what on_event returns */
    int opens, troubles;
    enum ccb_diego_trouble trouble;
};

static void on_stream(struct ccb_http_request *request, void *user)
{
    struct bed *bed = user;
    struct ccb_slice id = ccb_http_request_header(request, "Last-Event-Id");
    snprintf(bed->last_ids[bed->stream_count], sizeof(bed->last_ids[0]), "%.*s",
             (int)id.len, id.len ? id.ptr : "");
    bed->streams[bed->stream_count++] = request;
    ccb_http_respond_start(request, 200, NULL, 0, -1);
    uv_stop(&bed->loop.uv);
}

static const struct ccb_http_route routes[] = {
    {.method = "GET", .path = "/v1/events", .on_request = on_stream}};
static const struct ccb_http_limits limits;

static void on_open(void *user)
{
    ((struct bed *)user)->opens++;
}

static bool on_event(void *user, const struct ccb_diego_event *event)
{
    struct bed *bed = user;
    size_t used = strlen(bed->seen);
    snprintf(bed->seen + used, sizeof(bed->seen) - used, "%.*s=%.*s ",
             (int)event->name.len, event->name.len ? event->name.ptr : "",
             (int)event->data.len, event->data.ptr);
    uv_stop(&bed->loop.uv);
    return bed->take;
}

static void on_trouble(void *user, enum ccb_diego_trouble trouble,
                       const char *why)
{
    struct bed *bed = user;
    assert_non_null(why);
    bed->troubles++;
    bed->trouble = trouble;
    uv_stop(&bed->loop.uv);
}

static int subscribe(struct bed *bed)
{
    struct ccb_diego_subscribe_options options = {
        .loop = &bed->loop,
        .on_open = on_open,
        .on_event = on_event,
        .on_trouble = on_trouble,
        .user = bed,
    };
    struct ccb_error err;
    return ccb_diego_subscribe(bed->diego, &options, &bed->subscription, &err);
}

static void setup(struct bed *bed)
{
    struct ccb_http_server_options options = {
        .routes = routes, .route_count = 1, .user = bed, .limits = &limits};
    struct ccb_error err;
    char url[64];
    int fd;
    memset(bed, 0, sizeof(*bed));
    bed->take = true;
    assert_int_equal(ccb_loop_open(&bed->loop, &err), 0);
    assert_int_equal(ccb_http_client_open(&bed->client, &bed->loop, &err), 0);
    assert_int_equal(ccb_http_listen("127.0.0.1", 0, -1, &fd, &err), 0);
    snprintf(url, sizeof(url), "http://127.0.0.1:%u", ccb_http_bound_port(fd));
    assert_int_equal(
        ccb_http_server_open(&bed->server, &bed->loop, fd, &options, &err), 0);
    bed->diego = ccb_diego_open_receptor(bed->client, ccb_slice_of(url), 0);
    assert_non_null(bed->diego);
}

static void on_closed(void *user)
{
    (void)user;
}

static void teardown(struct bed *bed)
{
    struct ccb_error err;
    size_t i;
    ccb_diego_unsubscribe(bed->subscription);
    ccb_diego_close(bed->diego); /* may go before what is left of it */
    for (i = 0; i < bed->stream_count; i++)
        if (bed->streams[i])
            ccb_http_finish(bed->streams[i]);
    ccb_http_server_close(bed->server, on_closed, NULL);
    ccb_http_client_close(bed->client, on_closed, NULL);
    ccb_loop_run(&bed->loop);
    if (ccb_loop_close(&bed->loop, &err) != 0)
        fail_msg("%s", err.message);
    ccb_arena_drain();
}

static void run(struct bed *bed)
{
    uv_run(&bed->loop.uv, UV_RUN_DEFAULT);
}

static void push(struct bed *bed, const char *text)
{
    ccb_http_write(bed->streams[bed->stream_count - 1], ccb_slice_of(text));
}

static void test_events_come_as_they_are_sent(void **state)
{
    struct bed bed;
    (void)state;
    setup(&bed);
    assert_int_equal(subscribe(&bed), 0);
    run(&bed);
    assert_string_equal(bed.last_ids[0], "");
    push(&bed, "id: 0\nevent: a\ndata: 1\n\nevent: none\n\n: x\n\n");
    run(&bed);
    push(&bed, "event: b\ndata: 2\nda");
    push(&bed, "ta: 3\n\n");
    run(&bed);
    assert_string_equal(bed.seen, "a=1 b=2\n3 ");
    assert_int_equal(bed.opens, 1);
    assert_int_equal(bed.troubles, 0);
    teardown(&bed);
}

static void test_a_full_reader_slows_the_stream_down(void **state)
{
    struct bed bed;
    (void)state;
    setup(&bed);
    assert_int_equal(subscribe(&bed), 0);
    run(&bed);
    bed.take = false;
    push(&bed, "event: a\ndata: 1\n\n");
    run(&bed);
    push(&bed, "event: b\ndata: 2\n\n");
    /* Whatever the loop has to do is done, and the second is not read. */
    while (uv_run(&bed.loop.uv, UV_RUN_NOWAIT) &&
           uv_backend_timeout(&bed.loop.uv) == 0)
        ;
    assert_string_equal(bed.seen, "a=1 ");
    bed.take = true;
    ccb_diego_resume(bed.subscription);
    run(&bed);
    assert_string_equal(bed.seen, "a=1 b=2 ");
    ccb_diego_resume(bed.subscription); /* again does no harm */
    push(&bed, "event: c\ndata: 3\n\n");
    run(&bed);
    assert_string_equal(bed.seen, "a=1 b=2 c=3 ");
    teardown(&bed);
}

static void test_a_broken_stream_is_resumed_after_its_last_id(void **state)
{
    struct bed bed;
    (void)state;
    setup(&bed);
    assert_int_equal(subscribe(&bed), 0);
    run(&bed);
    push(&bed, "retry: 1\nid: 41\nevent: a\ndata: 1\n\n");
    run(&bed);
    ccb_http_abandon(bed.streams[0]);
    bed.streams[0] = NULL;
    run(&bed);
    assert_int_equal(bed.troubles, 1);
    assert_int_equal(bed.trouble, CCB_DIEGO_BROKEN);
    /* After the pause that was asked for, not after a second. */
    assert_in_range(uv_backend_timeout(&bed.loop.uv), 0, 1);
    run(&bed);
    assert_int_equal(bed.stream_count, 2);
    assert_string_equal(bed.last_ids[1], "41");
    push(&bed, "event: b\ndata: 2\n\n"); /* without an id: 41 still holds */
    run(&bed);
    ccb_http_abandon(bed.streams[1]);
    bed.streams[1] = NULL;
    run(&bed);
    run(&bed);
    assert_string_equal(bed.last_ids[2], "41");
    assert_int_equal(bed.opens, 2);
    assert_string_equal(bed.seen, "a=1 b=2 ");
    teardown(&bed);
}

static void test_it_may_end_while_it_waits(void **state)
{
    struct bed bed;
    (void)state;
    setup(&bed);
    assert_int_equal(subscribe(&bed), 0);
    teardown(&bed); /* before the first call */

    setup(&bed);
    assert_int_equal(subscribe(&bed), 0);
    run(&bed);
    ccb_http_finish(bed.streams[0]);
    bed.streams[0] = NULL;
    run(&bed);
    assert_int_equal(bed.trouble, CCB_DIEGO_ENDED);
    teardown(&bed); /* in the pause */
}

static void test_no_memory(void **state)
{
    struct bed bed;
    size_t nth;
    int code = CCB_NO_MEMORY;
    (void)state;
    setup(&bed);
    for (nth = 1; code == CCB_NO_MEMORY; nth++) {
        ccb_mem_fail_at(nth, 0);
        code = subscribe(&bed);
        ccb_mem_fail_at(0, 0);
    }
    assert_int_equal(code, 0);
    /* Without memory for the call: told of, and tried again later. */
    ccb_mem_fail_at(1, 1);
    run(&bed);
    ccb_mem_fail_at(0, 0);
    assert_int_equal(bed.trouble, CCB_DIEGO_UNREACHABLE);
    assert_int_equal(bed.troubles, 1);
    teardown(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events_come_as_they_are_sent),
        cmocka_unit_test(test_a_full_reader_slows_the_stream_down),
        cmocka_unit_test(test_a_broken_stream_is_resumed_after_its_last_id),
        cmocka_unit_test(test_it_may_end_while_it_waits),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
