/*
 * What the bulker asks of its Cloud Controller: which apps should run
 * (contract/nsync.md 2.4). A page is as long as it asks for, and the token is
 * the last app's number.
 */
#include "controller/internal.h"
#include "net/url.h"

#define MAX_PAGE 10000
#define MAX_ASKED 10000

struct bulk {
    struct ccb_errand errand; /* first */
    int64_t size, after;
    bool fingerprints;
    struct ccb_json asked; /* of the POST */
};

/* ---- GET /internal/bulk/apps -------------------------------------------- */

static int put_one(struct bulk *bulk, struct ccb_json_writer *w,
                   const struct ccb_app *app, struct ccb_error *err)
{
    struct ccb_arena *arena = bulk->errand.arena;

    if (!bulk->fingerprints)
        return ccb_message_desire(w, &bulk->errand.controller->shared->facts,
                                  app, arena, err);
    ccb_json_begin_object(w);
    ccb_json_member_string(w, "process_guid", ccb_app_process_guid(arena, app));
    ccb_json_member_string(w, "etag", ccb_message_etag(arena, app));
    ccb_json_end_object(w);
    return 0;
}

static int list(struct ccb_errand *errand, struct ccb_ledger *ledger,
                struct ccb_error *err)
{
    struct bulk *bulk = (struct bulk *)errand;
    struct ccb_json_writer w;
    struct ccb_app app;
    int64_t count = 0;
    int code = 1;

    ccb_json_writer_init(&w, ccb_buf_sink, &errand->out);
    ccb_json_begin_object(&w);
    ccb_json_key(&w, bulk->fingerprints ? "fingerprints" : "apps");
    ccb_json_begin_array(&w);
    while (code > 0 && count < bulk->size) {
        code = ccb_app_next_started(ledger, &app, bulk->after, err);
        if (code <= 0)
            break;
        bulk->after = app.id;
        count++;
        code = put_one(bulk, &w, &app, err) < 0 ? err->code : 1;
    }
    ccb_json_end_array(&w);
    ccb_json_key(&w, "token");
    ccb_json_begin_object(&w);
    if (count > 0)
        ccb_json_member_int(&w, "id", bulk->after);
    else
        ccb_json_member_raw(&w, "id", ccb_slice_of("null"));
    ccb_json_end_object(&w);
    ccb_json_end_object(&w);
    if (ccb_json_writer_end(&w) < 0 && code >= 0)
        code = ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    return code < 0 ? code : 0;
}

/* The value of a parameter, percent-decoded. */
static struct ccb_slice query(struct ccb_errand *errand, const char *name)
{
    struct ccb_slice raw = ccb_controller_query(errand->request, name), out;

    if (!raw.ptr || ccb_url_unescape(errand->arena, raw, &out) < 0)
        return ccb_slice_of("");
    return out;
}

static int read_query(struct bulk *bulk, struct ccb_error *err)
{
    struct ccb_slice token = query(&bulk->errand, "token");
    struct ccb_slice size = query(&bulk->errand, "batch_size");
    struct ccb_json value;

    bulk->fingerprints =
        ccb_slice_is(query(&bulk->errand, "format"), "fingerprint");
    if (ccb_json_parse(&value, token, CCB_JSON_WHOLE, NULL) < 0 ||
        value.type != CCB_JSON_OBJECT)
        return ccb_fault(err, "InvalidRequest", "token: must be an object");
    if (ccb_json_int64(ccb_json_get(value, "id"), &bulk->after) < 0)
        bulk->after = 0;
    if (ccb_json_parse(&value, size, CCB_JSON_WHOLE, NULL) < 0 ||
        ccb_json_int64(value, &bulk->size) < 0 || bulk->size < 1)
        return ccb_fault(err, "InvalidRequest",
                         "batch_size: must be a positive number");
    if (bulk->size > MAX_PAGE)
        return ccb_fault(err, "InvalidRequest", "batch_size: more than %d",
                         MAX_PAGE);
    return 0;
}

static struct bulk *begin(struct ccb_http_request *request,
                          struct ccb_controller *controller)
{
    struct bulk *bulk;

    if (!ccb_platform_authorized(request, controller))
        return NULL;
    bulk = ccb_errand_begin(controller, request, sizeof(*bulk));
    if (bulk)
        bulk->errand.platform = true;
    return bulk;
}

void ccb_platform_bulk(struct ccb_http_request *request, void *user)
{
    struct bulk *bulk = begin(request, user);
    struct ccb_error err;

    if (!bulk)
        return;
    if (read_query(bulk, &err) < 0)
        ccb_errand_fail(&bulk->errand, &err);
    else
        ccb_errand_run(&bulk->errand, list, NULL);
}

/* ---- POST /internal/bulk/apps ------------------------------------------- */

/* One that is not, or is stopped, or has another version now, is left out. */
static int put_asked(struct ccb_errand *errand, struct ccb_ledger *ledger,
                     struct ccb_json_writer *w, struct ccb_slice guid,
                     struct ccb_error *err)
{
    struct ccb_slice app_guid = ccb_guid_of_app(guid), process;
    struct ccb_app app;
    int code = app_guid.ptr
                   ? ccb_app_load(ledger, &app, CCB_APP_BY_GUID, app_guid, err)
                   : CCB_NOT_FOUND;

    if (code == CCB_NOT_FOUND || (code == 0 && !app.started))
        return 0;
    if (code < 0)
        return code;
    process = ccb_app_process_guid(errand->arena, &app);
    if (!ccb_slice_equal(process, guid))
        return 0;
    return ccb_message_desire(w, &errand->controller->shared->facts, &app,
                              errand->arena, err);
}

static int fetch(struct ccb_errand *errand, struct ccb_ledger *ledger,
                 struct ccb_error *err)
{
    struct ccb_json_iter it = ccb_json_iter(((struct bulk *)errand)->asked);
    struct ccb_json_alloc alloc = ccb_arena_json(errand->arena);
    struct ccb_json_writer w;
    struct ccb_slice guid;
    int code = 0;

    ccb_json_writer_init(&w, ccb_buf_sink, &errand->out);
    ccb_json_begin_array(&w);
    while (code == 0 && ccb_json_next(&it) && it.index < MAX_ASKED)
        if (ccb_json_string(it.value, &alloc, &guid) == 0)
            code = put_asked(errand, ledger, &w, guid, err);
    ccb_json_end_array(&w);
    if (ccb_json_writer_end(&w) < 0 && code == 0)
        code = ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    return code;
}

void ccb_platform_bulk_fetch(struct ccb_http_request *request, void *user)
{
    struct bulk *bulk = begin(request, user);
    struct ccb_error err;

    if (!bulk)
        return;
    if (ccb_json_parse(&bulk->asked, ccb_http_request_info(request)->body,
                       CCB_JSON_WHOLE, &err) < 0 ||
        bulk->asked.type != CCB_JSON_ARRAY) {
        ccb_fault(&err, "MessageParseError",
                  "Request invalid due to parse error: an array of process "
                  "guids is wanted");
        ccb_errand_fail(&bulk->errand, &err);
        return;
    }
    ccb_errand_run(&bulk->errand, fetch, NULL);
}
