/* Which events say that an app's instance crashed (contract/tps.md 2.3).
 * Pure. */
#ifndef CCB_TPS_CRASH_H
#define CCB_TPS_CRASH_H

#include <stdbool.h>

#include "base/arena.h"
#include "cc/cc.h"
#include "diego/diego.h"

struct ccb_crash {
    struct ccb_slice process_guid;
    struct ccb_cc_crash message;
};

/* Sets *found, and fills `out` with what lies in the event or the arena.
 * CCB_INVALID for an event that is none of the six, or does not decode. */
int ccb_crash_find(const struct ccb_diego_event *event, struct ccb_crash *out,
                   bool *found, struct ccb_arena *arena, struct ccb_error *err);

#endif
