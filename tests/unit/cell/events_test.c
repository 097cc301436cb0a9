/*
 * Events: contract/receptor-api.md 11 and its rows of 15: the hub by itself,
 * then streams over real sockets.
 */
#include "api_bed.h"

/* ---- the hub ------------------------------------------------------------ */

static struct hub {
    struct ccb_events *events;
    struct ccb_loop loop;
    int ready;
} hub;

static void on_hub_ready(struct ccb_subscription *subscription, void *user)
{
    (void)subscription;
    (void)user;
    hub.ready++;
}

static int hub_open(void **state)
{
    (void)state;
    memset(&hub, 0, sizeof(hub));
    hub.events = ccb_events_create();
    assert_non_null(hub.events);
    return ccb_loop_open(&hub.loop, NULL);
}

static int hub_close(void **state)
{
    (void)state;
    (void)ccb_loop_run(&hub.loop);
    ccb_events_free(hub.events);
    return ccb_loop_close(&hub.loop, NULL);
}

static void publish(int count)
{
    for (int i = 0; i < count; i++) {
        char data[24];
        struct ccb_event *event;

        (void)snprintf(data, sizeof(data), "%d", i);
        event = ccb_event_create("e", ccb_slice_of(data));
        assert_non_null(event);
        ccb_events_publish(hub.events, event);
        ccb_event_unref(event);
    }
}

/* How many are taken before none is left. */
static int drain(struct ccb_subscription *subscription, bool *ended)
{
    struct ccb_event *event;
    int count = 0;

    for (;;) {
        event = ccb_events_take(subscription, ended);
        if (!event)
            return count;
        ccb_event_unref(event);
        count++;
    }
}

static struct ccb_subscription *subscribe(void)
{
    return ccb_events_subscribe(hub.events, &hub.loop, on_hub_ready, NULL);
}

static void test_a_slow_subscriber_is_dropped_alone(void **state)
{
    struct ccb_subscription *slow, *quick;
    bool ended;

    (void)state;
    slow = subscribe();
    quick = subscribe();
    publish(CCB_EVENTS_QUEUE);
    assert_int_equal(drain(quick, &ended), CCB_EVENTS_QUEUE);
    assert_false(ended);
    publish(1); /* one more than the slow one holds */
    assert_int_equal(drain(quick, &ended), 1);
    assert_false(ended);
    publish(1);
    assert_int_equal(drain(slow, &ended), CCB_EVENTS_QUEUE);
    assert_true(ended);
    ccb_events_unsubscribe(slow);
    ccb_events_unsubscribe(quick);
}

static void test_many_events_wake_a_loop_once(void **state)
{
    struct ccb_subscription *subscription;
    bool ended;

    (void)state;
    subscription = subscribe();
    publish(5);
    (void)uv_run(&hub.loop.uv, UV_RUN_NOWAIT);
    (void)ccb_loop_run(&hub.loop);
    assert_int_equal(drain(subscription, &ended), 5);
    assert_true(hub.ready <= 1);
    ccb_events_unsubscribe(subscription);
}

static void test_what_was_not_taken_is_freed(void **state)
{
    struct ccb_subscription *subscription;

    (void)state;
    subscription = subscribe();
    publish(7);
    ccb_events_unsubscribe(subscription); /* with a wake-up on its way */
    assert_false(ccb_events_wanted(hub.events));
}

static void test_a_closed_hub_takes_nobody(void **state)
{
    struct ccb_subscription *subscription;
    bool ended;

    (void)state;
    subscription = subscribe();
    ccb_events_close(hub.events);
    assert_int_equal(drain(subscription, &ended), 0);
    assert_true(ended);
    ccb_events_unsubscribe(subscription);
    assert_null(subscribe());
}

static void test_without_memory_there_is_no_subscription(void **state)
{
    struct ccb_subscription *subscription;

    (void)state;
    (void)ccb_mem_fail_at(1, 0);
    subscription = subscribe();
    (void)ccb_mem_fail_at(0, 0);
    assert_null(subscription);
}

/* ---- streams ------------------------------------------------------------ */

static int open_stream(void)
{
    int fd = dial();

    say(fd, "GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n");
    hear_head(fd);
    assert_heard("HTTP/1.1 200 ");
    return fd;
}

