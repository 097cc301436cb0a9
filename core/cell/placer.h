/*
 * Placement on the one cell there is: does it offer the root file system, and
 * has it room (contract/embedded-cell.md 3, contract/actions.md 5.4, 5.5)?
 *
 * What is reserved counts at once and until it is given back. Threads: the
 * loop's.
 */
#ifndef CCB_CELL_PLACER_H
#define CCB_CELL_PLACER_H

#include "base/flags.h"
#include "ccbridge/slice.h"

#define CCB_NO_CELL "found no compatible cell"
#define CCB_NO_ROOM "insufficient resources"

struct ccb_room_needs {
    int64_t memory_mb, disk_mb; /* 0 counts as none */
};

struct ccb_placer {
    const struct ccb_pairs *rootfs;         /* stack to directory; borrowed */
    int64_t memory_mb, disk_mb, containers; /* of the cell */
    int64_t used_memory_mb, used_disk_mb;
    size_t used; /* containers */
    bool *slots; /* which of them */
};

/* The slots are the placer's. CCB_NO_MEMORY. */
int ccb_placer_init(struct ccb_placer *placer, size_t containers);
void ccb_placer_destroy(struct ccb_placer *placer);

/* The directory of a root file system by its URL; empty: not offered. */
struct ccb_slice ccb_placer_rootfs(const struct ccb_placer *placer,
                                   struct ccb_slice url);

/* NULL, and *slot is the container's number, or why it finds no place. */
const char *ccb_placer_reserve(struct ccb_placer *placer, struct ccb_slice url,
                               const struct ccb_room_needs *needs,
                               size_t *slot);
void ccb_placer_release(struct ccb_placer *placer,
                        const struct ccb_room_needs *needs, size_t slot);

/* Who asks for a place at the same moment as others. */
struct ccb_bid {
    void *bidder;
    bool task;
    int64_t index; /* of an instance; 0 of a task */
    int64_t memory_mb;
    uint64_t serial; /* who came first, where all else is equal */
    int turn;        /* the sort's */
};
/* Into the order in which Diego would place them (embedded-cell.md 3). */
void ccb_placer_sort(struct ccb_bid *bids, size_t count);

#endif
