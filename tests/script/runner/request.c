/*
 * Reads, sends and awaits one HTTP request (request.h).
 *
 * Invariant: whatever happens on the wire ends in a reply, with a message or
 * with the reason why there is none.
 */
#include "request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int take_header(struct ccb_args *a, void *target)
{
    struct ccb_request *r = target;
    if (r->header_count == 64)
        return ccb_fail(a->ctx, "at most 64 headers");
    size_t i = r->header_count++;
    if (ccb_args_text(a, &r->headers[i].name, "the header's name") < 0)
        return -1;
    return ccb_args_text(a, &r->headers[i].value, "the header's value");
}

static int take_json(struct ccb_args *a, void *target)
{
    return ccb_content_json(a, &((struct ccb_request *)target)->content);
}

static int take_text(struct ccb_args *a, void *target)
{
    return ccb_content_text(a, &((struct ccb_request *)target)->content);
}

/* A body without a Content-Type of its own. */
static int take_body(struct ccb_args *a, void *target)
{
    struct ccb_request *r = target;
    int code = ccb_content_text(a, &r->content);
    r->content.type = NULL;
    return code;
}

static int take_bytes(struct ccb_args *a, void *target)
{
    return ccb_content_bytes(a, &((struct ccb_request *)target)->content);
}

static int take_chunked(struct ccb_args *a, void *target)
{
    (void)a;
    ((struct ccb_request *)target)->chunked = 1;
    return 0;
}

static int take_via(struct ccb_args *a, void *target)
{
    return ccb_args_text(a, &((struct ccb_request *)target)->via,
                         "the connection's name");
}

static int take_ca(struct ccb_args *a, void *target)
{
    return ccb_args_text(a, &((struct ccb_request *)target)->tls.ca,
                         "the file");
}

static int take_cert(struct ccb_args *a, void *target)
{
    return ccb_args_text(a, &((struct ccb_request *)target)->tls.cert,
                         "the file");
}

static int take_key(struct ccb_args *a, void *target)
{
    return ccb_args_text(a, &((struct ccb_request *)target)->tls.key,
                         "the file");
}

static int take_insecure(struct ccb_args *a, void *target)
{
    (void)a;
    ((struct ccb_request *)target)->tls.insecure = 1;
    return 0;
}

static int take_within(struct ccb_args *a, void *target)
{
    return ccb_args_duration(a, &((struct ccb_request *)target)->patience);
}

static const struct ccb_keyword clauses[] = {
    {"header", take_header},   {"json", take_json},
    {"text", take_text},       {"body", take_body},
    {"bytes", take_bytes},     {"via", take_via},
    {"chunked", take_chunked}, {"ca", take_ca},
    {"cert", take_cert},       {"key", take_key},
    {"within", take_within},   {"insecure", take_insecure}};

/* http://HOST:PORT/PATH, https://..., unix:SOCKET:/PATH */
static int split_url(struct ccb_args *a, struct ccb_request *r)
{
    const char *rest = r->url, *slash;
    if (strncmp(rest, "unix:", 5) == 0) {
        slash = strstr(rest + 5, ":/");
        if (slash == NULL)
            return ccb_fail(a->ctx, "unix:SOCKET:/PATH, found %s", r->url);
        r->address = ccb_pool_copy(&r->pool, rest, (size_t)(slash - rest));
        r->host = "localhost";
        r->target = slash + 1;
        return 0;
    }
    r->tls.tls = strncmp(rest, "https://", 8) == 0;
    if (!r->tls.tls && strncmp(rest, "http://", 7) != 0)
        return ccb_fail(a->ctx, "no URL (http://, https://, unix:): %s",
                        r->url);
    rest += r->tls.tls ? 8 : 7;
    const char *user = strchr(rest, '@');
    size_t len = strcspn(rest, "/?");
    if (user != NULL && user < rest + len) {
        len -= (size_t)(user + 1 - rest);
        rest = user + 1;
    }
    r->host = ccb_pool_copy(&r->pool, rest, len);
    struct ccb_text address = {0};
    ccb_text_addf(&address, "%s%s", r->host,
                  strrchr(r->host, ':') ? "" : (r->tls.tls ? ":443" : ":80"));
    r->address = ccb_pool_copy(&r->pool, address.ptr, address.len);
    ccb_text_free(&address);
    r->target = rest[len] ? rest + len : "/";
    return 0;
}

