/*
 * Convergence: contract/receptor-api.md 9. The deciders are its two tables,
 * row by row; the rest reads records for them and carries out what they say.
 */
#include "cell/converge.h"

#include "cell/store_internal.h"

/* ---- the deciders ------------------------------------------------------- */

static bool is_old(int64_t since, int64_t age, int64_t now)
{
    return now - since >= age;
}

enum ccb_converge_kind ccb_converge_task(const struct ccb_task *task,
                                         bool cell_present, int64_t now,
                                         const struct ccb_cell_times *times)
{
    bool kicked = is_old(task->updated_at, times->kick, now);
    bool expired =
        is_old(task->first_completed_at, times->expire_completed, now);

    switch (task->state) {
    case CCB_TASK_PENDING:
        if (is_old(task->created_at, times->expire_pending, now))
            return CCB_CONVERGE_EXPIRE_TASK;
        return kicked ? CCB_CONVERGE_AUCTION_TASK : CCB_CONVERGE_NOTHING;
    case CCB_TASK_RUNNING:
        return cell_present ? CCB_CONVERGE_NOTHING : CCB_CONVERGE_ORPHAN_TASK;
    case CCB_TASK_COMPLETED:
        if (expired)
            return CCB_CONVERGE_DELETE_TASK;
        return kicked && task->callback_url.len > 0 ? CCB_CONVERGE_CALL_BACK
                                                    : CCB_CONVERGE_NOTHING;
    case CCB_TASK_RESOLVING:
        if (expired)
            return CCB_CONVERGE_DELETE_TASK;
        return kicked ? CCB_CONVERGE_DEMOTE_TASK : CCB_CONVERGE_NOTHING;
    default: /* unreadable */
        return CCB_CONVERGE_DELETE_TASK;
    }
}

static bool has_cell(const struct ccb_actual *actual)
{
    return actual->state == CCB_ACTUAL_CLAIMED ||
           actual->state == CCB_ACTUAL_RUNNING;
}

/* Rules 4 and 5. */
static enum ccb_converge_kind decide_waiting(const struct ccb_actual *actual,
                                             int64_t now,
                                             const struct ccb_cell_times *times)
{
    int64_t wait = ccb_backoff_wait(times, actual->crash_count);

    if (actual->state == CCB_ACTUAL_CRASHED)
        return wait >= 0 && is_old(actual->since, wait, now)
                   ? CCB_CONVERGE_RESTART
                   : CCB_CONVERGE_NOTHING;
    if (actual->state == CCB_ACTUAL_UNCLAIMED &&
        now - actual->since > times->stale_unclaimed)
        return CCB_CONVERGE_AUCTION;
    return CCB_CONVERGE_NOTHING;
}

enum ccb_converge_kind ccb_converge_actual(const struct ccb_actual *actual,
                                           const struct ccb_converge_view *view,
                                           int64_t now,
                                           const struct ccb_cell_times *times)
{
    bool wanted = view->desired && actual->index < view->instances;

    if (actual->state <= CCB_ACTUAL_INVALID ||
        actual->state > CCB_ACTUAL_CRASHED || actual->index < 0)
        return CCB_CONVERGE_PRUNE_ACTUAL;
    if (has_cell(actual) && !view->cell_present)
        return wanted ? CCB_CONVERGE_REPLACE : CCB_CONVERGE_REMOVE;
    if (!view->desired)
        return view->fresh ? CCB_CONVERGE_RETIRE : CCB_CONVERGE_NOTHING;
    if (!wanted && view->fresh)
        return CCB_CONVERGE_RETIRE;
    return decide_waiting(actual, now, times);
}

/* ---- reading: common ---------------------------------------------------- */

/* One piece in the making. */
struct piece {
    struct ccb_store_tx *tx;
    struct ccb_converge_pass *pass;
    struct ccb_converge_plan *plan;
    struct ccb_error *err;
};

static bool is_full(const struct piece *piece)
{
    return piece->plan->count == CCB_CONVERGE_STEPS;
}

