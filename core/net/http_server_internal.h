/*
 * What the files of the HTTP server share (contract/stager.md A7).
 *
 *   http_bind.c     listening sockets
 *   http_listen.c   accepting, the server's life
 *   http_conn.c     one connection: polling, reading, writing, closing
 *   http_wait.c     every timeout of a server on one timer
 *   http_parse.c    bytes to requests: our checks, then llhttp's
 *   http_header.c   what the headers of a request must be
 *   http_body.c     where a body ends: Content-Length and chunks
 *   http_handle.c   the request object, its body, its way to a handler
 *   http_respond.c  answers
 *   http_file.c     answers whose body is a file
 *   http_route.c    the compiled table of routes
 *
 * Invariants: a connection has at most one request, and its memory lives
 * until the poll handle is closed and the request is answered. Handlers are
 * called from loop events only, never from inside a call they make.
 */
#ifndef CCB_NET_HTTP_SERVER_INTERNAL_H
#define CCB_NET_HTTP_SERVER_INTERNAL_H

#include <sys/uio.h>

#include "base/buf.h"
#include "net/http_meter.h"
#include "net/http_server.h"

struct ccb_httpd_conn;

/* A member of a ring; the head is one too. */
struct ccb_httpd_link {
    struct ccb_httpd_link *prev, *next;
};

void ccb_httpd_link_init(struct ccb_httpd_link *head);
void ccb_httpd_link_append(struct ccb_httpd_link *head,
                           struct ccb_httpd_link *link);
void ccb_httpd_link_remove(struct ccb_httpd_link *link); /* unlinked is fine */

/* ---- routes ------------------------------------------------------------- */

#define CCB_HTTPD_MAX_SEGMENTS 16

struct ccb_httpd_route {
    const struct ccb_http_route *route;
    size_t count; /* segments */
    size_t param_count;
    bool rest;                                         /* the last one is "*" */
    struct ccb_slice segments[CCB_HTTPD_MAX_SEGMENTS]; /* ptr NULL: ":name" */
};

struct ccb_httpd_routes {
    struct ccb_httpd_route *items;
    size_t count;
};

/* The table is borrowed for the server's life. */
int ccb_httpd_routes_compile(struct ccb_httpd_routes *routes,
                             const struct ccb_http_route *table, size_t count,
                             struct ccb_error *err);
void ccb_httpd_routes_destroy(struct ccb_httpd_routes *routes);

struct ccb_httpd_match {
    const struct ccb_http_route *route; /* NULL: 404, or 405 with `allow` */
    size_t param_count;
    struct ccb_slice params[CCB_HTTPD_MAX_SEGMENTS];
    char allow[128]; /* "GET, HEAD", or "" */
};
/* The first row of method and decoded path. */
void ccb_httpd_routes_find(const struct ccb_httpd_routes *routes,
                           struct ccb_slice method, struct ccb_slice path,
                           struct ccb_httpd_match *match);

/* ---- the server --------------------------------------------------------- */

/* What a connection waits for; one ring a kind, in order of deadlines, since
 * a kind's time is constant. */
enum ccb_httpd_wait {
    CCB_HTTPD_WAIT_NOW, /* for the next turn of the loop */
    CCB_HTTPD_WAIT_HEADER,
    CCB_HTTPD_WAIT_IDLE,
    CCB_HTTPD_WAIT_STALL,
    CCB_HTTPD_WAIT_LINGER,
    CCB_HTTPD_WAIT_NONE,
    CCB_HTTPD_WAIT_COUNT = CCB_HTTPD_WAIT_NONE
};

#define CCB_HTTPD_READ_SIZE (64 * 1024)
#define CCB_HTTPD_MAX_DRAIN (256 * 1024)

struct ccb_http_server {
    struct ccb_loop *loop;
    struct ccb_http_server_options options;
    struct ccb_http_limits limits;
    struct ccb_httpd_routes routes;
    struct ccb_http_meter *meter; /* NULL: nothing is counted */
    int fd;                       /* the listener, -1 once closed */
    int spare_fd; /* given up for a moment when descriptors run out */
    uv_poll_t listener;
    uv_timer_t timer;
    uint64_t timer_due; /* loop ms; UINT64_MAX: not armed */
    struct ccb_httpd_link waits[CCB_HTTPD_WAIT_COUNT];
    uint64_t wait_ms[CCB_HTTPD_WAIT_COUNT]; /* 0: no limit */
    uint64_t accept_again; /* loop ms, when accepting is put off; else 0 */
    struct ccb_httpd_link conns;
    size_t conn_count, in_flight;
    bool closing, listener_closed, timer_closing;
    void (*on_closed)(void *user);
    void *closed_user;
    struct ccb_buf head; /* where an answer's head is put together */
    char date[48];       /* "Date: ...\r\n", of the second until date_until */
    uint64_t date_until;
    char scratch[CCB_HTTPD_READ_SIZE]; /* where sockets are read into */
};

/* When the server is closing and nothing is left, ends it. */
void ccb_httpd_server_settle(struct ccb_http_server *server);
/* Tries the listener again after descriptors had run out. */
void ccb_httpd_accept_again(struct ccb_http_server *server);

