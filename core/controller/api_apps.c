/*
 * The control API: apps, what is known of them, and how they are set
 * (docs/control-api.md).
 */
#include <unistd.h>

#include "base/clock.h"
#include "controller/instances.h"
#include "controller/internal.h"
#include "net/url.h"

static struct ccb_errand *begin(struct ccb_http_request *request, void *user,
                                size_t size)
{
    const struct ccb_http_request_info *info = ccb_http_request_info(request);
    struct ccb_errand *errand = ccb_errand_begin(user, request, size);

    if (errand && info->param_count > 0)
        errand->name = info->params[0];
    return errand;
}

static int put_app(struct ccb_errand *errand, const struct ccb_app *app,
                   struct ccb_slice instances, struct ccb_error *err)
{
    struct ccb_json_writer w;
    int code;

    ccb_json_writer_init(&w, ccb_buf_sink, &errand->out);
    code = ccb_message_app(&w, app, errand->controller->shared->facts.stack,
                           instances, errand->arena, err);
    if (ccb_json_writer_end(&w) < 0 && code == 0)
        code = ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    return code;
}

/* ---- GET /v1/apps ------------------------------------------------------- */

static int list(struct ccb_errand *errand, struct ccb_ledger *ledger,
                struct ccb_error *err)
{
    struct ccb_slice after = CCB_LIT("");
    struct ccb_app app;
    const char *between = "";
    int code;

    ccb_buf_put(&errand->out, "{\"apps\":[");
    code = ccb_app_next(ledger, &app, after, err);
    while (code > 0) {
        ccb_buf_put(&errand->out, between);
        code = put_app(errand, &app, ccb_slice_of(""), err);
        between = ",";
        after = app.name;
        if (code == 0)
            code = ccb_app_next(ledger, &app, after, err);
    }
    ccb_buf_put(&errand->out, "]}");
    return code;
}

void ccb_controller_apps(struct ccb_http_request *request, void *user)
{
    struct ccb_errand *errand = begin(request, user, sizeof(*errand));

    if (errand)
        ccb_errand_run(errand, list, NULL);
}

/* ---- GET /v1/apps/NAME -------------------------------------------------- */

struct show {
    struct ccb_errand errand; /* first */
    struct ccb_slice process, stats;
};

static int load(struct ccb_errand *errand, struct ccb_ledger *ledger,
                struct ccb_error *err)
{
    return ccb_app_load(ledger, &errand->app, CCB_APP_BY_NAME, errand->name,
                        err);
}

static void finish_show(struct ccb_errand *errand, struct ccb_slice instances)
{
    struct ccb_error err;

    if (put_app(errand, &errand->app, instances, &err) < 0)
        ccb_errand_fail(errand, &err);
    else
        ccb_errand_answer(errand);
}

static void on_status(struct ccb_errand *errand,
                      const struct ccb_http_answer *answer)
{
    struct show *show = (struct show *)errand;
    struct ccb_slice instances = CCB_LIT("null");
    struct ccb_buf merged = {0};
    struct ccb_error err;
    int code = answer->code;

    if (code == 0 && answer->status != 200)
        code = ccb_controller_unavailable(&err, CCB_PEER_TPS, answer);
    if (code == 0)
        code = ccb_instances_merge(&merged, show->stats, answer->body,
                                   errand->app.instances, errand->arena, &err);
    if (code == 0)
        instances = ccb_buf_slice(&merged);
    finish_show(errand, instances);
    ccb_buf_destroy(&merged);
}

/* 404: the back end does not know the process (yet). */
static void on_stats(struct ccb_errand *errand,
                     const struct ccb_http_answer *answer)
{
    struct show *show = (struct show *)errand;
    struct ccb_slice path;

    if (answer->code < 0 || (answer->status != 200 && answer->status != 404)) {
        finish_show(errand, ccb_slice_of("null"));
        return;
    }
    if (answer->status == 200)
        show->stats = ccb_arena_copy(errand->arena, answer->body);
    path = ccb_arena_format(errand->arena, "/v1/actual_lrps/%.*s",
                            (int)show->process.len, show->process.ptr);
    ccb_errand_call(errand, CCB_PEER_TPS, "GET", path, ccb_slice_of(""),
                    on_status);
}

static void ask_instances(struct ccb_errand *errand)
{
    struct show *show = (struct show *)errand;
    struct ccb_slice path;

    if (!errand->app.started) {
        finish_show(errand, ccb_slice_of("[]"));
        return;
    }
    show->process = ccb_app_process_guid(errand->arena, &errand->app);
    path = ccb_arena_format(errand->arena, "/v1/actual_lrps/%.*s/stats",
                            (int)show->process.len, show->process.ptr);
    ccb_errand_call(errand, CCB_PEER_TPS, "GET", path, ccb_slice_of(""),
                    on_stats);
}

void ccb_controller_app(struct ccb_http_request *request, void *user)
{
    struct ccb_errand *errand = begin(request, user, sizeof(struct show));

    if (errand)
        ccb_errand_run(errand, load, ask_instances);
}

/* ---- PUT /v1/apps/NAME -------------------------------------------------- */

