/* What the making of a recipe hands to its showing. */
#ifndef CCB_DAEMON_RECIPE_INTERNAL_H
#define CCB_DAEMON_RECIPE_INTERNAL_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/flags.h"
#include "ccbridge/json.h"
#include "plugin/plugin.h"

struct ccb_recipe_config {
    bool json, explain, show_secrets;
    const char *kind;       /* "stage", "run", or "" */
    const char *guid;       /* of a staging */
    const char *registries; /* addresses with commas between them */
};

/* Which way a message goes. */
struct ccb_recipe_kind {
    const char *word; /* of -kind */
    const char *name; /* for people */
    const char *role; /* whose flags hold */
};

struct ccb_recipe_shown {
    const struct ccb_recipe_config *config;
    const struct ccb_recipe_kind *kind;
    const struct ccb_plugins *plugins;
    struct ccb_slice lifecycle, stack;
    const char *because;
    const struct ccb_plugin *plugin;
    const struct ccb_pairs *lifecycles; /* of -lifecycle */
    struct ccb_slice facts;
    struct ccb_buf warnings; /* lines */
    struct ccb_buf document;
};

/* To stdout; what is told beside the recipe goes to stderr, or into the one
 * document with -json. CCB_NO_MEMORY, CCB_IO. */
int ccb_recipe_print(const struct ccb_recipe_shown *shown);

#endif
