/*
 * Hands one file out of the container: its size first, as 8 bytes, then just
 * as many bytes. A file that shrinks meanwhile fails; what is no regular file
 * has no size and is refused. Runs as the user who asks, so the kernel says
 * what may be read.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cell/init/init.h"

static int complain(const char *path, const char *why)
{
    (void)dprintf(2, "%s: %s", path, why);
    return 1;
}

static int write_all(const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(1, bytes, len);

        if (n < 0 && errno != EINTR)
            return -1;
        if (n > 0) {
            bytes += n;
            len -= (size_t)n;
        }
    }
    return 0;
}

static int copy(int fd, uint64_t size, const char *path)
{
    static char bytes[65536];

    while (size > 0) {
        size_t want = size < sizeof(bytes) ? (size_t)size : sizeof(bytes);
        ssize_t n = read(fd, bytes, want);

        if (n == 0)
            return complain(path, "became shorter while it was read");
        if (n < 0 && errno != EINTR)
            return complain(path, strerror(errno));
        if (n > 0 && write_all(bytes, (size_t)n) != 0)
            return 1; /* nobody reads any more */
        size -= n > 0 ? (uint64_t)n : 0;
    }
    return 0;
}

static int send_file(int fd, const char *path)
{
    struct stat info;
    uint64_t size;

    if (fstat(fd, &info) != 0)
        return complain(path, strerror(errno));
    if (!S_ISREG(info.st_mode))
        return complain(path, "is not a regular file");
    size = (uint64_t)info.st_size;
    if (write_all((const char *)&size, sizeof(size)) != 0)
        return 1;
    return copy(fd, size, path);
}

int ccb_init_fetch(const struct ccb_frame_spawn *spawn)
{
    int fd = open(spawn->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    int result;

    if (fd < 0)
        return complain(spawn->path, strerror(errno));
    result = send_file(fd, spawn->path);
    (void)close(fd);
    return result;
}
