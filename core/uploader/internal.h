/*
 * The inside of the uploader (contract/fileserver-ccuploader.md 2).
 *
 *   uploader.c   the role: flags, door, life
 *   receive.c    a request: its checks, its end, its log lines
 *   send.c       the upload to the Cloud Controller
 *   queue.c      what of the file has come and is not yet sent
 *   poll.c       its job, for droplets
 *   query.c      parameters of URLs, and how URLs are logged
 *
 * Invariant: an upload holds at most some pieces of the file (HIGH_WATER, as
 * much that is sent already, and what came last), whatever its size. It is
 * answered exactly once, by ccb_uploader_end; its memory is the request's
 * arena, to which it has a reference of its own until its timers are closed.
 */
#ifndef CCB_UPLOADER_INTERNAL_H
#define CCB_UPLOADER_INTERNAL_H

#include "base/buf.h"
#include "net/url.h"
#include "role/role.h"

struct ccb_uploader_config {
    const char *address;
    bool skip_cert_verify;
    int64_t polling_interval;
    int64_t communication_timeout;
};

/* Once a process. */
struct ccb_uploader_shared {
    const struct ccb_uploader_config *config;
    struct ccb_log_session uploader, poller;
};

/* Once a worker. */
struct ccb_uploader {
    struct ccb_uploader_shared *shared;
    const struct ccb_worker *worker;
};

/* Turns of an upload that are logged. */
enum ccb_uploader_event {
    CCB_UPLOADER_EXTRACTING,
    CCB_UPLOADER_EXTRACTED,
    CCB_UPLOADER_NOT_EXTRACTED,
    CCB_UPLOADER_PARSING,
    CCB_UPLOADER_PARSED,
    CCB_UPLOADER_NOT_PARSED,
    CCB_UPLOADER_BAD_TIMEOUT,
    CCB_UPLOADER_SENDING,
    CCB_UPLOADER_SENT,
    CCB_UPLOADER_NOT_SENT,
    CCB_UPLOADER_POLLING,
    CCB_UPLOADER_POLLED,
    CCB_UPLOADER_NOT_POLLED,
    CCB_UPLOADER_EVENTS
};

struct ccb_uploader_kind {
    const char *session;
    const char *parameter; /* that holds the URL of the Cloud Controller */
    const char *file_name;
    int done_status;
    bool is_job;                              /* asks for a job and polls it */
    const char *actions[CCB_UPLOADER_EVENTS]; /* NULL: not logged */
};

/* Starts as {0}. */
struct ccb_uploader_queue {
    struct ccb_buf bytes;
    size_t taken; /* of them */
};

enum ccb_uploader_state {
    CCB_UPLOADER_CHECKING,
    CCB_UPLOADER_UPLOADING,
    CCB_UPLOADER_POLLS,
    CCB_UPLOADER_OVER
};

struct ccb_uploading {
    struct ccb_uploader *uploader;
    const struct ccb_uploader_kind *kind;
    struct ccb_http_request *request;
    struct ccb_arena *arena;
    struct ccb_log_session log;
    enum ccb_uploader_state state;
    struct ccb_slice url_text; /* as it is sent to */
    struct ccb_slice url_log;  /* as JSON, without secrets */
    struct ccb_url url;
    int64_t seconds;            /* for all of it */
    int64_t length;             /* of the file */
    struct ccb_http_call *call; /* in flight, or NULL */
    uv_timer_t limit, tick;
    unsigned handles; /* that are open */
    int64_t began;    /* monotonic, of what is being done */

    /* send.c */
    int attempt;
    struct ccb_slice before, after; /* the file, in the body */
    uint64_t sent;                  /* of before, file and after */
    struct ccb_uploader_queue held; /* of the file */
    bool reading; /* from the caller; never before CC was reached */
    bool starved; /* the call waits for more of the file */
    bool paused;  /* the caller waits for the call */

    /* poll.c */
    int64_t next_tick; /* monotonic */
    int polls;
    struct ccb_buf poll_url;
};

/* ---- receive.c ---------------------------------------------------------- */

/* Handlers; `user` is the struct ccb_uploader. */
void ccb_uploader_droplet(struct ccb_http_request *request, void *user);
void ccb_uploader_build_artifacts(struct ccb_http_request *request, void *user);

/* A line of the request's session; `error` NULL: none. */
void ccb_uploader_log(struct ccb_uploading *upload,
                      enum ccb_uploader_event event, const char *error);
/* The answer, and the end of everything that goes on. */
void ccb_uploader_end(struct ccb_uploading *upload, int status,
                      struct ccb_slice text);
/* The Cloud Controller has taken the file and answered with `body`. */
void ccb_uploader_on_sent(struct ccb_uploading *upload, struct ccb_slice body);
/* It has not. `error` is for the log, `text` for the caller. */
void ccb_uploader_on_not_sent(struct ccb_uploading *upload, int status,
                              const char *error, struct ccb_slice text);
void ccb_uploader_on_polled(struct ccb_uploading *upload);
void ccb_uploader_on_not_polled(struct ccb_uploading *upload,
                                const char *error);

/* ---- send.c and poll.c -------------------------------------------------- */

void ccb_uploader_send(struct ccb_uploading *upload);
/* Given up from outside: the caller left, or the time is over. */
void ccb_uploader_send_cancel(struct ccb_uploading *upload, const char *why);
void ccb_uploader_poll(struct ccb_uploading *upload, struct ccb_slice body);
void ccb_uploader_poll_cancel(struct ccb_uploading *upload);

/* ---- queue.c ------------------------------------------------------------ */

size_t ccb_uploader_queue_waiting(const struct ccb_uploader_queue *queue);
int ccb_uploader_queue_put(struct ccb_uploader_queue *queue,
                           struct ccb_slice piece); /* CCB_NO_MEMORY */
/* At most `size` of what waits; how much it was. */
size_t ccb_uploader_queue_take(struct ccb_uploader_queue *queue, char *bytes,
                               size_t size);
void ccb_uploader_queue_destroy(struct ccb_uploader_queue *queue);

/* ---- query.c ------------------------------------------------------------ */

/* The first value of a parameter, decoded; ptr "" when there is none, NULL:
 * no memory. */
struct ccb_slice ccb_query_get(struct ccb_arena *arena, struct ccb_slice query,
                               const char *key);
/* The URL with `key=value` in its query, which is sorted by keys and encoded
 * anew, as the historic program did. ptr NULL: no memory. */
struct ccb_slice ccb_query_set(struct ccb_arena *arena, struct ccb_slice url,
                               const char *key, const char *value);
/* Where `reference` leads, seen from `base` (without its user info): as it is
 * when it names a host. CCB_INVALID, CCB_NO_MEMORY. */
int ccb_query_resolve(struct ccb_buf *out, const struct ccb_url *base,
                      struct ccb_slice reference, struct ccb_error *err);
/* The URL as Go's log shows one: an object; no user, no secrets in the query.
 */
void ccb_query_log_url(struct ccb_buf *out, const struct ccb_url *url);
/* Go's strconv.Atoi: CCB_INVALID with its words. */
int ccb_query_int(struct ccb_slice text, int64_t *value, struct ccb_error *err);

#endif
