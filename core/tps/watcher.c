/*
 * tps-watcher as a role: flags (contract/tps.md 2.1), the lock, the stream of
 * events (2.2), and what is found in it (2.3).
 *
 * It has no door. One acts in a platform: the stream is read only while the
 * lock is held, and the process ends when it is lost.
 */
#include "base/mem.h"
#include "tps/catch_up.h"
#include "tps/internal.h"
#include "tps/tps.h"

#define AT(member) offsetof(struct ccb_watcher_config, member)

static const struct ccb_flag flags[] = {
    CCB_DIEGO_FLAG(AT(diego_api_url)),
    CCB_LOCK_FLAGS(AT(lock)),
    CCB_CC_FLAGS(AT(cc), NULL),
    {.name = "crashQueue",
     .type = CCB_FLAG_STRING,
     .offset = AT(crash_queue),
     .placeholder = "DIR",
     .help = "Keep crashes that CC has not taken yet in this directory, so "
             "that they outlive the process; empty: in memory"},
    {.name = "crashMaxAge",
     .type = CCB_FLAG_DURATION,
     .offset = AT(crash_max_age),
     .default_text = "24h",
     .help = "How long CC is told of a crash again and again before it is "
             "given up"},
};

/* ---- the command line --------------------------------------------------- */

static int check(const void *config, const char **action, struct ccb_error *err)
{
    const struct ccb_watcher_config *c = config;
    int code = ccb_lock_check(&c->lock, action, err);
    if (code == 0 && c->crash_max_age <= 0) {
        *action = "invalid-crash-max-age";
        code = ccb_error_set(err, CCB_INVALID,
                             "crashMaxAge: use a time above 0, such as 24h");
    }
    return code;
}

static size_t doors(const void *config, struct ccb_door *out)
{
    (void)config;
    (void)out;
    return 0;
}

/* ---- events ------------------------------------------------------------- */

/* Once a process: what the queue still needs when the instance is gone. The
 * outbox outlives the loop, which its thread posts to. */
struct shared {
    const struct ccb_watcher_config *config;
    struct ccb_log_session *log;
    struct ccb_log_session watcher; /* behind the lock's */
    struct ccb_outbox *outbox;
};

struct watcher {
    struct shared *shared;
    const struct ccb_worker *worker;
    struct ccb_lock *lock;
    bool started; /* the lock is held, events are read */
    struct ccb_diego *diego;
    struct ccb_diego_subscription *subscription;
    struct ccb_crashes crashes;
    struct ccb_catch_up *catch_up;
    bool waiting; /* the back end was not reached when last tried */
};

static void on_room(void *user)
{
    struct watcher *w = user;
    ccb_diego_resume(w->subscription);
    ccb_catch_up_resume(w->catch_up);
}

/* An event that can't be read is passed over: the stream goes on, so that no
 * other is lost for it. */
static bool on_event(void *user, const struct ccb_diego_event *event)
{
    struct watcher *w = user;
    struct ccb_error err;
    int code = ccb_crashes_event(&w->crashes, event, &err);
    if (code < 0)
        ccb_log_error(&w->shared->watcher, "failed-getting-next-event",
                      err.message);
    if (code == CCB_NO_MEMORY)
        ccb_catch_up_start(w->catch_up);
    return !ccb_crash_queue_full(w->crashes.queue);
}

static const struct {
    enum ccb_log_level level;
    const char *action;
} troubles[] = {
    [CCB_DIEGO_UNREACHABLE] = {CCB_LEVEL_INFO, "waiting-for-events"},
    [CCB_DIEGO_REFUSED] = {CCB_LEVEL_ERROR, "failed-subscribing-to-events"},
    [CCB_DIEGO_BROKEN] = {CCB_LEVEL_INFO, "resuming-events"},
    [CCB_DIEGO_ENDED] = {CCB_LEVEL_ERROR, "failed-getting-next-event"},
};

/* That nobody is there is said once, not every second. */
static void on_trouble(void *user, enum ccb_diego_trouble trouble,
                       const char *why)
{
    struct watcher *w = user;
    bool said = trouble == CCB_DIEGO_UNREACHABLE && w->waiting;
    w->waiting = trouble == CCB_DIEGO_UNREACHABLE;
    if (!said)
        ccb_log_write(&w->shared->watcher, troubles[trouble].level,
                      troubles[trouble].action,
                      CCB_FIELDS(ccb_log_cstr("error", why)));
}

static void on_open(void *user)
{
    struct watcher *w = user;
    w->waiting = false;
    ccb_catch_up_start(w->catch_up);
}

/* ---- the lock ----------------------------------------------------------- */

/* The queue is one process' at a time, as the lock is. */
static int open_queue(struct watcher *w, struct ccb_error *err)
{
    const struct ccb_watcher_config *c = w->shared->config;
    struct ccb_crash_queue_options options = {
        .loop = w->worker->loop,
        .cc = ccb_role_cc_options(&c->cc, w->worker->client),
        .log = &w->shared->watcher,
        .max_age = c->crash_max_age,
        .on_room = on_room,
        .user = w,
    };
    int code = ccb_outbox_open(&w->shared->outbox, &ccb_crash_outbox,
                               c->crash_queue, err);
    options.outbox = w->shared->outbox;
    if (code == 0)
        code = ccb_crashes_load(&w->crashes, options.outbox, err);
    if (code == 0)
        code = ccb_crash_queue_open(&w->crashes.queue, &options, err);
    return code;
}

