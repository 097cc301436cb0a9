/*
 * nsync-bulker as a role: flags (contract/nsync.md 2.1), its life (2.2) and the
 * moments at which passes begin (2.3). It has no door.
 *
 * Invariant: passes run only while the lock is held, one at a time. When it is
 * lost, or the end comes, what is in flight is abandoned at once: the client
 * that all calls go over is closed, and nothing more is sent.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "nsync/bulk_internal.h"
#include "nsync/nsync.h"

#define AT(member) offsetof(struct ccb_bulker_config, member)

static const struct ccb_flag flags[] = {
    CCB_DIEGO_FLAG(AT(diego_api_url)),
    CCB_LOCK_FLAGS(AT(lock)),
    CCB_CC_FLAGS(AT(cc), NULL),
    {.name = "communicationTimeout",
     .type = CCB_FLAG_DURATION,
     .offset = AT(communication_timeout),
     .default_text = "30s",
     .help = "Time limit of each call to the Cloud Controller and the "
             "Receptor"},
    {.name = "pollingInterval",
     .type = CCB_FLAG_DURATION,
     .offset = AT(polling_interval),
     .default_text = "30s",
     .help = "Time between two passes"},
    {.name = "domainTTL",
     .type = CCB_FLAG_DURATION,
     .offset = AT(domain_ttl),
     .default_text = "2m",
     .help = "How long the domain is fresh after a pass without an error"},
    {.name = "bulkBatchSize",
     .type = CCB_FLAG_UINT,
     .offset = AT(batch_size),
     .default_text = "500",
     .help = "Apps asked for in one page"},
    CCB_FILE_SERVER_FLAG(AT(file_server_url)),
    CCB_LIFECYCLE_FLAG(AT(lifecycles)),
    CCB_SSH_KEY_TYPE_FLAG(AT(ssh_key_type)),
    {.name = "quarantineBadApps",
     .type = CCB_FLAG_BOOL,
     .offset = AT(quarantine),
     .help = "Set apps aside whose recipe can't be built, and keep the domain "
             "fresh all the same"},
    {.name = "takeTurns",
     .type = CCB_FLAG_BOOL,
     .offset = AT(take_turns),
     .help = "Work on an app only while nsync-listener, in the same process, "
             "does not"},
};
#define FLAG_COUNT (sizeof(flags) / sizeof(flags[0]))

/* ---- the command line --------------------------------------------------- */

static int check(const void *config, const char **action, struct ccb_error *err)
{
    const struct ccb_bulker_config *c = config;
    int code = ccb_lock_check(&c->lock, action, err);
    if (code == 0)
        code = ccb_recipe_kit_check(c->ssh_key_type, action, err);
    if (code == 0 && c->batch_size == 0) {
        *action = "invalid-bulk-batch-size";
        code = ccb_error_set(err, CCB_INVALID,
                             "bulkBatchSize 0: use a number above 0, or the "
                             "pages never end");
    }
    return code;
}

static size_t doors(const void *config, struct ccb_door *out)
{
    (void)config;
    (void)out;
    return 0;
}

/* ---- per process, per worker -------------------------------------------- */

struct shared {
    const struct ccb_bulker_config *config;
    struct ccb_recipe_kit kit;
};

struct bulker {
    bool held; /* the lock, since then and until the end */
    struct ccb_bulk_tools tools;
    struct ccb_quarantine quarantine;
    struct ccb_lock *lock;
    uv_timer_t timer; /* -pollingInterval */
    uv_timer_t after; /* at once, out of the callbacks of a pass's calls */
    int open;         /* the instance, and what of it is on the loop */
    bool abandoned;
    struct ccb_bulk_pass *pass;
    bool due; /* the timer rang while the pass ran */
    bool has_tally;
    struct ccb_bulk_tally tally; /* of the last pass */
};

/* ---- passes, one after the other ---------------------------------------- */

static void on_timer(uv_timer_t *timer);
static void on_after(uv_timer_t *timer);

static uint64_t round_up(int64_t ns)
{
    return ns > 0 ? (uint64_t)((ns - 1) / CCB_MILLISECOND + 1) : 0;
}

/* A new timer counts from what the loop takes for now, which may be past. */
static void arm(struct bulker *b)
{
    uv_update_time(&b->tools.worker->loop->uv);
    (void)uv_timer_start(&b->timer, on_timer,
                         round_up(b->tools.config->polling_interval), 0);
}

static void on_pass_done(void *user)
{
    struct bulker *b = user;
    (void)uv_timer_start(&b->after, on_after, 0, 0);
}

