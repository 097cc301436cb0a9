/*
 * The inside of the controller's role: what its handlers share.
 *
 * All of it belongs to the role's loop. What must wait for the ledger, the pool
 * or another role is an errand: one struct in an arena of its own, one function
 * a step, one end.
 */
#ifndef CCB_CONTROLLER_INTERNAL_H
#define CCB_CONTROLLER_INTERNAL_H

#include <limits.h>

#include "controller/fault.h"
#include "controller/message.h"
#include "role/role.h"

struct ccb_intake;

struct ccb_controller_config {
    const char *state_dir, *address, *url, *username, *password;
    const char *stager_url, *nsync_url, *tps_url, *diego_url;
    const char *buildpack_dir, *stack;
    int64_t staging_timeout;
    uint64_t staging_memory_mb, staging_disk_mb;
};

/* Once a process. */
struct ccb_controller_shared {
    const struct ccb_controller_config *config;
    struct ccb_log_session *log;
    struct ccb_ledger *ledger;
    struct ccb_packs packs;
    struct ccb_message_facts facts;
    struct ccb_buf base_url, auth_url, authorization; /* "Basic ..." or "" */
    int64_t started_at;
    char dir[PATH_MAX]; /* STATE/controller */
};

enum ccb_peer { CCB_PEER_STAGER, CCB_PEER_NSYNC, CCB_PEER_TPS, CCB_PEER_DIEGO };

/* Tells one role what the outbox has for it, one row after the other. */
struct ccb_courier {
    struct ccb_controller *controller;
    enum ccb_peer peer;
    uv_timer_t timer;
    bool busy, again;
};

/* Once a worker, of which there is one. */
struct ccb_controller {
    struct ccb_controller_shared *shared;
    const struct ccb_worker *worker;
    struct ccb_errand *errands; /* all that are under way */
    struct ccb_stream *streams; /* answers that follow something */
    struct ccb_courier couriers[2];
    uv_timer_t deadline; /* of the staging that has the earliest */
    uv_async_t hold;     /* keeps the loop until the last errand ended */
    int handles;         /* open ones */
    bool closing;
};

/* The close callback of each of its handles (data: the controller): the last
 * one frees it. */
void ccb_controller_closed(uv_handle_t *handle);

/* ---- errands ------------------------------------------------------------ */

struct ccb_outcome {
    enum ccb_errand_kind kind;
    struct ccb_slice key;
    int64_t id;
    struct ccb_error err; /* code 0: it was taken */
};

struct ccb_errand {
    struct ccb_ledger_op op; /* first */
    uv_work_t work;
    struct ccb_controller *controller;
    struct ccb_errand *prev, *next;
    struct ccb_http_request *request; /* NULL: none, or answered */
    struct ccb_arena *arena;
    struct ccb_http_call *call;
    bool platform; /* how errors are answered */
    int status;    /* of the answer when the last step is done */
    struct ccb_buf out;
    int (*run)(struct ccb_errand *errand, struct ccb_ledger *ledger,
               struct ccb_error *err);
    int (*toil)(struct ccb_errand *errand, struct ccb_error *err);
    void (*then)(struct ccb_errand *errand);
    void (*failed)(struct ccb_errand *errand); /* NULL: it is answered */
    void (*on_answer)(struct ccb_errand *errand,
                      const struct ccb_http_answer *answer);
    void (*dispose)(struct ccb_errand *errand); /* as it ends; may be NULL */
    struct ccb_intake *intake;                  /* NULL: it takes in no body */
    /* While it waits for a courier: */
    bool waiting;
    enum ccb_errand_kind kind;
    struct ccb_slice key;
    int64_t id;
    struct ccb_error err;
    /* What most of them are about: */
    struct ccb_slice name;
    struct ccb_app app;
};

/* `size` of a struct that begins with an errand. NULL: there is no memory, and
 * the request (which may be NULL) was answered. */
void *ccb_errand_begin(struct ccb_controller *controller,
                       struct ccb_http_request *request, size_t size);
/* A step on the ledger's thread, in the pool; then `then` on the loop, or
 * `failed` with errand->err. `then` NULL: it is answered with status and
 * out. */
void ccb_errand_run(struct ccb_errand *errand,
                    int (*run)(struct ccb_errand *errand,
                               struct ccb_ledger *ledger,
                               struct ccb_error *err),
                    void (*then)(struct ccb_errand *errand));
