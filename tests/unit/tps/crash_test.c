/*
 * Which events are crashes, how many are told at a time, and what failed
 * allocations leave: contract/tps.md 2.3, 4.3. CC is a server on the same loop
 * that keeps its requests until it is told to answer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/http_server.h"
#include "tps/crash.h"

#define AT_ONCE 500
#define MORE 100

#define CHANGED "actual_lrp_changed"
#define PAIR(domain, before, after)                                            \
    "{\"actual_lrp_before\":{\"instance_guid\":\"i-7\",\"crash_"               \
    "count\":" before ",\"domain\":\"" domain                                  \
    "\"},\"actual_lrp_after\":{\"process_guid\":"                              \
    "\"p\",\"instance_guid\":\"\",\"index\":1,\"domain\":\"" domain            \
    "\",\"crash_count\":" after                                                \
    ",\"crash_reason\":\"out of memory\",\"since\":3}}"

struct bed {
    struct ccb_loop loop;
    struct ccb_http_client *client;
    struct ccb_http_server *server;
    struct ccb_log_session log, watcher;
    struct ccb_outbox *outbox;
    struct ccb_crashes crashes;
    char url[64];
    struct ccb_http_request *held[AT_ONCE + MORE + 100];
    size_t came, answered;
    size_t wanted; /* came: then the loop is left */
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
    (void)user;
}

static void on_closed(void *user)
{
    (void)user;
}

static void open_server(struct bed *bed)
{
    struct ccb_http_server_options options = {
        .routes = routes, .route_count = 1, .user = bed, .limits = &limits};
    struct ccb_error err;
    int fd;
    assert_int_equal(ccb_http_listen("127.0.0.1", 0, -1, &fd, &err), 0);
    snprintf(bed->url, sizeof(bed->url), "http://127.0.0.1:%u",
             ccb_http_bound_port(fd));
    assert_int_equal(
        ccb_http_server_open(&bed->server, &bed->loop, fd, &options, &err), 0);
}

static struct bed *setup(void)
{
    struct bed *bed = calloc(1, sizeof(*bed));
    struct ccb_crash_queue_options options;
    struct ccb_error err;
    assert_non_null(bed);
    ccb_log_set_level(CCB_LEVEL_FATAL);
    ccb_log_open(&bed->log, "tps-watcher");
    ccb_log_begin(&bed->watcher, &bed->log, "watcher", NULL, 0);
    assert_int_equal(ccb_loop_open(&bed->loop, &err), 0);
    assert_int_equal(ccb_http_client_open(&bed->client, &bed->loop, &err), 0);
    open_server(bed);
    assert_int_equal(ccb_outbox_open(&bed->outbox, &ccb_crash_outbox, "", &err),
                     0);
    options = (struct ccb_crash_queue_options){
        .loop = &bed->loop,
        .outbox = bed->outbox,
        .cc = {.client = bed->client, .base_url = ccb_slice_of(bed->url)},
        .log = &bed->watcher,
        .max_age = 3600 * CCB_SECOND,
        .on_room = on_room,
        .user = bed,
    };
    bed->crashes.log = &bed->watcher;
    assert_int_equal(ccb_crashes_load(&bed->crashes, bed->outbox, &err), 0);
    assert_int_equal(ccb_crash_queue_open(&bed->crashes.queue, &options, &err),
                     0);
    return bed;
}

static void answer(struct bed *bed, size_t count)
{
    while (count-- > 0)
        ccb_http_respond(bed->held[bed->answered++], 200, NULL,
                         ccb_slice_make(NULL, 0));
}

static void run_until(struct bed *bed, size_t came)
{
    bed->wanted = came;
    if (bed->came < came)
        uv_run(&bed->loop.uv, UV_RUN_DEFAULT);
    assert_int_equal(bed->came, came);
}

static void teardown(struct bed *bed)
{
    struct ccb_error err;
    ccb_crash_queue_close(bed->crashes.queue);
    answer(bed, bed->came - bed->answered);
    ccb_http_server_close(bed->server, on_closed, NULL);
    ccb_http_client_close(bed->client, on_closed, NULL);
    ccb_loop_run(&bed->loop);
    if (ccb_loop_close(&bed->loop, &err) != 0)
        fail_msg("%s", err.message);
    ccb_outbox_close(bed->outbox);
    ccb_crashes_destroy(&bed->crashes);
    free(bed);
    ccb_arena_drain();
}

static int tell(struct bed *bed, const char *name, const char *data,
                struct ccb_error *err)
{
    struct ccb_diego_event event = {ccb_slice_of(name), ccb_slice_of(data)};
    return ccb_crashes_event(&bed->crashes, &event, err);
}

/* ---- events ------------------------------------------------------------- */

