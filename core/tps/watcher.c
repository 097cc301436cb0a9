/*
 * tps-watcher as a role: flags (contract/tps.md 2.1), the lock, the stream of
 * events (2.2) and what is done with each (2.3, 2.4).
 *
 * It has no door. One acts in a platform: the stream is read only while the
 * lock is held, and the process ends when it is lost.
 */
#include "base/mem.h"
#include "tps/crash.h"
#include "tps/internal.h"
#include "tps/tps.h"

#define AT(member) offsetof(struct ccb_watcher_config, member)

static const struct ccb_flag flags[] = {
    CCB_DIEGO_FLAG(AT(diego_api_url)),
    CCB_LOCK_FLAGS(AT(lock)),
    CCB_CC_FLAGS(AT(cc), NULL),
};

/* ---- the command line --------------------------------------------------- */

static int check(const void *config, const char **action, struct ccb_error *err)
{
    const struct ccb_watcher_config *c = config;
    return ccb_lock_check(&c->lock, action, err);
}

static size_t doors(const void *config, struct ccb_door *out)
{
    (void)config;
    (void)out;
    return 0;
}

/* ---- events ------------------------------------------------------------- */

struct watcher {
    const struct ccb_watcher_config *config;
    const struct ccb_worker *worker;
    struct ccb_lock *lock;
    struct ccb_log_session log; /* tps-watcher.watcher, behind the lock's */
    bool started;               /* the lock is held, events are read */
    struct ccb_diego *diego;
    struct ccb_diego_subscription *subscription;
    struct ccb_crash_posts *posts;
    bool waiting; /* the back end was not reached when last tried */
};

static void on_room(void *user)
{
    struct watcher *w = user;
    ccb_diego_resume(w->subscription);
}

static void tell(struct watcher *w, const struct ccb_crash *crash)
{
    ccb_log_write(&w->log, CCB_LEVEL_INFO, "app-crashed",
                  CCB_FIELDS(ccb_log_text("process-guid", crash->process_guid),
                             ccb_log_int("index", crash->message.index)));
    if (ccb_crash_posts_add(w->posts, crash->process_guid, &crash->message) < 0)
        ccb_log_write(
            &w->log, CCB_LEVEL_INFO, "failed-app-crashed",
            CCB_FIELDS(ccb_log_text("process-guid", crash->process_guid),
                       ccb_log_int("index", crash->message.index),
                       ccb_log_cstr("error", "out of memory")));
}

/* An event that can't be read is passed over: the stream goes on, so that no
 * other is lost for it. */
static bool on_event(void *user, const struct ccb_diego_event *event)
{
    struct watcher *w = user;
    struct ccb_arena *arena = ccb_arena_create();
    struct ccb_crash crash;
    struct ccb_error err;
    bool found = false;
    int code = arena ? ccb_crash_find(event, &crash, &found, arena, &err)
                     : ccb_error_set(&err, CCB_NO_MEMORY, "out of memory");
    if (code < 0)
        ccb_log_error(&w->log, "failed-getting-next-event", err.message);
    else if (found)
        tell(w, &crash);
    ccb_arena_unref(arena);
    return !ccb_crash_posts_full(w->posts);
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
        ccb_log_write(&w->log, troubles[trouble].level,
                      troubles[trouble].action,
                      CCB_FIELDS(ccb_log_cstr("error", why)));
}

static void on_open(void *user)
{
    struct watcher *w = user;
    w->waiting = false;
}

/* ---- the lock ----------------------------------------------------------- */

static int subscribe(struct watcher *w, struct ccb_error *err)
{
    struct ccb_diego_subscribe_options options = {
        .loop = w->worker->loop,
        .on_open = on_open,
        .on_event = on_event,
        .on_trouble = on_trouble,
        .user = w,
    };
    const struct ccb_watcher_config *c = w->config;
    struct ccb_cc_options cc = ccb_role_cc_options(&c->cc, w->worker->client);
    w->diego = ccb_diego_open_receptor(w->worker->client,
                                       ccb_slice_of(c->diego_api_url), 0);
    w->posts = ccb_crash_posts_create(&cc, &w->log, on_room, w);
    if (!w->diego || !w->posts)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    return ccb_diego_subscribe(w->diego, &options, &w->subscription, err);
}

static void on_held(void *user)
{
    struct watcher *w = user;
    struct ccb_error err;
    w->started = true;
    ccb_log_info(&w->log, "starting");
    if (subscribe(w, &err) < 0) {
        w->worker->fail(w->worker, "watcher", err.message);
        return;
    }
    ccb_log_info(&w->log, "started");
    ccb_log_info(w->worker->log, "started");
}

static void on_lost(void *user, const char *why)
{
    struct watcher *w = user;
    w->worker->fail(w->worker, "lock-maintainer", why);
}

/* ---- its life ----------------------------------------------------------- */

/* The configuration is all that is shared. */
static int prepare(void **shared, const void *config,
                   struct ccb_log_session *log, struct ccb_error *err)
{
    (void)log;
    (void)err;
    *shared = (void *)(uintptr_t)config;
    return 0;
}

static void release(void *shared)
{
    (void)shared;
}

/* The lock goes last: nobody else begins before this one has ended. */
static void close_instance(void *instance)
{
    struct watcher *w = instance;
    if (w->started)
        ccb_log_info(&w->log, "stopping");
    ccb_diego_unsubscribe(w->subscription);
    ccb_crash_posts_free(w->posts);
    ccb_diego_close(w->diego);
    if (w->started)
        ccb_log_info(&w->log, "finished");
    ccb_lock_close(w->lock);
    ccb_free(w);
}

static int open_instance(void **instance, void *shared,
                         const struct ccb_worker *worker, struct ccb_error *err)
{
    const struct ccb_watcher_config *config = shared;
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
    w->config = config;
    w->worker = worker;
    code = ccb_lock_open(&w->lock, &options, err);
    if (code < 0) {
        ccb_free(w);
        return code;
    }
    ccb_log_begin(&w->log, worker->log, "watcher", NULL, 0);
    *instance = w;
    return 0;
}

static void put_status(void *instance, struct ccb_json_writer *w)
{
    const struct watcher *watcher = instance;
    ccb_json_key(w, "lock");
    ccb_json_begin_object(w);
    ccb_lock_put_status(watcher->lock, w);
    ccb_json_end_object(w);
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
    .close = close_instance,
};
