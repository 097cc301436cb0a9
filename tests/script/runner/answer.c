/*
 * Answers one request as a rule says, faults included (peer.h).
 *
 * Invariant: delays and slowness only simulate a slow peer; they end at once
 * when the client goes away or the peer is stopped.
 */
#include "peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define FOREVER_MS ((long long)1 << 40)

struct out {
    struct ccb_wire *w;
    const struct ccb_rule *rule;
    uint64_t left; /* bytes until the cut */
    int gone;      /* the client closed or broke the connection */
};

/* Waits that long; -1 when the client went away before. */
static int pass_time(struct out *o, long long ms)
{
    o->w->deadline = ccb_tool_now() + ms;
    int code = ccb_wire_wait(o->w, -1);
    o->w->deadline = ccb_tool_now() + FOREVER_MS;
    o->gone |= code == 0;
    return code == CCB_WIRE_LATE ? 0 : -1;
}

/* Writes, up to the cut and as slowly as the rule says. */
static int put(struct out *o, const char *bytes, size_t len)
{
    int cut = len > o->left;
    if (cut)
        len = (size_t)o->left;
    o->left -= len;
    while (len > 0) {
        size_t n = len;
        if (o->rule->slow_bytes > 0 && n > o->rule->slow_bytes)
            n = (size_t)o->rule->slow_bytes;
        if (ccb_wire_write(o->w, bytes, n) < 0) {
            o->gone = 1;
            return -1;
        }
        bytes += n;
        len -= n;
        if (len > 0 && pass_time(o, o->rule->slow_ms) < 0)
            return -1;
    }
    return cut ? -1 : 0;
}

static int put_chunk(struct out *o, const char *bytes, size_t len)
{
    char head[32];
    int n = snprintf(head, sizeof(head), "%zx\r\n", len);
    if (put(o, head, (size_t)n) < 0 || put(o, bytes, len) < 0)
        return -1;
    return put(o, "\r\n", 2);
}

static int put_piece(struct out *o, const char *bytes, size_t len)
{
    if (o->rule->chunked)
        return len > 0 ? put_chunk(o, bytes, len) : 0;
    return put(o, bytes, len);
}

static int put_generated(struct out *o, uint64_t len)
{
    char block[16384];
    for (uint64_t at = 0; at < len; at += sizeof(block)) {
        size_t n =
            len - at < sizeof(block) ? (size_t)(len - at) : sizeof(block);
        ccb_tool_generate(block, at, n);
        if (put_piece(o, block, n) < 0)
            return -1;
    }
    return 0;
}

static int has_header(const struct ccb_rule *r, const char *name)
{
    for (size_t i = 0; i < r->header_count; i++)
        if (strcasecmp(r->headers[i].name, name) == 0)
            return 1;
    return 0;
}

static const char *reason(int status)
{
    static const struct {
        int status;
        const char *text;
    } reasons[] = {{200, "OK"},           {201, "Created"},
                   {202, "Accepted"},     {204, "No Content"},
                   {302, "Found"},        {304, "Not Modified"},
                   {400, "Bad Request"},  {401, "Unauthorized"},
                   {404, "Not Found"},    {409, "Conflict"},
                   {500, "Server Error"}, {503, "Service Unavailable"}};
    for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].text;
    return "Whatever";
}

static void add_head(struct ccb_text *head, const struct ccb_rule *r,
                     const char *type, uint64_t length)
{
    int bare = r->status == 204 || r->status == 304;
    ccb_text_addf(head, "HTTP/1.1 %d %s\r\n", r->status, reason(r->status));
    for (size_t i = 0; i < r->header_count; i++)
        ccb_text_addf(head, "%s: %s\r\n", r->headers[i].name,
                      r->headers[i].value);
    if (type != NULL && !r->no_type && !has_header(r, "Content-Type"))
        ccb_text_addf(head, "Content-Type: %s\r\n", type);
    if (r->chunked || r->steps)
        ccb_text_adds(head, "Transfer-Encoding: chunked\r\n");
    else if (!bare && !has_header(r, "Content-Length"))
        ccb_text_addf(head, "Content-Length: %llu\r\n",
                      (unsigned long long)length);
    ccb_text_adds(head, "\r\n");
}

/* ---- answers in steps --------------------------------------------------- */

static void remove_stream(struct ccb_peer *peer, struct ccb_stream *stream)
{
    struct ccb_stream **at = &peer->streams;
    while (*at != stream)
        at = &(*at)->next;
    *at = stream->next;
    ccb_text_free(&stream->pending);
    close(stream->event_fd);
    free(stream);
}

/* Takes what the script has sent meanwhile. */
static void take_pending(struct ccb_stream *stream, struct ccb_text *text,
                         int *finish, int *abort_it)
{
    uint64_t count;
    ccb_event_lock();
    if (read(stream->event_fd, &count, sizeof(count)) < 0)
        count = 0; /* nothing new: the flags below say so as well */
    *text = stream->pending;
    memset(&stream->pending, 0, sizeof(stream->pending));
    *finish = stream->finish;
    *abort_it = stream->abort;
    ccb_event_unlock();
}

