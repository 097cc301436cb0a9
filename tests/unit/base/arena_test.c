/*
 * The arena: alignment, zeroing, growth, references, and that a warm thread
 * asks the heap for nothing (core/base/arena.h).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <malloc.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/mem.h"

/* Under sanitizers and valgrind the heap is not glibc's, and nothing counts.
 * The probe is too big for the small caches, which never count. */
static int heap_counts(void)
{
    size_t before = mallinfo2().uordblks, after;
    void *memory = ccb_malloc(50000);

    after = mallinfo2().uordblks;
    ccb_free(memory);
    return after >= before + 50000;
}

static void test_memory_is_aligned_and_zeroed(void **state)
{
    (void)state;
    for (int round = 0; round < 2; round++) { /* the second on used chunks */
        struct ccb_arena *arena = ccb_arena_create();

        for (size_t size = 0; size < 300; size++) {
            char *bytes = ccb_arena_alloc(arena, size);

            assert_int_equal((uintptr_t)bytes % alignof(max_align_t), 0);
            for (size_t i = 0; i < size; i++)
                assert_int_equal(bytes[i], 0);
            memset(bytes, 0xee, size);
            assert_non_null(ccb_arena_text(arena, 1)); /* breaks alignment */
        }
        ccb_arena_unref(arena);
    }
}

static void test_chunks_grow_to_a_cap(void **state)
{
    struct ccb_arena *arena = ccb_arena_create();
    size_t before = ccb_arena_size(arena), most = 0;

    (void)state;
    assert_int_equal(before, 4096);
    for (int i = 0; i < 10000; i++) {
        size_t step;

        assert_non_null(ccb_arena_alloc(arena, 100));
        step = ccb_arena_size(arena) - before;
        before += step;
        assert_true(step == 0 || step >= most);
        most = step > most ? step : most;
    }
    assert_int_equal(most, 65536);
    ccb_arena_unref(arena);
}

static void test_a_big_request_leaves_the_current_chunk(void **state)
{
    struct ccb_arena *arena = ccb_arena_create();
    char *small = ccb_arena_text(arena, 10), *big, *next;

    (void)state;
    big = ccb_arena_alloc(arena, 1000000);
    assert_non_null(big);
    big[999999] = 1;
    next = ccb_arena_text(arena, 10);
    assert_ptr_equal(next, small + 10);
    assert_true(ccb_arena_size(arena) < 1000000 + 3 * 4096);
    assert_null(ccb_arena_alloc(arena, SIZE_MAX));
    assert_null(ccb_arena_alloc(arena, SIZE_MAX - 40));
    ccb_arena_unref(arena);
}

static void test_texts_are_copied_and_terminated(void **state)
{
    struct ccb_arena *arena = ccb_arena_create();
    char source[] = "borrowed";
    struct ccb_slice copy = ccb_arena_copy(arena, ccb_slice_of(source));
    char *cstr = ccb_arena_cstr(arena, ccb_slice_make(source, 3));
    struct ccb_slice text, empty;

    (void)state;
    memset(source, 'x', sizeof(source) - 1);
    assert_true(ccb_slice_is(copy, "borrowed"));
    assert_int_equal(copy.ptr[copy.len], '\0');
    assert_string_equal(cstr, "bor");
    empty = ccb_arena_copy(arena, ccb_slice_make(NULL, 0));
    assert_non_null(empty.ptr);
    text = ccb_arena_format(arena, "%s-%d", "port", 8080);
    assert_string_equal(text.ptr, "port-8080");
    text = ccb_arena_format(arena, "%0*d", 5000, 7); /* over one chunk */
    assert_int_equal(text.len, 5000);
    assert_int_equal(strlen(text.ptr), 5000);
    assert_int_equal(text.ptr[4999], '7');
    ccb_arena_unref(arena);
}

