/*
 * Routes of the API and their parameters, and the way of a call through the
 * store: contract/receptor-api.md 1.2, 4.
 *
 * A path is decoded before it is matched; a parameter in the middle may be
 * empty and is refused by name, the last one not.
 */
#include "cell/api_internal.h"

#include <stdio.h>

#include "base/number.h"

/* ---- the table ---------------------------------------------------------- */

#define MAX_SEGMENTS 6

/* What a parameter must be; ":guid" of tasks and LRPs, ":index". */
struct row {
    const char *method;
    const char *path;
    void (*handle)(struct ccb_api_call *call);
    const char *params[2];   /* names, as refusals say them */
    const char *store_field; /* not NULL: the emptiness of the first is found
                                by the store, so it answers UnknownError */
};

static const struct row rows[] = {
    {"POST", "/v1/tasks", ccb_api_task_create, {NULL}, NULL},
    {"GET", "/v1/tasks", ccb_api_tasks, {NULL}, NULL},
    {"GET", "/v1/tasks/:", ccb_api_task_get, {"task_guid"}, NULL},
    {"DELETE", "/v1/tasks/:", ccb_api_task_delete, {"task_guid"}, NULL},
    {"POST",
     "/v1/tasks/:/cancel",
     ccb_api_task_cancel,
     {"task_guid"},
     "Invalid field: task_guid"},
    {"POST", "/v1/desired_lrps", ccb_api_desired_create, {NULL}, NULL},
    {"GET", "/v1/desired_lrps", ccb_api_desireds, {NULL}, NULL},
    {"GET", "/v1/desired_lrps/:", ccb_api_desired_get, {"process_guid"}, NULL},
    {"PUT",
     "/v1/desired_lrps/:",
     ccb_api_desired_update,
     {"process_guid"},
     NULL},
    {"DELETE",
     "/v1/desired_lrps/:",
     ccb_api_desired_delete,
     {"process_guid"},
     NULL},
    {"GET", "/v1/actual_lrps", ccb_api_actuals, {NULL}, NULL},
    {"GET", "/v1/actual_lrps/:", ccb_api_actuals_of, {"process_guid"}, NULL},
    {"GET",
     "/v1/actual_lrps/:/index/:",
     ccb_api_actual_get,
     {"process_guid", "index"},
     NULL},
    {"DELETE",
     "/v1/actual_lrps/:/index/:",
     ccb_api_actual_kill,
     {"process_guid", "index"},
     NULL},
    {"GET", "/v1/cells", ccb_api_cells, {NULL}, NULL},
    {"PUT", "/v1/domains/:", ccb_api_domain_put, {"domain"}, NULL},
    {"GET", "/v1/domains", ccb_api_domains, {NULL}, NULL},
    {"GET", "/v1/events", ccb_api_events, {NULL}, NULL},
    {"GET", "/v1/logs/:", ccb_api_logs, {"log_guid"}, NULL},
    {"POST", "/v1/auth_cookie", ccb_api_auth_cookie, {NULL}, NULL},
};
#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

/* ---- matching ----------------------------------------------------------- */

/* What follows each '/'; 0 when there are too many for any row. */
static size_t split(struct ccb_slice path, struct ccb_slice *segments)
{
    const char *pos = path.ptr, *end = path.ptr + path.len;
    size_t count = 0;

    while (pos < end && *pos == '/' && count < MAX_SEGMENTS) {
        const char *slash = memchr(pos + 1, '/', (size_t)(end - pos) - 1);
        const char *stop = slash ? slash : end;

        segments[count++] = ccb_slice_make(pos + 1, (size_t)(stop - pos) - 1);
        pos = stop;
    }
    return pos == end && count > 0 && segments[count - 1].len > 0 ? count : 0;
}

static bool fits(const struct row *row, const struct ccb_slice *segments,
                 size_t count, struct ccb_slice *params)
{
    struct ccb_slice want[MAX_SEGMENTS];
    size_t wanted = split(ccb_slice_of(row->path), want), taken = 0;

    if (wanted != count)
        return false;
    for (size_t i = 0; i < count; i++)
        if (ccb_slice_is(want[i], ":"))
            params[taken++] = segments[i];
        else if (!ccb_slice_equal(want[i], segments[i]))
            return false;
    return true;
}

static bool method_fits(const struct row *row, struct ccb_slice method)
{
    return ccb_slice_is(method, row->method) ||
           (ccb_slice_is(method, "HEAD") && strcmp(row->method, "GET") == 0);
}

