/*
 * The lock in Consul: its struct, and the table of its steps, which say what is
 * asked and where the answer leads (lock_consul_steps.c). What is done between
 * them is the operation's (lock_consul.c). Follows contract/stager.md A9.
 */
#ifndef CCB_CONSUL_LOCK_CONSUL_H
#define CCB_CONSUL_LOCK_CONSUL_H

#include "base/buf.h"
#include "consul/answers.h"
#include "consul/internal.h"
#include "net/http_client.h"

enum ccb_consul_state {
    CCB_CONSUL_FIND_NODE,
    CCB_CONSUL_LIST_SESSIONS,
    CCB_CONSUL_END_SESSION, /* one after the other, all that have our name */
    CCB_CONSUL_CREATE_SESSION,
    CCB_CONSUL_LOOK,
    CCB_CONSUL_ACQUIRE,
    CCB_CONSUL_WATCH,
    CCB_CONSUL_RELEASE,
    CCB_CONSUL_RELEASED
};

struct ccb_consul_lock {
    struct ccb_lock lock; /* first */
    struct ccb_http_client *client;
    char *base, *at; /* URL without path; the same without user info */
    struct ccb_buf url, body;

    enum ccb_consul_state state;
    struct ccb_http_call *call;
    uv_timer_t pause; /* until `state` is asked */
    int64_t wait;     /* that pause, as the last answer wants it; 0: none */
    bool again;       /* an attempt failed */

    /* From FIND_NODE to CREATE_SESSION. */
    struct ccb_arena *arena;
    struct ccb_slice node; /* its name may hold anything: percent-encoded */
    struct ccb_consul_ids ended;
    size_t next; /* of them */

    char session[CCB_CONSUL_ID_SIZE]; /* "": none that is known of */
    uint64_t index; /* of the key, as last seen; 0: not known */

    struct ccb_http_call *renewal;
    uv_timer_t renew;
    /* Monotonic: when the session or its last renewal was asked for, and the
     * last one of these that was granted. */
    int64_t asked, renewed;
    struct ccb_error trouble; /* of the last renewal that failed */

    int open_handles; /* while it is closed: both timers and the client */
};

struct ccb_consul_step {
    const char *method;
    const char *what; /* the answer is about, for messages */
    /* Puts the request into url and, where it has one, body; their failures
     * stick. */
    void (*ask)(struct ccb_consul_lock *c);
    /* Sets the next state, and `wait` where that must not come at once.
     * Negative: the attempt has failed, or the lock is lost. */
    int (*read)(struct ccb_consul_lock *c, const struct ccb_http_answer *answer,
                struct ccb_error *err);
    int64_t timeout; /* 0: none */
    bool or_missing; /* 404 is an answer, too */
};
/* By state, all but RELEASED. */
extern const struct ccb_consul_step ccb_consul_steps[];

/* Puts base and path into url. */
void ccb_consul_begin_url(struct ccb_consul_lock *c, const char *path);

#endif
