/*
 * One app of a batch: created, or brought up to date (contract/nsync.md 2.4
 * steps 4 and 5, 2.5, 2.6, 2.7).
 *
 * With -takeTurns it has the turn on its guid while it works. A guid that a
 * live request has touched since the pass began is left alone: that request
 * knew better than what CC said before it, and the next pass looks again. So
 * nothing that CC stopped in the meantime comes back, and nothing new is
 * overwritten by what is older.
 */
#include "nsync/bulk_internal.h"

/* ---- the end ------------------------------------------------------------ */

static void give_turn(struct ccb_bulk_app *app)
{
    if (app->has_turn == CCB_BULK_TURN_HAD)
        ccb_turn_give(&app->turn);
    else if (app->has_turn == CCB_BULK_TURN_WAITED)
        ccb_turn_leave(&app->turn);
    app->has_turn = CCB_BULK_NO_TURN;
}

void ccb_bulk_app_free(struct ccb_bulk_app *app)
{
    give_turn(app);
    app->batch = NULL;
    if (app->in_plugin)
        return;
    ccb_buf_destroy(&app->document);
    ccb_arena_unref(app->arena);
}

static void finish(struct ccb_bulk_app *app)
{
    struct ccb_bulk_batch *batch = app->batch;
    if (app->next)
        app->next->previous = app->previous;
    if (app->previous)
        app->previous->next = app->next;
    else
        batch->running = app->next;
    ccb_bulk_app_free(app);
    ccb_bulk_batch_on_app(batch);
}

/* ---- the log ------------------------------------------------------------ */

static struct ccb_bulk_pass *pass_of(const struct ccb_bulk_app *app)
{
    return app->batch->pass;
}

static const struct ccb_log_session *log_of(const struct ccb_bulk_app *app)
{
    return &app->batch->pass->logs[app->batch->kind->apply];
}

static void log_step(const struct ccb_bulk_app *app, const char *action)
{
    ccb_log_write(
        log_of(app), CCB_LEVEL_DEBUG, action,
        CCB_FIELDS(ccb_log_text("process-guid", app->request.process_guid)));
}

static void fail(struct ccb_bulk_app *app, const char *action,
                 struct ccb_slice error)
{
    ccb_log_write(
        log_of(app), CCB_LEVEL_ERROR, action,
        CCB_FIELDS(ccb_log_text("error", error),
                   ccb_log_text("process-guid", app->request.process_guid)));
    ccb_bulk_pass_spoil(pass_of(app), error);
    finish(app);
}

/* ---- apps that can't be built ------------------------------------------- */

static bool is_systemic(int code)
{
    return code == CCB_NO_MEMORY || code == CCB_TIMED_OUT || code == CCB_IO ||
           code == CCB_CANCELLED;
}

/* Whether it was set aside, and is over. */
static bool quarantined(struct ccb_bulk_app *app, int code,
                        struct ccb_slice error)
{
    struct ccb_quarantine *quarantine = pass_of(app)->tools->quarantine;
    if (!quarantine || is_systemic(code))
        return false;
    ccb_quarantine_add(quarantine, &pass_of(app)->log,
                       app->request.process_guid, error);
    finish(app);
    return true;
}

static void release(const struct ccb_bulk_app *app)
{
    struct ccb_quarantine *quarantine = pass_of(app)->tools->quarantine;
    if (quarantine)
        ccb_quarantine_release(quarantine, &pass_of(app)->log,
                               app->request.process_guid);
}

/* ---- calls -------------------------------------------------------------- */

static int call_diego(struct ccb_bulk_app *app,
                      enum ccb_diego_operation operation,
                      void (*on_done)(void *user,
                                      const struct ccb_diego_answer *answer),
                      struct ccb_error *err)
{
    struct ccb_diego_call_options options = {
        .operation = operation,
        .guid = app->request.process_guid,
        .document = operation == CCB_DIEGO_GET_LRP
                        ? ccb_slice_make(NULL, 0)
                        : ccb_buf_slice(&app->document),
        .arena = app->arena,
        .on_done = on_done,
        .user = app,
    };
    return ccb_diego_call(pass_of(app)->tools->diego, &options, err);
}

static int ask_plugin(struct ccb_bulk_app *app,
                      int (*ask)(const struct ccb_recipe_maker *maker,
                                 const struct ccb_recipe_options *options,
                                 struct ccb_error *err),
                      struct ccb_log_session *log,
                      void (*on_done)(void *user,
                                      const struct ccb_recipe_answer *answer),
                      struct ccb_error *err)
{
    struct ccb_recipe_options options = {
        .request = &app->request,
        .arena = app->arena,
        .log = log,
        .document = &app->document,
        .on_done = on_done,
        .user = app,
    };
    int code = ask(&pass_of(app)->tools->maker, &options, err);
    app->in_plugin = code == 0;
    return code;
}