/* Without memory for a pass, the next one is tried at its time. */
static void begin_pass(struct bulker *b)
{
    if (ccb_bulk_pass_start(&b->pass, &b->tools, on_pass_done, b) < 0)
        arm(b);
}

static void on_timer(uv_timer_t *timer)
{
    struct bulker *b = timer->data;
    if (b->pass)
        b->due = true;
    else
        begin_pass(b);
}

static void take_tally(struct bulker *b)
{
    b->tally = b->pass->tally;
    b->has_tally = true;
    ccb_metric_time(CCB_METRIC_LRP_SYNC_TIME, b->tally.duration);
    ccb_metric_set(CCB_METRIC_LRP_SYNC_MISSING, (int64_t)b->tally.missing);
    ccb_metric_set(CCB_METRIC_LRP_SYNC_STALE, (int64_t)b->tally.stale);
    ccb_metric_set(CCB_METRIC_LRP_SYNC_EXCESS, (int64_t)b->tally.excess);
    ccb_metric_set(CCB_METRIC_LRP_SYNC_QUARANTINED,
                   (int64_t)b->tally.quarantined);
    if (b->tally.fresh)
        ccb_metric_set(CCB_METRIC_LRP_SYNC_FRESH,
                       ccb_clock_wall() / CCB_SECOND);
}

/* The timer is armed before the first pass, and from then on behind each: the
 * historic beat (contract/nsync.md 2.3). */
static void on_after(uv_timer_t *timer)
{
    struct bulker *b = timer->data;
    take_tally(b);
    ccb_bulk_pass_free(b->pass);
    b->pass = NULL;
    if (b->due) {
        b->due = false;
        begin_pass(b);
    } else if (!uv_is_active((uv_handle_t *)&b->timer)) {
        arm(b);
    }
}

/* ---- the lock ----------------------------------------------------------- */

static void on_held(void *user)
{
    struct bulker *b = user;
    b->held = true;
    arm(b);
    begin_pass(b);
    ccb_log_info(b->tools.worker->log, "started");
}

static void abandon(struct bulker *b);

static void on_lost(void *user, const char *why)
{
    struct bulker *b = user;
    abandon(b);
    b->tools.worker->fail(b->tools.worker, "lock-maintainer", why);
}

/* ---- the end ------------------------------------------------------------ */

static void on_part_closed(struct bulker *b)
{
    if (--b->open > 0)
        return;
    ccb_quarantine_destroy(&b->quarantine);
    ccb_free(b);
}

static void on_client_closed(void *user)
{
    on_part_closed(user);
}

static void on_timer_closed(uv_handle_t *handle)
{
    on_part_closed(handle->data);
}

/* Nothing is sent from here on. */
static void abandon(struct bulker *b)
{
    if (b->abandoned)
        return;
    b->abandoned = true;
    uv_close((uv_handle_t *)&b->timer, on_timer_closed);
    uv_close((uv_handle_t *)&b->after, on_timer_closed);
    if (b->tools.client)
        ccb_http_client_close(b->tools.client, on_client_closed, b);
    ccb_bulk_pass_free(b->pass);
    b->pass = NULL;
}

static void stop_instance(void *instance)
{
    abandon(instance);
}

/* The lock goes last: nobody else begins before this one has ended. */
static void close_instance(void *instance)
{
    struct bulker *b = instance;
    struct ccb_lock *lock = b->lock;
    if (b->tools.diego)
        ccb_diego_close(b->tools.diego);
    b->tools.diego = NULL;
    b->lock = NULL;
    abandon(b);
    ccb_lock_close(lock);
    on_part_closed(b);
}

/* ---- the start ---------------------------------------------------------- */

static void open_timers(struct bulker *b)
{
    uv_loop_t *loop = &b->tools.worker->loop->uv;
    (void)uv_timer_init(loop, &b->timer); /* can't fail */
    (void)uv_timer_init(loop, &b->after);
    b->timer.data = b;
    b->after.data = b;
    b->open = 3;
}

static int open_tools(struct bulker *b, struct shared *shared,
                      struct ccb_error *err)
{
    const struct ccb_bulker_config *config = shared->config;
    struct ccb_bulk_tools *tools = &b->tools;
    int code = ccb_http_client_open(&tools->client, tools->worker->loop, err);
    if (code < 0)
        return code;
    b->open++;
    tools->diego = ccb_diego_open_receptor(tools->client,
                                           ccb_slice_of(config->diego_api_url),
                                           config->communication_timeout);
    if (!tools->diego)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    tools->cc = ccb_role_cc_options(&config->cc, tools->client);
    tools->maker =
        ccb_recipe_kit_maker(&shared->kit, tools->worker, tools->diego);
    tools->quarantine = config->quarantine ? &b->quarantine : NULL;
    return 0;
}

