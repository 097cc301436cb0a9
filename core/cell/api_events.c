/*
 * The stream of events: contract/receptor-api.md 11.
 *
 * The hub's bounded queue is the only one: while the peer does not read, no
 * event is taken from it, so it fills up and the subscriber is dropped.
 */
#include "cell/api_internal.h"

#include "base/mem.h"

struct stream {
    struct ccb_http_request *request;
    struct ccb_subscription *subscription;
    uint64_t next_id;
    bool full; /* the socket is, until on_drain */
};

static void end(struct stream *stream)
{
    struct ccb_http_request *request = stream->request;

    ccb_events_unsubscribe(stream->subscription);
    ccb_free(stream);
    ccb_http_finish(request);
}

/* False: no memory, so the stream must not go on as if nothing was missed. */
static bool send_event(struct stream *stream, const struct ccb_event *event)
{
    struct ccb_buf frame = {0};
    bool sent;

    (void)ccb_buf_printf(&frame, "id: %llu\nevent: %s\ndata: ",
                         (unsigned long long)stream->next_id++, event->name);
    (void)ccb_buf_put_slice(&frame, event->data);
    (void)ccb_buf_put(&frame, "\n\n");
    sent = !frame.failed;
    if (sent)
        stream->full = ccb_http_write(stream->request, ccb_buf_slice(&frame)) >=
                       CCB_HTTP_HIGH_WATER;
    ccb_buf_destroy(&frame);
    return sent;
}

static void pump(struct stream *stream)
{
    bool ended = false;

    while (!stream->full) {
        struct ccb_event *event = ccb_events_take(stream->subscription, &ended);
        bool sent = event && send_event(stream, event);

        ccb_event_unref(event);
        if (ended || (event && !sent)) {
            end(stream);
            return;
        }
        if (!event)
            return;
    }
}

static void on_ready(struct ccb_subscription *subscription, void *user)
{
    (void)subscription;
    pump(user);
}

static void on_drain(struct ccb_http_request *request, void *user)
{
    struct stream *stream = user;

    (void)request;
    stream->full = false;
    pump(stream);
}

static void on_abort(struct ccb_http_request *request, void *user)
{
    (void)request;
    end(user);
}

static void start_answer(struct ccb_http_request *request)
{
    struct ccb_http_header headers[5] = {
        {CCB_LIT("Content-Type"), CCB_LIT("text/event-stream; charset=utf-8")},
        {CCB_LIT("Cache-Control"),
         CCB_LIT("no-cache, no-store, must-revalidate")},
        {CCB_LIT("Connection"), CCB_LIT("keep-alive")},
    };
    size_t count = 3 + ccb_api_cors_headers(request, headers + 3);

    ccb_http_respond_start(request, 200, headers, count, -1);
}

void ccb_api_events(struct ccb_api_call *call)
{
    struct stream *stream;

    if (ccb_http_request_info(call->request)->method == CCB_HTTP_HEAD) {
        start_answer(call->request);
        ccb_http_finish(call->request);
        return;
    }
    stream = ccb_calloc(1, sizeof(*stream));
    if (stream)
        stream->subscription =
            ccb_events_subscribe(call->api->options.events,
                                 call->api->options.loop, on_ready, stream);
    if (!stream || !stream->subscription) {
        ccb_free(stream);
        ccb_api_empty(call->request, 500);
        return;
    }
    stream->request = call->request;
    ccb_http_on_abort(call->request, on_abort, stream);
    ccb_http_on_drain(call->request, on_drain, stream);
    start_answer(call->request);
}
