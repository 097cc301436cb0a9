/*
 * Merging the two answers about instances (instances.h).
 */
#include "controller/instances.h"

#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"
#include "ccbridge/json.h"
#include "controller/records.h"

struct instance {
    struct ccb_slice state, details, host, instance_guid;
    int64_t index, since, uptime;
    uint16_t port;
};

static const struct ccb_json_field fields[] = {
    {.name = "instance_guid",
     .kind = CCB_JSON_K_STRING,
     .offset = offsetof(struct instance, instance_guid)},
    {.name = "index",
     .kind = CCB_JSON_K_INT64,
     .offset = offsetof(struct instance, index)},
    {.name = "state",
     .kind = CCB_JSON_K_STRING,
     .offset = offsetof(struct instance, state)},
    {.name = "details",
     .kind = CCB_JSON_K_STRING,
     .offset = offsetof(struct instance, details)},
    {.name = "host",
     .kind = CCB_JSON_K_STRING,
     .offset = offsetof(struct instance, host)},
    {.name = "port",
     .kind = CCB_JSON_K_UINT16,
     .offset = offsetof(struct instance, port)},
    {.name = "uptime",
     .kind = CCB_JSON_K_INT64,
     .offset = offsetof(struct instance, uptime)},
    {.name = "since",
     .kind = CCB_JSON_K_INT64,
     .offset = offsetof(struct instance, since)},
};
static const struct ccb_json_shape shape = {
    fields, sizeof(fields) / sizeof(fields[0]), sizeof(struct instance)};

/* The best first: of two with one index (one is being replaced) it is shown. */
static const char *const states[] = {"RUNNING", "STARTING", "CRASHED", "DOWN"};
#define STATES (sizeof(states) / sizeof(states[0]))

static size_t rank(struct ccb_slice state)
{
    size_t i = 0;

    while (i < STATES - 1 && !ccb_slice_is(state, states[i]))
        i++;
    return i;
}

static int decode(struct ccb_slice text, struct instance **items, size_t *count,
                  struct ccb_arena *arena, struct ccb_error *err)
{
    struct ccb_json_alloc alloc = ccb_arena_json(arena);
    struct ccb_json document;
    struct ccb_json_iter it;
    size_t size = 0;
    int code;

    *count = 0;
    *items = NULL;
    if (text.len == 0)
        return 0;
    code = ccb_json_parse(&document, text, CCB_JSON_FIRST, err);
    if (code == 0 && document.type != CCB_JSON_ARRAY)
        code = ccb_error_set(err, CCB_INVALID, "not an array of instances");
    if (code < 0)
        return code;
    for (it = ccb_json_iter(document); ccb_json_next(&it);)
        size++;
    *items = ccb_arena_alloc(arena, (size + 1) * sizeof(**items));
    if (!*items)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    for (it = ccb_json_iter(document); code == 0 && ccb_json_next(&it);)
        code = ccb_json_decode(it.value, &shape, &(*items)[(*count)++], &alloc,
                               err);
    return code;
}

static const struct instance *find(const struct instance *items, size_t count,
                                   int64_t index)
{
    const struct instance *best = NULL;

    for (size_t i = 0; i < count; i++)
        if (items[i].index == index &&
            (!best || rank(items[i].state) < rank(best->state)))
            best = &items[i];
    return best;
}

static struct ccb_slice details_of(const struct instance *items, size_t count,
                                   const struct instance *of)
{
    for (size_t i = 0; i < count; i++)
        if (items[i].index == of->index &&
            ccb_slice_equal(items[i].instance_guid, of->instance_guid))
            return items[i].details;
    return of->details;
}

static void put(struct ccb_json_writer *w, const struct instance *instance,
                struct ccb_slice details)
{
    char since[40];

    ccb_time_format(instance->since * CCB_SECOND, since);
    ccb_json_begin_object(w);
    ccb_json_member_int(w, "index", instance->index);
    ccb_json_member_string(w, "instance_guid", instance->instance_guid);
    ccb_json_member_cstr(w, "state", states[rank(instance->state)]);
    if (instance->since > 0 && instance->since < INT64_C(9000000000))
        ccb_json_member_cstr(w, "since", since);
    else
        ccb_json_member_raw(w, "since", ccb_slice_of("null"));
    ccb_json_member_int(w, "uptime", instance->uptime);
    ccb_json_member_string(w, "host", instance->host);
    ccb_json_member_int(w, "port", instance->port);
    ccb_json_member_string(w, "details", details);
    ccb_json_end_object(w);
}

int ccb_instances_merge(struct ccb_buf *out, struct ccb_slice stats,
                        struct ccb_slice status, int64_t wanted,
                        struct ccb_arena *arena, struct ccb_error *err)
{
    struct instance *from_stats, *from_status;
    size_t stats_count, status_count;
    struct ccb_json_writer w;
    int code = decode(stats, &from_stats, &stats_count, arena, err);

    if (code == 0)
        code = decode(status, &from_status, &status_count, arena, err);
    if (code < 0)
        return code;
    ccb_json_writer_init(&w, ccb_buf_sink, out);
    ccb_json_begin_array(&w);
    for (int64_t index = 0; index < wanted; index++) {
        struct instance none = {.index = index};
        const struct instance *found = find(from_stats, stats_count, index);
        if (!found)
            found = find(from_status, status_count, index);
        if (!found)
            found = &none;
        put(&w, found, details_of(from_status, status_count, found));
    }
    ccb_json_end_array(&w);
    if (ccb_json_writer_end(&w) < 0)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    return 0;
}
