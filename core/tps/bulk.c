/*
 * GET /v1/bulk_actual_lrp_status?guids=A,B,C: what runs of many processes
 * (contract/tps.md 1.4). One look-up each, at most MAX_LOOKUPS at a time; one
 * that fails is left out.
 *
 * A look-up has an arena of its own, so that of an answer only its encoded
 * form is kept until all are there.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "tps/actual.h"
#include "tps/guids.h"
#include "tps/internal.h"

#define MAX_LOOKUPS 15

struct lookup {
    struct bulk *bulk;
    struct ccb_slice guid;
    struct ccb_arena *arena; /* while it is under way */
    struct ccb_buf instances;
    bool found;
};

struct bulk {
    struct ccb_tps_request base; /* first */
    struct lookup *lookups;
    size_t count;
    size_t next; /* not started yet */
    size_t running;
};

/* ---- the answer --------------------------------------------------------- */

/* In byte order of the guids. */
static int compare(const void *a, const void *b)
{
    struct ccb_slice x = ((const struct lookup *)a)->guid;
    struct ccb_slice y = ((const struct lookup *)b)->guid;
    int order = memcmp(x.ptr, y.ptr, x.len < y.len ? x.len : y.len);
    return order != 0 ? order : (x.len > y.len) - (x.len < y.len);
}

/* A guid that was named twice shows once. */
static void put_found(struct ccb_json_writer *w, const struct bulk *bulk)
{
    const struct lookup *last = NULL;
    size_t i;
    for (i = 0; i < bulk->count; i++) {
        const struct lookup *lookup = &bulk->lookups[i];
        if (!lookup->found || (last && compare(last, lookup) == 0))
            continue;
        ccb_json_key_slice(w, lookup->guid);
        ccb_json_put_raw(w, ccb_buf_slice(&lookup->instances));
        last = lookup;
    }
}

static void finish(struct bulk *bulk)
{
    struct ccb_buf out = {0};
    struct ccb_json_writer w;
    size_t i;
    qsort(bulk->lookups, bulk->count, sizeof(bulk->lookups[0]), compare);
    ccb_json_writer_init(&w, ccb_buf_sink, &out);
    ccb_json_begin_object(&w);
    put_found(&w, bulk);
    ccb_json_end_object(&w);
    ccb_json_writer_end(&w); /* a failure sticks in `out` */
    for (i = 0; i < bulk->count; i++)
        ccb_buf_destroy(&bulk->lookups[i].instances);
    ccb_tps_end_with(&bulk->base, bulk->base.tps->shared->log, &out);
}

/* ---- look-ups ----------------------------------------------------------- */

static void start_lookups(struct bulk *bulk);

static void log_failure(const struct lookup *lookup, struct ccb_slice text)
{
    ccb_log_write(lookup->bulk->base.tps->shared->log, CCB_LEVEL_ERROR,
                  "fetching-actual-lrps-info-failed",
                  CCB_FIELDS(ccb_log_text("ProcessGuid", lookup->guid),
                             ccb_log_text("error", text)));
}

static void take(struct lookup *lookup, const struct ccb_diego_answer *answer)
{
    struct ccb_error err;
    if (answer->code < 0) {
        log_failure(lookup, answer->message);
        return;
    }
    if (ccb_actuals_encode(&lookup->instances, answer->object,
                           CCB_ACTUAL_STATUS, ccb_clock_wall(), NULL,
                           lookup->arena, &err) < 0)
        log_failure(lookup, ccb_slice_of(err.message));
    else
        lookup->found = true;
}

static void on_actuals(void *user, const struct ccb_diego_answer *answer)
{
    struct lookup *lookup = user;
    struct bulk *bulk = lookup->bulk;
    take(lookup, answer);
    ccb_arena_unref(lookup->arena);
    bulk->running--;
    start_lookups(bulk);
}

static int start_lookup(struct lookup *lookup, struct ccb_error *err)
{
    struct ccb_diego_call_options call = {
        .operation = CCB_DIEGO_GET_ACTUALS,
        .guid = lookup->guid,
        .on_done = on_actuals,
        .user = lookup,
    };
    int code;
    lookup->arena = ccb_arena_create();
    if (!lookup->arena)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    call.arena = lookup->arena;
    code = ccb_diego_call(lookup->bulk->base.tps->diego, &call, err);
    if (code < 0)
        ccb_arena_unref(lookup->arena);
    return code;
}

static void start_lookups(struct bulk *bulk)
{
    struct ccb_error err;
    while (bulk->next < bulk->count && bulk->running < MAX_LOOKUPS) {
        struct lookup *lookup = &bulk->lookups[bulk->next++];
        if (start_lookup(lookup, &err) < 0)
            log_failure(lookup, ccb_slice_of(err.message));
        else
            bulk->running++;
    }
    if (bulk->running == 0)
        finish(bulk);
}

/* Nobody waits any more: what was not started stays so. */
static void on_abort(struct ccb_http_request *request, void *user)
{
    struct bulk *bulk = user;
    (void)request;
    bulk->next = bulk->count;
}

/* ---- the request -------------------------------------------------------- */

static bool make_lookups(struct bulk *bulk, struct ccb_slice guids,
                         size_t count)
{
    size_t i;
    bulk->lookups =
        ccb_arena_alloc(bulk->base.arena, count * sizeof(bulk->lookups[0]));
    if (!bulk->lookups)
        return false;
    bulk->count = count;
    for (i = 0; i < count; i++) {
        bulk->lookups[i].bulk = bulk;
        bulk->lookups[i].guid = ccb_tps_guids_next(&guids);
    }
    return true;
}

void ccb_tps_bulk(struct ccb_http_request *request, void *user)
{
    struct bulk *bulk = ccb_tps_begin(request, user, sizeof(*bulk), false);
    struct ccb_slice guids;
    size_t count;
    int code;
    if (!bulk)
        return;
    code = ccb_tps_guids_find(bulk->base.arena,
                              ccb_http_request_info(request)->query, &guids);
    count = code == 0 ? ccb_tps_guids_count(guids) : 0;
    if (code == 0 && count == 0) {
        ccb_log_write(bulk->base.tps->shared->log, CCB_LEVEL_ERROR,
                      "failed-parsing-guids",
                      CCB_FIELDS(ccb_log_text("guid-parameter", guids)));
        ccb_tps_end(&bulk->base, 400, ccb_slice_make(NULL, 0));
        return;
    }
    if (code < 0 || !make_lookups(bulk, guids, count)) {
        ccb_tps_end(&bulk->base, 500, ccb_slice_make(NULL, 0));
        return;
    }
    ccb_http_on_abort(request, on_abort, bulk);
    start_lookups(bulk);
}
