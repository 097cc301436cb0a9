/*
 * What is known of instances that crashed: how often, and since when the last
 * time, by a name each. Instances that never crashed are not in here. One
 * thread.
 */
#ifndef CCB_TPS_MARKS_H
#define CCB_TPS_MARKS_H

#include <stdbool.h>
#include <stdint.h>

#include "ccbridge/slice.h"

#define CCB_MARK_CHAINS 1024

struct ccb_crash_mark {
    struct ccb_crash_mark *next;
    int64_t count, since; /* ns since 1970 */
    uint64_t seen;        /* the number of the listing that had it last */
    bool told;            /* to CC; else it was only learned of */
    size_t len;
    char name[];
};

/* All zero: empty. */
struct ccb_crash_marks {
    struct ccb_crash_mark *chains[CCB_MARK_CHAINS];
};

struct ccb_crash_mark *ccb_crash_marks_find(const struct ccb_crash_marks *marks,
                                            struct ccb_slice name);
/* The same, made when it is not there; NULL: no memory. */
struct ccb_crash_mark *ccb_crash_marks_make(struct ccb_crash_marks *marks,
                                            struct ccb_slice name);
/* Removes those whose `seen` is another one, each after it was told. */
void ccb_crash_marks_sweep(struct ccb_crash_marks *marks, uint64_t seen,
                           void (*on_gone)(void *user, struct ccb_slice name),
                           void *user);
void ccb_crash_marks_destroy(struct ccb_crash_marks *marks);

#endif
