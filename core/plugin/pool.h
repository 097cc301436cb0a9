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

/* `run` carries out a call on a thread of the pool; the pool answers it
 * afterwards. NULL: no memory. */
struct ccb_plugin_pool *ccb_plugin_pool_create(
    unsigned max_threads, void (*run)(struct ccb_call *call));

/* Queues a call. CCB_FAILED when the queue is full or no thread could be
 * started, CCB_CANCELLED once stopped: then it was not taken. [any thread] */
int ccb_plugin_pool_put(struct ccb_plugin_pool *pool, struct ccb_call *call,
                        struct ccb_error *err);
/* True: it still waited and is the caller's again. */
bool ccb_plugin_pool_take_back(struct ccb_plugin_pool *pool,
                               struct ccb_call *call);

/* Answers what waits with CCB_CANCELLED and ends the threads. One that is
 * still in plugin code after `grace` ns is abandoned: it will answer nothing
 * any more. Returns how many were; only when none was, the pool may be freed
 * and the plugin's instance destroyed. */
unsigned ccb_plugin_pool_stop(struct ccb_plugin_pool *pool, int64_t grace);
void ccb_plugin_pool_free(struct ccb_plugin_pool *pool);

#endif
