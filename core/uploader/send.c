/*
 * The upload to the Cloud Controller: the caller's body passed through as the
 * one file of a form (contract/fileserver-ccuploader.md 2.3).
 *
 * Invariant: nothing is read from the caller before the Cloud Controller was
 * reached, so a failure to connect can be tried again; after that, nothing is
 * sent twice. Back-pressure goes both ways: the call waits for the caller and
 * the caller for the call.
 */

#include "base/clock.h"
#include "base/hex.h"
#include "base/random.h"
#include "uploader/internal.h"

#define ATTEMPTS 3
#define HIGH_WATER (128 * 1024) /* of the file, held */
#define MAX_ANSWER (1024 * 1024)
#define BOUNDARY 60 /* hex digits */

static const int64_t dial_time = 10 * CCB_SECOND; /* and as much for TLS */

static void log_attempt(struct ccb_uploading *upload)
{
    ccb_log_write(&upload->uploader->shared->uploader, CCB_LEVEL_ERROR,
                  "failed-uploading",
                  CCB_FIELDS(ccb_log_int("attempt-number", upload->attempt)));
}

/* ---- the body, from the caller ------------------------------------------ */

static void on_body(struct ccb_http_request *request, struct ccb_slice piece,
                    void *user)
{
    struct ccb_uploading *upload = user;

    if (upload->call == NULL) /* answered before all of it was there */
        return;
    if (ccb_uploader_queue_put(&upload->held, piece) != CCB_OK) {
        log_attempt(upload);
        ccb_uploader_on_not_sent(upload, 500, "out of memory",
                                 ccb_slice_of("out of memory"));
        return;
    }
    if (ccb_uploader_queue_waiting(&upload->held) >= HIGH_WATER) {
        upload->paused = true;
        ccb_http_pause(request);
    }
    if (upload->starved) {
        upload->starved = false;
        ccb_http_call_resume(upload->call);
    }
}

static const struct ccb_http_body_reader reader = {.on_body = on_body};

static void start_reading(struct ccb_uploading *upload)
{
    struct ccb_http_body_reader own = reader;

    own.user = upload;
    upload->reading = true;
    ccb_http_read_body(upload->request, &own);
}

/* ---- the body, to the Cloud Controller ---------------------------------- */

static int64_t give(struct ccb_slice text, uint64_t at, char *bytes,
                    size_t size)
{
    size_t left = text.len - (size_t)at;
    size_t n = left < size ? left : size;

    memcpy(bytes, text.ptr + at, n);
    return (int64_t)n;
}

static int64_t give_file(struct ccb_uploading *upload, char *bytes, size_t size)
{
    size_t n;

    if (!upload->reading)
        start_reading(upload);
    n = ccb_uploader_queue_take(&upload->held, bytes, size);
    if (n == 0) {
        upload->starved = true;
        return CCB_HTTP_PAUSE;
    }
    if (upload->paused && ccb_uploader_queue_waiting(&upload->held) == 0) {
        upload->paused = false;
        ccb_http_resume(upload->request);
    }
    return (int64_t)n;
}

static int64_t on_read(void *user, char *bytes, size_t size)
{
    struct ccb_uploading *upload = user;
    uint64_t file_at = upload->before.len;
    uint64_t after_at = file_at + (uint64_t)upload->length;
    int64_t n;

    if (upload->sent < file_at) {
        n = give(upload->before, upload->sent, bytes, size);
    } else if (upload->sent < after_at) {
        uint64_t left = after_at - upload->sent;

        n = give_file(upload, bytes, left < size ? (size_t)left : size);
    } else {
        n = give(upload->after, upload->sent - after_at, bytes, size);
    }
    if (n > 0)
        upload->sent += (uint64_t)n;
    return n;
}

/* ---- the answer --------------------------------------------------------- */

static void relay(struct ccb_uploading *upload,
                  const struct ccb_http_answer *answer)
{
    struct ccb_buf text = {0};
    char words[40];

    (void)snprintf(words, sizeof(words), "status code: %d", answer->status);
    (void)ccb_buf_printf(&text, "%s\n", words);
    if (answer->code == 0)
        (void)ccb_buf_put_slice(&text, answer->body);
    log_attempt(upload);
    ccb_uploader_on_not_sent(upload, answer->status, words,
                             text.failed ? ccb_slice_of(words)
                                         : ccb_buf_slice(&text));
    ccb_buf_destroy(&text);
}

static void fail(struct ccb_uploading *upload, const char *error)
{
    log_attempt(upload);
    ccb_uploader_on_not_sent(upload, 500, error, ccb_slice_of(error));
}

static void judge(struct ccb_uploading *upload,
                  const struct ccb_http_answer *answer)
{
    bool is_status = answer->status != 200 && answer->status != 201;

    if (answer->code != 0 && !(answer->code == CCB_TOO_LARGE && is_status)) {
        fail(upload, answer->error);
    } else if (is_status) {
        relay(upload, answer);
    } else {
        ccb_log_info(&upload->uploader->shared->uploader,
                     "succeeded-uploading");
        ccb_uploader_on_sent(upload, answer->body);
    }
}

