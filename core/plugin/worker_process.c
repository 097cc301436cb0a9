/*
 * Starting and ending a worker's process.
 * Invariant: the process is a zombie at worst until it is reaped here, and only
 * here, so its id stays its own: the daemon's loop reaps what it started
 * itself, never "any child". Follows worker.h; anchors 3.6.
 */
#include "plugin/worker_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

enum {
    FIRST_OWN_FD = 16, /* above those that the worker is given */
    END_MS = 2000,     /* for a killed process to be gone */
    LOOK_MS = 2,       /* between looks, without a pidfd */
    GROUP_MS = 100,    /* for the rest of its group */
    GROUP_ROUND_MS = 5,
};

/* What is given to the child, above the numbers that it will have there. */
struct ends {
    int socket, prints, image, notice;
};

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* The same descriptor under a number that no action of the spawn overwrites. */
static int raise_fd(int *fd)
{
    int high = fcntl(*fd, F_DUPFD_CLOEXEC, FIRST_OWN_FD);

    close_fd(fd);
    *fd = high;
    return high < 0 ? -1 : 0;
}

/* ---- starting ----------------------------------------------------------- */

static int open_notice(struct ccb_worker_process *process, int *fd)
{
    size_t size = sizeof(*process->notice);
    void *page;

    *fd = memfd_create("ccb-notice", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (*fd < 0 || ftruncate(*fd, (off_t)size) != 0)
        return -1;
    /* A worker that cut it would make us read what is not there. */
    if (fcntl(*fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_SEAL) != 0)
        return -1;
    page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
    if (page == MAP_FAILED)
        return -1;
    process->notice = page;
    return raise_fd(fd);
}

static int open_ends(struct ccb_worker_process *process, struct ends *ends,
                     int image_fd)
{
    int pair[2], pipes[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return -1;
    process->socket = pair[0];
    ends->socket = pair[1];
    if (pipe2(pipes, O_CLOEXEC) != 0)
        return -1;
    process->prints = pipes[0];
    ends->prints = pipes[1];
    ends->image = fcntl(image_fd, F_DUPFD_CLOEXEC, FIRST_OWN_FD);
    if (ends->image < 0 || fcntl(process->prints, F_SETFL, O_NONBLOCK) != 0 ||
        raise_fd(&ends->socket) != 0 || raise_fd(&ends->prints) != 0)
        return -1;
    return open_notice(process, &ends->notice);
}

static int fill_actions(posix_spawn_file_actions_t *actions,
                        const struct ends *ends)
{
    const struct {
        int from, to;
    } moves[] = {
        {ends->prints, 1},
        {ends->prints, 2},
        {ends->socket, CCB_WIRE_FD_SOCKET},
        {ends->image, CCB_WIRE_FD_IMAGE},
        {ends->notice, CCB_WIRE_FD_NOTICE},
    };
    int code =
        posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0);

    for (size_t i = 0; code == 0 && i < sizeof(moves) / sizeof(moves[0]); i++)
        code = posix_spawn_file_actions_adddup2(actions, moves[i].from,
                                                moves[i].to);
    return code ? code
                : posix_spawn_file_actions_addclosefrom_np(actions,
                                                           CCB_WIRE_FDS);
}

/* Own group, no signal blocked or ignored: the plugin's threads of the daemon
 * block all. */
static int fill_attributes(posix_spawnattr_t *attr)
{
    sigset_t none, all;
    int code;

    sigemptyset(&none);
    sigfillset(&all);
    code = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETPGROUP |
                                              POSIX_SPAWN_SETSIGMASK |
                                              POSIX_SPAWN_SETSIGDEF);
    if (code == 0)
        code = posix_spawnattr_setpgroup(attr, 0);
    if (code == 0)
        code = posix_spawnattr_setsigmask(attr, &none);
    return code ? code : posix_spawnattr_setsigdefault(attr, &all);
}

