/*
 * A request of the uploader: its checks in their order, its time limit, its
 * end (contract/fileserver-ccuploader.md 2.2, 2.5).
 *
 * Invariant: the Cloud Controller is not spoken to before all checks passed;
 * whichever of answer, time limit and the caller's leaving comes first ends
 * the upload, and what comes later finds it over.
 */
#include "base/clock.h"
#include "uploader/internal.h"

#define DEFAULT_SECONDS 300
#define MOST_SECONDS INT64_C(1000000000) /* 30 years: no overflow */

static const struct ccb_uploader_kind droplet = {
    .session = "droplet.upload",
    .parameter = "cc-droplet-upload-uri",
    .file_name = "droplet.tgz",
    .done_status = 201,
    .is_job = true,
    .actions =
        {
            [CCB_UPLOADER_EXTRACTING] = "extracting-droplet-upload-uri-key",
            [CCB_UPLOADER_EXTRACTED] =
                "succeeded-extracting-droplet-upload-uri-key",
            [CCB_UPLOADER_NOT_EXTRACTED] =
                "failed-extracting-droplet-upload-uri-key",
            [CCB_UPLOADER_PARSING] = "parsing-upload-uri-parameter",
            [CCB_UPLOADER_PARSED] = "succeeded-parsing-upload-uri-parameter",
            [CCB_UPLOADER_NOT_PARSED] = "failed-parsing-upload-uri-parameter",
            [CCB_UPLOADER_BAD_TIMEOUT] = "failed-converting-timeout-parameter",
            [CCB_UPLOADER_SENDING] = "uploading-droplet",
            [CCB_UPLOADER_SENT] = "succeeded-uploading-droplet",
            [CCB_UPLOADER_NOT_SENT] = "failed-uploading-droplet",
            [CCB_UPLOADER_POLLING] = "polling-cc-background-upload",
            [CCB_UPLOADER_POLLED] = "succeeded-polling-cc-background-upload",
            [CCB_UPLOADER_NOT_POLLED] = "failed-polling-cc-background-upload",
        },
};

static const struct ccb_uploader_kind build_artifacts = {
    .session = "build-artifacts.upload",
    .parameter = "cc-build-artifacts-upload-uri",
    .file_name = "buildpack_cache.tgz",
    .done_status = 200,
    .actions =
        {
            [CCB_UPLOADER_NOT_EXTRACTED] = "failed",
            [CCB_UPLOADER_NOT_PARSED] = "failed: Invalid upload uri",
            [CCB_UPLOADER_BAD_TIMEOUT] = "failed: Invalid timeout",
            [CCB_UPLOADER_SENDING] = "start",
            [CCB_UPLOADER_SENT] = "success",
            [CCB_UPLOADER_NOT_SENT] = "failed",
        },
};

/* ---- log lines ---------------------------------------------------------- */

static const struct {
    enum ccb_log_level level;
    const char *duration; /* its name, where one is told */
} events[CCB_UPLOADER_EVENTS] = {
    [CCB_UPLOADER_EXTRACTING] = {CCB_LEVEL_INFO, NULL},
    [CCB_UPLOADER_EXTRACTED] = {CCB_LEVEL_INFO, NULL},
    [CCB_UPLOADER_NOT_EXTRACTED] = {CCB_LEVEL_ERROR, NULL},
    [CCB_UPLOADER_PARSING] = {CCB_LEVEL_INFO, NULL},
    [CCB_UPLOADER_PARSED] = {CCB_LEVEL_INFO, NULL},
    [CCB_UPLOADER_NOT_PARSED] = {CCB_LEVEL_ERROR, NULL},
    [CCB_UPLOADER_BAD_TIMEOUT] = {CCB_LEVEL_ERROR, NULL},
    [CCB_UPLOADER_SENDING] = {CCB_LEVEL_INFO, NULL},
    [CCB_UPLOADER_SENT] = {CCB_LEVEL_INFO, "upload-duration"},
    [CCB_UPLOADER_NOT_SENT] = {CCB_LEVEL_ERROR, NULL},
    [CCB_UPLOADER_POLLING] = {CCB_LEVEL_INFO, NULL},
    [CCB_UPLOADER_POLLED] = {CCB_LEVEL_INFO, "poll-duration"},
    [CCB_UPLOADER_NOT_POLLED] = {CCB_LEVEL_ERROR, NULL},
};

void ccb_uploader_log(struct ccb_uploading *upload,
                      enum ccb_uploader_event event, const char *error)
{
    const char *action = upload->kind->actions[event];
    const char *duration = events[event].duration;
    struct ccb_log_field fields[4];
    size_t count = 0;
    char text[40];

