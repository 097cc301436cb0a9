/*
 * What the files of this room share: a loaded plugin, one call of it, and the
 * seam between the two, the backend.
 *
 * A call has a front (call.c, facts.c, deadline.c: on the loop's thread) and
 * a back (whoever runs the plugin's code). The front hands a call to the back
 * with `start` and has it again when its `post` runs; in between it may touch
 * only what is marked front. That is all a backend has to keep, so one that
 * runs plugins in another process fits beside the one in inproc.c.
 */
#ifndef CCB_PLUGIN_HOST_H
#define CCB_PLUGIN_HOST_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "plugin/image.h"
#include "plugin/manifest.h"
#include "plugin/plugin.h"
#include "plugin/policy.h"

enum {
    CCB_PLUGIN_FUNCTIONS = CCB_PLUGIN_FUNCTION_COUNT,
    CCB_PLUGIN_MAX_RESULT = 1 << 20,   /* bytes emitted */
    CCB_PLUGIN_MAX_SCRATCH = 64 << 20, /* bytes of `alloc` a call */
    CCB_PLUGIN_MAX_TEXT = 4096,        /* bytes of a failure's words */
    CCB_PLUGIN_MAX_QUEUE = 1024,       /* calls waiting for a thread */
    CCB_PLUGIN_MAX_ROUNDS = 4,         /* of facts, in one call */
    CCB_PLUGIN_LINES_A_SECOND = 100,
};

/* ---- the backend -------------------------------------------------------- */

struct ccb_plugin_backend {
    /* [loop] Takes the call: ccb_plugin_answer will be called once, from any
     * thread. Or a negative code with words, and the call was not taken. */
    int (*start)(struct ccb_plugin *plugin, struct ccb_call *call,
                 struct ccb_error *err);
    /* [loop] The result of a started call is no longer wanted. True: the call
     * is the front's again and no answer will come. False: it will. */
    bool (*cancel)(struct ccb_plugin *plugin, struct ccb_call *call);
    /* [closer] Ends it: what waits is answered with CCB_CANCELLED, what runs
     * gets `grace` ns and is abandoned then: such a call is never answered,
     * and since it holds a reference, `release` never comes. */
    void (*stop)(struct ccb_plugin *plugin, int64_t grace);
    /* [any thread] Frees what the backend has, after stop and the last call.
     */
    void (*release)(struct ccb_plugin *plugin);
};

/* ---- a plugin ----------------------------------------------------------- */

/* 100 lines a second, then silence until the next one; it says how many lines
 * are missing. */
struct ccb_plugin_limiter {
    _Atomic int64_t second;
    _Atomic int64_t lines;
    _Atomic int64_t dropped;
};

/* What became of a plugin's calls; any thread adds. */
enum { CCB_PLUGIN_SPANS = 32 }; /* of latency: [k] is below 2^k us */
struct ccb_plugin_stats {
    _Atomic uint64_t calls, failures, timeouts;
    _Atomic uint64_t crashes, retries, poisoned; /* of isolated ones */
    _Atomic uint64_t spans[CCB_PLUGIN_SPANS];
};

struct ccb_plugin {
    struct ccb_arena *arena; /* what manifest and the strings lie in */
    struct ccb_plugins *owner;
    struct ccb_manifest manifest;
    struct ccb_plugin_policy policy;
    struct ccb_plugin_image image;
    bool mapped; /* its image belongs to the process for good (mapped.h) */
    bool isolated;
    const char *runner; /* of an isolated one */
    const char *file, *id, *version;
    uint64_t generation;  /* that it came with */
    int64_t call_timeout; /* ns */
    bool offered[CCB_PLUGIN_FUNCTIONS];
    struct ccb_plugin_stats stats;
    _Atomic bool quarantined; /* its backend refuses calls, and says why */
    const struct ccb_plugin_backend *backend;
    void *backend_data;
    struct ccb_plugin_limiter limiter;
    /* In a worker process: where its lines go; NULL in the daemon. */
    const struct ccb_plugin_relay *relay;
    _Atomic int refs;     /* one of each generation and one of each call */
    pthread_mutex_t lock; /* of the drain: see life.c */
    pthread_cond_t quiet;
};

/* life.c: with one reference, the caller's; no backend yet. NULL: no memory. */
struct ccb_plugin *ccb_plugin_create(struct ccb_plugins *owner,
                                     const char *file);
void ccb_plugin_ref(struct ccb_plugin *plugin);
void ccb_plugin_unref(struct ccb_plugin *plugin);

/* Ends a plugin that nobody can find any more, from a thread that may block:
 * waits until its calls are done, at most until `deadline`, then stops the
 * backend and gives the caller's reference back. False: some call was still
 * on; it keeps what it needs. */
bool ccb_plugin_retire(struct ccb_plugin *plugin, int64_t deadline);

/* call.c: a call that is only made, for who runs it without a loop (`loop`
 * NULL); it takes a reference of plugin and arena. NULL: no memory. */
struct ccb_call *ccb_plugin_call_create(
    struct ccb_plugin *plugin, struct ccb_loop *loop,
    const struct ccb_plugin_call_options *options);
void ccb_plugin_call_free(struct ccb_call *call);

/* ---- functions by number ------------------------------------------------ */

