/*
 * Raw connections: connect, send, receive, close (client.h).
 *
 * Invariant: `receive` takes exactly what it names; the rest stays for the
 * next.
 */
#include "client.h"

#include <stdlib.h>
#include <string.h>

#include "match.h"

struct ccb_conn *ccb_raw_find(struct ccb_ctx *ctx, const char *name)
{
    for (struct ccb_conn *c = ctx->conns; c != NULL; c = c->next)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

struct ccb_conn *ccb_raw_create(struct ccb_ctx *ctx, const char *name)
{
    struct ccb_conn *c = ccb_tool_alloc(sizeof(*c));
    c->name = ccb_tool_copy(name, strlen(name));
    c->wire.fd = -1;
    c->next = ctx->conns;
    ctx->conns = c;
    return c;
}

void ccb_raw_free_all(struct ccb_ctx *ctx)
{
    while (ctx->conns != NULL) {
        struct ccb_conn *c = ctx->conns;
        ctx->conns = c->next;
        if (c->open)
            ccb_wire_close(&c->wire);
        ccb_text_free(&c->last);
        free(c->name);
        free(c);
    }
}

static int take_tls(struct ccb_args *a, void *target)
{
    (void)a;
    ((struct ccb_tls_words *)target)->tls = 1;
    return 0;
}

static int take_ca(struct ccb_args *a, void *target)
{
    return ccb_args_text(a, &((struct ccb_tls_words *)target)->ca, "the file");
}

static int take_cert(struct ccb_args *a, void *target)
{
    return ccb_args_text(a, &((struct ccb_tls_words *)target)->cert,
                         "the file");
}

static int take_key(struct ccb_args *a, void *target)
{
    return ccb_args_text(a, &((struct ccb_tls_words *)target)->key, "the file");
}

static int take_within(struct ccb_args *a, void *target)
{
    long long ms;
    (void)target;
    return ccb_args_duration(a, &ms);
}

static const struct ccb_keyword options[] = {{"tls", take_tls},
                                             {"ca", take_ca},
                                             {"cert", take_cert},
                                             {"key", take_key},
                                             {"within", take_within}};

/* connect NAME HOST:PORT|unix:PATH [tls] [ca F] [cert F] [key F] */
static int connect_to(struct ccb_args *a)
{
    const char *name, *address;
    struct ccb_tls_words tls = {0};
    struct ccb_text why = {0};
    long long deadline;
    int code = 1;
    if (ccb_args_deadline(a, &deadline) < 0 ||
        ccb_args_text(a, &name, "the connection's name") < 0 ||
        ccb_args_text(a, &address, "the address") < 0)
        return -1;
    while (code > 0)
        code =
            ccb_args_take(a, options, sizeof(options) / sizeof(*options), &tls);
    if (code < 0 || ccb_args_end(a) < 0)
        return -1;
    struct ccb_conn *c = ccb_raw_find(a->ctx, name);
    if (c == NULL)
        c = ccb_raw_create(a->ctx, name);
    if (c->open)
        return ccb_fail(a->ctx, "%s is connected already", name);
    code = ccb_client_dial(&c->wire, address, &tls, deadline, c->name, &why);
    if (code < 0)
        ccb_fail(a->ctx, "%s", why.ptr);
    c->open = code == 0;
    ccb_text_free(&why);
    return code;
}

/* A connection that is open, with its deadline set. */
static int take_conn(struct ccb_args *a, struct ccb_conn **out)
{
    const char *name;
    long long deadline;
    if (ccb_args_deadline(a, &deadline) < 0 ||
        ccb_args_text(a, &name, "the connection's name") < 0)
        return -1;
    *out = ccb_raw_find(a->ctx, name);
    if (*out == NULL || !(*out)->open)
        return ccb_fail(a->ctx, "%s is not connected", name);
    (*out)->wire.deadline = deadline;
    return 0;
}

static int fail_wire(struct ccb_args *a, const struct ccb_conn *c, int code)
{
    ccb_fail(a->ctx, "%s: %s", c->name, ccb_wire_error(code));
    if (c->last.len > 0) {
        ccb_text_adds(&a->ctx->failure, "\n    received until then: ");
        ccb_text_show(&a->ctx->failure, c->last.ptr, c->last.len, 1000);
    }
    return -1;
}

/* send NAME TEXT | send NAME bytes N */
static int send_to(struct ccb_args *a)
{
    struct ccb_conn *c;
    struct ccb_content content = {0};
    char block[16384];
    int code;
    if (take_conn(a, &c) < 0)
        return -1;
    code = ccb_args_keyword(a, "bytes") ? ccb_content_bytes(a, &content)
                                        : ccb_content_text(a, &content);
    if (code < 0 || ccb_args_skip_within(a) < 0 || ccb_args_end(a) < 0)
        return -1;
    ccb_text_clear(&c->last);
    if (content.kind == CCB_CONTENT_TEXT)
        code = ccb_wire_write(&c->wire, content.ptr, content.len);
    for (uint64_t at = 0; at < content.generated && code == 0;) {
        size_t n = content.generated - at < sizeof(block)
                       ? (size_t)(content.generated - at)
                       : sizeof(block);
        ccb_tool_generate(block, at, n);
        code = ccb_wire_write(&c->wire, block, n);
        at += n;
    }
    return code < 0 ? fail_wire(a, c, code) : 0;
}

static int receive_until(struct ccb_args *a, struct ccb_conn *c)
{
    struct ccb_value v;
    char byte;
    if (ccb_args_value(a, &v, "the text") < 0)
        return -1;
    while (c->last.len < v.len ||
           memcmp(c->last.ptr + c->last.len - v.len, v.ptr, v.len) != 0) {
        long n = ccb_wire_read(&c->wire, &byte, 1);
        if (n < 0)
            return fail_wire(a, c, (int)n);
        ccb_text_add(&c->last, &byte, 1);
    }
    return 0;
}

static int receive_bytes(struct ccb_args *a, struct ccb_conn *c)
{
    uint64_t size;
    char block[16384];
    if (ccb_args_size(a, &size) < 0)
        return -1;
    while (c->last.len < size) {
        size_t left = (size_t)size - c->last.len;
        long n = ccb_wire_read(&c->wire, block,
                               left < sizeof(block) ? left : sizeof(block));
        if (n < 0)
            return fail_wire(a, c, (int)n);
        ccb_text_add(&c->last, block, (size_t)n);
    }
    return 0;
}

/* Everything up to the end of the stream. */
static int receive_rest(struct ccb_args *a, struct ccb_conn *c)
{
    char block[16384];
    for (;;) {
        long n = ccb_wire_read(&c->wire, block, sizeof(block));
        if (n == CCB_WIRE_EOF)
            return 0;
        if (n < 0)
            return fail_wire(a, c, (int)n);
        ccb_text_add(&c->last, block, (size_t)n);
    }
}

/* One HTTP answer; it becomes the last reply. */
static int receive_reply(struct ccb_args *a, struct ccb_conn *c)
{
    struct ccb_reply *r = ccb_tool_alloc(sizeof(*r));
    if (ccb_client_settle(a->ctx) < 0) {
        ccb_client_free_reply(r);
        return -1;
    }
    ccb_text_addf(&r->what, "the reply over %s", c->name);
    int code = ccb_message_read_head(&c->wire, &r->message, 1, &r->error);
    if (code == 0)
        code = ccb_message_read_body(&c->wire, &r->message, 1, UINT64_MAX,
                                     &r->error);
    r->answered = code == 0;
    a->ctx->reply = r;
    return 0;
}

static const struct {
    const char *name;
    int (*receive)(struct ccb_args *, struct ccb_conn *);
} forms[] = {{"until", receive_until},
             {"bytes", receive_bytes},
             {"rest", receive_rest},
             {"reply", receive_reply}};

static int receive_from(struct ccb_args *a)
{
    struct ccb_conn *c;
    if (take_conn(a, &c) < 0)
        return -1;
    ccb_text_clear(&c->last);
    for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
        if (!ccb_args_keyword(a, forms[i].name))
            continue;
        if (forms[i].receive(a, c) < 0 || ccb_args_skip_within(a) < 0)
            return -1;
        return ccb_args_end(a);
    }
    return ccb_args_unknown(a, "`until`, `bytes`, `rest` or `reply`");
}

