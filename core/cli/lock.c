/*
 * The lock of a state directory. Invariant: no pid is ever taken from a file;
 * only the kernel's word about the lock counts.
 */
#include "cli/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/state.h"

static int fail(struct ccb_error *err, const char *path)
{
    return ccb_error_set(err, CCB_IO, "%s: %s", path, strerror(errno));
}

static struct flock whole_file(void)
{
    struct flock lock = {0};

    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    return lock;
}

int ccb_lock_find(const char *state, pid_t *pid, struct ccb_error *err)
{
    struct flock lock = whole_file();
    char path[PATH_MAX];
    int fd, code = ccb_cli_path(path, state, "ccbridged.lock", err);

    *pid = 0;
    if (code < 0)
        return code;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? 0 : fail(err, path);
    if (fcntl(fd, F_GETLK, &lock) < 0)
        code = fail(err, path);
    else if (lock.l_type != F_UNLCK)
        *pid = lock.l_pid;
    close(fd);
    return code;
}

int ccb_lock_take(const char *state, struct ccb_error *err)
{
    struct flock lock = whole_file();
    char path[PATH_MAX];
    int fd, code = ccb_cli_path(path, state, "ccbridged.lock", err);

    if (code < 0)
        return code;
    fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
    if (fd < 0)
        return fail(err, path);
    if (fcntl(fd, F_SETLK, &lock) == 0)
        return 0; /* cppcheck-suppress resourceLeak ; left open on purpose */
    code = errno == EAGAIN || errno == EACCES
               ? ccb_error_set(err, CCB_CONFLICT,
                               "another ccbridged has just been started in %s",
                               state)
               : fail(err, path);
    close(fd);
    return code;
}

int ccb_lock_write_pid(const char *state, pid_t pid, struct ccb_error *err)
{
    char path[PATH_MAX], temporary[PATH_MAX], text[32];
    int len = snprintf(text, sizeof(text), "%ld\n", (long)pid);
    int code = ccb_cli_path(path, state, "ccbridged.pid", err), fd;
    ssize_t written;

    if (code == 0)
        code = ccb_cli_path(temporary, state, "ccbridged.pid.new", err);
    if (code < 0)
        return code;
    fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
              0600);
    if (fd < 0)
        return fail(err, temporary);
    written = write(fd, text, (size_t)len);
    if (close(fd) < 0 || written != len || rename(temporary, path) < 0) {
        code = fail(err, temporary);
        (void)unlink(temporary);
    }
    return code;
}
