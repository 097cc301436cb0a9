/*
 * What the system tells of this very process, from /proc. These files are made
 * up in memory as they are read, so a loop may read them.
 */
#ifndef CCB_DAEMON_PROC_H
#define CCB_DAEMON_PROC_H

#include <stdint.h>

#include "base/buf.h"

/* Appends a whole file of /proc; as much of it as can be read. */
void ccb_proc_read(struct ccb_buf *out, const char *path);

struct ccb_proc_usage {
    int64_t cpus;    /* of the machine, those that are switched on */
    int64_t threads; /* of this process */
    int64_t stack;   /* bytes of the main thread's */
    int64_t heap;    /* bytes that were allocated and not freed */
};
/* What can't be had is 0. */
void ccb_proc_usage(struct ccb_proc_usage *out);

/* Calls with the id, the name and the state ("S", "R" ..) of each thread, in
 * no order; how many there were. */
size_t ccb_proc_each_thread(void (*each)(void *user, const char *id,
                                         const char *name, char state),
                            void *user);

#endif
