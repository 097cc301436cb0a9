/*
 * PUT /v1/apps/:process_guid: an app becomes a desired LRP, or an existing one
 * is brought up to date (contract/nsync.md 1.2, 1.3). A conflict with somebody
 * else's work starts the procedure over, once.
 */
#include "model/desire.h"
#include "base/metrics.h"
#include "nsync/internal.h"

struct desire {
    struct ccb_listener *listener;
    struct ccb_http_request *request;
    struct ccb_arena *arena;
    struct ccb_slice guid;
    struct ccb_desire_request message;
    struct ccb_json existing_routes;
    struct ccb_buf document;
    bool retried;
    struct ccb_log_session log;     /* nsync-listener.desire-app */
    struct ccb_log_session builder; /* nsync-listener.message-builder */
    struct ccb_log_field log_fields[1];
};

static void look_up(struct desire *desire);

static void finish(struct desire *desire, int status)
{
    ccb_buf_destroy(&desire->document);
    ccb_http_respond(desire->request, status, NULL, ccb_slice_make(NULL, 0));
}

static void fail(struct desire *desire, const char *action,
                 struct ccb_slice text, int status)
{
    ccb_log_write(&desire->log, CCB_LEVEL_ERROR, action,
                  CCB_FIELDS(ccb_log_text("error", text)));
    finish(desire, status);
}

/* ---- calls -------------------------------------------------------------- */

static int call_diego(struct desire *desire, enum ccb_diego_operation operation,
                      void (*on_done)(void *user,
                                      const struct ccb_diego_answer *answer),
                      struct ccb_error *err)
{
    struct ccb_diego_call_options options = {
        .operation = operation,
        .guid = desire->guid,
        .document = ccb_buf_slice(&desire->document),
        .arena = desire->arena,
        .on_done = on_done,
        .user = desire,
    };
    return ccb_diego_call(desire->listener->diego, &options, err);
}

static struct ccb_recipe_options ask_for(
    struct desire *desire, struct ccb_log_session *log,
    void (*on_done)(void *user, const struct ccb_recipe_answer *answer))
{
    return (struct ccb_recipe_options){
        .request = &desire->message,
        .arena = desire->arena,
        .log = log,
        .document = &desire->document,
        .on_done = on_done,
        .user = desire,
    };
}

/* ---- the end of a create or an update ----------------------------------- */

static bool is_conflict(const struct ccb_diego_answer *answer)
{
    return ccb_slice_is(answer->name, CCB_DIEGO_LRP_EXISTS) ||
           ccb_slice_is(answer->name, CCB_DIEGO_CONFLICT);
}

static void judge(struct desire *desire, const struct ccb_diego_answer *answer,
                  const char *action)
{
    if (answer->code == 0) {
        ccb_metric_add(CCB_METRIC_LRPS_DESIRED, 1);
        finish(desire, 202);
        return;
    }
    ccb_log_write(&desire->log, CCB_LEVEL_ERROR, action,
                  CCB_FIELDS(ccb_log_text("error", answer->message)));
    if (is_conflict(answer) && !desire->retried) {
        desire->retried = true;
        look_up(desire);
        return;
    }
    finish(desire, is_conflict(answer) ? 409 : 503);
}

/* ---- create ------------------------------------------------------------- */

static void on_created(void *user, const struct ccb_diego_answer *answer)
{
    judge(user, answer, "failed-to-create-lrp");
}

static void refuse(struct desire *desire, int code, const char *error)
{
    fail(desire, "failed-to-build-recipe", ccb_slice_of(error),
         code == CCB_INVALID ? 400 : 503);
}

static void on_recipe(void *user, const struct ccb_recipe_answer *answer)
{
    struct desire *desire = user;
    struct ccb_error err;
    if (answer->code < 0)
        refuse(desire, answer->code, answer->error);
    else if (call_diego(desire, CCB_DIEGO_CREATE_LRP, on_created, &err) < 0)
        fail(desire, "failed-to-create-lrp", ccb_slice_of(err.message), 503);
}

