/*
 * Failure injection: which allocation fails, whether those after it do, and
 * that threads don't see each other's (core/base/mem.h).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

#include "base/mem.h"

static void test_nothing_fails_when_off(void **state)
{
    void *memory;

    (void)state;
    (void)ccb_mem_fail_at(0, 1);
    for (int i = 0; i < 100; i++) {
        memory = ccb_malloc(16);
        assert_non_null(memory);
        ccb_free(memory);
    }
    assert_int_equal(ccb_mem_fail_at(0, 0), 100);
}

static void test_only_the_chosen_allocation_fails(void **state)
{
    void *a, *b, *c;

    (void)state;
    (void)ccb_mem_fail_at(2, 0);
    a = ccb_malloc(8);
    b = ccb_calloc(1, 8);
    c = ccb_malloc(8);
    assert_non_null(a);
    assert_null(b);
    assert_non_null(c);
    assert_int_equal(ccb_mem_fail_at(0, 0), 3);
    ccb_free(a);
    ccb_free(c);
}

static void test_sticky_fails_from_there_on(void **state)
{
    void *kept;

    (void)state;
    (void)ccb_mem_fail_at(2, 1);
    kept = ccb_malloc(8);
    assert_non_null(kept);
    assert_null(ccb_malloc(8));
    assert_null(ccb_strdup("text"));
    assert_null(ccb_realloc(kept, 16)); /* and `kept` is still ours */
    (void)ccb_mem_fail_at(0, 0);
    ccb_free(kept);
}

static void *on_other_thread(void *ctx)
{
    void *memory = ccb_malloc(8);

    *(int *)ctx = memory != NULL;
    ccb_free(memory);
    return NULL;
}

static void test_other_threads_are_not_hit(void **state)
{
    pthread_t thread;
    int got = 0;

    (void)state;
    (void)ccb_mem_fail_at(1, 1);
    assert_int_equal(pthread_create(&thread, NULL, on_other_thread, &got), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(got);
    assert_null(ccb_malloc(8));
    (void)ccb_mem_fail_at(0, 0);
}

static void test_sizes_at_the_edges(void **state)
{
    volatile size_t huge = SIZE_MAX;
    void *memory = ccb_malloc(0);

    (void)state;
    assert_non_null(memory); /* no memory is the only NULL */
    memory = ccb_realloc(memory, 0);
    assert_non_null(memory);
    ccb_free(memory);
    memory = ccb_calloc(0, 8);
    assert_non_null(memory);
    ccb_free(memory);
    assert_null(ccb_calloc(huge / 2, 4)); /* the product overflows */
    ccb_free(NULL);
}

static void test_copies_end_with_nul(void **state)
{
    char *copy = ccb_slice_dup(ccb_slice_make("ab\0cd", 4));

    (void)state;
    assert_memory_equal(copy, "ab\0c\0", 5);
    ccb_free(copy);
    copy = ccb_slice_dup(ccb_slice_make(NULL, 0));
    assert_string_equal(copy, "");
    ccb_free(copy);
    copy = ccb_strdup("word");
    assert_string_equal(copy, "word");
    ccb_free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_fails_when_off),
        cmocka_unit_test(test_only_the_chosen_allocation_fails),
        cmocka_unit_test(test_sticky_fails_from_there_on),
        cmocka_unit_test(test_other_threads_are_not_hit),
        cmocka_unit_test(test_sizes_at_the_edges),
        cmocka_unit_test(test_copies_end_with_nul),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
