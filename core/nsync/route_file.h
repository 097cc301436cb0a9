/*
 * A temporary file for text that is needed for few of many things: put once,
 * read back piece by piece, gone with the process. It has no name, and is made
 * when the first buffer is full.
 *
 * Invariant: the loop never waits for the disk; what waits for it is bounded as
 * long as the caller heeds `full`. Belongs to one loop; the file is written and
 * read in libuv's pool.
 */
#ifndef CCB_NSYNC_ROUTE_FILE_H
#define CCB_NSYNC_ROUTE_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "ccbridge/error.h"
#include "net/loop.h"

struct ccb_route_file;

/* `on_room`: no longer full, or nothing can be written at all. NULL: no
 * memory. */
struct ccb_route_file *ccb_route_file_open(struct ccb_loop *loop,
                                           void (*on_room)(void *user),
                                           void *user);
/* Any time: nothing is reported any more; what the pool still has frees
 * itself. NULL is fine. */
void ccb_route_file_close(struct ccb_route_file *file);

/* Room for one text of `size` bytes, at *at; filled by the caller before the
 * next call. CCB_NO_MEMORY; CCB_IO when writing failed. */
int ccb_route_file_put(struct ccb_route_file *file, size_t size, char **room,
                       uint64_t *at, struct ccb_error *err);
/* More should wait for on_room. */
bool ccb_route_file_full(struct ccb_route_file *file);

/* Reads a text back into the arena. on_text once, from the loop, never from
 * inside: code 0, or CCB_IO and no text. */
int ccb_route_file_read(struct ccb_route_file *file, uint64_t at, size_t size,
                        struct ccb_arena *arena,
                        void (*on_text)(void *user, int code,
                                        struct ccb_slice text),
                        void *user, struct ccb_error *err);

#endif