static void add(struct piece *piece, enum ccb_converge_kind kind,
                struct ccb_slice guid, struct ccb_slice domain, int64_t index)
{
    if (kind != CCB_CONVERGE_NOTHING)
        piece->plan->steps[piece->plan->count++] =
            (struct ccb_converge_step){kind, guid, domain, index};
}

static int move_to(struct piece *piece, struct ccb_slice guid)
{
    struct ccb_buf *after = &piece->pass->after;

    ccb_buf_reset(after);
    (void)ccb_buf_put_slice(after, guid);
    return after->failed ? ccb_tx_no_memory(piece->err) : 0;
}

static bool is_object(struct ccb_slice text)
{
    struct ccb_json value;

    return ccb_json_parse(&value, text, CCB_JSON_WHOLE, NULL) == 0 &&
           value.type == CCB_JSON_OBJECT;
}

/* ---- reading: tasks ----------------------------------------------------- */

static int on_task(void *user, const struct ccb_task *task)
{
    struct piece *piece = user;
    struct ccb_store_tx *tx = piece->tx;
    enum ccb_converge_kind kind = CCB_CONVERGE_DELETE_TASK;
    int present = 0;

    if (task->state == CCB_TASK_RUNNING)
        present = ccb_cell_present(tx, task->cell_id, piece->err);
    if (present < 0)
        return present;
    if (is_object(task->body))
        kind = ccb_converge_task(task, present == 1, tx->now, tx->times);
    add(piece, kind, task->task_guid, task->domain, 0);
    return move_to(piece, task->task_guid);
}

/* A task takes one step at most, so a page fits into what is left. */
static int plan_tasks(struct piece *piece)
{
    struct ccb_page page = {
        .after = ccb_buf_slice(&piece->pass->after),
        .limit = (int)(CCB_CONVERGE_STEPS - piece->plan->count),
    };
    int count;

    page.after = ccb_arena_copy(piece->tx->arena, page.after);
    if (!page.after.ptr)
        return ccb_tx_no_memory(piece->err);
    count = ccb_tasks_each(piece->tx, &page, on_task, piece, piece->err);
    if (count < 0)
        return count;
    if (count == page.limit)
        return 0;
    piece->pass->stage = CCB_PASS_LRPS;
    return move_to(piece, ccb_slice_of(""));
}

/* ---- reading: LRPs ------------------------------------------------------ */

/* One process: its indexes are gone through in order, those that have a
 * record and the gaps between them. */
struct process {
    struct piece *piece;
    struct ccb_slice guid;
    struct ccb_desired desired;
    struct ccb_converge_view view; /* without the cell */
    int64_t next;                  /* the index looked at next */
    int64_t last;                  /* the record read last */
    bool stopped;                  /* the piece was full before the end */
};

/* The missing indexes before `to`. */
static void create_gap(struct process *p, int64_t to)
{
    if (to > p->view.instances)
        to = p->view.instances;
    for (; p->view.desired && p->next < to && !is_full(p->piece); p->next++)
        add(p->piece, CCB_CONVERGE_CREATE, p->guid, p->desired.domain, p->next);
}

static int look_around(struct process *p, const struct ccb_actual *actual,
                       struct ccb_converge_view *view)
{
    struct piece *piece = p->piece;
    int code = 0;

    *view = p->view;
    if (!view->desired) {
        code = ccb_domain_fresh(piece->tx, actual->domain, piece->err);
        view->fresh = code == 1;
    }
    if (code >= 0 && has_cell(actual)) {
        code = ccb_cell_present(piece->tx, actual->cell_id, piece->err);
        view->cell_present = code == 1;
    }
    return code < 0 ? code : 0;
}

static int on_actual(void *user, const struct ccb_actual *actual)
{
    struct process *p = user;
    struct ccb_store_tx *tx = p->piece->tx;
    struct ccb_converge_view view;
    int code;

    create_gap(p, actual->index);
    if (is_full(p->piece)) {
        p->stopped = true;
        return 1;
    }
    code = look_around(p, actual, &view);
    if (code < 0)
        return code;
    add(p->piece, ccb_converge_actual(actual, &view, tx->now, tx->times),
        p->guid, actual->domain, actual->index);
    p->last = actual->index;
    if (actual->index >= 0)
        p->next = actual->index + 1;
    return 0;
}