/* ---- timeouts ----------------------------------------------------------- */

int ccb_httpd_waits_init(struct ccb_http_server *server);
/* Moves to the end of a kind's ring, with a new deadline. */
void ccb_httpd_wait(struct ccb_httpd_conn *conn, enum ccb_httpd_wait kind);
/* Makes sure that the timer fires by then. */
void ccb_httpd_wait_until(struct ccb_http_server *server, uint64_t due);

/* ---- bodies ------------------------------------------------------------- */

enum ccb_httpd_step {
    CCB_HTTPD_BODY_DONE, /* no body, or all of it was seen */
    CCB_HTTPD_BODY_LENGTH,
    CCB_HTTPD_CHUNK_START, /* the first digit of a size */
    CCB_HTTPD_CHUNK_SIZE,
    CCB_HTTPD_CHUNK_EXTENSION,
    CCB_HTTPD_CHUNK_SIZE_LF,
    CCB_HTTPD_CHUNK_DATA,
    CCB_HTTPD_CHUNK_DATA_CR,
    CCB_HTTPD_CHUNK_DATA_LF,
    CCB_HTTPD_TRAILER_START,
    CCB_HTTPD_TRAILER_LINE,
    CCB_HTTPD_TRAILER_LF,
    CCB_HTTPD_END_LF
};

struct ccb_httpd_body {
    enum ccb_httpd_step step;
    uint64_t left;  /* of the length, or of the chunk */
    uint64_t extra; /* extension and trailer bytes so far */
};

/* content_length: -1 for chunked. */
void ccb_httpd_body_start(struct ccb_httpd_body *body, int64_t content_length);
/* Consumes bytes up to the end of the next piece of the body, which may be
 * empty; how many. `why` is set when the framing is broken. */
size_t ccb_httpd_body_next(struct ccb_httpd_body *body, const char *data,
                           size_t len, uint64_t max_extra,
                           struct ccb_slice *piece, const char **why);

/* ---- connections -------------------------------------------------------- */

enum ccb_httpd_state {
    CCB_HTTPD_HEAD,     /* between requests, or reading a head */
    CCB_HTTPD_BODY,     /* reading a whole body, before the handler's call */
    CCB_HTTPD_HANDLING, /* the handler has it; its body may be streaming */
    CCB_HTTPD_DRAIN,    /* answered; the rest of the body is thrown away */
    CCB_HTTPD_FLUSH,    /* answered; the answer is being written */
    CCB_HTTPD_LINGER,   /* last answer written; the peer may read it */
    CCB_HTTPD_CLOSED    /* socket closed; kept for its request */
};

struct ccb_httpd_conn {
    struct ccb_http_server *server;
    struct ccb_http_request *request;
    uv_poll_t poll;
    struct ccb_httpd_body body;
    struct ccb_httpd_link all, waiting;
    uint64_t deadline; /* loop ms */
    enum ccb_httpd_wait wait;
    enum ccb_httpd_state state;
    int fd;
    int mask;           /* what is polled for */
    struct ccb_buf in;  /* bytes read and not yet consumed */
    struct ccb_buf out; /* bytes to write, from out_pos on */
    size_t out_pos;
    size_t line, scanned; /* of the head: start of the line, bytes seen */
    uint64_t drained;     /* bytes thrown away since the answer */
    unsigned processing : 1;
    unsigned progress : 1; /* bytes went either way since the last update */
    unsigned poll_closed : 1;
    unsigned peer_done : 1;     /* EOF was seen */
    unsigned keep_alive : 1;    /* of the current request */
    unsigned not_continued : 1; /* 100-continue was asked and not sent */
    unsigned last : 1;          /* linger when all is written */
};

/* Takes a connected socket, non-blocking. Closes it when it fails. */
int ccb_httpd_conn_open(struct ccb_http_server *server, int fd);
/* Closes the socket; tells the request, frees when it may. */
void ccb_httpd_conn_close(struct ccb_httpd_conn *conn);
/* The same with a reset, so that nothing sent so far looks whole. */
void ccb_httpd_conn_cut(struct ccb_httpd_conn *conn);
void ccb_httpd_conn_free_if_done(struct ccb_httpd_conn *conn);
/* Writes now or later. Closes the connection when it can't. */
void ccb_httpd_conn_send(struct ccb_httpd_conn *conn, const struct iovec *parts,
                         size_t count, int flags);
size_t ccb_httpd_conn_waiting(const struct ccb_httpd_conn *conn);
/* The rest of the body after an answer was thrown away. */
void ccb_httpd_conn_drained(struct ccb_httpd_conn *conn);
/* No further request: what is written goes out, then the end. */
void ccb_httpd_conn_end(struct ccb_httpd_conn *conn);
/* After the answer: flushes, drains, goes on with the next one or ends. */
void ccb_httpd_conn_answered(struct ccb_httpd_conn *conn);
/* Sets polling and timeout by what the connection now waits for. */
void ccb_httpd_conn_update(struct ccb_httpd_conn *conn);
/* The same, unless the connection is being worked on and it comes anyway. */
void ccb_httpd_conn_changed(struct ccb_httpd_conn *conn);
/* Bytes that wait in memory are looked at again in the next turn. */
void ccb_httpd_conn_later(struct ccb_httpd_conn *conn);
void ccb_httpd_conn_on_now(struct ccb_httpd_conn *conn);
void ccb_httpd_conn_on_timeout(struct ccb_httpd_conn *conn,
                               enum ccb_httpd_wait kind);
