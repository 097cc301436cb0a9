/*
 * The process' part in dropsonde metrics (-dropsondeAddr; contract/stager.md
 * A6): opens the way out and sends the figures of the process, at the start
 * and every 10 s, for each of its roles that has an origin. What the roles
 * count goes its own way (base/metrics.h).
 */
#ifndef CCB_DAEMON_EMITTER_H
#define CCB_DAEMON_EMITTER_H

#include "daemon/worker.h"

struct ccb_emitter {
    const struct ccb_member *members;
    size_t member_count;
    uv_timer_t timer;
    bool ticking;
};

/* Before the threads that count. An address that is no good is one line in the
 * first member's log, and nothing is sent then. `members` are borrowed. */
void ccb_emitter_open(struct ccb_emitter *emitter, const char *address,
                      const struct ccb_member *members, size_t member_count);
/* On the loop's thread; the timer does not keep the loop running. */
void ccb_emitter_start(struct ccb_emitter *emitter, struct ccb_loop *loop);
void ccb_emitter_stop(struct ccb_emitter *emitter);
/* When no other thread counts any more. */
void ccb_emitter_close(void);

#endif
