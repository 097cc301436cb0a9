/*
 * Turns on guids: one after the other, across loops, left at any moment; what
 * live requests touched during a pass; which etag is newer (nsync/turn.h).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/mem.h"
#include "nsync/turn.h"

struct bed {
    struct ccb_loop loop;
    char order[64]; /* who had a turn by being called */
};

struct worker {
    struct bed *bed;
    struct ccb_turn turn;
    char name;
    bool gives; /* at once, when it is called */
};

static void open_bed(struct bed *bed)
{
    struct ccb_error err;
    memset(bed, 0, sizeof(*bed));
    assert_int_equal(ccb_loop_open(&bed->loop, &err), 0);
}

static void close_bed(struct bed *bed)
{
    struct ccb_error err;
    (void)ccb_loop_run(&bed->loop);
    assert_int_equal(ccb_loop_close(&bed->loop, &err), 0);
}

static void on_turn(void *user)
{
    struct worker *worker = user;
    worker->bed->order[strlen(worker->bed->order)] = worker->name;
    if (worker->gives)
        ccb_turn_give(&worker->turn);
}

static bool take(struct bed *bed, struct worker *worker, char name,
                 const char *guid)
{
    *worker = (struct worker){.bed = bed, .name = name};
    return ccb_turn_take(&worker->turn, &bed->loop, ccb_slice_of(guid),
                         CCB_TURN_LIVE, on_turn, worker);
}

/* ---- turns -------------------------------------------------------------- */

static void test_one_guid_is_one_after_the_other(void **state)
{
    struct worker a, b, c, other;
    struct bed bed;
    (void)state;
    open_bed(&bed);
    assert_true(take(&bed, &a, 'a', "p-1"));
    assert_false(take(&bed, &b, 'b', "p-1"));
    assert_false(take(&bed, &c, 'c', "p-1"));
    assert_true(take(&bed, &other, 'o', "p-2"));
    (void)ccb_loop_run(&bed.loop);
    assert_string_equal(bed.order, "");
    ccb_turn_give(&a.turn);
    assert_string_equal(bed.order, ""); /* never from inside */
    (void)ccb_loop_run(&bed.loop);
    assert_string_equal(bed.order, "b");
    assert_false(take(&bed, &a, 'A', "p-1"));
    c.gives = a.gives = true;
    ccb_turn_give(&b.turn);
    (void)ccb_loop_run(&bed.loop);
    assert_string_equal(bed.order, "bcA");
    assert_true(take(&bed, &a, 'a', "p-1")); /* nobody is left */
    ccb_turn_give(&a.turn);
    ccb_turn_give(&other.turn);
    close_bed(&bed);
}

static void test_who_waits_may_leave(void **state)
{
    struct worker a, b, c;
    struct bed bed;
    (void)state;
    open_bed(&bed);
    assert_true(take(&bed, &a, 'a', "p-1"));
    assert_false(take(&bed, &b, 'b', "p-1"));
    assert_false(take(&bed, &c, 'c', "p-1"));
    c.gives = true;
    ccb_turn_leave(&b.turn);
    memset(&b, 0x55, sizeof(b)); /* nobody looks at it any more */
    ccb_turn_give(&a.turn);
    (void)ccb_loop_run(&bed.loop);
    assert_string_equal(bed.order, "c");
    close_bed(&bed);
}

static void test_a_turn_on_its_way_may_be_left(void **state)
{
    struct worker a, b, c;
    struct bed bed;
    (void)state;
    open_bed(&bed);
    assert_true(take(&bed, &a, 'a', "p-1"));
    assert_false(take(&bed, &b, 'b', "p-1"));
    assert_false(take(&bed, &c, 'c', "p-1"));
    c.gives = true;
    ccb_turn_give(&a.turn); /* it is b's now, but b was not told yet */
    ccb_turn_leave(&b.turn);
    memset(&b, 0x55, sizeof(b));
    (void)ccb_loop_run(&bed.loop);
    assert_string_equal(bed.order, "c");
    assert_true(take(&bed, &a, 'a', "p-1"));
    ccb_turn_give(&a.turn);
    close_bed(&bed);
}

/* ---- several loops ------------------------------------------------------ */

#define ROUNDS 2000
#define THREADS 4

struct crowd {
    struct bed bed;
    uv_thread_t thread;
    struct worker worker;
    int rounds;
};
static _Atomic int inside;
static long counted; /* only by who has the turn */

static void start_round(struct crowd *crowd);

static void do_round(struct crowd *crowd)
{
    assert_int_equal(++inside, 1);
    counted++;
    inside--;
    crowd->rounds++;
    ccb_turn_give(&crowd->worker.turn);
}

static void on_crowd_turn(void *user)
{
    struct crowd *crowd = user;
    do_round(crowd);
    start_round(crowd);
}

static void start_round(struct crowd *crowd)
{
    while (crowd->rounds < ROUNDS &&
           ccb_turn_take(&crowd->worker.turn, &crowd->bed.loop,
                         ccb_slice_of("p-1"), CCB_TURN_BULK, on_crowd_turn,
                         crowd))
        do_round(crowd);
}