static int open_lock(struct bulker *b, struct ccb_error *err)
{
    struct ccb_lock_options options = {
        .config = &b->tools.config->lock,
        .name = &ccb_lock_nsync_bulker,
        .loop = b->tools.worker->loop,
        .log = b->tools.worker->log,
        .on_held = on_held,
        .on_lost = on_lost,
        .user = b,
        .ending = b->tools.worker->ending,
    };
    return ccb_lock_open(&b->lock, &options, err);
}

static int open_instance(void **instance, void *shared,
                         const struct ccb_worker *worker, struct ccb_error *err)
{
    struct shared *s = shared;
    struct bulker *b = ccb_calloc(1, sizeof(*b));
    int code;
    if (!b)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    b->tools.config = s->config;
    b->tools.worker = worker;
    open_timers(b);
    code = open_tools(b, s, err);
    if (code == 0)
        code = open_lock(b, err);
    if (code < 0)
        close_instance(b);
    else
        *instance = b;
    return code;
}

static void release(void *shared)
{
    struct shared *s = shared;
    if (!s)
        return;
    ccb_recipe_kit_destroy(&s->kit);
    ccb_free(s);
}

static struct ccb_facts *facts(void *shared)
{
    return &((struct shared *)shared)->kit.facts;
}

static int prepare(void **shared, const void *config,
                   struct ccb_log_session *log, struct ccb_error *err)
{
    struct shared *s = ccb_calloc(1, sizeof(*s));
    struct ccb_ssh_keys keys = {.log = log};
    int code;
    if (!s)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    s->config = config;
    keys.type = s->config->ssh_key_type;
    code = ccb_recipe_kit_init(&s->kit, flags, FLAG_COUNT, config, &keys, err);
    if (code < 0)
        release(s);
    else
        *shared = s;
    return code;
}

/* ---- shown -------------------------------------------------------------- */

static void put_tally(const struct ccb_bulk_tally *t, struct ccb_json_writer *w)
{
    char began[40];
    ccb_time_format(t->began_at, began);
    ccb_json_key(w, "last_pass");
    ccb_json_begin_object(w);
    ccb_json_member_cstr(w, "began_at", began);
    ccb_json_member_int(w, "duration_ms", t->duration / CCB_MILLISECOND);
    ccb_json_member_uint(w, "lrps", t->lrps);
    ccb_json_member_uint(w, "apps", t->apps);
    ccb_json_member_uint(w, "missing", t->missing);
    ccb_json_member_uint(w, "stale", t->stale);
    ccb_json_member_uint(w, "excess", t->excess);
    ccb_json_member_uint(w, "created", t->created);
    ccb_json_member_uint(w, "updated", t->updated);
    ccb_json_member_uint(w, "deleted", t->deleted);
    ccb_json_member_uint(w, "failed", t->failed);
    ccb_json_member_uint(w, "quarantined", t->quarantined);
    ccb_json_member_bool(w, "fresh", t->fresh);
    ccb_json_end_object(w);
}

static void put_status(void *instance, struct ccb_json_writer *w)
{
    const struct bulker *b = instance;
    ccb_json_key(w, "lock");
    ccb_json_begin_object(w);
    ccb_lock_put_status(b->lock, w);
    ccb_json_end_object(w);
    if (b->has_tally)
        put_tally(&b->tally, w);
    ccb_quarantine_put(&b->quarantine, w);
}

static bool is_standby(void *instance)
{
    return !((struct bulker *)instance)->held;
}

const struct ccb_role ccb_nsync_bulker_role = {
    .name = "nsync-bulker",
    .summary = "compares what CC wants with what the back end has",
    .origin = "nsync_bulker",
    .single = true,
    .flags = flags,
    .flag_count = FLAG_COUNT,
    .config_size = sizeof(struct ccb_bulker_config),
    .starting = "waiting-for-lock",
    .stopped = "exited",
    .failed = "exited-with-failure",
    .check = check,
    .doors = doors,
    .prepare = prepare,
    .release = release,
    .facts = facts,
    .open = open_instance,
    .put_status = put_status,
    .is_standby = is_standby,
    .stop = stop_instance,
    .close = close_instance,
};
