/*
 * tps-watcher as a role: flags (contract/tps.md 2.1), the check of its command
 * line, the stream of events (2.2) and what is done with each (2.3, 2.4).
 *
 * It has no door. There must be one in a platform: the Consul lock that sees to
 * that is not built yet, so it only starts where it is told to do without.
 */
#include "base/mem.h"
#include "net/url.h"
#include "tps/crash.h"
#include "tps/internal.h"
#include "tps/tps.h"

#define AT(member) offsetof(struct ccb_watcher_config, member)

static const struct ccb_flag flags[] = {
    {.name = "diegoAPIURL",
     .type = CCB_FLAG_STRING,
     .offset = AT(diego_api_url),
     .placeholder = "URL",
     .help = "Base URL of the Receptor, with user and password where it wants "
             "them"},
    {.name = "consulCluster",
     .type = CCB_FLAG_STRING,
     .offset = AT(consul_cluster),
     .placeholder = "URL",
     .help = "Consul agent that keeps the lock (refused by this version, "
             "unless -noLock)"},
    {.name = "lockTTL",
     .type = CCB_FLAG_DURATION,
     .offset = AT(lock_ttl),
     .default_text = "10s",
     .help = "Life of the lock's session"},
    {.name = "lockRetryInterval",
     .type = CCB_FLAG_DURATION,
     .offset = AT(lock_retry_interval),
     .default_text = "5s",
     .help = "Pause before the lock is tried again"},
    {.name = "noLock",
     .type = CCB_FLAG_BOOL,
     .offset = AT(no_lock),
     .help = "Run without the Consul lock, where there is no second "
             "tps-watcher: CC is told of a crash once by each"},
    {.name = "ccBaseURL",
     .type = CCB_FLAG_STRING,
     .offset = AT(cc_base_url),
     .placeholder = "URL",
     .help = "Base URL of the Cloud Controller"},
    {.name = "ccUsername",
     .type = CCB_FLAG_STRING,
     .offset = AT(cc_username),
     .placeholder = "NAME",
     .help = "User name for the Cloud Controller"},
    {.name = "ccPassword",
     .type = CCB_FLAG_STRING,
     .offset = AT(cc_password),
     .placeholder = "PASSWORD",
     .help = "Password for the Cloud Controller"},
    {.name = "skipCertVerify",
     .type = CCB_FLAG_BOOL,
     .offset = AT(skip_cert_verify),
     .help = "Do not verify the Cloud Controller's certificate"},
};

/* ---- the command line --------------------------------------------------- */

static int check_consul(const char *text, struct ccb_error *err)
{
    struct ccb_url url;
    int code;
    if (!text[0])
        return ccb_error_set(err, CCB_INVALID,
                             "consulCluster is empty: the URL of a Consul "
                             "agent is needed for the lock; -noLock runs "
                             "without, where there is no second tps-watcher");
    code = ccb_url_parse(&url, ccb_slice_of(text), err);
    if (code == 0 && (!(ccb_slice_is(url.scheme, "http") ||
                        ccb_slice_is(url.scheme, "https")) ||
                      url.host.len == 0))
        code = ccb_error_set(err, CCB_INVALID,
                             "use one URL, http:// or https:// with a host");
    if (code < 0) {
        ccb_error_prefix(err, "consulCluster");
        return code;
    }
    return ccb_error_set(err, CCB_UNSUPPORTED,
                         "consulCluster: the Consul lock comes with a later "
                         "version; until then run one tps-watcher, with "
                         "-noLock");
}

static int check(const void *config, const char **action, struct ccb_error *err)
{
    const struct ccb_watcher_config *c = config;
    if (c->no_lock)
        return 0;
    *action = "new-client-failed";
    return check_consul(c->consul_cluster, err);
}

static size_t doors(const void *config, struct ccb_door *out)
{
    (void)config;
    (void)out;
    return 0;
}

/* ---- events ------------------------------------------------------------- */

