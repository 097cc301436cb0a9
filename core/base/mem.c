/*
 * The heap with failure injection: every allocation of a thread is counted,
 * and a test can make a chosen one fail. Invariant: switched off, the price is
 * one thread-local increment and one branch that is never taken.
 */
#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>

/* SIZE_MAX is never reached by a count and so means off. */
static _Thread_local size_t made;
static _Thread_local size_t fail_from = SIZE_MAX;
static _Thread_local int fail_sticky;

size_t ccb_mem_fail_at(size_t nth, int sticky)
{
    size_t before = made;

    made = 0;
    fail_from = nth == 0 ? SIZE_MAX : nth;
    fail_sticky = sticky;
    return before;
}

int ccb_mem_refuse(void)
{
    made++;
    if (__builtin_expect(made < fail_from, 1))
        return 0;
    if (!fail_sticky)
        fail_from = SIZE_MAX;
    return 1;
}

void *ccb_malloc(size_t size)
{
    /* malloc(0) may give NULL, which callers would read as no memory. */
    return ccb_mem_refuse() ? NULL : malloc(size == 0 ? 1 : size);
}

void *ccb_calloc(size_t count, size_t size)
{
    size_t total;

    if (ccb_mem_refuse() || __builtin_mul_overflow(count, size, &total))
        return NULL;
    return calloc(1, total == 0 ? 1 : total);
}

void *ccb_realloc(void *old, size_t size)
{
    /* realloc(p, 0) frees p, and `old` must stay valid on NULL. */
    return ccb_mem_refuse() ? NULL : realloc(old, size == 0 ? 1 : size);
}

void ccb_free(void *memory)
{
    free(memory);
}

char *ccb_strdup(const char *text)
{
    return ccb_slice_dup(ccb_slice_of(text));
}

char *ccb_slice_dup(struct ccb_slice text)
{
    char *copy = text.len == SIZE_MAX ? NULL : ccb_malloc(text.len + 1);

    if (copy == NULL)
        return NULL;
    if (text.len > 0)
        memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return copy;
}