static int parse(struct ccb_args *a, struct ccb_request *r)
{
    int code = 1;
    r->patience = a->ctx->run->deadline;
    if (ccb_args_text(a, &r->method, "the method") < 0 ||
        ccb_args_text(a, &r->url, "the URL") < 0)
        return -1;
    while (code > 0)
        code = ccb_args_take(a, clauses, sizeof(clauses) / sizeof(*clauses), r);
    if (code < 0 || ccb_args_end(a) < 0)
        return -1;
    return split_url(a, r);
}

void ccb_request_free(struct ccb_request *r)
{
    struct ccb_pool pool = r->pool;
    free(r);
    ccb_pool_free(&pool);
}

struct ccb_request *ccb_request_parse(struct ccb_args *a)
{
    struct ccb_request *r = ccb_tool_alloc(sizeof(*r));
    a->pool = &r->pool;
    if (parse(a, r) == 0)
        return r;
    ccb_request_free(r);
    return NULL;
}

/* ---- the exchange ------------------------------------------------------- */

int ccb_client_dial(struct ccb_wire *w, const char *address,
                    const struct ccb_tls_words *tls, long long deadline,
                    const char *who, struct ccb_text *why)
{
    int fd = ccb_wire_dial(address, deadline, why);
    if (fd < 0)
        return -1;
    ccb_wire_init(w, fd, who);
    w->deadline = deadline;
    if (!tls->tls)
        return 0;
    struct ssl_ctx_st *ctx = ccb_tls_client(tls->insecure ? NULL : tls->ca,
                                            tls->cert, tls->key, why);
    const char *colon = strrchr(address, ':');
    char *host = ccb_tool_copy(address, (size_t)(colon - address));
    int code = ctx == NULL ? -1 : ccb_tls_start(w, ctx, host, why);
    free(host);
    ccb_tls_free(ctx);
    if (code < 0)
        ccb_wire_close(w);
    return code;
}

static int has_header(const struct ccb_request *r, const char *name)
{
    for (size_t i = 0; i < r->header_count; i++)
        if (strcasecmp(r->headers[i].name, name) == 0)
            return 1;
    return 0;
}

static uint64_t content_length(const struct ccb_content *c)
{
    return c->kind == CCB_CONTENT_BYTES ? c->generated : c->len;
}

static void add_head(struct ccb_text *head, const struct ccb_request *r)
{
    const struct ccb_content *c = &r->content;
    ccb_text_addf(head, "%s %s HTTP/1.1\r\n", r->method, r->target);
    if (!has_header(r, "Host"))
        ccb_text_addf(head, "Host: %s\r\n", r->host);
    for (size_t i = 0; i < r->header_count; i++)
        ccb_text_addf(head, "%s: %s\r\n", r->headers[i].name,
                      r->headers[i].value);
    if (c->type != NULL && !has_header(r, "Content-Type"))
        ccb_text_addf(head, "Content-Type: %s\r\n", c->type);
    if (r->via == NULL && !has_header(r, "Connection"))
        ccb_text_adds(head, "Connection: close\r\n");
    int body = c->kind != CCB_CONTENT_NONE || strcmp(r->method, "POST") == 0 ||
               strcmp(r->method, "PUT") == 0;
    if (r->chunked)
        ccb_text_adds(head, "Transfer-Encoding: chunked\r\n");
    else if (body && !has_header(r, "Content-Length"))
        ccb_text_addf(head, "Content-Length: %llu\r\n",
                      (unsigned long long)content_length(c));
    ccb_text_adds(head, "\r\n");
}

