/*
 * The memory group of a container: cgroup v1's memory controller where the
 * machine has it and we may use it. The launcher makes the group and enters
 * it, the daemon reads its out-of-memory count and removes it.
 *
 * Calls into /sys: short, but [never on a loop] for create and remove.
 */
#ifndef CCB_CELL_CONTAINER_CGROUP_H
#define CCB_CELL_CONTAINER_CGROUP_H

#include <stddef.h>
#include <stdint.h>

#include "ccbridge/error.h"

#define CCB_CGROUP_PATH 512

/* Where the group of container `guid` is or would be, below the group this
 * process is in. CCB_UNSUPPORTED with the reason when there is no such
 * controller or it can't be written. */
int ccb_cgroup_path(char path[CCB_CGROUP_PATH], const char *guid,
                    struct ccb_error *err);

/* Makes the group with a limit in MiB (memory and, where counted, swap) and
 * puts the calling process into it. */
int ccb_cgroup_enter(const char *path, uint32_t memory_mb,
                     struct ccb_error *err);

/* How many processes of the group were killed for want of memory. */
uint64_t ccb_cgroup_ooms(const char *path);

/* Removes an empty group; fine when there is none. */
int ccb_cgroup_remove(const char *path, struct ccb_error *err);

#endif
