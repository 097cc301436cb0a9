/*
 * Brings what is in the outbox to CC: at least once each, oldest due first, a
 * bounded number at a time, again and again with growing pauses until CC
 * answers 200 or the letter is too old (contract/stager.md C6, C8).
 *
 * It belongs to one loop; a process has one.
 */
#ifndef CCB_STAGER_DELIVERY_H
#define CCB_STAGER_DELIVERY_H

#include "base/log.h"
#include "cc/cc.h"
#include "stager/outbox.h"

struct ccb_delivery;

/* What came of one attempt. */
struct ccb_delivery_attempt {
    const struct ccb_letter *letter;
    int status;        /* CC's; 0: there was no answer */
    const char *words; /* why it is not done; NULL: it is */
    bool given_up;
};

/* Borrowed for its life. */
struct ccb_delivery_options {
    struct ccb_loop *loop;
    const struct ccb_cc_options *cc;
    struct ccb_outbox *outbox;
    struct ccb_log_session *log; /* the parent of each attempt's */
    int64_t max_age; /* ns; older letters are given up when an attempt fails */
    void (*on_attempt)(void *user, const struct ccb_delivery_attempt *attempt);
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
