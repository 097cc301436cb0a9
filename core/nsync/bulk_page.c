/*
 * CC's pages of fingerprints: each is compared with the snapshot as it comes
 * and, once whole, applied: one batch of apps to create beside one of apps to
 * update (contract/nsync.md 2.4, 2.7).
 *
 * Invariant: one page is applied while the next one is read and then waits, so
 * that two pages' differences at most are held. A page that broke off leads to
 * nothing but that it did.
 */
#include "base/mem.h"
#include "nsync/bulk_internal.h"

/* Process guids as a JSON array. */
struct guids {
    struct ccb_buf text;
    struct ccb_json_writer writer;
    size_t count;
};

struct ccb_bulk_page {
    struct ccb_bulk_pass *pass;
    struct ccb_arena *arena; /* of its request; its token lies there */
    struct ccb_slice token;  /* of the next page */
    struct guids missing, stale;
    struct ccb_bulk_batch *batches[2];
    size_t open; /* batches under way */
};

static void free_page(struct ccb_bulk_page *page)
{
    if (!page)
        return;
    ccb_bulk_batch_free(page->batches[0]);
    ccb_bulk_batch_free(page->batches[1]);
    ccb_buf_destroy(&page->missing.text);
    ccb_buf_destroy(&page->stale.text);
    ccb_arena_unref(page->arena);
    ccb_free(page);
}

void ccb_bulk_pages_free(struct ccb_bulk_pass *pass)
{
    free_page(pass->reading);
    free_page(pass->waiting);
    free_page(pass->applying);
}

/* ---- the comparison ----------------------------------------------------- */

static void add_guid(struct guids *guids, struct ccb_slice guid)
{
    guids->count++;
    ccb_json_put_string(&guids->writer, guid);
}

static void log_difference(const struct ccb_bulk_pass *pass, const char *action,
                           struct ccb_slice guid, struct ccb_slice etag)
{
    ccb_log_write(
        &pass->logs[CCB_BULK_DIFF], CCB_LEVEL_INFO, action,
        CCB_FIELDS(ccb_log_text("etag", etag), ccb_log_text("guid", guid)));
}

/* A guid that is named once more counts as missing: contract/nsync.md 2.5,
 * Edge. */
static int on_fingerprint(void *user, struct ccb_slice guid,
                          struct ccb_slice etag)
{
    struct ccb_bulk_page *page = user;
    struct ccb_bulk_pass *pass = page->pass;
    uint32_t at = ccb_snapshot_find(pass->snapshot, guid);
    pass->tally.apps++;
    if (at == CCB_SNAPSHOT_NONE || !ccb_snapshot_mark(pass->snapshot, at)) {
        log_difference(pass, "found-missing-desired-lrp", guid, etag);
        add_guid(&page->missing, guid);
    } else if (!ccb_slice_equal(ccb_snapshot_annotation(pass->snapshot, at),
                                etag)) {
        log_difference(pass, "found-stale-lrp", guid, etag);
        add_guid(&page->stale, guid);
    }
    return 0;
}

/* ---- applying ----------------------------------------------------------- */

static void advance(struct ccb_bulk_pass *pass);

static void on_batch(void *user)
{
    struct ccb_bulk_page *page = user;
    struct ccb_bulk_pass *pass = page->pass;
    if (--page->open > 0)
        return;
    pass->applying = NULL;
    free_page(page);
    advance(pass);
}

static void start_batch(struct ccb_bulk_page *page,
                        const struct ccb_bulk_kind *kind, struct guids *guids,
                        struct ccb_bulk_batch **batch)
{
    struct ccb_error err;
    int code;
    if (guids->count == 0)
        return;
    ccb_json_end_array(&guids->writer);
    code = ccb_json_writer_end(&guids->writer);
    if (code < 0) {
        ccb_error_set(&err, code, "out of memory");
        ccb_log_error(&page->pass->logs[kind->fetch], "failed-to-marshal",
                      err.message);
    } else {
        code = ccb_bulk_batch_start(batch, page->pass, kind,
                                    ccb_buf_slice(&guids->text), guids->count,
                                    on_batch, page, &err);
    }
    if (code < 0)
        ccb_bulk_pass_spoil(page->pass, ccb_slice_of(err.message));
    else
        page->open++;
}

/* Whether it takes time. */
static bool apply(struct ccb_bulk_page *page)
{
    struct ccb_bulk_tally *tally = &page->pass->tally;
    tally->missing += page->missing.count;
    tally->stale += page->stale.count;
    start_batch(page, &ccb_bulk_missing, &page->missing, &page->batches[0]);
    start_batch(page, &ccb_bulk_stale, &page->stale, &page->batches[1]);
    return page->open > 0;
}

