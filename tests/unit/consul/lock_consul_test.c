/*
 * The lock in Consul where the scripts (tests/script/consul) don't reach: it
 * may be closed at any moment, from inside its callbacks too, and it survives
 * every allocation that fails (contract/stager.md A9).
 */
#include "consul_bed.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/clock.h"
#include "consul/lock.h"

#define KEY "/v1/kv/v1/locks/tps_watcher_lock"
#define OURS "[{\"Flags\":3304740253564472344,\"Session\":\"s-1\"}]"

static const struct bed_answer free_key[] = {
    {"/v1/agent/self", 200, "{\"Config\":{\"NodeName\":\"a b/c\"}}", NULL},
    {"/v1/session/node/", 200, "[{\"ID\":\"old\",\"Name\":\"tps-watcher\"}]",
     NULL},
    {"/v1/session/destroy/", 200, "true", NULL},
    {"/v1/session/create", 200, "{\"ID\":\"s-1\"}", NULL},
    {"/v1/session/renew/", 200, "[{}]", NULL},
    {KEY "?wait=", 404, "", "1"},
    {KEY "?acquire=", 200, "true", NULL},
    {KEY "?consistent=&index=7", 0, NULL, NULL},
    {KEY "?consistent=", 200, OURS, "7"},
    {NULL, 0, NULL, NULL},
};
#define STEPS 8 /* requests until the watch is open */

struct holder {
    struct bed bed;
    struct ccb_lock_config config;
    struct ccb_log_session log;
    struct ccb_lock *lock;
    int held, lost;
    bool close_when_held, close_when_lost;
};

static void on_held(void *user)
{
    struct holder *h = user;
    h->held++;
    if (h->close_when_held)
        ccb_lock_close(h->lock);
    uv_stop(&h->bed.loop.uv);
}

static void on_lost(void *user, const char *why)
{
    struct holder *h = user;
    assert_string_equal(why, "lock lost");
    h->lost++;
    if (h->close_when_lost)
        ccb_lock_close(h->lock);
    uv_stop(&h->bed.loop.uv);
}

static void setup(struct holder *h, const struct bed_answer *answers)
{
    memset(h, 0, sizeof(*h));
    bed_open(&h->bed, answers);
    h->config = (struct ccb_lock_config){.consul_cluster = h->bed.url,
                                         .file = "",
                                         .ttl = 10 * CCB_SECOND,
                                         .retry_interval = CCB_MILLISECOND};
    ccb_log_open(&h->log, "test");
}

static int open_lock(struct holder *h)
{
    static const int ending = 15;
    struct ccb_lock_options options = {
        .config = &h->config,
        .name = &ccb_lock_tps_watcher,
        .loop = &h->bed.loop,
        .log = &h->log,
        .on_held = on_held,
        .on_lost = on_lost,
        .user = h,
        .ending = &ending,
    };
    struct ccb_error err;
    return ccb_lock_open(&h->lock, &options, &err);
}

static void test_steps_come_in_order(void **state)
{
    struct holder h;
    char *value;
    (void)state;
    setup(&h, free_key);
    assert_int_equal(open_lock(&h), 0);
    assert_int_equal(h.held, 0); /* never from inside */
    bed_run(&h.bed);
    assert_int_equal(h.held, 1);
    h.bed.keep = STEPS;
    bed_run(&h.bed);
    ccb_lock_close(h.lock);
    assert_true(bed_saw(
        &h.bed,
        "GET /v1/agent/self \n"
        "GET /v1/session/node/a%20b%2Fc \n"
        "PUT /v1/session/destroy/old \n"
        "PUT /v1/session/create {\"Behavior\":\"delete\",\"LockDelay\":\"0ms\","
        "\"Name\":\"tps-watcher\",\"TTL\":\"10s\"}\n"
        "GET " KEY "?wait=15000ms \n"
        "PUT " KEY "?acquire=s-1&flags=3304740253564472344 "));
    value = strstr(h.bed.seen.data, "472344 ") + 7;
    assert_int_equal(value[36], '\n');
    assert_int_equal(value[14], '4'); /* a random guid */
    assert_string_equal(value + 37, "GET " KEY "?consistent= \n"
                                    "GET " KEY "?consistent=&index=7 \n");
    bed_close(&h.bed);
}

static void test_closing_is_fine_at_any_step(void **state)
{
    struct holder h;
    size_t step;
    (void)state;
    for (step = 0; step <= STEPS; step++) {
        setup(&h, free_key);
        h.bed.keep = step;
        assert_int_equal(open_lock(&h), 0);
        if (step > 0)
            bed_run(&h.bed);
        if (step == STEPS) /* held in between */
            bed_run(&h.bed);
        h.held = 0;
        ccb_lock_close(h.lock);
        bed_close(&h.bed);
        assert_int_equal(h.held, 0);
        assert_int_equal(h.lost, 0);
    }
}

