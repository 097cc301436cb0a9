/*
 * What the listener's three routes have in common: the limit of requests in
 * flight, the request id, the debug lines (contract/tps.md 1.2, 1.6).
 *
 * Invariant: a place taken in ccb_tps_begin is given back exactly once, before
 * the answer goes out, so that who has seen it finds the place free.
 */
#include <stdio.h>

#include "base/hex.h"
#include "base/random.h"
#include "tps/internal.h"

/* ---- the request id ----------------------------------------------------- */

/* 8-4-4-4-12 hexadecimal digits. */
static bool is_uuid(struct ccb_slice text)
{
    static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    size_t i;
    if (text.len != sizeof(form) - 1)
        return false;
    for (i = 0; i < text.len; i++)
        if (form[i] == '-' ? text.ptr[i] != '-'
                           : ccb_hex_digit(text.ptr[i]) < 0)
            return false;
    return true;
}

static void find_id(struct ccb_http_request *request, char *out, size_t size)
{
    struct ccb_slice given = ccb_http_request_header(request, "X-CF-RequestID");
    if (is_uuid(given))
        snprintf(out, size, "%.*s", (int)given.len, given.ptr);
    else if (ccb_guid_make(out, NULL) < 0)
        snprintf(out, size, "00000000-0000-4000-8000-000000000000");
}

/* ---- begin and end ------------------------------------------------------ */

static void respond(struct ccb_http_request *request, const char *id,
                    int status, struct ccb_slice json)
{
    struct ccb_http_header headers[] = {
        {CCB_LIT("X-Cf-Requestid"), ccb_slice_of(id)},
        {CCB_LIT("Content-Type"), CCB_LIT("application/json")},
    };
    ccb_http_respond_with(request, status, headers, json.len > 0 ? 2 : 1, json);
}

static void refuse(struct ccb_http_request *request, int status)
{
    char id[40];
    find_id(request, id, sizeof(id));
    respond(request, id, status, ccb_slice_make(NULL, 0));
}

static bool take_place(struct ccb_tps_shared *shared)
{
    int64_t before = atomic_fetch_add(&shared->in_flight, 1);
    if (before < shared->config->max_in_flight)
        return true;
    atomic_fetch_sub(&shared->in_flight, 1);
    return false;
}

void *ccb_tps_begin(struct ccb_http_request *request, struct ccb_tps *tps,
                    size_t size, bool logged)
{
    const struct ccb_http_request_info *info = ccb_http_request_info(request);
    struct ccb_arena *arena = ccb_http_request_arena(request);
    struct ccb_tps_request *r;
    if (!take_place(tps->shared)) {
        refuse(request, 503);
        return NULL;
    }
    r = ccb_arena_alloc(arena, size);
    if (!r) {
        atomic_fetch_sub(&tps->shared->in_flight, 1);
        refuse(request, 500);
        return NULL;
    }
    r->tps = tps;
    r->request = request;
    r->arena = arena;
    find_id(request, r->id, sizeof(r->id));
    r->logged = logged && ccb_log_enabled(CCB_LEVEL_DEBUG);
    if (r->logged) {
        r->log_fields[0] = ccb_log_text("method", info->method_text);
        r->log_fields[1] = ccb_log_text("request", info->target);
        ccb_log_begin(&r->log, tps->shared->log, "request", r->log_fields, 2);
        ccb_log_debug(&r->log, "serving");
    }
    return r;
}

void ccb_tps_end(struct ccb_tps_request *r, int status, struct ccb_slice json)
{
    if (r->logged)
        ccb_log_debug(&r->log, "done");
    atomic_fetch_sub(&r->tps->shared->in_flight, 1);
    respond(r->request, r->id, status, json); /* frees the arena */
}

void ccb_tps_end_with(struct ccb_tps_request *r,
                      const struct ccb_log_session *log, struct ccb_buf *out)
{
    ccb_buf_putc(out, '\n');
    if (out->failed) {
        ccb_log_error(log, "stream-response-failed", "out of memory");
        ccb_tps_end(r, 500, ccb_slice_make(NULL, 0));
    } else {
        ccb_tps_end(r, 200, ccb_buf_slice(out));
    }
    ccb_buf_destroy(out);
}
