/*
 * The process behind a worker: starting it, hearing how it ended, ending it.
 * Nothing here knows the wire. Threads: one at a time for each process; it
 * dies with the thread that started it.
 */
#ifndef CCB_PLUGIN_WORKER_PROCESS_H
#define CCB_PLUGIN_WORKER_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

#include "plugin/wire.h"

struct ccb_worker_process {
    pid_t pid; /* of the process and of its group; 0: none */
    int pidfd, socket, prints;
    struct ccb_wire_notice *notice;
};

/* Starts `runner` with the image as its descriptor 4. CCB_IO with words; then
 * nothing is left. */
int ccb_worker_process_start(struct ccb_worker_process *process,
                             const char *runner, int image_fd,
                             struct ccb_error *err);

/* How it ended, when it did within `wait` ns: "killed by signal 11 (SEGV)",
 * "ended with status 0", "closed its socket" when it is still there. */
void ccb_worker_process_describe(const struct ccb_worker_process *process,
                                 int64_t wait, char *out, size_t size);

/* The names of the system calls in the notice: "fork, socket". */
void ccb_worker_process_denied(const struct ccb_worker_process *process,
                               char *out, size_t size);

/* Kills the group, reaps the process, closes all. False: some of the group is
 * still there. */
bool ccb_worker_process_end(struct ccb_worker_process *process);

#endif