/* Answers with a short text and closes. Never needs memory. */
void ccb_httpd_conn_refuse(struct ccb_httpd_conn *conn, int status,
                           const char *why);

/* ---- parsing ------------------------------------------------------------ */

/* Consumes what the connection's state can take of the bytes; how many. */
size_t ccb_httpd_parse(struct ccb_httpd_conn *conn, const char *data,
                       size_t len);

/* Why a request is refused. */
struct ccb_httpd_refusal {
    int status; /* 0: it is not */
    const char *why;
};
/* One line of the head, without its CRLF. */
struct ccb_httpd_refusal ccb_httpd_check_request_line(struct ccb_slice line);
struct ccb_httpd_refusal ccb_httpd_check_header_line(struct ccb_slice line);
/* All headers together: what frames the body, names the host, asks for more
 * than we do. Fills content_length and expects. */
struct ccb_httpd_refusal ccb_httpd_check_headers(
    struct ccb_http_request *request);

/* ---- requests ----------------------------------------------------------- */

/* A file being sent. */
struct ccb_httpd_file {
    uint64_t offset, left;       /* left 0: there is none */
    struct ccb_httpd_read *read; /* the pool is reading */
    int fd;
    unsigned owned : 1;    /* the descriptor is ours to close */
    unsigned finishes : 1; /* the request ends with it */
};

struct ccb_http_request {
    struct ccb_http_request_info info;
    struct ccb_httpd_conn *conn;
    struct ccb_arena *arena;
    const struct ccb_http_route *route;
    struct ccb_http_header *headers; /* what info.headers shows */
    size_t header_room;
    int64_t content_length; /* -1: chunked */
    uint64_t body_seen, body_max;
    struct ccb_buf heap_body; /* a whole body whose size is not yet known */
    char *arena_body;         /* one that is */
    struct ccb_http_body_reader reader;
    void (*on_abort)(struct ccb_http_request *, void *);
    void *abort_user;
    void (*on_drain)(struct ccb_http_request *, void *);
    void *drain_user;
    void (*on_answered)(struct ccb_http_request *, uint64_t, void *);
    void *answered_user;
    struct ccb_httpd_file file;
    int64_t answer_left;      /* of a declared length */
    uint64_t answer_bytes;    /* of the body, given to the socket */
    int64_t begun_at;         /* monotonic ns, when it is metered */
    int status;               /* of the answer, when its head was made */
    unsigned no_memory : 1;   /* while its head was read */
    unsigned head_method : 1; /* HEAD: no body goes out */
    unsigned http10 : 1;
    unsigned expects : 1; /* 100-continue */
    unsigned form : 1;    /* the body is thrown away (A7) */
    unsigned dispatched : 1;
    unsigned reading : 1; /* a reader is set */
    unsigned paused : 1;
    unsigned ended : 1;   /* on_end was called */
    unsigned started : 1; /* respond_start was called */
    unsigned chunked : 1; /* the answer is */
    unsigned endless : 1; /* its length is unknown */
    unsigned overrun : 1; /* more was written than declared */
    unsigned gone : 1;    /* the peer left: answers are dropped */
    unsigned told : 1;    /* on_abort was called */
};

/* NULL: no memory. */
struct ccb_http_request *ccb_httpd_request_create(struct ccb_httpd_conn *conn);
/* Frees it and takes it from its connection. */
void ccb_httpd_request_end(struct ccb_http_request *request);
/* The head was read and found good: routes it. */
void ccb_httpd_request_route(struct ccb_http_request *request);
/* A piece of the body. */
void ccb_httpd_request_body(struct ccb_http_request *request,
                            struct ccb_slice piece);
/* The message is complete: calls the handler, or the reader's on_end. */
void ccb_httpd_request_whole(struct ccb_http_request *request);
/* Whether body bytes may be taken from the socket now. */
bool ccb_httpd_request_wants_body(const struct ccb_http_request *request);
void ccb_httpd_request_tell(struct ccb_http_request *request);
bool ccb_httpd_slice_is_nocase(struct ccb_slice text, const char *word);

/* The socket takes bytes again, and a file is to be sent. */
void ccb_httpd_file_advance(struct ccb_http_request *request);
/* The peer left: lets go of the file; true: and that has ended the request. */
bool ccb_httpd_file_leave(struct ccb_http_request *request);
/* Lets go of the file, if there is one. */
void ccb_httpd_file_drop(struct ccb_http_request *request);

/* The "Date" line of this second. */
const char *ccb_httpd_date(struct ccb_http_server *server);
const char *ccb_httpd_reason(int status);

#endif