void ccb_errand_toil(struct ccb_errand *errand,
                     int (*toil)(struct ccb_errand *errand,
                                 struct ccb_error *err),
                     void (*then)(struct ccb_errand *errand));
/* A call of another role; on_answer is called once, from the loop. `path` is
 * put behind the peer's URL. `body` must live as long. */
void ccb_errand_call(struct ccb_errand *errand, enum ccb_peer peer,
                     const char *method, struct ccb_slice path,
                     struct ccb_slice body,
                     void (*on_answer)(struct ccb_errand *errand,
                                       const struct ccb_http_answer *answer));
/* Waits until what was put into the outbox was said; then answers with status,
 * or with what went wrong. */
void ccb_errand_wait(struct ccb_errand *errand, enum ccb_errand_kind kind,
                     struct ccb_slice key, int64_t id);
/* Ends. */
void ccb_errand_answer(struct ccb_errand *errand);
void ccb_errand_fail(struct ccb_errand *errand, const struct ccb_error *err);
void ccb_errand_end(struct ccb_errand *errand);

/* A whole answer with an error, without an errand. */
void ccb_controller_refuse(struct ccb_http_request *request, bool platform,
                           const struct ccb_error *err);
/* RoleUnavailable, with words. */
int ccb_controller_unavailable(struct ccb_error *err, enum ccb_peer peer,
                               const struct ccb_http_answer *answer);
struct ccb_slice ccb_controller_peer_url(
    const struct ccb_controller_shared *shared, enum ccb_peer peer);
const char *ccb_controller_peer_name(enum ccb_peer peer);

/* The value of a query parameter, as it stands; ptr NULL: not there. */
struct ccb_slice ccb_controller_query(struct ccb_http_request *request,
                                      const char *name);

/* ---- couriers and deadlines --------------------------------------------- */

void ccb_couriers_open(struct ccb_controller *controller);
void ccb_courier_wake(struct ccb_courier *courier);
void ccb_couriers_wake(struct ccb_controller *controller);
/* Fails stagings whose time is over, and sets the timer for the next. */
void ccb_deadline_check(struct ccb_controller *controller);

/* ---- streams ------------------------------------------------------------ */

/* An answer without an end of its own. */
struct ccb_stream {
    struct ccb_stream *next;
    void (*on_events)(struct ccb_stream *stream); /* may be NULL */
    void (*on_stop)(struct ccb_stream *stream);   /* it ends, and is gone */
};
void ccb_stream_add(struct ccb_controller *controller,
                    struct ccb_stream *stream);
void ccb_stream_remove(struct ccb_controller *controller,
                       struct ccb_stream *stream);

/* ---- handlers: `user` is the controller --------------------------------- */

typedef void ccb_controller_handler(struct ccb_http_request *request,
                                    void *user);

ccb_controller_handler ccb_controller_status, ccb_controller_apps,
    ccb_controller_app, ccb_controller_put_app, ccb_controller_put_bits,
    ccb_controller_stage, ccb_controller_stop_staging, ccb_controller_start,
    ccb_controller_stop, ccb_controller_restart, ccb_controller_kill,
    ccb_controller_delete, ccb_controller_logs, ccb_controller_events,
    ccb_controller_buildpacks, ccb_controller_unknown;

ccb_controller_handler ccb_platform_completed, ccb_platform_crashed,
    ccb_platform_droplet, ccb_platform_bits, ccb_platform_buildpack,
    ccb_platform_cache, ccb_platform_put_cache, ccb_platform_put_droplet,
    ccb_platform_job, ccb_platform_bulk, ccb_platform_bulk_fetch,
    ccb_platform_unknown;

/* False: it was answered with 401. */
bool ccb_platform_authorized(struct ccb_http_request *request,
                             struct ccb_controller *controller);

/* ---- intake (intake.c) -------------------------------------------------- */

/* A body that goes to a temporary file, on the pool; its pieces are digested
 * on the way. */
struct ccb_intake_options {
    struct ccb_errand *errand; /* its request is read */
    bool multipart;
    /* Once: `path` is whole and on the disk, and stays until the errand ends.
     * Otherwise the errand was failed. */
    void (*on_done)(struct ccb_errand *errand, const char *path,
                    const struct ccb_digests *digests);
};
void ccb_intake_start(const struct ccb_intake_options *options);

#endif
