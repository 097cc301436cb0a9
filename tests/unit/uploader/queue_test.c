/*
 * What waits between the caller and the Cloud Controller: that it comes out as
 * it went in, and that its memory does not follow what went through.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>

#include "base/mem.h"
#include "uploader/internal.h"

#define PIECE 65536

/* The n-th byte of what goes through. */
static char byte_at(uint64_t n)
{
    return (char)(n * 31 + (n >> 11));
}

static void put(struct ccb_uploader_queue *queue, uint64_t *put, size_t size)
{
    static char bytes[PIECE];

    for (size_t i = 0; i < size; i++)
        bytes[i] = byte_at((*put)++);
    assert_int_equal(ccb_uploader_queue_put(queue, ccb_slice_make(bytes, size)),
                     CCB_OK);
}

static void take(struct ccb_uploader_queue *queue, uint64_t *taken, size_t size)
{
    static char bytes[PIECE];
    size_t n = ccb_uploader_queue_take(queue, bytes, size);

    assert_int_equal(n, size);
    for (size_t i = 0; i < n; i++)
        if (bytes[i] != byte_at((*taken)++))
            fail_msg("byte %llu is another", (unsigned long long)(*taken - 1));
}

/* The reader is always a little behind, so it never runs empty. */
static void test_memory_follows_what_waits(void **state)
{
    struct ccb_uploader_queue queue = {0};
    uint64_t in = 0, out = 0;

    (void)state;
    put(&queue, &in, 1000);
    for (int i = 0; i < 1000; i++) {
        put(&queue, &in, PIECE);
        take(&queue, &out, PIECE / 2 + 7);
        take(&queue, &out, PIECE / 2 - 7);
        assert_int_equal(ccb_uploader_queue_waiting(&queue), 1000);
        assert_in_range(queue.bytes.cap, 1, 8 * PIECE);
    }
    ccb_uploader_queue_destroy(&queue);
}

static void test_empty_gives_nothing(void **state)
{
    struct ccb_uploader_queue queue = {0};
    uint64_t in = 0, out = 0;
    char byte;

    (void)state;
    assert_int_equal(ccb_uploader_queue_take(&queue, &byte, 1), 0);
    put(&queue, &in, 3);
    take(&queue, &out, 3);
    assert_int_equal(ccb_uploader_queue_take(&queue, &byte, 1), 0);
    put(&queue, &in, 2);
    assert_int_equal(ccb_uploader_queue_waiting(&queue), 2);
    take(&queue, &out, 1);
    take(&queue, &out, 1);
    ccb_uploader_queue_destroy(&queue);
}

static void test_no_memory_is_said(void **state)
{
    struct ccb_uploader_queue queue = {0};

    (void)state;
    (void)ccb_mem_fail_at(1, 0);
    assert_int_equal(ccb_uploader_queue_put(&queue, ccb_slice_of("x")),
                     CCB_NO_MEMORY);
    (void)ccb_mem_fail_at(0, 0);
    assert_int_equal(ccb_uploader_queue_waiting(&queue), 0);
    ccb_uploader_queue_destroy(&queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_follows_what_waits),
        cmocka_unit_test(test_empty_gives_nothing),
        cmocka_unit_test(test_no_memory_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
