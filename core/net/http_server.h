/*
 * HTTP/1.1 server on one loop (libuv and llhttp): contract/stager.md A7.
 *
 * A server owns a listening socket, a table of routes and its connections.
 * One request at a time is handled per connection; pipelined ones wait in the
 * socket and in one bounded buffer. Every request is answered exactly once by
 * its handler, even when the peer has left (the answer is then dropped): the
 * answer is what ends the request and frees its memory.
 *
 * Sockets are our own, polled with uv_poll, so that a file can be sent with
 * sendfile. Threads: a server and all its requests belong to the loop's
 * thread.
 */
#ifndef CCB_NET_HTTP_SERVER_H
#define CCB_NET_HTTP_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/flags.h"
#include "ccbridge/error.h"
#include "ccbridge/slice.h"
#include "net/loop.h"

/* ---- limits ------------------------------------------------------------- */

/* All of them flags; the table is ccb_http_limit_flags. 0: no limit. */
struct ccb_http_limits {
    uint64_t max_header_bytes; /* request line and headers; 431 */
    uint64_t max_body_bytes;   /* of a body kept in memory; 413 */
    uint64_t max_connections;  /* per process; 503 and closed at once */
    int64_t header_timeout;    /* ns to send a whole head; 408 */
    int64_t idle_timeout;      /* ns between requests; closed silently */
    int64_t stall_timeout;     /* ns without progress in a body, either way */
};
extern const struct ccb_flag ccb_http_limit_flags[];
extern const size_t ccb_http_limit_flag_count;

/* ---- requests ----------------------------------------------------------- */

struct ccb_http_request;

struct ccb_http_header {
    struct ccb_slice name, value; /* name as sent, value trimmed */
};

enum ccb_http_method {
    CCB_HTTP_GET, /* routes for GET answer HEAD too */
    CCB_HTTP_HEAD,
    CCB_HTTP_PUT,
    CCB_HTTP_POST,
    CCB_HTTP_DELETE,
    CCB_HTTP_OPTIONS,
    CCB_HTTP_OTHER
};

struct ccb_http_request_info {
    enum ccb_http_method method;
    struct ccb_slice method_text;
    struct ccb_slice path;          /* percent-decoded, without query */
    struct ccb_slice target;        /* as sent */
    struct ccb_slice query;         /* as sent, without '?' */
    const struct ccb_slice *params; /* the route's ":name" segments, in order */
    size_t param_count;
    const struct ccb_http_header *headers;
    size_t header_count;
    struct ccb_slice body; /* whole-body routes only */
    void *user;            /* the route's */
};

/* Valid until the request is answered. The arena is the request's; take a
 * reference to keep what lies in it. */
const struct ccb_http_request_info *ccb_http_request_info(
    const struct ccb_http_request *request);
struct ccb_arena *ccb_http_request_arena(struct ccb_http_request *request);
/* The first header of that name, in any case; empty slice with NULL ptr when
 * there is none. */
struct ccb_slice ccb_http_request_header(const struct ccb_http_request *request,
                                         const char *name);

/* Called once when the peer leaves before the answer, so that work can be
 * cancelled. The request must still be answered. A peer that only ends its
 * sending side has not left, unless it is being answered without a length. */
void ccb_http_on_abort(struct ccb_http_request *request,
                       void (*on_abort)(struct ccb_http_request *, void *user),
                       void *user);

/* ---- answers ------------------------------------------------------------ */

/* A whole answer. `content_type` NULL: none is sent. The body is copied or
 * written before return. Status-only answers (empty body) carry
 * Content-Length: 0 and no type. Ends the request. */
void ccb_http_respond(struct ccb_http_request *request, int status,
                      const char *content_type, struct ccb_slice body);

/* The same with further headers ("Name: value" pairs). */
void ccb_http_respond_with(struct ccb_http_request *request, int status,
                           const struct ccb_http_header *headers,
                           size_t header_count, struct ccb_slice body);

/* An answer in pieces. length >= 0: Content-Length; -1: chunked (HTTP/1.0:
 * until close), and a peer that ends its sending side has left: the answer may
 * wait for its next piece for ever. Then write, any number of times, then
 * finish. `write` copies what the socket does not take at once and returns how
 * many bytes wait; past CCB_HTTP_HIGH_WATER stop until on_drain. After the peer
 * left, writes are dropped and return 0. `finish` ends the request; `abandon`
 * ends it by cutting the connection, so that a short body never looks whole. */
#define CCB_HTTP_HIGH_WATER (256 * 1024)
void ccb_http_respond_start(struct ccb_http_request *request, int status,
                            const struct ccb_http_header *headers,
                            size_t header_count, int64_t length);
size_t ccb_http_write(struct ccb_http_request *request, struct ccb_slice bytes);
void ccb_http_on_drain(struct ccb_http_request *request,
                       void (*on_drain)(struct ccb_http_request *, void *user),
                       void *user);
void ccb_http_finish(struct ccb_http_request *request);
void ccb_http_abandon(struct ccb_http_request *request);

/* The rest of an answer that was started with a length: a piece of a regular
 * file, then the end as ccb_http_finish. Takes over `fd`; on_abort is not
 * called any more. A file that turns out shorter abandons the request. The
 * loop does not wait for a disk whose file system can tell what is in memory
 * (RWF_NOWAIT: ext4, xfs, btrfs and their like); with others a cold page is
 * read on the loop. The process must ignore SIGPIPE. */
