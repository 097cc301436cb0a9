/* The `guids` parameter of the bulk route: contract/tps.md 1.4. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/mem.h"
#include "tps/guids.h"

static void test_the_first_parameter_of_that_name_counts(void **state)
{
    static const char *const rows[][2] = {
        {"guids=a,b", "a,b"},
        {"x=1&guids=a&guids=b", "a"},
        {"guids=a%2Cb", "a,b"},
        {"g%75ids=a", "a"},
        {"x=1;guids=a;y", "a"},
        {"guids=a=b", "a=b"},
        {"guids=%zz&guids=a", "a"},
        {"%zz=a&guids=b", "b"},
        {"guids", ""},
        {"guids=&guids=a", ""},
        {"Guids=a", ""},
        {"xguids=a&guidsx=b", ""},
        {"&&=&", ""},
        {"", ""},
    };
    struct ccb_arena *arena = ccb_arena_create();
    size_t i;
    (void)state;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ccb_slice found;
        assert_int_equal(
            ccb_tps_guids_find(arena, ccb_slice_of(rows[i][0]), &found), 0);
        if (!ccb_slice_is(found, rows[i][1]))
            fail_msg("%s: %.*s", rows[i][0], (int)found.len, found.ptr);
    }
    ccb_arena_unref(arena);
}

static void test_what_is_a_list(void **state)
{
    static const struct {
        const char *text;
        size_t count;
    } rows[] = {
        {"a", 1},    {"a,b", 2}, {"aZ09_-,-,_", 3}, {"a,a", 2},
        {"", 0},     {",", 0},   {"a,", 0},         {",a", 0},
        {"a,,b", 0}, {"a b", 0}, {"a\n", 0},        {"a,b\n", 0},
        {"a.b", 0},  {"a/b", 0}, {"\xc3\xa9", 0},   {"a;b", 0},
    };
    size_t i;
    (void)state;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (ccb_tps_guids_count(ccb_slice_of(rows[i].text)) != rows[i].count)
            fail_msg("\"%s\" is not %zu guids", rows[i].text, rows[i].count);
    assert_int_equal(ccb_tps_guids_count(ccb_slice_make("a\0b", 3)), 0);
}

static void test_names_come_in_order(void **state)
{
    struct ccb_slice list = ccb_slice_of("one,2,three");
    (void)state;
    assert_true(ccb_slice_is(ccb_tps_guids_next(&list), "one"));
    assert_true(ccb_slice_is(ccb_tps_guids_next(&list), "2"));
    assert_true(ccb_slice_is(ccb_tps_guids_next(&list), "three"));
    assert_int_equal(list.len, 0);
}

static void test_no_memory(void **state)
{
    struct ccb_arena *arena = ccb_arena_create();
    char query[8192];
    struct ccb_slice found;
    int code = 0;
    (void)state;
    /* Decoded, it does not fit into the arena's first chunk. */
    memset(query, 'a', sizeof(query));
    memcpy(query, "guids=%41", 9);
    ccb_mem_fail_at(1, 1);
    code =
        ccb_tps_guids_find(arena, ccb_slice_make(query, sizeof(query)), &found);
    ccb_mem_fail_at(0, 0);
    assert_int_equal(code, CCB_NO_MEMORY);
    ccb_arena_unref(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_first_parameter_of_that_name_counts),
        cmocka_unit_test(test_what_is_a_list),
        cmocka_unit_test(test_names_come_in_order),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
