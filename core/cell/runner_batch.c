/*
 * Runners that look for a place in the same turn of the loop are one batch,
 * placed in the order of contract/embedded-cell.md 3 and not in the order in
 * which the store happened to answer.
 *
 * Invariant: a waiting runner is in a batch that is posted; the cell is live
 * until the batch was placed. Threads: the loop's.
 */
#include "base/mem.h"
#include "cell/runner.h"

static size_t count_waiting(const struct ccb_cell *cell)
{
    size_t count = 0;

    for (const struct ccb_runner *r = cell->runners; r; r = r->next)
        count += r->waiting;
    return count;
}

static void place(struct ccb_runner *r)
{
    r->waiting = false;
    ccb_runner_place(r); /* which may be its end */
}

static void place_sorted(struct ccb_cell *cell, struct ccb_bid *bids)
{
    size_t count = 0;

    for (struct ccb_runner *r = cell->runners; r; r = r->next)
        if (r->waiting)
            bids[count++] =
                (struct ccb_bid){.bidder = r,
                                 .task = r->kind == CCB_RUNNER_TASK,
                                 .index = r->index,
                                 .memory_mb = r->spec.needs.memory_mb,
                                 .serial = r->serial};
    ccb_placer_sort(bids, count);
    for (size_t i = 0; i < count; i++)
        place(bids[i].bidder);
}

/* Without memory for an order any will do. */
static void place_as_they_come(struct ccb_cell *cell)
{
    struct ccb_runner *next;

    for (struct ccb_runner *r = cell->runners; r; r = next) {
        next = r->next;
        if (r->waiting)
            place(r);
    }
}

static void on_batch(struct ccb_post *post)
{
    struct ccb_cell *cell =
        (struct ccb_cell *)((char *)post - offsetof(struct ccb_cell, batch));
    size_t count = count_waiting(cell);
    struct ccb_bid *bids = ccb_calloc(count, sizeof(*bids));

    cell->batch_posted = false;
    if (bids)
        place_sorted(cell, bids);
    else
        place_as_they_come(cell);
    ccb_free(bids);
    ccb_cell_leave_live(cell);
}

void ccb_runner_wait(struct ccb_runner *r)
{
    struct ccb_cell *cell = r->cell;

    r->waiting = true;
    if (cell->batch_posted)
        return;
    cell->batch_posted = true;
    cell->batch.run = on_batch;
    cell->live++;
    ccb_loop_post(cell->loop, &cell->batch);
}
