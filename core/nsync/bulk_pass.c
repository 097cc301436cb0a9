/*
 * One pass: list what the back end has, read CC's pages and apply them, delete
 * what nobody named, keep the domain fresh (contract/nsync.md 2.4, 2.5, 2.7).
 *
 * Invariant: deletes come only after a whole list and whole pages; the domain
 * is kept fresh only when nothing at all went wrong before the deletes.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "nsync/bulk_internal.h"

static const char *const session_names[CCB_BULK_SESSIONS] = {
    [CCB_BULK_FETCH_FINGERPRINTS] = "fetch-fingerprints-from-cc",
    [CCB_BULK_DIFF] = "diff",
    [CCB_BULK_FETCH_MISSING] = "fetch-missing-desired-lrps-from-cc",
    [CCB_BULK_CREATE] = "create-missing-desired-lrps",
    [CCB_BULK_FETCH_STALE] = "fetch-stale-desired-lrps-from-cc",
    [CCB_BULK_UPDATE] = "update-stale-desired-lrps",
    [CCB_BULK_DELETE] = "delete-excess",
};

/* ---- the end ------------------------------------------------------------ */

static void log_tally(const struct ccb_bulk_pass *pass)
{
    const struct ccb_bulk_tally *t = &pass->tally;
    ccb_log_write(
        &pass->log, CCB_LEVEL_INFO, "pass-finished",
        CCB_FIELDS(ccb_log_int("duration_ms", t->duration / CCB_MILLISECOND),
                   ccb_log_int("lrps", (int64_t)t->lrps),
                   ccb_log_int("apps", (int64_t)t->apps),
                   ccb_log_int("created", (int64_t)t->created),
                   ccb_log_int("updated", (int64_t)t->updated),
                   ccb_log_int("deleted", (int64_t)t->deleted),
                   ccb_log_int("failed", (int64_t)t->failed),
                   ccb_log_int("quarantined", (int64_t)t->quarantined),
                   ccb_log_bool("fresh", t->fresh)));
}

/* What both ends of a pass have in common. */
static void close_books(struct ccb_bulk_pass *pass, bool reached_end)
{
    struct ccb_quarantine *quarantine = pass->tools->quarantine;
    bool whole = reached_end && !pass->partial && !pass->unclean;
    if (pass->tools->config->take_turns)
        ccb_turn_end_pass();
    if (quarantine) {
        ccb_quarantine_end(quarantine, &pass->log, whole);
        pass->tally.quarantined = quarantine->found;
    }
    pass->tally.duration = ccb_clock_monotonic() - pass->began;
    pass->over = true;
}

static void end(struct ccb_bulk_pass *pass)
{
    close_books(pass, true);
    log_tally(pass);
    pass->on_done(pass->user);
}

static void finish(struct ccb_bulk_pass *pass)
{
    ccb_log_info(&pass->log, "done");
    end(pass);
}

void ccb_bulk_pass_spoil(struct ccb_bulk_pass *pass, struct ccb_slice error)
{
    pass->unclean = true;
    pass->tally.failed++;
    ccb_log_write(&pass->log, CCB_LEVEL_ERROR,
                  "not-bumping-freshness-because-of",
                  CCB_FIELDS(ccb_log_text("error", error)));
}

/* ---- freshness ---------------------------------------------------------- */

static void on_bumped(void *user, const struct ccb_diego_answer *answer)
{
    struct ccb_bulk_pass *pass = user;
    pass->tally.fresh = answer->code == 0;
    if (!pass->tally.fresh)
        ccb_log_write(&pass->log, CCB_LEVEL_ERROR, "failed-to-upsert-domain",
                      CCB_FIELDS(ccb_log_text("error", answer->message)));
    finish(pass);
}

static void bump(struct ccb_bulk_pass *pass)
{
    struct ccb_diego_call_options options = {
        .operation = CCB_DIEGO_KEEP_DOMAIN,
        .guid = CCB_LIT(CCB_NSYNC_DOMAIN),
        .ttl = pass->tools->config->domain_ttl,
        .arena = pass->arena,
        .on_done = on_bumped,
        .user = pass,
    };
    struct ccb_error err;
    ccb_log_info(&pass->log, "bumping-freshness");
    if (ccb_diego_call(pass->tools->diego, &options, &err) == 0)
        return;
    ccb_log_error(&pass->log, "failed-to-upsert-domain", err.message);
    finish(pass);
}

/* ---- pages and deletes are over ----------------------------------------- */

void ccb_bulk_pass_on_excess(struct ccb_bulk_pass *pass)
{
    if (pass->partial || pass->unclean)
        finish(pass);
    else
        bump(pass);
}

void ccb_bulk_pass_on_pages(struct ccb_bulk_pass *pass)
{
    ccb_log_info(&pass->log, "done-processing-updates-and-creates");
    if (pass->partial) {
        ccb_log_write(&pass->log, CCB_LEVEL_ERROR,
                      "failed-to-fetch-all-cc-fingerprints", NULL, 0);
        finish(pass);
        return;
    }
    ccb_bulk_excess_start(pass);
}

