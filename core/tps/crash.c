/*
 * Crash translation: contract/tps.md 2.3. Only a change of an actual LRP of
 * the domain cf-apps whose crash count grew is one.
 */
#include "tps/crash.h"

#include "tps/actual.h"

#define DOMAIN "cf-apps"

struct change {
    struct ccb_actual before, after;
};

static const struct ccb_json_field change_fields[] = {
    {.name = "actual_lrp_before",
     .kind = CCB_JSON_K_OBJECT,
     .offset = offsetof(struct change, before),
     .shape = &ccb_actual_shape},
    {.name = "actual_lrp_after",
     .kind = CCB_JSON_K_OBJECT,
     .offset = offsetof(struct change, after),
     .shape = &ccb_actual_shape},
};
static const struct ccb_json_shape change_shape = {change_fields, 2,
                                                   sizeof(struct change)};

static const struct {
    const char *name;
    bool may_crash;
} events[] = {
    {"actual_lrp_changed", true},   {"actual_lrp_created", false},
    {"actual_lrp_removed", false},  {"desired_lrp_created", false},
    {"desired_lrp_changed", false}, {"desired_lrp_removed", false},
};
#define EVENTS (sizeof(events) / sizeof(events[0]))

static void translate(const struct change *change, struct ccb_crash *out)
{
    out->process_guid = change->after.process_guid;
    out->message = (struct ccb_cc_crash){
        .instance = change->before.instance_guid, /* after may have none */
        .index = change->after.index,
        .reason = ccb_slice_of("CRASHED"),
        .exit_description = change->after.crash_reason,
        .crash_count = change->after.crash_count,
        .crash_timestamp = change->after.since,
    };
}

static int read_change(struct ccb_slice data, struct ccb_crash *out,
                       bool *found, struct ccb_arena *arena,
                       struct ccb_error *err)
{
    struct ccb_json_alloc alloc = ccb_arena_json(arena);
    struct ccb_json document;
    struct change change;
    int code = ccb_json_parse(&document, data, CCB_JSON_FIRST, err);
    if (code == 0)
        code = ccb_json_decode(document, &change_shape, &change, &alloc, err);
    if (code < 0) {
        ccb_error_prefix(err, "invalid json payload");
        return code;
    }
    *found = ccb_slice_is(change.after.domain, DOMAIN) &&
             change.after.crash_count > change.before.crash_count;
    if (*found)
        translate(&change, out);
    return 0;
}

int ccb_crash_find(const struct ccb_diego_event *event, struct ccb_crash *out,
                   bool *found, struct ccb_arena *arena, struct ccb_error *err)
{
    size_t i = 0;
    *found = false;
    while (i < EVENTS && !ccb_slice_is(event->name, events[i].name))
        i++;
    if (i == EVENTS)
        return ccb_error_set(err, CCB_INVALID, "unrecognized event type: %.*s",
                             (int)(event->name.len < 64 ? event->name.len : 64),
                             event->name.len ? event->name.ptr : "");
    if (!events[i].may_crash)
        return 0;
    return read_change(event->data, out, found, arena, err);
}
