/*
 * A batch: the apps of one answer of CC to a list of guids, and what each of
 * them needs, 50 at a time (contract/nsync.md 2.4 steps 4 and 5, 2.5).
 *
 * Invariant: nothing is done before the answer is whole; an answer that broke
 * off, or that holds something other than apps, is lost as a whole. It may not
 * hold more apps than were asked for, nor more than MAX_HELD of them, so that
 * what a batch takes is bounded.
 */
#include "base/mem.h"
#include "nsync/bulk_internal.h"

#define IN_FLIGHT 50
#define MAX_HELD ((size_t)128 << 20) /* bytes, as CC sends them */

const struct ccb_bulk_kind ccb_bulk_missing = {CCB_BULK_FETCH_MISSING,
                                               CCB_BULK_CREATE, true};
const struct ccb_bulk_kind ccb_bulk_stale = {CCB_BULK_FETCH_STALE,
                                             CCB_BULK_UPDATE, false};

static void log_size(const struct ccb_bulk_batch *batch, const char *action)
{
    ccb_log_write(&batch->pass->logs[batch->kind->apply], CCB_LEVEL_INFO,
                  action,
                  CCB_FIELDS(ccb_log_int("size", (int64_t)batch->size)));
}

/* ---- apps, a bounded number at a time ----------------------------------- */

static void link_running(struct ccb_bulk_batch *batch, struct ccb_bulk_app *app)
{
    batch->waiting = app->next;
    app->previous = NULL;
    app->next = batch->running;
    if (app->next)
        app->next->previous = app;
    batch->running = app;
    batch->in_flight++;
}

/* An app may end before its start has returned. */
static void pump(struct ccb_bulk_batch *batch)
{
    if (batch->pumping)
        return;
    batch->pumping = true;
    while (batch->waiting && batch->in_flight < IN_FLIGHT) {
        struct ccb_bulk_app *app = batch->waiting;
        link_running(batch, app);
        ccb_bulk_app_start(app);
    }
    batch->pumping = false;
    if (batch->waiting || batch->in_flight > 0)
        return;
    log_size(batch, "done-processing-batch");
    batch->on_done(batch->user);
}

void ccb_bulk_batch_on_app(struct ccb_bulk_batch *batch)
{
    batch->in_flight--;
    pump(batch);
}

/* ---- CC's answer -------------------------------------------------------- */

static int on_app(void *user, struct ccb_json document)
{
    struct ccb_bulk_batch *batch = user;
    struct ccb_bulk_app *app;
    int code;
    if (batch->size == batch->asked)
        return ccb_error_set(&batch->refusal, CCB_TOO_LARGE,
                             "CC answers with more apps than the %zu it was "
                             "asked for",
                             batch->asked);
    if (document.raw.len > MAX_HELD - batch->held)
        return ccb_error_set(&batch->refusal, CCB_TOO_LARGE,
                             "%zu apps are more than %zu bytes: lower "
                             "-bulkBatchSize",
                             batch->asked, MAX_HELD);
    batch->held += document.raw.len;
    code = ccb_bulk_app_create(&app, batch->pass->tools, document,
                               &batch->refusal);
    if (code < 0)
        return code;
    app->batch = batch;
    *batch->waiting_end = app;
    batch->waiting_end = &app->next;
    batch->size++;
    return 0;
}

static void drop_waiting(struct ccb_bulk_batch *batch)
{
    while (batch->waiting) {
        struct ccb_bulk_app *app = batch->waiting;
        batch->waiting = app->next;
        ccb_bulk_app_free(app);
    }
}

static void lose(struct ccb_bulk_batch *batch, const struct ccb_cc_page *answer)
{
    const char *why =
        batch->refusal.code < 0 ? batch->refusal.message : answer->error;
    if (answer->status == 200)
        ccb_log_error(&batch->pass->logs[batch->kind->fetch], "decode-body",
                      why);
    ccb_bulk_pass_spoil(batch->pass, ccb_slice_of(why));
    drop_waiting(batch);
    batch->on_done(batch->user);
}

static void on_apps(void *user, const struct ccb_cc_page *answer)
{
    struct ccb_bulk_batch *batch = user;
    if (answer->status > 0)
        ccb_log_write(&batch->pass->logs[batch->kind->fetch], CCB_LEVEL_INFO,
                      "fetching-desired-complete",
                      CCB_FIELDS(ccb_log_int("StatusCode", answer->status)));
    if (answer->code < 0) {
        lose(batch, answer);
        return;
    }
    log_size(batch, "processing-batch");
    pump(batch);
}

/* ---- its life ----------------------------------------------------------- */

static struct ccb_bulk_batch *create_batch(struct ccb_bulk_pass *pass,
                                           const struct ccb_bulk_kind *kind)
{
    struct ccb_bulk_batch *batch = ccb_calloc(1, sizeof(*batch));
    if (!batch)
        return NULL;
    batch->arena = ccb_arena_create();
    if (!batch->arena) {
        ccb_free(batch);
        return NULL;
    }
    batch->pass = pass;
    batch->kind = kind;
    batch->waiting_end = &batch->waiting;
    return batch;
}

int ccb_bulk_batch_start(struct ccb_bulk_batch **out,
                         struct ccb_bulk_pass *pass,
                         const struct ccb_bulk_kind *kind,
                         struct ccb_slice guids, size_t count,
                         void (*on_done)(void *user), void *user,
                         struct ccb_error *err)
{
    struct ccb_bulk_batch *batch = create_batch(pass, kind);
    struct ccb_cc_bulk_options options = {
        .cc = &pass->tools->cc,
        .timeout = pass->tools->config->communication_timeout,
        .user = batch,
    };
    struct ccb_http_call *call; /* goes with the client */
    int code;
    if (!batch)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    options.arena = batch->arena;
    batch->asked = count;
    batch->on_done = on_done;
    batch->user = user;
    ccb_log_write(
        &pass->logs[kind->fetch], CCB_LEVEL_INFO, "fetching-desired",
        CCB_FIELDS(ccb_log_int("fingerprints-length", (int64_t)count)));
    code = ccb_cc_apps(&options, guids, on_app, on_apps, &call, err);
    if (code < 0) {
        ccb_log_error(&pass->logs[kind->fetch], "failed-to-create-request",
                      err->message);
        ccb_bulk_batch_free(batch);
        return code;
    }
    *out = batch;
    return 0;
}

void ccb_bulk_batch_free(struct ccb_bulk_batch *batch)
{
    if (!batch)
        return;
    drop_waiting(batch);
    while (batch->running) {
        struct ccb_bulk_app *app = batch->running;
        batch->running = app->next;
        ccb_bulk_app_free(app);
    }
    ccb_arena_unref(batch->arena);
    ccb_free(batch);
}
