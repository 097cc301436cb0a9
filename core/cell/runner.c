/*
 * The life of one container (contract/actions.md 5.1): looked up, placed,
 * claimed, created, run, reported, removed. One function a turn; what comes
 * next is decided in one place (go_on), since stop requests, health and the
 * end may come in any order while an operation of the store is under way.
 *
 * Invariant: a reservation is given back, and a container destroyed, exactly
 * once, after the record was told.
 */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/random.h"
#include "cell/cell_internal.h"
#include "cell/runner.h"

/* ---- small things ------------------------------------------------------- */

void ccb_runner_say(struct ccb_runner *r, enum ccb_stream stream,
                    const char *text)
{
    struct ccb_log_message message = {
        .guid = r->spec.log_guid,
        .source = r->spec.log_source,
        .index = r->kind == CCB_RUNNER_LRP ? r->index : 0,
        .stream = stream,
        .text = ccb_slice_of(text),
    };

    ccb_logs_write(r->cell->steps.logs, &message);
}

void ccb_runner_log(struct ccb_runner *r, enum ccb_log_level level,
                    const char *action, const char *error)
{
    struct ccb_log_field fields[] = {
        ccb_log_text("container-guid", ccb_slice_of(r->name)),
        ccb_log_text("guid", r->guid),
        ccb_log_int("index", r->index),
        ccb_log_cstr("error", error ? error : ""),
    };

    ccb_log_write(r->cell->log, level, action, fields, error ? 4 : 3);
}

static void destroy(struct ccb_runner *r)
{
    struct ccb_cell *cell = r->cell;
    struct ccb_runner **at = &cell->runners;

    for (; *at != r;)
        at = &(*at)->next;
    *at = r->next;
    if (r->reserved)
        ccb_placer_release(&cell->placer, &r->spec.needs, r->slot);
    ccb_buf_destroy(&r->result);
    ccb_buf_destroy(&r->ports);
    ccb_arena_unref(r->arena);
    ccb_free(r);
    ccb_cell_leave_live(cell);
}

static void go_on(struct ccb_runner *r);

/* ---- operations of the store -------------------------------------------- */

static struct ccb_runner *of_op(struct ccb_store_op *op)
{
    return (struct ccb_runner *)((char *)op - offsetof(struct ccb_runner, op));
}

static void on_op_done(struct ccb_store_op *op)
{
    struct ccb_runner *r = of_op(op);

    r->busy = false;
    r->on_op(r);
    go_on(r);
}

static void submit(struct ccb_runner *r,
                   int (*run)(struct ccb_store_op *op, struct ccb_store_tx *tx,
                              struct ccb_error *err),
                   void (*on_op)(struct ccb_runner *r))
{
    r->busy = true;
    r->on_op = on_op;
    r->op.loop = r->cell->loop;
    r->op.run = run;
    r->op.on_done = on_op_done;
    ccb_store_submit(r->cell->store, &r->op);
}

static struct ccb_slice cell_id(const struct ccb_runner *r)
{
    return ccb_slice_of(r->cell->config->cell_id);
}

static struct ccb_actual_key actual_key(const struct ccb_runner *r)
{
    return (struct ccb_actual_key){r->guid, r->index, r->domain};
}

static struct ccb_instance_key instance_key(const struct ccb_runner *r)
{
    return (struct ccb_instance_key){r->instance_guid, cell_id(r)};
}

/* ---- look-up ------------------------------------------------------------ */

static int keep(struct ccb_runner *r, struct ccb_slice *to,
                struct ccb_slice text, struct ccb_error *err)
{
    *to = ccb_arena_copy(r->arena, text);
    return to->ptr ? 0 : ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
}

static int look_at_task(struct ccb_runner *r, struct ccb_store_tx *tx,
                        struct ccb_slice *body, struct ccb_error *err)
{
    struct ccb_task task;
    int code = ccb_task_get(tx, r->guid, &task, err);

    if (code <= 0 || task.state != CCB_TASK_PENDING)
        return code < 0 ? code : CCB_NOT_FOUND;
    code = keep(r, &r->spec.result_file, task.result_file, err);
    return code == 0 ? keep(r, body, task.body, err) : code;
}

static int look_at_lrp(struct ccb_runner *r, struct ccb_store_tx *tx,
                       struct ccb_slice *body, struct ccb_error *err)
{
    struct ccb_desired desired;
    struct ccb_actual actual;
    int code = ccb_actual_get(tx, r->guid, r->index, &actual, err);

