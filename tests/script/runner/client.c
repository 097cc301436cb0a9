/*
 * The statements of HTTP clients: request, background, await, and what is
 * expected of the reply (client.h).
 *
 * Invariant: there is one last reply, and nobody loses it unseen when it is a
 * failure.
 */
#include "request.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "match.h"

struct ccb_background {
    struct ccb_background *next;
    char *name;
    struct ccb_request *request;
    struct ccb_reply *reply; /* set at the end */
    pthread_t thread;
    int done, joined;
};

/* ---- statements --------------------------------------------------------- */

void ccb_client_free_reply(struct ccb_reply *reply)
{
    if (reply == NULL)
        return;
    ccb_message_free(&reply->message);
    ccb_text_free(&reply->what);
    ccb_text_free(&reply->error);
    free(reply);
}

int ccb_client_settle(struct ccb_ctx *ctx)
{
    struct ccb_reply *reply = ctx->reply;
    int code = 0;
    if (reply != NULL && !reply->answered && !reply->error_taken)
        code = ccb_fail(ctx, "%s: %s, and the script did not `expect no reply`",
                        reply->what.ptr, reply->error.ptr);
    ccb_client_free_reply(reply);
    ctx->reply = NULL;
    return code;
}

int ccb_client_request(struct ccb_ctx *ctx, const struct ccb_stmt *s)
{
    struct ccb_args a = ccb_args_begin(ctx, s, NULL);
    struct ccb_conn *conn = NULL;
    a.next = 1;
    if (ccb_client_settle(ctx) < 0)
        return -1;
    struct ccb_request *r = ccb_request_parse(&a);
    if (r == NULL)
        return -1;
    if (r->via != NULL) {
        conn = ccb_raw_find(ctx, r->via);
        if (conn == NULL)
            conn = ccb_raw_create(ctx, r->via);
    }
    ctx->reply = ccb_request_perform(r, conn, conn ? conn->name : "client");
    ccb_request_free(r);
    return 0;
}

static void *on_background(void *arg)
{
    struct ccb_background *b = arg;
    struct ccb_reply *reply = ccb_request_perform(b->request, NULL, b->name);
    ccb_event_lock();
    b->reply = reply;
    b->done = 1;
    ccb_event_happened();
    ccb_event_unlock();
    return NULL;
}

struct ccb_background *ccb_client_find(const struct ccb_run *run,
                                       const char *name)
{
    struct ccb_background *b = run->backgrounds;
    while (b != NULL && strcmp(b->name, name) != 0)
        b = b->next;
    return b;
}

/* background NAME request METHOD URL ... */
int ccb_client_background(struct ccb_ctx *ctx, const struct ccb_stmt *s)
{
    struct ccb_pool pool = {0};
    struct ccb_args a = ccb_args_begin(ctx, s, &pool);
    const char *name = NULL;
    struct ccb_request *r = NULL;
    a.next = 1;
    if (ctx->parent != NULL)
        ccb_fail(ctx, "`background` stands outside of `parallel`");
    else if (ccb_args_text(&a, &name, "the name") == 0 &&
             !ccb_args_keyword(&a, "request"))
        ccb_args_unknown(&a, "`request`");
    else if (name != NULL)
        r = ccb_request_parse(&a);
    if (r != NULL) {
        struct ccb_background *b = ccb_tool_alloc(sizeof(*b));
        b->name = ccb_tool_copy(name, strlen(name));
        b->request = r;
        b->next = ctx->run->backgrounds;
        ctx->run->backgrounds = b;
        if (pthread_create(&b->thread, NULL, on_background, b) != 0) {
            b->joined = 1;
            r = NULL;
            ccb_fail(ctx, "no thread for the background");
        }
    }
    ccb_pool_free(&pool);
    return r != NULL ? 0 : -1;
}

static int await(struct ccb_ctx *ctx, struct ccb_background *b)
{
    if (b->joined)
        return ccb_fail(ctx, "%s was awaited already", b->name);
    pthread_join(b->thread, NULL); /* it ends by its own deadline */
    b->joined = 1;
    ctx->reply = b->reply;
    b->reply = NULL;
    return 0;
}

int ccb_client_await(struct ccb_ctx *ctx, const struct ccb_stmt *s)
{
    struct ccb_pool pool = {0};
    struct ccb_args a = ccb_args_begin(ctx, s, &pool);
    const char *name;
    int code = -1;
    a.next = 1;
    if (ccb_client_settle(ctx) == 0 &&
        ccb_args_text(&a, &name, "the request's name") == 0 &&
        ccb_args_end(&a) == 0) {
        struct ccb_background *b = ccb_client_find(ctx->run, name);
        code = b ? await(ctx, b)
                 : ccb_fail(ctx, "no background request is called %s", name);
    }
    ccb_pool_free(&pool);
    return code;
}

int ccb_client_expect_background(struct ccb_background *b, struct ccb_args *a)
{
    if (!ccb_args_keyword(a, "pending"))
        return ccb_args_unknown(a, "`pending` (of a background request)");
    ccb_event_lock();
    int done = b->done;
    ccb_event_unlock();
    if (done)
        return ccb_fail(a->ctx, "%s has its answer (or failed) already",
                        b->name);
    return ccb_args_end(a);
}

void ccb_client_free_backgrounds(struct ccb_run *run)
{
    while (run->backgrounds != NULL) {
        struct ccb_background *b = run->backgrounds;
        run->backgrounds = b->next;
        if (!b->joined)
            pthread_join(b->thread, NULL);
        ccb_client_free_reply(b->reply);
        ccb_request_free(b->request);
        free(b->name);
        free(b);
    }
}

int ccb_client_expect(struct ccb_args *a)
{
    struct ccb_reply *reply = a->ctx->reply;
    if (reply == NULL)
        return ccb_fail(a->ctx, "there is no reply yet: `request` first");
    if (!reply->answered) {
        reply->error_taken = 1;
        return ccb_fail(a->ctx, "%s: %s", reply->what.ptr, reply->error.ptr);
    }
    if (ccb_args_keyword(a, "reused"))
        return reply->reused ? ccb_args_end(a)
                             : ccb_fail(a->ctx, "the connection was new");
    struct ccb_subject s = ccb_match_message(reply->what.ptr, &reply->message);
    return ccb_match_clauses(a, &s);
}

/* expect no reply [TEXT OF THE REASON] */
int ccb_client_expect_none(struct ccb_args *a)
{
    struct ccb_reply *reply = a->ctx->reply;
    const char *text = "";
    if (reply == NULL)
        return ccb_fail(a->ctx, "there was no request yet");
    if (ccb_args_more(a) && ccb_args_text(a, &text, "the reason") < 0)
        return -1;
    if (reply->answered)
        return ccb_fail(a->ctx, "%s: expected none, found status %d",
                        reply->what.ptr, reply->message.status);
    reply->error_taken = 1;
    if (strstr(reply->error.ptr, text) == NULL)
        return ccb_fail(a->ctx, "%s: expected none because %s, found %s",
                        reply->what.ptr, text, reply->error.ptr);
    return ccb_args_end(a);
}
