/*
 * The inside of the registry, for the files that make, swap and show it.
 *
 * A set is one generation: filled by one thread, then handed over by one
 * atomic store, and read-only from then on. Whoever looks something up reads
 * the pointer once and is done with the set before its callback returns.
 */
#ifndef CCB_PLUGIN_REGISTRY_H
#define CCB_PLUGIN_REGISTRY_H

#include "plugin/claims.h"
#include "plugin/directory.h"
#include "plugin/host.h"

/* A file that was not taken. Lies in the set's arena, strings and all. */
struct ccb_plugins_refused {
    struct ccb_plugins_refused *next;
    struct ccb_plugin_refusal refusal;
    const char *id; /* NULL: it was not known */
};

struct ccb_plugins_set {
    struct ccb_arena *arena; /* the set lies in it */
    uint64_t number;
    uint64_t readable;         /* bit i: directory i could be read */
    struct ccb_plugin **items; /* heap; a reference of each */
    size_t count, capacity;
    struct ccb_claims claims, by_hand;
    struct ccb_plugins_refused *refused, **refused_end; /* in their order */
    size_t refused_count;
};

/* What is remembered of an image that failed to open: failures.c. */
struct ccb_plugin_failure;

struct ccb_plugins {
    _Atomic(struct ccb_plugins_set *) current;
    struct ccb_arena *arena; /* what `options` points to */
    struct ccb_plugins_options options;
    struct ccb_plugin_failure *failures; /* the thread of reloads */
    pthread_mutex_t lock;                /* of what follows */
    pthread_cond_t turned;
    struct ccb_plugins_reader *readers;
    size_t turning;
};

/* registry.c */
struct ccb_plugin *ccb_plugins_set_get(const struct ccb_plugins_set *set,
                                       struct ccb_slice id);
struct ccb_plugin *ccb_plugins_set_find(const struct ccb_plugins_set *set,
                                        struct ccb_slice lifecycle,
                                        struct ccb_slice stack);

/* set.c: reads directories and policies. `serving` is the generation whose
 * plugins are kept where nothing changed, or NULL. Negative with words: no
 * memory, a conflict with `strict`, a wrong choice by hand, a critical plugin
 * that was refused. */
int ccb_plugins_set_make(struct ccb_plugins_set **set,
                         struct ccb_plugins *plugins,
                         const struct ccb_plugins_set *serving,
                         const struct ccb_pairs *by_hand,
                         struct ccb_error *err);
/* Gives its references back. A plugin that `other` (may be NULL) has, too, goes
 * on; others are retired, until `grace` ns from now all in all. */
void ccb_plugins_set_free(struct ccb_plugins_set *set,
                          const struct ccb_plugins_set *other, int64_t grace);

/* critical.c: whether each plugin that a policy calls critical is there.
 * CCB_FAILED with words, CCB_NO_MEMORY. */
int ccb_plugins_check_critical(const struct ccb_plugins *plugins,
                               const struct ccb_plugins_set *set,
                               struct ccb_error *err);

/* scan.c: one file. 0 with *plugin, which is the one that
 * serves when nothing of it changed (then with a reference more); CCB_INVALID
 * with `refusal` filled, and *plugin may be there, unopened, to tell its id
 * from: it goes with ccb_plugin_unref; CCB_NO_MEMORY. */
struct ccb_plugins_file {
    const char *path; /* absolute */
    const char *name; /* in that directory */
    int directory_fd;
};
int ccb_plugin_scan(struct ccb_plugin **plugin, struct ccb_plugins *plugins,
                    const struct ccb_plugins_set *serving,
                    const struct ccb_plugins_set *set,
                    const struct ccb_plugins_file *file,
                    struct ccb_plugin_refusal *refusal);
/* The operator's word goes before the manifest's. */
const struct ccb_json_list *ccb_plugin_claims(const struct ccb_plugin *plugin);

/* trial.c: opens the plugin's image in a worker, runs its self-test and a first
 * call of what it offers, and fills `offered`. 0; CCB_INVALID with `refusal`
 * filled; CCB_NO_MEMORY. */
int ccb_plugin_try(struct ccb_plugin *plugin, struct ccb_log_session *log,
                   struct ccb_plugin_refusal *refusal);
/* The self-test alone, of a plugin that is loaded. The same; where it is not 0,
 * the backend is stopped. */
int ccb_plugin_selftest(struct ccb_plugin *plugin, struct ccb_log_session *log,
                        struct ccb_plugin_refusal *refusal);

/* first_call.c: the facts and the message of a plugin's first call of
 * `function`, for what it claims first. CCB_NO_MEMORY. */
int ccb_plugin_first_call(struct ccb_plugin_call_options *options,
                          const struct ccb_plugin *plugin,
                          enum ccb_plugin_function function,
                          struct ccb_arena *arena);
/* Judges what came back: a document that goes to a back end, a question for
 * facts, or a refusal in words. 0; CCB_INVALID with `refusal` filled. */
int ccb_plugin_first_call_judge(const struct ccb_call *call,
                                struct ccb_plugin_refusal *refusal);

/* failures.c: images that failed to open, by digest and by what of the policy
 * they were opened with, so that each is tried once. */
const struct ccb_plugin_failure *ccb_plugin_failure_find(
    struct ccb_plugin_failure *failures, const struct ccb_plugin *plugin);
/* As it was filled then, but for the file. */
void ccb_plugin_failure_tell(const struct ccb_plugin_failure *failure,
                             struct ccb_plugin_refusal *refusal);
/* The oldest goes when there are many. CCB_NO_MEMORY. */
int ccb_plugin_failure_add(struct ccb_plugin_failure **failures,
                           const struct ccb_plugin *plugin,
                           const struct ccb_plugin_refusal *refusal);
/* Forgets those of one id; of all when its pointer is NULL. How many. */
size_t ccb_plugin_forget_failures(struct ccb_plugin_failure **failures,
                                  struct ccb_slice id);

#endif
