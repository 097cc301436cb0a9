/*
 * The plugin host: finds lifecycle plugins, checks them, loads them, chooses
 * the one that serves a lifecycle, and calls it off the loop (design: the
 * public header's rules; docs/plugins.md).
 *
 * A registry serves one generation of plugins at a time. A reload builds the
 * next one beside it and swaps the two in one step; what was found in the old
 * one stands until the callback that looked it up returns, and longer for as
 * long as it has calls in flight. Each plugin has threads of its own: one that
 * hangs pins only itself.
 */
#ifndef CCB_PLUGIN_PLUGIN_H
#define CCB_PLUGIN_PLUGIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/flags.h"
#include "base/log.h"
#include "ccbridge/error.h"
#include "ccbridge/lifecycle.h"
#include "net/loop.h"
#include "plugin/policy.h"

/* ---- the registry ------------------------------------------------------- */

struct ccb_plugin;
struct ccb_plugins;

/* Why a file was not taken. Each has a row (words, advice) in one table. */
enum ccb_refusal {
    CCB_REFUSED_NONE,
    CCB_REFUSED_UNREADABLE,   /* missing, no regular file, no permission */
    CCB_REFUSED_NOT_ELF,      /* not ELF, or cut short */
    CCB_REFUSED_MACHINE,      /* built for another machine */
    CCB_REFUSED_NO_MANIFEST,  /* no note of ours */
    CCB_REFUSED_BAD_MANIFEST, /* the note is not what lifecycle.h says */
    CCB_REFUSED_NO_ENTRY,     /* the entry symbol is missing */
    CCB_REFUSED_ABI_MAJOR,    /* built for another major */
    CCB_REFUSED_ABI_MINOR,    /* needs a newer host */
    CCB_REFUSED_BAD_ENTRY,    /* magic, size, id or a function is wrong */
    CCB_REFUSED_LOAD,         /* the dynamic linker refused it */
    CCB_REFUSED_INTERFACE,    /* manifest and entry disagree */
    CCB_REFUSED_CREATE,       /* create gave NULL */
    CCB_REFUSED_CLAIM,        /* claims what another one claims */
    CCB_REFUSED_DUPLICATE,    /* an id that another file has */
    CCB_REFUSED_UNSAFE,       /* others may write it, or a link */
    CCB_REFUSED_POLICY,       /* its policy can't be read */
    CCB_REFUSED_DISABLED,     /* its policy says so */
    CCB_REFUSED_DIGEST,       /* not the image that its policy pins */
    CCB_REFUSED_CRASHED,      /* its worker died while it was opened */
    CCB_REFUSED_TIMED_OUT,    /* it was not open in time */
    CCB_REFUSED_SELFTEST,     /* its self-test failed */
    CCB_REFUSED_GOLDEN,       /* its answer to a first call is none */
    CCB_REFUSED_IMAGES,       /* the process has mapped too many builds of it */
    CCB_REFUSED_RUNNER        /* no process can be had to open it in */
};

struct ccb_plugin_refusal {
    enum ccb_refusal reason;
    const char *file; /* path */
    char expected[160];
    char found[160];
    const char *advice; /* from the table */
};
/* "plugin=FILE reason=abi_major expected=1 found=2 advice=..." */
void ccb_plugin_refusal_format(const struct ccb_plugin_refusal *refusal,
                               char *out, size_t size);

struct ccb_plugins_options {
    const char *const *directories; /* searched in order for *.so, sorted */
    size_t directory_count;
    const struct ccb_pairs *by_hand; /* -lifecyclePlugin KEY:ID; may be NULL */
    const char *policy_directory;    /* plugins.d; NULL: no policies */
    enum ccb_plugin_mode mode;       /* of those whose policy does not say */
    const char *runner;   /* ccbridge-plugin-host; NULL: beside the program */
    bool strict;          /* two plugins with one claim are an error */
    int64_t call_timeout; /* ns; 0: 1 s */
    struct ccb_log_session *log;
    /* Told of every refusal; may be NULL (they are logged all the same). */
    void (*on_refused)(void *user, const struct ccb_plugin_refusal *refusal);
    void *user;
};

