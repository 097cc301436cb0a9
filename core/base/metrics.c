/*
 * The process' counters and gauges and their printing in Prometheus' text
 * form (version 0.0.4). One row of CCB_METRICS is one metric, without labels.
 */
#include "base/metrics.h"

#include <inttypes.h>

_Atomic int64_t ccb_metric_values[CCB_METRIC_COUNT];

static const struct row {
    const char *name, *kind, *help;
} rows[CCB_METRIC_COUNT] = {
#define CCB_METRIC_ROW(id, name, kind, help)                                   \
    [CCB_METRIC_##id] = {name, kind, help},
    CCB_METRICS(CCB_METRIC_ROW)
#undef CCB_METRIC_ROW
};

void ccb_metrics_print(struct ccb_buf *out)
{
    for (size_t i = 0; i < CCB_METRIC_COUNT; i++) {
        const struct row *row = &rows[i];
        int64_t value =
            atomic_load_explicit(&ccb_metric_values[i], memory_order_relaxed);

        (void)ccb_buf_printf(
            out, "# HELP %s %s\n# TYPE %s %s\n%s %" PRId64 "\n", row->name,
            row->help, row->name, row->kind, row->name, value);
    }
}
