/* What runs in the state directory, for up, down and status. */
#ifndef CCB_CLI_STATUS_H
#define CCB_CLI_STATUS_H

#include "cli/http.h"

/* GET /v1/status without a word: 0 with reply->json when the daemon answers
 * it, CCB_CLOSED when nobody listens, else another code. */
int ccb_cli_probe(struct ccb_cli *cli, struct ccb_cli_reply *reply,
                  struct ccb_error *err);

/* pid, since, state, addresses; with --json one document of the daemon's. */
void ccb_cli_print_status(struct ccb_cli *cli, const cJSON *status,
                          const char *heading);

/* A document as JSON on stdout. */
int ccb_cli_put_json(struct ccb_cli *cli, const cJSON *document);

#endif
