/*
 * GET /v1/actual_lrps/:guid/stats: what runs of a process, where, and what it
 * uses (contract/tps.md 1.4, 1.5). Without the traffic controller's metrics the
 * answer has no `stats`, and is good all the same.
 */
#include "base/clock.h"
#include "net/url.h"
#include "tps/actual.h"
#include "tps/internal.h"

struct stats {
    struct ccb_tps_request base; /* first */
    struct ccb_slice guid;
    struct ccb_slice log_guid;
    struct ccb_json actuals; /* its text is in the arena */
    struct ccb_http_call *call;
};

static const struct ccb_json_field desired_fields[] = {
    {.name = "log_guid", .kind = CCB_JSON_K_STRING, .offset = 0},
};
static const struct ccb_json_shape desired_shape = {desired_fields, 1,
                                                    sizeof(struct ccb_slice)};

static void fail(struct stats *s, const char *action, struct ccb_slice text,
                 int status)
{
    ccb_log_write(s->base.tps->shared->log, CCB_LEVEL_ERROR, action,
                  CCB_FIELDS(ccb_log_text("error", text)));
    ccb_tps_end(&s->base, status, ccb_slice_make(NULL, 0));
}

/* Starts the next call; fails the request when it can't be. */
static void call(struct stats *s, enum ccb_diego_operation operation,
                 void (*on_done)(void *user,
                                 const struct ccb_diego_answer *answer),
                 const char *action)
{
    struct ccb_diego_call_options options = {
        .operation = operation,
        .guid = s->guid,
        .arena = s->base.arena,
        .on_done = on_done,
        .user = s,
    };
    struct ccb_error err;
    if (ccb_diego_call(s->base.tps->diego, &options, &err) < 0)
        fail(s, action, ccb_slice_of(err.message), 500);
}

/* ---- 3: container metrics, and the answer ------------------------------- */

#define ACTUALS_FAILED "fetching-actual-lrp-info-failed"

static void finish(struct stats *s, const struct ccb_container_metrics *metrics)
{
    struct ccb_buf out = {0};
    struct ccb_error err;
    if (ccb_actuals_encode(&out, s->actuals, CCB_ACTUAL_STATS, ccb_clock_wall(),
                           metrics, s->base.arena, &err) < 0) {
        ccb_buf_destroy(&out);
        fail(s, ACTUALS_FAILED, ccb_slice_of(err.message), 500);
        return;
    }
    ccb_tps_end_with(&s->base, s->base.tps->shared->log, &out);
}

static void finish_without(struct stats *s, const char *why)
{
    ccb_log_write(s->base.tps->shared->log, CCB_LEVEL_ERROR,
                  "container-metrics-failed",
                  CCB_FIELDS(ccb_log_text("ProcessGuid", s->guid),
                             ccb_log_text("LogGuid", s->log_guid),
                             ccb_log_cstr("error", why)));
    finish(s, NULL);
}

static void on_metrics(void *user, const struct ccb_http_answer *answer)
{
    struct stats *s = user;
    struct ccb_container_metrics metrics;
    struct ccb_error err;
    char words[64];
    s->call = NULL;
    if (answer->code < 0) {
        finish_without(s, answer->error);
    } else if (answer->status != 200) {
        snprintf(words, sizeof(words),
                 "the traffic controller answered status %d", answer->status);
        finish_without(s, words);
    } else if (ccb_container_metrics_parse(
                   &metrics, ccb_http_answer_header(answer, "Content-Type"),
                   answer->body, s->base.arena, &err) < 0) {
        finish_without(s, err.message);
    } else {
        finish(s, &metrics);
    }
}

/* Host and port of the URL; its path is not wanted, and of its scheme only
 * whether it is "ws". */
