/*
 * Apps whose recipe can't be built, set aside (-quarantineBadApps) so that one
 * of them does not keep the domain from being fresh. An app is logged when it
 * comes in, when its reason changes, and when it goes.
 *
 * Invariant: at most CCB_QUARANTINE_SEATS apps are kept, whatever CC sends;
 * those past it are counted. Belongs to one loop.
 */
#ifndef CCB_NSYNC_QUARANTINE_H
#define CCB_NSYNC_QUARANTINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "ccbridge/json.h"

#define CCB_QUARANTINE_SEATS 256

struct ccb_quarantine_seat {
    char *guid, *reason;
    uint64_t pass; /* in which it was last found bad */
};

struct ccb_quarantine { /* or {0} */
    struct ccb_quarantine_seat seats[CCB_QUARANTINE_SEATS];
    size_t count;
    uint64_t pass;
    uint64_t found; /* in the pass that runs or ran last */
};

void ccb_quarantine_destroy(struct ccb_quarantine *q);

/* Around a pass. `whole`: it saw all apps, so that those not found bad in it
 * are bad no longer, or gone. */
void ccb_quarantine_begin(struct ccb_quarantine *q);
void ccb_quarantine_end(struct ccb_quarantine *q,
                        const struct ccb_log_session *log, bool whole);

void ccb_quarantine_add(struct ccb_quarantine *q,
                        const struct ccb_log_session *log,
                        struct ccb_slice guid, struct ccb_slice reason);
/* It could be built. */
void ccb_quarantine_release(struct ccb_quarantine *q,
                            const struct ccb_log_session *log,
                            struct ccb_slice guid);

/* Members: "quarantined", a list of {"process_guid","error"}, and
 * "quarantined_more", how many are not listed. */
void ccb_quarantine_put(const struct ccb_quarantine *q,
                        struct ccb_json_writer *w);

#endif
