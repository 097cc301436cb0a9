/*
 * What the files of the HTTP client share and nobody else includes.
 *
 * Invariants: a call is in its client's list from ccb_http_send until it is
 * done or cancelled; its arena holds the call itself and all that was copied
 * for it. A lane never calls on_done: it fills `answer` and hands the call to
 * ccb_http_call_done, or to ccb_http_call_fail, which waits for the loop's
 * next round. Every libuv handle and request counts in `handles`; the client
 * is gone when it is closing and the count is 0.
 */
#ifndef CCB_NET_HTTP_CLIENT_INTERNAL_H
#define CCB_NET_HTTP_CLIENT_INTERNAL_H

#include <llhttp.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/arena.h"
#include "base/buf.h"
#include "net/http_client.h"
#include "net/url.h"

#define CCB_HTTP_MAX_HEAD (64 * 1024) /* bytes of an answer's head */
#define CCB_HTTP_MAX_HEADERS 1000     /* lines of it */
#define CCB_HTTP_DEFAULT_ANSWER (16 << 20)
#define CCB_HTTP_SCRATCH (64 * 1024) /* what one recv takes at most */
#define CCB_HTTP_MAX_IDLE 64         /* pooled connections a client */
#define CCB_HTTP_IDLE_TIME (60 * INT64_C(1000000000)) /* ns in the pool */
#define CCB_HTTP_NEVER INT64_MAX

/* ---- heads of answers (http_answer.c) ----------------------------------- */

/* A header line as offsets into the head's text, which may still move. */
struct ccb_http_span {
    uint32_t name, name_len, value, value_len;
};

#define CCB_HTTP_SPANS 24
struct ccb_http_head {
    struct ccb_http_span *spans;
    size_t count, cap;
    struct ccb_http_span first[CCB_HTTP_SPANS];
};

void ccb_http_head_init(struct ccb_http_head *head);
/* A zeroed span behind the others; NULL: no memory. */
struct ccb_http_span *ccb_http_head_add(struct ccb_http_head *head,
                                        struct ccb_arena *arena);
/* The spans as slices of `text`, values trimmed; NULL: no memory. */
struct ccb_http_header *ccb_http_head_slices(const struct ccb_http_head *head,
                                             const char *text,
                                             struct ccb_arena *arena);

/* What neither llhttp nor libcurl refuses: NULL, or what is wrong. */
const char *ccb_http_head_fault(const struct ccb_http_header *headers,
                                size_t count);

/* ---- the short lane's reader of answers (http_answer.c) ----------------- */

/*
 * Bytes of a connection in, one answer out. What `headers` and `body` point to
 * may be the last bytes fed: they are valid until the next feed, or until
 * those bytes go. 1xx answers are skipped.
 */
struct ccb_http_reader {
    llhttp_t parser;
    struct ccb_arena *arena;
    struct ccb_http_head head;
    struct ccb_buf raw;     /* head bytes of more than one feed */
    struct ccb_buf kept;    /* body bytes of more than one piece */
    struct ccb_slice piece; /* a body that is one piece so far */
    struct ccb_slice input; /* now being fed */
    size_t fed;             /* bytes before `input` while in the head */
    uint64_t max_body, total;
    int64_t length; /* Content-Length, or -1 */
    struct ccb_http_header *headers;
    int status;
    int code; /* what went wrong, with words */
    const char *why;
    bool no_body; /* the request was a HEAD */
    bool begun, head_done, done;
    bool keep_alive; /* the connection may serve again */
};

void ccb_http_reader_init(struct ccb_http_reader *reader,
                          struct ccb_arena *arena, bool no_body,
                          uint64_t max_body);
void ccb_http_reader_destroy(struct ccb_http_reader *reader);
/* 1: the answer is whole; 0: more is needed; or a negative code (`why`). */
int ccb_http_reader_feed(struct ccb_http_reader *reader,
                         struct ccb_slice bytes);
/* The peer closed: 1 when that ends the answer, else CCB_IO. */
int ccb_http_reader_finish(struct ccb_http_reader *reader);
void ccb_http_reader_answer(const struct ccb_http_reader *reader,
                            struct ccb_http_answer *answer);

/* ---- calls (http_client.c) ---------------------------------------------- */

enum ccb_http_call_state {
    CCB_HTTP_CALL_RUNNING, /* the lane's */
    CCB_HTTP_CALL_FAILED,  /* on_done comes with the loop's next round */
    CCB_HTTP_CALL_OVER     /* in on_done, or cancelled */
};

struct ccb_http_lane {
    size_t call_size;
    /* 0, or a negative code; then `destroy` follows. */
    int (*start)(struct ccb_http_call *call, struct ccb_error *err);
    /* Lets go of sockets and handles. False: the lane needs the call a while
     * longer and ends with ccb_http_call_free itself. */
    bool (*stop)(struct ccb_http_call *call);
    void (*resume)(struct ccb_http_call *call);
    /* Frees what does not lie in the arena. */
    void (*destroy)(struct ccb_http_call *call);
};
extern const struct ccb_http_lane ccb_http_short_lane;
extern const struct ccb_http_lane ccb_http_long_lane;