static int spawn(pid_t *pid, const char *runner, const struct ends *ends)
{
    char parent[24];
    char *argv[] = {(char *)runner, parent, NULL};
    char *env[] = {NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    int code = posix_spawn_file_actions_init(&actions);

    if (code)
        return code;
    code = posix_spawnattr_init(&attr);
    if (code == 0) {
        snprintf(parent, sizeof(parent), "%ld", (long)getpid());
        code = fill_actions(&actions, ends);
        if (code == 0)
            code = fill_attributes(&attr);
        if (code == 0)
            code = posix_spawn(pid, runner, &actions, &attr, argv, env);
        posix_spawnattr_destroy(&attr);
    }
    posix_spawn_file_actions_destroy(&actions);
    return code;
}

static int start(struct ccb_worker_process *process, struct ends *ends,
                 const char *runner, int image_fd, struct ccb_error *err)
{
    pid_t pid;
    int code;

    if (open_ends(process, ends, image_fd) != 0)
        return ccb_error_set(err, CCB_IO, "no descriptors for a worker: %s",
                             strerror(errno));
    /* Not every place tells how an exec in the new process fails. */
    code = access(runner, X_OK) == 0 ? spawn(&pid, runner, ends) : errno;
    if (code)
        return ccb_error_set(err, CCB_IO, "%s can't be started: %s", runner,
                             strerror(code));
    process->pid = pid;
    /* Old kernels, some containers' filters and valgrind have none: then
     * has_ended() looks again and again. */
    process->pidfd = pidfd_open(pid, 0);
    return 0;
}

int ccb_worker_process_start(struct ccb_worker_process *process,
                             const char *runner, int image_fd,
                             struct ccb_error *err)
{
    struct ends ends = {-1, -1, -1, -1};
    int code;

    *process =
        (struct ccb_worker_process){.pidfd = -1, .socket = -1, .prints = -1};
    code = start(process, &ends, runner, image_fd, err);
    close_fd(&ends.socket);
    close_fd(&ends.prints);
    close_fd(&ends.image);
    close_fd(&ends.notice);
    if (code)
        ccb_worker_process_end(process);
    return code;
}

/* ---- how it ended ------------------------------------------------------- */

/* It stays a zombie: end_group() reaps it. */
static bool look(const struct ccb_worker_process *process, siginfo_t *info)
{
    *info = (siginfo_t){0};
    return waitid(P_PID, (id_t)process->pid, info,
                  WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info->si_pid != 0;
}

static bool has_ended(const struct ccb_worker_process *process, int64_t wait,
                      siginfo_t *info)
{
    struct pollfd fd = {.fd = process->pidfd, .events = POLLIN};
    int64_t deadline = ccb_clock_monotonic() + wait, left = wait;

    while (!look(process, info) && left > 0) {
        int ms = (int)(left / CCB_MILLISECOND) + 1;

        /* Without a descriptor this is a rest. */
        poll(&fd, 1, fd.fd < 0 && ms > LOOK_MS ? LOOK_MS : ms);
        left = deadline - ccb_clock_monotonic();
    }
    return info->si_pid != 0;
}

void ccb_worker_process_describe(const struct ccb_worker_process *process,
                                 int64_t wait, char *out, size_t size)
{
    siginfo_t info;
    const char *name;

    if (!has_ended(process, wait, &info)) {
        snprintf(out, size, "closed its socket");
        return;
    }
    name = sigabbrev_np(info.si_status);
    if (info.si_code == CLD_EXITED)
        snprintf(out, size, "ended with status %d", info.si_status);
    else
        snprintf(out, size, "killed by signal %d (%s)", info.si_status,
                 name ? name : "unknown");
}

/* ---- what was denied ---------------------------------------------------- */

#define ROW(name)                                                              \
    {                                                                          \
        SYS_##name, #name                                                      \
    }

/* Those that plugins are known to try; others are shown by number. */
static const struct {
    unsigned call;
    const char *name;
} calls[] = {
    ROW(accept4),        ROW(bind),         ROW(chdir),      ROW(clone),
    ROW(connect),        ROW(dup),          ROW(dup3),       ROW(epoll_create1),
    ROW(eventfd2),       ROW(execve),       ROW(execveat),   ROW(fcntl),
    ROW(faccessat),      ROW(fchmodat),     ROW(fstatfs),    ROW(getcwd),
    ROW(getdents64),     ROW(getppid),      ROW(getuid),     ROW(inotify_init1),
    ROW(io_uring_setup), ROW(ioctl),        ROW(kill),       ROW(linkat),
    ROW(listen),         ROW(memfd_create), ROW(mkdirat),    ROW(mount),
    ROW(newfstatat),     ROW(openat),       ROW(pipe2),      ROW(ppoll),
    ROW(prctl),          ROW(pread64),      ROW(prlimit64),  ROW(ptrace),
    ROW(readlinkat),     ROW(recvfrom),     ROW(recvmsg),    ROW(renameat2),
    ROW(rt_sigaction),   ROW(seccomp),      ROW(sendmsg),    ROW(sendto),
    ROW(setpgid),        ROW(setpriority),  ROW(setsid),     ROW(setsockopt),
    ROW(shmget),         ROW(socket),       ROW(socketpair), ROW(statx),
    ROW(symlinkat),      ROW(tgkill),       ROW(umask),      ROW(unlinkat),
    ROW(unshare),        ROW(wait4),        ROW(waitid),
#ifdef SYS_open
    ROW(access),         ROW(chmod),        ROW(dup2),       ROW(fork),
    ROW(mkdir),          ROW(open),         ROW(pipe),       ROW(poll),
    ROW(readlink),       ROW(rename),       ROW(rmdir),      ROW(select),
    ROW(stat),           ROW(unlink),       ROW(vfork),
#endif
};

static void put_call(unsigned call, char *out, size_t size)
{
    size_t len = strlen(out);
    const char *comma = len ? ", " : "";

    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
        if (calls[i].call == call) {
            snprintf(out + len, size - len, "%s%s", comma, calls[i].name);
            return;
        }
    snprintf(out + len, size - len, "%ssystem call %u", comma, call);
}

void ccb_worker_process_denied(const struct ccb_worker_process *process,
                               char *out, size_t size)
{
    out[0] = '\0';
    for (unsigned word = 0; word < CCB_WIRE_DENIED_WORDS; word++) {
        uint64_t bits = atomic_load(&process->notice->denied[word]);

        for (unsigned bit = 0; bits; bit++, bits >>= 1)
            if (bits & 1)
                put_call(word * CCB_WIRE_DENIED_BITS + bit, out, size);
    }
}

/* ---- ending ------------------------------------------------------------- */

/* Filters deny what leaves a group or outlives it; this only makes sure. A
 * killed process of it may still be on its way out. */
static bool group_is_gone(pid_t group)
{
    for (int waited = 0; waited < GROUP_MS; waited += GROUP_ROUND_MS) {
        if (kill(-group, 0) != 0 && errno == ESRCH)
            return true;
        kill(-group, SIGKILL);
        poll(NULL, 0, GROUP_ROUND_MS);
    }
    return false;
}

static bool end_group(const struct ccb_worker_process *process)
{
    siginfo_t info;
    int status;
    pid_t reaped;

    kill(-process->pid, SIGKILL);
    if (!has_ended(process, END_MS * CCB_MILLISECOND, &info))
        return false;
    do
        reaped = waitpid(process->pid, &status, 0);
    while (reaped < 0 && errno == EINTR);
    return group_is_gone(process->pid);
}

bool ccb_worker_process_end(struct ccb_worker_process *process)
{
    bool gone = process->pid == 0 || end_group(process);

    close_fd(&process->pidfd);
    close_fd(&process->socket);
    close_fd(&process->prints);
    if (process->notice)
        munmap(process->notice, sizeof(*process->notice));
    process->notice = NULL;
    process->pid = 0;
    return gone;
}
