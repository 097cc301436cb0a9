/* The steps of push, one file each. Each returns the status to exit with. */
#ifndef CCB_CLI_PUSH_H
#define CCB_CLI_PUSH_H

#include "cli/apps.h"

/* POST stage, the staging's log, and how it ended (push_stage.c). */
int ccb_cli_stage(struct ccb_cli *cli, const char *name);

/* Asks for METHOD /v1/apps/NAME TAIL; the answer is not kept. */
int ccb_cli_app_do(struct ccb_cli *cli, const char *method, const char *name,
                   const char *tail);

#endif
