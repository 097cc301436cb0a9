/* One line of an app's log, for people. */
#ifndef CCB_CLI_WATCH_H
#define CCB_CLI_WATCH_H

#include "cli/http.h"

void ccb_cli_print_log(struct ccb_cli *cli, const cJSON *line);

#endif