    if (code <= 0 || actual.state != CCB_ACTUAL_UNCLAIMED)
        return code < 0 ? code : CCB_NOT_FOUND;
    code = ccb_desired_get(tx, r->guid, &desired, err);
    if (code <= 0)
        return code < 0 ? code : CCB_NOT_FOUND;
    code = keep(r, &r->domain, desired.domain, err);
    return code == 0 ? keep(r, body, desired.body, err) : code;
}

static int run_look(struct ccb_store_op *op, struct ccb_store_tx *tx,
                    struct ccb_error *err)
{
    struct ccb_runner *r = of_op(op);
    struct ccb_slice body;
    int code = r->kind == CCB_RUNNER_TASK ? look_at_task(r, tx, &body, err)
                                          : look_at_lrp(r, tx, &body, err);

    if (code == 0)
        code = ccb_runner_spec_decode(&r->spec, body, r->kind, r->arena, err);
    return code;
}

/* Refused since the record changed is what happens; all else is said. */
static void log_failure(struct ccb_runner *r, const char *action)
{
    if (r->op.code < 0 && r->op.code != CCB_NOT_FOUND &&
        r->op.code != CCB_CONFLICT)
        ccb_runner_log(r, CCB_LEVEL_ERROR, action, r->op.err.message);
}

static void on_looked(struct ccb_runner *r)
{
    log_failure(r, "cannot-place");
    r->state = r->op.code < 0 ? CCB_RUNNER_GONE : CCB_RUNNER_PLACING;
}

/* ---- placing and claiming ----------------------------------------------- */

static int run_refuse(struct ccb_store_op *op, struct ccb_store_tx *tx,
                      struct ccb_error *err)
{
    struct ccb_runner *r = of_op(op);
    struct ccb_actual_key key = actual_key(r);

    return r->kind == CCB_RUNNER_TASK
               ? ccb_task_fail(tx, r->guid, ccb_slice_of(r->refusal), err)
               : ccb_actual_fail_placement(tx, &key, ccb_slice_of(r->refusal),
                                           err);
}

static void on_refused(struct ccb_runner *r)
{
    log_failure(r, "cannot-place");
    ccb_runner_log(r, CCB_LEVEL_INFO, "not-placed", r->refusal);
    r->state = CCB_RUNNER_GONE;
}

static int run_claim(struct ccb_store_op *op, struct ccb_store_tx *tx,
                     struct ccb_error *err)
{
    struct ccb_runner *r = of_op(op);
    struct ccb_actual_key key = actual_key(r);
    struct ccb_instance_key instance = instance_key(r);
    bool should_start = true;
    int code;

    if (r->kind == CCB_RUNNER_LRP)
        return ccb_actual_claim(tx, &key, &instance, err);
    code = ccb_task_start(tx, r->guid, cell_id(r), &should_start, err);
    return code == 0 && !should_start ? CCB_CONFLICT : code;
}

static void on_claimed(struct ccb_runner *r)
{
    log_failure(r, "cannot-claim");
    r->state = r->op.code < 0 ? CCB_RUNNER_GONE : CCB_RUNNER_CREATING;
    if (r->op.code < 0)
        return;
    ccb_runner_log(r, CCB_LEVEL_INFO, "placed", NULL);
    ccb_metric_add(r->kind == CCB_RUNNER_TASK ? CCB_METRIC_CELL_TASKS_STARTED
                                              : CCB_METRIC_CELL_LRPS_STARTED,
                   1);
}

static void place(struct ccb_runner *r)
{
    r->refusal = ccb_placer_reserve(&r->cell->placer, r->spec.rootfs,
                                    &r->spec.needs, &r->slot);
    r->reserved = r->refusal == NULL;
    if (r->reserved)
        submit(r, run_claim, on_claimed);
    else
        submit(r, run_refuse, on_refused);
}

void ccb_runner_place(struct ccb_runner *r)
{
    if (r->cell->stopping)
        destroy(r);
    else
        place(r);
}

/* ---- the end ------------------------------------------------------------ */

/* Whether it was stopped is judged here: what is asked for later comes too
 * late. */
void ccb_runner_end(struct ccb_runner *r, bool failed, struct ccb_slice reason)
{
    r->failed = failed;
    r->stopped = failed && r->stop;
    r->reason = ccb_arena_copy(r->arena, reason);
    if (!r->reason.ptr)
        r->reason = ccb_slice_of("out of memory");
    r->state = CCB_RUNNER_ENDED;
    go_on(r);
}

