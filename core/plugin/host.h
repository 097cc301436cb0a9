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

#include <stdatomic.h>
#include <stdbool.h>

#include "plugin/manifest.h"
#include "plugin/plugin.h"

enum {
    CCB_PLUGIN_FUNCTIONS = CCB_PLUGIN_SELFTEST + 1,
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

struct ccb_plugin {
    struct ccb_arena *arena; /* what manifest and the strings lie in */
    struct ccb_manifest manifest;
    const char *file, *id, *version;
    int64_t call_timeout; /* ns */
    bool offered[CCB_PLUGIN_FUNCTIONS];
    const struct ccb_plugin_backend *backend;
    void *backend_data;
    struct ccb_plugin_limiter limiter;
    _Atomic int refs; /* the registry's and one of each call */
};

void ccb_plugin_unref(struct ccb_plugin *plugin);

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

/* Opens `plugin->file` in this process and fills offered and backend. 0;
 * CCB_INVALID with `refusal` filled; CCB_NO_MEMORY. */
int ccb_plugin_load(struct ccb_plugin *plugin,
                    struct ccb_plugin_refusal *refusal);

typedef int (*ccb_plugin_code)(struct ccb_instance *self, struct ccb_call *call,
                               const struct ccb_request *request);

/* What loading found, for the in-process backend. */
struct ccb_plugin_code_set {
    struct ccb_instance *instance;
    void (*destroy)(struct ccb_instance *self);
    ccb_plugin_code functions[CCB_PLUGIN_FUNCTIONS];
};
int ccb_plugin_inproc_create(struct ccb_plugin *plugin,
                             const struct ccb_plugin_code_set *code);

#endif
