/*
 * `ccbridged recipe [FILE]`: the recipe that a message of CC gives, shown and
 * not sent. The message goes the roles' own way (stager/recipe.h,
 * nsync/recipe.h) with the flags that those roles would have.
 *
 * It is a role in name only: its flags stand beside the others'.
 */
#ifndef CCB_DAEMON_RECIPE_H
#define CCB_DAEMON_RECIPE_H

#include "daemon/options.h"

extern const struct ccb_role ccb_recipe_role;

/* Reads what stands behind "recipe", when the roles are chosen. -1: go on;
 * otherwise the status to exit with, everything having been said. */
int ccb_recipe_read_words(struct ccb_options *options, int argc, char **argv);

/* 0; 1 when the recipe can't be built; 2 for a message that is none. */
int ccb_recipe_show(const struct ccb_options *options);

#endif
