/*
 * The back end: what runs tasks and LRPs. Roles speak to it through this
 * interface only and do not know which one they talk to.
 *
 * One call is one struct: an operation, the guid it is about, and where needed
 * an index, a document or a time. Documents have the form of the Receptor API
 * (contract/stager.md B4 to B6). Answers are told apart by error name, never
 * by status (B1, B3).
 *
 * A back end belongs to one loop and its thread.
 */
#ifndef CCB_DIEGO_DIEGO_H
#define CCB_DIEGO_DIEGO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "ccbridge/error.h"
#include "ccbridge/json.h"
#include "net/http_client.h"
#include "net/loop.h"

enum ccb_diego_operation {
    CCB_DIEGO_CREATE_TASK, /* document */
    CCB_DIEGO_GET_TASK,    /* guid -> object */
    CCB_DIEGO_CANCEL_TASK, /* guid */
    CCB_DIEGO_CREATE_LRP,  /* document */
    CCB_DIEGO_GET_LRP,     /* guid -> object */
    CCB_DIEGO_UPDATE_LRP,  /* guid, document */
    CCB_DIEGO_DELETE_LRP,  /* guid */
    CCB_DIEGO_KILL_INDEX,  /* guid, index */
    CCB_DIEGO_GET_ACTUALS, /* guid of a process -> array */
    CCB_DIEGO_KEEP_DOMAIN  /* guid: the domain's name, ttl */
};

/* Error names of contract/stager.md B3 that callers act on. */
#define CCB_DIEGO_TASK_NOT_FOUND "TaskNotFound"
#define CCB_DIEGO_TASK_EXISTS "TaskGuidAlreadyExists"
#define CCB_DIEGO_LRP_NOT_FOUND "DesiredLRPNotFound"
#define CCB_DIEGO_LRP_EXISTS "DesiredLRPAlreadyExists"
#define CCB_DIEGO_CONFLICT "ResourceConflict"
#define CCB_DIEGO_INDEX_NOT_FOUND "ActualLRPIndexNotFound"

struct ccb_diego_answer {
    int code;              /* 0, or negative: then name and message say why */
    struct ccb_slice name; /* of the error; empty for a transport failure */
    struct ccb_slice message;
    /* Of a get: an object, or the array of GET_ACTUALS; null; or NONE when the
     * answer held none. */
    struct ccb_json object;
};

struct ccb_diego_call_options {
    enum ccb_diego_operation operation;
    struct ccb_slice guid;
    int64_t index;
    int64_t ttl;               /* ns, sent in whole seconds; 0: for ever */
    struct ccb_slice document; /* borrowed until on_done */
    struct ccb_arena *arena;   /* what the answer is decoded into */
    void (*on_done)(void *user, const struct ccb_diego_answer *answer);
    void *user;
};

struct ccb_diego;

/* The Receptor at `url` (not checked before it is used: B1). `timeout` bounds
 * a whole exchange, in ns; 0: none. NULL: no memory. */
struct ccb_diego *ccb_diego_open_receptor(struct ccb_http_client *client,
                                          struct ccb_slice url,
                                          int64_t timeout);
void ccb_diego_close(struct ccb_diego *diego);

/* "receptor/1": what recipes for this back end are written in. */
struct ccb_slice ccb_diego_dialect(const struct ccb_diego *diego);

/* on_done comes once, from the loop, never from inside; the answer is
 * borrowed until it returns, but what lies in the arena stays. On failure
 * (no memory, an URL that can't be) there is no on_done: the caller treats it
 * as a transport failure with the words of `err`. */
int ccb_diego_call(struct ccb_diego *diego,
                   const struct ccb_diego_call_options *options,
                   struct ccb_error *err);

/* ---- lists of any length ------------------------------------------------ */

enum ccb_diego_list { CCB_DIEGO_DESIRED_LRPS, CCB_DIEGO_ACTUAL_LRPS };

struct ccb_diego_list_options {
    enum ccb_diego_list what;
    struct ccb_slice domain;
    struct ccb_arena *arena; /* what the answer's error is decoded into */
    /* One LRP (contract/stager.md B6), borrowed until return. 0;
     * CCB_HTTP_PAUSE: none but those read already until ccb_http_call_resume;
     * another negative code gives up with it. */
    int (*on_lrp)(void *user, struct ccb_json lrp);
    /* code 0: the list was whole. Negative: it was not, whatever came. */
    void (*on_done)(void *user, const struct ccb_diego_answer *answer);
    void *user;
};

/* GET /v1/desired_lrps?domain=D, or actual_lrps. Memory holds one element at a
 * time, however long the list is. *call is good until on_done, for
 * ccb_http_call_resume and ccb_http_cancel; after that there is no on_done. */
int ccb_diego_list_lrps(struct ccb_diego *diego,
                        const struct ccb_diego_list_options *options,
                        struct ccb_http_call **call, struct ccb_error *err);

/* ---- events ------------------------------------------------------------- */

/* What happens to LRPs, as it happens (contract/tps.md 2.2). A subscription
 * holds one connection and makes it anew for as long as it takes; events of
 * the time in between are lost, as there is no replay. */

struct ccb_diego_event {
    struct ccb_slice name; /* "actual_lrp_changed" */
    struct ccb_slice data; /* the JSON text, unchecked */
};

/* Why there is no stream just now. It is tried again after a second. */
enum ccb_diego_trouble {
    CCB_DIEGO_UNREACHABLE, /* no connection, or 500, 502, 503, 504 */
    CCB_DIEGO_REFUSED,     /* any other status than 200 */
    CCB_DIEGO_BROKEN,      /* the stream broke off: resumed after its last id,
                              after the pause it asked for */
    CCB_DIEGO_ENDED        /* a clean end: subscribed afresh */
};

struct ccb_diego_subscribe_options {
    struct ccb_loop *loop;
    void (*on_open)(void *user); /* the stream is there; may be NULL */
    /* The event is borrowed. False: no more than what was read already, until
     * ccb_diego_resume; the back end is slowed down then. */
    bool (*on_event)(void *user, const struct ccb_diego_event *event);
    void (*on_trouble)(void *user, enum ccb_diego_trouble trouble,
                       const char *why);
    void *user;
};

struct ccb_diego_subscription;

/* Callbacks come from the loop, never from inside. */
int ccb_diego_subscribe(struct ccb_diego *diego,
                        const struct ccb_diego_subscribe_options *options,
                        struct ccb_diego_subscription **out,
                        struct ccb_error *err);
void ccb_diego_resume(struct ccb_diego_subscription *subscription);
/* No callback comes any more; `diego` and its client may go. What is left on
 * the loop frees itself. Not from inside a callback. NULL is fine. */
void ccb_diego_unsubscribe(struct ccb_diego_subscription *subscription);

#endif
