/*
 * PUT /v1/apps/:process_guid: an app becomes a desired LRP, or an existing one
 * is brought up to date (contract/nsync.md 1.2, 1.3). A conflict with somebody
 * else's work starts the procedure over, once.
 *
 * With -takeTurns the whole procedure has the turn on the guid, and a version
 * newer than the request's is left alone.
 */
#include "model/desire.h"
#include "base/metrics.h"
#include "model/limits.h"
#include "nsync/in_turn.h"

struct desire {
    struct ccb_listener *listener;
    struct ccb_http_request *request;
    struct ccb_arena *arena;
    struct ccb_slice guid;
    struct ccb_desire_request message;
    struct ccb_json existing_routes;
    struct ccb_buf document;
    bool retried;
    bool existed; /* when it was to be created */
    struct ccb_in_turn in_turn;
    struct ccb_log_session log;     /* nsync-listener.desire-app */
    struct ccb_log_session builder; /* nsync-listener.message-builder */
    struct ccb_log_field log_fields[1];
};

static void look_up(struct desire *desire);

static void finish(struct desire *desire, int status)
{
    ccb_in_turn_end(&desire->in_turn);
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

static void succeed(struct desire *desire)
{
    ccb_metric_add(CCB_METRIC_LRPS_DESIRED, 1);
    finish(desire, 202);
}

static void judge(struct desire *desire, const struct ccb_diego_answer *answer,
                  const char *action)
{
    if (answer->code == 0) {
        succeed(desire);
        return;
    }
    ccb_log_write(&desire->log, CCB_LEVEL_ERROR, action,
                  CCB_FIELDS(ccb_log_text("error", answer->message)));
    if (is_conflict(answer) && !desire->retried) {
        desire->retried = true;
        desire->existed = ccb_slice_is(answer->name, CCB_DIEGO_LRP_EXISTS);
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

static void warn_of_size(const struct desire *desire)
{
    size_t size = desire->document.len;
    if (size > CCB_MAX_RECIPE)
        ccb_log_write(&desire->log, CCB_LEVEL_INFO, "recipe-too-large",
                      CCB_FIELDS(ccb_log_int("size", (int64_t)size),
                                 ccb_log_int("limit", CCB_MAX_RECIPE)));
}

static void on_recipe(void *user, const struct ccb_recipe_answer *answer)
{
    struct desire *desire = user;
    struct ccb_error err;
    if (answer->code < 0) {
        refuse(desire, answer->code, answer->error);
        return;
    }
    warn_of_size(desire);
    if (call_diego(desire, CCB_DIEGO_CREATE_LRP, on_created, &err) < 0)
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

/* With turns: whether what is there makes an update needless, or can't be
 * told. True: the request was answered. */
static bool settle(struct desire *desire, struct ccb_json existing)
{
    struct ccb_json_alloc alloc = ccb_arena_json(desire->arena);
    struct ccb_slice mine = desire->message.etag, theirs;
    int code;
    if (!desire->listener->shared->config->take_turns)
        return false;
    code =
        ccb_json_string(ccb_json_get(existing, "annotation"), &alloc, &theirs);
    if (code == CCB_NO_MEMORY) {
        fail(desire, "unexpected-error-from-get-desired-lrp",
             ccb_slice_of("out of memory"), 503);
    } else if (code == 0 && desire->existed && ccb_slice_equal(mine, theirs)) {
        succeed(desire); /* another was as quick, with the same wish */
    } else if (code == 0 && !ccb_etag_may_replace(mine, theirs)) {
        ccb_log_write(&desire->log, CCB_LEVEL_INFO, "newer-version-is-desired",
                      CCB_FIELDS(ccb_log_text("etag", mine),
                                 ccb_log_text("annotation", theirs)));
        finish(desire, 202);
    } else {
        return false;
    }
    return true;
}

/* An update replaces all routes: those that can't be read can't be kept. */
static bool has_readable_routes(struct ccb_json existing)
{
    enum ccb_json_type routes = ccb_json_get(existing, "routes").type;
    return routes == CCB_JSON_OBJECT || routes == CCB_JSON_NULL ||
           routes == CCB_JSON_NONE;
}

static void on_existing(void *user, const struct ccb_diego_answer *answer)
{
    struct desire *desire = user;
    if (answer->code == 0 && !has_readable_routes(answer->object)) {
        fail(desire, "unexpected-error-from-get-desired-lrp",
             ccb_slice_of("routes of the desired LRP: expected an object"),
             503);
        return;
    }
    if (answer->code == 0 && settle(desire, answer->object))
        return;
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

static void start(void *user)
{
    look_up(user);
}

static void on_left(void *user)
{
    struct desire *desire = user;
    ccb_log_info(&desire->log, "peer-left-while-waiting");
    finish(desire, 503); /* nobody reads it */
}

static void on_long_variable(void *user, struct ccb_slice variable, size_t size)
{
    const struct desire *desire = user;
    ccb_log_write(&desire->log, CCB_LEVEL_INFO, "environment-value-too-long",
                  CCB_FIELDS(ccb_log_text("variable", variable),
                             ccb_log_int("size", (int64_t)size),
                             ccb_log_int("limit", CCB_MAX_ENVIRONMENT_STRING)));
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
    ccb_environment_check(&desire->message.environment, on_long_variable,
                          desire);
    ccb_in_turn_begin(&desire->in_turn, desire->listener, request, desire->guid,
                      start, on_left, desire);
}
