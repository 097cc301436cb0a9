/*
 * The slice: a borrowed run of bytes. It never owns its memory, is not
 * NUL-terminated, and may hold any byte. `ptr` may be NULL only when `len` is
 * 0. This struct is part of the plugin ABI (lifecycle.h) and never changes.
 */
#ifndef CCBRIDGE_SLICE_H
#define CCBRIDGE_SLICE_H

#include <stddef.h>
#include <string.h>

struct ccb_slice {
    const char *ptr;
    size_t len;
};

/* A slice of a string literal; a slice of a C string. */
#define CCB_LIT(s)                                                             \
    {                                                                          \
        (s), sizeof(s) - 1                                                     \
    }

static inline struct ccb_slice ccb_slice_of(const char *cstr)
{
    struct ccb_slice s;
    s.ptr = cstr;
    s.len = cstr ? strlen(cstr) : 0;
    return s;
}

static inline struct ccb_slice ccb_slice_make(const char *ptr, size_t len)
{
    struct ccb_slice s;
    s.ptr = ptr;
    s.len = len;
    return s;
}

static inline int ccb_slice_equal(struct ccb_slice a, struct ccb_slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* Compares with a C string. */
static inline int ccb_slice_is(struct ccb_slice a, const char *cstr)
{
    return ccb_slice_equal(a, ccb_slice_of(cstr));
}

static inline int ccb_slice_starts(struct ccb_slice a, const char *prefix)
{
    size_t n = strlen(prefix);
    return a.len >= n && memcmp(a.ptr, prefix, n) == 0;
}

static inline int ccb_slice_ends(struct ccb_slice a, const char *suffix)
{
    size_t n = strlen(suffix);
    return a.len >= n && memcmp(a.ptr + a.len - n, suffix, n) == 0;
}

#endif