static int send_piece(struct ccb_wire *w, int chunked, const char *bytes,
                      size_t len)
{
    char size[32];
    if (len == 0)
        return 0;
    if (!chunked)
        return ccb_wire_write(w, bytes, len);
    int n = snprintf(size, sizeof(size), "%zx\r\n", len);
    int code = ccb_wire_write(w, size, (size_t)n);
    if (code == 0)
        code = ccb_wire_write(w, bytes, len);
    return code == 0 ? ccb_wire_write(w, "\r\n", 2) : code;
}

static int send_request(struct ccb_wire *w, const struct ccb_request *r)
{
    struct ccb_text head = {0};
    const struct ccb_content *c = &r->content;
    char block[16384];
    add_head(&head, r);
    /* A short text goes out with its head, in one packet. */
    int joined =
        c->kind == CCB_CONTENT_TEXT && !r->chunked && c->len <= sizeof(block);
    if (joined)
        ccb_text_add(&head, c->ptr, c->len);
    int code = ccb_wire_write(w, head.ptr, head.len);
    ccb_text_free(&head);
    w->stop_on_input = 1;
    if (c->kind == CCB_CONTENT_TEXT && !joined && code == 0)
        code = send_piece(w, r->chunked, c->ptr, c->len);
    for (uint64_t at = 0;
         code == 0 && c->kind == CCB_CONTENT_BYTES && at < c->generated;
         at += sizeof(block)) {
        size_t n = c->generated - at < sizeof(block)
                       ? (size_t)(c->generated - at)
                       : sizeof(block);
        ccb_tool_generate(block, at, n);
        code = send_piece(w, r->chunked, block, n);
    }
    if (code == 0 && r->chunked)
        code = ccb_wire_write(w, "0\r\n\r\n", 5);
    w->stop_on_input = 0;
    return code;
}

/* One exchange over an open wire. 0 when there is a whole answer. */
static int exchange(struct ccb_wire *w, const struct ccb_request *r,
                    struct ccb_reply *reply)
{
    /* A server may answer and close before it has the whole body: what it
     * said counts, so a failure to send is no reason not to read. */
    int sent = send_request(w, r);
    if (sent == CCB_WIRE_LATE) {
        ccb_text_adds(&reply->error, "the request can't be sent in time");
        return -1;
    }
    int code = ccb_message_read_head(w, &reply->message, 1, &reply->error);
    if (code == 0 && strcmp(r->method, "HEAD") != 0)
        code = ccb_message_read_body(w, &reply->message, 1, UINT64_MAX,
                                     &reply->error);
    if (code == 0)
        reply->message.whole |= strcmp(r->method, "HEAD") == 0;
    reply->answered = code == 0;
    return code < 0 || sent < 0 || !reply->message.keep_alive ? -1 : 0;
}

/* `conn` is the kept connection, or NULL. */
struct ccb_reply *ccb_request_perform(const struct ccb_request *r,
                                      struct ccb_conn *conn, const char *who)
{
    struct ccb_reply *reply = ccb_tool_alloc(sizeof(*reply));
    struct ccb_wire *own = NULL, *w;
    long long deadline = ccb_tool_now() + r->patience;
    int code = 0;
    ccb_text_addf(&reply->what, "the reply to %s %s", r->method, r->target);
    if (conn == NULL)
        own = ccb_tool_alloc(sizeof(*own));
    w = conn ? &conn->wire : own;
    if (conn != NULL && conn->open && ccb_wire_is_closed(w)) {
        ccb_wire_close(w);
        conn->open = 0;
    }
    reply->reused = conn != NULL && conn->open;
    if (!reply->reused)
        code = ccb_client_dial(w, r->address, &r->tls, deadline, who,
                               &reply->error);
    if (code == 0) {
        w->deadline = deadline;
        code = exchange(w, r, reply);
        if (conn != NULL)
            conn->open = code == 0;
        if (conn == NULL || code < 0)
            ccb_wire_close(w);
    }
    free(own);
    return reply;
}