/* One event, with what is chunked around it. */
static const char *hear_event(int fd)
{
    heard_len = 0;
    do {
        if (recv(fd, heard + heard_len, 1, 0) != 1)
            fail_msg("no whole event: %.*s", (int)heard_len, heard);
        heard[++heard_len] = '\0';
    } while (strstr(heard, "\n\n\r\n") == NULL);
    return heard;
}

static void test_a_stream_has_its_headers_before_any_event(void **state)
{
    int fd = open_stream();

    (void)state;
    assert_heard("Content-Type: text/event-stream; charset=utf-8\r\n");
    assert_heard("Cache-Control: no-cache, no-store, must-revalidate\r\n");
    (void)close(fd);
}

static void test_ids_count_for_each_connection(void **state)
{
    int first = open_stream(), second;

    (void)state;
    OK(DO(desire_lrp, .guid = "web-1", .number = 1));
    (void)hear_event(first);
    assert_heard("id: 0\nevent: desired_lrp_created\ndata: "
                 "{\"desired_lrp\":{\"process_guid\":\"web-1\"");
    (void)hear_event(first);
    assert_heard("id: 1\nevent: actual_lrp_created\ndata: "
                 "{\"actual_lrp\":{\"process_guid\":\"web-1\"");
    second = open_stream();
    OK(DO(desire_lrp, .guid = "web-2", .number = 0));
    (void)hear_event(second);
    assert_heard("id: 0\nevent: desired_lrp_created\n");
    (void)hear_event(first);
    assert_heard("id: 2\nevent: desired_lrp_created\n");
    (void)close(first);
    (void)close(second);
}

static void test_a_change_shows_both_sides(void **state)
{
    int fd;

    (void)state;
    OK(DO(desire_lrp, .guid = "web-1", .number = 0));
    fd = open_stream();
    (void)request("PUT /v1/desired_lrps/web-1", "",
                  "{'routes':{'r':[1, 2\n,3]}}");
    assert_heard("HTTP/1.1 204 ");
    (void)hear_event(fd);
    assert_heard("event: desired_lrp_changed\n");
    assert_heard("{\"desired_lrp_before\":{\"process_guid\"");
    assert_heard("\"index\":0}},\"desired_lrp_after\":{\"process_guid\"");
    assert_heard("\"routes\":{\"r\":[1,2,3]},"); /* on one line */
    (void)request("DELETE /v1/desired_lrps/web-1", "", "");
    (void)hear_event(fd);
    assert_heard("id: 1\nevent: desired_lrp_removed\ndata: "
                 "{\"desired_lrp\":{");
    (void)close(fd);
}

/* When its event is seen, the record is listed. */
static void test_an_event_comes_after_the_change_is_stored(void **state)
{
    int fd = open_stream();

    (void)state;
    for (int i = 0; i < 20; i++) {
        char body[256], path[64];

        (void)snprintf(body, sizeof(body), LRP("w-%d", ""), i);
        (void)request("POST /v1/desired_lrps", "", body);
        (void)hear_event(fd);
        assert_heard("event: desired_lrp_created\n");
        (void)snprintf(path, sizeof(path), "GET /v1/desired_lrps/w-%d", i);
        (void)request(path, "", "");
        assert_heard("HTTP/1.1 200 ");
    }
    (void)close(fd);
}

static void test_two_streams_see_the_same_order(void **state)
{
    int fds[2] = {open_stream(), open_stream()};
    char seen[2][4096] = {"", ""};

    (void)state;
    OK(DO(desire_lrp, .guid = "web-1", .number = 3));
    OK(DO(desire_lrp, .guid = "web-2", .number = 3));
    for (int i = 0; i < 2; i++)
        for (int n = 0; n < 8; n++) {
            const char *name = strstr(hear_event(fds[i]), "event: ");
            size_t used = strlen(seen[i]);

            assert_non_null(name);
            (void)snprintf(seen[i] + used, sizeof(seen[i]) - used, "%.100s\n",
                           name);
        }
    assert_string_equal(seen[0], seen[1]);
    (void)close(fds[0]);
    (void)close(fds[1]);
}