/* Sends what the script sends until it finishes; -1 when the connection is to
 * be closed. */
static int put_steps(struct out *o, struct ccb_stream *stream)
{
    struct ccb_text text = {0};
    int finish = 0, abort_it = 0, code = 0;
    while (code == 0 && !finish && !abort_it) {
        if (ccb_wire_wait(o->w, stream->event_fd) != 1) {
            o->gone = 1;
            return -1;
        }
        take_pending(stream, &text, &finish, &abort_it);
        if (text.len > 0)
            code = put_chunk(o, text.ptr, text.len);
        ccb_text_free(&text);
    }
    if (code == 0 && finish)
        return put(o, "0\r\n\r\n", 5);
    return -1;
}

static int answer_in_steps(struct ccb_peer *peer, struct out *o,
                           struct ccb_record *record)
{
    struct ccb_stream *stream = ccb_tool_alloc(sizeof(*stream));
    stream->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    stream->target = record->message.target;
    ccb_event_lock();
    stream->next = peer->streams;
    peer->streams = stream;
    ccb_event_happened();
    ccb_event_unlock();
    int code = put_steps(o, stream);
    ccb_event_lock();
    remove_stream(peer, stream);
    ccb_event_unlock();
    return code;
}

/* ---- whole answers ------------------------------------------------------ */

static int put_body(struct out *o, const struct ccb_record *record)
{
    const struct ccb_rule *r = o->rule;
    const struct ccb_content *c = &r->content;
    int code;
    if (r->echo)
        code = put_piece(o, record->message.body.ptr, record->message.body.len);
    else if (c->kind == CCB_CONTENT_BYTES)
        code = put_generated(o, c->generated);
    else
        code = put_piece(o, c->ptr, c->len);
    if (code == 0 && r->chunked)
        code = put(o, "0\r\n\r\n", 5);
    return code;
}

static uint64_t body_length(const struct ccb_rule *r,
                            const struct ccb_record *record)
{
    if (r->echo)
        return record->message.body.len;
    return r->content.kind == CCB_CONTENT_BYTES ? r->content.generated
                                                : r->content.len;
}

static int answer(struct ccb_peer *peer, struct out *o,
                  struct ccb_record *record)
{
    const struct ccb_rule *r = o->rule;
    struct ccb_text head = {0};
    const char *type = r->content.type;
    if (r->echo)
        type = ccb_message_header(&record->message, "Content-Type");
    if (r->raw)
        return put(o, r->content.ptr, r->content.len) < 0 ? -1 : 1;
    add_head(&head, r, type, body_length(r, record));
    int bodiless = strcmp(record->message.method, "HEAD") == 0 ||
                   r->status == 204 || r->status == 304;
    /* A short text goes out with its head, in one packet. */
    int joined = !bodiless && !r->steps && !r->echo && !r->chunked &&
                 r->content.kind == CCB_CONTENT_TEXT;
    if (joined)
        ccb_text_add(&head, r->content.ptr, r->content.len);
    int code = put(o, head.ptr, head.len);
    ccb_text_free(&head);
    if (code == 0 && r->steps)
        return answer_in_steps(peer, o, record);
    return code < 0 || joined || bodiless ? code : put_body(o, record);
}

/* The answer with its faults; 1 when the connection may go on. */
static int perform(struct ccb_peer *peer, struct out *o,
                   struct ccb_record *record)
{
    const struct ccb_rule *r = o->rule;
    if (r->hang) {
        pass_time(o, FOREVER_MS);
        return 0;
    }
    if (r->delay > 0 && pass_time(o, r->delay) < 0)
        return 0;
    if (r->reset) {
        ccb_event_lock(); /* `peer X drop` looks at the descriptor */
        ccb_wire_reset(o->w);
        ccb_event_unlock();
    }
    if (r->reset || r->close)
        return 0;
    ccb_event_lock();
    record->answered = r->status;
    ccb_event_unlock();
    return answer(peer, o, record) == 0 && record->message.keep_alive &&
           r->read == UINT64_MAX && !has_header(r, "Connection");
}

int ccb_answer(struct ccb_peer *peer, struct ccb_wire *w,
               const struct ccb_rule *rule, struct ccb_record *record)
{
    static const struct ccb_rule none = {
        .status = 404, .cut = UINT64_MAX, .read = UINT64_MAX};
    struct out o = {.w = w, .rule = rule ? rule : &none};
    o.left = o.rule->cut;
    w->deadline = ccb_tool_now() + FOREVER_MS;
    int go_on = perform(peer, &o, record);
    ccb_event_lock();
    record->closed = o.gone && !peer->stopping;
    ccb_event_happened();
    ccb_event_unlock();
    return go_on;
}