/* Loads all that can be loaded. A refused file is logged and left out; the
 * registry serves on with the others. Of two plugins with the same claim the
 * later one is refused (it can still be named by hand), unless
 * -lifecyclePlugin settles that key; with `strict` they are an error instead
 * (CCB_CONFLICT), naming key and both plugins. A -lifecyclePlugin that names
 * no loaded plugin: CCB_NOT_FOUND, naming it and what is loaded. */
int ccb_plugins_open(struct ccb_plugins **plugins,
                     const struct ccb_plugins_options *options,
                     struct ccb_error *err);
/* Waits for calls in flight that still move; nothing is ever dlclosed. */
void ccb_plugins_close(struct ccb_plugins *plugins);

/* ---- generations -------------------------------------------------------- */

/* A loop that looks plugins up says so before it does, from its thread, and
 * takes that back before it closes: a swap waits until each has turned, so a
 * loop that runs no more must be detached before a commit is waited for. */
struct ccb_plugins_reader {
    struct ccb_plugins *plugins;
    struct ccb_loop *loop;
    struct ccb_post post;
    struct ccb_plugins_reader *next;
    bool posted;
};
void ccb_plugins_attach(struct ccb_plugins *plugins,
                        struct ccb_plugins_reader *reader,
                        struct ccb_loop *loop);
void ccb_plugins_detach(struct ccb_plugins_reader *reader);

/*
 * A reload, in steps, from one thread that is no loop's, one reload at a time:
 *
 *   prepare  reads directories and policies anew. A file whose digest and
 *            policy are those that serve is kept as it is, another is opened
 *            beside (in a worker first, self-test, a first call). A plugin
 *            that serves and whose new file is refused stays in service.
 *            Negative, and nothing has changed: no memory; a conflict with
 *            `strict`; a critical plugin was refused; a file that replaced one
 *            that serves was refused (`err` says which and why).
 *   commit   swaps, waits until every reader has turned and the old ones'
 *            calls are done (bounded by their deadlines), and ends what is not
 *            used any more.
 *   discard  instead of commit.
 */
struct ccb_plugins_next;
struct ccb_plugins_change {
    uint64_t generation; /* the number of the new one */
    size_t added, replaced, removed, kept, refused;
};
int ccb_plugins_prepare(struct ccb_plugins *plugins,
                        const struct ccb_pairs *by_hand,
                        struct ccb_plugins_next **next, struct ccb_error *err);
/* ccb_plugins_find, in the generation to come. */
struct ccb_plugin *ccb_plugins_next_find(const struct ccb_plugins_next *next,
                                         struct ccb_slice lifecycle,
                                         struct ccb_slice stack);
void ccb_plugins_commit(struct ccb_plugins *plugins,
                        struct ccb_plugins_next *next,
                        struct ccb_plugins_change *change);
void ccb_plugins_discard(struct ccb_plugins *plugins,
                         struct ccb_plugins_next *next);

/* Ends the quarantine of a plugin, and forgets that a file of this id failed to
 * open: the next reload tries it again. From the thread of reloads.
 * CCB_NOT_FOUND: no such id. */
int ccb_plugins_release_quarantine(struct ccb_plugins *plugins,
                                   struct ccb_slice id, struct ccb_error *err);

/* An array of what is served and of what was refused: docs/control-api.md,
 * "GET /v1/plugins". From an attached loop's thread. */
/* Calls of each plugin that serves by outcome, and more of it, as samples of
 * metrics (base/metrics.h). Main loop's thread. */
void ccb_plugins_put_outcomes(const struct ccb_plugins *plugins,
                              struct ccb_buf *out, const char *name);
void ccb_plugins_put_crashes(const struct ccb_plugins *plugins,
                             struct ccb_buf *out, const char *name);
void ccb_plugins_put_quarantined(const struct ccb_plugins *plugins,
                                 struct ccb_buf *out, const char *name);

void ccb_plugins_put_list(const struct ccb_plugins *plugins,
                          struct ccb_json_writer *w);

/* The number of the generation that serves; 1 at start. */
uint64_t ccb_plugins_generation(const struct ccb_plugins *plugins);

/* ---- looking up --------------------------------------------------------- */

size_t ccb_plugins_count(const struct ccb_plugins *plugins);

/* By what a message's plugin was looked up, and who it is. */
struct ccb_plugin_choice {
    struct ccb_slice lifecycle, stack; /* stack may be empty */
    const char *because;               /* words: which members of it decided */
    struct ccb_plugin *plugin;         /* NULL: nobody serves it */
};

