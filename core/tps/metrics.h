/*
 * Container metrics as the traffic controller answers them: a multipart body,
 * each part a dropsonde Envelope in protobuf (contract/tps.md 1.5;
 * contract/stager.md A6). Pure.
 */
#ifndef CCB_TPS_METRICS_H
#define CCB_TPS_METRICS_H

#include "base/arena.h"
#include "base/buf.h"
#include "ccbridge/error.h"

struct ccb_container_metric {
    int32_t index;         /* of the instance */
    double cpu;            /* percent, finite */
    uint64_t memory, disk; /* bytes */
};

struct ccb_container_metrics {
    struct ccb_container_metric *items; /* in the arena */
    size_t count;
};

/* CCB_INVALID: the content type has no boundary, or a part is a log message,
 * which is how the controller tells of an error. A part that is none of ours
 * is passed over. CCB_NO_MEMORY. */
int ccb_container_metrics_parse(struct ccb_container_metrics *out,
                                struct ccb_slice content_type,
                                struct ccb_slice body, struct ccb_arena *arena,
                                struct ccb_error *err);

/* The last one of that index, or NULL. */
const struct ccb_container_metric *ccb_container_metrics_find(
    const struct ccb_container_metrics *metrics, int64_t index);

/* The `stats` object of an instance; `time` as RFC 3339. Errors stick. */
void ccb_container_metric_put(struct ccb_buf *out,
                              const struct ccb_container_metric *metric,
                              const char *time);
/* ns since 1970 in local time, "2015-08-24T12:00:00.25Z"; 40 bytes do. */
void ccb_metric_time_format(int64_t time, char *out, size_t size);

#endif
