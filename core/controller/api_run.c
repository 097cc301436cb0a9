/*
 * The control API: staging, starting, stopping (docs/control-api.md). What is
 * asked is written down first, with what is to be told to the other roles; a
 * courier tells them, and the answer waits for it.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "controller/blobs.h"
#include "controller/internal.h"

/* How long after its own deadline a staging is given up. */
#define STAGING_GRACE (60 * CCB_SECOND)

struct act {
    struct ccb_errand errand; /* first */
    enum ccb_errand_kind kind;
    struct ccb_slice key;
    int64_t id;    /* of the outbox's row; 0: nothing to wait for */
    int64_t index; /* of the instance */
};

static struct ccb_errand *begin(struct ccb_http_request *request, void *user,
                                int status)
{
    struct ccb_errand *errand =
        ccb_errand_begin(user, request, sizeof(struct act));

    if (errand) {
        errand->name = ccb_http_request_info(request)->params[0];
        errand->status = status;
    }
    return errand;
}

static int load(struct ccb_errand *errand, struct ccb_ledger *ledger,
                struct ccb_error *err)
{
    return ccb_app_load(ledger, &errand->app, CCB_APP_BY_NAME, errand->name,
                        err);
}

/* Says it to others, and the answer waits for that. */
static int tell(struct act *act, struct ccb_ledger *ledger,
                enum ccb_errand_kind kind, struct ccb_slice key,
                struct ccb_error *err)
{
    act->kind = kind;
    act->key = key;
    if (!key.ptr)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    return ccb_outbox_add(ledger, kind, key, &act->id, err);
}

static void wait_or_answer(struct ccb_errand *errand)
{
    struct act *act = (struct act *)errand;

    if (act->id == 0)
        ccb_errand_answer(errand);
    else
        ccb_errand_wait(errand, act->kind, act->key, act->id);
}

/* ---- POST stage --------------------------------------------------------- */

static int check_stage(struct ccb_errand *errand, struct ccb_error *err)
{
    struct ccb_app *app = &errand->app;
    struct ccb_settings settings;
    int code;

    if (!app->bits.ptr)
        return ccb_fault(err, "NoBits",
                         "the app \"%.*s\" has no bits yet; upload them first",
                         (int)app->name.len, app->name.ptr);
    if (ccb_staging_under_way(&app->staging))
        return ccb_fault(err, "StagingInProgress",
                         "the app \"%.*s\" is being staged; wait for it, or "
                         "stop it",
                         (int)app->name.len, app->name.ptr);
    code = ccb_settings_decode(&settings, app->settings, errand->arena, err);
    if (code == 0)
        code = ccb_message_check_buildpack(&errand->controller->shared->packs,
                                           settings.buildpack, err);
    return code;
}

static int insert_staging(struct ccb_errand *errand, struct ccb_ledger *ledger,
                          struct ccb_slice guid, struct ccb_error *err)
{
    int64_t limit = errand->controller->shared->config->staging_timeout;
    int code = ccb_ledger_run(
        ledger, err,
        "INSERT OR REPLACE INTO stagings (app, guid, state, started_at, "
        "ended_at, deadline) VALUES (?, ?, 'PENDING', ?, 0, ?)",
        "itii", errand->app.id, guid, ledger->now,
        ledger->now + limit + STAGING_GRACE);

    if (code == 0)
        code =
            ccb_event_add(ledger, errand->name, "staging.start", err,
                          "the staging %.*s begins", (int)guid.len, guid.ptr);
    if (code == 0) /* of the staging before, if that left one */
        code = ccb_blobs_release(ledger, errand->app.staging.upload, err);
    return code;
}

static int stage(struct ccb_errand *errand, struct ccb_ledger *ledger,
                 struct ccb_error *err)
{
    struct ccb_slice guid;
    char hex[33];
    int code = load(errand, ledger, err);

    if (code == 0)
        code = check_stage(errand, err);
    if (code == 0)
        code = ccb_guid_hex(hex, err);
    if (code < 0)
        return code;
    guid = ccb_arena_format(errand->arena, "%.*s-%s", (int)errand->app.guid.len,
                            errand->app.guid.ptr, hex);
    if (!guid.ptr)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    code = insert_staging(errand, ledger, guid, err);
    if (code == 0)
        code = tell((struct act *)errand, ledger, CCB_TELL_STAGE, guid, err);
    ccb_buf_printf(&errand->out, "{\"staging_guid\":\"%s\"}", guid.ptr);
    return code;
}

static void on_staged(struct ccb_errand *errand)
{
    struct ccb_controller *controller = errand->controller;

    wait_or_answer(errand);
    ccb_deadline_check(controller);
}

void ccb_controller_stage(struct ccb_http_request *request, void *user)
{
    struct ccb_errand *errand = begin(request, user, 202);

    if (errand)
        ccb_errand_run(errand, stage, on_staged);
}

