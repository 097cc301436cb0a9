/*
 * The outbox as a file: what is stored stays, once each, until it is delivered
 * or given up; and the pauses between attempts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "outbox/delivery.h"
#include "outbox/outbox.h"

static const struct ccb_outbox_kind kind = {
    .file = "outbox.db",
    .flag = "-outbox",
    .application_id = 0x63636273,
    .remembered = 1000,
    .waiting = CCB_METRIC_OUTBOX_WAITING,
};
static char dir[64];
static struct ccb_loop loop;
static struct ccb_arena *arena;
static struct ccb_outbox *outbox;
static struct ccb_error err;

static int setup(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof(dir), "/tmp/ccb-outbox-XXXXXX");
    arena = ccb_arena_create();
    return mkdtemp(dir) && arena ? ccb_loop_open(&loop, &err) : -1;
}

static void remove_file(const char *name)
{
    char path[96];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    (void)unlink(path);
}

static int teardown(void **state)
{
    (void)state;
    ccb_arena_unref(arena);
    remove_file("outbox.db");
    remove_file("outbox.db-wal");
    return ccb_loop_close(&loop, &err) == 0 ? rmdir(dir) : -1;
}

static void open_outbox(void)
{
    if (ccb_outbox_open(&outbox, &kind, dir, &err) < 0)
        fail_msg("%s", err.message);
}

/* ---- operations, waited for --------------------------------------------- */

static size_t pending;

static void on_done(struct ccb_outbox_op *op)
{
    (void)op;
    pending--;
}

static struct ccb_outbox_op begin(void)
{
    pending++;
    return (struct ccb_outbox_op){.loop = &loop, .on_done = on_done};
}

static void on_timer(uv_timer_t *timer)
{
    (void)timer;
}

/* The loop waits for what the outbox's thread posts. */
static void settle(void)
{
    uv_timer_t timer;
    (void)uv_timer_init(&loop.uv, &timer);
    (void)uv_timer_start(&timer, on_timer, 60000, 60000);
    while (pending > 0)
        (void)uv_run(&loop.uv, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&timer, NULL);
    (void)uv_run(&loop.uv, UV_RUN_DEFAULT);
}

static bool put(const char *guid, const char *payload)
{
    struct ccb_outbox_put p = {.op = begin()};
    p.letter.guid = ccb_slice_of(guid);
    p.letter.payload = ccb_slice_of(payload);
    p.letter.failed = true;
    p.letter.created_at = 42;
    ccb_outbox_put(outbox, &p);
    settle();
    assert_int_equal(p.op.code, 0);
    return !p.known;
}

static struct ccb_outbox_take take(void)
{
    struct ccb_outbox_take t = {.op = begin(), .arena = arena};
    ccb_outbox_take(outbox, &t);
    settle();
    assert_int_equal(t.op.code, 0);
    return t;
}

static void mark(const struct ccb_outbox_take *taken, enum ccb_outbox_fate fate,
                 int64_t due_at)
{
    struct ccb_outbox_mark m = {.op = begin(),
                                .letter = &taken->letter,
                                .fate = fate,
                                .due_at = due_at};
    ccb_outbox_mark(outbox, &m);
    settle();
    assert_int_equal(m.op.code, 0);
}

static int64_t waiting(void)
{
    struct ccb_outbox_status status;
    ccb_outbox_get_status(outbox, &status);
    assert_int_equal(status.waiting > 0, status.oldest_at > 0);
    return status.waiting;
}

/* ---- the tests ---------------------------------------------------------- */

static void a_letter_is_there_once_until_it_was_delivered(void **state)
{
    struct ccb_outbox_take taken;
    (void)state;
    open_outbox();
    assert_true(put("a", "A"));
    assert_false(put("a", "B"));
    assert_int_equal(waiting(), 1);
    taken = take();
    assert_true(taken.found);
    assert_true(ccb_slice_is(taken.letter.guid, "a"));
    assert_true(ccb_slice_is(taken.letter.payload, "A"));
    assert_true(taken.letter.failed);
    assert_int_equal(taken.letter.created_at, 42);
    assert_int_equal(taken.letter.attempts, 0);
    assert_false(take().found); /* it is being brought */
    assert_false(put("a", "C"));
    mark(&taken, CCB_LETTER_DELIVERED, 0);
    assert_int_equal(waiting(), 0);
    assert_false(put("a", "D"));
    assert_false(take().found);
    ccb_outbox_close(outbox);
}

