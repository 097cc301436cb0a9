/*
 * What CC asks nsync for, and the desired LRP it becomes: contract/nsync.md
 * 1.2 and 1.3, stager.md B6.
 *
 * Decoded strings are borrowed from the text or lie in the arena. No state;
 * any thread.
 */
#ifndef CCB_MODEL_DESIRE_H
#define CCB_MODEL_DESIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "ccbridge/error.h"
#include "ccbridge/json.h"

/* PUT /v1/apps/:process_guid. What only plugins use is checked, not kept. */
struct ccb_desire_request {
    struct ccb_slice process_guid, docker_image, stack, etag;
    /* Ours, optional: the lifecycle that serves the app, and of its data the
     * stack, when that is a string. */
    struct ccb_slice lifecycle, lifecycle_stack;
    int64_t num_instances;
    struct ccb_json_list routes;      /* of struct ccb_slice */
    struct ccb_json_list environment; /* of struct ccb_env, sdk.h */
    struct ccb_json document;         /* the first value of the text */
};
int ccb_desire_request_decode(struct ccb_desire_request *out,
                              struct ccb_slice text, struct ccb_arena *arena,
                              struct ccb_error *err);

/* The update of an existing LRP: instances, routes with "cf-router" replaced
 * and all others as they were, annotation. `existing_routes` may be absent or
 * null. */
void ccb_lrp_update_encode(struct ccb_buf *out,
                           const struct ccb_desire_request *request,
                           struct ccb_json existing_routes, uint16_t port);

#endif
