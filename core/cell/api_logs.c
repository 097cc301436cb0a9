/*
 * Logs of one guid, as lines of JSON: GET
 * /v1/logs/:log_guid?tail=N&follow=true. The Receptor of old has no such route;
 * without a sink there is none here either.
 *
 * What the peer does not take is not read: the reader is paused until the
 * socket has drained, so memory does not follow what is kept.
 */
#include "cell/api_internal.h"

#include "base/mem.h"

struct stream {
    struct ccb_http_request *request;
    struct ccb_logs_reader *reader;
};

/* ---- the query ---------------------------------------------------------- */

static int parse_tail(struct ccb_slice text, struct ccb_logs_read *read)
{
    int64_t value = 0;

    for (size_t i = 0; i < text.len; i++) {
        int digit = text.ptr[i] - '0';

        if (digit < 0 || digit > 9 ||
            __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, digit, &value))
            return CCB_INVALID;
    }
    read->tail = value;
    return text.len > 0 ? CCB_OK : CCB_INVALID;
}

static int parse_follow(struct ccb_slice text, struct ccb_logs_read *read)
{
    read->follow = ccb_slice_is(text, "true");
    return read->follow || ccb_slice_is(text, "false") ? CCB_OK : CCB_INVALID;
}

static const struct {
    const char *name;
    int (*parse)(struct ccb_slice text, struct ccb_logs_read *read);
    const char *refusal;
} parameters[] = {
    {"tail=", parse_tail, "tail: a whole number of lines, or none for all"},
    {"follow=", parse_follow, "follow: true or false"},
};
#define PARAMETERS (sizeof(parameters) / sizeof(parameters[0]))

/* NULL, or what is wrong. Unknown parameters are ignored, as by the others. */
static const char *parse_one(struct ccb_slice pair, struct ccb_logs_read *read)
{
    for (size_t i = 0; i < PARAMETERS; i++) {
        size_t len = strlen(parameters[i].name);

        if (!ccb_slice_starts(pair, parameters[i].name))
            continue;
        pair = ccb_slice_make(pair.ptr + len, pair.len - len);
        return parameters[i].parse(pair, read) < 0 ? parameters[i].refusal
                                                   : NULL;
    }
    return NULL;
}

static const char *parse_query(struct ccb_slice rest,
                               struct ccb_logs_read *read)
{
    const char *wrong = NULL;

    while (rest.len > 0 && !wrong) {
        const char *end = memchr(rest.ptr, '&', rest.len);
        size_t len = end ? (size_t)(end - rest.ptr) : rest.len;

        wrong = parse_one(ccb_slice_make(rest.ptr, len), read);
        len += end != NULL;
        rest = ccb_slice_make(rest.ptr + len, rest.len - len);
    }
    return wrong;
}

/* ---- the stream --------------------------------------------------------- */

static void on_lines(void *user, struct ccb_slice lines)
{
    struct stream *stream = user;

    if (ccb_http_write(stream->request, lines) >= CCB_HTTP_HIGH_WATER)
        ccb_logs_reader_pause(stream->reader);
}

/* A log that could not be read on must not look whole. */
static void on_end(void *user, const struct ccb_error *err)
{
    struct stream *stream = user;
    struct ccb_http_request *request = stream->request;

    ccb_free(stream);
    if (err)
        ccb_http_abandon(request);
    else
        ccb_http_finish(request);
}

static void on_drain(struct ccb_http_request *request, void *user)
{
    struct stream *stream = user;

    (void)request;
    ccb_logs_reader_resume(stream->reader);
}

static void on_abort(struct ccb_http_request *request, void *user)
{
    struct stream *stream = user;

    ccb_logs_reader_close(stream->reader);
    ccb_free(stream);
    ccb_http_finish(request);
}

static void start_answer(struct ccb_http_request *request)
{
    struct ccb_http_header headers[4] = {
        {CCB_LIT("Content-Type"), CCB_LIT("application/x-ndjson")},
        {CCB_LIT("Cache-Control"), CCB_LIT("no-store")},
    };
    size_t count = 2 + ccb_api_cors_headers(request, headers + 2);

    ccb_http_respond_start(request, 200, headers, count, -1);
}

static void start_stream(struct ccb_api_call *call, struct ccb_logs_read *read)
{
    struct stream *stream = ccb_calloc(1, sizeof(*stream));
    struct ccb_error err = {0};

    read->guid = call->guid;
    read->on_lines = on_lines;
    read->on_end = on_end;
    read->user = stream;
    if (!stream ||
        ccb_logs_reader_open(&stream->reader, call->api->options.logs, read,
                             &err) < 0) {
        ccb_free(stream);
        ccb_api_empty(call->request, 500);
        return;
    }
    stream->request = call->request;
    ccb_http_on_abort(call->request, on_abort, stream);
    ccb_http_on_drain(call->request, on_drain, stream);
    start_answer(call->request);
}

void ccb_api_logs(struct ccb_api_call *call)
{
    const struct ccb_http_request_info *info =
        ccb_http_request_info(call->request);
    struct ccb_logs_read read = {.tail = -1};
    const char *wrong;

    if (!call->api->options.logs) {
        ccb_api_no_page(call->request);
        return;
    }
    wrong = parse_query(info->query, &read);
    if (wrong) {
        ccb_api_error(call->request, 400, "InvalidRequest",
                      ccb_slice_of(wrong));
    } else if (info->method == CCB_HTTP_HEAD) {
        start_answer(call->request);
        ccb_http_finish(call->request);
    } else {
        start_stream(call, &read);
    }
}
