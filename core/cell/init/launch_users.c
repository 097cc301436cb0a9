/*
 * The user name space: made by a process that is already the unprivileged user
 * (so that bubblewrap, as the same user, may enter it), its map written by
 * root (so that it holds a whole range and has vcap). Its own limit of further
 * user name spaces is set to 0: nothing inside can make one and get rights of
 * the kernel's larger surface.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cell/init/init.h"

static int put_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));

    if (fd >= 0)
        (void)close(fd);
    return n == (ssize_t)strlen(text) ? 0 : -1;
}

static int meet(int socket)
{
    char byte = 0;

    return write(socket, &byte, 1) == 1 ? 0 : -1;
}

static int await(int socket)
{
    char byte;

    return read(socket, &byte, 1) == 1 ? 0 : -1;
}

/* The child: makes the name space, waits for its map, closes it up. */
static int live_in_users(uint32_t id, int socket)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || setgroups(0, NULL) != 0 ||
        setresgid(id, id, id) != 0 || setresuid(id, id, id) != 0 ||
        unshare(CLONE_NEWUSER) != 0 || meet(socket) != 0 || await(socket) != 0)
        return 1;
    if (put_text("/proc/sys/user/max_user_namespaces", "0") != 0)
        return 1;
    return meet(socket) != 0 || await(socket) != 0;
}

static int write_map(pid_t child, const char *name, uint32_t base)
{
    char path[64], map[64];

    (void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)child, name);
    (void)snprintf(map, sizeof(map), "0 %u %u\n", base, CCB_CONTAINER_UIDS);
    return put_text(path, map);
}

static int map_child(struct ccb_launch *launch, pid_t child, int socket)
{
    char path[64];

    if (await(socket) != 0 ||
        write_map(child, "uid_map", launch->uid_base) != 0 ||
        write_map(child, "gid_map", launch->uid_base) != 0 ||
        meet(socket) != 0 || await(socket) != 0)
        return -1;
    (void)snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)child);
    launch->users = open(path, O_RDONLY); /* kept over exec */
    return launch->users < 0 || meet(socket) != 0 ? -1 : 0;
}

int ccb_launch_users(struct ccb_launch *launch, struct ccb_error *err)
{
    int pair[2], failed;
    pid_t child;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return ccb_error_set(err, CCB_IO, "socketpair: %s", strerror(errno));
    child = fork();
    if (child == 0) {
        (void)close(pair[0]);
        _exit(live_in_users(launch->uid_base, pair[1]));
    }
    (void)close(pair[1]);
    failed = child < 0 || map_child(launch, child, pair[0]) != 0;
    (void)close(pair[0]);
    if (child > 0)
        (void)waitpid(child, NULL, 0);
    if (failed)
        return ccb_error_set(err, CCB_IO,
                             "no user name space for ids from %u: the kernel "
                             "refuses it (see user.max_user_namespaces)",
                             launch->uid_base);
    return CCB_OK;
}