static void answer_text(struct ccb_http_request *request, int status,
                        const char *allow, const char *text)
{
    const struct ccb_http_header headers[] = {
        {CCB_LIT("Content-Type"), CCB_LIT("text/plain; charset=utf-8")},
        {CCB_LIT("Allow"), ccb_slice_of(allow)},
    };

    ccb_api_answer(request, status, headers, allow[0] ? 2 : 1,
                   ccb_slice_of(text));
}

void ccb_api_no_page(struct ccb_http_request *request)
{
    answer_text(request, 404, "", "404 page not found");
}

/* NULL: answered. */
static const struct row *find_row(struct ccb_http_request *request,
                                  struct ccb_slice *params)
{
    const struct ccb_http_request_info *info = ccb_http_request_info(request);
    struct ccb_slice segments[MAX_SEGMENTS];
    size_t count = split(info->path, segments), used = 0;
    char allow[64] = "";

    for (size_t i = 0; count > 0 && i < ROW_COUNT; i++) {
        if (!fits(&rows[i], segments, count, params))
            continue;
        if (method_fits(&rows[i], info->method_text))
            return &rows[i];
        used += (size_t)snprintf(allow + used, sizeof(allow) - used, "%s%s%s",
                                 used ? ", " : "", rows[i].method,
                                 strcmp(rows[i].method, "GET") ? "" : ", HEAD");
    }
    if (used > 0)
        answer_text(request, 405, allow, "Method Not Allowed");
    else
        ccb_api_no_page(request);
    return NULL;
}

/* 0, or answered. */
static int check_params(struct ccb_api_call *call, const struct row *row)
{
    struct ccb_slice params[2] = {call->guid, call->param2};

    for (int i = 0; i < 2 && row->params[i]; i++) {
        if (params[i].len > 0)
            continue;
        if (row->store_field)
            ccb_api_error(call->request, 500, "UnknownError",
                          ccb_slice_of(row->store_field));
        else
            ccb_api_error(call->request, 400, "InvalidRequest",
                          ccb_arena_format(call->arena,
                                           "%s missing from request",
                                           row->params[i]));
        return CCB_INVALID;
    }
    if (row->params[1] && ccb_number_parse(call->param2, &call->index) < 0) {
        ccb_api_error(call->request, 400, "InvalidRequest",
                      ccb_slice_of("index not a number"));
        return CCB_INVALID;
    }
    return 0;
}

void ccb_api_route(struct ccb_http_request *request, struct ccb_api *api)
{
    struct ccb_arena *arena = ccb_http_request_arena(request);
    struct ccb_slice params[2] = {{NULL, 0}, {NULL, 0}};
    const struct row *row = find_row(request, params);
    struct ccb_api_call *call;

    if (!row)
        return;
    call = ccb_arena_alloc(arena, sizeof(*call));
    if (!call) {
        ccb_api_empty(request, 503);
        return;
    }
    call->api = api;
    call->request = request;
    call->arena = arena;
    call->guid = params[0];
    call->param2 = params[1];
    if (check_params(call, row) == 0)
        row->handle(call);
}

/* ---- through the store -------------------------------------------------- */

static void on_submitted(struct ccb_store_op *op)
{
    struct ccb_api_call *call = (struct ccb_api_call *)op;

    if (op->code < 0)
        ccb_api_store_error(call->request, &op->err);
    else if (call->out.len > 0)
        ccb_api_json(call->request, call->status, ccb_buf_slice(&call->out));
    else
        ccb_api_empty(call->request, call->status);
}

/* The answer frees the request's arena and the call in it, so what the call
 * has on the heap goes before: its bytes were copied or sent by then. */
static void on_done(struct ccb_store_op *op)
{
    struct ccb_api_call *call = (struct ccb_api_call *)op;
    struct ccb_buf out = call->out;

    call->on_done(op);
    ccb_buf_destroy(&out);
}

void ccb_api_submit_with(struct ccb_api_call *call,
                         int (*run)(struct ccb_store_op *op,
                                    struct ccb_store_tx *tx,
                                    struct ccb_error *err),
                         void (*then)(struct ccb_store_op *op))
{
    call->op.loop = call->api->options.loop;
    call->op.run = run;
    call->op.on_done = on_done;
    call->on_done = then;
    ccb_store_submit(call->api->options.store, &call->op);
}

void ccb_api_submit(struct ccb_api_call *call,
                    int (*run)(struct ccb_store_op *op, struct ccb_store_tx *tx,
                               struct ccb_error *err),
                    int status)
{
    call->status = status;
    ccb_api_submit_with(call, run, on_submitted);
}
