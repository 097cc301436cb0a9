/*
 * What the cell does over and over: says that it is there, converges, and
 * compares records with containers (contract/receptor-api.md 9,
 * contract/embedded-cell.md 3). Each is one operation of the store at a time,
 * and the next one when it is done and its period has passed.
 */
#include <string.h>

#include "base/clock.h"
#include "cell/runner.h"
#include "cell/store_internal.h"

#define PAGE 256

/* ---- the frame ---------------------------------------------------------- */

static struct ccb_chore *of_op(struct ccb_store_op *op)
{
    return (struct ccb_chore *)((char *)op - offsetof(struct ccb_chore, op));
}

static void run_chore(struct ccb_chore *chore)
{
    if (chore->busy || chore->cell->stopping) {
        chore->again = true;
        return;
    }
    chore->busy = true;
    chore->again = false;
    chore->cell->live++;
    if (chore->prepare)
        chore->prepare(chore->cell);
    ccb_store_submit(chore->cell->store, &chore->op);
}

static void on_timer(uv_timer_t *timer)
{
    run_chore(timer->data);
}

/* `more`: at once. */
static void end_chore(struct ccb_chore *chore, bool more)
{
    struct ccb_cell *cell = chore->cell;

    chore->busy = false;
    if (!cell->stopping) {
        if (more || chore->again)
            run_chore(chore);
        else
            (void)uv_timer_start(&chore->timer, on_timer,
                                 (uint64_t)(chore->period / 1000000) + 1, 0);
    }
    ccb_cell_leave_live(cell);
}

static void start_chore(struct ccb_cell *cell, struct ccb_chore *chore,
                        int64_t period,
                        int (*run)(struct ccb_store_op *op,
                                   struct ccb_store_tx *tx,
                                   struct ccb_error *err),
                        void (*on_done)(struct ccb_store_op *op))
{
    chore->cell = cell;
    chore->period = period;
    chore->op.loop = cell->loop;
    chore->op.run = run;
    chore->op.on_done = on_done;
    (void)uv_timer_init(&cell->loop->uv, &chore->timer);
    chore->timer.data = chore;
    run_chore(chore);
}

static void on_done(struct ccb_store_op *op)
{
    struct ccb_chore *chore = of_op(op);

    if (op->code < 0)
        ccb_log_error(chore->cell->log, "state-not-read", op->err.message);
    end_chore(chore, false);
}

/* ---- the cell is there -------------------------------------------------- */

static int run_announce(struct ccb_store_op *op, struct ccb_store_tx *tx,
                        struct ccb_error *err)
{
    struct ccb_cell *cell = of_op(op)->cell;
    const struct ccb_pairs *rootfs = cell->placer.rootfs;
    struct ccb_slice stacks[CCB_CELL_STACKS];
    struct ccb_cell_info info = {
        .cell_id = ccb_slice_of(cell->config->cell_id),
        .zone = ccb_slice_of(cell->config->zone),
        .memory_mb = cell->placer.memory_mb,
        .disk_mb = cell->placer.disk_mb,
        .containers = cell->placer.containers,
        .stacks = stacks,
    };

    for (; info.stack_count < rootfs->count; info.stack_count++)
        stacks[info.stack_count] = rootfs->items[info.stack_count].key;
    return ccb_cell_announce(tx, &info, err);
}

/* ---- convergence -------------------------------------------------------- */

static int run_converge(struct ccb_store_op *op, struct ccb_store_tx *tx,
                        struct ccb_error *err)
{
    struct ccb_cell *cell = of_op(op)->cell;
    int code = ccb_domains_expire(tx, err);

    if (code >= 0)
        code = ccb_converge_plan(tx, &cell->pass, &cell->plan, err);
    return code < 0 ? code : ccb_converge_apply(tx, &cell->plan, err);
}

/* A pass that failed begins anew at its time. */
static void on_converged(struct ccb_store_op *op)
{
    struct ccb_chore *chore = of_op(op);
    struct ccb_cell *cell = chore->cell;
    bool over = op->code < 0 || cell->pass.stage == CCB_PASS_DONE;

    if (op->code < 0)
        ccb_log_error(cell->log, "not-converged", op->err.message);
    if (over) {
        ccb_converge_end(&cell->pass);
        memset(&cell->pass, 0, sizeof(cell->pass));
    }
    end_chore(chore, !over);
}

/* ---- records and containers --------------------------------------------- */