static void test_a_stream_ends_when_the_hub_closes(void **state)
{
    int fd = open_stream();

    (void)state;
    ccb_events_close(cell.events);
    assert_true(hear_bytes(fd, 5));
    assert_string_equal(heard, "0\r\n\r\n");
    (void)close(fd);
    SAID("GET /v1/events", "", "", "500", "");
}

/* Each answer is a turn of the server's loop. */
static void turn_until_nobody_wants(void)
{
    while (ccb_events_wanted(cell.events))
        (void)request("GET /v1/cells", "", "");
}

/* A peer that ends its side only may still read, and the server, told no
 * more than that by a close, lets it be until it has something to send. */
static void test_a_reader_that_leaves_is_forgotten(void **state)
{
    int fd = open_stream();

    (void)state;
    assert_true(ccb_events_wanted(cell.events));
    (void)close(fd);
    OK(DO(desire_lrp, .guid = "web-1", .number = 1));
    turn_until_nobody_wants();
    OK(DO(desire_lrp, .guid = "web-2", .number = 1));
}

static void test_a_reader_that_breaks_off_is_forgotten_at_once(void **state)
{
    static const struct linger reset = {.l_onoff = 1, .l_linger = 0};
    int fd = open_stream();

    (void)state;
    assert_true(ccb_events_wanted(cell.events));
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    (void)close(fd);
    turn_until_nobody_wants();
}

static int many_changes(const struct step *s, struct ccb_store_tx *tx,
                        struct ccb_error *err)
{
    struct ccb_desired_update update = {.has_annotation = true};
    static char annotation[8000];
    int code = 0;

    memset(annotation, 'a', sizeof(annotation));
    update.annotation = ccb_slice_make(annotation, sizeof(annotation));
    for (int i = 0; code == 0 && i < (int)s->number; i++)
        code = ccb_desired_update(tx, or_empty(s->guid), &update, err);
    return code;
}

/* Nobody else waits for it, and it ends as soon as its queue is full. */
static void test_a_stream_that_is_not_read_is_dropped(void **state)
{
    int fd;

    (void)state;
    OK(DO(desire_lrp, .guid = "web-1", .number = 0));
    fd = open_stream();
    for (int i = 0; i < 20; i++)
        OK(DO(many_changes, .guid = "web-1", .number = 200));
    (void)request("GET /v1/cells", "", "");
    assert_heard("HTTP/1.1 200 ");
    for (;;) { /* what was queued still comes, then the end */
        ssize_t n = recv(fd, heard, sizeof(heard) - 1, 0);

        assert_true(n > 0);
        if (n >= 5 && memcmp(heard + n - 5, "0\r\n\r\n", 5) == 0)
            break;
    }
    (void)close(fd);
}

static void test_head_has_no_stream(void **state)
{
    (void)state;
    (void)request("HEAD /v1/events", "", "");
    assert_heard("HTTP/1.1 200 ");
    assert_false(ccb_events_wanted(cell.events));
}

#define HUB_CASE(name)                                                         \
    cmocka_unit_test_setup_teardown(name, hub_open, hub_close)
#define CASE(name) cmocka_unit_test_setup_teardown(name, api_open, api_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        HUB_CASE(test_a_slow_subscriber_is_dropped_alone),
        HUB_CASE(test_many_events_wake_a_loop_once),
        HUB_CASE(test_what_was_not_taken_is_freed),
        HUB_CASE(test_a_closed_hub_takes_nobody),
        HUB_CASE(test_without_memory_there_is_no_subscription),
        CASE(test_a_stream_has_its_headers_before_any_event),
        CASE(test_ids_count_for_each_connection),
        CASE(test_a_change_shows_both_sides),
        CASE(test_an_event_comes_after_the_change_is_stored),
        CASE(test_two_streams_see_the_same_order),
        CASE(test_a_stream_ends_when_the_hub_closes),
        CASE(test_a_reader_that_leaves_is_forgotten),
        CASE(test_a_reader_that_breaks_off_is_forgotten_at_once),
        CASE(test_a_stream_that_is_not_read_is_dropped),
        CASE(test_head_has_no_stream),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
