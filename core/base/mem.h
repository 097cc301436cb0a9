/*
 * The daemon's heap: thin wrappers that may return NULL and that a test can
 * make fail on purpose (ccb_mem_fail_at). All code outside sdk/lib allocates
 * through here or from an arena; plain malloc is refused by the checks.
 *
 * Threads: any.
 */
#ifndef CCB_BASE_MEM_H
#define CCB_BASE_MEM_H

#include <stddef.h>

#include "ccbridge/slice.h"

void *ccb_malloc(size_t size);
void *ccb_calloc(size_t count, size_t size); /* zeroed; NULL on overflow */
void *ccb_realloc(void *old, size_t size);   /* old stays valid on NULL */
void ccb_free(void *memory);                 /* NULL is fine */

/* A NUL-terminated heap copy; NULL when there is no memory. */
char *ccb_strdup(const char *text);
char *ccb_slice_dup(struct ccb_slice text);

/* Torture: the n-th allocation from now on this thread, and every one after
 * it when `sticky`, returns NULL. 0 switches it off. Returns how many
 * allocations were made since the last call. */
size_t ccb_mem_fail_at(size_t nth, int sticky);

/* For allocators above this one (the arena): counts one allocation and says
 * whether it must fail. */
int ccb_mem_refuse(void);

#endif
