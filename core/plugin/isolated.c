/*
 * The isolated backend: each thread of the plugin's pool has a worker process
 * of its own, started at the thread's first call. A worker that fails is
 * killed; its call is tried once more in a fresh one, which is safe because
 * plugins are pure functions. What the failures mean is health.c's to say.
 *
 * Invariant: a worker belongs to the one thread that started it and never
 * outlives it; whatever the plugin does, its call is answered by its deadline
 * and half a second for killing. Follows worker.h; anchors 3.6.
 */
#include <errno.h>
#include <openssl/evp.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/flags.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/redact.h"
#include "plugin/health.h"
#include "plugin/host.h"
#include "plugin/pool.h"
#include "plugin/worker.h"

#define HANDSHAKE (2 * CCB_SECOND)

struct isolated {
    struct ccb_plugin *plugin;
    struct ccb_log_session *log; /* may be NULL */
    struct ccb_plugin_pool *pool;
    struct ccb_plugin_limiter prints;
    struct ccb_plugin_health health;
    int stop_fd; /* readable: all are to end */
};

/* What a thread of the pool has: its worker, or none. */
struct seat {
    struct isolated *isolated;
    struct ccb_plugin_worker *worker;
    bool denied; /* said so already, of this worker */
};

static void count(_Atomic uint64_t *figure)
{
    atomic_fetch_add_explicit(figure, 1, memory_order_relaxed);
}

/* ---- the log ------------------------------------------------------------ */

static void say(const struct isolated *isolated, enum ccb_log_level level,
                const char *action, struct ccb_log_field a,
                struct ccb_log_field b)
{
    if (isolated->log)
        ccb_log_write(
            isolated->log, level, action,
            CCB_FIELDS(ccb_log_cstr("plugin", isolated->plugin->id), a, b));
}

static void on_print(void *user, struct ccb_slice line)
{
    struct isolated *isolated = user;
    struct ccb_buf shown = {0};
    int64_t lost;

    if (!ccb_plugin_may_log(&isolated->prints, &lost))
        return;
    ccb_redact_text(&shown, line);
    if (!shown.failed)
        say(isolated, CCB_LEVEL_INFO, "plugin-worker-printed",
            ccb_log_text("text", ccb_buf_slice(&shown)),
            ccb_log_int("lines_dropped", lost));
    ccb_buf_destroy(&shown);
}

/* Once for each worker: who does it once does it always. */
static void say_denied(struct seat *seat)
{
    const char *denied =
        seat->denied ? "" : ccb_plugin_worker_denied(seat->worker);

    if (!denied[0])
        return;
    seat->denied = true;
    say(seat->isolated, CCB_LEVEL_ERROR, "plugin-worker-denied",
        ccb_log_cstr("calls", denied),
        ccb_log_cstr("file", seat->isolated->plugin->file));
}

/* What a plugin leaves behind from call to call ends with the worker, and its
 * requests never feel it: but somebody should look at it. */
static bool is_tired(const struct seat *seat)
{
    const char *why = ccb_plugin_worker_tired(seat->worker);

    if (why) {
        ccb_metric_add(CCB_METRIC_PLUGIN_WORKERS_RECYCLED, 1);
        say(seat->isolated, CCB_LEVEL_INFO, "plugin-worker-recycled",
            ccb_log_cstr("why", why),
            ccb_log_cstr("file", seat->isolated->plugin->file));
    }
    return why != NULL;
}

/* ---- a seat's worker ---------------------------------------------------- */

static void close_worker(struct seat *seat)
{
    if (!ccb_plugin_worker_kill(seat->worker))
        say(seat->isolated, CCB_LEVEL_ERROR, "plugin-worker-left-behind",
            ccb_log_cstr("error", "a process of its group can't be killed"),
            ccb_log_cstr("file", seat->isolated->plugin->file));
    seat->worker = NULL;
    seat->denied = false;
}

static int start_worker(struct seat *seat, struct ccb_error *err)
{
    struct isolated *isolated = seat->isolated;
    const struct ccb_plugin *plugin = isolated->plugin;
    struct ccb_plugin_worker_options options = {
        .runner = plugin->runner,
        .image_fd = plugin->image.fd,
        .id = plugin->manifest.id,
        .config = plugin->policy.config,
        .memory_mb = plugin->policy.memory_mb,
        .stop_fd = isolated->stop_fd,
        .on_print = on_print,
        .user = isolated,
    };
    struct ccb_plugin_refusal refusal = {.reason = CCB_REFUSED_NONE};
    bool offered[CCB_PLUGIN_FUNCTION_COUNT];
    int code = ccb_plugin_worker_start(&seat->worker, &options,
                                       ccb_clock_monotonic() + HANDSHAKE,
                                       offered, &refusal, err);

    /* It was opened before, so what refuses it now is an accident. */
    if (code == CCB_INVALID)
        code =
            ccb_error_set(err, CCB_CLOSED, "did not open: %s", refusal.found);
    return code;
}

