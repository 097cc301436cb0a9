/* From the back end's actual LRPs to CC's instances: contract/tps.md 1.3. */
#include "tps/actual.h"

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
    {"UNCLAIMED", "STARTING"},
    {"CLAIMED", "STARTING"},
    {"RUNNING", "RUNNING"},
    {"CRASHED", "CRASHED"},
};

static const char *state_of(const struct ccb_actual *actual)
{
    size_t i;
    for (i = 0; i < sizeof(states) / sizeof(states[0]); i++)
        if (ccb_slice_is(actual->state, states[i].theirs))
            return states[i].ours;
    return "UNKNOWN";
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

static void put_instance(struct ccb_json_writer *w,
                         const struct ccb_actual *actual,
                         enum ccb_actual_view view, int64_t now)
{
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
    ccb_json_member_int(w, "uptime", uptime(actual, now));
    ccb_json_member_int(w, "since", actual->since / CCB_SECOND);
    ccb_json_end_object(w);
}

static int put_all(struct ccb_json_writer *w, struct ccb_json list,
                   enum ccb_actual_view view, int64_t now,
                   struct ccb_arena *arena, struct ccb_error *err)
{
    struct ccb_json_alloc alloc = ccb_arena_json(arena);
    struct ccb_json_iter it = ccb_json_iter(list);
    struct ccb_actual actual;
    while (ccb_json_next(&it)) {
        int code =
            ccb_json_decode(it.value, &ccb_actual_shape, &actual, &alloc, err);
        if (code < 0) {
            ccb_error_prefix(err, "actual LRP %zu", it.index);
            return code;
        }
        put_instance(w, &actual, view, now);
    }
    return 0;
}

int ccb_actuals_encode(struct ccb_buf *out, struct ccb_json list,
                       enum ccb_actual_view view, int64_t now,
                       struct ccb_arena *arena, struct ccb_error *err)
{
    struct ccb_json_writer w;
    int code;
    ccb_json_writer_init(&w, ccb_buf_sink, out);
    ccb_json_begin_array(&w);
    code = put_all(&w, list, view, now, arena, err);
    ccb_json_end_array(&w);
    if (ccb_json_writer_end(&w) < 0 && code == 0)
        code = ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    return code;
}
