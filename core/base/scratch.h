/*
 * Memory for what one element of a stream is decoded into. Most elements need
 * none, as their strings are borrowed from the text; so the arena is made on
 * first use and goes with the element.
 */
#ifndef CCB_BASE_SCRATCH_H
#define CCB_BASE_SCRATCH_H

#include "base/arena.h"

struct ccb_scratch {
    struct ccb_arena *arena; /* NULL: nothing was needed yet */
};

/* For the JSON reader; good until ccb_scratch_clear. Starts as {0}. */
struct ccb_json_alloc ccb_scratch_json(struct ccb_scratch *scratch);
void ccb_scratch_clear(struct ccb_scratch *scratch);

#endif
