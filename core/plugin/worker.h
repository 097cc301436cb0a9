/*
 * One process in which one isolated plugin lives, and the wire to it
 * (anchors 3.6; the program is core/plugin/runner). It has an empty
 * environment, limits and a syscall filter before any code of the plugin is
 * mapped, one socket, the sealed image, and one pipe for what it prints.
 *
 * Everything here blocks until its deadline, so it is called from a plugin's
 * own threads, from the thread that loads, or from a tool; one thread at a
 * time for each worker. The process dies with the thread that started it. A
 * worker that failed in any way, also one that ended with status 0, is only
 * good to be killed.
 */
#ifndef CCB_PLUGIN_WORKER_H
#define CCB_PLUGIN_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "plugin/plugin.h"

struct ccb_plugin_worker;

struct ccb_plugin_worker_options {
    const char *runner;  /* path of ccbridge-plugin-host */
    int image_fd;        /* stays the caller's */
    struct ccb_slice id; /* as the manifest says; the worker checks the rest */
    struct ccb_slice config;
    uint64_t memory_mb;
    /* Readable: every wait ends, with CCB_CANCELLED. 0: there is none. */
    int stop_fd;
    /* What the plugin prints, line by line; from the caller's thread, while a
     * call is on. NULL: dropped. */
    void (*on_print)(void *user, struct ccb_slice line);
    void *user;
};

/* Starts a process and waits for its handshake: the plugin is opened, its
 * prefix and interfaces are checked against its manifest, its instance is
 * there; `offered` says what it offers. 0; CCB_INVALID with `refusal` filled
 * (the reason is what it would be in this process, or CCB_REFUSED_CRASHED,
 * CCB_REFUSED_TIMED_OUT); CCB_IO when no process can be had; CCB_NO_MEMORY;
 * CCB_CANCELLED. On an error *worker is NULL and no process is left. */
int ccb_plugin_worker_start(struct ccb_plugin_worker **worker,
                            const struct ccb_plugin_worker_options *options,
                            int64_t deadline, /* ccb_clock_monotonic */
                            bool offered[CCB_PLUGIN_FUNCTION_COUNT],
                            struct ccb_plugin_refusal *refusal,
                            struct ccb_error *err);

/* Carries `call` out there and concludes its answer, as the code in this
 * process would have. 0, whatever the plugin answered; CCB_TIMED_OUT past the
 * call's deadline; CCB_CANCELLED; CCB_CLOSED when the worker is gone or talks
 * nonsense: `err` tells how ("killed by signal 11, after it was denied
 * socket"). After an error the answer is not concluded. A message that is too
 * large for the wire is an answer (CCB_TOO_LARGE). */
struct ccb_call;
int ccb_plugin_worker_call(struct ccb_plugin_worker *worker,
                           struct ccb_call *call, struct ccb_error *err);

/* The system calls that were denied so far, "fork, socket"; "" for none. Good
 * until the next use of the worker. */
const char *ccb_plugin_worker_denied(struct ccb_plugin_worker *worker);

/* Why it asks to be replaced, in words; NULL: it does not. */
const char *ccb_plugin_worker_tired(const struct ccb_plugin_worker *worker);

/* Kills its process group, waits for it, and frees it; NULL is fine. False:
 * something of the group is still there (it was logged by nobody: say so). */
bool ccb_plugin_worker_kill(struct ccb_plugin_worker *worker);

#endif
