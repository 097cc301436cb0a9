/*
 * The instances of an app, from what the listener of instances says of them
 * (contract/tps.md 1.3, 1.4): host and port from its stats, details from its
 * status. Pure.
 */
#ifndef CCB_CONTROLLER_INSTANCES_H
#define CCB_CONTROLLER_INSTANCES_H

#include "base/arena.h"
#include "base/buf.h"
#include "ccbridge/error.h"

/* Writes the value of instances_now. `stats` may be empty (there is no such
 * process). `wanted` instances are shown, those unknown as DOWN. CCB_INVALID
 * when an answer is not what it should be. */
int ccb_instances_merge(struct ccb_buf *out, struct ccb_slice stats,
                        struct ccb_slice status, int64_t wanted,
                        struct ccb_arena *arena, struct ccb_error *err);

#endif
