/*
 * The state directory. Invariant: nobody else can put a socket or a log there.
 */
#include "cli/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/directory.h"

int ccb_cli_find_state(struct ccb_cli *cli, struct ccb_error *err)
{
    const char *given = cli->line.values.state;
    const char *own = getenv("CCBRIDGE_STATE");
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    int n;

    if (!given && own && own[0])
        given = own;
    if (given && !given[0])
        return ccb_error_set(err, CCB_INVALID, "--state is empty");
    if (given)
        n = snprintf(cli->state, sizeof(cli->state), "%s", given);
    else if (state && state[0] == '/')
        n = snprintf(cli->state, sizeof(cli->state), "%s/ccbridge", state);
    else if (home && home[0] == '/')
        n = snprintf(cli->state, sizeof(cli->state), "%s/.local/state/ccbridge",
                     home);
    else
        return ccb_error_set(err, CCB_INVALID,
                             "no place for the state: HOME is not set");
    if (n < 0 || (size_t)n >= sizeof(cli->state))
        return ccb_error_set(err, CCB_TOO_LARGE,
                             "the state directory's path is too long");
    return 0;
}

int ccb_cli_make_state(struct ccb_cli *cli, struct ccb_error *err)
{
    char real[PATH_MAX];
    struct stat st;
    int code = ccb_directory_make(cli->state, err);

    if (code < 0)
        return code;
    if (!realpath(cli->state, real) || stat(real, &st) < 0)
        return ccb_error_set(err, CCB_IO, "%s: %s", cli->state,
                             strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return ccb_error_set(err, CCB_INVALID, "%s is no directory", real);
    if (st.st_uid != geteuid() && geteuid() != 0)
        return ccb_error_set(err, CCB_INVALID, "%s is another user's", real);
    if (st.st_mode & 022)
        return ccb_error_set(err, CCB_INVALID,
                             "others may write to %s: make it private with "
                             "chmod 700, or name another with --state",
                             real);
    (void)snprintf(cli->state, sizeof(cli->state), "%s", real);
    return 0;
}

int ccb_cli_path(char *out, const char *state, const char *name,
                 struct ccb_error *err)
{
    int n = snprintf(out, PATH_MAX, "%s/%s", state, name);

    if (n < 0 || n >= PATH_MAX)
        return ccb_error_set(err, CCB_TOO_LARGE, "%.200s...: too long", state);
    return 0;
}
