/* From the back end's actual LRPs to CC's instances: contract/tps.md 1.3. */
#include "tps/actual.h"

#include <stdlib.h>

#include "base/clock.h"

#define APP_PORT 8080

/* ---- reading ------------------------------------------------------------ */

#define FIELD(type, kind_, member)                                             \
    {                                                                          \
        .name = #member, .kind = (kind_), .offset = offsetof(type, member)     \
    }

static const struct ccb_json_field port_fields[] = {
    FIELD(struct ccb_actual_port, CCB_JSON_K_UINT16, container_port),
    FIELD(struct ccb_actual_port, CCB_JSON_K_UINT16, host_port),
};
static const struct ccb_json_shape port_shape = {
    port_fields, sizeof(port_fields) / sizeof(port_fields[0]),
    sizeof(struct ccb_actual_port)};

static const struct ccb_json_field tag_fields[] = {
    FIELD(struct ccb_actual_tag, CCB_JSON_K_STRING, epoch),
    FIELD(struct ccb_actual_tag, CCB_JSON_K_UINT32, index),
};
static const struct ccb_json_shape tag_shape = {
    tag_fields, sizeof(tag_fields) / sizeof(tag_fields[0]),
    sizeof(struct ccb_actual_tag)};

static const struct ccb_json_field fields[] = {
    FIELD(struct ccb_actual, CCB_JSON_K_STRING, process_guid),
    FIELD(struct ccb_actual, CCB_JSON_K_STRING, instance_guid),
    FIELD(struct ccb_actual, CCB_JSON_K_STRING, cell_id),
    FIELD(struct ccb_actual, CCB_JSON_K_STRING, domain),
    FIELD(struct ccb_actual, CCB_JSON_K_INT64, index),
    FIELD(struct ccb_actual, CCB_JSON_K_STRING, address),
    {.name = "ports",
     .kind = CCB_JSON_K_LIST,
     .offset = offsetof(struct ccb_actual, ports),
     .element = CCB_JSON_K_OBJECT,
     .shape = &port_shape},
    FIELD(struct ccb_actual, CCB_JSON_K_STRING, state),
    FIELD(struct ccb_actual, CCB_JSON_K_INT64, crash_count),
    FIELD(struct ccb_actual, CCB_JSON_K_STRING, crash_reason),
    FIELD(struct ccb_actual, CCB_JSON_K_STRING, placement_error),
    FIELD(struct ccb_actual, CCB_JSON_K_INT64, since),
    FIELD(struct ccb_actual, CCB_JSON_K_BOOL, evacuating),
    {.name = "modification_tag",
     .kind = CCB_JSON_K_OBJECT,
     .offset = offsetof(struct ccb_actual, modification_tag),
     .shape = &tag_shape},
};
const struct ccb_json_shape ccb_actual_shape = {
    fields, sizeof(fields) / sizeof(fields[0]), sizeof(struct ccb_actual)};

/* ---- writing ------------------------------------------------------------ */

static const struct {
    const char *theirs, *ours;
} states[] = {
    /* the better one first */
    {"RUNNING", "RUNNING"},
    {"CLAIMED", "STARTING"},
    {"UNCLAIMED", "STARTING"},
    {"CRASHED", "CRASHED"},
};

#define STATES (sizeof(states) / sizeof(states[0]))

/* STATES for one that is unknown. */
static size_t find_state(const struct ccb_actual *actual)
{
    size_t i = 0;
    while (i < STATES && !ccb_slice_is(actual->state, states[i].theirs))
        i++;
    return i;
}

static const char *state_of(const struct ccb_actual *actual)
{
    size_t i = find_state(actual);
    return i < STATES ? states[i].ours : "UNKNOWN";
}

static uint16_t host_port(const struct ccb_actual *actual)
{
    const struct ccb_actual_port *ports = actual->ports.items;
    size_t i;
    for (i = 0; i < actual->ports.count; i++)
        if (ports[i].container_port == APP_PORT)
            return ports[i].host_port;
    return 0;
}

/* Any `since` is survived: the difference wraps, as it does in Go. */
static int64_t uptime(const struct ccb_actual *actual, int64_t now)
{
    return (int64_t)((uint64_t)now - (uint64_t)actual->since) / CCB_SECOND;
}

/* What is written of all instances alike. */
struct writing {
    struct ccb_buf *out;
    enum ccb_actual_view view;
    int64_t now;
    const struct ccb_container_metrics *metrics;
    char time[40]; /* now, for metrics */
};

