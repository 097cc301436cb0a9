/*
 * Who runs in a state directory: STATE/ccbridged.lock is locked by the daemon's
 * process as long as it lives, STATE/ccbridged.pid holds its pid for people.
 *
 * The lock is a record lock, taken by the process that becomes the daemon: it
 * stays over exec, goes with the process and not with what it starts, and the
 * kernel names its holder. So a pid file that was left behind, or a number that
 * another process has now, is never taken for a daemon.
 */
#ifndef CCB_CLI_LOCK_H
#define CCB_CLI_LOCK_H

#include <sys/types.h>

#include "ccbridge/error.h"

/* The pid of the live holder; 0 when there is none, also when there is no such
 * directory; CCB_IO when that can't be told. */
int ccb_lock_find(const char *state, pid_t *pid, struct ccb_error *err);

/* Makes the calling process the holder until it ends. CCB_CONFLICT when there
 * is one. The descriptor is left open on purpose, also over exec. */
int ccb_lock_take(const char *state, struct ccb_error *err);

/* Writes the pid file, whole or not at all. By the holder. */
int ccb_lock_write_pid(const char *state, pid_t pid, struct ccb_error *err);

#endif