/* Who serves `lifecycle` on `stack` (may be empty): the most specific claim.
 * "L/S" is looked up first by hand, then exact, then by the longest wildcard,
 * then "L". A bare L finds the plugin that claims L or L followed by "/" and
 * a wildcard. NULL: nobody. */
struct ccb_plugin *ccb_plugins_find(const struct ccb_plugins *plugins,
                                    struct ccb_slice lifecycle,
                                    struct ccb_slice stack);
/* What ccb_plugins_find goes by: each claim that matches, in the order in which
 * they win: those by hand first. */
void ccb_plugins_each_claim(const struct ccb_plugins *plugins,
                            struct ccb_slice lifecycle, struct ccb_slice stack,
                            void (*on_claim)(void *user, struct ccb_slice claim,
                                             bool by_hand,
                                             const struct ccb_plugin *plugin),
                            void *user);
/* By id; NULL: not loaded. */
struct ccb_plugin *ccb_plugins_get(const struct ccb_plugins *plugins,
                                   struct ccb_slice id);

/* Whether there is a file of that id, served or refused. From the thread of
 * reloads. */
bool ccb_plugins_know(const struct ccb_plugins *plugins, struct ccb_slice id);

const char *ccb_plugin_id(const struct ccb_plugin *plugin);
const char *ccb_plugin_version(const struct ccb_plugin *plugin);
const char *ccb_plugin_file(const struct ccb_plugin *plugin); /* its path */
/* Whether `plugin`'s finished tasks may carry the historic annotation: they
 * find the way back by lifecycle alone, or its manifest's result_form names
 * the plugin that would be found. */
int ccb_plugins_annotation_is_enough(const struct ccb_plugins *plugins,
                                     const struct ccb_plugin *plugin,
                                     struct ccb_slice lifecycle);

/* ---- calls -------------------------------------------------------------- */

enum ccb_plugin_function {
    CCB_PLUGIN_STAGING_RECIPE,
    CCB_PLUGIN_STAGING_RESPONSE,
    CCB_PLUGIN_LRP,
    CCB_PLUGIN_TASK,
    CCB_PLUGIN_PORTS,
    CCB_PLUGIN_DOCKER_URI,
    CCB_PLUGIN_DOCKER_CACHE_ARGS,
    CCB_PLUGIN_SELFTEST,
    CCB_PLUGIN_FUNCTION_COUNT
};

/* A gatherer of a costly fact: works on its own, then reports once with the
 * fact's JSON value (copied) or a negative code and words. Reports from the
 * loop's thread, never from inside `gather`. */
struct ccb_fact_gatherer {
    const char *name; /* "ssh_keys" */
    /* 0, or a negative code: then `done` is never called. */
    int (*gather)(void *user, struct ccb_loop *loop,
                  void (*done)(void *token, int code, struct ccb_slice value,
                               const char *error),
                  void *token);
    void *user;
};

struct ccb_plugin_result;

struct ccb_plugin_call_options {
    enum ccb_plugin_function function;
    struct ccb_slice guid, dialect, message,
        facts;               /* borrowed; they must lie in
                       `arena` or outlive everything */
    struct ccb_arena *arena; /* a reference is taken until the plugin is done
                                with it, which may be after on_done */
    const struct ccb_fact_gatherer *gatherers;
    size_t gatherer_count;
    struct ccb_log_session *log;   /* where the plugin's lines go; kept alive by
                                      `arena` */
    const struct ccb_call *parent; /* facts.c: whose fact this call makes */
    void (*on_done)(void *user, const struct ccb_plugin_result *result);
    void *user;
};

struct ccb_plugin_result {
    int code;              /* 0 or negative */
    struct ccb_json value; /* checked to be one value; borrowed until on_done
                              returns */
    struct ccb_slice cc_error_id; /* of `fail`, may be empty */
    const char *error;            /* words, when code != 0 */
};

/* Starts a call; on_done comes once, from the loop, later. When the plugin
 * does not answer within the deadline on_done says CCB_TIMED_OUT, and its
 * thread is left to itself. A function the plugin does not offer:
 * CCB_UNSUPPORTED through on_done. CCB_NO_MEMORY: no call, no on_done. */
int ccb_plugin_call(struct ccb_plugin *plugin, struct ccb_loop *loop,
                    const struct ccb_plugin_call_options *options,
                    struct ccb_error *err);

#endif
