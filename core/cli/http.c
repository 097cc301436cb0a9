/*
 * Calls: one question, one answer, and what its refusal means in plain words.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cli/http_internal.h"
#include "cli/human.h"

#define CALL_SECONDS 60L
#define MAX_REPLY (64 * 1024 * 1024)
#define STEP_MS 250
#define UPLOAD_BUFFER (512L * 1024)

/* What to do about the errors of docs/control-api.md. */
static const struct {
    const char *id, *hint;
} hints[] = {
    {"AppNotFound", "ccbridge apps"},
    {"StagingNotFound", "ccbridge explain"},
    {"InstanceNotFound", "ccbridge app NAME, for the instances that are there"},
    {"BuildpackNotFound", "ccbridge push without -b, to have it detected"},
    {"NoBits", "ccbridge push NAME DIR"},
    {"NotStaged", "ccbridge push NAME DIR"},
    {"StagingInProgress", "wait for it: ccbridge app NAME"},
    {"RoleUnavailable", "ccbridge status"},
    {"DiskFull", "make room on the disk of the state directory"},
};

/* ---- sending and receiving ---------------------------------------------- */

static size_t on_body(char *bytes, size_t size, size_t count, void *ctx)
{
    struct ccb_cli_reply *reply = ctx;

    return ccb_buf_append(&reply->body, bytes, size * count) == 0 ? size * count
                                                                  : 0;
}

static size_t on_read(char *out, size_t size, size_t count, void *ctx)
{
    const struct ccb_cli_request *request = ctx;
    ssize_t n = read(request->file, out, size * count);

    return n < 0 ? CURL_READFUNC_ABORT : (size_t)n;
}

static int on_seek(void *ctx, curl_off_t offset, int origin)
{
    const struct ccb_cli_request *request = ctx;

    return lseek(request->file, offset, origin) < 0 ? CURL_SEEKFUNC_FAIL
                                                    : CURL_SEEKFUNC_OK;
}

struct call {
    struct ccb_cli_exchange exchange;
    const struct ccb_cli_request *request;
};

static int on_progress(void *ctx, curl_off_t down_total, curl_off_t down,
                       curl_off_t total, curl_off_t sent)
{
    struct call *call = ctx;
    char sent_text[16], total_text[16];

    (void)down_total;
    (void)down;
    if (total <= 0)
        return 0;
    ccb_cli_format_size((uint64_t)sent, sent_text, sizeof(sent_text));
    ccb_cli_format_size((uint64_t)total, total_text, sizeof(total_text));
    ccb_cli_progress(call->exchange.cli, "%s %s of %s (%d%%)",
                     call->request->label, sent_text, total_text,
                     (int)(100 * sent / total));
    return 0;
}

static void configure_body(struct call *call)
{
    const struct ccb_cli_request *request = call->request;
    CURL *easy = call->exchange.easy;

    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
    if (request->length > 0) {
        curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, UPLOAD_BUFFER);
        curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
        curl_easy_setopt(easy, CURLOPT_READDATA, request);
        curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek);
        curl_easy_setopt(easy, CURLOPT_SEEKDATA, request);
        curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE,
                         (curl_off_t)request->length);
        curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
        curl_easy_setopt(easy, CURLOPT_XFERINFODATA, call);
        curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
        /* As long as it takes, but not without any progress. */
        curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
        curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, 5 * CALL_SECONDS);
        return;
    }
    curl_easy_setopt(easy, CURLOPT_TIMEOUT, CALL_SECONDS);
    if (request->json || strcmp(request->method, "GET") != 0) {
        const char *body = request->json ? request->json : "";

        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)strlen(body));
    }
}

static int set_content_type(struct call *call)
{
    struct curl_slist *more = curl_slist_append(
        call->exchange.headers,
        call->request->length > 0 ? "Content-Type: application/zip"
        : call->request->json     ? "Content-Type: application/json"
                                  : "Content-Type:");

    if (!more)
        return CCB_NO_MEMORY;
    call->exchange.headers = more;
    return 0;
}

int ccb_cli_call(struct ccb_cli *cli, const struct ccb_cli_request *request,
                 struct ccb_cli_reply *reply, struct ccb_error *err)
{
    struct call call = {.request = request};
    int code;

    memset(reply, 0, sizeof(*reply));
    reply->body.max = MAX_REPLY;
    code = ccb_cli_exchange_start(&call.exchange, cli, request->path, on_body,
                                  reply, err);
    if (code == 0) {
        configure_body(&call);
        code = set_content_type(&call);
    }
    if (code == 0 &&
        curl_multi_add_handle(cli->http->multi, call.exchange.easy) != CURLM_OK)
        code = CCB_NO_MEMORY;
    while (code == 0 && !call.exchange.done && !ccb_cli_interrupted())
        ccb_cli_exchange_step(cli, STEP_MS);
    if (code == CCB_NO_MEMORY)
        ccb_error_set(err, code, "out of memory");
    if (code == 0)
        code = ccb_cli_exchange_result(&call.exchange, err);
    if (code == 0)
        reply->status = ccb_cli_exchange_status(&call.exchange);
    ccb_cli_exchange_end(&call.exchange);
    return code;
}