static int end_with(struct ccb_args *a, void (*end)(struct ccb_wire *),
                    int open)
{
    struct ccb_conn *c;
    if (take_conn(a, &c) < 0 || ccb_args_end(a) < 0)
        return -1;
    end(&c->wire);
    c->open = open;
    return 0;
}

static int close_it(struct ccb_args *a)
{
    return end_with(a, ccb_wire_close, 0);
}

static int half_close_it(struct ccb_args *a)
{
    return end_with(a, ccb_wire_half_close, 1);
}

static int reset_it(struct ccb_args *a)
{
    return end_with(a, ccb_wire_reset, 0);
}

static int with_args(struct ccb_ctx *ctx, const struct ccb_stmt *s,
                     int (*act)(struct ccb_args *))
{
    struct ccb_pool pool = {0};
    struct ccb_args a = ccb_args_begin(ctx, s, &pool);
    a.next = 1;
    int code = act(&a);
    ccb_pool_free(&pool);
    return code;
}

int ccb_raw_connect(struct ccb_ctx *ctx, const struct ccb_stmt *s)
{
    return with_args(ctx, s, connect_to);
}

int ccb_raw_send(struct ccb_ctx *ctx, const struct ccb_stmt *s)
{
    return with_args(ctx, s, send_to);
}

