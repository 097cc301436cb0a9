/*
 * Brings what is in an outbox to CC: at least once each, oldest due first, a
 * bounded number at a time, again and again with growing pauses until CC has
 * taken it, will never take it, or the letter is too old.
 *
 * It belongs to one loop; an outbox has one. How a letter is sent, what CC's
 * status means and what is logged is the owner's matter.
 */
#ifndef CCB_OUTBOX_DELIVERY_H
#define CCB_OUTBOX_DELIVERY_H

#include "base/log.h"
#include "cc/cc.h"
#include "outbox/outbox.h"

struct ccb_delivery;

/* One attempt. */
struct ccb_delivery_try {
    const struct ccb_letter *letter;
    struct ccb_arena *arena;            /* the letter's, freed with it */
    struct ccb_log_session log;         /* the owner's to begin */
    struct ccb_log_field log_fields[2]; /* of it */
    struct ccb_http_call *call;
    /* What came of it. */
    int status;        /* CC's; 0: there was no answer */
    const char *words; /* why it is not done; NULL: CC answered 200 */
    enum ccb_outbox_fate fate;
    bool too_old;
};

/* Borrowed for its life. */
struct ccb_delivery_options {
    struct ccb_loop *loop;
    struct ccb_outbox *outbox;
    struct ccb_log_session *log; /* for what is wrong with the outbox */
    size_t slots;                /* letters in memory, and calls, at once */
    int64_t max_age; /* ns; older letters are given up when an attempt fails */
    enum ccb_metric retries, given_up; /* counters */
    /* Begins the attempt: `on_answer` gets `attempt` as its user, once. On
     * failure it comes never, and `err` is taken for what CC answered. */
    int (*send)(void *user, struct ccb_delivery_try *attempt,
                void (*on_answer)(void *attempt,
                                  const struct ccb_cc_answer *answer),
                struct ccb_error *err);
    /* Whether it is tried again after that status, which is not 200. NULL:
     * always. */
    bool (*is_passing)(int status);
    /* It is over, and the outbox does not know yet. */
    void (*on_attempt)(void *user, const struct ccb_delivery_try *attempt);
    /* It is cut short, since all of it closes; the letter stays in the outbox.
     * NULL: nobody wants to know. */
    void (*on_cut)(void *user, const struct ccb_delivery_try *attempt);
    void *user;
};

int ccb_delivery_open(struct ccb_delivery **out,
                      const struct ccb_delivery_options *options,
                      struct ccb_error *err);
/* Calls under way are cancelled; it frees itself when the outbox has let go of
 * what it was asked for. NULL is fine. */
void ccb_delivery_close(struct ccb_delivery *delivery);

/* Whether a letter is given up after a further failure. A clock that was set,
 * or a long time without a daemon, makes letters old that CC was hardly asked
 * to take: they are given some minutes. */
bool ccb_delivery_is_too_old(const struct ccb_letter *letter, int64_t now,
                             int64_t max_age);

/* ns to wait after so many failed attempts (1 or more): 1 s, doubled each time
 * up to 60 s, of which up to a quarter is taken off by `random`. */
int64_t ccb_delivery_pause(int64_t failures, uint32_t random);

#endif
