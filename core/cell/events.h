/*
 * The fan-out of events (contract/receptor-api.md 11): one publisher, many
 * subscribers, each with a bounded queue.
 *
 * Invariant: publishing never waits and never allocates. A subscriber whose
 * queue is full is dropped: it gets what was queued, then the end, and must
 * list again; nobody else notices.
 *
 * Threads: publishing from any one thread at a time; a subscription belongs
 * to its loop's.
 */
#ifndef CCB_CELL_EVENTS_H
#define CCB_CELL_EVENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "ccbridge/slice.h"
#include "net/loop.h"

#define CCB_EVENTS_QUEUE 1024

struct ccb_events;
struct ccb_subscription;

/* One event, shared by all who get it. */
struct ccb_event {
    _Atomic int refs;
    const char *name;      /* a literal, "actual_lrp_changed" */
    struct ccb_slice data; /* JSON without a line break */
};

/* Copies `data`. One reference. NULL: no memory. */
struct ccb_event *ccb_event_create(const char *name, struct ccb_slice data);
struct ccb_event *ccb_event_ref(struct ccb_event *event);
void ccb_event_unref(struct ccb_event *event); /* NULL is fine */

struct ccb_events *ccb_events_create(void); /* NULL: no memory */
/* After the last unsubscribe and publish. NULL is fine. */
void ccb_events_free(struct ccb_events *events);

/* Whether an event would reach anybody. Who subscribes later and then lists
 * sees the change there. [any thread] */
bool ccb_events_wanted(struct ccb_events *events);
/* [any thread] */
void ccb_events_publish(struct ccb_events *events, struct ccb_event *event);
/* Ends every subscription, for a stop. Later ones are refused. [any thread] */
void ccb_events_close(struct ccb_events *events);

/* on_ready is called from the loop when there is something to take. NULL: no
 * memory, or closed. */
struct ccb_subscription *ccb_events_subscribe(
    struct ccb_events *events, struct ccb_loop *loop,
    void (*on_ready)(struct ccb_subscription *subscription, void *user),
    void *user);
/* The next event, the caller's reference; NULL: none now, or *ended. */
struct ccb_event *ccb_events_take(struct ccb_subscription *subscription,
                                  bool *ended);
/* No on_ready after this. */
void ccb_events_unsubscribe(struct ccb_subscription *subscription);

#endif
