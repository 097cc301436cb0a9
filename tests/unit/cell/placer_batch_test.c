/*
 * The order in which a batch is placed (core/cell/placer.h,
 * contract/embedded-cell.md 3), and that less than nothing makes no room.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "cell/placer.h"

static struct ccb_pair stacks[] = {{CCB_LIT("base"), CCB_LIT("/srv/base")},
                                   {CCB_LIT("host"), CCB_LIT("/")}};
static const struct ccb_pairs offered = {stacks, 2};
static struct ccb_placer placer;

static int open_placer(void **state)
{
    (void)state;
    placer = (struct ccb_placer){
        .rootfs = &offered, .memory_mb = 100, .disk_mb = 1000};
    return ccb_placer_init(&placer, 3);
}

static int close_placer(void **state)
{
    (void)state;
    ccb_placer_destroy(&placer);
    return 0;
}

static const char *reserve(const char *rootfs, int64_t memory, int64_t disk)
{
    struct ccb_room_needs needs = {memory, disk};
    size_t slot;

    return ccb_placer_reserve(&placer, ccb_slice_of(rootfs), &needs, &slot);
}

/* Less than nothing must not make room for others. */
static void test_negative_needs_count_as_none(void **state)
{
    (void)state;
    assert_null(reserve("preloaded:base", -1000, -1000));
    assert_string_equal(reserve("preloaded:base", 101, 0), CCB_NO_ROOM);
    assert_string_equal(reserve("preloaded:base", 0, 1001), CCB_NO_ROOM);
    assert_null(reserve("preloaded:base", 100, 1000));
}

/* ---- batches ------------------------------------------------------------ */

/* A bid is "t64" (a task of 64 MB) or "1:64" (index 1). */
static struct ccb_bid parse_bid(const char *text, uint64_t serial)
{
    struct ccb_bid bid = {.bidder = (void *)(uintptr_t)text,
                          .task = text[0] == 't',
                          .serial = serial};
    int index = 0, memory = 0;

    if (bid.task)
        assert_int_equal(sscanf(text, "t%d", &memory), 1);
    else
        assert_int_equal(sscanf(text, "%d:%d", &index, &memory), 2);
    bid.index = index;
    bid.memory_mb = memory;
    return bid;
}

static void test_the_order_of_a_batch(void **state)
{
    static const struct {
        const char *bids[8], *wanted;
    } rows[] = {
        {{"t1"}, "t1 "},
        {{"1:1", "t1", "0:1"}, "0:1 t1 1:1 "},
        {{"0:1", "0:9", "1:1"}, "0:9 0:1 1:1 "},
        {{"t1", "t9", "t5"}, "t9 t5 t1 "},
        {{"3:9", "2:1", "2:9", "1:1"}, "1:1 2:9 2:1 3:9 "},
        {{"2:8", "t1", "0:1", "1:8", "t4", "0:2"}, "0:2 0:1 t4 t1 1:8 2:8 "},
        /* the quirk: without other indexes those of 0 come last */
        {{"0:9", "t1"}, "t1 0:9 "},
        {{"0:1", "t1", "0:9", "t2"}, "t2 t1 0:9 0:1 "},
        {{"5:1", "t9"}, "t9 5:1 "},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ccb_bid bids[8];
        char order[64] = "";
        size_t count = 0, len = 0;

        for (; count < 8 && rows[i].bids[count]; count++)
            bids[count] = parse_bid(rows[i].bids[count], count);
        ccb_placer_sort(bids, count);
        for (size_t k = 0; k < count; k++)
            len += (size_t)snprintf(order + len, sizeof(order) - len, "%s ",
                                    (const char *)bids[k].bidder);
        assert_string_equal(order, rows[i].wanted);
    }
    ccb_placer_sort(NULL, 0);
}

static void test_equal_bids_come_as_they_came(void **state)
{
    struct ccb_bid bids[50];

    (void)state;
    for (size_t i = 0; i < 50; i++)
        bids[i] = parse_bid("t7", (i * 37) % 50);
    ccb_placer_sort(bids, 50);
    for (size_t i = 0; i < 50; i++)
        assert_int_equal(bids[i].serial, i);
}

int main(void)
{
#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, open_placer, close_placer)
    const struct CMUnitTest tests[] = {
        TEST(test_negative_needs_count_as_none),
        TEST(test_the_order_of_a_batch),
        TEST(test_equal_bids_come_as_they_came),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
