/*
 * Deletes what CC did not name, one after the other (contract/nsync.md 2.4
 * step 6). One that fails is logged; the next one is tried.
 *
 * With -takeTurns each has the turn on its guid, and one that a live request
 * has touched since the pass began is left to the next pass: CC may have
 * started it after its pages were read.
 */
#include "base/mem.h"
#include "nsync/bulk_internal.h"

struct ccb_bulk_excess {
    struct ccb_bulk_pass *pass;
    struct ccb_arena *arena; /* of the delete under way */
    uint32_t at;             /* in the snapshot */
    struct ccb_turn turn;
    enum { NO_TURN, TURN_WAITED, TURN_HAD } has_turn;
};

static void next(struct ccb_bulk_excess *excess);

static struct ccb_slice guid_of(const struct ccb_bulk_excess *excess)
{
    return ccb_snapshot_guid(excess->pass->snapshot, excess->at);
}

/* ---- ends --------------------------------------------------------------- */

static void end_one(struct ccb_bulk_excess *excess)
{
    ccb_arena_unref(excess->arena);
    excess->arena = NULL;
    if (excess->has_turn == TURN_HAD)
        ccb_turn_give(&excess->turn);
    else if (excess->has_turn == TURN_WAITED)
        ccb_turn_leave(&excess->turn);
    excess->has_turn = NO_TURN;
}

void ccb_bulk_excess_free(struct ccb_bulk_excess *excess)
{
    if (!excess)
        return;
    end_one(excess);
    ccb_free(excess);
}

static void log_size(const struct ccb_bulk_pass *pass, const char *action)
{
    ccb_log_write(&pass->logs[CCB_BULK_DELETE], CCB_LEVEL_INFO, action,
                  CCB_FIELDS(ccb_log_int("size", (int64_t)pass->tally.excess)));
}

static void log_failure(struct ccb_bulk_pass *pass, struct ccb_slice error,
                        struct ccb_slice guid)
{
    pass->tally.failed++;
    ccb_log_write(&pass->logs[CCB_BULK_DELETE], CCB_LEVEL_ERROR,
                  "failed-processing-batch",
                  CCB_FIELDS(ccb_log_text("delete-request", guid),
                             ccb_log_text("error", error)));
}

/* ---- one ---------------------------------------------------------------- */

static void on_deleted(void *user, const struct ccb_diego_answer *answer)
{
    struct ccb_bulk_excess *excess = user;
    struct ccb_bulk_pass *pass = excess->pass;
    if (answer->code == 0)
        pass->tally.deleted++;
    else if (!pass->tools->config->take_turns ||
             !ccb_slice_is(answer->name, CCB_DIEGO_LRP_NOT_FOUND))
        log_failure(pass, answer->message, guid_of(excess));
    end_one(excess);
    excess->at++;
    next(excess);
}

/* Whether its guid, put into a path, stands for itself. One that does not would
 * name another app (contract/stager.md B1: guids in paths), maybe a wanted one;
 * the back end has nothing that could be deleted by such a guid. */
static bool names_itself(struct ccb_slice guid)
{
    size_t i;
    for (i = 0; i < guid.len; i++)
        if (guid.ptr[i] != '\0' && strchr("/?#%", guid.ptr[i]))
            return false;
    return true;
}

static int send_delete(struct ccb_bulk_excess *excess, struct ccb_error *err)
{
    struct ccb_diego_call_options options = {
        .operation = CCB_DIEGO_DELETE_LRP,
        .guid = guid_of(excess),
        .on_done = on_deleted,
        .user = excess,
    };
    if (!names_itself(options.guid))
        return ccb_error_set(err, CCB_INVALID,
                             "in a path this guid would name another app: "
                             "delete the LRP by hand");
    excess->arena = options.arena = ccb_arena_create();
    if (!excess->arena)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    return ccb_diego_call(excess->pass->tools->diego, &options, err);
}

/* Whether the call is under way. */
static bool delete (struct ccb_bulk_excess *excess)
{
    struct ccb_error err;
    int code = send_delete(excess, &err);
    if (code < 0)
        log_failure(excess->pass, ccb_slice_of(err.message), guid_of(excess));
    return code == 0;
}

/* With the turn, where there are any. */
static bool act(struct ccb_bulk_excess *excess)
{
    bool turns = excess->pass->tools->config->take_turns;
    if (!(turns && ccb_turn_touched(guid_of(excess))) && delete (excess))
        return true;
    end_one(excess);
    excess->at++;
    return false;
}

static void on_turn(void *user)
{
    struct ccb_bulk_excess *excess = user;
    excess->has_turn = TURN_HAD;
    if (!act(excess))
        next(excess);
}

/* Whether something is waited for. */
static bool begin_one(struct ccb_bulk_excess *excess)
{
    const struct ccb_bulk_tools *tools = excess->pass->tools;
    if (tools->config->take_turns) {
        excess->has_turn = TURN_WAITED;
        if (!ccb_turn_take(&excess->turn, tools->worker->loop, guid_of(excess),
                           CCB_TURN_BULK, on_turn, excess))
            return true;
        excess->has_turn = TURN_HAD;
    }
    return act(excess);
}

/* ---- all ---------------------------------------------------------------- */

static void next(struct ccb_bulk_excess *excess)
{
    struct ccb_bulk_pass *pass = excess->pass;
    for (;;) {
        excess->at = ccb_snapshot_next_unmarked(pass->snapshot, excess->at);
        if (excess->at == CCB_SNAPSHOT_NONE)
            break;
        if (begin_one(excess))
            return;
    }
    log_size(pass, "succeeded-processing-batch");
    ccb_bulk_pass_on_excess(pass);
}

static uint64_t count(const struct ccb_snapshot *snapshot)
{
    uint32_t at = ccb_snapshot_next_unmarked(snapshot, 0);
    uint64_t number = 0;
    for (; at != CCB_SNAPSHOT_NONE;
         at = ccb_snapshot_next_unmarked(snapshot, at + 1))
        number++;
    return number;
}

void ccb_bulk_excess_start(struct ccb_bulk_pass *pass)
{
    struct ccb_bulk_excess *excess = ccb_calloc(1, sizeof(*excess));
    if (!excess) {
        ccb_bulk_pass_spoil(pass, ccb_slice_of("out of memory"));
        ccb_bulk_pass_on_excess(pass);
        return;
    }
    excess->pass = pass;
    pass->excess = excess;
    pass->tally.excess = count(pass->snapshot);
    log_size(pass, "processing-batch");
    next(excess);
}