/* After crashes in a row: waits within the call's time, or has none. */
static int rest(struct isolated *isolated, int64_t deadline,
                struct ccb_error *err)
{
    int64_t until = ccb_plugin_health_rest(&isolated->health);
    int64_t left = until - ccb_clock_monotonic();
    struct pollfd stop = {.fd = isolated->stop_fd, .events = POLLIN};

    if (left <= 0)
        return 0;
    if (until >= deadline)
        return ccb_error_set(err, CCB_FAILED,
                             "rests after crashes in a row, the next worker "
                             "starts in %d ms",
                             (int)(left / CCB_MILLISECOND) + 1);
    if (poll(&stop, 1, (int)(left / CCB_MILLISECOND) + 1) > 0)
        return ccb_error_set(err, CCB_CANCELLED, "is closed");
    return 0;
}

/* ---- one call ----------------------------------------------------------- */

/* The texts with their lengths, so that no two requests are one. */
static bool take_digest(const struct ccb_call *call,
                        unsigned char digest[CCB_HEALTH_DIGEST])
{
    const struct ccb_request *r = &call->request;
    const struct ccb_slice texts[] = {r->guid, r->dialect, r->message, r->facts,
                                      r->gathered};
    uint32_t function = call->options.function;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) &&
                EVP_DigestUpdate(context, &function, sizeof(function));

    for (size_t i = 0; good && i < sizeof(texts) / sizeof(texts[0]); i++)
        good = EVP_DigestUpdate(context, &texts[i].len, sizeof(texts[i].len)) &&
               EVP_DigestUpdate(context, texts[i].ptr, texts[i].len);
    good = good && EVP_DigestFinal_ex(context, digest, NULL);
    EVP_MD_CTX_free(context);
    return good;
}

static const char *name_of(const struct ccb_call *call)
{
    return ccb_plugin_functions[call->options.function].name;
}

/* One try: 0 when the call is concluded. */
static int try_call(struct seat *seat, struct ccb_call *call,
                    struct ccb_error *err)
{
    int code = 0;

    if (!seat->worker)
        code = rest(seat->isolated, call->deadline, err);
    if (code == 0 && !seat->worker)
        code = start_worker(seat, err);
    if (code == 0)
        code = ccb_plugin_worker_call(seat->worker, call, err);
    if (code == 0) {
        ccb_plugin_health_answered(&seat->isolated->health);
        say_denied(seat);
    }
    if (seat->worker && (code || is_tired(seat)))
        close_worker(seat);
    return code;
}

static void note_crash(struct isolated *isolated, const struct ccb_call *call,
                       const char *how)
{
    count(&isolated->plugin->stats.crashes);
    say(isolated, CCB_LEVEL_ERROR, "plugin-worker-crashed",
        ccb_log_cstr("how", how), ccb_log_cstr("function", name_of(call)));
    if (ccb_plugin_health_crashed(&isolated->health, ccb_clock_monotonic(),
                                  how)) {
        atomic_store(&isolated->plugin->quarantined, true);
        say(isolated, CCB_LEVEL_ERROR, "plugin-quarantined",
            ccb_log_cstr("how", how),
            ccb_log_int("crashes", CCB_HEALTH_CRASHES));
    }
}

static void note_poison(struct isolated *isolated, const struct ccb_call *call,
                        const char *how)
{
    unsigned char digest[CCB_HEALTH_DIGEST];

    if (!take_digest(call, digest))
        return; /* no memory: it will be found out anew */
    ccb_plugin_health_poisoned(&isolated->health, digest);
    say(isolated, CCB_LEVEL_ERROR, "plugin-poisoned",
        ccb_log_text("guid", call->request.guid), ccb_log_cstr("how", how));
}

static bool is_poison(struct isolated *isolated, const struct ccb_call *call)
{
    unsigned char digest[CCB_HEALTH_DIGEST];

    return atomic_load(&isolated->health.poisonings) &&
           take_digest(call, digest) &&
           ccb_plugin_health_is_poison(&isolated->health, digest);
}

/* The front's words; mostly it has said them already when we come here. */
static void time_out(struct ccb_call *call)
{
    char span[40];

    ccb_duration_format(call->plugin->call_timeout, span, sizeof(span));
    if (!atomic_load(&call->cancelled))
        count(&call->plugin->stats.timeouts);
    ccb_plugin_conclude_error(call, CCB_TIMED_OUT,
                              "plugin %s: %s did not answer within %s",
                              call->plugin->id, name_of(call), span);
}

/* The end of a call that no worker answered. */
static void give_up(struct ccb_call *call, int code, const char *how)
{
    const char *id = call->plugin->id;

    if (code == CCB_CLOSED)
        ccb_plugin_conclude_error(call, CCB_FAILED,
                                  "plugin %s: the worker of %s was lost: %s",
                                  id, name_of(call), how);
    else if (code == CCB_TIMED_OUT)
        time_out(call);
    else
        ccb_plugin_conclude_error(call, code, "plugin %s %s", id, how);
}