/* The next page of records that this cell has, as far as they are listed. */
struct ccb_owned {
    struct ccb_store_tx *tx;
    struct ccb_slice cell_id;
    struct ccb_slice guids[PAGE];
    int64_t indexes[PAGE];
    int64_t states[PAGE];
    struct ccb_instance_key instances[PAGE];
    struct ccb_slice domains[PAGE];
    size_t count;
    struct ccb_slice last;
    int64_t last_index;

    struct known { /* a runner, when the operation was submitted */
        enum ccb_runner_kind kind;
        uint64_t serial;
        struct ccb_slice guid, instance_guid;
        int64_t index;
        bool claimed, confirmed;
    } * known;
    size_t known_count;
    bool wake; /* what waits is auctioned, too */
};

static int on_task(void *user, const struct ccb_task *task)
{
    struct ccb_owned *o = user;

    o->last = task->task_guid;
    if (task->state == CCB_TASK_PENDING ||
        (task->state == CCB_TASK_RUNNING &&
         ccb_slice_equal(task->cell_id, o->cell_id))) {
        o->states[o->count] = task->state;
        o->guids[o->count++] = task->task_guid;
    }
    return 0;
}

static int on_actual(void *user, const struct ccb_actual *actual)
{
    struct ccb_owned *o = user;
    bool ours = actual->state == CCB_ACTUAL_CLAIMED ||
                actual->state == CCB_ACTUAL_RUNNING;

    o->last = actual->process_guid;
    o->last_index = actual->index;
    if (actual->state == CCB_ACTUAL_UNCLAIMED ||
        (ours && ccb_slice_equal(actual->cell_id, o->cell_id))) {
        o->states[o->count] = actual->state;
        o->indexes[o->count] = actual->index;
        o->instances[o->count] =
            (struct ccb_instance_key){actual->instance_guid, actual->cell_id};
        o->domains[o->count] = actual->domain;
        o->guids[o->count++] = actual->process_guid;
    }
    return 0;
}

/* Calls `use` for each, page by page: it may change what it is given. */
static int each_owned(struct ccb_owned *o, bool tasks,
                      int (*use)(struct ccb_owned *o, size_t i,
                                 struct ccb_error *err),
                      struct ccb_error *err)
{
    int count;

    o->last = ccb_slice_of("");
    o->last_index = -1;
    do {
        struct ccb_page page = {
            .after = o->last, .after_index = o->last_index, .limit = PAGE};
        int code = 0;

        o->count = 0;
        count = tasks ? ccb_tasks_each(o->tx, &page, on_task, o, err)
                      : ccb_actuals_each(o->tx, &page, on_actual, o, err);
        for (size_t i = 0; code >= 0 && i < o->count; i++)
            code = use(o, i, err);
        if (code < 0)
            return code;
    } while (count == PAGE);
    return count < 0 ? count : 0;
}

#define NO_CONTAINER "task container does not exist"

static struct known *find_known(struct ccb_owned *o, size_t i, bool task)
{
    for (size_t k = 0; k < o->known_count; k++) {
        struct known *known = &o->known[k];

        if ((known->kind == CCB_RUNNER_TASK) == task &&
            ccb_slice_equal(known->guid, o->guids[i]) &&
            (task || known->index == o->indexes[i]) &&
            (task || o->states[i] == CCB_ACTUAL_UNCLAIMED ||
             ccb_slice_equal(known->instance_guid,
                             o->instances[i].instance_guid)))
            return known;
    }
    return NULL;
}

static int compare_task(struct ccb_owned *o, size_t i, struct ccb_error *err)
{
    struct known *known = find_known(o, i, true);
    struct ccb_task_outcome outcome = {
        .failed = true, .failure_reason = ccb_slice_of(NO_CONTAINER)};
    struct ccb_effect effect = {.kind = CCB_EFFECT_AUCTION_TASK,
                                .guid = o->guids[i]};

    if (known) {
        known->confirmed = true;
        return 0;
    }
    if (o->states[i] == CCB_TASK_RUNNING)
        return ccb_task_complete(o->tx, o->guids[i], o->cell_id, &outcome, err);
    return o->wake ? ccb_tx_effect(o->tx, &effect, err) : 0;
}

/* Its record goes; the next pass puts it up again. */
static int compare_actual(struct ccb_owned *o, size_t i, struct ccb_error *err)
{
    struct known *known = find_known(o, i, false);
    struct ccb_actual_key key = {o->guids[i], o->indexes[i], o->domains[i]};

    if (known) {
        known->confirmed = true;
        return 0;
    }
    if (o->states[i] != CCB_ACTUAL_UNCLAIMED)
        return ccb_actual_stopped(o->tx, &key, &o->instances[i], err);
    return o->wake ? ccb_actual_auction(o->tx, key.process_guid, key.index, err)
                   : 0;
}

