/*
 * What `ccbridged all` takes for granted where its command line says nothing:
 * one machine, everything on loopback, an own cell where no Diego is named and
 * an own controller where no Cloud Controller is.
 */
#ifndef CCB_DAEMON_STANDALONE_H
#define CCB_DAEMON_STANDALONE_H

#include <stdbool.h>

#include "ccbridge/error.h"

#define CCB_STANDALONE_PORT "18000" /* the first of seven */

struct ccb_standalone {
    bool own_cell, own_controller;
    /* The command line behind the program's and role's words, whole: what is
     * taken for granted comes first, so that what was typed wins. */
    char **argv;
    int argc;
};

/* argv: behind "all". Makes the state directory and the secret in it, unless
 * it is `dry`: nothing will run. The result's words are its own. */
int ccb_standalone_make(struct ccb_standalone *out, int argc, char **argv,
                        bool dry, struct ccb_error *err);
/* The same with only the flags that shape recipes (argv: of `recipe`). Makes
 * nothing. */
int ccb_standalone_make_for_recipes(struct ccb_standalone *out, int argc,
                                    char **argv, struct ccb_error *err);
void ccb_standalone_destroy(struct ccb_standalone *standalone);

#endif