static void on_followed(void *user, const struct ccb_http_answer *answer)
{
    struct ccb_uploading *upload = user;

    upload->call = NULL;
    judge(upload, answer);
}

/* The options that all calls of an upload have. */
static struct ccb_http_call_options options_for(struct ccb_uploading *upload,
                                                struct ccb_slice url)
{
    const struct ccb_uploader_config *config = upload->uploader->shared->config;

    return (struct ccb_http_call_options){
        .url = url,
        .skip_cert_verify = config->skip_cert_verify,
        .use_proxy = true,
        .connect_timeout = ccb_slice_is(upload->url.scheme, "https")
                               ? 2 * dial_time
                               : dial_time,
        .max_answer = MAX_ANSWER,
        .user = upload,
    };
}

/* "See there": a GET, whose answer is then judged. */
static void follow(struct ccb_uploading *upload, struct ccb_slice location)
{
    struct ccb_http_call_options options;
    struct ccb_buf url = {0};
    struct ccb_error err;
    int code = ccb_query_resolve(&url, &upload->url, location, &err);

    if (code == CCB_OK) {
        options = options_for(upload, ccb_buf_slice(&url));
        options.method = "GET";
        options.on_done = on_followed;
        code = ccb_http_send(upload->uploader->worker->client, &options,
                             &upload->call, &err);
    }
    ccb_buf_destroy(&url);
    if (code != CCB_OK)
        fail(upload, err.message);
}

static void send_once(struct ccb_uploading *upload);

static void on_done(void *user, const struct ccb_http_answer *answer)
{
    struct ccb_uploading *upload = user;
    struct ccb_slice location = ccb_http_answer_header(answer, "Location");

    upload->call = NULL;
    if (answer->code != 0 && answer->unconnected && !upload->reading &&
        upload->attempt + 1 < ATTEMPTS) {
        log_attempt(upload);
        upload->attempt++;
        upload->sent = 0;
        send_once(upload);
    } else if (answer->code == 0 && location.len > 0 &&
               (answer->status == 302 || answer->status == 303)) {
        follow(upload, location);
    } else {
        judge(upload, answer);
    }
}

/* ---- the request -------------------------------------------------------- */

static void send_once(struct ccb_uploading *upload)
{
    const char *boundary = upload->before.ptr + 2;
    struct ccb_http_header headers[] = {
        {CCB_LIT("Content-Type"), {NULL, 0}},
        {CCB_LIT("Content-Md5"),
         ccb_http_request_header(upload->request, "Content-Md5")},
    };
    struct ccb_http_call_options options =
        options_for(upload, upload->url_text);
    struct ccb_error err;
    char type[BOUNDARY + 40];
    int len = snprintf(type, sizeof(type), "multipart/form-data; boundary=%.*s",
                       BOUNDARY, boundary);

    headers[0].value = ccb_slice_make(type, (size_t)len);
    options.method = "POST";
    options.headers = headers;
    options.header_count = 2;
    options.no_repeat = true;
    options.upload_length =
        (int64_t)(upload->before.len + upload->after.len) + upload->length;
    options.on_read = on_read;
    options.on_done = on_done;
    if (ccb_http_send(upload->uploader->worker->client, &options, &upload->call,
                      &err) != CCB_OK)
        fail(upload, err.message);
}

/* What stands before and after the file. */
static int make_frame(struct ccb_uploading *upload)
{
    unsigned char bytes[BOUNDARY / 2];
    char boundary[BOUNDARY + 1];

    if (ccb_random_bytes(bytes, sizeof(bytes), NULL) < 0)
        return CCB_IO;
    ccb_hex_format(boundary, bytes, sizeof(bytes));
    upload->before = ccb_arena_format(
        upload->arena,
        "--%s\r\nContent-Disposition: form-data; name=\"file\"; "
        "filename=\"%s\"\r\nContent-Type: application/octet-stream\r\n\r\n",
        boundary, upload->kind->file_name);
    upload->after = ccb_arena_format(upload->arena, "\r\n--%s--\r\n", boundary);
    return upload->before.ptr != NULL && upload->after.ptr != NULL
               ? CCB_OK
               : CCB_NO_MEMORY;
}

void ccb_uploader_send(struct ccb_uploading *upload)
{
    ccb_log_info(&upload->uploader->shared->uploader, "uploading");
    if (upload->length > INT64_MAX - 4096)
        fail(upload, "the file is too large");
    else if (make_frame(upload) != CCB_OK)
        fail(upload, "out of memory");
    else
        send_once(upload);
}

void ccb_uploader_send_cancel(struct ccb_uploading *upload, const char *why)
{
    struct ccb_error err;

    ccb_error_set(&err, CCB_CANCELLED, "the upload was cancelled: %s", why);
    fail(upload, err.message);
}
