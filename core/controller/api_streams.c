/*
 * The control API: what is followed. Events come from the ledger, logs are
 * passed on from the embedded Receptor; both no faster than the client reads.
 */
#include "base/clock.h"
#include "controller/internal.h"

#define PAGE 200 /* events read at once */

static const struct ccb_http_header ndjson[] = {
    {CCB_LIT("Content-Type"), CCB_LIT("application/x-ndjson")}};

/* ---- events ------------------------------------------------------------- */

struct follower {
    struct ccb_errand errand; /* first */
    struct ccb_stream stream;
    struct ccb_slice app; /* empty: of all */
    int64_t after;
    bool follow, started;
    bool busy;  /* on the ledger's thread */
    bool more;  /* something happened meanwhile */
    bool full;  /* the client does not read */
    bool leave; /* it ends as soon as it is not busy */
    int count;  /* events of the page */
};

static void read_page(struct follower *f);

static struct follower *of_stream(struct ccb_stream *stream)
{
    return (struct follower *)(void *)((char *)stream -
                                       offsetof(struct follower, stream));
}

static int put_events(struct follower *f, struct ccb_ledger *ledger,
                      sqlite3_stmt *rows, struct ccb_error *err)
{
    int code = ccb_ledger_step(ledger, rows, err);

    for (; code > 0; code = ccb_ledger_step(ledger, rows, err)) {
        struct ccb_json_writer w;
        char time[40];
        f->after = sqlite3_column_int64(rows, 0);
        ccb_time_format(sqlite3_column_int64(rows, 1), time);
        ccb_json_writer_init(&w, ccb_buf_sink, &f->errand.out);
        ccb_json_begin_object(&w);
        ccb_json_member_int(&w, "id", f->after);
        ccb_json_member_cstr(&w, "time", time);
        ccb_json_member_cstr(&w, "app",
                             (const char *)sqlite3_column_text(rows, 2));
        ccb_json_member_cstr(&w, "type",
                             (const char *)sqlite3_column_text(rows, 3));
        ccb_json_member_cstr(&w, "text",
                             (const char *)sqlite3_column_text(rows, 4));
        ccb_json_end_object(&w);
        (void)ccb_json_writer_end(&w);
        ccb_buf_putc(&f->errand.out, '\n');
        f->count++;
    }
    return code;
}

static int page(struct ccb_errand *errand, struct ccb_ledger *ledger,
                struct ccb_error *err)
{
    struct follower *f = (struct follower *)errand;
    sqlite3_stmt *rows = ccb_ledger_query(
        ledger, err,
        "SELECT id, time, app, type, text FROM events WHERE id > ?1 AND "
        "(?2 = '' OR app = ?2) ORDER BY id LIMIT ?3",
        "iti", f->after, f->app, (int64_t)PAGE);

    f->count = 0;
    return put_events(f, ledger, rows, err);
}

static void leave(struct follower *f, bool whole)
{
    struct ccb_http_request *request = f->errand.request;

    if (f->busy) {
        f->leave = true;
        return;
    }
    ccb_stream_remove(f->errand.controller, &f->stream);
    f->errand.request = NULL;
    if (whole)
        ccb_http_finish(request);
    else
        ccb_http_abandon(request);
    ccb_errand_end(&f->errand);
}

static void on_page(struct ccb_errand *errand)
{
    struct follower *f = (struct follower *)errand;
    bool failed = errand->out.failed != 0;
    size_t waiting = 0;

    f->busy = false;
    if (errand->out.len > 0 && !failed)
        waiting = ccb_http_write(errand->request, ccb_buf_slice(&errand->out));
    ccb_buf_reset(&errand->out);
    f->full = waiting > CCB_HTTP_HIGH_WATER;
    if (f->leave || failed) {
        leave(f, !failed);
        return;
    }
    if (f->count == PAGE)
        f->more = true;
    else if (!f->follow) {
        leave(f, true);
        return;
    }
    if (f->more && !f->full)
        read_page(f);
}