static void test_a_crash_is_told_once(void **state)
{
    struct bed *bed = setup();
    struct ccb_slice body;
    (void)state;
    assert_int_equal(tell(bed, CHANGED, PAIR("cf-apps", "0", "1"), NULL), 0);
    assert_int_equal(tell(bed, CHANGED, PAIR("cf-apps", "0", "1"), NULL), 0);
    run_until(bed, 1);
    body = ccb_http_request_info(bed->held[0])->body;
    assert_true(ccb_slice_is(
        body, "{\"instance\":\"i-7\",\"index\":1,\"reason\":\"CRASHED\","
              "\"exit_description\":\"out of memory\",\"crash_count\":1,"
              "\"crash_timestamp\":3}"));
    answer(bed, 1);
    assert_int_equal(tell(bed, CHANGED, PAIR("cf-apps", "1", "2"), NULL), 0);
    run_until(bed, 2);
    teardown(bed);
}

static void test_what_is_none(void **state)
{
    static const char *const rows[][2] = {
        {CHANGED, PAIR("other", "0", "1")},
        {CHANGED, PAIR("cf-apps", "1", "0")},
        {CHANGED, PAIR("cf-apps", "1", "1")},
        {CHANGED, "{\"actual_lrp_before\":{\"domain\":\"cf-apps\"},"
                  "\"actual_lrp_after\":{\"domain\":\"o\",\"crash_count\":1}}"},
        {CHANGED, "{}"},
        {CHANGED, "null"},
        {CHANGED, "{\"actual_lrp_after\":null}"},
        {"actual_lrp_created", PAIR("cf-apps", "0", "1")},
        {"actual_lrp_removed", "not looked at"},
        {"desired_lrp_created", "{}"},
        {"desired_lrp_changed", "{}"},
        {"desired_lrp_removed", "{}"},
    };
    struct bed *bed = setup();
    size_t i;
    (void)state;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ccb_error err;
        if (tell(bed, rows[i][0], rows[i][1], &err) != 0)
            fail_msg("%s: %s", rows[i][1], err.message);
    }
    /* The one that is told behind them is the first to come. */
    assert_int_equal(tell(bed, CHANGED, PAIR("cf-apps", "0", "9"), NULL), 0);
    run_until(bed, 1);
    teardown(bed);
}

static void test_what_can_not_be_read(void **state)
{
    static const char *const rows[][3] = {
        {"nonsense", "{}", "unrecognized event type: nonsense"},
        {"", "{}", "unrecognized event type: "},
        {CHANGED, "{", "invalid json payload: "},
        {CHANGED, "", "invalid json payload: "},
        {CHANGED, "[]", "invalid json payload: "},
        {CHANGED, "{\"actual_lrp_after\":{\"crash_count\":\"1\"}}",
         "invalid json payload: actual_lrp_after.crash_count: "},
    };
    struct bed *bed = setup();
    size_t i;
    (void)state;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ccb_error err;
        assert_int_equal(tell(bed, rows[i][0], rows[i][1], &err), CCB_INVALID);
        if (strncmp(err.message, rows[i][2], strlen(rows[i][2])) != 0)
            fail_msg("%s: %s", rows[i][1], err.message);
    }
    teardown(bed);
}

/* ---- many --------------------------------------------------------------- */

static void tell_many(struct bed *bed, int first, int count)
{
    char data[512];
    int i;
    for (i = first; i < first + count; i++) {
        snprintf(data, sizeof(data),
                 "{\"actual_lrp_after\":{\"process_guid\":\"p\",\"index\":%d,"
                 "\"domain\":\"cf-apps\",\"crash_count\":1,\"since\":3}}",
                 i);
        assert_int_equal(tell(bed, CHANGED, data, NULL), 0);
    }
}

static void test_so_many_are_told_at_once(void **state)
{
    struct bed *bed = setup();
    int i;
    (void)state;
    tell_many(bed, 0, AT_ONCE + MORE);
    assert_true(ccb_crash_queue_full(bed->crashes.queue));
    run_until(bed, AT_ONCE);
    for (i = 0; i < 20; i++)
        uv_run(&bed->loop.uv, UV_RUN_NOWAIT);
    assert_int_equal(bed->came, AT_ONCE);
    assert_false(ccb_crash_queue_full(bed->crashes.queue));
    answer(bed, MORE);
    run_until(bed, AT_ONCE + MORE);
    teardown(bed);
}

/* ---- listings ----------------------------------------------------------- */

static int list(struct bed *bed, const char *data)
{
    struct ccb_json json;
    assert_int_equal(
        ccb_json_parse(&json, ccb_slice_of(data), CCB_JSON_WHOLE, NULL), 0);
    return ccb_crashes_listed(&bed->crashes, json, NULL);
}

#define LISTED(count, since)                                                   \
    "{\"process_guid\":\"p\",\"index\":1,\"domain\":\"cf-apps\","              \
    "\"state\":\"CRASHED\",\"crash_count\":" count ",\"since\":" since "}"

