/*
 * ccbridged: reads the command line, runs the chosen roles, exits as the
 * historic programs do (contract/stager.md A5).
 */
#include <malloc.h>
#include <signal.h>

#include "base/arena.h"
#include "daemon/options.h"
#include "daemon/process.h"
#include "daemon/recipe.h"

/* The heap's top is not handed back to the kernel for each burst, only to be
 * asked for again by the next. */
#define KEEP_HEAP (1024 * 1024)

int main(int argc, char **argv)
{
    struct ccb_options options;
    int status = ccb_options_parse(&options, argc, argv, stderr);
    mallopt(M_TRIM_THRESHOLD, KEEP_HEAP);
    signal(SIGPIPE, SIG_IGN);
    if (status < 0)
        status = options.file ? ccb_recipe_show(&options)
                              : ccb_process_run(&options);
    ccb_options_destroy(&options);
    ccb_arena_drain();
    return status;
}
