/*
 * GET /healthz and /readyz of the debug server, for whoever starts and feeds
 * this process.
 *
 * /healthz: 200 when each loop turns, that is takes a post and gives it back
 * within 5 s; 503 with the numbers of those that do not. No peer is asked.
 * /readyz: 200 when the process serves: it is not ending, and at least one role
 * does its work; 503 else. The body has the state of each: "ready", or
 * "standby" for one that waits for its lock.
 *
 * Everything on the main loop's thread but a beat on its way.
 */
#ifndef CCB_DAEMON_HEALTH_H
#define CCB_DAEMON_HEALTH_H

#include "daemon/worker.h"

struct ccb_health;

struct ccb_beat {
    struct ccb_post to, back;
    struct ccb_health *health;
    struct ccb_loop *loop; /* that has to turn */
    bool out;              /* on its way */
};

struct ccb_health_wait {
    struct ccb_health_wait *next;
    struct ccb_http_request *request;
};

struct ccb_health {
    struct ccb_thread *threads; /* [0] is the main thread's */
    const size_t *thread_count;
    const bool *stopping;
    const struct ccb_member *members;
    size_t member_count;
    struct ccb_loop *main;
    struct ccb_beat beats[CCB_MAX_WORKERS];
    struct ccb_health_wait *waiting; /* requests for the check under way */
    uv_timer_t timer;
    bool opened;
};

/* When the main loop is there and `members` is set; what is given is
 * borrowed. */
void ccb_health_open(struct ccb_health *health, struct ccb_thread *threads,
                     const size_t *thread_count, const bool *stopping);
/* The end begins: who waits is answered, and nobody waits any more. */
void ccb_health_stop(struct ccb_health *health);
/* Before the loop can end. */
void ccb_health_close(struct ccb_health *health);

/* Handlers; `user` is the struct ccb_health. */
void ccb_health_live(struct ccb_http_request *request, void *user);
void ccb_health_ready(struct ccb_http_request *request, void *user);

#endif
