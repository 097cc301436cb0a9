/* Memory for one element: taken on first use, gone when it is cleared. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/scratch.h"

static void test_memory_is_taken_on_first_use(void **state)
{
    struct ccb_scratch scratch = {0};
    struct ccb_json_alloc alloc = ccb_scratch_json(&scratch);
    char *first, *second;
    (void)state;
    ccb_scratch_clear(&scratch); /* nothing was needed */
    assert_null(scratch.arena);
    first = alloc.alloc(alloc.ctx, 10);
    second = alloc.alloc(alloc.ctx, 100000);
    assert_non_null(first);
    assert_non_null(second);
    memset(first, 'a', 10);
    memset(second, 'b', 100000);
    assert_int_equal(first[9], 'a');
    ccb_scratch_clear(&scratch);
    assert_null(scratch.arena);
    assert_non_null(alloc.alloc(alloc.ctx, 10)); /* and again */
    ccb_scratch_clear(&scratch);
    ccb_arena_drain();
}

static void test_no_memory(void **state)
{
    struct ccb_scratch scratch = {0};
    struct ccb_json_alloc alloc = ccb_scratch_json(&scratch);
    (void)state;
    ccb_mem_fail_at(1, 1);
    assert_null(alloc.alloc(alloc.ctx, 10));
    ccb_mem_fail_at(0, 0);
    assert_non_null(alloc.alloc(alloc.ctx, 10));
    ccb_mem_fail_at(1, 1);
    assert_null(alloc.alloc(alloc.ctx, 100000));
    ccb_mem_fail_at(0, 0);
    ccb_scratch_clear(&scratch);
    ccb_arena_drain();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_is_taken_on_first_use),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
