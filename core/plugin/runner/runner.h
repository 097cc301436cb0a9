/*
 * What the files of ccbridge-plugin-host share. The program is a worker: one
 * process, one plugin, calls one by one. It never trusts the plugin with
 * anything the daemon would miss: the daemon sees every failure of this
 * process from outside.
 */
#ifndef CCB_PLUGIN_RUNNER_H
#define CCB_PLUGIN_RUNNER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "ccbridge/error.h"
#include "plugin/wire.h"

/* Under these sanitizers the address space is theirs to fill. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CCB_RUNNER_SANITIZED 1
#else
#define CCB_RUNNER_SANITIZED 0
#endif

/* limits.c: from now on it dies with the daemon's thread that started it, can
 * gain no privilege, and stands in "/". */
int ccb_runner_bind(pid_t parent, struct ccb_error *err);
/* Few descriptors, no core file, `memory_mb` of address space, an hour of
 * processor time. */
int ccb_runner_limit(uint64_t memory_mb, struct ccb_error *err);
/* Whether half of that time, or three quarters of the memory, was used, or more
 * threads are left between calls than a plugin has reason for. */
enum ccb_wire_tired ccb_runner_tired(void);

/* filter.c: system calls from now on. OPENING may read files, as the dynamic
 * linker does; SERVING computes and nothing else. What is denied answers EPERM
 * and is noted in `notice`. */
enum ccb_runner_stage { CCB_RUNNER_OPENING, CCB_RUNNER_SERVING };
int ccb_runner_filter(enum ccb_runner_stage stage,
                      struct ccb_wire_notice *notice, struct ccb_error *err);

#endif