void ccb_cli_reply_destroy(struct ccb_cli_reply *reply)
{
    cJSON_Delete(reply->json);
    reply->json = NULL;
    ccb_buf_destroy(&reply->body);
}

/* ---- what it means ------------------------------------------------------ */

int ccb_cli_fail_call(struct ccb_cli *cli, const struct ccb_error *err)
{
    switch (err->code) {
    case CCB_CLOSED:
        return ccb_cli_fail(cli, CCB_EXIT_NOT_UP, "NotUp", "ccbridge up",
                            "the daemon is not up: %s", err->message);
    case CCB_CANCELLED:
        return ccb_cli_fail(cli, CCB_EXIT_INTERRUPTED, "Interrupted", NULL,
                            "interrupted");
    case CCB_TIMED_OUT:
        return ccb_cli_fail(cli, CCB_EXIT_TIMED_OUT, "TimedOut",
                            "the daemon's log, ccbridged.log in its state "
                            "directory",
                            "%s", err->message);
    default:
        return ccb_cli_fail(cli, CCB_EXIT_FAILED, NULL, NULL, "%s",
                            err->message);
    }
}

static const char *find_hint(const char *id)
{
    size_t i;

    for (i = 0; i < sizeof(hints) / sizeof(hints[0]); i++)
        if (strcmp(hints[i].id, id) == 0)
            return hints[i].hint;
    return NULL;
}

int ccb_cli_fail_reply(struct ccb_cli *cli, long status, struct ccb_slice body)
{
    cJSON *json = cJSON_ParseWithLength(body.ptr ? body.ptr : "", body.len);
    const cJSON *error = cJSON_GetObjectItemCaseSensitive(json, "error");
    const char *id = ccb_cli_text(error, "id");
    const char *message = ccb_cli_text(error, "message");
    int code;

    if (message[0])
        code = ccb_cli_fail(cli, CCB_EXIT_FAILED, id, find_hint(id), "%s",
                            message);
    else
        code = ccb_cli_fail(cli, CCB_EXIT_FAILED, NULL, NULL,
                            "the daemon answers %ld without a reason", status);
    cJSON_Delete(json);
    return code;
}

int ccb_cli_ask(struct ccb_cli *cli, const struct ccb_cli_request *request,
                struct ccb_cli_reply *reply)
{
    struct ccb_error err;

    if (ccb_cli_call(cli, request, reply, &err) < 0)
        return ccb_cli_fail_call(cli, &err);
    ccb_cli_progress_end(cli);
    if (reply->status < 200 || reply->status > 299)
        return ccb_cli_fail_reply(cli, reply->status,
                                  ccb_buf_slice(&reply->body));
    if (reply->body.len == 0)
        return 0;
    reply->json = cJSON_ParseWithLength(reply->body.data, reply->body.len);
    if (!reply->json)
        return ccb_cli_fail(cli, CCB_EXIT_FAILED, NULL,
                            "ccbridge version, and the daemon's",
                            "the daemon's answer to %s %s is no JSON",
                            request->method, request->path);
    return 0;
}

int ccb_cli_get(struct ccb_cli *cli, const char *path,
                struct ccb_cli_reply *reply)
{
    struct ccb_cli_request request = {.method = "GET", .path = path};
    int code = ccb_cli_ask(cli, &request, reply);

    if (code == 0 && !reply->json)
        return ccb_cli_fail(cli, CCB_EXIT_FAILED, NULL, NULL,
                            "the daemon's answer to GET %s is empty", path);
    return code;
}

/* ---- small things ------------------------------------------------------- */

void ccb_cli_put_escaped(struct ccb_buf *out, const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_~.";

    for (; *text; text++) {
        if (strchr(plain, *text))
            ccb_buf_putc(out, *text);
        else
            ccb_buf_printf(out, "%%%02X", (unsigned char)*text);
    }
}

const char *ccb_cli_app_path(struct ccb_cli *cli, struct ccb_buf *out,
                             const char *name, const char *tail)
{
    ccb_buf_reset(out);
    ccb_buf_put(out, "/v1/apps/");
    ccb_cli_put_escaped(out, name);
    ccb_buf_put(out, tail);
    ccb_buf_putc(out, '\0');
    if (!out->failed)
        return out->data;
    ccb_cli_fail(cli, CCB_EXIT_FAILED, NULL, NULL, "out of memory");
    return NULL;
}

void ccb_cli_put_body(const struct ccb_cli_reply *reply)
{
    size_t len = reply->body.len;

    while (len > 0 && reply->body.data[len - 1] == '\n')
        len--;
    (void)fwrite(reply->body.data, 1, len, stdout);
    (void)fputc('\n', stdout);
}

const char *ccb_cli_text(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

    return cJSON_IsString(item) && item->valuestring ? item->valuestring : "";
}

double ccb_cli_number(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

    return cJSON_IsNumber(item) ? item->valuedouble : 0;
}