/* The desired side; a record that can't be read is one that is not there. */
static int read_desired(struct process *p)
{
    struct piece *piece = p->piece;
    int code = ccb_desired_get(piece->tx, p->guid, &p->desired, piece->err);

    if (code <= 0)
        return code;
    if (!is_object(p->desired.body) || p->desired.instances < 0) {
        add(piece, CCB_CONVERGE_PRUNE_DESIRED, p->guid, p->desired.domain, 0);
        return 0;
    }
    p->view.desired = true;
    p->view.instances = p->desired.instances;
    code = ccb_domain_fresh(piece->tx, p->desired.domain, piece->err);
    p->view.fresh = code == 1;
    return code < 0 ? code : 0;
}

#define PAGE 256

static int read_actuals(struct process *p)
{
    struct ccb_page page = {.guid = p->guid, .limit = PAGE};
    int count;

    do {
        page.after_index = p->last;
        count =
            ccb_actuals_each(p->piece->tx, &page, on_actual, p, p->piece->err);
    } while (count == PAGE && !p->stopped);
    return count < 0 ? count : 0;
}

static int plan_process(struct piece *piece, struct ccb_slice guid)
{
    struct process process = {.piece = piece, .guid = guid};
    int code;

    process.next = piece->pass->next_index;
    process.last = process.next > 0 ? process.next - 1 : INT64_MIN;
    code = read_desired(&process);
    if (code == 0)
        code = read_actuals(&process);
    if (code < 0)
        return code;
    if (!process.stopped)
        create_gap(&process, process.view.instances);
    if (is_full(piece)) { /* there may be more of it: it is looked at again */
        piece->pass->next_index = process.next;
        return 0;
    }
    piece->pass->next_index = 0;
    return move_to(piece, guid);
}

static int next_process(struct piece *piece, struct ccb_slice *guid)
{
    struct ccb_store_tx *tx = piece->tx;
    sqlite3_stmt *row = ccb_tx_statement(tx, CCB_SQL_PROCESS_NEXT);
    bool failed = false;
    int code;

    ccb_bind(row, 1, ccb_buf_slice(&piece->pass->after));
    code = ccb_tx_step(tx, row, piece->err);
    if (code == 1 && sqlite3_column_type(row, 0) == SQLITE_NULL)
        code = 0;
    if (code == 1)
        *guid = ccb_column(tx, row, 0, &failed);
    (void)sqlite3_reset(row);
    return failed ? ccb_tx_no_memory(piece->err) : code;
}

/* Processes looked at in one piece, where nothing is to be done. */
#define MAX_PROCESSES 256

static int plan_lrps(struct piece *piece)
{
    struct ccb_slice guid;
    int code = 0;

    for (int i = 0; i < MAX_PROCESSES && !is_full(piece); i++) {
        code = next_process(piece, &guid);
        if (code <= 0)
            break;
        code = plan_process(piece, guid);
        if (code < 0)
            break;
        code = 1;
    }
    if (code == 0 && !is_full(piece))
        piece->pass->stage = CCB_PASS_DONE;
    return code < 0 ? code : 0;
}

int ccb_converge_plan(struct ccb_store_tx *tx, struct ccb_converge_pass *pass,
                      struct ccb_converge_plan *plan, struct ccb_error *err)
{
    struct piece piece = {tx, pass, plan, err};

    plan->count = 0;
    switch (pass->stage) {
    case CCB_PASS_TASKS:
        return plan_tasks(&piece);
    case CCB_PASS_LRPS:
        return plan_lrps(&piece);
    default:
        return 0;
    }
}

void ccb_converge_end(struct ccb_converge_pass *pass)
{
    ccb_buf_destroy(&pass->after);
}
