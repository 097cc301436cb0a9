/*
 * Crashes on their way to CC (contract/tps.md 2.3, 2.4): a letter each in an
 * outbox, with a mark beside it of what was told of the instance, so that
 * neither a CC that is away nor a kill loses one, and none is told twice but
 * when CC's answer was lost.
 *
 * It belongs to one loop.
 */
#ifndef CCB_TPS_QUEUE_H
#define CCB_TPS_QUEUE_H

#include <stdbool.h>

#include "base/log.h"
#include "cc/cc.h"
#include "outbox/outbox.h"

extern const struct ccb_outbox_kind ccb_crash_outbox;

struct ccb_crash_queue;

/* Borrowed for its life, the outbox until the loop has ended. */
struct ccb_crash_queue_options {
    struct ccb_loop *loop;
    struct ccb_outbox *outbox;
    struct ccb_cc_options cc;
    struct ccb_log_session *log; /* the watcher's */
    int64_t max_age;             /* ns; then a crash is given up */
    void (*on_room)(void *user); /* there is room again, after it was full */
    void *user;
};

int ccb_crash_queue_open(struct ccb_crash_queue **out,
                         const struct ccb_crash_queue_options *options,
                         struct ccb_error *err);
/* Calls under way are cancelled, and what is not stored yet is; it frees itself
 * then, while the loop runs. NULL is fine. */
void ccb_crash_queue_close(struct ccb_crash_queue *queue);

/* Stores a crash, to be told to CC, and the mark `name` with its count and
 * time. What can't be stored is tried again every second. CCB_NO_MEMORY. */
int ccb_crash_queue_add(struct ccb_crash_queue *queue, struct ccb_slice name,
                        struct ccb_slice process_guid,
                        const struct ccb_cc_crash *crash);
/* Stores a mark alone, or forgets it. CCB_NO_MEMORY. */
int ccb_crash_queue_mark(struct ccb_crash_queue *queue,
                         const struct ccb_outbox_note *mark, bool forget);

/* As many wait as may: who adds should stop reading until on_room. */
bool ccb_crash_queue_full(struct ccb_crash_queue *queue);

#endif
