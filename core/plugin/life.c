/*
 * How long a plugin lives: from its making until its last reference is given
 * back. Each generation that has it holds one, each call of it another.
 *
 * A plugin that no generation has any more is retired: a thread that may block
 * waits until only its own reference is left, ends the backend, and frees all.
 * Invariant: while a plugin serves, giving a reference back is one atomic step;
 * once RETIRED is set in the same word, it is done under the plugin's lock, so
 * that who waits misses no one and frees the lock after everyone left it.
 * Follows plugin.h, "generations"; anchors 3.7.
 */
#include <errno.h>
#include <time.h>

#include "base/clock.h"
#include "plugin/host.h"

#define RETIRED (1 << 30)

static void init_drain(struct ccb_plugin *plugin)
{
    pthread_condattr_t attr;

    /* These can't fail on Linux: they only fill memory. */
    pthread_mutex_init(&plugin->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&plugin->quiet, &attr);
    pthread_condattr_destroy(&attr);
}

struct ccb_plugin *ccb_plugin_create(struct ccb_plugins *owner,
                                     const char *file)
{
    struct ccb_arena *arena = ccb_arena_create();
    struct ccb_plugin *plugin = NULL;

    if (arena)
        plugin = ccb_arena_alloc(arena, sizeof(*plugin));
    if (plugin)
        plugin->file = ccb_arena_cstr(arena, ccb_slice_of(file));
    if (!plugin || !plugin->file) {
        ccb_arena_unref(arena);
        return NULL;
    }
    plugin->arena = arena;
    plugin->owner = owner;
    plugin->image.fd = -1;
    ccb_plugin_policy_init(&plugin->policy);
    init_drain(plugin);
    atomic_init(&plugin->refs, 1);
    return plugin;
}

static void destroy(struct ccb_plugin *plugin)
{
    if (plugin->backend)
        plugin->backend->release(plugin);
    if (!plugin->mapped)
        ccb_plugin_image_close(&plugin->image);
    pthread_cond_destroy(&plugin->quiet);
    pthread_mutex_destroy(&plugin->lock);
    ccb_arena_unref(plugin->arena); /* the plugin lies in it */
}

void ccb_plugin_ref(struct ccb_plugin *plugin)
{
    atomic_fetch_add(&plugin->refs, 1);
}

/* Of a retired plugin: tells who waits for it. */
static void unref_retired(struct ccb_plugin *plugin)
{
    int left;

    pthread_mutex_lock(&plugin->lock);
    left = atomic_fetch_sub(&plugin->refs, 1) - 1 - RETIRED;
    if (left == 1)
        pthread_cond_signal(&plugin->quiet);
    pthread_mutex_unlock(&plugin->lock);
    if (left == 0)
        destroy(plugin);
}

void ccb_plugin_unref(struct ccb_plugin *plugin)
{
    int refs = atomic_load(&plugin->refs);

    /* A failed exchange loads the word again. */
    while (!(refs & RETIRED)) {
        if (atomic_compare_exchange_weak(&plugin->refs, &refs, refs - 1)) {
            if (refs == 1)
                destroy(plugin);
            return;
        }
    }
    unref_retired(plugin);
}

/* Whether only the caller's reference is left. */
static bool wait_quiet(struct ccb_plugin *plugin, int64_t deadline)
{
    struct timespec end = {.tv_sec = (time_t)(deadline / CCB_SECOND),
                           .tv_nsec = (long)(deadline % CCB_SECOND)};
    int code = 0;
    bool quiet;

    pthread_mutex_lock(&plugin->lock);
    while (atomic_load(&plugin->refs) > RETIRED + 1 && code != ETIMEDOUT)
        code = pthread_cond_timedwait(&plugin->quiet, &plugin->lock, &end);
    quiet = atomic_load(&plugin->refs) == RETIRED + 1;
    pthread_mutex_unlock(&plugin->lock);
    return quiet;
}

bool ccb_plugin_retire(struct ccb_plugin *plugin, int64_t deadline)
{
    bool quiet;

    atomic_fetch_or(&plugin->refs, RETIRED);
    quiet = wait_quiet(plugin, deadline);
    plugin->backend->stop(plugin, 0);
    ccb_plugin_unref(plugin);
    return quiet;
}