static int subscribe(struct watcher *w, struct ccb_error *err)
{
    struct ccb_diego_subscribe_options options = {
        .loop = w->worker->loop,
        .on_open = on_open,
        .on_event = on_event,
        .on_trouble = on_trouble,
        .user = w,
    };
    w->crashes.log = &w->shared->watcher;
    if (open_queue(w, err) < 0)
        return err->code;
    w->diego = ccb_diego_open_receptor(
        w->worker->client, ccb_slice_of(w->shared->config->diego_api_url), 0);
    if (w->diego)
        w->catch_up = ccb_catch_up_open(w->worker->loop, w->diego, &w->crashes);
    if (!w->catch_up)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    return ccb_diego_subscribe(w->diego, &options, &w->subscription, err);
}

static void on_held(void *user)
{
    struct watcher *w = user;
    struct ccb_error err;
    w->started = true;
    ccb_log_info(&w->shared->watcher, "starting");
    if (subscribe(w, &err) < 0) {
        w->worker->fail(w->worker, "watcher", err.message);
        return;
    }
    ccb_log_info(&w->shared->watcher, "started");
    ccb_log_info(w->worker->log, "started");
}

static void on_lost(void *user, const char *why)
{
    struct watcher *w = user;
    w->worker->fail(w->worker, "lock-maintainer", why);
}

/* ---- its life ----------------------------------------------------------- */

static int prepare(void **out, const void *config, struct ccb_log_session *log,
                   struct ccb_error *err)
{
    struct shared *shared = ccb_calloc(1, sizeof(*shared));
    if (!shared)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    shared->config = config;
    shared->log = log;
    *out = shared;
    return 0;
}

static void release(void *user)
{
    struct shared *shared = user;
    int64_t left;
    if (!shared)
        return;
    left = ccb_outbox_close(shared->outbox);
    if (left > 0 && !shared->config->crash_queue[0])
        ccb_log_write(
            shared->log, CCB_LEVEL_ERROR, "crashes-lost",
            CCB_FIELDS(ccb_log_int("count", left),
                       ccb_log_cstr("error", "CC had not taken them, and they "
                                             "were in memory; with -crashQueue "
                                             "they are kept")));
    ccb_free(shared);
}

/* The lock goes last: nobody else begins before this one has ended. */
static void close_instance(void *instance)
{
    struct watcher *w = instance;
    if (w->started)
        ccb_log_info(&w->shared->watcher, "stopping");
    ccb_diego_unsubscribe(w->subscription);
    ccb_catch_up_close(w->catch_up);
    ccb_crash_queue_close(w->crashes.queue);
    ccb_crashes_destroy(&w->crashes);
    ccb_diego_close(w->diego);
    if (w->started)
        ccb_log_info(&w->shared->watcher, "finished");
    ccb_lock_close(w->lock);
    ccb_free(w);
}

static int open_instance(void **instance, void *shared,
                         const struct ccb_worker *worker, struct ccb_error *err)
{
    const struct ccb_watcher_config *config = ((struct shared *)shared)->config;
    struct watcher *w = ccb_calloc(1, sizeof(*w));
    struct ccb_lock_options options = {
        .config = &config->lock,
        .name = &ccb_lock_tps_watcher,
        .loop = worker->loop,
        .log = worker->log,
        .on_held = on_held,
        .on_lost = on_lost,
        .user = w,
        .ending = worker->ending,
    };
    int code;
    if (!w)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    w->shared = shared;
    w->worker = worker;
    code = ccb_lock_open(&w->lock, &options, err);
    if (code < 0) {
        ccb_free(w);
        return code;
    }
    ccb_log_begin(&w->shared->watcher, worker->log, "watcher", NULL, 0);
    *instance = w;
    return 0;
}

static void put_status(void *instance, struct ccb_json_writer *w)
{
    const struct watcher *watcher = instance;
    struct ccb_outbox_status status;
    ccb_json_key(w, "lock");
    ccb_json_begin_object(w);
    ccb_lock_put_status(watcher->lock, w);
    ccb_json_end_object(w);
    if (!watcher->shared->outbox)
        return;
    ccb_outbox_get_status(watcher->shared->outbox, &status);
    ccb_json_member_int(w, "crashes_waiting", status.waiting);
}

static bool is_standby(void *instance)
{
    return !((struct watcher *)instance)->started;
}

const struct ccb_role ccb_tps_watcher_role = {
    .name = "tps-watcher",
    .summary = "tells CC of instances that crashed",
    .origin = "tps_watcher",
    .single = true,
    .flags = flags,
    .flag_count = sizeof(flags) / sizeof(flags[0]),
    .config_size = sizeof(struct ccb_watcher_config),
    .stopped = "exited",
    .failed = "exited-with-failure",
    .check = check,
    .doors = doors,
    .prepare = prepare,
    .release = release,
    .open = open_instance,
    .put_status = put_status,
    .is_standby = is_standby,
    .close = close_instance,
};
