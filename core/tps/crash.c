/*
 * Finds crashes in events and listings (tps/crash.h).
 *
 * Only a change of an actual LRP of the domain cf-apps whose crash count grew
 * is one (contract/tps.md 2.3). Events that no connection carried are lost, so
 * a listing is compared with the marks: an instance whose count is another one
 * than was told, or that has crashed again with the same one, has a crash that
 * nobody told of. Its count falls back to 0 after it ran for some minutes.
 */
#include "tps/crash.h"

#include <inttypes.h>

#include "base/mem.h"
#include "tps/actual.h"

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

/* ---- marks -------------------------------------------------------------- */

/* "INDEX/PROCESS-GUID" */
static struct ccb_slice make_name(struct ccb_arena *arena,
                                  const struct ccb_actual *actual)
{
    return ccb_arena_format(arena, "%" PRId64 "/%.*s", actual->index,
                            (int)actual->process_guid.len,
                            actual->process_guid.ptr);
}

static int on_note(void *user, const struct ccb_outbox_note *note)
{
    struct ccb_crashes *crashes = user;
    struct ccb_crash_mark *mark;
    if (note->name.len == 0) {
        crashes->learned = true;
        return 0;
    }
    mark = ccb_crash_marks_make(&crashes->marks, note->name);
    if (!mark)
        return CCB_NO_MEMORY;
    mark->count = note->count;
    mark->since = note->since;
    mark->told = true; /* its event is long over */
    return 0;
}

int ccb_crashes_load(struct ccb_crashes *crashes, struct ccb_outbox *outbox,
                     struct ccb_error *err)
{
    return ccb_outbox_each_note(outbox, on_note, crashes, err);
}

void ccb_crashes_destroy(struct ccb_crashes *crashes)
{
    ccb_crash_marks_destroy(&crashes->marks);
}

static int set_mark(struct ccb_crashes *crashes, struct ccb_slice name,
                    const struct ccb_actual *actual, bool told)
{
    struct ccb_crash_mark *mark = ccb_crash_marks_make(&crashes->marks, name);
    if (!mark)
        return CCB_NO_MEMORY;
    mark->seen = crashes->listing;
    /* An event may be older than what a listing has shown. */
    if (actual->since < mark->since) {
        mark->told |= told && mark->count == actual->crash_count;
        return 0;
    }
    mark->count = actual->crash_count;
    mark->since = actual->since;
    mark->told = told;
    return 0;
}

/* ---- one crash ---------------------------------------------------------- */

static int tell(struct ccb_crashes *crashes, struct ccb_slice name,
                const struct ccb_actual *after, struct ccb_slice instance)
{
    const struct ccb_cc_crash crash = {
        .instance = instance,
        .index = after->index,
        .reason = ccb_slice_of("CRASHED"),
        .exit_description = after->crash_reason,
        .crash_count = after->crash_count,
        .crash_timestamp = after->since,
    };
    int code;
    ccb_log_write(crashes->log, CCB_LEVEL_INFO, "app-crashed",
                  CCB_FIELDS(ccb_log_text("process-guid", after->process_guid),
                             ccb_log_int("index", after->index)));
    code =
        ccb_crash_queue_add(crashes->queue, name, after->process_guid, &crash);
    return code == 0 ? set_mark(crashes, name, after, true) : code;
}

/* ---- events ------------------------------------------------------------- */

static const struct {
    const char *name;
    bool may_crash;
} events[] = {
    {"actual_lrp_changed", true},   {"actual_lrp_created", false},
    {"actual_lrp_removed", false},  {"desired_lrp_created", false},
    {"desired_lrp_changed", false}, {"desired_lrp_removed", false},
};
#define EVENTS (sizeof(events) / sizeof(events[0]))

static bool is_crash(const struct change *change)
{
    return ccb_slice_is(change->after.domain, CCB_CRASH_DOMAIN) &&
           change->after.crash_count > change->before.crash_count;
}

/* The back end may send an event again after a reconnect, or a listing was
 * faster; but what was only learned from one is news when its event comes. */
static bool is_told(const struct ccb_crashes *crashes, struct ccb_slice name,
                    const struct ccb_actual *after)
{
    const struct ccb_crash_mark *mark =
        ccb_crash_marks_find(&crashes->marks, name);
    return mark && mark->told && mark->count == after->crash_count &&
           after->since <= mark->since;
}

