/*
 * The arena: memory of one request, freed in one stroke.
 *
 * Reference counted, since a request's memory must outlive the request where
 * a plugin still reads it: whoever hands memory on takes a reference. An arena
 * and its count belong to one thread.
 */
#ifndef CCB_BASE_ARENA_H
#define CCB_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

#include "ccbridge/json.h"
#include "ccbridge/slice.h"

struct ccb_arena;

/* One reference, the caller's. NULL: no memory. */
struct ccb_arena *ccb_arena_create(void);
/* The same, when about so many bytes are expected (at most 64 KiB are taken at
 * once). For arenas that another thread fills: what it needs is there already,
 * and goes back to this thread's list of chunks. */
struct ccb_arena *ccb_arena_create_for(size_t bytes);
struct ccb_arena *ccb_arena_ref(struct ccb_arena *arena);
void ccb_arena_unref(struct ccb_arena *arena); /* NULL is fine */

/* Zeroed, aligned for any type. NULL: no memory. */
void *ccb_arena_alloc(struct ccb_arena *arena, size_t size);
/* Not zeroed, alignment 1: for text. */
char *ccb_arena_text(struct ccb_arena *arena, size_t size);
/* Copies; always NUL-terminated behind its length. ptr NULL: no memory. */
struct ccb_slice ccb_arena_copy(struct ccb_arena *arena, struct ccb_slice text);
char *ccb_arena_cstr(struct ccb_arena *arena, struct ccb_slice text);
/* printf into the arena; NUL-terminated. ptr NULL: no memory. */
struct ccb_slice ccb_arena_format(struct ccb_arena *arena, const char *format,
                                  ...) __attribute__((format(printf, 2, 3)));

/* Bytes taken from the heap so far. */
size_t ccb_arena_size(const struct ccb_arena *arena);

/* For the JSON reader: puts what it decodes into the arena. */
struct ccb_json_alloc ccb_arena_json(struct ccb_arena *arena);

/* Frees the chunks that this thread keeps for its next arenas. Threads do it
 * by themselves when they end, the main thread before it leaves main. */
void ccb_arena_drain(void);

#endif