static void put_stats(struct ccb_json_writer *w, const struct writing *writing,
                      const struct ccb_actual *actual)
{
    const struct ccb_container_metric *metric =
        ccb_container_metrics_find(writing->metrics, actual->index);
    struct ccb_buf text = {0};
    if (!metric)
        return;
    ccb_container_metric_put(&text, metric, writing->time);
    if (text.failed)
        writing->out->failed = text.failed;
    ccb_json_key(w, "stats");
    ccb_json_put_raw(w,
                     text.failed ? ccb_slice_of("null") : ccb_buf_slice(&text));
    ccb_buf_destroy(&text);
}

static void put_instance(struct ccb_json_writer *w,
                         const struct writing *writing,
                         const struct ccb_actual *actual)
{
    enum ccb_actual_view view = writing->view;
    ccb_json_begin_object(w);
    ccb_json_member_string(w, "process_guid", actual->process_guid);
    ccb_json_member_string(w, "instance_guid", actual->instance_guid);
    ccb_json_member_uint(w, "index", (uint64_t)actual->index);
    ccb_json_member_cstr(w, "state", state_of(actual));
    if (view == CCB_ACTUAL_STATUS && actual->placement_error.len > 0)
        ccb_json_member_string(w, "details", actual->placement_error);
    if (view == CCB_ACTUAL_STATS && actual->address.len > 0)
        ccb_json_member_string(w, "host", actual->address);
    if (view == CCB_ACTUAL_STATS && host_port(actual) != 0)
        ccb_json_member_uint(w, "port", host_port(actual));
    ccb_json_member_int(w, "uptime", uptime(actual, writing->now));
    ccb_json_member_int(w, "since", actual->since / CCB_SECOND);
    put_stats(w, writing, actual);
    ccb_json_end_object(w);
}

/* ---- records that share an index ---------------------------------------- */

struct record {
    struct ccb_actual actual;
    struct record *next; /* in the back end's order */
    bool lost;           /* another one of its index is better */
};

static int sign(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

/* By index, the best one first. */
static int compare(const void *a, const void *b)
{
    const struct record *x = *(const struct record *const *)a;
    const struct record *y = *(const struct record *const *)b;
    int order = sign(x->actual.index, y->actual.index);
    if (order == 0)
        order = sign((int64_t)find_state(&x->actual),
                     (int64_t)find_state(&y->actual));
    return order ? order : x->actual.evacuating - y->actual.evacuating;
}

/* An index twice is rare, and only then there is something to sort. */
static int choose(struct record *first, size_t count, struct ccb_arena *arena)
{
    struct record **sorted, *record;
    int64_t last = -1;
    size_t i = 0;
    for (record = first; record && record->actual.index > last;
         record = record->next)
        last = record->actual.index;
    if (!record)
        return 0;
    sorted = ccb_arena_alloc(arena, count * sizeof(struct record *));
    if (!sorted)
        return CCB_NO_MEMORY;
    for (record = first; record; record = record->next)
        sorted[i++] = record;
    qsort(sorted, count, sizeof(struct record *), compare);
    for (i = 1; i < count; i++)
        sorted[i]->lost =
            sorted[i]->actual.index == sorted[i - 1]->actual.index;
    return 0;
}

/* ---- all of them -------------------------------------------------------- */

static int read_all(struct record **first, size_t *count, struct ccb_json list,
                    struct ccb_arena *arena, struct ccb_error *err)
{
    struct ccb_json_alloc alloc = ccb_arena_json(arena);
    struct ccb_json_iter it = ccb_json_iter(list);
    struct record **last = first;
    int code = 0;
    for (*count = 0; code == 0 && ccb_json_next(&it); ++*count) {
        struct record *record = ccb_arena_alloc(arena, sizeof(*record));
        if (!record)
            return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
        code = ccb_json_decode(it.value, &ccb_actual_shape, &record->actual,
                               &alloc, err);
        if (code < 0)
            ccb_error_prefix(err, "actual LRP %zu", it.index);
        *last = record;
        last = &record->next;
    }
    return code;
}

int ccb_actuals_encode(struct ccb_buf *out, struct ccb_json list,
                       enum ccb_actual_view view, int64_t now,
                       const struct ccb_container_metrics *metrics,
                       struct ccb_arena *arena, struct ccb_error *err)
{
    struct writing writing = {
        .out = out, .view = view, .now = now, .metrics = metrics};
    struct record *records = NULL, *record;
    struct ccb_json_writer w;
    size_t count;
    int code = read_all(&records, &count, list, arena, err);
    if (code == 0 && choose(records, count, arena) < 0)
        code = ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    if (code < 0)
        return code;
    if (metrics)
        ccb_metric_time_format(now, writing.time, sizeof(writing.time));
    ccb_json_writer_init(&w, ccb_buf_sink, out);
    ccb_json_begin_array(&w);
    for (record = records; record; record = record->next)
        if (!record->lost)
            put_instance(&w, &writing, &record->actual);
    ccb_json_end_array(&w);
    if (ccb_json_writer_end(&w) < 0 || out->failed)
        code = ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    return code;
}
