/* Memory for one element of a stream, taken when the first byte is needed
 * (design.md 5: memory follows what is in flight). */
#include "base/scratch.h"

static void *alloc(void *ctx, size_t size)
{
    struct ccb_scratch *scratch = ctx;
    if (!scratch->arena)
        scratch->arena = ccb_arena_create();
    return scratch->arena ? ccb_arena_alloc(scratch->arena, size) : NULL;
}

struct ccb_json_alloc ccb_scratch_json(struct ccb_scratch *scratch)
{
    return (struct ccb_json_alloc){alloc, scratch};
}

void ccb_scratch_clear(struct ccb_scratch *scratch)
{
    ccb_arena_unref(scratch->arena);
    scratch->arena = NULL;
}
