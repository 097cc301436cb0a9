/*
 * Children and their ends. Invariant: whoever is started is waited for, and no
 * descriptor but 0, 1 and 2 reaches it (contract/lifecycle-buildpack.md A4).
 */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

/* Where the child's descriptors lead; -1: as the caller's. */
struct plan {
    int null, out, err;
};

static int plan_files(posix_spawn_file_actions_t *actions,
                      const struct plan *plan)
{
    int number = posix_spawn_file_actions_adddup2(actions, plan->null, 0);

    if (number == 0 && plan->out >= 0)
        number = posix_spawn_file_actions_adddup2(actions, plan->out, 1);
    if (number == 0 && plan->err >= 0)
        number = posix_spawn_file_actions_adddup2(actions, plan->err, 2);
    return number;
}

/* That we ignore SIGPIPE is not the scripts' business. */
static int plan_signals(posix_spawnattr_t *attributes)
{
    sigset_t signals;
    int number;

    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGPIPE);
    number = posix_spawnattr_setsigdefault(attributes, &signals);
    return number != 0
               ? number
               : posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF);
}

static int spawn(pid_t *pid, const char *const *argv, const struct plan *plan)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int number = posix_spawn_file_actions_init(&actions);

    if (number != 0)
        return number;
    number = posix_spawnattr_init(&attributes);
    if (number == 0) {
        number = plan_files(&actions, plan);
        if (number == 0)
            number = plan_signals(&attributes);
        if (number == 0) /* argv is not written to; the type is old */
            number = posix_spawn(pid, argv[0], &actions, &attributes,
                                 (char *const *)(const void *)argv, environ);
        (void)posix_spawnattr_destroy(&attributes);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    return number;
}

static int wait_for(pid_t pid, struct ccb_failure *failure)
{
    char words[80];
    int status;

    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return ccb_failure_system(failure, "wait", "for a program");
    }
    if (WIFSIGNALED(status))
        return ccb_failure_set(
            failure, CCB_FAILED, "signal: %s%s",
            ccb_failure_signal(WTERMSIG(status), words, sizeof(words)),
            WCOREDUMP(status) ? " (core dumped)" : "");
    if (WEXITSTATUS(status) != 0)
        return ccb_failure_set(failure, CCB_FAILED, "exit status %d",
                               WEXITSTATUS(status));
    return 0;
}

/* Until the end, also when there is no room for it: a child that can't write
 * would never end. */
static void drain(int fd, struct ccb_buf *out)
{
    char chunk[16384];
    ssize_t got;

    do {
        got = read(fd, chunk, sizeof(chunk));
        if (got > 0)
            (void)ccb_buf_append(out, chunk, (size_t)got);
    } while (got > 0 || (got < 0 && errno == EINTR));
}

int ccb_process_run(const char *const *argv, enum ccb_process_output output,
                    struct ccb_buf *capture, struct ccb_failure *failure)
{
    int ends[2] = {-1, -1}, number, code = 0;
    struct plan plan = {open("/dev/null", O_RDWR | O_CLOEXEC), -1, -1};
    pid_t pid = -1;

    if (plan.null < 0)
        return ccb_failure_system(failure, "open", "/dev/null");
    if (output == CCB_PROCESS_CAPTURED && pipe2(ends, O_CLOEXEC) != 0) {
        code = ccb_failure_system(failure, "pipe for", argv[0]);
        goto out;
    }
    if (output == CCB_PROCESS_DISCARDED)
        plan.out = plan.err = plan.null;
    if (output == CCB_PROCESS_CAPTURED)
        plan.out = ends[1];
    number = spawn(&pid, argv, &plan);
    if (ends[1] >= 0)
        (void)close(ends[1]);
    if (number != 0) {
        errno = number;
        code = ccb_failure_system(failure, "fork/exec", argv[0]);
        goto out;
    }
    if (output == CCB_PROCESS_CAPTURED)
        drain(ends[0], capture);
    code = wait_for(pid, failure);
out:
    if (ends[0] >= 0)
        (void)close(ends[0]);
    (void)close(plan.null);
    return code;
}