struct change {
    struct ccb_errand errand; /* first */
    struct ccb_slice body;
    bool scaled;
    int64_t outbox_id;
};

static int make(struct ccb_errand *errand, struct ccb_ledger *ledger,
                struct ccb_error *err)
{
    struct ccb_app *app = &errand->app;
    char guid[37], version[37];
    int code = ccb_guid_make(guid, err);

    *app = (struct ccb_app){.name = errand->name,
                            .instances = 1,
                            .created_at = ledger->now,
                            .updated_at = ledger->now};
    if (!ccb_settings_name_ok(errand->name))
        return ccb_fault(err, "InvalidRequest",
                         "an app's name has up to 100 letters, digits, '-', "
                         "'_' and '.', and begins with a letter or digit");
    if (code == 0)
        code = ccb_guid_make(version, err);
    if (code < 0)
        return code;
    app->guid = ccb_arena_copy(errand->arena, ccb_slice_of(guid));
    app->version = ccb_arena_copy(errand->arena, ccb_slice_of(version));
    return app->guid.ptr && app->version.ptr
               ? 0
               : ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
}

/* What the body says, on what is there. */
static int merge(struct change *change, struct ccb_error *err)
{
    struct ccb_errand *errand = &change->errand;
    struct ccb_app *app = &errand->app;
    struct ccb_settings settings;
    struct ccb_buf text = {0};
    int code = 0;

    ccb_settings_default(&settings);
    if (app->settings.ptr)
        code =
            ccb_settings_decode(&settings, app->settings, errand->arena, err);
    if (code == 0)
        code = ccb_settings_change(&settings, &app->instances, change->body,
                                   errand->arena, err);
    if (code == 0)
        code = ccb_message_check_buildpack(&errand->controller->shared->packs,
                                           settings.buildpack, err);
    if (code < 0)
        return code;
    ccb_settings_encode(&text, &settings);
    app->settings = ccb_arena_copy(errand->arena, ccb_buf_slice(&text));
    if (text.failed || !app->settings.ptr)
        code = ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    ccb_buf_destroy(&text);
    return code;
}

static int create(struct change *change, struct ccb_ledger *ledger,
                  struct ccb_error *err)
{
    struct ccb_errand *errand = &change->errand;
    int code = make(errand, ledger, err);

    if (code == 0)
        code = merge(change, err);
    if (code == 0)
        code = ccb_app_insert(ledger, &errand->app, err);
    if (code == 0)
        code = ccb_event_add(ledger, errand->name, "app.create", err,
                             "the app was created");
    errand->status = 201;
    return code;
}

/* Instances of a started app reach the back end at once. */
static int scale(struct change *change, struct ccb_ledger *ledger,
                 int64_t before, struct ccb_error *err)
{
    struct ccb_app *app = &change->errand.app;
    int code = ccb_event_add(ledger, app->name, "app.scale", err,
                             "instances: %lld, before %lld",
                             (long long)app->instances, (long long)before);

    if (code < 0 || !app->started)
        return code;
    change->scaled = true;
    app->desired_at = ledger->now;
    return ccb_outbox_add(ledger, CCB_TELL_DESIRE, app->guid,
                          &change->outbox_id, err);
}

static int modify(struct change *change, struct ccb_ledger *ledger,
                  struct ccb_error *err)
{
    struct ccb_app *app = &change->errand.app;
    struct ccb_slice before = app->settings;
    int64_t instances = app->instances;
    int code = merge(change, err);

    if (code < 0)
        return code;
    if (!ccb_slice_equal(before, app->settings))
        code = ccb_event_add(ledger, app->name, "app.update", err,
                             "the app's settings were changed");
    if (code == 0 && instances != app->instances)
        code = scale(change, ledger, instances, err);
    app->updated_at = ledger->now;
    return code < 0 ? code : ccb_app_save(ledger, app, err);
}

static int change_app(struct ccb_errand *errand, struct ccb_ledger *ledger,
                      struct ccb_error *err)
{
    struct change *change = (struct change *)errand;
    int code = load(errand, ledger, err);

    if (code == CCB_NOT_FOUND)
        code = create(change, ledger, err);
    else if (code == 0)
        code = modify(change, ledger, err);
    return code < 0 ? code
                    : put_app(errand, &errand->app, ccb_slice_of(""), err);
}

static void on_changed(struct ccb_errand *errand)
{
    struct change *change = (struct change *)errand;

    if (change->scaled)
        ccb_errand_wait(errand, CCB_TELL_DESIRE, errand->app.guid,
                        change->outbox_id);
    else
        ccb_errand_answer(errand);
}

void ccb_controller_put_app(struct ccb_http_request *request, void *user)
{
    struct ccb_errand *errand = begin(request, user, sizeof(struct change));

    if (!errand)
        return;
    ((struct change *)errand)->body = ccb_http_request_info(request)->body;
    ccb_errand_run(errand, change_app, on_changed);
}

/* ---- GET /v1/status ----------------------------------------------------- */

struct status {
    struct ccb_errand errand; /* first */
    int64_t apps;
};

