/*
 * What the operator is shown of the plugins: those that serve, then the files
 * that were refused, each with what to do.
 * Follows docs/control-api.md, "GET /v1/plugins".
 */
#include "base/metrics.h"
#include "plugin/registry.h"

/* ---- latency ------------------------------------------------------------ */

struct spans {
    uint64_t counts[CCB_PLUGIN_SPANS];
    uint64_t total;
};

static struct spans read_spans(const struct ccb_plugin_stats *stats)
{
    struct spans spans = {.total = 0};

    for (size_t i = 0; i < CCB_PLUGIN_SPANS; i++) {
        spans.counts[i] = atomic_load(&stats->spans[i]);
        spans.total += spans.counts[i];
    }
    return spans;
}

/* The time in us that `percent` of all did not pass. Within a span, which goes
 * from half its end to its end, calls are taken to lie evenly. */
static uint64_t percentile(const struct spans *spans, unsigned percent)
{
    uint64_t rank = (spans->total * percent + 99) / 100;
    size_t at = 0;
    uint64_t end, begin;

    while (at < CCB_PLUGIN_SPANS - 1 && rank > spans->counts[at])
        rank -= spans->counts[at++];
    end = UINT64_C(1) << at;
    begin = at ? end / 2 : 0;
    if (spans->counts[at] == 0)
        return end;
    return begin + (end - begin) * rank / spans->counts[at];
}

static void put_latency(struct ccb_json_writer *w, const char *key,
                        const struct spans *spans, unsigned percent)
{
    ccb_json_key(w, key);
    if (spans->total)
        ccb_json_put_uint(w, percentile(spans, percent));
    else
        ccb_json_put_null(w);
}

/* ---- a plugin ----------------------------------------------------------- */

/* The claims that it has, after conflicts were settled. */
static void put_claims(struct ccb_json_writer *w,
                       const struct ccb_plugins_set *set,
                       const struct ccb_plugin *plugin)
{
    ccb_json_key(w, "claims");
    ccb_json_begin_array(w);
    for (size_t i = 0; i < set->claims.count; i++)
        if (set->claims.items[i].plugin == plugin)
            ccb_json_put_string(w, set->claims.items[i].text);
    ccb_json_end_array(w);
}

static void put_interfaces(struct ccb_json_writer *w,
                           const struct ccb_plugin *plugin)
{
    const struct ccb_slice *items = plugin->manifest.interfaces.items;

    ccb_json_key(w, "interfaces");
    ccb_json_begin_array(w);
    for (size_t i = 0; i < plugin->manifest.interfaces.count; i++)
        ccb_json_put_string(w, items[i]);
    ccb_json_end_array(w);
}