#define EVENT(count, since) "{\"actual_lrp_after\":" LISTED(count, since) "}"

/* The first listing may be faster than the event of a crash just now. */
static void test_what_was_learned_is_told_by_its_event(void **state)
{
    struct bed *bed = setup();
    (void)state;
    ccb_crashes_begin_listing(&bed->crashes);
    assert_int_equal(list(bed, LISTED("4", "10")), 0);
    ccb_crashes_end_listing(&bed->crashes);
    assert_int_equal(tell(bed, CHANGED, EVENT("4", "10"), NULL), 0);
    run_until(bed, 1);
    teardown(bed);
}

static void test_the_first_listing_learns_and_the_next_tells(void **state)
{
    struct bed *bed = setup();
    (void)state;
    ccb_crashes_begin_listing(&bed->crashes);
    assert_int_equal(list(bed, LISTED("4", "10")), 0);
    ccb_crashes_end_listing(&bed->crashes);
    assert_int_equal(bed->crashes.missed, 0);
    ccb_crashes_begin_listing(&bed->crashes);
    assert_int_equal(list(bed, LISTED("4", "10")), 0);
    assert_int_equal(bed->crashes.missed, 0);
    assert_int_equal(list(bed, LISTED("5", "20")), 0);
    assert_int_equal(bed->crashes.missed, 1);
    ccb_crashes_end_listing(&bed->crashes);
    run_until(bed, 1);
    /* What was told is not told by its event, too. */
    assert_int_equal(tell(bed, CHANGED, EVENT("5", "20"), NULL), 0);
    assert_int_equal(tell(bed, CHANGED, EVENT("6", "30"), NULL), 0);
    run_until(bed, 2);
    /* What is not listed any more is forgotten. */
    ccb_crashes_begin_listing(&bed->crashes);
    ccb_crashes_end_listing(&bed->crashes);
    assert_null(ccb_crash_marks_find(&bed->crashes.marks, ccb_slice_of("1/p")));
    teardown(bed);
}

#define RESTARTED(count, since)                                                \
    "{\"process_guid\":\"p\",\"index\":1,\"domain\":\"cf-apps\","              \
    "\"state\":\"RUNNING\",\"crash_count\":" count ",\"since\":" since "}"

/* A listing was faster than events, and shows what became of the instance. */
static void test_events_that_a_listing_overtook(void **state)
{
    static const struct {
        const char *listed, *events[3];
        size_t posts;
    } rows[] = {
        {RESTARTED("4", "20"), {EVENT("4", "10"), EVENT("5", "30")}, 2},
        {RESTARTED("5", "30"),
         {EVENT("4", "10"), EVENT("5", "20"), EVENT("6", "40")},
         3},
    };
    size_t i, k;
    (void)state;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bed *bed = setup();
        ccb_crashes_begin_listing(&bed->crashes);
        ccb_crashes_end_listing(&bed->crashes);
        ccb_crashes_begin_listing(&bed->crashes);
        assert_int_equal(list(bed, rows[i].listed), 0);
        ccb_crashes_end_listing(&bed->crashes);
        for (k = 0; k < 3 && rows[i].events[k]; k++)
            assert_int_equal(tell(bed, CHANGED, rows[i].events[k], NULL), 0);
        run_until(bed, rows[i].posts);
        for (k = 0; k < 200; k++)
            uv_run(&bed->loop.uv, UV_RUN_NOWAIT);
        assert_int_equal(bed->came, rows[i].posts);
        teardown(bed);
    }
}

/* ---- memory ------------------------------------------------------------- */

/* A crash that memory was too short for is told when it comes again. */
static void test_every_allocation_may_fail(void **state)
{
    struct bed *bed = setup();
    size_t nth, failed = 0;
    int code = CCB_NO_MEMORY;
    (void)state;
    for (nth = 1; code != 0; nth++) {
        struct ccb_error err = {0};
        ccb_mem_fail_at(nth, 0);
        code = tell(bed, CHANGED, PAIR("cf-apps", "0", "1"), &err);
        ccb_mem_fail_at(0, 0);
        assert_true(code == 0 || code == CCB_NO_MEMORY);
        failed += code != 0;
    }
    assert_true(failed > 1);
    run_until(bed, 1);
    teardown(bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_crash_is_told_once),
        cmocka_unit_test(test_what_is_none),
        cmocka_unit_test(test_what_can_not_be_read),
        cmocka_unit_test(test_so_many_are_told_at_once),
        cmocka_unit_test(test_what_was_learned_is_told_by_its_event),
        cmocka_unit_test(test_the_first_listing_learns_and_the_next_tells),
        cmocka_unit_test(test_events_that_a_listing_overtook),
        cmocka_unit_test(test_every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