void ccb_http_send_file(struct ccb_http_request *request, int fd,
                        uint64_t offset, uint64_t length);

/* The same for a piece among others: borrows `fd` until it is sent, ends
 * nothing. True: the socket has taken it all; otherwise nothing may be written
 * until on_drain (or on_abort, when the file turned out shorter or the peer
 * left). Only after ccb_http_respond_start with a length. */
bool ccb_http_write_file(struct ccb_http_request *request, int fd,
                         uint64_t offset, uint64_t length);

/* Called once as the request ends, whichever way: how many bytes of the body
 * were written. The request is valid until it returns; it may not be answered
 * there. */
void ccb_http_on_answered(struct ccb_http_request *request,
                          void (*on_answered)(struct ccb_http_request *,
                                              uint64_t bytes, void *user),
                          void *user);

/* ---- streaming bodies in ------------------------------------------------ */

/* For routes with `stream`: on_request is called when the head is there; the
 * handler then sets a reader. on_body gets each piece (borrowed until return),
 * on_end the end. pause/resume give back-pressure down to the socket. Content
 * length: -1 when chunked. A body that breaks off is reported by on_abort. */
struct ccb_http_body_reader {
    void (*on_body)(struct ccb_http_request *request, struct ccb_slice piece,
                    void *user);
    void (*on_end)(struct ccb_http_request *request, void *user);
    void *user;
};
void ccb_http_read_body(struct ccb_http_request *request,
                        const struct ccb_http_body_reader *reader);
int64_t ccb_http_content_length(const struct ccb_http_request *request);
void ccb_http_pause(struct ccb_http_request *request);
void ccb_http_resume(struct ccb_http_request *request);

/* ---- routes and the server ---------------------------------------------- */

struct ccb_http_route {
    const char *method; /* "GET", "PUT", ...; "*": any */
    const char *path;   /* "/v1/apps/:process_guid/index/:index"; ':x' takes one
                           non-empty segment; "*" as the last segment takes
                           the rest, empty too */
    void (*on_request)(struct ccb_http_request *request, void *user);
    uint64_t max_body; /* 0: the limit of -httpMaxBodyBytes */
    bool stream;       /* body in pieces instead of whole */
    bool nul_path;     /* takes a path with NUL bytes, instead of a 400 */
    bool form_body;    /* a form content type swallows the body (A7): the
                          handler sees an empty one */
    void *user;        /* given to the handler; NULL: the server's */
};

struct ccb_http_server_options {
    const char *name; /* whose requests it counts (net/http_meter.h); NULL:
                         nobody's */
    const struct ccb_http_route *routes;
    size_t route_count;
    void *user; /* given to handlers */
    const struct ccb_http_limits *limits;
    /* Called when a crash-worthy slip happens or a request is refused; may be
     * NULL. Never with message contents. */
    void (*on_refused)(void *user, int status, const char *why);
};

struct ccb_http_server;

/* A listening socket, non-blocking, close-on-exec. The first one of an address
 * binds without SO_REUSEPORT, so that a second daemon gets EADDRINUSE; with
 * `sibling_of` >= 0 a further one is opened beside that descriptor. Port 0
 * picks a free one (ccb_http_bound_port). CCB_IO, naming address and reason
 * ("listen tcp 0.0.0.0:8888: bind: address already in use"). */
int ccb_http_listen(const char *host, uint16_t port, int sibling_of, int *fd,
                    struct ccb_error *err);
uint16_t ccb_http_bound_port(int fd);

/* "HOST:PORT" of a flag, taken apart: "127.0.0.1:80", ":80" and "0.0.0.0:80"
 * (host ""), "[::1]:80". CCB_INVALID in the historic programs' words: "listen
 * tcp: address x: missing port in address". */
struct ccb_http_address {
    char host[256]; /* "": all addresses */
    uint16_t port;
};
int ccb_http_address_parse(struct ccb_http_address *out, const char *text,
                           struct ccb_error *err);

/* Listening on a unix socket, mode 0600 from its first moment. A socket file
 * that nobody listens on any more is replaced; one that is served, or a file
 * that is no socket, is CCB_CONFLICT. CCB_INVALID for a path that is empty or
 * longer than the 107 bytes that the system takes. The file stays when the
 * server closes: who made it may unlink it, or leave it to the next start. */
int ccb_http_listen_unix(const char *path, int *fd, struct ccb_error *err);
/* Whether some process listens there. Makes nothing and takes nothing away. */
bool ccb_http_unix_is_served(const char *path);

/* Takes over `fd`, also when it fails. */
int ccb_http_server_open(struct ccb_http_server **server, struct ccb_loop *loop,
                         int fd, const struct ccb_http_server_options *options,
                         struct ccb_error *err);

/* Graceful: closes the listener and idle connections, waits without limit for
 * requests in flight, then calls on_closed (once, from the loop) and is gone.
 * A second call closes what is left at once. */
void ccb_http_server_close(struct ccb_http_server *server,
                           void (*on_closed)(void *user), void *user);

/* Requests now being handled. */
size_t ccb_http_server_in_flight(const struct ccb_http_server *server);

#endif