/* Back from the plugin: false when nobody waits for it any more. */
static bool left_plugin(struct ccb_bulk_app *app)
{
    app->in_plugin = false;
    if (app->batch)
        return true;
    ccb_bulk_app_free(app);
    return false;
}

/* ---- create ------------------------------------------------------------- */

static const char creating_failed[] = "failed-creating-desired-lrp";

static void created(struct ccb_bulk_app *app)
{
    pass_of(app)->tally.created++;
    log_step(app, "succeeded-creating-desired-lrp");
    finish(app);
}

static bool is_same(const struct ccb_bulk_app *app, struct ccb_json lrp)
{
    struct ccb_json_alloc alloc = ccb_arena_json(app->arena);
    struct ccb_json annotation = ccb_json_get(lrp, "annotation");
    struct ccb_slice text = CCB_LIT("");
    if (annotation.type == CCB_JSON_STRING &&
        ccb_json_string(annotation, &alloc, &text) < 0)
        return false;
    return ccb_slice_equal(text, app->request.etag);
}

/* Somebody else made it. With the annotation it should have, all is well. */
static void on_rival(void *user, const struct ccb_diego_answer *answer)
{
    struct ccb_bulk_app *app = user;
    if (answer->code == 0 && is_same(app, answer->object))
        finish(app);
    else
        fail(app, creating_failed,
             ccb_slice_of("it exists already, in another version"));
}

static void on_created(void *user, const struct ccb_diego_answer *answer)
{
    struct ccb_bulk_app *app = user;
    struct ccb_error err;
    if (answer->code == 0)
        created(app);
    else if (!pass_of(app)->tools->config->take_turns ||
             !ccb_slice_is(answer->name, CCB_DIEGO_LRP_EXISTS))
        fail(app, creating_failed, answer->message);
    else if (call_diego(app, CCB_DIEGO_GET_LRP, on_rival, &err) < 0)
        fail(app, creating_failed, ccb_slice_of(err.message));
}

static void refuse(struct ccb_bulk_app *app, int code, const char *error)
{
    if (!quarantined(app, code, ccb_slice_of(error)))
        fail(app, "failed-building-create-desired-lrp-request",
             ccb_slice_of(error));
}

static void on_recipe(void *user, const struct ccb_recipe_answer *answer)
{
    struct ccb_bulk_app *app = user;
    struct ccb_error err;
    if (!left_plugin(app))
        return;
    if (answer->code < 0) {
        refuse(app, answer->code, answer->error);
        return;
    }
    release(app);
    log_step(app, "succeeded-building-create-desired-lrp-request");
    log_step(app, "creating-desired-lrp");
    if (call_diego(app, CCB_DIEGO_CREATE_LRP, on_created, &err) < 0)
        fail(app, creating_failed, ccb_slice_of(err.message));
}

static void create(struct ccb_bulk_app *app)
{
    struct ccb_error err;
    log_step(app, "building-create-desired-lrp-request");
    ccb_log_begin(&app->builder, pass_of(app)->tools->worker->log,
                  "message-builder", NULL, 0);
    if (ask_plugin(app, ccb_recipe_build, &app->builder, on_recipe, &err) < 0)
        refuse(app, err.code, err.message);
}

/* ---- update ------------------------------------------------------------- */

static const char updating_failed[] = "failed-updating-stale-lrp";

static void on_updated(void *user, const struct ccb_diego_answer *answer)
{
    struct ccb_bulk_app *app = user;
    if (answer->code == 0) {
        pass_of(app)->tally.updated++;
        log_step(app, "succeeded-updating-stale-lrp");
        finish(app);
    } else if (pass_of(app)->tools->config->take_turns &&
               ccb_slice_is(answer->name, CCB_DIEGO_LRP_NOT_FOUND)) {
        finish(app); /* stopped meanwhile: the next pass sees what CC says */
    } else {
        fail(app, updating_failed, answer->message);
    }
}

static void send_update(struct ccb_bulk_app *app, struct ccb_json routes)
{
    struct ccb_error err;
    int code;
    ccb_lrp_update_encode(&app->document, &app->request, routes, app->port);
    code = app->document.failed
               ? ccb_error_set(&err, app->document.failed, "out of memory")
               : call_diego(app, CCB_DIEGO_UPDATE_LRP, on_updated, &err);
    if (code < 0)
        fail(app, updating_failed, ccb_slice_of(err.message));
}

static void on_routes(void *user, int code, struct ccb_json routes)
{
    struct ccb_bulk_app *app = user;
    if (code < 0)
        fail(app, updating_failed,
             ccb_slice_of("the routes kept of it can't be read back"));
    else
        send_update(app, routes);
}

