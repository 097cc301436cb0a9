/*
 * Starting ccbridged. Invariant: when a launch returns 0, the process holds the
 * lock and has become ccbridged; otherwise nothing of it is left.
 */
#include "cli/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/lock.h"

/* ---- finding it --------------------------------------------------------- */

static bool find_beside(const char *name, char *out)
{
    ssize_t n = readlink("/proc/self/exe", out, PATH_MAX - 1);
    char *slash;

    if (n <= 0)
        return false;
    out[n] = '\0';
    slash = strrchr(out, '/');
    if (!slash || (size_t)(slash - out) + strlen(name) + 2 > PATH_MAX)
        return false;
    memcpy(slash + 1, name, strlen(name) + 1);
    return access(out, X_OK) == 0;
}

static bool find_in_path(const char *name, char *out)
{
    const char *at = getenv("PATH");

    while (at) {
        int len = (int)strcspn(at, ":");
        int n = snprintf(out, PATH_MAX, "%.*s/%s", len, at, name);

        if (len > 0 && n < PATH_MAX && access(out, X_OK) == 0)
            return true;
        at = at[len] ? at + len + 1 : NULL;
    }
    return false;
}

int ccb_cli_find_program(const char *name, char *out, struct ccb_error *err)
{
    if (find_beside(name, out) || find_in_path(name, out))
        return 0;
    return ccb_error_set(err, CCB_NOT_FOUND,
                         "there is no %s, neither beside this program nor in "
                         "PATH",
                         name);
}

/* ---- becoming it -------------------------------------------------------- */

static char **make_words(struct ccb_cli *cli, char *program)
{
    int count = cli->line.rest_count, i;
    char **words = ccb_calloc((size_t)count + 5, sizeof(*words));
    static char all[] = "all", state_flag[] = "-stateDir";

    if (!words)
        return NULL;
    words[0] = program;
    words[1] = all;
    words[2] = state_flag;
    words[3] = cli->state;
    for (i = 0; i < count; i++)
        words[4 + i] = cli->line.rest[i];
    return words;
}

static int become(struct ccb_cli *cli, const char *program, char **words,
                  struct ccb_error *err)
{
    int code = ccb_lock_take(cli->state, err);

    if (code == 0)
        code = ccb_lock_write_pid(cli->state, getpid(), err);
    if (code < 0)
        return code;
    execv(program, words);
    return ccb_error_set(err, CCB_IO, "%s: %s", program, strerror(errno));
}

static int detach(int log)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    /* What Ctrl-C and its like meant for this program is not the daemon's. */
    (void)signal(SIGINT, SIG_DFL);
    (void)signal(SIGTERM, SIG_DFL);
    /* Nor are files that the caller happened to leave open. */
    (void)close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
    if (setsid() < 0 || null < 0 || dup2(null, STDIN_FILENO) < 0 ||
        dup2(log, STDOUT_FILENO) < 0 || dup2(log, STDERR_FILENO) < 0 ||
        chdir("/") < 0)
        return CCB_IO;
    return 0;
}

/* In the child: what goes wrong is told through the pipe; its end without a
 * word means that exec was done. */
static void run_child(struct ccb_cli *cli, const char *program, char **words,
                      int log, int report)
{
    struct ccb_error err;

    memset(&err, 0, sizeof(err));
    if (detach(log) < 0)
        ccb_error_set(&err, CCB_IO, "cannot detach: %s", strerror(errno));
    else
        (void)become(cli, program, words, &err);
    if (write(report, &err, sizeof(err)) < 0)
        _exit(126); /* nobody is there to be told */
    _exit(127);
}

static int await_exec(int report, pid_t pid, struct ccb_error *err)
{
    struct ccb_error told;
    size_t got = 0;
    ssize_t n;

    memset(&told, 0, sizeof(told));
    do {
        n = read(report, (char *)&told + got, sizeof(told) - got);
        if (n > 0)
            got += (size_t)n;
    } while ((n > 0 && got < sizeof(told)) || (n < 0 && errno == EINTR));
    if (got == 0)
        return 0;
    (void)waitpid(pid, NULL, 0);
    told.message[sizeof(told.message) - 1] = '\0';
    return ccb_error_set(err, told.code < 0 ? told.code : CCB_IO, "%s",
                         told.message);
}

static int launch(struct ccb_cli *cli, const char *program, char **words,
                  int log, pid_t *pid, struct ccb_error *err)
{
    int report[2], code;

    if (pipe2(report, O_CLOEXEC) < 0)
        return ccb_error_set(err, CCB_IO, "no pipe: %s", strerror(errno));
    (void)fflush(NULL);
    *pid = fork();
    if (*pid == 0)
        run_child(cli, program, words, log, report[1]);
    close(report[1]);
    if (*pid < 0)
        code = ccb_error_set(err, CCB_IO, "cannot start a process: %s",
                             strerror(errno));
    else
        code = await_exec(report[0], *pid, err);
    close(report[0]);
    return code;
}

int ccb_cli_launch(struct ccb_cli *cli, int log, pid_t *pid,
                   struct ccb_error *err)
{
    char program[PATH_MAX];
    char **words = NULL;
    int code = ccb_cli_find_program("ccbridged", program, err);

    if (code < 0)
        return code;
    words = make_words(cli, program);
    if (!words)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    if (log < 0)
        code = become(cli, program, words, err);
    else
        code = launch(cli, program, words, log, pid, err);
    ccb_free(words);
    return code;
}
