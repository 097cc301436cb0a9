/*
 * Clients: HTTP requests (also in the background, over kept connections, TLS
 * and unix sockets) and raw connections.
 *
 * Invariant: a request without an answer fails the script unless
 * `expect no reply` follows.
 */
#ifndef CCB_SCRIPT_CLIENT_H
#define CCB_SCRIPT_CLIENT_H

#include "run.h"
#include "wire.h"

/* What came back. Reference counted under the event lock. */
struct ccb_reply {
    struct ccb_text what; /* "the reply to GET /x" */
    struct ccb_message message;
    int answered;          /* a whole answer is there */
    struct ccb_text error; /* else why not */
    int error_taken;       /* `expect no reply` has seen it */
    int reused;            /* over a connection that was open already */
};

struct ccb_conn {
    struct ccb_conn *next;
    char *name;
    struct ccb_wire wire;
    int open;
    struct ccb_text last; /* what `receive` took last */
};

struct ccb_background;

int ccb_client_request(struct ccb_ctx *ctx, const struct ccb_stmt *s);
int ccb_client_background(struct ccb_ctx *ctx, const struct ccb_stmt *s);
int ccb_client_await(struct ccb_ctx *ctx, const struct ccb_stmt *s);
/* expect status ... and the like, on the last reply. */
int ccb_client_expect(struct ccb_args *a);
int ccb_client_expect_none(struct ccb_args *a);
/* expect NAME pending */
struct ccb_background *ccb_client_find(const struct ccb_run *run,
                                       const char *name);
int ccb_client_expect_background(struct ccb_background *b, struct ccb_args *a);
/* The script goes on to another request, or ends: was a missing answer seen?
 */
int ccb_client_settle(struct ccb_ctx *ctx);
void ccb_client_free_reply(struct ccb_reply *reply);
void ccb_client_free_backgrounds(struct ccb_run *run);

/* [tls] [ca F] [cert F] [key F] [insecure] as words of a statement. */
struct ccb_tls_words {
    int tls, insecure;
    const char *ca, *cert, *key;
};
/* Connects, shakes hands. The wire is open, or -1 with `why`. */
int ccb_client_dial(struct ccb_wire *w, const char *address,
                    const struct ccb_tls_words *tls, long long deadline,
                    const char *who, struct ccb_text *why);

/* raw.c */
struct ccb_conn *ccb_raw_find(struct ccb_ctx *ctx, const char *name);
struct ccb_conn *ccb_raw_create(struct ccb_ctx *ctx, const char *name);
int ccb_raw_connect(struct ccb_ctx *ctx, const struct ccb_stmt *s);
int ccb_raw_send(struct ccb_ctx *ctx, const struct ccb_stmt *s);
int ccb_raw_receive(struct ccb_ctx *ctx, const struct ccb_stmt *s);
int ccb_raw_close(struct ccb_ctx *ctx, const struct ccb_stmt *s);
int ccb_raw_half_close(struct ccb_ctx *ctx, const struct ccb_stmt *s);
int ccb_raw_reset(struct ccb_ctx *ctx, const struct ccb_stmt *s);
int ccb_raw_expect(struct ccb_conn *conn, struct ccb_args *a);
void ccb_raw_free_all(struct ccb_ctx *ctx);

#endif
