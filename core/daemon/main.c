/*
 * ccbridged: reads the command line, runs the chosen roles, exits as the
 * historic programs do (contract/stager.md A5).
 */
#include <malloc.h>
#include <signal.h>
#include <string.h>

#include "base/arena.h"
#include "daemon/config_check.h"
#include "daemon/figures.h"
#include "daemon/manual.h"
#include "daemon/options.h"
#include "daemon/process.h"
#include "daemon/recipe.h"
#include "daemon/roles.h"

/* The heap's top is not handed back to the kernel for each burst, only to be
 * asked for again by the next. */
#define KEEP_HEAP (1024 * 1024)

/* First words that are no roles and run nothing. */
static const struct {
    const char *word;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"config", ccb_config_command},
    {"man", ccb_man_command},
    {"completion", ccb_completion_command},
    {"metrics", ccb_metrics_command},
};

static int run_command(int argc, char **argv)
{
    const char *slash = strrchr(argv[0], '/');
    size_t i;
    if (argc < 2 || ccb_role_find(slash ? slash + 1 : argv[0]))
        return -1;
    for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(argv[1], commands[i].word) == 0)
            return commands[i].run(argc, argv);
    return -1;
}

static int run(int argc, char **argv)
{
    struct ccb_options options = {0};
    int status = ccb_options_parse(&options, argc, argv, stderr);
    if (status < 0)
        status = options.file ? ccb_recipe_show(&options)
                              : ccb_process_run(&options);
    ccb_options_destroy(&options);
    return status;
}

int main(int argc, char **argv)
{
    int status;
    mallopt(M_TRIM_THRESHOLD, KEEP_HEAP);
    signal(SIGPIPE, SIG_IGN);
    status = run_command(argc, argv);
    if (status < 0)
        status = run(argc, argv);
    ccb_arena_drain();
    return status;
}