static void on_page_failed(struct ccb_errand *errand)
{
    struct follower *f = (struct follower *)errand;

    f->busy = false;
    ccb_log_error(errand->controller->shared->log, "events-failed",
                  errand->err.message);
    leave(f, false);
}

static void read_page(struct follower *f)
{
    if (f->busy || f->full) {
        f->more = true;
        return;
    }
    f->busy = true;
    f->more = false;
    ccb_errand_run(&f->errand, page, on_page);
}

static void on_events(struct ccb_stream *stream)
{
    read_page(of_stream(stream));
}

static void on_events_stop(struct ccb_stream *stream)
{
    leave(of_stream(stream), true);
}

static void on_events_drain(struct ccb_http_request *request, void *user)
{
    struct follower *f = user;

    (void)request;
    f->full = false;
    if (f->more)
        read_page(f);
}

static void on_events_abort(struct ccb_http_request *request, void *user)
{
    (void)request;
    leave(user, true);
}

static int64_t number_of(struct ccb_slice text)
{
    int64_t number = 0;

    for (size_t i = 0; i < text.len && number >= 0; i++)
        number = i < 18 && text.ptr[i] >= '0' && text.ptr[i] <= '9'
                     ? number * 10 + (text.ptr[i] - '0')
                     : -1;
    return number;
}

void ccb_controller_events(struct ccb_http_request *request, void *user)
{
    struct follower *f = ccb_errand_begin(user, request, sizeof(*f));
    struct ccb_error err;

    if (!f)
        return;
    f->app = ccb_controller_query(request, "app");
    f->after = number_of(ccb_controller_query(request, "after"));
    f->follow = ccb_slice_is(ccb_controller_query(request, "follow"), "true");
    f->app.ptr = f->app.ptr ? f->app.ptr : "";
    if (f->after < 0) {
        ccb_fault(&err, "InvalidRequest", "after: must be the id of an event");
        ccb_errand_fail(&f->errand, &err);
        return;
    }
    f->errand.failed = on_page_failed;
    f->stream.on_events = on_events;
    f->stream.on_stop = on_events_stop;
    ccb_stream_add(user, &f->stream);
    ccb_http_on_abort(request, on_events_abort, f);
    ccb_http_on_drain(request, on_events_drain, f);
    ccb_http_respond_start(request, 200, ndjson, 1, -1);
    read_page(f);
}

/* ---- logs --------------------------------------------------------------- */

struct logs {
    struct ccb_errand errand; /* first */
    struct ccb_stream stream;
    bool started, full, added;
};

static struct logs *logs_of_stream(struct ccb_stream *stream)
{
    return (struct logs *)(void *)((char *)stream -
                                   offsetof(struct logs, stream));
}

static void leave_logs(struct logs *logs, bool whole)
{
    struct ccb_http_request *request = logs->errand.request;

    if (logs->errand.call)
        ccb_http_cancel(logs->errand.call);
    logs->errand.call = NULL;
    ccb_stream_remove(logs->errand.controller, &logs->stream);
    logs->errand.request = NULL;
    if (!logs->started)
        ccb_http_respond_start(request, 200, ndjson, 1, -1);
    if (whole)
        ccb_http_finish(request);
    else
        ccb_http_abandon(request);
    ccb_errand_end(&logs->errand);
}

static int on_log_head(void *user, const struct ccb_http_answer *head)
{
    struct logs *logs = user;

    if (head->status == 200) {
        logs->started = true;
        ccb_http_respond_start(logs->errand.request, 200, ndjson, 1, -1);
    }
    return 0;
}

static int on_log_body(void *user, struct ccb_slice piece)
{
    struct logs *logs = user;

    if (!logs->started)
        return 0;
    if (logs->full)
        return CCB_HTTP_PAUSE;
    logs->full =
        ccb_http_write(logs->errand.request, piece) > CCB_HTTP_HIGH_WATER;
    return 0;
}

