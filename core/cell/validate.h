/*
 * What clients send, read and judged: contract/receptor-api.md 1.1, 4.1, 4.2,
 * 5, actions.md 1. A body comes out as a record whose `body` holds, in the
 * form of answers, all that never changes.
 *
 * No state; any thread.
 */
#ifndef CCB_CELL_VALIDATE_H
#define CCB_CELL_VALIDATE_H

#include "cell/lrp.h"
#include "cell/record.h"

/* No LRP of one machine has more instances. */
#define CCB_CELL_MAX_INSTANCES 100000

/* Why a body was refused; both parts as clients get them. */
struct ccb_refusal {
    const char *name; /* "InvalidJSON", "InvalidTask", "InvalidLRP" */
    struct ccb_slice message;
};

/* Borrowed of the text or in the arena. CCB_INVALID: `refusal` is filled.
 * CCB_NO_MEMORY. */
int ccb_task_decode(struct ccb_task *out, struct ccb_slice text,
                    struct ccb_arena *arena, struct ccb_refusal *refusal);
int ccb_desired_decode(struct ccb_desired *out, struct ccb_slice text,
                       struct ccb_arena *arena, struct ccb_refusal *refusal);
int ccb_desired_update_decode(struct ccb_desired_update *out,
                              struct ccb_slice text, struct ccb_arena *arena,
                              struct ccb_refusal *refusal);

#endif