/* ---- what the back end has ---------------------------------------------- */

/* Nothing was compared: there is nothing more to say but that. */
static void give_up_list(struct ccb_bulk_pass *pass, struct ccb_slice why)
{
    pass->partial = true;
    pass->tally.failed++;
    ccb_log_write(&pass->log, CCB_LEVEL_ERROR,
                  "failed-getting-desired-lrps-from-bbs",
                  CCB_FIELDS(ccb_log_text("error", why)));
    end(pass);
}

static int on_lrp(void *user, struct ccb_json lrp)
{
    struct ccb_bulk_pass *pass = user;
    int code = ccb_snapshot_add(pass->snapshot, lrp, &pass->list_error);
    return code == 1 ? CCB_HTTP_PAUSE : code;
}

static void on_room(void *user)
{
    struct ccb_bulk_pass *pass = user;
    if (pass->listing)
        ccb_http_call_resume(pass->listing);
}

static void begin_logs(struct ccb_bulk_pass *pass)
{
    size_t i;
    for (i = 0; i < CCB_BULK_SESSIONS; i++)
        ccb_log_begin(&pass->logs[i], &pass->log, session_names[i], NULL, 0);
}

static void on_listed(void *user, const struct ccb_diego_answer *answer)
{
    struct ccb_bulk_pass *pass = user;
    pass->listing = NULL;
    if (answer->code < 0) {
        give_up_list(pass, pass->list_error.code < 0
                               ? ccb_slice_of(pass->list_error.message)
                               : answer->message);
        return;
    }
    pass->tally.lrps = ccb_snapshot_count(pass->snapshot);
    ccb_log_write(&pass->log, CCB_LEVEL_INFO,
                  "succeeded-getting-desired-lrps-from-bbs",
                  CCB_FIELDS(ccb_log_int("count", (int64_t)pass->tally.lrps)));
    begin_logs(pass);
    ccb_log_info(&pass->log, "processing-updates-and-creates");
    ccb_bulk_pages_start(pass);
}

static int list(struct ccb_bulk_pass *pass, struct ccb_error *err)
{
    struct ccb_diego_list_options options = {
        .domain = CCB_LIT(CCB_NSYNC_DOMAIN),
        .arena = pass->arena,
        .on_lrp = on_lrp,
        .on_done = on_listed,
        .user = pass,
    };
    int code = ccb_snapshot_create(&pass->snapshot, pass->tools->worker->loop,
                                   on_room, pass, err);
    if (code < 0)
        return code;
    return ccb_diego_list_lrps(pass->tools->diego, &options, &pass->listing,
                               err);
}

/* ---- the start ---------------------------------------------------------- */

static int say_no_memory(const struct ccb_bulk_tools *tools)
{
    ccb_log_error(tools->worker->log, "sync-not-begun", "out of memory");
    return CCB_NO_MEMORY;
}

int ccb_bulk_pass_start(struct ccb_bulk_pass **out,
                        const struct ccb_bulk_tools *tools,
                        void (*on_done)(void *user), void *user)
{
    struct ccb_bulk_pass *pass = ccb_calloc(1, sizeof(*pass));
    struct ccb_error err;
    if (!pass)
        return say_no_memory(tools);
    pass->arena = ccb_arena_create();
    if (!pass->arena) {
        ccb_free(pass);
        return say_no_memory(tools);
    }
    pass->tools = tools;
    pass->on_done = on_done;
    pass->user = user;
    pass->began = ccb_clock_monotonic();
    pass->tally.began_at = ccb_clock_wall();
    ccb_log_begin(&pass->log, tools->worker->log, "sync", NULL, 0);
    ccb_log_info(&pass->log, "starting");
    if (tools->config->take_turns)
        ccb_turn_begin_pass();
    if (tools->quarantine)
        ccb_quarantine_begin(tools->quarantine);
    *out = pass;
    ccb_log_info(&pass->log, "getting-desired-lrps-from-bbs");
    if (list(pass, &err) < 0)
        give_up_list(pass, ccb_slice_of(err.message));
    return 0;
}

void ccb_bulk_pass_free(struct ccb_bulk_pass *pass)
{
    if (!pass)
        return;
    if (!pass->over) {
        ccb_log_write(&pass->log, CCB_LEVEL_INFO, "exiting",
                      CCB_FIELDS(ccb_log_int("received-signal",
                                             *pass->tools->worker->ending)));
        close_books(pass, false);
    }
    ccb_bulk_pages_free(pass);
    ccb_bulk_excess_free(pass->excess); /* its turn's guid lies in there: */
    ccb_snapshot_free(pass->snapshot);
    ccb_arena_unref(pass->arena);
    ccb_free(pass);
}