    if (action == NULL)
        return;
    if (upload->url_log.len > 0) {
        fields[count++] = ccb_log_json("upload-url", upload->url_log);
        fields[count++] = ccb_log_int("content-length", upload->length);
    }
    if (duration != NULL && upload->kind->is_job) {
        ccb_duration_format(ccb_clock_monotonic() - upload->began, text,
                            sizeof(text));
        fields[count++] = ccb_log_cstr(duration, text);
    }
    if (error != NULL)
        fields[count++] = ccb_log_cstr("error", error);
    ccb_log_write(&upload->log, events[event].level, action, fields, count);
}

/* ---- ends --------------------------------------------------------------- */

/* The last one lets go of the memory that the timers lie in. */
static void on_timer_closed(uv_handle_t *timer)
{
    struct ccb_uploading *upload = timer->data;

    if (--upload->handles == 0)
        ccb_arena_unref(upload->arena);
}

void ccb_uploader_end(struct ccb_uploading *upload, int status,
                      struct ccb_slice text)
{
    struct ccb_http_request *request = upload->request;
    struct ccb_http_call *call = upload->call;

    if (upload->state == CCB_UPLOADER_OVER)
        return;
    upload->state = CCB_UPLOADER_OVER;
    upload->call = NULL;
    if (call != NULL)
        ccb_http_cancel(call);
    ccb_uploader_queue_destroy(&upload->held);
    if (upload->handles > 0) {
        uv_close((uv_handle_t *)&upload->limit, on_timer_closed);
        uv_close((uv_handle_t *)&upload->tick, on_timer_closed);
    }
    ccb_buf_destroy(&upload->poll_url);
    /* The last word: without timers the memory goes with the request. */
    ccb_http_respond(request, status, "text/plain; charset=utf-8", text);
}

static void end_with_words(struct ccb_uploading *upload, int status,
                           const char *words)
{
    ccb_uploader_end(upload, status, ccb_slice_of(words));
}

void ccb_uploader_on_sent(struct ccb_uploading *upload, struct ccb_slice body)
{
    ccb_uploader_log(upload, CCB_UPLOADER_SENT, NULL);
    if (!upload->kind->is_job) {
        end_with_words(upload, upload->kind->done_status, "");
        return;
    }
    upload->state = CCB_UPLOADER_POLLS;
    upload->began = ccb_clock_monotonic();
    ccb_uploader_log(upload, CCB_UPLOADER_POLLING, NULL);
    ccb_uploader_poll(upload, body);
}

void ccb_uploader_on_not_sent(struct ccb_uploading *upload, int status,
                              const char *error, struct ccb_slice text)
{
    ccb_uploader_log(upload, CCB_UPLOADER_NOT_SENT, error);
    ccb_uploader_end(upload, status, text);
}

void ccb_uploader_on_polled(struct ccb_uploading *upload)
{
    ccb_uploader_log(upload, CCB_UPLOADER_POLLED, NULL);
    end_with_words(upload, upload->kind->done_status, "");
}

void ccb_uploader_on_not_polled(struct ccb_uploading *upload, const char *error)
{
    ccb_uploader_log(upload, CCB_UPLOADER_NOT_POLLED, error);
    end_with_words(upload, 500, error);
}

/* ---- from outside ------------------------------------------------------- */

static void cancel(struct ccb_uploading *upload, const char *why)
{
    if (upload->state == CCB_UPLOADER_UPLOADING)
        ccb_uploader_send_cancel(upload, why);
    else if (upload->state == CCB_UPLOADER_POLLS)
        ccb_uploader_poll_cancel(upload);
}

static void on_limit(uv_timer_t *timer)
{
    cancel(timer->data, "the time limit is over");
}

static void on_abort(struct ccb_http_request *request, void *user)
{
    (void)request;
    cancel(user, "the caller left");
}

/* ---- checks ------------------------------------------------------------- */

static int no_memory(struct ccb_uploading *upload)
{
    end_with_words(upload, 503, "out of memory");
    return CCB_NO_MEMORY;
}

/* 0, or a code with which the request was answered, as all of these. */
static int take_url(struct ccb_uploading *upload, struct ccb_slice query)
{
    struct ccb_slice text =
        ccb_query_get(upload->arena, query, upload->kind->parameter);
    struct ccb_error err;

    if (text.ptr == NULL)
        return no_memory(upload);
    if (text.len == 0) {
        ccb_error_set(&err, CCB_INVALID, "missing %s parameter",
                      upload->kind->parameter);
        ccb_uploader_log(upload, CCB_UPLOADER_NOT_EXTRACTED, err.message);
        end_with_words(upload, 400, err.message);
        return CCB_INVALID;
    }
    ccb_uploader_log(upload, CCB_UPLOADER_EXTRACTED, NULL);
    ccb_uploader_log(upload, CCB_UPLOADER_PARSING, NULL);
    upload->url_text = text;
    if (ccb_url_parse(&upload->url, text, &err) != CCB_OK) {
        ccb_uploader_log(upload, CCB_UPLOADER_NOT_PARSED, err.message);
        end_with_words(upload, 400, err.message);
        return CCB_INVALID;
    }
    ccb_uploader_log(upload, CCB_UPLOADER_PARSED, NULL);
    return CCB_OK;
}

