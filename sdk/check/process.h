/*
 * A child of the checker: this program again, in a process group of its own,
 * with nothing to read, with what it prints caught and bounded, and a result on
 * descriptor 3. Invariant: when ccb_check_run returns, neither the child nor
 * anything it started is there any more, or `clean` is false.
 *
 * The parent is the reaper of whatever its children leave behind, also of what
 * left the group (setsid), so one run at a time and no other children.
 */
#ifndef CCB_CHECK_PROCESS_H
#define CCB_CHECK_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "ccbridge/error.h"

#define CCB_CHECK_RESULT_FD 3
#define CCB_CHECK_SHARED_FD 4

struct ccb_check_run {
    char *const *argv;     /* argv[0] is only its name; this program is run */
    char *const *env;      /* NULL: as here */
    const char *directory; /* NULL: as here */
    int64_t timeout;       /* ns */
    int shared_fd;         /* becomes descriptor 4; below 0: none */
    bool same_group;       /* of a child's own children: no reaping either */

    struct ccb_buf result;  /* the caller destroys both */
    struct ccb_buf printed; /* standard output and error */
    int status;             /* as waitpid gives it; 0 when timed_out */
    bool timed_out;
    unsigned left_over; /* processes that were still there */
    bool clean;         /* none is now */
};

/* Call once, before the first run. */
int ccb_check_become_reaper(struct ccb_error *err);

/* 0, whatever became of the child; CCB_IO when there could be none. */
int ccb_check_run(struct ccb_check_run *run, struct ccb_error *err);

/* "killed by signal 11 (Segmentation fault)", "ended with status 1". */
void ccb_check_describe_end(const struct ccb_check_run *run, char *out,
                            size_t size);

#endif