static void create(struct desire *desire)
{
    struct ccb_recipe_options ask =
        ask_for(desire, &desire->builder, on_recipe);
    struct ccb_error err;
    ccb_log_begin(&desire->builder, desire->listener->shared->log,
                  "message-builder", NULL, 0);
    if (ccb_recipe_build(&desire->listener->maker, &ask, &err) < 0)
        refuse(desire, err.code, err.message);
}

/* ---- update ------------------------------------------------------------- */

static void on_updated(void *user, const struct ccb_diego_answer *answer)
{
    judge(user, answer, "failed-to-update-lrp");
}

static void on_port(void *user, const struct ccb_recipe_answer *answer)
{
    struct desire *desire = user;
    struct ccb_error err;
    if (answer->code < 0) {
        fail(desire, "failed to-get-exposed-port", ccb_slice_of(answer->error),
             503);
        return;
    }
    ccb_lrp_update_encode(&desire->document, &desire->message,
                          desire->existing_routes, answer->port);
    if (desire->document.failed) {
        fail(desire, "failed-to-marshal-routes", ccb_slice_of("out of memory"),
             503);
        return;
    }
    if (call_diego(desire, CCB_DIEGO_UPDATE_LRP, on_updated, &err) < 0)
        fail(desire, "failed-to-update-lrp", ccb_slice_of(err.message), 503);
}

static void update(struct desire *desire, struct ccb_json existing)
{
    struct ccb_recipe_options ask =
        ask_for(desire, desire->listener->shared->log, on_port);
    struct ccb_error err;
    desire->existing_routes = ccb_json_get(existing, "routes");
    if (ccb_recipe_port(&desire->listener->maker, &ask, &err) < 0)
        fail(desire, "failed to-get-exposed-port", ccb_slice_of(err.message),
             503);
}

/* ---- the start ---------------------------------------------------------- */

static void on_existing(void *user, const struct ccb_diego_answer *answer)
{
    struct desire *desire = user;
    if (answer->code == 0)
        update(desire, answer->object);
    else if (ccb_slice_is(answer->name, CCB_DIEGO_LRP_NOT_FOUND))
        create(desire);
    else
        fail(desire, "unexpected-error-from-get-desired-lrp", answer->message,
             503);
}

static void look_up(struct desire *desire)
{
    struct ccb_error err;
    ccb_buf_reset(&desire->document);
    if (call_diego(desire, CCB_DIEGO_GET_LRP, on_existing, &err) < 0)
        fail(desire, "unexpected-error-from-get-desired-lrp",
             ccb_slice_of(err.message), 503);
}

static struct desire *begin(struct ccb_http_request *request,
                            struct ccb_listener *listener)
{
    struct ccb_arena *arena = ccb_http_request_arena(request);
    struct desire *desire = ccb_arena_alloc(arena, sizeof(*desire));
    if (!desire)
        return NULL;
    desire->listener = listener;
    desire->request = request;
    desire->arena = arena;
    desire->guid = ccb_http_request_info(request)->params[0];
    desire->log_fields[0] = ccb_log_text("process_guid", desire->guid);
    ccb_log_begin(&desire->log, listener->shared->log, "desire-app",
                  desire->log_fields, 1);
    return desire;
}

void ccb_listener_desire(struct ccb_http_request *request, void *user)
{
    struct desire *desire = begin(request, user);
    struct ccb_error err;
    if (!desire) {
        ccb_http_respond(request, 503, NULL, ccb_slice_make(NULL, 0));
        return;
    }
    if (ccb_desire_request_decode(&desire->message,
                                  ccb_http_request_info(request)->body,
                                  desire->arena, &err) < 0) {
        fail(desire, "parse-desired-app-request-failed",
             ccb_slice_of(err.message), err.code == CCB_NO_MEMORY ? 503 : 400);
        return;
    }
    if (!ccb_slice_equal(desire->guid, desire->message.process_guid)) {
        ccb_log_write(&desire->log, CCB_LEVEL_ERROR, "process-guid-mismatch",
                      CCB_FIELDS(ccb_log_text("body-process-guid",
                                              desire->message.process_guid)));
        finish(desire, 400);
        return;
    }
    look_up(desire);
}