static int take_timeout(struct ccb_uploading *upload, struct ccb_slice query)
{
    struct ccb_slice text = ccb_query_get(upload->arena, query, "timeout");
    struct ccb_error err;

    if (text.ptr == NULL)
        return no_memory(upload);
    upload->seconds = DEFAULT_SECONDS;
    if (text.len == 0 || ccb_query_int(text, &upload->seconds, &err) == CCB_OK)
        return CCB_OK;
    ccb_uploader_log(upload, CCB_UPLOADER_BAD_TIMEOUT, err.message);
    end_with_words(upload, 400, err.message);
    return CCB_INVALID;
}

/* What is logged from now on, and the URL as it is sent to. */
static int prepare(struct ccb_uploading *upload)
{
    struct ccb_buf text = {0};

    if (upload->kind->is_job) {
        upload->url_text =
            ccb_query_set(upload->arena, upload->url_text, "async", "true");
        if (upload->url_text.ptr == NULL)
            return no_memory(upload);
        (void)ccb_url_parse(&upload->url, upload->url_text, NULL);
    }
    ccb_query_log_url(&text, &upload->url);
    if (!text.failed)
        upload->url_log = ccb_arena_copy(upload->arena, ccb_buf_slice(&text));
    ccb_buf_destroy(&text);
    return upload->url_log.ptr != NULL ? CCB_OK : no_memory(upload);
}

static int check_length(struct ccb_uploading *upload)
{
    static const char words[] = "Missing Content Length";

    ccb_uploader_log(upload, CCB_UPLOADER_SENDING, NULL);
    if (upload->length > 0)
        return CCB_OK;
    ccb_uploader_on_not_sent(upload, 411, words, ccb_slice_of(words));
    return CCB_INVALID;
}

/* ---- the start ---------------------------------------------------------- */

static void start(struct ccb_uploading *upload)
{
    uv_loop_t *loop = &upload->uploader->worker->loop->uv;
    int64_t seconds = upload->seconds;

    upload->state = CCB_UPLOADER_UPLOADING;
    upload->began = ccb_clock_monotonic();
    if (seconds <= 0) {
        cancel(upload, "the time limit is over");
        return;
    }
    (void)ccb_arena_ref(upload->arena);
    (void)uv_timer_init(loop, &upload->limit); /* can't fail */
    (void)uv_timer_init(loop, &upload->tick);
    upload->limit.data = upload->tick.data = upload;
    upload->handles = 2;
    seconds = seconds < MOST_SECONDS ? seconds : MOST_SECONDS;
    (void)uv_timer_start(&upload->limit, on_limit, (uint64_t)seconds * 1000, 0);
    ccb_http_on_abort(upload->request, on_abort, upload);
    ccb_uploader_send(upload);
}

static void receive(struct ccb_http_request *request, struct ccb_uploader *user,
                    const struct ccb_uploader_kind *kind)
{
    struct ccb_slice query = ccb_http_request_info(request)->query;
    struct ccb_arena *arena = ccb_http_request_arena(request);
    struct ccb_uploading *upload = ccb_arena_alloc(arena, sizeof(*upload));

    if (upload == NULL) {
        ccb_http_respond(request, 503, "text/plain; charset=utf-8",
                         ccb_slice_of("out of memory"));
        return;
    }
    upload->uploader = user;
    upload->kind = kind;
    upload->request = request;
    upload->arena = arena;
    upload->length = ccb_http_content_length(request);
    ccb_log_begin(&upload->log, user->worker->log, kind->session, NULL, 0);
    ccb_uploader_log(upload, CCB_UPLOADER_EXTRACTING, NULL);
    if (take_url(upload, query) == CCB_OK &&
        take_timeout(upload, query) == CCB_OK && prepare(upload) == CCB_OK &&
        check_length(upload) == CCB_OK)
        start(upload);
}

void ccb_uploader_droplet(struct ccb_http_request *request, void *user)
{
    receive(request, user, &droplet);
}

void ccb_uploader_build_artifacts(struct ccb_http_request *request, void *user)
{
    receive(request, user, &build_artifacts);
}