static void what_is_put_off_waits_for_its_moment(void **state)
{
    int64_t later = ccb_clock_wall() + 50 * CCB_SECOND;
    struct ccb_outbox_take taken, none;
    (void)state;
    open_outbox();
    assert_true(put("a", "A"));
    taken = take();
    mark(&taken, CCB_LETTER_LATER, later);
    none = take();
    assert_false(none.found);
    assert_true(none.due_at == later);
    assert_true(put("b", "B"));
    assert_true(ccb_slice_is(take().letter.guid, "b"));
    ccb_outbox_close(outbox);
}

static void a_clock_that_was_set_back_delays_nothing(void **state)
{
    struct ccb_outbox_take taken;
    (void)state;
    open_outbox();
    assert_true(put("a", "A"));
    taken = take();
    mark(&taken, CCB_LETTER_LATER, ccb_clock_wall() + 3600 * CCB_SECOND);
    assert_true(take().found);
    ccb_outbox_close(outbox);
}

static void a_new_process_finds_what_waits_and_all_of_it_due(void **state)
{
    struct ccb_outbox_take taken;
    (void)state;
    open_outbox();
    assert_true(put("a", "A"));
    assert_true(put("b", "B"));
    taken = take();
    mark(&taken, CCB_LETTER_LATER, ccb_clock_wall() + 50 * CCB_SECOND);
    taken = take(); /* never marked */
    ccb_outbox_close(outbox);
    open_outbox();
    assert_int_equal(waiting(), 2);
    taken = take();
    assert_true(ccb_slice_is(taken.letter.guid, "a"));
    assert_int_equal(taken.letter.attempts, 1);
    mark(&taken, CCB_LETTER_DELIVERED, 0);
    assert_true(ccb_slice_is(take().letter.guid, "b"));
    ccb_outbox_close(outbox);
    open_outbox();
    assert_false(put("a", "A")); /* the delivered ones are known, too */
    assert_int_equal(waiting(), 1);
    ccb_outbox_close(outbox);
}

static void what_is_given_up_is_gone_and_forgotten(void **state)
{
    struct ccb_outbox_take taken;
    (void)state;
    open_outbox();
    assert_true(put("a", "A"));
    taken = take();
    mark(&taken, CCB_LETTER_GIVEN_UP, 0);
    assert_int_equal(waiting(), 0);
    assert_true(put("a", "A"));
    ccb_outbox_close(outbox);
}

static void delivered_guids_are_remembered_for_a_bounded_while(void **state)
{
    struct ccb_outbox_take taken;
    char guid[16];
    int i;
    (void)state;
    open_outbox();
    for (i = 0; i <= 1000; i++) {
        (void)snprintf(guid, sizeof(guid), "%d", i);
        assert_true(put(guid, ""));
        taken = take();
        assert_true(taken.found);
        mark(&taken, CCB_LETTER_DELIVERED, 0);
    }
    assert_false(put(guid, ""));
    assert_false(put("1", ""));
    assert_true(put("0", ""));
    ccb_outbox_close(outbox);
}

static void many_at_once_are_all_stored(void **state)
{
    enum { MANY = 200 };
    static struct ccb_outbox_put puts[MANY];
    static char guids[MANY][16];
    int i;
    (void)state;
    open_outbox();
    for (i = 0; i < MANY; i++) {
        (void)snprintf(guids[i], sizeof(guids[i]), "g%d", i / 2);
        puts[i] = (struct ccb_outbox_put){.op = begin()};
        puts[i].letter.guid = ccb_slice_of(guids[i]);
        ccb_outbox_put(outbox, &puts[i]);
    }
    settle();
    for (i = 0; i < MANY; i++) {
        assert_int_equal(puts[i].op.code, 0);
        assert_int_equal(puts[i].known, i % 2);
    }
    assert_int_equal(waiting(), MANY / 2);
    ccb_outbox_close(outbox);
}

