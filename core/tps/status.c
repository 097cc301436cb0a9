/* GET /v1/actual_lrps/:guid: what runs of a process (contract/tps.md 1.4). */
#include "base/clock.h"
#include "tps/actual.h"
#include "tps/internal.h"

static void fail(struct ccb_tps_request *r, struct ccb_slice text)
{
    ccb_log_write(&r->tps->shared->lrp_log, CCB_LEVEL_ERROR,
                  "failed-retrieving-lrp-info",
                  CCB_FIELDS(ccb_log_text("error", text)));
    ccb_tps_end(r, 500, ccb_slice_make(NULL, 0));
}

static void on_actuals(void *user, const struct ccb_diego_answer *answer)
{
    struct ccb_tps_request *r = user;
    struct ccb_buf out = {0};
    struct ccb_error err;
    if (answer->code < 0) {
        fail(r, answer->message);
        return;
    }
    if (ccb_actuals_encode(&out, answer->object, CCB_ACTUAL_STATUS,
                           ccb_clock_wall(), NULL, r->arena, &err) < 0) {
        ccb_buf_destroy(&out);
        fail(r, ccb_slice_of(err.message));
        return;
    }
    ccb_tps_end_with(r, &r->tps->shared->lrp_log, &out);
}

void ccb_tps_status(struct ccb_http_request *request, void *user)
{
    struct ccb_tps_request *r = ccb_tps_begin(request, user, sizeof(*r), true);
    struct ccb_diego_call_options call;
    struct ccb_error err;
    if (!r)
        return;
    call = (struct ccb_diego_call_options){
        .operation = CCB_DIEGO_GET_ACTUALS,
        .guid = ccb_http_request_info(request)->params[0],
        .arena = r->arena,
        .on_done = on_actuals,
        .user = r,
    };
    if (ccb_diego_call(r->tps->diego, &call, &err) < 0)
        fail(r, ccb_slice_of(err.message));
}
