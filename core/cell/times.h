/*
 * Every duration of the embedded cell in one struct (contract/embedded-cell.md
 * 4), so that a test can run the whole of it a hundred times faster, and the
 * back-off of crashes, which is arithmetic on them (receptor-api.md 7.3).
 *
 * All in nanoseconds. No state; any thread.
 */
#ifndef CCB_CELL_TIMES_H
#define CCB_CELL_TIMES_H

#include <stdint.h>

#include "ccbridge/error.h"

struct ccb_cell_times {
    int64_t converge_period;
    int64_t kick;             /* a task that nobody moved is tried again */
    int64_t stale_unclaimed;  /* an instance that nobody claimed, too */
    int64_t expire_pending;   /* a task that never started fails */
    int64_t expire_completed; /* a task that nobody fetched is deleted */
    int64_t crash_reset;      /* who ran longer starts counting anew */
    int64_t backoff_unit, backoff_max;
    int64_t callback_timeout;
    int64_t presence_ttl;
};

/* Diego's. */
extern const struct ccb_cell_times ccb_cell_times_default;

/* CCB_INVALID, naming the duration: all must be positive, and backoff_max no
 * less than backoff_unit. */
int ccb_cell_times_check(const struct ccb_cell_times *times,
                         struct ccb_error *err);

/* The largest power of two by which the unit is multiplied. */
int ccb_backoff_exponent(const struct ccb_cell_times *times);

/* How long an instance that crashed `count` times stays down; -1: for good. */
int64_t ccb_backoff_wait(const struct ccb_cell_times *times, int64_t count);

/* Whether it is put up again without any wait. */
#define CCB_CRASHES_AT_ONCE 3
#define CCB_CRASHES_FOR_GOOD 200

#endif