/* The metadata is said, since it is what the port is looked for in. */
static void refuse_port(struct ccb_bulk_app *app, int code, const char *error)
{
    struct ccb_json_alloc alloc = ccb_arena_json(app->arena);
    struct ccb_slice text = ccb_slice_of(error), metadata = CCB_LIT("");
    if (quarantined(app, code, text))
        return;
    (void)ccb_json_string(
        ccb_json_get(app->request.document, "execution_metadata"), &alloc,
        &metadata);
    ccb_log_write(
        log_of(app), CCB_LEVEL_ERROR, updating_failed,
        CCB_FIELDS(ccb_log_text("error", text),
                   ccb_log_text("execution-metadata", metadata),
                   ccb_log_text("process-guid", app->request.process_guid)));
    ccb_bulk_pass_spoil(pass_of(app), text);
    finish(app);
}

static void on_port(void *user, const struct ccb_recipe_answer *answer)
{
    struct ccb_bulk_app *app = user;
    struct ccb_snapshot *snapshot;
    struct ccb_error err;
    if (!left_plugin(app))
        return;
    if (answer->code < 0) {
        refuse_port(app, answer->code, answer->error);
        return;
    }
    release(app);
    app->port = answer->port;
    log_step(app, "updating-stale-lrp");
    snapshot = pass_of(app)->snapshot;
    if (ccb_snapshot_read_routes(
            snapshot, ccb_snapshot_find(snapshot, app->request.process_guid),
            app->arena, on_routes, app, &err) < 0)
        fail(app, updating_failed, ccb_slice_of(err.message));
}

static void update(struct ccb_bulk_app *app)
{
    struct ccb_error err;
    if (ccb_snapshot_find(pass_of(app)->snapshot, app->request.process_guid) ==
        CCB_SNAPSHOT_NONE)
        finish(app); /* nobody asked for it: contract/nsync.md 2.5, Edge */
    else if (ask_plugin(app, ccb_recipe_port, pass_of(app)->tools->worker->log,
                        on_port, &err) < 0)
        refuse_port(app, err.code, err.message);
}

/* ---- its turn, and its start -------------------------------------------- */

static void act(struct ccb_bulk_app *app)
{
    bool turns = pass_of(app)->tools->config->take_turns;
    if (turns && ccb_turn_touched(app->request.process_guid))
        finish(app);
    else if (app->refusal.len > 0)
        (void)quarantined(app, CCB_INVALID, app->refusal);
    else if (app->batch->kind->creates)
        create(app);
    else
        update(app);
}

static void on_turn(void *user)
{
    struct ccb_bulk_app *app = user;
    app->has_turn = CCB_BULK_TURN_HAD;
    act(app);
}

void ccb_bulk_app_start(struct ccb_bulk_app *app)
{
    const struct ccb_bulk_tools *tools = pass_of(app)->tools;
    if (!tools->config->take_turns) {
        act(app);
        return;
    }
    app->has_turn = CCB_BULK_TURN_WAITED;
    if (ccb_turn_take(&app->turn, tools->worker->loop,
                      app->request.process_guid, CCB_TURN_BULK, on_turn, app))
        on_turn(app);
}

/* ---- out of CC's answer ------------------------------------------------- */

/* A request that can't be read is kept when there is a guid to name it by. */
static int keep_unread(struct ccb_bulk_app *app, struct ccb_json document,
                       int code, const struct ccb_error *err)
{
    struct ccb_json_alloc alloc = ccb_arena_json(app->arena);
    struct ccb_slice guid, why;
    if (is_systemic(code) ||
        ccb_json_string(ccb_json_get(document, "process_guid"), &alloc, &guid) <
            0 ||
        guid.len == 0)
        return code;
    why = ccb_arena_copy(app->arena, ccb_slice_of(err->message));
    if (!why.ptr)
        return code;
    app->request.process_guid = guid;
    app->refusal = why;
    return 0;
}

static int read_request(struct ccb_bulk_app *app,
                        const struct ccb_bulk_tools *tools,
                        struct ccb_slice text, struct ccb_error *err)
{
    struct ccb_json document;
    int code = ccb_desire_request_decode(&app->request, text, app->arena, err);
    if (code == 0 || !tools->quarantine ||
        ccb_json_parse(&document, text, CCB_JSON_FIRST, NULL) < 0)
        return code;
    return keep_unread(app, document, code, err);
}

int ccb_bulk_app_create(struct ccb_bulk_app **out,
                        const struct ccb_bulk_tools *tools,
                        struct ccb_json document, struct ccb_error *err)
{
    struct ccb_arena *arena =
        ccb_arena_create_for(document.raw.len + sizeof(struct ccb_bulk_app));
    struct ccb_bulk_app *app =
        arena ? ccb_arena_alloc(arena, sizeof(*app)) : NULL;
    struct ccb_slice text = {NULL, 0};
    int code;
    if (app)
        text = ccb_arena_copy(arena, document.raw);
    if (!text.ptr) {
        ccb_arena_unref(arena);
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    }
    app->arena = arena;
    code = read_request(app, tools, text, err);
    if (code < 0) {
        ccb_arena_unref(arena);
        return code;
    }
    *out = app;
    return 0;
}
