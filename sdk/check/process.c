/* Starts, watches, and ends the children of the checker. */
#include "process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

enum {
    MAX_RESULT = 1 << 20,
    MAX_PRINTED = 4096,
    MAX_LEFT_OVER = 10000, /* a fork bomb is ended in rounds, not for ever */
};
#define REAP_TIME (2 * CCB_SECOND)

extern char **environ;

struct child {
    struct ccb_check_run *run;
    pid_t pid;
    int pidfd;
    int result[2], printed[2]; /* pipes; -1: none */
};

int ccb_check_become_reaper(struct ccb_error *err)
{
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
        return ccb_error_set(err, CCB_IO, "prctl(PR_SET_CHILD_SUBREAPER): %s",
                             strerror(errno));
    return 0;
}

/* ---- starting ----------------------------------------------------------- */

static int add_actions(posix_spawn_file_actions_t *actions,
                       const struct child *c)
{
    const struct ccb_check_run *run = c->run;
    int failed =
        posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0);

    /* Out of the way first: a pipe's end may have one of the low numbers. */
    failed |= posix_spawn_file_actions_adddup2(actions, c->printed[1], 1);
    failed |= posix_spawn_file_actions_adddup2(actions, c->printed[1], 2);
    failed |= posix_spawn_file_actions_adddup2(actions, c->result[1],
                                               CCB_CHECK_RESULT_FD);
    if (run->shared_fd >= 0)
        failed |= posix_spawn_file_actions_adddup2(actions, run->shared_fd,
                                                   CCB_CHECK_SHARED_FD);
    if (run->directory)
        failed |= posix_spawn_file_actions_addchdir_np(actions, run->directory);
    return failed;
}