static void test_session_is_ended_at_the_end(void **state)
{
    struct holder h;
    (void)state;
    setup(&h, free_key);
    h.bed.keep = 5; /* the look, with a session */
    assert_int_equal(open_lock(&h), 0);
    bed_run(&h.bed);
    ccb_lock_close(h.lock);
    h.bed.keep = 6;
    bed_run(&h.bed);
    assert_true(bed_saw(&h.bed, "PUT /v1/session/destroy/s-1 \n"));
    bed_close(&h.bed);
}

static void test_callbacks_may_close_it(void **state)
{
    struct bed_answer gone[10];
    struct holder h;
    (void)state;
    memcpy(gone, free_key, sizeof(gone));
    setup(&h, free_key);
    h.close_when_held = true;
    assert_int_equal(open_lock(&h), 0);
    bed_run(&h.bed);
    bed_close(&h.bed);
    assert_int_equal(h.held, 1);

    gone[8].body = "[]";
    setup(&h, gone);
    h.close_when_lost = true;
    assert_int_equal(open_lock(&h), 0);
    bed_run(&h.bed);
    bed_run(&h.bed);
    assert_int_equal(h.lost, 1);
    bed_close(&h.bed);
    assert_int_equal(h.held, 1);
    assert_int_equal(h.lost, 1);
}

static void test_lost_lock_ends_its_session_before_it_is_closed(void **state)
{
    struct bed_answer gone[10];
    struct holder h;
    (void)state;
    memcpy(gone, free_key, sizeof(gone));
    gone[8].status = 404;
    setup(&h, gone);
    h.bed.keep = STEPS; /* the end of the session */
    assert_int_equal(open_lock(&h), 0);
    while (h.bed.kept_count == 0)
        bed_run(&h.bed);
    assert_int_equal(h.lost, 1);
    assert_true(bed_saw(&h.bed, "PUT /v1/session/destroy/s-1 \n"));
    ccb_lock_close(h.lock);
    bed_close(&h.bed);
}

static void test_status_shows_no_user_info(void **state)
{
    struct ccb_buf text = {0};
    struct ccb_json_writer w;
    struct ccb_json status;
    struct holder h;
    (void)state;
    setup(&h, free_key);
    assert_int_equal(open_lock(&h), 0);
    bed_run(&h.bed);
    ccb_json_writer_init(&w, ccb_buf_sink, &text);
    ccb_json_begin_object(&w);
    ccb_lock_put_status(h.lock, &w);
    ccb_json_end_object(&w);
    assert_int_equal(ccb_json_writer_end(&w), 0);
    assert_int_equal(
        ccb_json_parse(&status, ccb_buf_slice(&text), CCB_JSON_WHOLE, NULL), 0);
    assert_true(ccb_json_string_is(ccb_json_get(status, "kind"), "consul"));
    assert_true(ccb_json_string_is(ccb_json_get(status, "key"),
                                   "v1/locks/tps_watcher_lock"));
    assert_true(ccb_slice_is(ccb_json_get(status, "held").raw, "true"));
    assert_int_equal(ccb_json_get(status, "since").raw.len, 22);
    assert_null(memchr(text.data, '@', text.len));
    ccb_buf_destroy(&text);
    ccb_lock_close(h.lock);
    bed_close(&h.bed);
}

/* It is tried again until it is held; then it may be lost. */
static void test_failed_allocations_are_survived(void **state)
{
    bool all = false;
    size_t n;
    (void)state;
    for (n = 1; !all; n++) {
        struct holder h;
        int code;
        setup(&h, free_key);
        ccb_mem_fail_at(n, 0);
        code = open_lock(&h);
        if (code == 0) {
            while (!h.held && !h.lost)
                bed_run(&h.bed);
            ccb_lock_close(h.lock);
        }
        all = ccb_mem_fail_at(0, 0) < n;
        assert_true(code == 0 || code == CCB_NO_MEMORY);
        bed_close(&h.bed);
    }
    assert_true(n > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps_come_in_order),
        cmocka_unit_test(test_closing_is_fine_at_any_step),
        cmocka_unit_test(test_session_is_ended_at_the_end),
        cmocka_unit_test(test_callbacks_may_close_it),
        cmocka_unit_test(test_lost_lock_ends_its_session_before_it_is_closed),
        cmocka_unit_test(test_status_shows_no_user_info),
        cmocka_unit_test(test_failed_allocations_are_survived),
    };
    ccb_log_set_fd(open("/dev/null", O_WRONLY | O_CLOEXEC));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
