/*
 * The Receptor's event stream: contract/tps.md 2.2, receptor-api.md 11.
 *
 * A subscription is in one of two states: a call is under way, or the timer
 * runs that starts the next one. Its memory goes in the timer's close
 * callback. A stream that broke off is resumed after its last id; one that
 * ended cleanly, or never began, is subscribed afresh.
 */
#include <stdio.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "diego/internal.h"
#include "net/sse.h"

#define PAUSE CCB_SECOND
/* No event is that large; a stream that never ends a line is. */
#define MAX_EVENT (UINT64_C(64) << 20)

struct ccb_diego_subscription {
    struct ccb_diego_subscribe_options options;
    struct ccb_http_client *client;
    char *url;
    struct ccb_http_call *call; /* NULL: the timer runs */
    struct ccb_sse_reader *reader;
    uv_timer_t timer;
    struct ccb_buf last_id;
    int64_t pause;        /* ns before a broken stream is resumed */
    int status;           /* of the answer; 0: there is none yet */
    bool full;            /* the reader of events wants no more */
    struct ccb_error err; /* why reading was given up */
};

static void connect_stream(struct ccb_diego_subscription *s);

/* ---- between calls ------------------------------------------------------ */

static void on_timer(uv_timer_t *timer)
{
    connect_stream(timer->data);
}

static void wait_then_connect(struct ccb_diego_subscription *s, int64_t pause)
{
    uv_timer_start(&s->timer, on_timer, (uint64_t)(pause / CCB_MILLISECOND), 0);
}

static void start_afresh(struct ccb_diego_subscription *s,
                         enum ccb_diego_trouble trouble, const char *why)
{
    ccb_buf_reset(&s->last_id);
    s->pause = PAUSE;
    wait_then_connect(s, PAUSE);
    s->options.on_trouble(s->options.user, trouble, why);
}

/* ---- the stream --------------------------------------------------------- */

static int on_event(void *user, const struct ccb_sse_event *event)
{
    struct ccb_diego_subscription *s = user;
    struct ccb_diego_event out = {event->name, event->data};
    if (event->retry >= 0)
        s->pause = event->retry * CCB_MILLISECOND;
    if (event->id.len > 0) { /* else what an earlier connection said holds */
        ccb_buf_reset(&s->last_id);
        if (ccb_buf_put_slice(&s->last_id, event->id) < 0)
            return ccb_error_set(&s->err, CCB_NO_MEMORY, "out of memory");
    }
    if (out.data.len > 0 && !s->options.on_event(s->options.user, &out))
        s->full = true;
    return 0;
}

static int on_head(void *user, const struct ccb_http_answer *head)
{
    struct ccb_diego_subscription *s = user;
    s->status = head->status;
    if (head->status != 200) /* nobody needs the body, and it may never end */
        return ccb_error_set(&s->err, CCB_CANCELLED,
                             "Invalid Response with status code: %d",
                             head->status);
    if (s->options.on_open)
        s->options.on_open(s->options.user);
    return 0;
}

static int on_body(void *user, struct ccb_slice piece)
{
    struct ccb_diego_subscription *s = user;
    if (s->full)
        return CCB_HTTP_PAUSE;
    return ccb_sse_reader_push(s->reader, piece, &s->err);
}

static bool may_pass(int status)
{
    return status == 500 || (status >= 502 && status <= 504);
}

static void on_done(void *user, const struct ccb_http_answer *answer)
{
    struct ccb_diego_subscription *s = user;
    const char *why = s->err.code < 0    ? s->err.message
                      : answer->code < 0 ? answer->error
                                         : "";
    s->call = NULL;
    ccb_sse_reader_free(s->reader);
    s->reader = NULL;
    if (s->status == 0 || may_pass(s->status)) {
        start_afresh(s, CCB_DIEGO_UNREACHABLE, why);
    } else if (s->status != 200) {
        start_afresh(s, CCB_DIEGO_REFUSED, why);
    } else if (answer->code == 0) {
        start_afresh(s, CCB_DIEGO_ENDED, "EOF");
    } else {
        wait_then_connect(s, s->pause);
        s->options.on_trouble(s->options.user, CCB_DIEGO_BROKEN, why);
    }
}

static int send_request(struct ccb_diego_subscription *s)
{
    struct ccb_http_header headers[] = {
        {CCB_LIT("Accept"), CCB_LIT("text/event-stream")},
        {CCB_LIT("Last-Event-Id"), ccb_buf_slice(&s->last_id)},
    };
    struct ccb_http_call_options http = {
        .method = "GET",
        .url = ccb_slice_of(s->url),
        .headers = headers,
        .header_count = 2,
        .connect_timeout = CCB_RECEPTOR_CONNECT_TIMEOUT,
        .on_head = on_head,
        .on_body = on_body,
        .on_done = on_done,
        .user = s,
    };
    s->reader = ccb_sse_reader_create(on_event, s, MAX_EVENT);
    if (!s->reader)
        return ccb_error_set(&s->err, CCB_NO_MEMORY, "out of memory");
    return ccb_http_send(s->client, &http, &s->call, &s->err);
}

static void connect_stream(struct ccb_diego_subscription *s)
{
    s->status = 0;
    s->err.code = 0;
    if (send_request(s) == 0)
        return;
    s->call = NULL;
    ccb_sse_reader_free(s->reader);
    s->reader = NULL;
    start_afresh(s, CCB_DIEGO_UNREACHABLE, s->err.message);
}

/* ---- its life ----------------------------------------------------------- */

static void on_timer_closed(uv_handle_t *handle)
{
    struct ccb_diego_subscription *s = handle->data;
    ccb_buf_destroy(&s->last_id);
    ccb_free(s->url);
    ccb_free(s);
}

int ccb_receptor_subscribe(struct ccb_http_client *client, const char *url,
                           const struct ccb_diego_subscribe_options *options,
                           struct ccb_diego_subscription **out,
                           struct ccb_error *err)
{
    static const char path[] = "/v1/events";
    struct ccb_diego_subscription *s = ccb_calloc(1, sizeof(*s));
    size_t size = strlen(url) + sizeof(path);
    char *whole = ccb_malloc(size);
    if (!s || !whole) {
        ccb_free(s);
        ccb_free(whole);
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    }
    snprintf(whole, size, "%s%s", url, path);
    s->url = whole;
    s->options = *options;
    s->client = client;
    s->pause = PAUSE;
    (void)uv_timer_init(&options->loop->uv, &s->timer); /* can't fail */
    s->timer.data = s;
    wait_then_connect(s, 0); /* so that no callback comes from inside */
    *out = s;
    return 0;
}

void ccb_diego_resume(struct ccb_diego_subscription *s)
{
    if (!s->full)
        return;
    s->full = false;
    if (s->call)
        ccb_http_call_resume(s->call);
}

void ccb_diego_unsubscribe(struct ccb_diego_subscription *s)
{
    if (!s)
        return;
    if (s->call)
        ccb_http_cancel(s->call);
    s->call = NULL;
    ccb_sse_reader_free(s->reader);
    s->reader = NULL;
    uv_close((uv_handle_t *)&s->timer, on_timer_closed);
}
