/*
 * DELETE /v1/apps/:process_guid and .../index/:index: stop an app, kill one
 * instance (contract/nsync.md 1.2). Both are one call to the back end; a stop
 * takes its turn.
 */
#include "nsync/in_turn.h"

#include "base/number.h"

struct removal {
    struct ccb_listener *listener;
    struct ccb_http_request *request;
    struct ccb_arena *arena;
    struct ccb_slice guid;
    bool killing; /* one instance, not the whole app */
    int64_t index;
    const char *not_found;     /* the error name that means 404 */
    const char *failed_action; /* for the log */
    struct ccb_in_turn in_turn;
    struct ccb_log_session log;
    struct ccb_log_field log_fields[2];
};

static struct removal *begin(struct ccb_http_request *request,
                             struct ccb_listener *listener)
{
    struct ccb_arena *arena = ccb_http_request_arena(request);
    struct removal *removal = ccb_arena_alloc(arena, sizeof(*removal));
    if (!removal) {
        ccb_http_respond(request, 503, NULL, ccb_slice_make(NULL, 0));
        return NULL;
    }
    removal->listener = listener;
    removal->request = request;
    removal->arena = arena;
    removal->guid = ccb_http_request_info(request)->params[0];
    return removal;
}

static void finish(struct removal *removal, int status)
{
    ccb_in_turn_end(&removal->in_turn);
    ccb_http_respond(removal->request, status, NULL, ccb_slice_make(NULL, 0));
}

static void fail(struct removal *removal, struct ccb_slice text, int status)
{
    ccb_log_write(&removal->log, CCB_LEVEL_ERROR, removal->failed_action,
                  CCB_FIELDS(ccb_log_text("error", text)));
    finish(removal, status);
}

/* With turns, an app that is gone already was stopped by the bulker, or by an
 * earlier request that CC gave up on. */
static bool is_gone(const struct removal *removal,
                    const struct ccb_diego_answer *answer)
{
    return !removal->killing && removal->listener->shared->config->take_turns &&
           ccb_slice_is(answer->name, removal->not_found);
}

static void on_done(void *user, const struct ccb_diego_answer *answer)
{
    struct removal *removal = user;
    if (answer->code < 0 && !is_gone(removal, answer)) {
        fail(removal, answer->message,
             ccb_slice_is(answer->name, removal->not_found) ? 404 : 503);
        return;
    }
    if (removal->killing)
        ccb_log_write(&removal->log, CCB_LEVEL_INFO, "requested-stop-index",
                      CCB_FIELDS(ccb_log_text("process_guid", removal->guid),
                                 ccb_log_int("index", removal->index)));
    finish(removal, 202);
}

static void call(struct removal *removal, enum ccb_diego_operation operation)
{
    struct ccb_diego_call_options options = {
        .operation = operation,
        .guid = removal->guid,
        .index = removal->index,
        .arena = removal->arena,
        .on_done = on_done,
        .user = removal,
    };
    struct ccb_error err;
    if (ccb_diego_call(removal->listener->diego, &options, &err) < 0)
        fail(removal, ccb_slice_of(err.message), 503);
}

static void stop(void *user)
{
    call(user, CCB_DIEGO_DELETE_LRP);
}

static void on_left(void *user)
{
    struct removal *removal = user;
    ccb_log_info(&removal->log, "peer-left-while-waiting");
    finish(removal, 503); /* nobody reads it */
}

void ccb_listener_stop(struct ccb_http_request *request, void *user)
{
    struct removal *removal = begin(request, user);
    if (!removal)
        return;
    removal->not_found = CCB_DIEGO_LRP_NOT_FOUND;
    removal->failed_action = "failed-to-delete-desired-lrp";
    removal->log_fields[0] = ccb_log_text("process-guid", removal->guid);
    ccb_log_begin(&removal->log, removal->listener->shared->log, "stop-app",
                  removal->log_fields, 1);
    ccb_in_turn_begin(&removal->in_turn, removal->listener, request,
                      removal->guid, stop, on_left, removal);
}

void ccb_listener_kill(struct ccb_http_request *request, void *user)
{
    struct removal *removal = begin(request, user);
    struct ccb_slice index;
    if (!removal)
        return;
    index = ccb_http_request_info(request)->params[1];
    removal->not_found = CCB_DIEGO_INDEX_NOT_FOUND;
    removal->log_fields[0] = ccb_log_text("ProcessGuid", removal->guid);
    removal->log_fields[1] = ccb_log_text("Index", index);
    ccb_log_begin(&removal->log, removal->listener->shared->log, "kill-index",
                  removal->log_fields, 2);
    if (ccb_number_parse(index, &removal->index) < 0) {
        removal->failed_action = "invalid-index";
        fail(removal, ccb_slice_of("not a number"), 400);
        return;
    }
    removal->failed_action = "request-kill-actual-lrp-index-failed";
    removal->killing = true;
    call(removal, CCB_DIEGO_KILL_INDEX);
}