/* A real Receptor has no such route. */
static void on_log_end(void *user, const struct ccb_http_answer *answer)
{
    struct logs *logs = user;
    struct ccb_error err;

    logs->errand.call = NULL;
    if (logs->started) {
        leave_logs(logs, answer->code == 0);
        return;
    }
    if (answer->code == 0 && answer->status == 404)
        ccb_fault(&err, "RoleUnavailable",
                  "the back end keeps no logs: only the embedded cell does; "
                  "ask the platform's log system");
    else
        ccb_controller_unavailable(&err, CCB_PEER_DIEGO, answer);
    ccb_stream_remove(logs->errand.controller, &logs->stream);
    ccb_errand_fail(&logs->errand, &err);
}

static void on_logs_drain(struct ccb_http_request *request, void *user)
{
    struct logs *logs = user;

    (void)request;
    if (!logs->full)
        return;
    logs->full = false;
    if (logs->errand.call)
        ccb_http_call_resume(logs->errand.call);
}

static void on_logs_abort(struct ccb_http_request *request, void *user)
{
    struct logs *logs = user;

    (void)request;
    if (logs->added)
        leave_logs(logs, true);
}

static void on_logs_stop(struct ccb_stream *stream)
{
    leave_logs(logs_of_stream(stream), true);
}

static int find(struct ccb_errand *errand, struct ccb_ledger *ledger,
                struct ccb_error *err)
{
    return ccb_app_load(ledger, &errand->app, CCB_APP_BY_NAME, errand->name,
                        err);
}

static struct ccb_slice logs_url(struct logs *logs)
{
    struct ccb_errand *errand = &logs->errand;
    struct ccb_slice base =
        ccb_controller_peer_url(errand->controller->shared, CCB_PEER_DIEGO);
    struct ccb_slice guid = errand->app.guid;
    struct ccb_slice tail = ccb_controller_query(errand->request, "tail");
    bool follow =
        ccb_slice_is(ccb_controller_query(errand->request, "follow"), "true");

    return ccb_arena_format(
        errand->arena, "%.*s/v1/logs/%.*s?%s%.*s%sfollow=%s", (int)base.len,
        base.ptr, (int)guid.len, guid.ptr, tail.len > 0 ? "tail=" : "",
        (int)tail.len, tail.len > 0 ? tail.ptr : "", tail.len > 0 ? "&" : "",
        follow ? "true" : "false");
}

static void ask_logs(struct ccb_errand *errand)
{
    struct logs *logs = (struct logs *)errand;
    struct ccb_http_call_options call = {
        .method = "GET",
        .url = logs_url(logs),
        .connect_timeout = 10 * CCB_SECOND,
        .on_head = on_log_head,
        .on_body = on_log_body,
        .on_done = on_log_end,
        .user = logs,
    };
    struct ccb_error err;

    if (!call.url.ptr) {
        ccb_error_set(&err, CCB_NO_MEMORY, "out of memory");
        ccb_errand_fail(errand, &err);
        return;
    }
    if (ccb_http_send(errand->controller->worker->client, &call, &errand->call,
                      &err) < 0) {
        ccb_errand_fail(errand, &err);
        return;
    }
    logs->added = true;
    logs->stream.on_stop = on_logs_stop;
    ccb_stream_add(errand->controller, &logs->stream);
    ccb_http_on_drain(errand->request, on_logs_drain, logs);
    ccb_http_on_abort(errand->request, on_logs_abort, logs);
}

void ccb_controller_logs(struct ccb_http_request *request, void *user)
{
    struct ccb_errand *errand =
        ccb_errand_begin(user, request, sizeof(struct logs));
    struct ccb_slice tail = ccb_controller_query(request, "tail");
    struct ccb_error err;

    if (!errand)
        return;
    errand->name = ccb_http_request_info(request)->params[0];
    if (number_of(tail) < 0) {
        ccb_fault(&err, "InvalidRequest",
                  "tail: must be a number of lines, 0 or more");
        ccb_errand_fail(errand, &err);
        return;
    }
    ccb_errand_run(errand, find, ask_logs);
}
