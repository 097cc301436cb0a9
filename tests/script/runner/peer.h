/*
 * Fake peers: HTTP/1.1 servers on loopback that answer by ordered rules and
 * record whatever they are sent.
 *
 * Invariant: a request is recorded, whole, before its answer begins, so that
 * an answered request is a causal barrier. Rules, records and streams are
 * guarded by the event lock; a rule in use is kept by a reference.
 */
#ifndef CCB_SCRIPT_PEER_H
#define CCB_SCRIPT_PEER_H

#include <pthread.h>

#include "run.h"
#include "wire.h"

#define CCB_RULE_CONDITIONS 4
#define CCB_RULE_HEADERS 32

struct ccb_rule {
    struct ccb_rule *next;
    struct ccb_pool pool; /* holds every text of the rule */
    int refs;
    const char *method, *target; /* patterns */
    struct {
        int query; /* a query parameter, else a header */
        const char *name, *pattern;
    } conditions[CCB_RULE_CONDITIONS];
    size_t condition_count;
    int status;
    struct {
        const char *name, *value;
    } headers[CCB_RULE_HEADERS];
    size_t header_count;
    struct ccb_content content;
    int echo, chunked, steps, hang, close, reset, no_type, raw, unrecorded;
    long long delay; /* ms before the answer */
    uint64_t cut;    /* bytes of the answer that are sent; UINT64_MAX: all */
    uint64_t read;   /* bytes of the body that are read; UINT64_MAX: all */
    uint64_t slow_bytes;
    long long slow_ms; /* slow_bytes every slow_ms */
    long long times;   /* how often it is still used; -1: always */
};

struct ccb_record {
    struct ccb_record *next;
    unsigned number; /* 1 for the peer's first */
    struct ccb_message message;
    int consumed;
    int answered;     /* the status it is answered with, 0: none yet */
    int closed;       /* the client closed while it waited for the answer */
    int closed_taken; /* an expectation saw that */
};

/* An answer under the script's control. */
struct ccb_stream {
    struct ccb_stream *next;
    const char *target;
    int event_fd;
    struct ccb_text pending;
    int finish, abort;
};

struct ccb_serving; /* one connection */

struct ccb_peer {
    struct ccb_peer *next;
    struct ccb_run *run;
    char *name;
    int port;
    char *socket; /* a unix socket's path instead of the port, or NULL */
    struct ssl_ctx_st *tls;
    int dropsonde; /* takes datagrams of metrics instead of requests */
    int listener, stop_fd, running, stopping;
    pthread_t acceptor;
    struct ccb_serving *servings;
    struct ccb_rule *rules;
    struct ccb_record *records, **last_record;
    struct ccb_record *expected; /* the one matched last */
    struct ccb_stream *streams;
    unsigned received, events;
};

/* peer.c */
struct ccb_peer *ccb_peer_find(const struct ccb_run *run, const char *name);
int ccb_peer_is_tls(const struct ccb_peer *peer);
struct ccb_peer *ccb_peer_create(struct ccb_run *run, const char *name);
int ccb_peer_start(struct ccb_peer *peer, struct ccb_text *why);
/* Closes the listener and every connection, waits for their threads. */
void ccb_peer_stop(struct ccb_peer *peer);
/* Ends the connections that are open now; the peer goes on. */
void ccb_peer_drop(struct ccb_peer *peer);
/* Adds to what was received; takes `record`. */
void ccb_peer_publish(struct ccb_peer *peer, struct ccb_record *record);
void ccb_peer_free_all(struct ccb_run *run);
/* The record, for a failed script's output. */
void ccb_peer_describe(const struct ccb_peer *peer, struct ccb_text *out);

/* rules.c */
int ccb_rule_parse(struct ccb_ctx *ctx, const struct ccb_stmt *s,
                   struct ccb_rule **out);
/* The rule that answers, with a reference; NULL: none. Event lock held. */
struct ccb_rule *ccb_rule_pick(struct ccb_peer *peer,
                               const struct ccb_message *m);
void ccb_rule_unref(struct ccb_rule *rule); /* event lock held */
/* Whether method and path are those of the patterns (a pattern with `?` is
 * compared with path and query, another with the path alone). */
int ccb_rule_names(const char *method, const char *target,
                   const struct ccb_message *m);
/* A query parameter's decoded value; NULL when absent. Caller frees. */
char *ccb_rule_query(const char *target, const char *name);

/* dropsonde.c: a socket on loopback, and the thread that records what it
 * receives until `stop_fd`. */
int ccb_dropsonde_listen(int port, struct ccb_text *why);
void *ccb_dropsonde_receive(void *peer);

/* answer.c: answers as the rule says. 1 when the connection may go on, else
 * 0 and the connection is to be closed. */
int ccb_answer(struct ccb_peer *peer, struct ccb_wire *w,
               const struct ccb_rule *rule, struct ccb_record *record);

/* peer_stmt.c: `peer ...` and `expect PEER ...`. */
int ccb_peer_statement(struct ccb_ctx *ctx, const struct ccb_stmt *s);
int ccb_peer_expect(struct ccb_peer *peer, struct ccb_args *a);

#endif
