/*
 * What came of one test. It is written by the child that ran the test and read
 * by the parent; a child that dies writes nothing, and the parent says so in
 * its place.
 */
#ifndef CCB_CHECK_OUTCOME_H
#define CCB_CHECK_OUTCOME_H

#include "base/buf.h"
#include "ccbridge/error.h"
#include "rules.h"

enum ccb_check_status {
    CCB_CHECK_SUCCESS,
    CCB_CHECK_WARNING,
    CCB_CHECK_FAILED,
    CCB_CHECK_CRASHED,
    CCB_CHECK_TIMED_OUT,
    CCB_CHECK_SKIPPED,
    CCB_CHECK_STATUSES
};

struct ccb_check_outcome {
    enum ccb_check_status status;
    int rule; /* that is broken; 0: none */
    char expected[320];
    char found[640];   /* of success and skipped: a remark, or "" */
    char subject[160]; /* "ID VERSION", where the test learns it */
};

/* "success", "warning", "failed", "crashed", "timeout", "skipped". */
const char *ccb_check_status_name(enum ccb_check_status status);
/* Whether it makes the tool's exit status 1. */
int ccb_check_status_is_bad(enum ccb_check_status status);

/* Set it, unless an earlier call said something worse or as bad. All texts
 * lose their control characters. */
void ccb_check_fail(struct ccb_check_outcome *out, int rule,
                    const char *expected, const char *found, ...)
    __attribute__((format(printf, 4, 5)));
void ccb_check_warn(struct ccb_check_outcome *out, int rule,
                    const char *expected, const char *found, ...)
    __attribute__((format(printf, 4, 5)));
void ccb_check_skip(struct ccb_check_outcome *out, const char *why, ...)
    __attribute__((format(printf, 2, 3)));
/* Of a success: what was looked at. */
void ccb_check_remark(struct ccb_check_outcome *out, const char *what, ...)
    __attribute__((format(printf, 2, 3)));
/* Any status, for the parent. */
void ccb_check_set(struct ccb_check_outcome *out, enum ccb_check_status status,
                   int rule, const char *expected, const char *found, ...)
    __attribute__((format(printf, 5, 6)));

void ccb_check_outcome_encode(struct ccb_buf *out,
                              const struct ccb_check_outcome *from);
int ccb_check_outcome_decode(struct ccb_check_outcome *out,
                             struct ccb_slice text, struct ccb_error *err);

#endif