static void run_crowd(void *arg)
{
    struct crowd *crowd = arg;
    start_round(crowd);
    while (crowd->rounds < ROUNDS) {
        (void)uv_ref((uv_handle_t *)&crowd->bed.loop.wake);
        (void)uv_run(&crowd->bed.loop.uv, UV_RUN_ONCE);
    }
    (void)uv_unref((uv_handle_t *)&crowd->bed.loop.wake);
}

static void test_turns_go_across_threads(void **state)
{
    static struct crowd crowds[THREADS];
    int i;
    (void)state;
    counted = 0;
    for (i = 0; i < THREADS; i++) {
        open_bed(&crowds[i].bed);
        assert_int_equal(
            uv_thread_create(&crowds[i].thread, run_crowd, &crowds[i]), 0);
    }
    for (i = 0; i < THREADS; i++) {
        uv_thread_join(&crowds[i].thread);
        close_bed(&crowds[i].bed);
    }
    assert_int_equal(counted, THREADS * ROUNDS);
}

/* ---- passes ------------------------------------------------------------- */

static bool touched(const char *guid)
{
    return ccb_turn_touched(ccb_slice_of(guid));
}

static void touch(struct bed *bed, const char *guid, enum ccb_turn_kind kind)
{
    struct ccb_turn turn;
    assert_true(ccb_turn_take(&turn, &bed->loop, ccb_slice_of(guid), kind,
                              on_turn, NULL));
    ccb_turn_give(&turn);
}

static void test_what_live_requests_touch_is_remembered(void **state)
{
    struct worker held;
    struct bed bed;
    (void)state;
    open_bed(&bed);
    touch(&bed, "before", CCB_TURN_LIVE);
    assert_true(take(&bed, &held, 'h', "held"));
    ccb_turn_begin_pass();
    touch(&bed, "live", CCB_TURN_LIVE);
    touch(&bed, "live", CCB_TURN_LIVE);
    touch(&bed, "bulk", CCB_TURN_BULK);
    ccb_turn_give(&held.turn);
    assert_true(touched("live"));
    assert_true(touched("held")); /* under way when the pass began */
    assert_false(touched("before"));
    assert_false(touched("bulk"));
    assert_false(touched("liv"));
    ccb_turn_end_pass();
    assert_false(touched("live"));
    touch(&bed, "live", CCB_TURN_LIVE); /* between passes */
    ccb_turn_begin_pass();
    assert_false(touched("live"));
    ccb_turn_end_pass();
    close_bed(&bed);
}

static void test_without_memory_all_is_touched(void **state)
{
    struct bed bed;
    (void)state;
    open_bed(&bed);
    ccb_turn_begin_pass();
    ccb_mem_fail_at(1, 0);
    touch(&bed, "a", CCB_TURN_LIVE);
    ccb_mem_fail_at(0, 0);
    assert_true(touched("a"));
    assert_true(touched("b"));
    ccb_turn_end_pass();
    assert_false(touched("a"));
    close_bed(&bed);
}

/* ---- etags -------------------------------------------------------------- */

static const struct {
    const char *mine, *theirs;
    bool may;
} etags[] = {
    {"2", "1", true},
    {"1", "2", false},
    {"1", "1", true},
    {"10", "9", true},
    {"9", "10", false},
    {"1.5", "1.50", true},
    {"1.50", "1.5", true},
    {"1.5", "1.51", false},
    {"1.51", "1.5", true},
    {"1", "1.0", true},
    {"1", "1.000000000000000000000000001", false},
    {"1440417600.125", "1440417600.1250000000000001", false},
    {"1440417600.1250000000000002", "1440417600.1250000000000001", true},
    {"0001.5", "1.5", true},
    {"0", "000", true},
    {"0", "0.1", false},
    {"999999999999999999999999999999", "1000000000000000000000000000000",
     false},
    /* What is no decimal says nothing. */
    {"", "2", true},
    {"1", "", true},
    {"1", "2a", true},
    {"1.", "2", true},
    {".1", "2", true},
    {"-1", "2", true},
    {"1e3", "2000", true},
    {"1.2.3", "2", true},
    {" 1", "2", true},
    {"1", "2 ", true},
    {"17-abc", "18-abc", true},
};

static void test_only_a_smaller_decimal_may_not_replace(void **state)
{
    size_t i;
    (void)state;
    for (i = 0; i < sizeof(etags) / sizeof(etags[0]); i++)
        if (ccb_etag_may_replace(ccb_slice_of(etags[i].mine),
                                 ccb_slice_of(etags[i].theirs)) != etags[i].may)
            fail_msg("%s over %s", etags[i].mine, etags[i].theirs);
    assert_true(
        ccb_etag_may_replace(ccb_slice_make(NULL, 0), ccb_slice_make(NULL, 0)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_guid_is_one_after_the_other),
        cmocka_unit_test(test_who_waits_may_leave),
        cmocka_unit_test(test_a_turn_on_its_way_may_be_left),
        cmocka_unit_test(test_turns_go_across_threads),
        cmocka_unit_test(test_what_live_requests_touch_is_remembered),
        cmocka_unit_test(test_without_memory_all_is_touched),
        cmocka_unit_test(test_only_a_smaller_decimal_may_not_replace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