static int run_report(struct ccb_store_op *op, struct ccb_store_tx *tx,
                      struct ccb_error *err)
{
    struct ccb_runner *r = of_op(op);
    struct ccb_actual_key key = actual_key(r);
    struct ccb_instance_key instance = instance_key(r);
    struct ccb_task_outcome outcome = {.failed = r->failed,
                                       .failure_reason = r->reason,
                                       .result = ccb_buf_slice(&r->result)};

    if (r->kind == CCB_RUNNER_TASK)
        return ccb_task_complete(tx, r->guid, cell_id(r), &outcome, err);
    if (r->stopped)
        return ccb_actual_stopped(tx, &key, &instance, err);
    return ccb_actual_crash(tx, &key, &instance, r->reason, err);
}

/* A refusal is fine: the record is somebody else's by now, or was cancelled. */
static void on_reported(struct ccb_runner *r)
{
    bool crashed = r->kind == CCB_RUNNER_LRP && !r->stopped;

    log_failure(r, "cannot-report");
    ccb_runner_log(r, CCB_LEVEL_INFO, crashed ? "crashed" : "completed",
                   r->failed ? ccb_arena_cstr(r->arena, r->reason) : NULL);
    if (crashed)
        ccb_metric_add(CCB_METRIC_CELL_CRASHES, 1);
    /* What runs on would not know that it is not wanted any more. */
    r->state = CCB_RUNNER_REMOVING;
}

/* Who was stopped and is still wanted comes back at once, and need not wait
 * for a pass. */
static int run_replace(struct ccb_store_op *op, struct ccb_store_tx *tx,
                       struct ccb_error *err)
{
    struct ccb_runner *r = of_op(op);
    struct ccb_actual_key key = actual_key(r);
    struct ccb_desired desired;
    struct ccb_actual actual;
    int code = ccb_desired_get(tx, r->guid, &desired, err);

    if (code <= 0 || r->index >= desired.instances)
        return code < 0 ? code : 0;
    key.domain = desired.domain;
    code = ccb_actual_get(tx, r->guid, r->index, &actual, err);
    return code == 0 ? ccb_actual_create(tx, &key, err) : code;
}

static void on_replaced(struct ccb_runner *r)
{
    log_failure(r, "cannot-replace"); /* the next pass does it */
    r->state = CCB_RUNNER_GONE;
}

static void on_destroyed(void *ctx, const struct ccb_error *err)
{
    struct ccb_runner *r = ctx;

    ccb_metric_add(CCB_METRIC_CELL_CONTAINERS, -1);
    ccb_runner_log(r, err ? CCB_LEVEL_ERROR : CCB_LEVEL_INFO,
                   err ? "container-not-removed" : "removed",
                   err ? err->message : NULL);
    if (r->kind == CCB_RUNNER_LRP && r->stopped && !r->cell->stopping) {
        submit(r, run_replace, on_replaced);
        return;
    }
    r->state = CCB_RUNNER_GONE;
    go_on(r);
}

static void remove_container(struct ccb_runner *r)
{
    struct ccb_container *container = r->container;

    r->container = NULL;
    r->state = CCB_RUNNER_DESTROYING;
    if (container)
        ccb_container_destroy(container, on_destroyed, r);
    else
        destroy(r);
}

/* ---- what comes next ---------------------------------------------------- */

static int run_healthy(struct ccb_store_op *op, struct ccb_store_tx *tx,
                       struct ccb_error *err)
{
    struct ccb_runner *r = of_op(op);
    struct ccb_actual_key key = actual_key(r);
    struct ccb_instance_key instance = instance_key(r);
    struct ccb_net_info net = {ccb_slice_of(r->cell->config->external_ip),
                               ccb_buf_slice(&r->ports)};

    return ccb_actual_start(tx, &key, &instance, &net, err);
}

/* Refused: the record is not this instance's any more. */
static void on_started(struct ccb_runner *r)
{
    log_failure(r, "cannot-start");
    if (r->op.code < 0)
        ccb_runner_stop(r);
    else
        ccb_runner_log(r, CCB_LEVEL_INFO, "running", NULL);
}

/* The record of a task was final before it was stopped, and one of the same
 * guid may have taken its place by now. When the cell leaves, the next start
 * sorts records out. */
static bool may_report(const struct ccb_runner *r)
{
    return !r->cell->stopping && !(r->kind == CCB_RUNNER_TASK && r->stop);
}