static void nothing_is_stored_in_a_file_that_was_removed(void **state)
{
    struct ccb_outbox_put p;
    struct ccb_outbox_take taken;
    (void)state;
    open_outbox();
    assert_true(put("a", "A"));
    remove_file("outbox.db");
    p = (struct ccb_outbox_put){.op = begin(),
                                .letter.guid = ccb_slice_of("b")};
    ccb_outbox_put(outbox, &p);
    settle();
    assert_int_equal(p.op.code, CCB_IO);
    assert_non_null(strstr(p.op.err.message, "/outbox.db was removed"));
    assert_int_equal(waiting(), 1);
    taken = take(); /* what is in it is brought all the same */
    assert_true(ccb_slice_is(taken.letter.guid, "a"));
    mark(&taken, CCB_LETTER_DELIVERED, 0);
    ccb_outbox_close(outbox);
}

static void it_is_private_and_without_memory_not_opened(void **state)
{
    struct ccb_outbox *none;
    struct stat st;
    char path[96];
    (void)state;
    open_outbox();
    (void)snprintf(path, sizeof(path), "%s/outbox.db", dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    ccb_outbox_close(outbox);
    (void)ccb_mem_fail_at(1, 1);
    assert_int_equal(ccb_outbox_open(&none, &kind, dir, &err), CCB_NO_MEMORY);
    (void)ccb_mem_fail_at(0, 0);
    assert_null(none);
    ccb_outbox_close(NULL);
}

static void pauses_double_up_to_a_minute_less_a_quarter_by_chance(void **state)
{
    static const int64_t seconds[] = {1, 2, 4, 8, 16, 32, 60, 60, 60};
    int64_t i;
    (void)state;
    for (i = 0; i < 9; i++) {
        int64_t whole = seconds[i] * CCB_SECOND;
        assert_true(ccb_delivery_pause(i + 1, 0) == whole);
        assert_true(ccb_delivery_pause(i + 1, UINT32_MAX) == whole - whole / 4);
        assert_true(ccb_delivery_pause(i + 1, UINT32_MAX / 2) < whole);
    }
    assert_true(ccb_delivery_pause(INT64_MAX, 0) == 60 * CCB_SECOND);
    assert_true(ccb_delivery_pause(0, 0) == CCB_SECOND);
}

static void what_became_old_without_attempts_is_not_given_up(void **state)
{
    static const struct {
        int64_t attempts, age, max_age;
        bool too_old;
    } rows[] = {
        {10, 3600, 3600, true},    {99, 3599, 3600, false},
        {9, 400000, 86400, false}, /* the clock was set, or we were down */
        {1, 119, 119, true},       /* fewer attempts fit into its time */
        {0, 119, 119, false},      {0, 1, 1, true},
        {99, -5, 1, false},
    };
    size_t i;
    (void)state;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ccb_letter letter = {.stored_at = 7 * CCB_SECOND,
                                    .attempts = rows[i].attempts};
        int64_t now = letter.stored_at + rows[i].age * CCB_SECOND;
        assert_int_equal(
            ccb_delivery_is_too_old(&letter, now, rows[i].max_age * CCB_SECOND),
            rows[i].too_old);
    }
}

#define WITH_DIR(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DIR(a_letter_is_there_once_until_it_was_delivered),
        WITH_DIR(what_is_put_off_waits_for_its_moment),
        WITH_DIR(a_clock_that_was_set_back_delays_nothing),
        WITH_DIR(a_new_process_finds_what_waits_and_all_of_it_due),
        WITH_DIR(what_is_given_up_is_gone_and_forgotten),
        WITH_DIR(delivered_guids_are_remembered_for_a_bounded_while),
        WITH_DIR(many_at_once_are_all_stored),
        WITH_DIR(nothing_is_stored_in_a_file_that_was_removed),
        WITH_DIR(it_is_private_and_without_memory_not_opened),
        cmocka_unit_test(what_became_old_without_attempts_is_not_given_up),
        cmocka_unit_test(pauses_double_up_to_a_minute_less_a_quarter_by_chance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