static void carry_out(struct seat *seat, struct ccb_call *call)
{
    struct isolated *isolated = seat->isolated;
    struct ccb_error error = {0};
    int code = try_call(seat, call, &error);

    if (code == CCB_CLOSED) {
        note_crash(isolated, call, error.message);
        if (atomic_load(&isolated->plugin->quarantined)) {
            give_up(call, code, error.message);
            return;
        }
        count(&isolated->plugin->stats.retries);
        code = try_call(seat, call, &error);
        if (code == CCB_CLOSED) {
            note_crash(isolated, call, error.message);
            note_poison(isolated, call, error.message);
        }
    }
    if (code == CCB_TIMED_OUT)
        note_crash(isolated, call, "no answer within its time");
    if (code)
        give_up(call, code, error.message);
}

static struct seat *take_seat(void **state, struct isolated *isolated)
{
    if (!*state) {
        struct seat *seat = ccb_calloc(1, sizeof(*seat));

        if (seat)
            seat->isolated = isolated;
        *state = seat;
    }
    return *state;
}

static void run(void **state, struct ccb_call *call)
{
    struct isolated *isolated = call->plugin->backend_data;
    struct seat *seat = take_seat(state, isolated);

    if (!seat) {
        give_up(call, CCB_NO_MEMORY, "has no memory for a worker");
    } else if (is_poison(isolated, call)) {
        count(&isolated->plugin->stats.poisoned);
        ccb_plugin_conclude_error(call, CCB_FAILED,
                                  "plugin %s: this very request of %s killed "
                                  "two workers and is not tried again",
                                  call->plugin->id, name_of(call));
    } else {
        carry_out(seat, call);
    }
}

static void leave(void *state)
{
    struct seat *seat = state;

    close_worker(seat);
    ccb_free(seat);
}

/* ---- the backend -------------------------------------------------------- */

static int refuse_quarantined(struct isolated *isolated, struct ccb_error *err)
{
    char words[256];

    ccb_plugin_health_words(&isolated->health, words, sizeof(words));
    return ccb_error_set(err, CCB_FAILED,
                         "is in quarantine %s: give it a new file, or run "
                         "\"ccbridge plugin enable %s\"",
                         words, isolated->plugin->id);
}

static int start(struct ccb_plugin *plugin, struct ccb_call *call,
                 struct ccb_error *err)
{
    struct isolated *isolated = plugin->backend_data;

    if (atomic_load_explicit(&plugin->quarantined, memory_order_relaxed))
        return refuse_quarantined(isolated, err);
    /* Somebody lifted it. (Or the flag is not up yet: then it is in a moment,
     * and the record begins anew all the same.) */
    if (atomic_load_explicit(&isolated->health.quarantined,
                             memory_order_relaxed))
        ccb_plugin_health_reset(&isolated->health);
    return ccb_plugin_pool_put(isolated->pool, call, err);
}

static bool cancel(struct ccb_plugin *plugin, struct ccb_call *call)
{
    struct isolated *isolated = plugin->backend_data;

    atomic_store(&call->cancelled, true);
    return ccb_plugin_pool_take_back(isolated->pool, call);
}

static void interrupt(void *user)
{
    const struct isolated *isolated = user;
    uint64_t one = 1;
    ssize_t n;

    do
        n = write(isolated->stop_fd, &one, sizeof(one));
    while (n < 0 && errno == EINTR);
}

static void stop(struct ccb_plugin *plugin, int64_t grace)
{
    struct isolated *isolated = plugin->backend_data;

    (void)ccb_plugin_pool_stop(isolated->pool, grace);
}

static void release(struct ccb_plugin *plugin)
{
    struct isolated *isolated = plugin->backend_data;

    ccb_plugin_pool_free(isolated->pool);
    ccb_plugin_health_destroy(&isolated->health);
    close(isolated->stop_fd);
    ccb_free(isolated);
}

static const struct ccb_plugin_backend backend = {
    .start = start,
    .cancel = cancel,
    .stop = stop,
    .release = release,
};

int ccb_plugin_isolated_create(struct ccb_plugin *plugin,
                               struct ccb_log_session *log,
                               struct ccb_error *err)
{
    struct isolated *isolated = ccb_calloc(1, sizeof(*isolated));
    unsigned width = plugin->policy.workers ? plugin->policy.workers
                                            : ccb_plugin_pool_width(plugin);
    struct ccb_plugin_pool_options options = {.max_threads = width,
                                              .run = run,
                                              .leave = leave,
                                              .interrupt = interrupt,
                                              .user = isolated};

    if (!isolated)
        return ccb_error_set(err, CCB_NO_MEMORY, "no memory for plugin %s",
                             plugin->id);
    isolated->plugin = plugin;
    isolated->log = log;
    isolated->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (isolated->stop_fd < 0) {
        ccb_free(isolated);
        return ccb_error_set(err, CCB_IO, "eventfd: %s", strerror(errno));
    }
    isolated->pool = ccb_plugin_pool_create(&options);
    if (!isolated->pool) {
        close(isolated->stop_fd);
        ccb_free(isolated);
        return ccb_error_set(err, CCB_NO_MEMORY, "no memory for plugin %s",
                             plugin->id);
    }
    ccb_plugin_health_init(&isolated->health);
    plugin->backend = &backend;
    plugin->backend_data = isolated;
    return 0;
}
