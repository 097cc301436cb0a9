/*
 * The bed of the cell's tests: a store in a directory of its own, clocks that
 * the test turns, a list of the effects that came.
 */
#ifndef CCB_TESTS_CELL_BED_H
#define CCB_TESTS_CELL_BED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cell/converge.h"
#include "cell/lrp.h"
#include "cell/store_internal.h"
#include "cell/task.h"
#include "cell/validate.h"

#define MAY_BE_UNUSED __attribute__((unused))
#define TEXT(slice) (int)(slice).len, (slice).ptr
#define EPOCH (INT64_C(1440000000) * CCB_SECOND)

static struct cell_bed {
    char dir[64], path[96];
    struct ccb_store *store;
    struct ccb_events *events;
    _Atomic int64_t now; /* both clocks, since the epoch of the tests */
    char effects[8192];  /* "auction web-1/0\n..." */
    struct ccb_error err;
} cell;

static int64_t bed_wall(void *user)
{
    (void)user;
    return EPOCH + cell.now;
}

static int64_t bed_monotonic(void *user)
{
    (void)user;
    return cell.now;
}

static const struct ccb_store_clock bed_clock = {bed_wall, bed_monotonic, NULL};

static void on_bed_effect(void *user, const struct ccb_effect *effect)
{
    static const char *const names[] = {"auction-task", "cancel", "call-back",
                                        "auction", "stop"};
    size_t used = strlen(cell.effects);

    (void)user;
    if (effect->kind == CCB_EFFECT_AUCTION_ACTUAL ||
        effect->kind == CCB_EFFECT_STOP_ACTUAL)
        (void)snprintf(cell.effects + used, sizeof(cell.effects) - used,
                       "%s %.*s/%d\n", names[effect->kind], TEXT(effect->guid),
                       (int)effect->index);
    else
        (void)snprintf(cell.effects + used, sizeof(cell.effects) - used,
                       "%s %.*s\n", names[effect->kind], TEXT(effect->guid));
}

static MAY_BE_UNUSED void cell_reopen(void)
{
    struct ccb_store_options options = {.path = cell.path,
                                        .clock = &bed_clock,
                                        .events = cell.events,
                                        .on_effect = on_bed_effect};

    if (ccb_store_open(&cell.store, &options, &cell.err) < 0)
        fail_msg("%s", cell.err.message);
}

static MAY_BE_UNUSED int cell_open(void **state)
{
    (void)state;
    memset(&cell, 0, sizeof(cell));
    (void)snprintf(cell.dir, sizeof(cell.dir), "/tmp/ccb-cell-XXXXXX");
    assert_non_null(mkdtemp(cell.dir));
    (void)snprintf(cell.path, sizeof(cell.path), "%s/state.db", cell.dir);
    cell.events = ccb_events_create();
    assert_non_null(cell.events);
    cell_reopen();
    return 0;
}

static MAY_BE_UNUSED void cell_remove_files(void)
{
    char path[128];

    (void)unlink(cell.path);
    (void)snprintf(path, sizeof(path), "%s-wal", cell.path);
    (void)unlink(path);
    assert_int_equal(rmdir(cell.dir), 0);
}

static MAY_BE_UNUSED int cell_close(void **state)
{
    (void)state;
    ccb_store_close(cell.store);
    ccb_events_free(cell.events);
    cell_remove_files();
    return 0;
}

static MAY_BE_UNUSED void cell_pass(int64_t seconds)
{
    cell.now += seconds * CCB_SECOND;
}

/* The effects since the last look, and forgets them. */
static MAY_BE_UNUSED const char *cell_effects(void)
{
    static char taken[sizeof(cell.effects)];

    memcpy(taken, cell.effects, sizeof(taken));
    cell.effects[0] = '\0';
    return taken;
}

/* ---- transitions by name ------------------------------------------------ */

/* One operation in the store: what it needs is here. */
struct step {
    int (*run)(const struct step *step, struct ccb_store_tx *tx,
               struct ccb_error *err);
    const char *guid, *cell, *instance, *text, *domain, *address, *ports;
    int64_t index, number;
};

static int run_step(void *arg, struct ccb_store_tx *tx, struct ccb_error *err)
{
    const struct step *step = arg;

    return step->run(step, tx, err);
}

static MAY_BE_UNUSED int cell_do(struct step step)
{
    memset(&cell.err, 0, sizeof(cell.err));
    return ccb_store_run(cell.store, run_step, &step, &cell.err);
}

