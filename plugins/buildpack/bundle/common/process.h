/*
 * Running a program to its end: stdin is /dev/null, environment and working
 * directory are the caller's (contract/lifecycle-buildpack.md A4). Failures
 * read "fork/exec PATH: permission denied", "exit status 3", "signal: killed".
 */
#ifndef BUNDLE_PROCESS_H
#define BUNDLE_PROCESS_H

#include "base/buf.h"
#include "failure.h"

enum ccb_process_output {
    CCB_PROCESS_SHOWN,     /* stdout and stderr are the caller's */
    CCB_PROCESS_DISCARDED, /* neither is seen */
    CCB_PROCESS_CAPTURED   /* stdout goes into a buffer, stderr is shown */
};

/* argv[0] is the path to execute; argv ends with NULL. With CAPTURED, output
 * past the buffer's `max` is read and dropped, and the buffer has failed; the
 * end is when nobody has the output open any more. */
int ccb_process_run(const char *const *argv, enum ccb_process_output output,
                    struct ccb_buf *capture, struct ccb_failure *failure);

#endif
