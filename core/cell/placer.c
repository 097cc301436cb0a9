/*
 * Checks in the order of the contract: root file system, memory and disk, a
 * free container; and the order of a batch (contract/embedded-cell.md 3).
 */
#include "cell/placer.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define SCHEME "preloaded:"

int ccb_placer_init(struct ccb_placer *placer, size_t containers)
{
    placer->slots = ccb_calloc(containers, sizeof(*placer->slots));
    placer->containers = (int64_t)containers;
    return placer->slots ? 0 : CCB_NO_MEMORY;
}

void ccb_placer_destroy(struct ccb_placer *placer)
{
    ccb_free(placer->slots);
    placer->slots = NULL;
}

struct ccb_slice ccb_placer_rootfs(const struct ccb_placer *placer,
                                   struct ccb_slice url)
{
    static const size_t len = sizeof(SCHEME) - 1;
    const struct ccb_pair *pair = NULL;

    if (url.len > len && memcmp(url.ptr, SCHEME, len) == 0)
        pair = ccb_pairs_find(placer->rootfs,
                              ccb_slice_make(url.ptr + len, url.len - len));
    return pair ? pair->value : ccb_slice_make(NULL, 0);
}

static int64_t positive(int64_t number)
{
    return number > 0 ? number : 0;
}

static bool has_room(const struct ccb_placer *placer,
                     const struct ccb_room_needs *needs)
{
    return positive(needs->memory_mb) <=
               placer->memory_mb - placer->used_memory_mb &&
           positive(needs->disk_mb) <= placer->disk_mb - placer->used_disk_mb &&
           (int64_t)placer->used < placer->containers;
}

const char *ccb_placer_reserve(struct ccb_placer *placer, struct ccb_slice url,
                               const struct ccb_room_needs *needs, size_t *slot)
{
    if (ccb_placer_rootfs(placer, url).len == 0)
        return CCB_NO_CELL;
    if (!has_room(placer, needs))
        return CCB_NO_ROOM;
    for (*slot = 0; placer->slots[*slot];)
        ++*slot;
    placer->slots[*slot] = true;
    placer->used++;
    placer->used_memory_mb += positive(needs->memory_mb);
    placer->used_disk_mb += positive(needs->disk_mb);
    return NULL;
}

void ccb_placer_release(struct ccb_placer *placer,
                        const struct ccb_room_needs *needs, size_t slot)
{
    placer->slots[slot] = false;
    placer->used--;
    placer->used_memory_mb -= positive(needs->memory_mb);
    placer->used_disk_mb -= positive(needs->disk_mb);
}

/* ---- batches ------------------------------------------------------------ */

enum { TURN_FIRST, TURN_TASKS, TURN_OTHERS };

static int compare(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int compare_bids(const void *left, const void *right)
{
    const struct ccb_bid *a = left, *b = right;
    int order = compare(a->turn, b->turn);

    if (order == 0)
        order = compare(a->index, b->index);
    if (order == 0)
        order = compare(b->memory_mb, a->memory_mb); /* the biggest first */
    return order != 0 ? order
                      : (a->serial > b->serial) - (a->serial < b->serial);
}

/* Of LRPs the instances of index 0 come before the tasks, unless there are no
 * others: a quirk that Diego's auction has. */
void ccb_placer_sort(struct ccb_bid *bids, size_t count)
{
    bool others = false;

    for (size_t i = 0; i < count; i++)
        others = others || (!bids[i].task && bids[i].index > 0);
    for (size_t i = 0; i < count; i++) {
        if (bids[i].task)
            bids[i].turn = TURN_TASKS;
        else
            bids[i].turn =
                bids[i].index == 0 && others ? TURN_FIRST : TURN_OTHERS;
    }
    if (count > 1)
        qsort(bids, count, sizeof(*bids), compare_bids);
}