static void go_on(struct ccb_runner *r)
{
    bool leaving = r->cell->stopping;

    if (r->busy)
        return;
    switch (r->state) {
    case CCB_RUNNER_LOOKING:
        break;
    case CCB_RUNNER_PLACING:
        if (!r->waiting)
            ccb_runner_wait(r);
        break;
    case CCB_RUNNER_CREATING:
        ccb_runner_create(r);
        break;
    case CCB_RUNNER_RUNNING:
        if (r->healthy && !r->started && !leaving) {
            r->started = true;
            submit(r, run_healthy, on_started);
        }
        break;
    case CCB_RUNNER_ENDED:
        if (may_report(r))
            submit(r, run_report, on_reported);
        else
            remove_container(r);
        break;
    case CCB_RUNNER_REMOVING:
        remove_container(r);
        break;
    case CCB_RUNNER_DESTROYING:
        break;
    case CCB_RUNNER_GONE:
        destroy(r);
        break;
    }
}

void ccb_runner_healthy(struct ccb_runner *r)
{
    r->healthy = r->kind == CCB_RUNNER_LRP;
    go_on(r);
}

/* ---- from outside ------------------------------------------------------- */

struct ccb_runner *ccb_runner_find(struct ccb_cell *cell,
                                   enum ccb_runner_kind kind,
                                   struct ccb_slice guid, int64_t index,
                                   struct ccb_slice instance_guid)
{
    struct ccb_runner *r = cell->runners;

    for (; r; r = r->next)
        if (r->kind == kind && ccb_slice_equal(r->guid, guid) &&
            r->index == index &&
            (instance_guid.len == 0 ||
             ccb_slice_equal(r->instance_guid, instance_guid)))
            return r;
    return NULL;
}

struct ccb_runner *ccb_runner_find_serial(struct ccb_cell *cell,
                                          uint64_t serial)
{
    struct ccb_runner *r = cell->runners;

    while (r && r->serial != serial)
        r = r->next;
    return r;
}

/* Who still looks for a place for the same record. */
static bool is_looking(struct ccb_cell *cell, enum ccb_runner_kind kind,
                       struct ccb_slice guid, int64_t index)
{
    struct ccb_runner *r = cell->runners;

    for (; r; r = r->next)
        if (r->kind == kind && r->index == index &&
            ccb_slice_equal(r->guid, guid) && r->state <= CCB_RUNNER_PLACING)
            return true;
    return false;
}

static struct ccb_slice make_guid(struct ccb_arena *arena)
{
    char guid[CCB_GUID_SIZE];

    return ccb_guid_make(guid, NULL) < 0
               ? ccb_slice_make(NULL, 0)
               : ccb_arena_copy(arena, ccb_slice_of(guid));
}

static int fill(struct ccb_runner *r, struct ccb_slice guid)
{
    r->arena = ccb_arena_create();
    if (!r->arena)
        return CCB_NO_MEMORY;
    r->guid = ccb_arena_copy(r->arena, guid);
    if (r->kind == CCB_RUNNER_LRP)
        r->instance_guid = make_guid(r->arena);
    if (!r->guid.ptr ||
        (r->kind == CCB_RUNNER_LRP && r->instance_guid.len == 0))
        return CCB_NO_MEMORY;
    ccb_runner_name(r);
    return 0;
}

void ccb_runner_start(struct ccb_cell *cell, enum ccb_runner_kind kind,
                      struct ccb_slice guid, int64_t index)
{
    struct ccb_runner *r;

    if (cell->stopping || is_looking(cell, kind, guid, index))
        return;
    r = ccb_calloc(1, sizeof(*r));
    if (r) {
        r->cell = cell;
        r->serial = ++cell->serial;
        r->kind = kind;
        r->index = index;
    }
    if (!r || fill(r, guid) < 0) { /* convergence tries again */
        if (r)
            ccb_arena_unref(r->arena);
        ccb_free(r);
        ccb_log_error(cell->log, "cannot-place", "out of memory");
        return;
    }
    r->next = cell->runners;
    cell->runners = r;
    cell->live++;
    submit(r, run_look, on_looked);
}

struct ccb_runner *ccb_runner_next(const struct ccb_runner *r)
{
    return r->next;
}

void ccb_runner_stop(struct ccb_runner *r)
{
    r->stop = true;
    if (r->steps)
        ccb_steps_cancel(r->steps);
    else
        ccb_runner_interrupt(r);
}