struct ccb_plugin_function_row {
    const char *interface;
    const char *name;
    size_t offset; /* in the interface's table */
    bool optional; /* may be NULL */
    bool silent;   /* success needs no result */
};
extern const struct ccb_plugin_function_row
    ccb_plugin_functions[CCB_PLUGIN_FUNCTIONS];

/* ---- a call ------------------------------------------------------------- */

/* What the back writes. */
struct ccb_plugin_answer {
    int code; /* 0, negative, or CCB_NEED_FACTS */
    struct ccb_json value;
    struct ccb_slice cc_error_id, wanted;
    const char *error; /* words, when code is an error */
    bool said;         /* they are the plugin's own */
    /* while the plugin runs: */
    char *bytes;
    size_t len, capacity;
    int emit_code; /* 0, or what emit returns from now on */
    int fail_code; /* 0, or the first `fail`'s */
};

struct ccb_plugin_fact;
struct ccb_plugin_lane;

struct ccb_call {
    struct ccb_plugin *plugin; /* a reference */
    struct ccb_plugin_call_options options;
    /* front only */
    struct ccb_loop *loop;
    bool given_up; /* on_done was called; only freeing is left */
    unsigned rounds;
    struct ccb_plugin_fact *facts; /* all asked for so far */
    size_t facts_pending;
    struct ccb_plugin_lane *lane;
    struct ccb_call *lane_previous, *lane_next;
    /* whoever has the call */
    struct ccb_arena *arena; /* its own; the call lies in it, too */
    struct ccb_request request;
    size_t scratch; /* bytes given by `alloc` */
    int64_t deadline;
    struct ccb_plugin_answer answer;
    struct ccb_post post;
    /* the pool, under its lock */
    struct ccb_call *queue_previous, *queue_next;
    bool queued;
    /* both at any time */
    _Atomic bool cancelled;
};

/* [any thread] Gives the call back to the front; don't touch it again. */
void ccb_plugin_answer(struct ccb_call *call);

/* Turns what the plugin returned and emitted into `answer`: code, value and
 * words are final afterwards. For backends. */
void ccb_plugin_conclude(struct ccb_call *call, int returned);
/* Ends with an error of the host's own; `format` makes the words. */
void ccb_plugin_conclude_error(struct ccb_call *call, int code,
                               const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The services of the host for code in this process. */
extern const struct ccb_host ccb_plugin_host;

/* A plugin's log line, as ccb_host.log takes it: limited, its secrets masked,
 * written to the call's session. */
void ccb_plugin_log(struct ccb_call *call, int level, struct ccb_slice action,
                    struct ccb_slice data);

/* Whether one more line is allowed now, and how many were lost before it. */
bool ccb_plugin_may_log(struct ccb_plugin_limiter *limiter, int64_t *lost);

/* In a worker process the line is not ours to write. [any thread] */
struct ccb_plugin_relay {
    void (*log)(struct ccb_call *call, int level, struct ccb_slice action,
                struct ccb_slice data);
};

/* ---- the front's parts -------------------------------------------------- */

/* deadline.c: sets the call's deadline and watches it until removed. From the
 * loop's thread. CCB_NO_MEMORY, or CCB_IO from libuv. */
int ccb_plugin_deadline_add(struct ccb_call *call, struct ccb_error *err);
void ccb_plugin_deadline_remove(struct ccb_call *call);
/* call.c: called when it passes, after the call was removed. */
void ccb_plugin_expired(struct ccb_call *call);

/* facts.c: gathers what the answer asks for, then calls ccb_plugin_retry. On
 * an error the answer is final and says so. */
int ccb_plugin_facts_gather(struct ccb_call *call);
/* call.c: all facts are there (0, `gathered` filled) or the answer is final. */
void ccb_plugin_retry(struct ccb_call *call, int code);

/* ---- loading ------------------------------------------------------------ */

typedef int (*ccb_plugin_code)(struct ccb_instance *self, struct ccb_call *call,
                               const struct ccb_request *request);

/* What loading found. */
struct ccb_plugin_code_set {
    struct ccb_instance *instance;
    void (*destroy)(struct ccb_instance *self);
    ccb_plugin_code functions[CCB_PLUGIN_FUNCTIONS];
};

/* Opens the plugin in this process from `path` (/proc/self/fd/N of its image),
 * checks it against its manifest, makes its instance with the policy's config,
 * and fills `code` and plugin->offered; no backend. `path` must never mean
 * another image later. 0; CCB_INVALID with `refusal` filled; CCB_NO_MEMORY:
 * then there is no instance. */
int ccb_plugin_load(struct ccb_plugin *plugin, const char *path,
                    struct ccb_plugin_code_set *code,
                    struct ccb_plugin_refusal *refusal);

/* The backends: fill plugin->backend and backend_data. 0; CCB_NO_MEMORY; the
 * isolated one also CCB_IO (no descriptor), with words.
 *
 * The isolated one needs image, runner, policy and call_timeout; it starts no
 * process before the first call. Its quarantine ends when
 * somebody clears plugin->quarantined. */
int ccb_plugin_inproc_create(struct ccb_plugin *plugin,
                             const struct ccb_plugin_code_set *code);
int ccb_plugin_isolated_create(struct ccb_plugin *plugin,
                               struct ccb_log_session *log,
                               struct ccb_error *err);

#endif
