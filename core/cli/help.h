/*
 * What is made from the tables of commands and flags: help, the manual page,
 * the completion. Each puts its text into `out`, whose errors stick.
 */
#ifndef CCB_CLI_HELP_H
#define CCB_CLI_HELP_H

#include "base/buf.h"
#include "cli/options.h"

void ccb_cli_put_help(struct ccb_buf *out);
/* Of all commands whose names begin with that word. */
void ccb_cli_put_group_help(struct ccb_buf *out, const char *group);
void ccb_cli_put_command_help(struct ccb_buf *out,
                              const struct ccb_cli_command *command);
void ccb_cli_put_man(struct ccb_buf *out, const char *version);
void ccb_cli_put_bash(struct ccb_buf *out);

/* The rows of the exit statuses. */
struct ccb_cli_status_row {
    int status;
    const char *meaning;
};
extern const struct ccb_cli_status_row ccb_cli_statuses[];
extern const size_t ccb_cli_status_count;

#endif