/* ---- DELETE stage ------------------------------------------------------- */

static int stop_staging(struct ccb_errand *errand, struct ccb_ledger *ledger,
                        struct ccb_error *err)
{
    int code = load(errand, ledger, err);

    if (code < 0 || !ccb_staging_under_way(&errand->app.staging))
        return code;
    code = ccb_staging_fail(ledger, &errand->app, "StagingStopped", NULL, err);
    if (code < 0)
        return code;
    return tell((struct act *)errand, ledger, CCB_TELL_CANCEL,
                errand->app.staging.guid, err);
}

void ccb_controller_stop_staging(struct ccb_http_request *request, void *user)
{
    struct ccb_errand *errand = begin(request, user, 202);

    if (errand)
        ccb_errand_run(errand, stop_staging, wait_or_answer);
}

/* ---- start and restart -------------------------------------------------- */

/* The next version: what is set and staged now. */
static int renew(struct ccb_errand *errand, struct ccb_ledger *ledger,
                 struct ccb_error *err)
{
    struct ccb_app *app = &errand->app;
    struct ccb_droplet before = app->run_droplet;
    char version[37];
    int code = ccb_guid_make(version, err);

    if (code < 0)
        return code;
    app->version = ccb_arena_copy(errand->arena, ccb_slice_of(version));
    if (!app->version.ptr)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    app->started = true;
    app->running = app->settings;
    app->run_droplet = app->droplet;
    app->updated_at = app->desired_at = ledger->now;
    code = ccb_app_save(ledger, app, err);
    return code < 0 ? code : ccb_droplet_release(ledger, app, &before, err);
}

static int remove_process(struct ccb_ledger *ledger, struct ccb_slice process,
                          struct ccb_error *err)
{
    if (!process.ptr)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    return ccb_outbox_add(ledger, CCB_TELL_REMOVE, process, NULL, err);
}

/* `first`: the old version goes before the new one comes, as a restart wants
 * it; a start keeps it until the new one is desired. */
static int replace(struct ccb_errand *errand, struct ccb_ledger *ledger,
                   bool first, struct ccb_error *err)
{
    struct ccb_app *app = &errand->app;
    struct ccb_slice old = ccb_app_process_guid(errand->arena, app);
    bool was_started = app->started;
    int code = 0;

    if (was_started && first)
        code = remove_process(ledger, old, err);
    if (code == 0)
        code = renew(errand, ledger, err);
    if (code == 0)
        code =
            tell((struct act *)errand, ledger, CCB_TELL_DESIRE, app->guid, err);
    if (code == 0 && was_started && !first)
        code = remove_process(ledger, old, err);
    if (code == 0)
        code = ccb_event_add(ledger, app->name, "app.start", err,
                             "started as version %.*s", (int)app->version.len,
                             app->version.ptr);
    return code;
}

static int load_staged(struct ccb_errand *errand, struct ccb_ledger *ledger,
                       struct ccb_error *err)
{
    int code = load(errand, ledger, err);

    if (code == 0 && errand->app.droplet.id == 0)
        return ccb_fault(err, "NotStaged",
                         "the app \"%.*s\" has no droplet yet; stage it first",
                         (int)errand->app.name.len, errand->app.name.ptr);
    return code;
}

/* One that runs already as it is set is only desired again. */
static int start(struct ccb_errand *errand, struct ccb_ledger *ledger,
                 struct ccb_error *err)
{
    struct ccb_app *app = &errand->app;
    int code = load_staged(errand, ledger, err);

    if (code < 0)
        return code;
    if (app->started && app->droplet.id == app->run_droplet.id &&
        ccb_slice_equal(app->settings, app->running))
        return tell((struct act *)errand, ledger, CCB_TELL_DESIRE, app->guid,
                    err);
    return replace(errand, ledger, false, err);
}

static int restart(struct ccb_errand *errand, struct ccb_ledger *ledger,
                   struct ccb_error *err)
{
    int code = load_staged(errand, ledger, err);

    return code < 0 ? code : replace(errand, ledger, true, err);
}

void ccb_controller_start(struct ccb_http_request *request, void *user)
{
    struct ccb_errand *errand = begin(request, user, 202);

    if (errand)
        ccb_errand_run(errand, start, wait_or_answer);
}

void ccb_controller_restart(struct ccb_http_request *request, void *user)
{
    struct ccb_errand *errand = begin(request, user, 202);

    if (errand)
        ccb_errand_run(errand, restart, wait_or_answer);
}

/* ---- stop and delete ---------------------------------------------------- */

static int forget_desire(struct ccb_ledger *ledger, const struct ccb_app *app,
                         struct ccb_error *err)
{
    return ccb_ledger_run(ledger, err,
                          "DELETE FROM outbox WHERE kind = ? AND key = ?", "it",
                          (int64_t)CCB_TELL_DESIRE, app->guid);
}

