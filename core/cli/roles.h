/*
 * What the daemon's roles tell of themselves (GET /v1/roles of
 * docs/control-api.md): who holds which lock, the bulker's last pass, apps that
 * are set aside, results that wait for the Cloud Controller.
 */
#ifndef CCB_CLI_ROLES_H
#define CCB_CLI_ROLES_H

#include "cli/http.h"

/* The list of roles; the caller's, for cJSON_Delete. NULL: a daemon that does
 * not tell, or that went away since; `err` says which. */
cJSON *ccb_cli_fetch_roles(struct ccb_cli *cli, struct ccb_error *err);

/* For people. NULL prints nothing. */
void ccb_cli_print_roles(struct ccb_cli *cli, const cJSON *roles);

#endif