static void put_stats(struct ccb_json_writer *w,
                      const struct ccb_plugin_stats *stats)
{
    const struct spans spans = read_spans(stats);
    const struct {
        const char *key;
        const _Atomic uint64_t *figure;
    } rows[] = {
        {"calls", &stats->calls},       {"failures", &stats->failures},
        {"timeouts", &stats->timeouts}, {"crashes", &stats->crashes},
        {"retries", &stats->retries},   {"poisoned", &stats->poisoned},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        ccb_json_member_uint(w, rows[i].key, atomic_load(rows[i].figure));
    put_latency(w, "p50_us", &spans, 50);
    put_latency(w, "p99_us", &spans, 99);
}

static void put_plugin(struct ccb_json_writer *w,
                       const struct ccb_plugins_set *set,
                       const struct ccb_plugin *plugin)
{
    bool quarantined = atomic_load(&plugin->quarantined);

    ccb_json_begin_object(w);
    ccb_json_member_cstr(w, "id", plugin->id);
    ccb_json_member_cstr(w, "version", plugin->version);
    ccb_json_member_cstr(w, "file", plugin->file);
    ccb_json_member_cstr(w, "sha256", plugin->image.digest);
    put_claims(w, set, plugin);
    put_interfaces(w, plugin);
    ccb_json_member_cstr(w, "mode",
                         plugin->isolated ? "isolated" : "in-process");
    ccb_json_member_uint(w, "generation", plugin->generation);
    ccb_json_member_cstr(w, "state", quarantined ? "quarantined" : "serving");
    ccb_json_member_bool(w, "critical", plugin->policy.critical);
    ccb_json_member_int(w, "priority", plugin->policy.priority);
    put_stats(w, &plugin->stats);
    ccb_json_end_object(w);
}

/* ---- a refused file ----------------------------------------------------- */

static void put_refused(struct ccb_json_writer *w,
                        const struct ccb_plugins_refused *row)
{
    const struct ccb_plugin_refusal *refusal = &row->refusal;
    bool disabled = refusal->reason == CCB_REFUSED_DISABLED;

    ccb_json_begin_object(w);
    if (row->id)
        ccb_json_member_cstr(w, "id", row->id);
    ccb_json_member_cstr(w, "file", refusal->file);
    ccb_json_member_cstr(w, "state", disabled ? "disabled" : "refused");
    ccb_json_member_cstr(w, "reason", ccb_refusal_name(refusal->reason));
    ccb_json_member_cstr(w, "expected", refusal->expected);
    ccb_json_member_cstr(w, "found", refusal->found);
    ccb_json_member_cstr(w, "advice", refusal->advice);
    ccb_json_end_object(w);
}

void ccb_plugins_put_list(const struct ccb_plugins *plugins,
                          struct ccb_json_writer *w)
{
    const struct ccb_plugins_set *set = atomic_load(&plugins->current);

    ccb_json_begin_array(w);
    for (size_t i = 0; i < set->count; i++)
        put_plugin(w, set, set->items[i]);
    for (const struct ccb_plugins_refused *row = set->refused; row;
         row = row->next)
        put_refused(w, row);
    ccb_json_end_array(w);
}

/* ---- as metrics --------------------------------------------------------- */

static void put_sample(struct ccb_buf *out, const char *name,
                       const struct ccb_plugin *plugin, const char *outcome,
                       uint64_t value)
{
    (void)ccb_buf_put(out, name);
    ccb_metrics_label(out, "{plugin", plugin->id);
    if (outcome)
        ccb_metrics_label(out, ",outcome", outcome);
    (void)ccb_buf_printf(out, "} %llu\n", (unsigned long long)value);
}

/* What failed is counted before what succeeded can be told from it, so a
 * figure may lag for a moment, but never falls below zero. */
static uint64_t less(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

void ccb_plugins_put_outcomes(const struct ccb_plugins *plugins,
                              struct ccb_buf *out, const char *name)
{
    const struct ccb_plugins_set *set = atomic_load(&plugins->current);

    for (size_t i = 0; i < set->count; i++) {
        const struct ccb_plugin_stats *stats = &set->items[i]->stats;
        uint64_t calls = atomic_load(&stats->calls);
        uint64_t failures = atomic_load(&stats->failures);
        uint64_t timeouts = atomic_load(&stats->timeouts);

        put_sample(out, name, set->items[i], "ok", less(calls, failures));
        put_sample(out, name, set->items[i], "failed",
                   less(failures, timeouts));
        put_sample(out, name, set->items[i], "timeout", timeouts);
    }
}

void ccb_plugins_put_crashes(const struct ccb_plugins *plugins,
                             struct ccb_buf *out, const char *name)
{
    const struct ccb_plugins_set *set = atomic_load(&plugins->current);

    for (size_t i = 0; i < set->count; i++)
        if (set->items[i]->isolated)
            put_sample(out, name, set->items[i], NULL,
                       atomic_load(&set->items[i]->stats.crashes));
}

void ccb_plugins_put_quarantined(const struct ccb_plugins *plugins,
                                 struct ccb_buf *out, const char *name)
{
    const struct ccb_plugins_set *set = atomic_load(&plugins->current);

    for (size_t i = 0; i < set->count; i++)
        put_sample(out, name, set->items[i], NULL,
                   atomic_load(&set->items[i]->quarantined));
}

bool ccb_plugins_know(const struct ccb_plugins *plugins, struct ccb_slice id)
{
    const struct ccb_plugins_set *set = atomic_load(&plugins->current);
    const struct ccb_plugins_refused *refused = set->refused;

    while (refused && !(refused->id && ccb_slice_is(id, refused->id)))
        refused = refused->next;
    return refused || ccb_plugins_set_get(set, id);
}
