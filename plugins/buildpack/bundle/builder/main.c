/*
 * The builder's process: flags, one arena, one staging, one exit status
 * (contract/lifecycle-buildpack.md A2, A4).
 */
#include <signal.h>

#include "builder.h"

int main(int argc, char **argv)
{
    struct ccb_build build = {0};
    int status;

    /* Who reads the output may leave; the droplet is wanted all the same. */
    (void)signal(SIGPIPE, SIG_IGN);
    status = ccb_build_configure(&build.config, argc, argv, stderr);
    if (status != 0)
        return status;
    build.failure.arena = ccb_arena_create();
    if (build.failure.arena == NULL) {
        (void)fputs("not enough memory\n", stderr);
        return 1;
    }
    status = ccb_build_run(&build);
    ccb_arena_unref(build.failure.arena);
    ccb_arena_drain();
    return status;
}
