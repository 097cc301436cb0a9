/*
 * Streams of JSON lines: logs and events. A line is handed on when it is
 * whole; one that the end cut off is handed on too.
 */
#include <string.h>

#include "base/mem.h"
#include "cli/http_internal.h"

#define MAX_LINE (4 * 1024 * 1024)
#define STEP_MS 500

struct ccb_cli_stream {
    struct ccb_cli_exchange exchange;
    struct ccb_buf held; /* a line's beginning, or a refusal's body */
    ccb_cli_on_line *on_line;
    void *ctx;
    size_t lines;
};

static void hand_on(struct ccb_cli_stream *stream, struct ccb_slice line)
{
    if (line.len > 0 && line.ptr[line.len - 1] == '\r')
        line.len--;
    if (line.len == 0)
        return;
    stream->lines++;
    stream->on_line(stream->ctx, line);
}

static void hand_on_lines(struct ccb_cli_stream *stream)
{
    const char *at = stream->held.data;
    size_t left = stream->held.len;

    while (left > 0) {
        const char *end = memchr(at, '\n', left);
        size_t len;

        if (!end)
            break;
        len = (size_t)(end - at);
        hand_on(stream, ccb_slice_make(at, len));
        at += len + 1;
        left -= len + 1;
    }
    ccb_buf_consume(&stream->held, stream->held.len - left);
}

static size_t on_bytes(char *bytes, size_t size, size_t count, void *ctx)
{
    struct ccb_cli_stream *stream = ctx;

    if (ccb_buf_append(&stream->held, bytes, size * count) < 0)
        return 0;
    if (ccb_cli_exchange_status(&stream->exchange) == 200)
        hand_on_lines(stream);
    (void)fflush(stdout); /* who follows wants to see them now */
    return size * count;
}

struct ccb_cli_stream *ccb_cli_stream_open(struct ccb_cli *cli,
                                           const char *path,
                                           ccb_cli_on_line *on_line, void *ctx,
                                           struct ccb_error *err)
{
    struct ccb_cli_stream *stream = ccb_calloc(1, sizeof(*stream));

    if (!stream) {
        ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
        return NULL;
    }
    stream->held.max = MAX_LINE;
    stream->on_line = on_line;
    stream->ctx = ctx;
    ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    if (ccb_cli_exchange_start(&stream->exchange, cli, path, on_bytes, stream,
                               err) == 0 &&
        curl_multi_add_handle(cli->http->multi, stream->exchange.easy) ==
            CURLM_OK) {
        ccb_cli_exchange_step(cli, 0);
        return stream;
    }
    ccb_cli_stream_close(stream);
    return NULL;
}

bool ccb_cli_stream_wait(struct ccb_cli_stream *stream, int ms)
{
    if (!stream->exchange.done)
        ccb_cli_exchange_step(stream->exchange.cli, ms);
    return !stream->exchange.done;
}

long ccb_cli_stream_status(const struct ccb_cli_stream *stream)
{
    return ccb_cli_exchange_status(&stream->exchange);
}

size_t ccb_cli_stream_lines(const struct ccb_cli_stream *stream)
{
    return stream->lines;
}

int ccb_cli_stream_result(struct ccb_cli_stream *stream)
{
    struct ccb_cli *cli = stream->exchange.cli;
    long status = ccb_cli_exchange_status(&stream->exchange);
    struct ccb_error err;

    if (status != 0 && status != 200)
        return ccb_cli_fail_reply(cli, status, ccb_buf_slice(&stream->held));
    hand_on(stream, ccb_buf_slice(&stream->held));
    ccb_buf_reset(&stream->held);
    if (ccb_cli_exchange_result(&stream->exchange, &err) < 0)
        return ccb_cli_fail_call(cli, &err);
    return 0;
}

void ccb_cli_stream_close(struct ccb_cli_stream *stream)
{
    if (!stream)
        return;
    ccb_cli_exchange_end(&stream->exchange);
    ccb_buf_destroy(&stream->held);
    ccb_free(stream);
}

int ccb_cli_each_line(struct ccb_cli *cli, const char *path,
                      ccb_cli_on_line *on_line, void *ctx)
{
    struct ccb_error err;
    struct ccb_cli_stream *stream =
        ccb_cli_stream_open(cli, path, on_line, ctx, &err);
    int code;

    if (!stream)
        return ccb_cli_fail_call(cli, &err);
    while (!ccb_cli_interrupted() && ccb_cli_stream_wait(stream, STEP_MS))
        ;
    code = ccb_cli_interrupted() ? CCB_EXIT_INTERRUPTED
                                 : ccb_cli_stream_result(stream);
    ccb_cli_stream_close(stream);
    return code;
}
