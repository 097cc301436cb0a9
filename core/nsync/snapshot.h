/*
 * What the back end had when a pass began: guid and annotation of every
 * desired LRP, packed, and whether CC has named it since. Routes but cf-router
 * are up to 1 KB an app and needed for few: they go to an unlinked temporary
 * file and are read back one by one.
 *
 * Invariant: 250,000 LRPs with guids of 73 characters take less than 36 MiB.
 * Belongs to one loop; the file is written and read in the pool.
 */
#ifndef CCB_NSYNC_SNAPSHOT_H
#define CCB_NSYNC_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "ccbridge/error.h"
#include "ccbridge/json.h"
#include "net/loop.h"

struct ccb_snapshot;

#define CCB_SNAPSHOT_NONE UINT32_MAX

/* `on_room`: the file has taken what waited, see ccb_snapshot_add. The file is
 * made when the first route is kept, in $TMPDIR or /var/tmp. */
int ccb_snapshot_create(struct ccb_snapshot **out, struct ccb_loop *loop,
                        void (*on_room)(void *user), void *user,
                        struct ccb_error *err);
/* Any time; reads under way are not reported any more, and what the pool still
 * has frees itself. */
void ccb_snapshot_free(struct ccb_snapshot *snapshot);

/* Takes an LRP as the back end lists it. 0; 1: taken, but more should wait for
 * on_room; CCB_INVALID for one without a guid; CCB_NO_MEMORY, CCB_IO. Of two
 * with one guid the later is kept. */
int ccb_snapshot_add(struct ccb_snapshot *snapshot, struct ccb_json lrp,
                     struct ccb_error *err);

uint32_t ccb_snapshot_count(const struct ccb_snapshot *snapshot);
/* CCB_SNAPSHOT_NONE: it is not there. */
uint32_t ccb_snapshot_find(const struct ccb_snapshot *snapshot,
                           struct ccb_slice guid);
/* Both borrowed for the snapshot's life. */
struct ccb_slice ccb_snapshot_guid(const struct ccb_snapshot *snapshot,
                                   uint32_t at);
struct ccb_slice ccb_snapshot_annotation(const struct ccb_snapshot *snapshot,
                                         uint32_t at);

/* CC names it; true when that is the first time. */
bool ccb_snapshot_mark(struct ccb_snapshot *snapshot, uint32_t at);
/* The first one from `at` on that was not marked; CCB_SNAPSHOT_NONE. */
uint32_t ccb_snapshot_next_unmarked(const struct ccb_snapshot *snapshot,
                                    uint32_t at);

/* The routes kept of it, an object without "cf-router" (type NONE: there are
 * none), each member as it stood, byte for byte; copied into `arena`. on_routes
 * once, from the loop, never from inside, code 0 or negative. */
int ccb_snapshot_read_routes(struct ccb_snapshot *snapshot, uint32_t at,
                             struct ccb_arena *arena,
                             void (*on_routes)(void *user, int code,
                                               struct ccb_json routes),
                             void *user, struct ccb_error *err);

#endif