static int take_change(struct ccb_crashes *crashes, struct ccb_slice data,
                       struct ccb_arena *arena, struct ccb_error *err)
{
    struct ccb_json_alloc alloc = ccb_arena_json(arena);
    struct ccb_json document;
    struct ccb_slice name;
    struct change change;
    int code = ccb_json_parse(&document, data, CCB_JSON_FIRST, err);
    if (code == 0)
        code = ccb_json_decode(document, &change_shape, &change, &alloc, err);
    if (code < 0) {
        ccb_error_prefix(err, "invalid json payload");
        return code;
    }
    if (!is_crash(&change))
        return 0;
    name = make_name(arena, &change.after);
    if (!name.ptr)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    if (is_told(crashes, name, &change.after))
        return 0;
    /* `after` has no guid any more. */
    code = tell(crashes, name, &change.after, change.before.instance_guid);
    return code == 0 ? 0 : ccb_error_set(err, code, "out of memory");
}

int ccb_crashes_event(struct ccb_crashes *crashes,
                      const struct ccb_diego_event *event,
                      struct ccb_error *err)
{
    struct ccb_arena *arena;
    size_t i = 0;
    int code;
    while (i < EVENTS && !ccb_slice_is(event->name, events[i].name))
        i++;
    if (i == EVENTS)
        return ccb_error_set(err, CCB_INVALID, "unrecognized event type: %.*s",
                             (int)(event->name.len < 64 ? event->name.len : 64),
                             event->name.len ? event->name.ptr : "");
    if (!events[i].may_crash)
        return 0;
    arena = ccb_arena_create();
    if (!arena)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    code = take_change(crashes, event->data, arena, err);
    ccb_arena_unref(arena);
    return code;
}

/* ---- listings ----------------------------------------------------------- */

void ccb_crashes_begin_listing(struct ccb_crashes *crashes)
{
    crashes->listing++;
    crashes->missed = 0;
}

/* A list may be older than the last event: then its time is, too. */
static bool is_missed(const struct ccb_crash_mark *mark,
                      const struct ccb_actual *actual)
{
    if (!mark)
        return true;
    if (actual->since <= mark->since)
        return false;
    return mark->count != actual->crash_count ||
           ccb_slice_is(actual->state, "CRASHED");
}

static int compare(struct ccb_crashes *crashes, const struct ccb_actual *actual,
                   struct ccb_slice name)
{
    struct ccb_crash_mark *mark = ccb_crash_marks_find(&crashes->marks, name);
    const struct ccb_slice unknown = {"", 0};
    struct ccb_outbox_note note = {name, actual->crash_count, actual->since};
    int code;
    if (mark)
        mark->seen = crashes->listing;
    if (!is_missed(mark, actual))
        return 0;
    if (crashes->learned) {
        crashes->missed++;
        return tell(crashes, name, actual, unknown);
    }
    code = set_mark(crashes, name, actual, false);
    return code == 0 ? ccb_crash_queue_mark(crashes->queue, &note, false)
                     : code;
}

int ccb_crashes_listed(struct ccb_crashes *crashes, struct ccb_json actual,
                       struct ccb_error *err)
{
    struct ccb_arena *arena = ccb_arena_create();
    struct ccb_json_alloc alloc;
    struct ccb_actual one;
    struct ccb_slice name;
    int code;
    if (!arena)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    alloc = ccb_arena_json(arena);
    code = ccb_json_decode(actual, &ccb_actual_shape, &one, &alloc, err);
    /* One that never crashed, or did long ago, leaves no mark. */
    if (code == 0 && one.crash_count > 0 && !one.evacuating &&
        ccb_slice_is(one.domain, CCB_CRASH_DOMAIN)) {
        name = make_name(arena, &one);
        code = name.ptr ? compare(crashes, &one, name) : CCB_NO_MEMORY;
        if (code < 0)
            ccb_error_set(err, code, "out of memory");
    }
    ccb_arena_unref(arena);
    return code;
}

static void on_gone(void *user, struct ccb_slice name)
{
    struct ccb_crashes *crashes = user;
    const struct ccb_outbox_note note = {.name = name};
    /* Without memory it is forgotten in the next life. */
    (void)ccb_crash_queue_mark(crashes->queue, &note, true);
}

void ccb_crashes_end_listing(struct ccb_crashes *crashes)
{
    const struct ccb_outbox_note learned = {.name = {"", 0}};
    ccb_crash_marks_sweep(&crashes->marks, crashes->listing, on_gone, crashes);
    if (!crashes->learned &&
        ccb_crash_queue_mark(crashes->queue, &learned, false) == 0)
        crashes->learned = true;
    ccb_log_debug(crashes->log, "listed-actual-lrps");
    if (crashes->missed > 0)
        ccb_log_write(crashes->log, CCB_LEVEL_INFO, "crashes-missed",
                      CCB_FIELDS(ccb_log_int("count", crashes->missed)));
}
