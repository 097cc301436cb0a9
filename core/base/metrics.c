/*
 * The process' counters and gauges and their printing in Prometheus' text
 * form (version 0.0.4). One row of CCB_METRICS is one metric, without labels.
 */
#include "base/metrics.h"

#include <inttypes.h>

#include "base/dropsonde.h"

_Atomic int64_t ccb_metric_values[CCB_METRIC_COUNT];

static const struct row {
    const char *name, *kind, *help;
    const char *origin, *historic; /* NULL: only our own */
} rows[CCB_METRIC_COUNT] = {
#define CCB_METRIC_ROW(id, name_, kind_, help_, ...)                           \
    [CCB_METRIC_##                                                             \
        id] = {.name = name_, .kind = kind_, .help = help_, __VA_ARGS__},
    CCB_METRICS(CCB_METRIC_ROW)
#undef CCB_METRIC_ROW
};

void ccb_metric_add(enum ccb_metric metric, int64_t delta)
{
    const struct row *row = &rows[metric];

    atomic_fetch_add_explicit(&ccb_metric_values[metric], delta,
                              memory_order_relaxed);
    if (row->historic != NULL)
        ccb_dropsonde_count(row->origin, row->historic, (uint64_t)delta);
}

void ccb_metric_set(enum ccb_metric metric, int64_t value)
{
    atomic_store_explicit(&ccb_metric_values[metric], value,
                          memory_order_relaxed);
}

void ccb_metric_time(enum ccb_metric metric, int64_t nanoseconds)
{
    const struct row *row = &rows[metric];

    atomic_store_explicit(&ccb_metric_values[metric], nanoseconds,
                          memory_order_relaxed);
    if (row->historic != NULL)
        ccb_dropsonde_value(row->origin, row->historic, (double)nanoseconds,
                            "nanos");
}

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
