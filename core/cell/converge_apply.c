/*
 * The steps of a plan carried out (contract/receptor-api.md 9), one row a
 * kind. A step whose record changed since is refused by the transition and
 * passed over: the next pass sees what is there then.
 */
#include "cell/converge.h"

#include "cell/store_internal.h"

typedef int (*step_fn)(struct ccb_store_tx *tx,
                       const struct ccb_converge_step *step,
                       struct ccb_error *err);

/* ---- tasks -------------------------------------------------------------- */

static int delete_task(struct ccb_store_tx *tx,
                       const struct ccb_converge_step *step,
                       struct ccb_error *err)
{
    return ccb_task_remove(tx, step->guid, err);
}

static int expire_task(struct ccb_store_tx *tx,
                       const struct ccb_converge_step *step,
                       struct ccb_error *err)
{
    return ccb_task_expire(tx, step->guid,
                           ccb_slice_of("not started within time limit"), err);
}

static int orphan_task(struct ccb_store_tx *tx,
                       const struct ccb_converge_step *step,
                       struct ccb_error *err)
{
    return ccb_task_expire(tx, step->guid,
                           ccb_slice_of("cell disappeared before completion"),
                           err);
}

static int auction_task(struct ccb_store_tx *tx,
                        const struct ccb_converge_step *step,
                        struct ccb_error *err)
{
    struct ccb_effect effect = {.kind = CCB_EFFECT_AUCTION_TASK,
                                .guid = step->guid};

    return ccb_tx_effect(tx, &effect, err);
}

static int call_back(struct ccb_store_tx *tx,
                     const struct ccb_converge_step *step,
                     struct ccb_error *err)
{
    return ccb_task_call_back(tx, step->guid, err);
}

static int demote_task(struct ccb_store_tx *tx,
                       const struct ccb_converge_step *step,
                       struct ccb_error *err)
{
    return ccb_task_demote(tx, step->guid, err);
}

/* ---- LRPs --------------------------------------------------------------- */

/* Instances of it are the next pass's to judge: nothing is desired then. */
static int prune_desired(struct ccb_store_tx *tx,
                         const struct ccb_converge_step *step,
                         struct ccb_error *err)
{
    sqlite3_stmt *row = ccb_tx_statement(tx, CCB_SQL_DESIRED_DELETE);

    ccb_bind(row, 1, step->guid);
    return ccb_tx_execute(tx, row, err);
}

static int prune_actual(struct ccb_store_tx *tx,
                        const struct ccb_converge_step *step,
                        struct ccb_error *err)
{
    sqlite3_stmt *row = ccb_tx_statement(tx, CCB_SQL_ACTUAL_DELETE);

    ccb_bind(row, 1, step->guid);
    (void)sqlite3_bind_int64(row, 2, step->index);
    return ccb_tx_execute(tx, row, err);
}

static int create(struct ccb_store_tx *tx, const struct ccb_converge_step *step,
                  struct ccb_error *err)
{
    struct ccb_actual_key key = {step->guid, step->index, step->domain};

    return ccb_actual_create(tx, &key, err);
}

static int remove_actual(struct ccb_store_tx *tx,
                         const struct ccb_converge_step *step,
                         struct ccb_error *err)
{
    return ccb_actual_remove(tx, step->guid, step->index, err);
}

static int replace(struct ccb_store_tx *tx,
                   const struct ccb_converge_step *step, struct ccb_error *err)
{
    int code = remove_actual(tx, step, err);

    return code < 0 ? code : create(tx, step, err);
}

static int retire(struct ccb_store_tx *tx, const struct ccb_converge_step *step,
                  struct ccb_error *err)
{
    return ccb_actual_retire(tx, step->guid, step->index, err);
}

static int restart(struct ccb_store_tx *tx,
                   const struct ccb_converge_step *step, struct ccb_error *err)
{
    return ccb_actual_restart(tx, step->guid, step->index, err);
}

static int auction(struct ccb_store_tx *tx,
                   const struct ccb_converge_step *step, struct ccb_error *err)
{
    return ccb_actual_auction(tx, step->guid, step->index, err);
}

static const step_fn steps[] = {
    [CCB_CONVERGE_DELETE_TASK] = delete_task,
    [CCB_CONVERGE_EXPIRE_TASK] = expire_task,
    [CCB_CONVERGE_ORPHAN_TASK] = orphan_task,
    [CCB_CONVERGE_AUCTION_TASK] = auction_task,
    [CCB_CONVERGE_CALL_BACK] = call_back,
    [CCB_CONVERGE_DEMOTE_TASK] = demote_task,
    [CCB_CONVERGE_PRUNE_DESIRED] = prune_desired,
    [CCB_CONVERGE_PRUNE_ACTUAL] = prune_actual,
    [CCB_CONVERGE_CREATE] = create,
    [CCB_CONVERGE_REMOVE] = remove_actual,
    [CCB_CONVERGE_REPLACE] = replace,
    [CCB_CONVERGE_RETIRE] = retire,
    [CCB_CONVERGE_RESTART] = restart,
    [CCB_CONVERGE_AUCTION] = auction,
};

int ccb_converge_apply(struct ccb_store_tx *tx,
                       const struct ccb_converge_plan *plan,
                       struct ccb_error *err)
{
    for (size_t i = 0; i < plan->count; i++) {
        int code = steps[plan->steps[i].kind](tx, &plan->steps[i], err);

        if (code < 0 && code != CCB_CONFLICT && code != CCB_NOT_FOUND)
            return code;
    }
    return 0;
}
