/*
 * Crashes on their way to CC: how many at a time, in which order, and what the
 * end leaves behind (contract/tps.md 2.3). CC is a server on the same loop
 * that keeps its requests until it is told to answer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "tps/internal.h"

#define RUNNING 500
#define WAITING 500

struct bed {
    struct ccb_loop loop;
    struct ccb_http_client *client;
    struct ccb_http_server *server;
    struct ccb_log_session log, watcher;
    struct ccb_crash_posts *posts;
    char url[64];
    struct ccb_http_request *held[RUNNING + WAITING + 10];
    size_t came, answered;
    size_t wanted; /* came: then the loop is left */
    int rooms;
};

static void on_crashed(struct ccb_http_request *request, void *user)
{
    struct bed *bed = user;
    bed->held[bed->came++] = request;
    if (bed->came == bed->wanted)
        uv_stop(&bed->loop.uv);
}

static const struct ccb_http_route routes[] = {
    {.method = "POST",
     .path = "/internal/apps/:guid/crashed",
     .on_request = on_crashed},
};
static const struct ccb_http_limits limits;

static void on_room(void *user)
{
    ((struct bed *)user)->rooms++;
}

static void on_closed(void *user)
{
    (void)user;
}

static void setup(struct bed *bed)
{
    struct ccb_http_server_options options = {
        .routes = routes, .route_count = 1, .user = bed, .limits = &limits};
    struct ccb_cc_options cc;
    struct ccb_error err;
    int fd;
    memset(bed, 0, sizeof(*bed));
    ccb_log_set_level(CCB_LEVEL_FATAL);
    ccb_log_open(&bed->log, "tps-watcher");
    ccb_log_begin(&bed->watcher, &bed->log, "watcher", NULL, 0);
    assert_int_equal(ccb_loop_open(&bed->loop, &err), 0);
    assert_int_equal(ccb_http_client_open(&bed->client, &bed->loop, &err), 0);
    assert_int_equal(ccb_http_listen("127.0.0.1", 0, -1, &fd, &err), 0);
    snprintf(bed->url, sizeof(bed->url), "http://127.0.0.1:%u",
             ccb_http_bound_port(fd));
    assert_int_equal(
        ccb_http_server_open(&bed->server, &bed->loop, fd, &options, &err), 0);
    cc = (struct ccb_cc_options){.client = bed->client,
                                 .base_url = ccb_slice_of(bed->url)};
    bed->posts = ccb_crash_posts_create(&cc, &bed->watcher, on_room, bed);
    assert_non_null(bed->posts);
}

static void answer(struct bed *bed, size_t count)
{
    while (count-- > 0)
        ccb_http_respond(bed->held[bed->answered++], 200, NULL,
                         ccb_slice_make(NULL, 0));
}

static void teardown(struct bed *bed)
{
    struct ccb_error err;
    int i;
    ccb_crash_posts_free(bed->posts);
    answer(bed, bed->came - bed->answered);
    for (i = 0; i < 8; i++) /* an answer that still came in would be told */
        uv_run(&bed->loop.uv, UV_RUN_NOWAIT);
    ccb_http_server_close(bed->server, on_closed, NULL);
    ccb_http_client_close(bed->client, on_closed, NULL);
    ccb_loop_run(&bed->loop);
    if (ccb_loop_close(&bed->loop, &err) != 0)
        fail_msg("%s", err.message);
    ccb_arena_drain();
}

static int add(struct bed *bed, int64_t index)
{
    struct ccb_cc_crash crash = {.index = index,
                                 .reason = ccb_slice_of("CRASHED")};
    return ccb_crash_posts_add(bed->posts, ccb_slice_of("p-1"), &crash);
}

static void run_until(struct bed *bed, size_t came)
{
    bed->wanted = came;
    if (bed->came < came)
        uv_run(&bed->loop.uv, UV_RUN_DEFAULT);
    assert_int_equal(bed->came, came);
}

static void test_posts_are_bounded_and_in_order(void **state)
{
    struct bed *bed = calloc(1, sizeof(*bed));
    int64_t i;
    (void)state;
    setup(bed);
    for (i = 0; i < RUNNING + WAITING - 1; i++)
        assert_int_equal(add(bed, i), 0);
    assert_false(ccb_crash_posts_full(bed->posts));
    assert_int_equal(add(bed, i), 0);
    assert_true(ccb_crash_posts_full(bed->posts));

    run_until(bed, RUNNING);
    assert_int_equal(bed->rooms, 0);
    /* One place is free: the first that waited has it, and only that. */
    answer(bed, 1);
    run_until(bed, RUNNING + 1);
    assert_true(ccb_slice_starts(
        ccb_http_request_info(bed->held[RUNNING])->body,
        "{\"instance\":\"\",\"index\":500,\"reason\":\"CRASHED\","));
    assert_false(ccb_crash_posts_full(bed->posts));
    assert_int_equal(bed->rooms, 1);

    answer(bed, 100);
    run_until(bed, RUNNING + 101);
    assert_int_equal(bed->rooms, 1);
    teardown(bed);
    free(bed);
}

static void test_the_end_cancels_what_is_under_way(void **state)
{
    struct bed *bed = calloc(1, sizeof(*bed));
    (void)state;
    setup(bed);
    assert_int_equal(add(bed, 1), 0);
    assert_int_equal(add(bed, 2), 0);
    run_until(bed, 2);
    teardown(bed); /* asserts that nothing is left open */
    free(bed);
}

static void test_no_memory(void **state)
{
    struct bed *bed = calloc(1, sizeof(*bed));
    size_t nth;
    int code = CCB_NO_MEMORY;
    (void)state;
    setup(bed);
    assert_int_equal(add(bed, 0), 0); /* fills lists of free chunks */
    for (nth = 1; nth < 40; nth++) {
        ccb_arena_drain();
        ccb_mem_fail_at(nth, 0);
        code = add(bed, (int64_t)nth);
        ccb_mem_fail_at(0, 0);
        assert_true(code == 0 || code == CCB_NO_MEMORY);
    }
    assert_int_equal(code, 0);
    ccb_mem_fail_at(1, 1);
    assert_null(ccb_crash_posts_create(&(struct ccb_cc_options){0},
                                       &bed->watcher, on_room, bed));
    ccb_mem_fail_at(0, 0);
    teardown(bed);
    free(bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_posts_are_bounded_and_in_order),
        cmocka_unit_test(test_the_end_cancels_what_is_under_way),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
