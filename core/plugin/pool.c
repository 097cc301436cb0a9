/*
 * A plugin's threads. One lock and at most one wake to queue a call; one lock
 * to take the next. Who queues a call wakes a thread only when the queue was
 * empty, and who takes one wakes the next when there is more: calls that come
 * in one turn of a loop cost one wake together.
 *
 * Invariant: `place` of a worker says who may answer its call. It is IN_PLUGIN
 * while plugin code runs; the worker moves it back to IN_POOL before it
 * answers, the closer moves it to ABANDONED. Whoever comes first wins, so a
 * plugin that returns after the end can't post to a loop that is gone.
 * Follows design.md 5 ("a hung plugin pins only its own").
 */
#include "plugin/pool.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

enum {
    STACK_SIZE = 2 << 20,
    INTERRUPT_SECONDS = 3, /* for interrupted threads to end */
};

enum { IN_POOL, IN_PLUGIN, ABANDONED };

struct worker {
    struct ccb_plugin_pool *pool;
    pthread_t thread;
    _Atomic int place;
    void *state; /* the thread's own */
};

struct ccb_plugin_pool {
    struct ccb_plugin_pool_options options;
    pthread_mutex_t lock;
    pthread_cond_t work, ended;
    struct ccb_call *head, *tail;
    size_t waiting;
    unsigned threads, idle, live;
    bool stopping;
    struct worker workers[CCB_PLUGIN_POOL_MAX];
};

/* ---- the queue, under the lock ------------------------------------------ */

static void push(struct ccb_plugin_pool *pool, struct ccb_call *call)
{
    call->queue_next = NULL;
    call->queue_previous = pool->tail;
    if (pool->tail)
        pool->tail->queue_next = call;
    else
        pool->head = call;
    pool->tail = call;
    call->queued = true;
    pool->waiting++;
}

static void unlink_call(struct ccb_plugin_pool *pool, struct ccb_call *call)
{
    if (call->queue_previous)
        call->queue_previous->queue_next = call->queue_next;
    else
        pool->head = call->queue_next;
    if (call->queue_next)
        call->queue_next->queue_previous = call->queue_previous;
    else
        pool->tail = call->queue_previous;
    call->queue_previous = call->queue_next = NULL;
    call->queued = false;
    pool->waiting--;
}

/* ---- a thread ----------------------------------------------------------- */

/* The next call, or NULL when the pool stops. */
static struct ccb_call *take_next(struct worker *worker)
{
    struct ccb_plugin_pool *pool = worker->pool;
    struct ccb_call *call;
    bool more;

    pthread_mutex_lock(&pool->lock);
    while (!pool->head && !pool->stopping) {
        pool->idle++;
        pthread_cond_wait(&pool->work, &pool->lock);
        pool->idle--;
    }
    call = pool->stopping ? NULL : pool->head;
    if (call) {
        unlink_call(pool, call);
        atomic_store(&worker->place, IN_PLUGIN);
    }
    more = pool->head && pool->idle > 0;
    pthread_mutex_unlock(&pool->lock);
    if (more)
        pthread_cond_signal(&pool->work);
    return call;
}

static void *work(void *arg)
{
    struct worker *worker = arg;
    struct ccb_plugin_pool *pool = worker->pool;
    struct ccb_call *call = take_next(worker);

    while (call) {
        int place = IN_PLUGIN;

        pool->options.run(&worker->state, call);
        if (!atomic_compare_exchange_strong(&worker->place, &place, IN_POOL))
            return NULL; /* abandoned: nothing of this is ours any more */
        ccb_plugin_answer(call);
        call = take_next(worker);
    }
    if (worker->state && pool->options.leave)
        pool->options.leave(worker->state);
    pthread_mutex_lock(&pool->lock);
    pool->live--;
    pthread_cond_signal(&pool->ended);
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* Signals are the main thread's matter: a plugin's thread takes none. */
static int spawn(struct worker *worker)
{
    pthread_attr_t attr;
    sigset_t all, before;
    int code = pthread_attr_init(&attr);

    if (code)
        return code;
    code = pthread_attr_setstacksize(&attr, STACK_SIZE);
    if (code == 0) {
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        code = pthread_create(&worker->thread, &attr, work, worker);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    pthread_attr_destroy(&attr);
    return code;
}

/* Under the lock. Fails only when there is no thread at all. */
static int start_thread(struct ccb_plugin_pool *pool, struct ccb_error *err)
{
    struct worker *worker = &pool->workers[pool->threads];
    int code;

    worker->pool = pool;
    code = spawn(worker);
    if (code == 0) {
        pool->threads++;
        pool->live++;
        return 0;
    }
    if (pool->threads)
        return 0;
    return ccb_error_set(err, CCB_IO, "got no thread: %s", strerror(code));
}

/* ---- the outside -------------------------------------------------------- */

unsigned ccb_plugin_pool_width(const struct ccb_plugin *plugin)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);

    return plugin->manifest.concurrent && cpus > 1 ? (unsigned)cpus : 1;
}

