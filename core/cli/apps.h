/* What commands read out of an App (docs/control-api.md). */
#ifndef CCB_CLI_APPS_H
#define CCB_CLI_APPS_H

#include "cli/http.h"

struct ccb_cli_counts {
    int wanted, running, starting, crashed, down;
    int known; /* whether the listener of instances answered */
};
struct ccb_cli_counts ccb_cli_count_instances(const cJSON *app);
/* One more, by its state. */
void ccb_cli_count_instance(struct ccb_cli_counts *counts,
                            const cJSON *instance);

/* The URL of an instance that runs; "" for others. */
void ccb_cli_format_url(const cJSON *instance, char *out, size_t size);

/* Name, state, URLs, buildpack, memory ... with the instances. */
void ccb_cli_print_app(struct ccb_cli *cli, const cJSON *app);

/* GETs the app with its instances. The status to exit with. */
int ccb_cli_get_app(struct ccb_cli *cli, const char *name,
                    struct ccb_cli_reply *reply);

#endif