#define DO(function, ...) cell_do((struct step){.run = function, __VA_ARGS__})
#define OK(call)                                                               \
    do {                                                                       \
        if ((call) < 0)                                                        \
            fail_msg("%s: %s", #call, cell.err.message);                       \
    } while (0)
#define REFUSED(call, id_, message_)                                           \
    do {                                                                       \
        assert_true((call) < 0);                                               \
        assert_string_equal(cell.err.id, id_);                                 \
        assert_string_equal(cell.err.message, message_);                       \
    } while (0)

static struct ccb_slice or_empty(const char *text)
{
    return ccb_slice_of(text ? text : "");
}

static MAY_BE_UNUSED int announce(const struct step *s, struct ccb_store_tx *tx,
                                  struct ccb_error *err)
{
    struct ccb_slice stack = ccb_slice_of("base");
    struct ccb_cell_info info = {.cell_id = or_empty(s->cell),
                                 .zone = ccb_slice_of("z1"),
                                 .memory_mb = 4096,
                                 .disk_mb = 20000,
                                 .containers = 256,
                                 .stacks = &stack,
                                 .stack_count = 1};

    return ccb_cell_announce(tx, &info, err);
}

static MAY_BE_UNUSED int leave(const struct step *s, struct ccb_store_tx *tx,
                               struct ccb_error *err)
{
    return ccb_cell_leave(tx, or_empty(s->cell), err);
}

static MAY_BE_UNUSED int freshen(const struct step *s, struct ccb_store_tx *tx,
                                 struct ccb_error *err)
{
    return ccb_domain_upsert(tx, or_empty(s->domain), s->number * CCB_SECOND,
                             err);
}

static MAY_BE_UNUSED int desire_task(const struct step *s,
                                     struct ccb_store_tx *tx,
                                     struct ccb_error *err)
{
    struct ccb_task task = {.task_guid = or_empty(s->guid),
                            .domain = s->domain ? or_empty(s->domain)
                                                : ccb_slice_of("demo"),
                            .callback_url = or_empty(s->text),
                            .body = ccb_slice_of("{\"task_guid\":\"t\"}")};

    return ccb_task_desire(tx, &task, err);
}

static MAY_BE_UNUSED int desire_lrp(const struct step *s,
                                    struct ccb_store_tx *tx,
                                    struct ccb_error *err)
{
    struct ccb_desired desired = {
        .process_guid = or_empty(s->guid),
        .domain = s->domain ? or_empty(s->domain) : ccb_slice_of("demo"),
        .instances = s->number,
        .body = ccb_slice_of("{\"process_guid\":\"web-1\"}")};

    return ccb_desired_create(tx, &desired, err);
}

/* ---- records as lines --------------------------------------------------- */

struct seen {
    char text[512];
};

static MAY_BE_UNUSED int show_task(const struct step *s,
                                   struct ccb_store_tx *tx,
                                   struct ccb_error *err)
{
    char *out = (char *)(uintptr_t)s->text;
    struct ccb_task t;
    int code = ccb_task_get(tx, or_empty(s->guid), &t, err);

    if (code == 1)
        (void)snprintf(out, 512,
                       "%s cell=%.*s failed=%d reason=%.*s "
                       "result=%.*s updated=%d completed=%d",
                       ccb_task_state_name(t.state), TEXT(t.cell_id), t.failed,
                       TEXT(t.failure_reason), TEXT(t.result),
                       (int)((t.updated_at - EPOCH) / CCB_SECOND),
                       t.first_completed_at
                           ? (int)((t.first_completed_at - EPOCH) / CCB_SECOND)
                           : -1);
    else
        (void)snprintf(out, 512, "none");
    return code;
}

static MAY_BE_UNUSED const char *task_line(const char *guid)
{
    static char text[512];

    OK(DO(show_task, .guid = guid, .text = text));
    return text;
}

static MAY_BE_UNUSED int show_actual(const struct step *s,
                                     struct ccb_store_tx *tx,
                                     struct ccb_error *err)
{
    char *out = (char *)(uintptr_t)s->text;
    struct ccb_actual a;
    int code = ccb_actual_get(tx, or_empty(s->guid), s->index, &a, err);

    if (code == 1)
        (void)snprintf(
            out, 512,
            "%s %.*s@%.*s net=%.*s%.*s count=%d reason=%.*s placement=%.*s "
            "since=%d tag=%d",
            ccb_actual_state_name(a.state), TEXT(a.instance_guid),
            TEXT(a.cell_id), TEXT(a.address), TEXT(a.ports), (int)a.crash_count,
            TEXT(a.crash_reason), TEXT(a.placement_error),
            (int)((a.since - EPOCH) / CCB_SECOND), (int)a.tag.index);
    else
        (void)snprintf(out, 512, "none");
    return code;
}

static MAY_BE_UNUSED const char *actual_line(const char *guid, int64_t index)
{
    static char text[512];

    OK(DO(show_actual, .guid = guid, .index = index, .text = text));
    return text;
}

#endif
