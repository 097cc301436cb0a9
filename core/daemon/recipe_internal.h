/* Between the files of `recipe`: the command (recipe.c), the ways a message
 * goes (recipe_make.c), and what is shown of it (recipe_print.c). */
#ifndef CCB_DAEMON_RECIPE_INTERNAL_H
#define CCB_DAEMON_RECIPE_INTERNAL_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/flags.h"
#include "ccbridge/json.h"
#include "plugin/plugin.h"
#include "role/facts.h"

struct ccb_recipe_config {
    bool json, explain, show_secrets, quiet;
    const char *kind;       /* "stage", "run", "done", or "" */
    const char *guid;       /* of a staging */
    const char *registries; /* addresses with commas between them */
    const char *stack;      /* read with what is taken for granted */
};

struct ccb_recipe_making;

/* Which way a message goes. */
struct ccb_recipe_kind {
    const char *word;       /* of -kind */
    const char *name;       /* for people */
    const char *role;       /* whose flags hold */
    const char *sender;     /* who is answered when it fails */
    const char *members[2]; /* by any of which it is known */
    void (*make)(struct ccb_recipe_making *making);
};

/* Why there is no recipe, and what the message's sender would be answered. */
struct ccb_recipe_refusal {
    bool refused;
    char words[1024];
    int status;                /* 0: that can't be told here */
    char id[64], message[512]; /* of the answer's error object; "": has none */
};

struct ccb_recipe_shown {
    const struct ccb_recipe_config *config;
    const struct ccb_recipe_kind *kind;
    const struct ccb_plugins *plugins;
    struct ccb_plugin_choice choice;    /* because NULL: nothing was chosen */
    const struct ccb_pairs *lifecycles; /* of -lifecycle */
    struct ccb_facts current;
    struct ccb_slice facts;  /* a copy of them */
    struct ccb_buf warnings; /* lines */
    struct ccb_buf document;
    struct ccb_recipe_refusal refusal;
};

/* ---- making it (recipe_make.c) ------------------------------------------ */

/* Fills in what is shown; the loop runs meanwhile. */
struct ccb_recipe_making {
    struct ccb_recipe_shown *shown;
    struct ccb_loop *loop;
    struct ccb_arena *arena;
    struct ccb_log_session *log;
    struct ccb_json message;
    const char *stager_url, *ssh_key_type;
    bool lacks_registries; /* they were asked for and not named */
};
void ccb_recipe_make_stage(struct ccb_recipe_making *making);
void ccb_recipe_make_run(struct ccb_recipe_making *making);
void ccb_recipe_make_done(struct ccb_recipe_making *making);

/* ---- showing it (recipe_print.c) ---------------------------------------- */

/* To stdout; what is told beside the recipe goes to stderr, or into the one
 * document with -json. CCB_NO_MEMORY, CCB_IO. */
int ccb_recipe_print(const struct ccb_recipe_shown *shown);

#endif
