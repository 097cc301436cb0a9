/*
 * HTTP client on one loop, with two lanes behind one call.
 *
 * The long lane is libcurl multi driven by the loop: TLS (verified unless told
 * otherwise), proxies, bodies streamed up and down. The short lane is our own,
 * for plain http:// calls with a small body and answer, as the back end gets
 * them by the thousand: llhttp over pooled keep-alive sockets at a third of
 * libcurl's cost. A call says `short_lane` when it may go there; what does not
 * fit goes the long way by itself.
 *
 * Repeats: nothing is ever sent twice on its own, but for one case: a pooled
 * connection that turned out dead before any byte of the answer, for GET, PUT,
 * DELETE and HEAD, is replaced once, unless `no_repeat`.
 *
 * Every call ends with exactly one on_done, from the loop, never from inside
 * ccb_http_send; after ccb_http_cancel there is none. Threads: the loop's.
 */
#ifndef CCB_NET_HTTP_CLIENT_H
#define CCB_NET_HTTP_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "ccbridge/error.h"
#include "ccbridge/slice.h"
#include "net/http_server.h" /* struct ccb_http_header */
#include "net/loop.h"

struct ccb_http_client;
struct ccb_http_call;

struct ccb_http_answer {
    int code;          /* 0, or the reason there is no whole answer:
                          CCB_IO, CCB_TIMED_OUT, CCB_TOO_LARGE, ... */
    const char *error; /* words for people, when code != 0; no secrets */
    bool unconnected;  /* code != 0 and there never was a connection, so that
                          nothing was sent */
    int status;        /* when a head was read, else 0 */
    const struct ccb_http_header *headers;
    size_t header_count;
    struct ccb_slice body; /* whole, unless on_body took it */
};
struct ccb_slice ccb_http_answer_header(const struct ccb_http_answer *answer,
                                        const char *name);

struct ccb_http_call_options {
    const char *method;   /* "PUT" */
    struct ccb_slice url; /* copied; user info becomes basic auth */
    const struct ccb_http_header *headers; /* copied */
    size_t header_count;
    struct ccb_slice body;               /* borrowed until on_done or cancel */
    struct ccb_slice username, password; /* basic auth when has_auth; copied */
    bool has_auth;
    bool skip_cert_verify;
    bool use_proxy;  /* honour HTTP_PROXY and its kin */
    bool short_lane; /* may take the short lane */
    /* Instead of the URL's host and port, which then only name the peer: the
     * path of a unix socket, copied. Long lane, no proxy. */
    const char *unix_socket;
    bool no_repeat;
    int64_t connect_timeout; /* ns; 0: none */
    int64_t timeout;         /* ns for the whole exchange; 0: none */
    uint64_t max_answer;     /* bytes kept; 0: 16 MiB; more is CCB_TOO_LARGE */

    /* Upload in pieces instead of `body`: length known (>= 0) or chunked (-1);
     * on_read fills up to `size` bytes and returns how many, 0 at the end,
     * CCB_HTTP_PAUSE when none is there yet (ccb_http_call_resume), or another
     * negative code to give up. Long lane. */
    int64_t upload_length;
    int64_t (*on_read)(void *user, char *bytes, size_t size);
    /* Download in pieces: head first, then each piece (borrowed). Returns 0,
     * CCB_HTTP_PAUSE (the same piece comes again after resume), or another
     * negative code to give up. Long lane. */
    int (*on_head)(void *user, const struct ccb_http_answer *head);
    int (*on_body)(void *user, struct ccb_slice piece);

    /* `answer` and all in it is borrowed until return. */
    void (*on_done)(void *user, const struct ccb_http_answer *answer);
    void *user;
};
#define CCB_HTTP_PAUSE (-100)

int ccb_http_client_open(struct ccb_http_client **client, struct ccb_loop *loop,
                         struct ccb_error *err);
/* Cancels what is in flight, closes pooled connections, calls on_closed. */
void ccb_http_client_close(struct ccb_http_client *client,
                           void (*on_closed)(void *user), void *user);

/* Starts a call. On failure (CCB_NO_MEMORY, CCB_INVALID for the URL) there is
 * no call and no on_done. */
int ccb_http_send(struct ccb_http_client *client,
                  const struct ccb_http_call_options *options,
                  struct ccb_http_call **call, struct ccb_error *err);
void ccb_http_cancel(struct ccb_http_call *call);
void ccb_http_call_resume(struct ccb_http_call *call);

#endif
