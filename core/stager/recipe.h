/*
 * From CC's staging request to a task: which plugin serves it, what it says,
 * and the whole task document (contract/stager.md C3, C4, C5). The stager and
 * the command that shows recipes go this one way.
 *
 * Everything belongs to one loop.
 */
#ifndef CCB_STAGER_RECIPE_H
#define CCB_STAGER_RECIPE_H

#include "base/buf.h"
#include "model/staging.h"
#include "plugin/plugin.h"
#include "role/facts.h"

#define CCB_STAGING_DOMAIN "cf-app-staging"

/* What all calls share; borrowed, outlives them. */
struct ccb_staging_maker {
    struct ccb_loop *loop;
    const struct ccb_plugins *plugins;
    struct ccb_slice dialect;
    const struct ccb_facts *facts;
    const struct ccb_fact_gatherer *gatherers;
    size_t gatherer_count;
    const char *stager_url; /* what the callback's path is put behind */
};

/* By what a request's plugin is looked up, and who it is. */
void ccb_staging_choose(struct ccb_plugin_choice *choice,
                        const struct ccb_plugins *plugins,
                        const struct ccb_staging_request *request);

/* Who reads the result of the task with this annotation. NULL: nobody. */
struct ccb_plugin *ccb_staging_find_reader(
    const struct ccb_plugins *plugins,
    const struct ccb_staging_annotation *annotation);

struct ccb_staging_answer {
    int code;
    const char *error; /* words, when code != 0; borrowed until return */
    /* Of a plugin that chose its words for the app's developer; else empty. */
    struct ccb_slice cc_error_id;
    /* Where the back end will report the end of the task; lies in the arena. */
    struct ccb_slice callback_url;
};

struct ccb_staging_options {
    struct ccb_slice guid;                     /* both lie in `arena` */
    const struct ccb_staging_request *request; /* . */
    struct ccb_plugin *plugin;                 /* of the choice; not NULL */
    struct ccb_arena *arena; /* a reference is taken until the plugin is done */
    struct ccb_log_session *log; /* lies in `arena` or outlives everything */
    /* The whole task create request is appended; borrowed until on_done. */
    struct ccb_buf *document;
    void (*on_done)(void *user, const struct ccb_staging_answer *answer);
    void *user;
};

/* on_done once, from the loop, never from inside. On failure there is none. */
int ccb_staging_build(const struct ccb_staging_maker *maker,
                      const struct ccb_staging_options *options,
                      struct ccb_error *err);

#endif