struct ccb_http_call {
    struct ccb_http_client *client;
    const struct ccb_http_lane *lane;
    struct ccb_arena *arena;
    struct ccb_http_call *prev, *next;         /* the client's calls */
    struct ccb_http_call *due_prev, *due_next; /* those with a due time */
    enum ccb_http_call_state state;
    bool waits;       /* is in the due list */
    int64_t due;      /* uv_hrtime at which something must have happened */
    int64_t deadline; /* of the whole exchange, or CCB_HTTP_NEVER */
    /* As given, method and auth copied; `headers` is valid in start only. */
    struct ccb_http_call_options options;
    struct ccb_url url; /* of a copy */
    struct ccb_http_answer answer;
};

/* Ends a call whose lane has let go of it: on_done, then frees it. */
void ccb_http_call_done(struct ccb_http_call *call);
/* Fills `answer` with a code and "Get http://h:1/p: words". */
void ccb_http_call_error(struct ccb_http_call *call, int code,
                         const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The answer holds an error: on_done in the next round. */
void ccb_http_call_fail(struct ccb_http_call *call);
void ccb_http_call_free(struct ccb_http_call *call);
/* The call times out at `due` (CCB_HTTP_NEVER: it does not). */
void ccb_http_call_set_due(struct ccb_http_call *call, int64_t due);

/* ---- requests (http_request.c) ------------------------------------------ */

/* Refuses what would break the request line or a header: CCB_INVALID. */
int ccb_http_request_check(const struct ccb_http_call_options *options,
                           const struct ccb_url *url, struct ccb_error *err);
/* Line and headers, ready to send: codes as ccb_http_request_auth. */
int ccb_http_request_head(const struct ccb_http_call *call,
                          struct ccb_slice *head, struct ccb_error *err);
/* "Basic ..." from options or URL; *has false: none. CCB_NO_MEMORY,
 * CCB_INVALID for a broken escape in the URL. */
int ccb_http_request_auth(const struct ccb_http_call *call, bool *has,
                          struct ccb_slice *value, struct ccb_error *err);
/* The proxy that the environment names for this URL, or NULL. */
const char *ccb_http_request_proxy(const struct ccb_url *url);
bool ccb_http_is_loopback(struct ccb_slice host);
/* Path and query as sent, without a fragment; `slash` is what goes before. */
struct ccb_slice ccb_http_request_target(const struct ccb_url *url,
                                         const char **slash);
bool ccb_http_same_word(struct ccb_slice a, struct ccb_slice b);
bool ccb_http_is_token(struct ccb_slice text);
/* Whether a second sending does no harm. */
bool ccb_http_may_repeat(const struct ccb_http_call_options *options);

/* ---- pooled connections of the short lane (http_pool.c) ----------------- */

union ccb_http_addr {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
};

struct ccb_http_conn {
    struct ccb_http_client *client;
    uv_poll_t poll;
    int fd;
    int events; /* what `poll` watches */
    bool connected;
    struct ccb_http_call *call; /* NULL: idle, or closing */
    struct ccb_http_conn *prev, *next;
    int64_t idle_since;
    uint16_t port;
    size_t host_len;
    char host[];
};

/* Idle connections, the last used first. */
struct ccb_http_pool {
    struct ccb_http_conn *first, *last;
    size_t count;
};

/* A live idle connection for the call, or NULL. */
struct ccb_http_conn *ccb_http_pool_take(struct ccb_http_call *call);
void ccb_http_pool_give(struct ccb_http_conn *conn);
/* Closes what was idle too long; returns when to look again. */
int64_t ccb_http_pool_sweep(struct ccb_http_client *client, int64_t now);
void ccb_http_pool_close(struct ccb_http_client *client);

/* Starts to connect; on_event follows. 0 or a negative errno. */
int ccb_http_conn_open(struct ccb_http_call *call,
                       const union ccb_http_addr *addr,
                       struct ccb_http_conn **out);
int ccb_http_conn_watch(struct ccb_http_conn *conn, int events);
void ccb_http_conn_close(struct ccb_http_conn *conn);
/* The short lane's: something happened on a connection in use. */
void ccb_http_short_on_event(struct ccb_http_conn *conn, int status,
                             int events);

/* ---- the client --------------------------------------------------------- */

struct ccb_http_curl; /* the long lane's own; http_client_curl.c */

struct ccb_http_client {
    struct ccb_loop *loop;
    uv_timer_t timer; /* due calls and idle connections; unless calls are in
                         flight it does not keep the loop alive */
    int64_t armed;    /* when it rings, or CCB_HTTP_NEVER */
    struct ccb_http_call *calls;
    struct ccb_http_call *due_first, *due_last; /* earliest first */
    struct ccb_http_pool pool;
    char *scratch; /* CCB_HTTP_SCRATCH bytes, with the first short call */
    struct ccb_http_curl *curl; /* with the first long call */
    size_t handles;
    bool closing;
    void (*on_closed)(void *user);
    void *closed_user;
};

/* In close callbacks: one handle less. The client may be gone afterwards. */
void ccb_http_client_release(struct ccb_http_client *client);
/* The timer must ring at `due` or before. */
void ccb_http_client_arm(struct ccb_http_client *client, int64_t due);

/* The long lane's part of the client's life. */
void ccb_http_curl_close(struct ccb_http_client *client);
void ccb_http_curl_free(struct ccb_http_client *client);
void ccb_http_curl_ref(struct ccb_http_client *client, bool ref);

#endif
