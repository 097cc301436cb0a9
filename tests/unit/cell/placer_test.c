/* Placement on the one cell: core/cell/placer.h, as a table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/mem.h"
#include "cell/placer.h"

static struct ccb_pair pairs[] = {
    {CCB_LIT("base"), CCB_LIT("/roots/base")},
    {CCB_LIT("cflinuxfs2"), CCB_LIT("/")},
};
static const struct ccb_pairs rootfs = {pairs, 2};

static void make(struct ccb_placer *placer, size_t containers)
{
    memset(placer, 0, sizeof(*placer));
    assert_int_equal(ccb_placer_init(placer, containers), 0);
    placer->rootfs = &rootfs;
    placer->memory_mb = 1024;
    placer->disk_mb = 2048;
}

static void test_who_finds_a_place_on_an_empty_cell(void **state)
{
    static const struct {
        const char *url;
        int64_t memory_mb, disk_mb;
        const char *refusal;
    } rows[] = {
        {"preloaded:base", 0, 0, NULL},
        {"preloaded:base", 1024, 2048, NULL},
        {"preloaded:cflinuxfs2", 1, 1, NULL},
        {"preloaded:base", -1, -1, NULL}, /* counts as none */
        {"preloaded:base", 1025, 0, CCB_NO_ROOM},
        {"preloaded:base", 0, 2049, CCB_NO_ROOM},
        {"preloaded:base", INT64_MAX, 0, CCB_NO_ROOM},
        {"preloaded:base", 0, INT64_MAX, CCB_NO_ROOM},
        {"preloaded:other", 1, 1, CCB_NO_CELL},
        /* The root file system is looked at first. */
        {"preloaded:other", 4096, 4096, CCB_NO_CELL},
        {"preloaded:", 1, 1, CCB_NO_CELL},
        {"preloaded:bas", 1, 1, CCB_NO_CELL},
        {"preloaded:base2", 1, 1, CCB_NO_CELL},
        {"preloaded:BASE", 1, 1, CCB_NO_CELL},
        {"Preloaded:base", 1, 1, CCB_NO_CELL},
        {"base", 1, 1, CCB_NO_CELL},
        {"", 1, 1, CCB_NO_CELL},
        {"docker:///busybox", 1, 1, CCB_NO_CELL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ccb_room_needs needs = {rows[i].memory_mb, rows[i].disk_mb};
        struct ccb_placer placer;
        const char *refusal;
        size_t slot;

        make(&placer, 3);
        refusal = ccb_placer_reserve(&placer, ccb_slice_of(rows[i].url), &needs,
                                     &slot);
        if (rows[i].refusal == NULL)
            assert_null(refusal);
        else
            assert_string_equal(refusal, rows[i].refusal);
        assert_int_equal(placer.used, refusal == NULL);
        if (refusal == NULL)
            ccb_placer_release(&placer, &needs, slot);
        assert_int_equal(placer.used, 0);
        assert_int_equal(placer.used_memory_mb, 0);
        assert_int_equal(placer.used_disk_mb, 0);
        ccb_placer_destroy(&placer);
    }
}

static void test_what_is_reserved_counts_until_it_is_given_back(void **state)
{
    struct ccb_room_needs half = {512, 100}, more = {513, 100};
    struct ccb_slice url = ccb_slice_of("preloaded:base");
    struct ccb_placer placer;
    size_t a, b, c;

    (void)state;
    make(&placer, 10);
    assert_null(ccb_placer_reserve(&placer, url, &half, &a));
    assert_string_equal(ccb_placer_reserve(&placer, url, &more, &c),
                        CCB_NO_ROOM);
    assert_null(ccb_placer_reserve(&placer, url, &half, &b));
    assert_int_not_equal(a, b);
    assert_string_equal(
        ccb_placer_reserve(&placer, url, &(struct ccb_room_needs){1, 0}, &c),
        CCB_NO_ROOM);
    /* Who needs none finds room on a cell that is full of memory. */
    assert_null(
        ccb_placer_reserve(&placer, url, &(struct ccb_room_needs){0, 0}, &c));
    ccb_placer_release(&placer, &half, a);
    assert_string_equal(ccb_placer_reserve(&placer, url, &more, &a),
                        CCB_NO_ROOM);
    assert_null(ccb_placer_reserve(&placer, url, &half, &a));
    ccb_placer_destroy(&placer);
}

/* A slot becomes a range of user ids: no two containers may have the same. */
static void test_slots_are_one_container_s_each(void **state)
{
    struct ccb_room_needs none = {0, 0};
    struct ccb_slice url = ccb_slice_of("preloaded:base");
    struct ccb_placer placer;
    size_t slots[3], slot;

    (void)state;
    make(&placer, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_null(ccb_placer_reserve(&placer, url, &none, &slots[i]));
        assert_true(slots[i] < 3);
        for (size_t j = 0; j < i; j++)
            assert_int_not_equal(slots[i], slots[j]);
    }
    assert_string_equal(ccb_placer_reserve(&placer, url, &none, &slot),
                        CCB_NO_ROOM);
    ccb_placer_release(&placer, &none, slots[1]);
    assert_null(ccb_placer_reserve(&placer, url, &none, &slot));
    assert_int_equal(slot, slots[1]);
    ccb_placer_destroy(&placer);
}

static void test_directories_are_found_by_url(void **state)
{
    struct ccb_placer placer;

    (void)state;
    make(&placer, 1);
    assert_true(
        ccb_slice_is(ccb_placer_rootfs(&placer, ccb_slice_of("preloaded:base")),
                     "/roots/base"));
    assert_int_equal(
        ccb_placer_rootfs(&placer, ccb_slice_of("preloaded:x")).len, 0);
    ccb_placer_destroy(&placer);
}

static void test_slots_need_memory(void **state)
{
    struct ccb_placer placer;

    (void)state;
    memset(&placer, 0, sizeof(placer));
    (void)ccb_mem_fail_at(1, 0);
    assert_int_equal(ccb_placer_init(&placer, 4), CCB_NO_MEMORY);
    (void)ccb_mem_fail_at(0, 0);
    ccb_placer_destroy(&placer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_finds_a_place_on_an_empty_cell),
        cmocka_unit_test(test_what_is_reserved_counts_until_it_is_given_back),
        cmocka_unit_test(test_slots_are_one_container_s_each),
        cmocka_unit_test(test_directories_are_found_by_url),
        cmocka_unit_test(test_slots_need_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