struct ccb_plugin_pool *ccb_plugin_pool_create(
    const struct ccb_plugin_pool_options *options)
{
    struct ccb_plugin_pool *pool = ccb_calloc(1, sizeof(*pool));
    pthread_condattr_t attr;

    if (!pool)
        return NULL;
    pool->options = *options;
    if (pool->options.max_threads > CCB_PLUGIN_POOL_MAX)
        pool->options.max_threads = CCB_PLUGIN_POOL_MAX;
    /* These can't fail on Linux: they only fill memory. */
    pthread_mutex_init(&pool->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&pool->work, NULL);
    pthread_cond_init(&pool->ended, &attr);
    pthread_condattr_destroy(&attr);
    return pool;
}

int ccb_plugin_pool_put(struct ccb_plugin_pool *pool, struct ccb_call *call,
                        struct ccb_error *err)
{
    bool wake;
    int code = 0;

    pthread_mutex_lock(&pool->lock);
    if (pool->stopping)
        code = ccb_error_set(err, CCB_CANCELLED, "is closed");
    else if (pool->waiting >= CCB_PLUGIN_MAX_QUEUE)
        code = ccb_error_set(err, CCB_IO, "is busy: %zu calls wait for it",
                             pool->waiting);
    else if (pool->idle <= pool->waiting &&
             pool->threads < pool->options.max_threads)
        code = start_thread(pool, err);
    if (code == 0)
        push(pool, call);
    wake = code == 0 && pool->idle > 0 && pool->waiting == 1;
    pthread_mutex_unlock(&pool->lock);
    if (wake)
        pthread_cond_signal(&pool->work);
    return code;
}

bool ccb_plugin_pool_take_back(struct ccb_plugin_pool *pool,
                               struct ccb_call *call)
{
    bool waited;

    pthread_mutex_lock(&pool->lock);
    waited = call->queued;
    if (waited)
        unlink_call(pool, call);
    pthread_mutex_unlock(&pool->lock);
    return waited;
}

static void answer_waiting(struct ccb_plugin_pool *pool)
{
    while (pool->head) {
        struct ccb_call *call = pool->head;

        unlink_call(pool, call);
        ccb_plugin_conclude_error(call, CCB_CANCELLED, "plugin %s is closed",
                                  call->plugin->id);
        ccb_plugin_answer(call);
    }
}

static struct timespec after(int64_t ns)
{
    int64_t end = ccb_clock_monotonic() + ns;

    return (struct timespec){.tv_sec = (time_t)(end / CCB_SECOND),
                             .tv_nsec = (long)(end % CCB_SECOND)};
}

/* Those that are in plugin code now are left alone for good. */
static unsigned abandon(struct ccb_plugin_pool *pool)
{
    unsigned count = 0;

    for (unsigned i = 0; i < pool->threads; i++) {
        int place = IN_PLUGIN;

        if (atomic_compare_exchange_strong(&pool->workers[i].place, &place,
                                           ABANDONED))
            count++;
    }
    return count;
}

/* Under the lock: until the last thread has ended. */
static void wait_ended(struct ccb_plugin_pool *pool, int64_t patience)
{
    struct timespec end = after(patience);
    int code = 0;

    while (pool->live && code != ETIMEDOUT)
        code = pthread_cond_timedwait(&pool->ended, &pool->lock, &end);
}

unsigned ccb_plugin_pool_stop(struct ccb_plugin_pool *pool, int64_t grace)
{
    unsigned abandoned = 0;

    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    answer_waiting(pool);
    pthread_cond_broadcast(&pool->work);
    wait_ended(pool, grace);
    if (pool->live && pool->options.interrupt) {
        pool->options.interrupt(pool->options.user);
        wait_ended(pool, INTERRUPT_SECONDS * CCB_SECOND);
    }
    if (pool->live)
        abandoned = abandon(pool);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->threads; i++) {
        struct worker *worker = &pool->workers[i];

        if (atomic_load(&worker->place) == ABANDONED)
            pthread_detach(worker->thread);
        else
            pthread_join(worker->thread, NULL);
    }
    return abandoned;
}

void ccb_plugin_pool_free(struct ccb_plugin_pool *pool)
{
    pthread_cond_destroy(&pool->work);
    pthread_cond_destroy(&pool->ended);
    pthread_mutex_destroy(&pool->lock);
    ccb_free(pool);
}
