/*
 * Changed requests: each case follows from its number alone, so that the number
 * is all it takes to see it again. Cases run in children, many in each; the
 * number of the one that runs stands in memory that parent and child share.
 */
#ifndef CCB_CHECK_FUZZ_H
#define CCB_CHECK_FUZZ_H

#include "base/buf.h"
#include "options.h"
#include "outcome.h"
#include "request.h"

/* ---- in the child ------------------------------------------------------- */

/* Runs options->cases cases from options->seed on, until one fails. */
void ccb_check_fuzz_run(const struct ccb_check_options *options,
                        struct ccb_check_outcome *out);

/* ---- in the parent ------------------------------------------------------ */

/* All of --fuzz for one file. Prints; returns whether a case failed. */
bool ccb_check_fuzz(const struct ccb_check_options *options, const char *file);

/* ---- mutations ---------------------------------------------------------- */

struct ccb_check_random {
    uint64_t state;
};
uint64_t ccb_check_random_next(struct ccb_check_random *random);
/* 0 to limit - 1; limit > 0. */
size_t ccb_check_random_below(struct ccb_check_random *random, size_t limit);

/* `text` changed in one to eight places, into `out`. */
void ccb_check_mutate(struct ccb_buf *out, struct ccb_slice text,
                      struct ccb_check_random *random);

#endif
