/*
 * What the JSON tests share: texts to values, and an allocator whose n-th
 * call fails. Blocks come from cmocka, which finds leaks and overruns.
 */
#ifndef CCB_TEST_JSON_HELP_H
#define CCB_TEST_JSON_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ccbridge/json.h"

/* A slice of a literal that may hold NUL bytes. */
#define TEXT(literal) ccb_slice_make((literal), sizeof(literal) - 1)

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define assert_slice(slice, literal)                                           \
    do {                                                                       \
        struct ccb_slice slice_ = (slice);                                     \
        assert_int_equal(slice_.len, sizeof(literal) - 1);                     \
        assert_memory_equal(slice_.ptr, literal, sizeof(literal) - 1);         \
    } while (0)

static inline struct ccb_json json_of(struct ccb_slice text)
{
    struct ccb_error err;
    struct ccb_json value;

    if (ccb_json_parse(&value, text, CCB_JSON_WHOLE, &err) != 0)
        fail_msg("%s", err.message);
    return value;
}

/* Remembers what it gave; `fail_at` counts from 1, 0 never fails. */
struct blocks {
    void *block[64];
    size_t count, calls, fail_at;
};

static inline void *blocks_alloc(void *ctx, size_t size)
{
    struct blocks *b = ctx;

    if (++b->calls == b->fail_at || b->count == COUNT(b->block))
        return NULL;
    b->block[b->count] = test_malloc(size);
    return b->block[b->count++];
}

static inline void blocks_free(struct blocks *b)
{
    while (b->count > 0)
        test_free(b->block[--b->count]);
    b->calls = 0;
    b->fail_at = 0;
}

#endif
