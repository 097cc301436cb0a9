/*
 * From CC's desire request to the desired LRP: which plugin serves the app,
 * and what it says (contract/nsync.md 3; the choice: 3 and, for lifecycles of
 * others, the members "lifecycle" and "lifecycle_data"). Listener, bulker and
 * the command that shows recipes go this one way.
 *
 * Everything belongs to one loop.
 */
#ifndef CCB_NSYNC_RECIPE_H
#define CCB_NSYNC_RECIPE_H

#include "base/buf.h"
#include "model/desire.h"
#include "plugin/plugin.h"
#include "role/facts.h"

#define CCB_NSYNC_DOMAIN "cf-apps"

/* What the calls of a role share; borrowed, outlives them. */
struct ccb_recipe_maker {
    struct ccb_loop *loop;
    const struct ccb_plugins *plugins;
    struct ccb_slice dialect;
    const struct ccb_facts *facts;
    const struct ccb_fact_gatherer *gatherers;
    size_t gatherer_count;
};

/* By what an app's plugin is looked up, and who it is. */
void ccb_recipe_choose(struct ccb_plugin_choice *choice,
                       const struct ccb_plugins *plugins,
                       const struct ccb_desire_request *request);

struct ccb_recipe_answer {
    /* 0, or negative. CCB_INVALID: the app itself is wrong (400 to CC; typed
     * errors of 3.6, and a lifecycle nobody serves). Anything else may be
     * ours. */
    int code;
    const char *error; /* words, when code != 0; borrowed until return */
    uint16_t port;     /* of ccb_recipe_port */
};

struct ccb_recipe_options {
    const struct ccb_desire_request *request; /* lies in `arena` */
    struct ccb_arena *arena; /* a reference is taken until the plugin is done */
    struct ccb_log_session *log; /* lies in `arena` or outlives everything */
    /* of ccb_recipe_build: the whole LRP create request is appended; borrowed
     * until on_done */
    struct ccb_buf *document;
    void (*on_done)(void *user, const struct ccb_recipe_answer *answer);
    void *user;
};

/* Both: on_done once, from the loop, never from inside. On failure there is
 * none; err->code then means what answer->code means. */
int ccb_recipe_build(const struct ccb_recipe_maker *maker,
                     const struct ccb_recipe_options *options,
                     struct ccb_error *err);
/* The port for the app's routes. */
int ccb_recipe_port(const struct ccb_recipe_maker *maker,
                    const struct ccb_recipe_options *options,
                    struct ccb_error *err);

#endif
