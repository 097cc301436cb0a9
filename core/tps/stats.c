/*
 * GET /v1/actual_lrps/:guid/stats: what runs of a process, and where
 * (contract/tps.md 1.4). The container metrics of 1.5 are not fetched yet: the
 * answer is the one of a traffic controller that fails.
 */
#include "base/clock.h"
#include "tps/actual.h"
#include "tps/internal.h"

struct stats {
    struct ccb_tps_request base; /* first */
    struct ccb_slice guid;
    struct ccb_slice log_guid;
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

/* ---- 3: container metrics ----------------------------------------------- */

static void log_no_metrics(const struct stats *s)
{
    const struct ccb_tps_shared *shared = s->base.tps->shared;
    if (!shared->config->traffic_controller_url[0])
        return;
    ccb_log_write(
        shared->log, CCB_LEVEL_ERROR, "container-metrics-failed",
        CCB_FIELDS(ccb_log_text("ProcessGuid", s->guid),
                   ccb_log_text("LogGuid", s->log_guid),
                   ccb_log_cstr("error", "container metrics are not fetched "
                                         "by this version")));
}

/* ---- 2: the instances --------------------------------------------------- */

#define ACTUALS_FAILED "fetching-actual-lrp-info-failed"

static void on_actuals(void *user, const struct ccb_diego_answer *answer)
{
    struct stats *s = user;
    struct ccb_buf out = {0};
    struct ccb_error err;
    if (answer->code < 0) {
        fail(s, ACTUALS_FAILED, answer->message, 500);
        return;
    }
    if (ccb_actuals_encode(&out, answer->object, CCB_ACTUAL_STATS,
                           ccb_clock_wall(), s->base.arena, &err) < 0) {
        ccb_buf_destroy(&out);
        fail(s, ACTUALS_FAILED, ccb_slice_of(err.message), 500);
        return;
    }
    log_no_metrics(s);
    ccb_tps_end_with(&s->base, s->base.tps->shared->log, &out);
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