static int spawn(struct child *c)
{
    const struct ccb_check_run *run = c->run;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int failed = posix_spawn_file_actions_init(&actions);

    if (failed)
        return failed;
    failed = posix_spawnattr_init(&attributes);
    if (failed) {
        posix_spawn_file_actions_destroy(&actions);
        return failed;
    }
    if (!run->same_group) {
        failed |= posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
        failed |= posix_spawnattr_setpgroup(&attributes, 0);
    }
    failed |= add_actions(&actions, c);
    if (!failed)
        failed = posix_spawn(&c->pid, "/proc/self/exe", &actions, &attributes,
                             run->argv, run->env ? run->env : environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return failed;
}

/* A pipe whose ends are above the numbers that the child's get. */
static int open_pipe(int ends[2])
{
    int low[2];

    if (pipe2(low, O_CLOEXEC) < 0)
        return -1;
    for (int i = 0; i < 2; i++) {
        ends[i] = fcntl(low[i], F_DUPFD_CLOEXEC, 10);
        close(low[i]);
    }
    return ends[0] < 0 || ends[1] < 0 ? -1
                                      : fcntl(ends[0], F_SETFL, O_NONBLOCK);
}

static void close_end(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static int start(struct child *c, struct ccb_error *err)
{
    int failed = 0;

    if (open_pipe(c->result) < 0 || open_pipe(c->printed) < 0)
        failed = errno;
    if (!failed)
        failed = spawn(c);
    close_end(&c->result[1]);
    close_end(&c->printed[1]);
    if (failed)
        return ccb_error_set(err, CCB_IO, "can't start a child: %s",
                             strerror(failed));
    c->pidfd = pidfd_open(c->pid, 0);
    if (c->pidfd >= 0)
        return 0;
    failed = errno;
    kill(c->pid, SIGKILL);
    waitpid(c->pid, NULL, 0);
    return ccb_error_set(err, CCB_IO, "pidfd_open: %s", strerror(failed));
}

/* ---- watching ----------------------------------------------------------- */

/* What is over the limit is read and dropped: the child must not block. */
static void drain(int *fd, struct ccb_buf *out, size_t max)
{
    char bytes[4096];
    ssize_t got = 0;

    while (*fd >= 0) {
        got = read(*fd, bytes, sizeof(bytes));
        if (got <= 0)
            break;
        if (out->len < max)
            ccb_buf_append(out, bytes,
                           (size_t)got < max - out->len ? (size_t)got
                                                        : max - out->len);
    }
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
        close_end(fd);
}

static void watch(struct child *c)
{
    int64_t deadline = ccb_clock_monotonic() + c->run->timeout;
    bool ended = false;

    while (!ended && !c->run->timed_out) {
        int64_t left = deadline - ccb_clock_monotonic();
        struct pollfd fds[] = {{.fd = c->result[0], .events = POLLIN},
                               {.fd = c->printed[0], .events = POLLIN},
                               {.fd = c->pidfd, .events = POLLIN}};

        if (left <= 0) {
            c->run->timed_out = true;
            break;
        }
        if (poll(fds, 3, (int)(left / CCB_MILLISECOND) + 1) < 0 &&
            errno != EINTR)
            break;
        /* An end that was seen was there before what is read now. */
        ended = fds[2].revents != 0;
        drain(&c->result[0], &c->run->result, MAX_RESULT);
        drain(&c->printed[0], &c->run->printed, MAX_PRINTED);
    }
}

/* ---- the end ------------------------------------------------------------ */

static pid_t parent_of(const char *pid)
{
    char path[64], text[512];
    const char *behind;
    FILE *file;
    size_t len;
    long parent = 0;

    snprintf(path, sizeof(path), "/proc/%.20s/stat", pid);
    file = fopen(path, "re");
    if (!file)
        return 0;
    len = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[len] = '\0';
    behind = strrchr(text, ')'); /* a name may hold anything */
    if (!behind || sscanf(behind, ") %*c %ld", &parent) != 1)
        return 0;
    return (pid_t)parent;
}

/* Returns how many there were. */
static unsigned kill_own_children(void)
{
    DIR *proc = opendir("/proc");
    const struct dirent *entry;
    unsigned count = 0;

    if (!proc)
        return 0;
    for (entry = readdir(proc); entry; entry = readdir(proc)) {
        long pid = 0;

        if (sscanf(entry->d_name, "%ld", &pid) == 1 && pid > 0 &&
            parent_of(entry->d_name) == getpid() &&
            kill((pid_t)pid, SIGKILL) == 0)
            count++;
    }
    closedir(proc);
    return count;
}

/* Whoever the child leaves behind becomes ours, wherever it has gone; killing
 * it makes its own children ours. No child at all is the proof of the end. */
static void reap_all(struct ccb_check_run *run)
{
    int64_t deadline = ccb_clock_monotonic() + REAP_TIME;

    run->clean = false;
    while (run->left_over < MAX_LEFT_OVER && ccb_clock_monotonic() < deadline) {
        siginfo_t info = {0};

        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | __WALL) < 0) {
            run->clean = errno == ECHILD;
            return;
        }
        if (info.si_pid != 0) {
            run->left_over++;
            continue;
        }
        if (kill_own_children() == 0)
            return;
        /* They were killed, so one of them ends now. */
        if (waitid(P_ALL, 0, &info, WEXITED | __WALL) == 0)
            run->left_over++;
    }
}

static void end(struct child *c)
{
    struct ccb_check_run *run = c->run;
    int status = 0;

    if (run->same_group) {
        if (run->timed_out)
            kill(c->pid, SIGKILL);
    } else {
        kill(-c->pid, SIGKILL);
        kill(c->pid, SIGKILL); /* should it have left its group */
    }
    while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    run->status = run->timed_out ? 0 : status;
    run->clean = true;
    if (!run->same_group)
        reap_all(run);
}

int ccb_check_run(struct ccb_check_run *run, struct ccb_error *err)
{
    struct child c = {run, -1, -1, {-1, -1}, {-1, -1}};
    int code = start(&c, err);

    if (code == 0) {
        watch(&c);
        end(&c);
        drain(&c.result[0], &run->result, MAX_RESULT);
        drain(&c.printed[0], &run->printed, MAX_PRINTED);
    }
    close_end(&c.result[0]);
    close_end(&c.printed[0]);
    close_end(&c.pidfd);
    return code;
}

void ccb_check_describe_end(const struct ccb_check_run *run, char *out,
                            size_t size)
{
    if (run->timed_out)
        snprintf(out, size, "was not done after %lld ms",
                 (long long)(run->timeout / CCB_MILLISECOND));
    else if (WIFSIGNALED(run->status))
        snprintf(out, size, "was killed by signal %d (%s)",
                 WTERMSIG(run->status), strsignal(WTERMSIG(run->status)));
    else
        snprintf(out, size, "ended with status %d", WEXITSTATUS(run->status));
}