int ccb_raw_receive(struct ccb_ctx *ctx, const struct ccb_stmt *s)
{
    return with_args(ctx, s, receive_from);
}

int ccb_raw_close(struct ccb_ctx *ctx, const struct ccb_stmt *s)
{
    return with_args(ctx, s, close_it);
}

int ccb_raw_half_close(struct ccb_ctx *ctx, const struct ccb_stmt *s)
{
    return with_args(ctx, s, half_close_it);
}

int ccb_raw_reset(struct ccb_ctx *ctx, const struct ccb_stmt *s)
{
    return with_args(ctx, s, reset_it);
}

/* The other end closes, and sends nothing before. */
static int expect_closed(struct ccb_conn *c, struct ccb_args *a)
{
    char block[512];
    long long deadline;
    if (ccb_args_deadline(a, &deadline) < 0 || ccb_args_skip_within(a) < 0 ||
        ccb_args_end(a) < 0)
        return -1;
    c->wire.deadline = deadline;
    long n = ccb_wire_read(&c->wire, block, sizeof(block));
    if (n == CCB_WIRE_EOF || n == CCB_WIRE_BROKEN)
        return 0;
    if (n < 0)
        return ccb_fail(a->ctx, "%s was not closed: %s", c->name,
                        ccb_wire_error((int)n));
    ccb_fail(a->ctx, "%s: expected the end, found ", c->name);
    ccb_text_show(&a->ctx->failure, block, (size_t)n, 400);
    return -1;
}

/* expect NAME closed | expect NAME CLAUSE... on what was received last */
int ccb_raw_expect(struct ccb_conn *c, struct ccb_args *a)
{
    if (ccb_args_keyword(a, "closed"))
        return c->open ? expect_closed(c, a)
                       : ccb_fail(a->ctx, "%s is not connected", c->name);
    struct ccb_text what = {0};
    ccb_text_addf(&what, "what %s received", c->name);
    struct ccb_subject s = ccb_match_bytes(what.ptr, c->last.ptr, c->last.len);
    int code = ccb_match_body(a, &s);
    ccb_text_free(&what);
    return code;
}
