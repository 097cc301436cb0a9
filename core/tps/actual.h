/*
 * Actual LRPs as the back end tells of them (contract/stager.md B6), and what
 * the Cloud Controller is shown of them (contract/tps.md 1.3). Pure.
 */
#ifndef CCB_TPS_ACTUAL_H
#define CCB_TPS_ACTUAL_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "ccbridge/json.h"
#include "tps/metrics.h"

struct ccb_actual_port {
    uint16_t container_port, host_port;
};

struct ccb_actual_tag {
    struct ccb_slice epoch;
    uint32_t index;
};

/* All members, since one of a wrong type spoils the document. */
struct ccb_actual {
    struct ccb_slice process_guid, instance_guid, cell_id, domain;
    int64_t index;
    struct ccb_slice address;
    struct ccb_json_list ports; /* of ccb_actual_port */
    struct ccb_slice state;
    int64_t crash_count;
    struct ccb_slice crash_reason, placement_error;
    int64_t since; /* ns since 1970 */
    bool evacuating;
    struct ccb_actual_tag modification_tag;
};
extern const struct ccb_json_shape ccb_actual_shape;

enum ccb_actual_view {
    CCB_ACTUAL_STATUS, /* with details */
    CCB_ACTUAL_STATS   /* with host and port */
};

/* Writes the back end's list as CC's array, in its order; null and NONE are no
 * instances. Of records that share an index, as while a cell is evacuated, the
 * better one is taken: running, starting, crashed, what is unknown; the
 * ordinary one before the evacuating. `now` is in ns since 1970; `metrics` of
 * the view STATS may be NULL. CCB_INVALID, naming the member, CCB_NO_MEMORY. */
int ccb_actuals_encode(struct ccb_buf *out, struct ccb_json list,
                       enum ccb_actual_view view, int64_t now,
                       const struct ccb_container_metrics *metrics,
                       struct ccb_arena *arena, struct ccb_error *err);

#endif
