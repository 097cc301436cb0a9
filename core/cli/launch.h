/* Starting ccbridged, and its log. */
#ifndef CCB_CLI_LAUNCH_H
#define CCB_CLI_LAUNCH_H

#include <sys/types.h>

#include "cli/cli.h"

/* A log over this is renamed to ccbridged.log.1 before a start. */
#define CCB_CLI_MAX_LOG (10 * 1024 * 1024)

/* The program of that name beside the running one's real path, else in PATH.
 * Into `out` of PATH_MAX. CCB_NOT_FOUND. */
int ccb_cli_find_program(const char *name, char *out, struct ccb_error *err);

/* Opens STATE/ccbridged.log to append (0600), after turning it when it is
 * large. *start is where the new lines begin. A descriptor, or CCB_IO. */
int ccb_cli_open_log(const char *state, long *start, struct ccb_error *err);

/* What lies in the log behind `start`, in plain words: the reasons of its last
 * error lines; when there are none, its last lines that are no JSON. Lines end
 * with a newline each. */
void ccb_cli_read_log(const char *state, long start, struct ccb_buf *out);
/* One text of a log; apart for the tests. */
void ccb_cli_explain_log(struct ccb_slice log, struct ccb_buf *out);

/* Starts `ccbridged all -stateDir STATE FLAGS...` in a session of its own,
 * holding the lock of the state directory, output to `log`. Returns when it is
 * that program. `log` < 0: becomes that program, and only returns on failure.
 */
int ccb_cli_launch(struct ccb_cli *cli, int log, pid_t *pid,
                   struct ccb_error *err);

#endif
