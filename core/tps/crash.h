/*
 * What is told to CC of instances that crashed: of events (contract/tps.md
 * 2.3), and of what a listing shows that no event told. Each crash once; what
 * was told is remembered by the queue's marks.
 *
 * It belongs to one loop.
 */
#ifndef CCB_TPS_CRASH_H
#define CCB_TPS_CRASH_H

#include <stdbool.h>

#include "base/arena.h"
#include "diego/diego.h"
#include "tps/marks.h"
#include "tps/queue.h"

#define CCB_CRASH_DOMAIN "cf-apps"

struct ccb_crashes {
    struct ccb_crash_queue *queue;
    struct ccb_log_session *log; /* the watcher's */
    struct ccb_crash_marks marks;
    bool learned;     /* a listing was whole, now or in an earlier life */
    uint64_t listing; /* the number of the one under way, or last */
    int64_t missed;   /* found by it */
};

/* Reads the marks that the outbox has, before anything else is asked of it. */
int ccb_crashes_load(struct ccb_crashes *crashes, struct ccb_outbox *outbox,
                     struct ccb_error *err);
void ccb_crashes_destroy(struct ccb_crashes *crashes);

/* Tells CC when it is a crash. CCB_INVALID for an event that is none of the
 * six, or does not decode; CCB_NO_MEMORY: only a listing will find it. */
int ccb_crashes_event(struct ccb_crashes *crashes,
                      const struct ccb_diego_event *event,
                      struct ccb_error *err);

/* A listing of all actual LRPs of the domain: what has crashed since it was
 * told last is told. The first one of all only learns what is there. */
void ccb_crashes_begin_listing(struct ccb_crashes *crashes);
/* One of it. CCB_INVALID, CCB_NO_MEMORY: the listing is to be given up. */
int ccb_crashes_listed(struct ccb_crashes *crashes, struct ccb_json actual,
                       struct ccb_error *err);
/* It was whole: what is not in it any more is forgotten. */
void ccb_crashes_end_listing(struct ccb_crashes *crashes);

#endif