static int stop(struct ccb_errand *errand, struct ccb_ledger *ledger,
                struct ccb_error *err)
{
    struct ccb_app *app = &errand->app;
    int code = load(errand, ledger, err);

    if (code < 0 || !app->started)
        return code;
    app->started = false;
    app->updated_at = ledger->now;
    code = ccb_app_save(ledger, app, err);
    if (code == 0)
        code = forget_desire(ledger, app, err);
    if (code == 0)
        code = ccb_event_add(ledger, app->name, "app.stop", err,
                             "the app was stopped");
    if (code < 0)
        return code;
    return tell((struct act *)errand, ledger, CCB_TELL_REMOVE,
                ccb_app_process_guid(errand->arena, app), err);
}

void ccb_controller_stop(struct ccb_http_request *request, void *user)
{
    struct ccb_errand *errand = begin(request, user, 202);

    if (errand)
        ccb_errand_run(errand, stop, wait_or_answer);
}

/* What is to be told is written down: the answer need not wait for it. */
static int delete_app(struct ccb_errand *errand, struct ccb_ledger *ledger,
                      struct ccb_error *err)
{
    struct ccb_app *app = &errand->app;
    struct ccb_slice staging;
    int code = load(errand, ledger, err);

    if (code < 0)
        return code;
    staging = app->staging.guid;
    if (app->started)
        code = remove_process(ledger, ccb_app_process_guid(errand->arena, app),
                              err);
    if (code == 0)
        code = forget_desire(ledger, app, err);
    if (code == 0 && ccb_staging_under_way(&app->staging))
        code = ccb_outbox_add(ledger, CCB_TELL_CANCEL, staging, NULL, err);
    if (code == 0)
        code = ccb_app_remove(ledger, app, err);
    if (code == 0)
        code = ccb_event_add(ledger, app->name, "app.delete", err,
                             "the app was deleted");
    return code;
}

static void on_deleted(struct ccb_errand *errand)
{
    struct ccb_controller *controller = errand->controller;

    ccb_errand_answer(errand);
    ccb_couriers_wake(controller);
}

void ccb_controller_delete(struct ccb_http_request *request, void *user)
{
    struct ccb_errand *errand = begin(request, user, 204);

    if (errand)
        ccb_errand_run(errand, delete_app, on_deleted);
}

/* ---- one instance ------------------------------------------------------- */

static int find_instance(struct ccb_errand *errand, struct ccb_ledger *ledger,
                         struct ccb_error *err)
{
    struct act *act = (struct act *)errand;
    int code = load(errand, ledger, err);

    if (code < 0)
        return code;
    if (!errand->app.started || act->index < 0 ||
        act->index >= errand->app.instances)
        return ccb_fault(err, "InstanceNotFound",
                         "the app \"%.*s\" has no instance of that number",
                         (int)errand->app.name.len, errand->app.name.ptr);
    return 0;
}

static int record_kill(struct ccb_errand *errand, struct ccb_ledger *ledger,
                       struct ccb_error *err)
{
    return ccb_event_add(ledger, errand->app.name, "instance.kill", err,
                         "instance %lld was killed",
                         (long long)((struct act *)errand)->index);
}

static void on_killed(struct ccb_errand *errand,
                      const struct ccb_http_answer *answer)
{
    struct ccb_error err;

    if (answer->code == 0 && answer->status == 202) {
        ccb_errand_run(errand, record_kill, NULL);
        return;
    }
    if (answer->code == 0 && answer->status == 404)
        ccb_fault(&err, "InstanceNotFound",
                  "instance %lld does not run at this moment",
                  (long long)((struct act *)errand)->index);
    else
        ccb_controller_unavailable(&err, CCB_PEER_NSYNC, answer);
    ccb_errand_fail(errand, &err);
}

static void kill_instance(struct ccb_errand *errand)
{
    struct ccb_slice guid = ccb_app_process_guid(errand->arena, &errand->app);
    struct ccb_slice path = ccb_arena_format(
        errand->arena, "/v1/apps/%.*s/index/%lld", (int)guid.len, guid.ptr,
        (long long)((struct act *)errand)->index);

    ccb_errand_call(errand, CCB_PEER_NSYNC, "DELETE", path, ccb_slice_of(""),
                    on_killed);
}

void ccb_controller_kill(struct ccb_http_request *request, void *user)
{
    struct ccb_slice text = ccb_http_request_info(request)->params[1];
    struct ccb_errand *errand = begin(request, user, 202);
    int64_t index = text.len > 9 ? -1 : 0;

    if (!errand)
        return;
    for (size_t i = 0; index >= 0 && i < text.len; i++)
        index = text.ptr[i] >= '0' && text.ptr[i] <= '9'
                    ? index * 10 + (text.ptr[i] - '0')
                    : -1;
    ((struct act *)errand)->index = index;
    ccb_errand_run(errand, find_instance, kill_instance);
}