static int count(struct ccb_errand *errand, struct ccb_ledger *ledger,
                 struct ccb_error *err)
{
    int code = ccb_ledger_number(ledger, err, &((struct status *)errand)->apps,
                                 "SELECT count(*) FROM apps", "");

    return code < 0 ? code : 0;
}

/* Without user info: passwords are shown nowhere. */
static void put_address(struct ccb_json_writer *w, const char *name,
                        struct ccb_slice url)
{
    struct ccb_slice pieces[3] = {{NULL, 0}, CCB_LIT("://"), {NULL, 0}};
    struct ccb_url parsed;

    if (url.len == 0 || ccb_url_parse(&parsed, url, NULL) < 0)
        return;
    pieces[0] = parsed.scheme;
    pieces[2] = parsed.authority;
    ccb_json_key(w, name);
    ccb_json_put_pieces(w, pieces, 3);
}

static void put_status(struct ccb_errand *errand, struct ccb_slice cells)
{
    const struct ccb_controller_shared *shared = errand->controller->shared;
    struct ccb_json_writer w;
    char started[40];

    ccb_time_format(shared->started_at, started);
    ccb_json_writer_init(&w, ccb_buf_sink, &errand->out);
    ccb_json_begin_object(&w);
    ccb_json_member_cstr(&w, "version", CCB_VERSION);
    ccb_json_member_int(&w, "pid", getpid());
    ccb_json_member_cstr(&w, "started_at", started);
    ccb_json_member_cstr(&w, "state_dir", shared->config->state_dir);
    ccb_json_member_int(&w, "apps", ((struct status *)errand)->apps);
    ccb_json_member_string(&w, "stack", shared->facts.stack);
    ccb_json_key(&w, "addresses");
    ccb_json_begin_object(&w);
    put_address(&w, "controller", shared->facts.base_url);
    for (int peer = CCB_PEER_STAGER; peer <= CCB_PEER_DIEGO; peer++)
        put_address(&w, ccb_controller_peer_name((enum ccb_peer)peer),
                    ccb_controller_peer_url(shared, (enum ccb_peer)peer));
    ccb_json_end_object(&w);
    ccb_json_member_raw(&w, "cells", cells);
    ccb_json_end_object(&w);
    if (ccb_json_writer_end(&w) < 0)
        errand->out.failed = CCB_NO_MEMORY;
    ccb_errand_answer(errand);
}

static void on_cells(struct ccb_errand *errand,
                     const struct ccb_http_answer *answer)
{
    struct ccb_json cells = {0};
    bool good =
        answer->code == 0 && answer->status == 200 &&
        ccb_json_parse(&cells, answer->body, CCB_JSON_FIRST, NULL) == 0 &&
        cells.type == CCB_JSON_ARRAY;

    put_status(errand, good ? cells.raw : ccb_slice_of("null"));
}

static void ask_cells(struct ccb_errand *errand)
{
    ccb_errand_call(errand, CCB_PEER_DIEGO, "GET", ccb_slice_of("/v1/cells"),
                    ccb_slice_of(""), on_cells);
}

void ccb_controller_status(struct ccb_http_request *request, void *user)
{
    struct ccb_errand *errand = begin(request, user, sizeof(struct status));

    if (errand)
        ccb_errand_run(errand, count, ask_cells);
}

/* ---- the rest ----------------------------------------------------------- */

void ccb_controller_buildpacks(struct ccb_http_request *request, void *user)
{
    struct ccb_controller *controller = user;
    const struct ccb_packs *packs = &controller->shared->packs;
    struct ccb_errand *errand = begin(request, user, sizeof(*errand));
    struct ccb_json_writer w;

    if (!errand)
        return;
    ccb_json_writer_init(&w, ccb_buf_sink, &errand->out);
    ccb_json_begin_object(&w);
    ccb_json_key(&w, "buildpacks");
    ccb_json_begin_array(&w);
    for (size_t i = 0; i < packs->count; i++) {
        const struct ccb_pack *pack = &packs->items[i];
        const struct ccb_slice digest[] = {CCB_LIT("sha256:"),
                                           ccb_slice_of(pack->digests.sha256)};
        ccb_json_begin_object(&w);
        ccb_json_member_cstr(&w, "name", pack->name);
        ccb_json_member_int(&w, "position", pack->position);
        ccb_json_key(&w, "digest");
        ccb_json_put_pieces(&w, digest, 2);
        ccb_json_member_uint(&w, "bytes", pack->digests.bytes);
        ccb_json_end_object(&w);
    }
    ccb_json_end_array(&w);
    ccb_json_end_object(&w);
    (void)ccb_json_writer_end(&w);
    ccb_errand_answer(errand);
}

void ccb_controller_unknown(struct ccb_http_request *request, void *user)
{
    struct ccb_slice method = ccb_http_request_info(request)->method_text;
    struct ccb_slice path = ccb_http_request_info(request)->path;
    struct ccb_error err;

    (void)user;
    ccb_fault(&err, "NotFound", "there is no %.*s %.*s here",
              (int)(method.len < 20 ? method.len : 20), method.ptr,
              (int)(path.len < 200 ? path.len : 200), path.ptr);
    ccb_controller_refuse(request, false, &err);
}
