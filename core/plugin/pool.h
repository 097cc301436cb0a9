/*
 * The threads of one plugin and the calls that wait for them.
 *
 * Threads are started when there is work and none is idle, up to a maximum.
 * Each plugin has its own pool, so that one that hangs pins only itself.
 */
#ifndef CCB_PLUGIN_POOL_H
#define CCB_PLUGIN_POOL_H

#include <stdint.h>

#include "plugin/host.h"

struct ccb_plugin_pool;

enum { CCB_PLUGIN_POOL_MAX = 16 };

struct ccb_plugin_pool_options {
    unsigned max_threads; /* at most CCB_PLUGIN_POOL_MAX */
    /* Carries out a call on a thread of the pool; the pool answers it
     * afterwards. *state is the thread's own, NULL at first. */
    void (*run)(void **state, struct ccb_call *call);
    /* Frees a thread's state, on that thread, before it ends. May be NULL. */
    void (*leave)(void *state);
    /* Makes every `run` return soon, from now on. NULL: nothing can. */
    void (*interrupt)(void *user);
    void *user;
};

/* NULL: no memory. */
struct ccb_plugin_pool *ccb_plugin_pool_create(
    const struct ccb_plugin_pool_options *options);

/* How many threads the code of a plugin may use at a time. */
unsigned ccb_plugin_pool_width(const struct ccb_plugin *plugin);

/* Queues a call. CCB_FAILED when the queue is full or no thread could be
 * started, CCB_CANCELLED once stopped: then it was not taken. [any thread] */
int ccb_plugin_pool_put(struct ccb_plugin_pool *pool, struct ccb_call *call,
                        struct ccb_error *err);
/* True: it still waited and is the caller's again. */
bool ccb_plugin_pool_take_back(struct ccb_plugin_pool *pool,
                               struct ccb_call *call);

/* Answers what waits with CCB_CANCELLED and ends the threads. One that is
 * still in plugin code after `grace` ns is interrupted, and when that does not
 * help abandoned: it will answer nothing any more. Returns how many were; only
 * when none was, the pool may be freed and the plugin's instance destroyed. */
unsigned ccb_plugin_pool_stop(struct ccb_plugin_pool *pool, int64_t grace);
void ccb_plugin_pool_free(struct ccb_plugin_pool *pool);

#endif