static void test_lives_until_the_last_reference(void **state)
{
    struct ccb_arena *arena = ccb_arena_create();
    char *text = ccb_arena_cstr(arena, ccb_slice_of("still here"));

    (void)state;
    assert_ptr_equal(ccb_arena_ref(arena), arena);
    ccb_arena_unref(arena);
    assert_string_equal(text, "still here");
    ccb_arena_unref(arena);
    ccb_arena_unref(NULL);
}

static void use_up(size_t bytes)
{
    struct ccb_arena *arena = ccb_arena_create();

    while (ccb_arena_size(arena) < bytes)
        assert_non_null(ccb_arena_alloc(arena, 200));
    ccb_arena_unref(arena);
}

static void test_a_warm_thread_asks_the_heap_for_nothing(void **state)
{
    size_t before;

    (void)state;
    if (!heap_counts())
        skip();
    ccb_arena_drain();
    use_up(30000);
    before = mallinfo2().uordblks;
    use_up(30000);
    assert_int_equal(mallinfo2().uordblks, before);
    ccb_arena_drain();
    assert_true(mallinfo2().uordblks + 28000 < before);
}

static void test_what_a_thread_keeps_is_bounded(void **state)
{
    struct ccb_arena *arenas[200];
    size_t before;

    (void)state;
    if (!heap_counts())
        skip();
    ccb_arena_drain();
    before = mallinfo2().uordblks;
    for (size_t i = 0; i < 200; i++)
        arenas[i] = ccb_arena_create();
    for (size_t i = 0; i < 200; i++)
        ccb_arena_unref(arenas[i]);
    assert_true(mallinfo2().uordblks <= before + 262144 + 4096);
    ccb_arena_drain();
    assert_true(mallinfo2().uordblks <= before + 1024);
}

static void *on_thread(void *unused)
{
    use_up(30000);
    return unused;
}

static void test_a_thread_frees_what_it_kept(void **state)
{
    size_t before = 0;

    (void)state;
    if (!heap_counts())
        skip();
    for (int i = 0; i < 20; i++) { /* the first ones warm the C library */
        pthread_t thread;

        if (i == 10)
            before = mallinfo2().uordblks;
        assert_int_equal(pthread_create(&thread, NULL, on_thread, NULL), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
    }
    assert_true(mallinfo2().uordblks <= before + 28000);
}

/* Also where the chunk has room: each use of an arena can be made to fail. */
static void test_every_allocation_can_fail(void **state)
{
    struct ccb_arena *arena;
    struct ccb_json_alloc json;

    (void)state;
    (void)ccb_mem_fail_at(1, 0);
    assert_null(ccb_arena_create());
    arena = ccb_arena_create();
    json = ccb_arena_json(arena);
    (void)ccb_mem_fail_at(1, 1);
    assert_null(ccb_arena_alloc(arena, 8));
    assert_null(ccb_arena_text(arena, 8));
    assert_null(ccb_arena_cstr(arena, ccb_slice_of("x")));
    assert_null(ccb_arena_copy(arena, ccb_slice_of("x")).ptr);
    assert_null(ccb_arena_format(arena, "%d", 1).ptr);
    assert_null(ccb_arena_format(arena, "%0*d", 5000, 7).ptr);
    assert_null(json.alloc(json.ctx, 8));
    assert_int_equal(ccb_mem_fail_at(0, 0), 7);
    assert_non_null(json.alloc(json.ctx, 8));
    ccb_arena_unref(arena);
    ccb_arena_drain();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_is_aligned_and_zeroed),
        cmocka_unit_test(test_chunks_grow_to_a_cap),
        cmocka_unit_test(test_a_big_request_leaves_the_current_chunk),
        cmocka_unit_test(test_texts_are_copied_and_terminated),
        cmocka_unit_test(test_lives_until_the_last_reference),
        cmocka_unit_test(test_a_warm_thread_asks_the_heap_for_nothing),
        cmocka_unit_test(test_what_a_thread_keeps_is_bounded),
        cmocka_unit_test(test_a_thread_frees_what_it_kept),
        cmocka_unit_test(test_every_allocation_can_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