static int make_url(const struct stats *s, struct ccb_slice *out,
                    struct ccb_error *err)
{
    struct ccb_slice given =
        ccb_slice_of(s->base.tps->shared->config->traffic_controller_url);
    struct ccb_slice path;
    struct ccb_url url;
    int code = ccb_url_parse(&url, given, err);
    if (code == 0)
        path = ccb_arena_format(s->base.arena, "/apps/%.*s/containermetrics",
                                (int)s->log_guid.len,
                                s->log_guid.len ? s->log_guid.ptr : "");
    if (code == 0 && !path.ptr)
        code = ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    if (code == 0)
        code = ccb_url_path_guid(s->base.arena, path, &path, err);
    if (code < 0)
        return code;
    *out = ccb_arena_format(s->base.arena, "%s://%.*s%.*s",
                            ccb_slice_is(url.scheme, "ws") ? "http" : "https",
                            (int)url.authority.len, url.authority.ptr,
                            (int)path.len, path.ptr);
    return out->ptr ? 0 : ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
}

/* The caller's word is passed on as it is: the controller judges it. */
static void ask_metrics(struct stats *s)
{
    const struct ccb_tps *tps = s->base.tps;
    struct ccb_http_header header = {
        CCB_LIT("Authorization"),
        ccb_http_request_header(s->base.request, "Authorization")};
    struct ccb_http_call_options http = {
        .method = "GET",
        .headers = &header,
        .header_count = 1,
        .skip_cert_verify = tps->shared->config->skip_ssl_verification,
        .on_done = on_metrics,
        .user = s,
    };
    struct ccb_error err;
    if (!tps->shared->config->traffic_controller_url[0])
        finish(s, NULL);
    else if (make_url(s, &http.url, &err) < 0 ||
             ccb_http_send(tps->client, &http, &s->call, &err) < 0)
        finish_without(s, err.message);
}

/* ---- 2: the instances --------------------------------------------------- */

static void on_actuals(void *user, const struct ccb_diego_answer *answer)
{
    struct stats *s = user;
    if (answer->code < 0) {
        fail(s, ACTUALS_FAILED, answer->message, 500);
        return;
    }
    s->actuals = answer->object;
    s->actuals.raw = ccb_arena_copy(s->base.arena, answer->object.raw);
    if (s->actuals.raw.ptr)
        ask_metrics(s);
    else
        fail(s, ACTUALS_FAILED, ccb_slice_of("out of memory"), 500);
}

/* ---- 1: the desired LRP ------------------------------------------------- */

#define DESIRED_FAILED "fetching-desired-lrp-failed"

static void on_desired(void *user, const struct ccb_diego_answer *answer)
{
    struct stats *s = user;
    struct ccb_json_alloc alloc = ccb_arena_json(s->base.arena);
    struct ccb_error err = {0};
    if (answer->code < 0) {
        fail(s, DESIRED_FAILED, answer->message,
             ccb_slice_is(answer->name, CCB_DIEGO_LRP_NOT_FOUND) ? 404 : 500);
        return;
    }
    /* Without JSON in the answer there is no log guid: that is all. */
    if (answer->object.type != CCB_JSON_NONE &&
        ccb_json_decode(answer->object, &desired_shape, &s->log_guid, &alloc,
                        &err) < 0) {
        fail(s, DESIRED_FAILED, ccb_slice_of(err.message), 500);
        return;
    }
    call(s, CCB_DIEGO_GET_ACTUALS, on_actuals, ACTUALS_FAILED);
}

void ccb_tps_stats(struct ccb_http_request *request, void *user)
{
    struct stats *s = ccb_tps_begin(request, user, sizeof(*s), true);
    if (!s)
        return;
    s->guid = ccb_http_request_info(request)->params[0];
    if (ccb_http_request_header(request, "Authorization").len == 0) {
        ccb_tps_end(&s->base, 401, ccb_slice_make(NULL, 0));
        return;
    }
    call(s, CCB_DIEGO_GET_LRP, on_desired, DESIRED_FAILED);
}
