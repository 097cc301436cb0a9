/*
 * Convergence (contract/receptor-api.md 9): what is to be done so that the
 * state becomes what it should be.
 *
 * Deciding and doing are apart: the deciders are pure, a plan is read from the
 * store without changing it, and each step of a plan is carried out by the
 * transitions of task.h and lrp.h, which judge anew. Plans are made in pieces
 * of bounded size: memory follows what is to be done, never how much there is.
 */
#ifndef CCB_CELL_CONVERGE_H
#define CCB_CELL_CONVERGE_H

#include "cell/lrp.h"
#include "cell/task.h"

enum ccb_converge_kind {
    CCB_CONVERGE_NOTHING,
    /* tasks */
    CCB_CONVERGE_DELETE_TASK,
    CCB_CONVERGE_EXPIRE_TASK, /* "not started within time limit" */
    CCB_CONVERGE_ORPHAN_TASK, /* "cell disappeared before completion" */
    CCB_CONVERGE_AUCTION_TASK,
    CCB_CONVERGE_CALL_BACK,
    CCB_CONVERGE_DEMOTE_TASK,
    /* LRPs */
    CCB_CONVERGE_PRUNE_DESIRED,
    CCB_CONVERGE_PRUNE_ACTUAL,
    CCB_CONVERGE_CREATE,
    CCB_CONVERGE_REMOVE,
    CCB_CONVERGE_REPLACE, /* remove, then create */
    CCB_CONVERGE_RETIRE,
    CCB_CONVERGE_RESTART,
    CCB_CONVERGE_AUCTION
};

struct ccb_converge_step {
    enum ccb_converge_kind kind;
    struct ccb_slice guid, domain; /* domain: of what is created */
    int64_t index;
};

/* ---- the deciders ------------------------------------------------------- */

enum ccb_converge_kind ccb_converge_task(const struct ccb_task *task,
                                         bool cell_present, int64_t now,
                                         const struct ccb_cell_times *times);

struct ccb_converge_view {
    bool desired;      /* there is a desired LRP */
    int64_t instances; /* of it */
    bool fresh;        /* its domain; the actual's where nothing is desired */
    bool cell_present; /* the actual's, when it has one */
};
enum ccb_converge_kind ccb_converge_actual(const struct ccb_actual *actual,
                                           const struct ccb_converge_view *view,
                                           int64_t now,
                                           const struct ccb_cell_times *times);

/* ---- a pass ------------------------------------------------------------- */

#define CCB_CONVERGE_STEPS 512

/* Where a pass stands; all zero at its start. Free what it keeps with
 * ccb_converge_end. */
struct ccb_converge_pass {
    enum { CCB_PASS_TASKS, CCB_PASS_LRPS, CCB_PASS_DONE } stage;
    struct ccb_buf after; /* the last guid looked at */
    int64_t next_index;   /* within the LRP behind it; 0: from its start */
};
void ccb_converge_end(struct ccb_converge_pass *pass);

struct ccb_converge_plan {
    struct ccb_converge_step steps[CCB_CONVERGE_STEPS];
    size_t count;
};

/* The next piece, in the transaction's arena; changes nothing in the store
 * but moves `pass` on. The pass is over at CCB_PASS_DONE. */
int ccb_converge_plan(struct ccb_store_tx *tx, struct ccb_converge_pass *pass,
                      struct ccb_converge_plan *plan, struct ccb_error *err);
/* Carries out a piece. What can't be done any more is passed over. */
int ccb_converge_apply(struct ccb_store_tx *tx,
                       const struct ccb_converge_plan *plan,
                       struct ccb_error *err);

#endif