struct watcher {
    struct ccb_watcher_shared *shared;
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
    ccb_log_write(&w->shared->log, CCB_LEVEL_INFO, "app-crashed",
                  CCB_FIELDS(ccb_log_text("process-guid", crash->process_guid),
                             ccb_log_int("index", crash->message.index)));
    if (ccb_crash_posts_add(w->posts, crash->process_guid, &crash->message) < 0)
        ccb_log_write(
            &w->shared->log, CCB_LEVEL_INFO, "failed-app-crashed",
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
        ccb_log_error(&w->shared->log, "failed-getting-next-event",
                      err.message);
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
        ccb_log_write(&w->shared->log, troubles[trouble].level,
                      troubles[trouble].action,
                      CCB_FIELDS(ccb_log_cstr("error", why)));
}

static void on_open(void *user)
{
    struct watcher *w = user;
    w->waiting = false;
}

/* ---- per process, per worker -------------------------------------------- */

static void release(void *shared)
{
    ccb_free(shared);
}

static int prepare(void **shared, const void *config,
                   struct ccb_log_session *log, struct ccb_error *err)
{
    struct ccb_watcher_shared *s = ccb_calloc(1, sizeof(*s));
    if (!s)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    s->config = config;
    ccb_log_begin(&s->lock_log, log, "lock-bbs", NULL, 0);
    ccb_log_begin(&s->log, log, "watcher", NULL, 0);
    *shared = s;
    return 0;
}

static void free_watcher(struct watcher *w)
{
    ccb_diego_unsubscribe(w->subscription);
    ccb_crash_posts_free(w->posts);
    ccb_diego_close(w->diego);
    ccb_free(w);
}

static void close_instance(void *instance)
{
    struct watcher *w = instance;
    struct ccb_watcher_shared *shared = w->shared;
    ccb_log_info(&shared->log, "stopping");
    free_watcher(w);
    ccb_log_info(&shared->log, "finished");
}

static int subscribe(struct watcher *w, const struct ccb_worker *worker,
                     struct ccb_error *err)
{
    struct ccb_diego_subscribe_options options = {
        .loop = worker->loop,
        .on_open = on_open,
        .on_event = on_event,
        .on_trouble = on_trouble,
        .user = w,
    };
    const struct ccb_watcher_config *c = w->shared->config;
    struct ccb_cc_options cc = {
        .client = worker->client,
        .base_url = ccb_slice_of(c->cc_base_url),
        .username = ccb_slice_of(c->cc_username),
        .password = ccb_slice_of(c->cc_password),
        .skip_cert_verify = c->skip_cert_verify,
    };
    w->diego = ccb_diego_open_receptor(worker->client,
                                       ccb_slice_of(c->diego_api_url), 0);
    w->posts = ccb_crash_posts_create(&cc, &w->shared->log, on_room, w);
    if (!w->diego || !w->posts)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    return ccb_diego_subscribe(w->diego, &options, &w->subscription, err);
}

static int open_instance(void **instance, void *shared,
                         const struct ccb_worker *worker, struct ccb_error *err)
{
    struct ccb_watcher_shared *s = shared;
    struct watcher *w = ccb_calloc(1, sizeof(*w));
    int code;
    if (!w)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    w->shared = s;
    ccb_log_info(&s->log, "starting");
    code = subscribe(w, worker, err);
    if (code < 0) {
        free_watcher(w);
        return code;
    }
    ccb_log_info(&s->log, "started");
    *instance = w;
    return 0;
}

const struct ccb_role ccb_tps_watcher_role = {
    .name = "tps-watcher",
    .summary = "tells CC of instances that crashed",
    .single = true,
    .flags = flags,
    .flag_count = sizeof(flags) / sizeof(flags[0]),
    .config_size = sizeof(struct ccb_watcher_config),
    .ready = "started",
    .stopped = "exited",
    .failed = "exited-with-failure",
    .check = check,
    .doors = doors,
    .prepare = prepare,
    .release = release,
    .open = open_instance,
    .close = close_instance,
};
