/* Waiting for instances, of push and of the commands that start some. */
#ifndef CCB_CLI_WAIT_H
#define CCB_CLI_WAIT_H

#include "cli/cli.h"

/* An instance that was killed: its successor has another guid. */
struct ccb_cli_killed {
    int64_t index;
    char guid[64];
};

/* Waits until as many instances run as the app wants, or, with `killed`, until
 * that instance has a successor that runs; so long as --timeout says. Says how
 * it goes. The status to exit with. */
int ccb_cli_wait(struct ccb_cli *cli, const char *name,
                 const struct ccb_cli_killed *killed);

#endif
