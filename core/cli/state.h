/* The state directory: where it is, and making it. */
#ifndef CCB_CLI_STATE_H
#define CCB_CLI_STATE_H

#include "cli/cli.h"

/* Fills cli->state from --state or the environment. */
int ccb_cli_find_state(struct ccb_cli *cli, struct ccb_error *err);

/* Makes it (0700, with what is missing above) and makes cli->state absolute.
 * One that others may write to, or that is somebody else's, is refused. */
int ccb_cli_make_state(struct ccb_cli *cli, struct ccb_error *err);

/* STATE/NAME, into PATH_MAX bytes. CCB_TOO_LARGE. */
int ccb_cli_path(char *out, const char *state, const char *name,
                 struct ccb_error *err);

#endif