/* ---- reading ------------------------------------------------------------ */

static void break_off(struct ccb_bulk_pass *pass, const char *why)
{
    pass->read_all = true;
    pass->partial = true;
    ccb_bulk_pass_spoil(pass, ccb_slice_of(why));
}

static void log_answer(const struct ccb_bulk_pass *pass,
                       const struct ccb_cc_page *answer)
{
    const struct ccb_log_session *log =
        &pass->logs[CCB_BULK_FETCH_FINGERPRINTS];
    if (answer->status > 0)
        ccb_log_write(log, CCB_LEVEL_INFO, "fetching-desired-complete",
                      CCB_FIELDS(ccb_log_int("StatusCode", answer->status)));
    if (answer->status == 200 && answer->code < 0)
        ccb_log_error(log, "decode-body", answer->error);
}

/* A page that is full has another one behind it, and says how to get it. */
static void on_page(void *user, const struct ccb_cc_page *answer)
{
    struct ccb_bulk_page *page = user;
    struct ccb_bulk_pass *pass = page->pass;
    log_answer(pass, answer);
    pass->reading = NULL;
    if (answer->code < 0) {
        free_page(page);
        break_off(pass, answer->error);
        advance(pass);
        return;
    }
    pass->waiting = page;
    page->token = answer->token;
    if (answer->count < pass->tools->config->batch_size) {
        pass->read_all = true;
        ccb_log_info(&pass->logs[CCB_BULK_FETCH_FINGERPRINTS],
                     "done-fetching-desired");
    } else if (answer->token.len == 0) {
        break_off(pass, "token not included in response");
    }
    advance(pass);
}

static struct ccb_bulk_page *create_page(struct ccb_bulk_pass *pass)
{
    struct ccb_bulk_page *page = ccb_calloc(1, sizeof(*page));
    if (!page)
        return NULL;
    page->pass = pass;
    page->arena = ccb_arena_create();
    if (!page->arena) {
        ccb_free(page);
        return NULL;
    }
    ccb_json_writer_init(&page->missing.writer, ccb_buf_sink,
                         &page->missing.text);
    ccb_json_begin_array(&page->missing.writer);
    ccb_json_writer_init(&page->stale.writer, ccb_buf_sink, &page->stale.text);
    ccb_json_begin_array(&page->stale.writer);
    return page;
}

static int ask(struct ccb_bulk_page *page, struct ccb_slice token,
               struct ccb_error *err)
{
    const struct ccb_bulk_tools *tools = page->pass->tools;
    struct ccb_cc_bulk_options options = {
        .cc = &tools->cc,
        .timeout = tools->config->communication_timeout,
        .arena = page->arena,
        .user = page,
    };
    struct ccb_http_call *call; /* goes with the client */
    token = ccb_arena_copy(page->arena, token);
    if (!token.ptr)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    return ccb_cc_fingerprints(&options, tools->config->batch_size, token,
                               on_fingerprint, on_page, &call, err);
}

static void read_page(struct ccb_bulk_pass *pass, struct ccb_slice token)
{
    struct ccb_bulk_page *page = create_page(pass);
    struct ccb_error err;
    int code;
    ccb_log_info(&pass->logs[CCB_BULK_FETCH_FINGERPRINTS], "fetching-desired");
    code = page ? ask(page, token, &err)
                : ccb_error_set(&err, CCB_NO_MEMORY, "out of memory");
    if (code == 0) {
        pass->reading = page;
        return;
    }
    free_page(page);
    break_off(pass, err.message);
}

/* ---- one after the other ------------------------------------------------ */

/* The page that waits is applied when no other one is, and the next one is
 * asked for at that moment. */
static void advance(struct ccb_bulk_pass *pass)
{
    struct ccb_bulk_page *page = pass->waiting;
    if (page && !pass->applying) {
        pass->waiting = NULL;
        if (!pass->read_all)
            read_page(pass, page->token);
        if (apply(page))
            pass->applying = page;
        else
            free_page(page);
    }
    if (!pass->reading && !pass->waiting && !pass->applying)
        ccb_bulk_pass_on_pages(pass);
}

void ccb_bulk_pages_start(struct ccb_bulk_pass *pass)
{
    struct ccb_slice first = CCB_LIT("{}");
    read_page(pass, first);
    if (!pass->reading)
        ccb_bulk_pass_on_pages(pass);
}
