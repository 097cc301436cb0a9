/*
 * The long lists that a pass of the bulker reads: desired LRPs of the back end,
 * fingerprints and apps of CC. The HTTP client is left out: its answers are
 * made here, cut and paused as the first bytes say.
 *
 * A list that is taken as whole must be JSON as a whole, and every LRP that a
 * snapshot took must be found in it.
 */
#include <stdlib.h>

#include "cc/bulk.h"
#include "diego/diego.h"
#include "nsync/snapshot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int __wrap_ccb_http_send(struct ccb_http_client *client,
                         const struct ccb_http_call_options *options,
                         struct ccb_http_call **call, struct ccb_error *err);

struct run {
    struct ccb_snapshot *snapshot;
    uint8_t pauses; /* bit n: the n-th element asks for a pause */
    unsigned items;
    int done, code;
};

static struct ccb_http_call_options sent;

int __wrap_ccb_http_send(struct ccb_http_client *client,
                         const struct ccb_http_call_options *options,
                         struct ccb_http_call **call, struct ccb_error *err)
{
    (void)client, (void)call, (void)err;
    sent = *options;
    return 0;
}

static void must(bool truth)
{
    if (!truth)
        abort();
}

/* ---- readers ------------------------------------------------------------ */

static int next_code(struct run *run)
{
    bool pause = run->pauses & (1u << (run->items++ % 8));
    return pause ? CCB_HTTP_PAUSE : 0;
}

static int on_lrp(void *user, struct ccb_json lrp)
{
    struct run *run = user;
    uint32_t at;
    must(lrp.type == CCB_JSON_OBJECT);
    if (ccb_snapshot_add(run->snapshot, lrp, NULL) >= 0) {
        at = ccb_snapshot_count(run->snapshot) - 1;
        must(ccb_snapshot_find(run->snapshot,
                               ccb_snapshot_guid(run->snapshot, at)) == at);
        (void)ccb_snapshot_annotation(run->snapshot, at);
    }
    return next_code(run);
}

static int on_app(void *user, struct ccb_json app)
{
    must(app.raw.len > 0);
    return next_code(user);
}

static int on_fingerprint(void *user, struct ccb_slice process_guid,
                          struct ccb_slice etag)
{
    (void)etag;
    must(process_guid.len > 0);
    return next_code(user);
}

static void on_list(void *user, const struct ccb_diego_answer *answer)
{
    struct run *run = user;
    run->done++;
    run->code = answer->code;
}

static void on_page(void *user, const struct ccb_cc_page *page)
{
    struct run *run = user;
    struct ccb_json token;
    run->done++;
    run->code = page->code;
    must((page->code < 0) == (page->error != NULL));
    if (page->code == 0)
        must(page->count == run->items);
    if (page->token.len > 0)
        must(ccb_json_parse(&token, page->token, CCB_JSON_WHOLE, NULL) == 0);
}

/* ---- the client --------------------------------------------------------- */

/* Pieces of `step` bytes; what was paused comes again, and is then cut
 * otherwise. */
static int send_body(struct ccb_slice body, size_t step)
{
    size_t len = step;
    int code = 0;
    while (code == 0 && body.len > 0) {
        if (len > body.len)
            len = body.len;
        code = sent.on_body(sent.user, ccb_slice_make(body.ptr, len));
        if (code == CCB_HTTP_PAUSE) {
            code = 0;
            len = len > 1 ? len / 2 : 7;
            continue;
        }
        body = ccb_slice_make(body.ptr + len, body.len - len);
        len = step;
    }
    return code;
}

static void answer_with(struct ccb_slice body, size_t step)
{
    static const struct ccb_http_header json[] = {
        {CCB_LIT("Content-Type"), CCB_LIT("application/json")}};
    struct ccb_http_answer answer = {
        .status = 200, .headers = json, .header_count = 1};
    answer.code = sent.on_head(sent.user, &answer);
    if (answer.code == 0)
        answer.code = send_body(body, step);
    if (answer.code < 0)
        answer.error = "given up";
    sent.on_done(sent.user, &answer);
}

static int start(int kind, struct run *run, struct ccb_diego *diego,
                 struct ccb_arena *arena)
{
    struct ccb_cc_options cc = {.base_url = CCB_LIT("http://cc")};
    struct ccb_cc_bulk_options bulk = {&cc, 0, arena, run};
    struct ccb_diego_list_options list = {CCB_LIT("d"), arena, on_lrp, on_list,
                                          run};
    struct ccb_slice text = CCB_LIT("[]");
    struct ccb_http_call *call;
    if (kind == 0)
        return ccb_diego_list_lrps(diego, &list, &call, NULL);
    if (kind == 1)
        return ccb_cc_fingerprints(&bulk, 2, text, on_fingerprint, on_page,
                                   &call, NULL);
    return ccb_cc_apps(&bulk, text, on_app, on_page, &call, NULL);
}

static void on_room(void *user)
{
    (void)user;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ccb_arena *arena = ccb_arena_create();
    struct ccb_diego *diego;
    struct ccb_loop loop;
    struct ccb_json document;
    struct ccb_slice body;
    struct run run = {0};
    if (size < 3) {
        ccb_arena_unref(arena);
        return 0;
    }
    body = ccb_slice_make((const char *)data + 3, size - 3);
    run.pauses = data[2];
    diego = ccb_diego_open_receptor(NULL, ccb_slice_of("http://r"), 0);
    must(ccb_loop_open(&loop, NULL) == 0);
    must(ccb_snapshot_create(&run.snapshot, &loop, on_room, NULL, NULL) == 0);
    must(start(data[0] % 3, &run, diego, arena) == 0);
    answer_with(body, data[1] ? data[1] : 1);
    must(run.done == 1);
    if (run.code == 0)
        must(ccb_json_parse(&document, body, CCB_JSON_WHOLE, NULL) == 0);
    ccb_snapshot_free(run.snapshot);
    (void)ccb_loop_run(&loop);
    must(ccb_loop_close(&loop, NULL) == 0);
    ccb_diego_close(diego);
    ccb_arena_unref(arena);
    return 0;
}
