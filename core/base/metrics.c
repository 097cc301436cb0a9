/*
 * The process' counters and gauges and their printing in Prometheus' text
 * form (version 0.0.4). One row of CCB_METRICS is one metric, without labels;
 * one of CCB_METRIC_FAMILIES what others print.
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

/* ---- families ----------------------------------------------------------- */

static const struct family {
    const char *name, *kind, *labels, *help;
} families[CCB_METRIC_FAMILY_COUNT] = {
#define CCB_METRIC_FAMILY_ROW(id, ...) [CCB_FAMILY_##id] = {__VA_ARGS__},
    CCB_METRIC_FAMILIES(CCB_METRIC_FAMILY_ROW)
#undef CCB_METRIC_FAMILY_ROW
};

static struct {
    void (*put)(struct ccb_buf *out, const char *name, void *user);
    void *user;
} providers[CCB_METRIC_FAMILY_COUNT];

void ccb_metrics_provide(enum ccb_metric_family family,
                         void (*put)(struct ccb_buf *out, const char *name,
                                     void *user),
                         void *user)
{
    providers[family].put = put;
    providers[family].user = user;
}

void ccb_metrics_label(struct ccb_buf *out, const char *key, const char *value)
{
    (void)ccb_buf_printf(out, "%s=\"", key);
    for (; *value != '\0'; value++) {
        if (*value == '\\' || *value == '"')
            (void)ccb_buf_putc(out, '\\');
        if (*value == '\n')
            (void)ccb_buf_put(out, "\\n");
        else
            (void)ccb_buf_putc(out, *value);
    }
    (void)ccb_buf_putc(out, '"');
}

/* ---- printing ----------------------------------------------------------- */

static void print_head(struct ccb_buf *out, const char *name, const char *kind,
                       const char *help)
{
    (void)ccb_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name,
                         kind);
}

void ccb_metrics_print(struct ccb_buf *out)
{
    for (size_t i = 0; i < CCB_METRIC_COUNT; i++) {
        const struct row *row = &rows[i];
        int64_t value =
            atomic_load_explicit(&ccb_metric_values[i], memory_order_relaxed);

        print_head(out, row->name, row->kind, row->help);
        (void)ccb_buf_printf(out, "%s %" PRId64 "\n", row->name, value);
    }
    for (size_t i = 0; i < CCB_METRIC_FAMILY_COUNT; i++) {
        const struct family *family = &families[i];

        if (providers[i].put == NULL)
            continue;
        print_head(out, family->name, family->kind, family->help);
        providers[i].put(out, family->name, providers[i].user);
    }
}

void ccb_metrics_describe(struct ccb_buf *out)
{
    for (size_t i = 0; i < CCB_METRIC_COUNT; i++)
        (void)ccb_buf_printf(out, "%s\t%s\t\t%s\n", rows[i].name, rows[i].kind,
                             rows[i].help);
    for (size_t i = 0; i < CCB_METRIC_FAMILY_COUNT; i++)
        (void)ccb_buf_printf(out, "%s\t%s\t%s\t%s\n", families[i].name,
                             families[i].kind, families[i].labels,
                             families[i].help);
}