static int run_reconcile(struct ccb_store_op *op, struct ccb_store_tx *tx,
                         struct ccb_error *err)
{
    struct ccb_owned *o = of_op(op)->cell->owned;
    int code;

    if (!o)
        return 0;
    o->tx = tx;
    code = each_owned(o, true, compare_task, err);
    return code < 0 ? code : each_owned(o, false, compare_actual, err);
}

/* Containers whose record is gone, or somebody else's. */
static void stop_strays(struct ccb_cell *cell)
{
    struct ccb_owned *o = cell->owned;

    for (size_t k = 0; o && k < o->known_count; k++) {
        struct known *known = &o->known[k];
        struct ccb_runner *r;

        if (!known->claimed || known->confirmed)
            continue;
        r = ccb_runner_find_serial(cell, known->serial);
        if (r)
            ccb_runner_stop(r);
    }
}

static void on_reconciled(struct ccb_store_op *op)
{
    struct ccb_cell *cell = of_op(op)->cell;

    if (op->code == 0 && cell->owned)
        cell->woken = true;
    if (op->code == 0 && !cell->stopping)
        stop_strays(cell);
    ccb_arena_unref(cell->snapshot);
    cell->snapshot = NULL;
    cell->owned = NULL;
    on_done(op);
}

static int remember(struct ccb_owned *o, struct ccb_arena *arena,
                    const struct ccb_runner *r)
{
    struct known *known = &o->known[o->known_count++];

    *known = (struct known){
        .kind = r->kind,
        .serial = r->serial,
        .guid = ccb_arena_copy(arena, r->guid),
        .instance_guid = ccb_arena_copy(arena, r->instance_guid),
        .index = r->index,
        .claimed = r->state == CCB_RUNNER_RUNNING,
    };
    return known->guid.ptr && known->instance_guid.ptr ? 0 : CCB_NO_MEMORY;
}

static struct ccb_owned *snapshot(struct ccb_cell *cell)
{
    struct ccb_owned *o = ccb_arena_alloc(cell->snapshot, sizeof(*o));
    size_t count = 0;
    int code = 0;

    for (const struct ccb_runner *r = cell->runners; r; r = r->next)
        count++;
    if (o)
        o->known =
            ccb_arena_alloc(cell->snapshot, (count + 1) * sizeof(*o->known));
    if (!o || !o->known)
        return NULL;
    o->cell_id = ccb_slice_of(cell->config->cell_id);
    o->wake = !cell->woken;
    for (const struct ccb_runner *r = cell->runners; r && code == 0;
         r = r->next)
        code = remember(o, cell->snapshot, r);
    return code == 0 ? o : NULL;
}

/* The runners as they are now; whoever comes later is claimed later. Without
 * memory this round is left out: half a picture would fail tasks that run. */
static void take_snapshot(struct ccb_cell *cell)
{
    cell->snapshot = ccb_arena_create();
    cell->owned = cell->snapshot ? snapshot(cell) : NULL;
}

/* ---- all of them -------------------------------------------------------- */

void ccb_chores_start(struct ccb_cell *cell)
{
    const struct ccb_cell_config *c = cell->config;

    /* The store takes them in this order. */
    start_chore(cell, &cell->announce, c->times.presence_ttl / 2, run_announce,
                on_done);
    cell->reconcile.prepare = take_snapshot;
    start_chore(cell, &cell->reconcile, c->polling_interval, run_reconcile,
                on_reconciled);
    start_chore(cell, &cell->converge, c->times.converge_period, run_converge,
                on_converged);
}

static void on_timer_closed(uv_handle_t *timer)
{
    struct ccb_chore *chore = timer->data;

    ccb_cell_leave_live(chore->cell);
}

/* The cell's memory holds the timer until it is closed. */
static void stop_chore(struct ccb_chore *chore)
{
    if (!chore->cell || uv_is_closing((uv_handle_t *)&chore->timer))
        return;
    chore->cell->live++;
    uv_close((uv_handle_t *)&chore->timer, on_timer_closed);
}

void ccb_chores_stop(struct ccb_cell *cell)
{
    stop_chore(&cell->announce);
    stop_chore(&cell->converge);
    stop_chore(&cell->reconcile);
}
