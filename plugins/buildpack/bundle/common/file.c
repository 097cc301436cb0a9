/*
 * Reading, writing and looking for files. Invariant: a descriptor opened here
 * is closed here, and none is passed on to a child.
 */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "path.h"

static int read_all(int fd, const char *path, struct ccb_buf *out,
                    struct ccb_failure *failure)
{
    for (;;) {
        char chunk[16384];
        ssize_t got = read(fd, chunk, sizeof(chunk));

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return ccb_failure_system(failure, "read", path);
        if (got == 0)
            return 0;
        if (ccb_buf_append(out, chunk, (size_t)got) == 0)
            continue;
        if (out->failed == CCB_TOO_LARGE)
            return ccb_failure_set(failure, CCB_TOO_LARGE,
                                   "read %s: larger than %zu bytes", path,
                                   out->max);
        return ccb_failure_memory(failure);
    }
}

int ccb_file_read(const char *path, struct ccb_buf *out,
                  struct ccb_failure *failure)
{
    /* Not blocking, so that a pipe left there can't stop the program. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int code;

    if (fd < 0)
        return ccb_failure_system(failure, "open", path);
    code = read_all(fd, path, out, failure);
    (void)close(fd);
    return code;
}

int ccb_file_write(const char *path, struct ccb_slice text,
                   struct ccb_failure *failure)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    size_t done = 0;
    int code = 0;

    if (fd < 0)
        return ccb_failure_system(failure, "open", path);
    while (done < text.len && code == 0) {
        ssize_t put = write(fd, text.ptr + done, text.len - done);

        if (put >= 0)
            done += (size_t)put;
        else if (errno != EINTR)
            code = ccb_failure_system(failure, "write", path);
    }
    if (close(fd) != 0 && code == 0)
        code = ccb_failure_system(failure, "close", path);
    return code;
}

int ccb_file_exists(const char *path)
{
    struct stat found;

    return stat(path, &found) == 0;
}

static int make_directory(const char *path, struct ccb_failure *failure)
{
    struct stat found;

    if (mkdir(path, 0755) == 0)
        return 0;
    if (errno == EEXIST) {
        if (stat(path, &found) == 0 && S_ISDIR(found.st_mode))
            return 0;
        errno = ENOTDIR;
    }
    return ccb_failure_system(failure, "mkdir", path);
}

int ccb_file_mkdir_all(const char *path, struct ccb_failure *failure)
{
    char *copy = ccb_path_clean(failure->arena, path);
    struct stat found;

    if (copy == NULL)
        return ccb_failure_memory(failure);
    if (stat(copy, &found) == 0 && S_ISDIR(found.st_mode))
        return 0;
    for (char *slash = strchr(copy + 1, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        int code = 0;

        *slash = '\0';
        if (stat(copy, &found) != 0 || !S_ISDIR(found.st_mode))
            code = make_directory(copy, failure);
        if (code != 0)
            return code;
        *slash = '/';
    }
    return make_directory(copy, failure);
}

static int is_program(const char *path)
{
    struct stat found;

    return stat(path, &found) == 0 && !S_ISDIR(found.st_mode) &&
           (found.st_mode & 0111) != 0;
}

int ccb_file_find_program(const char *name, const char **path,
                          struct ccb_failure *failure)
{
    const char *rest = getenv("PATH");

    while (rest != NULL && *rest != '\0') {
        size_t len = strcspn(rest, ":");
        struct ccb_slice full =
            ccb_arena_format(failure->arena, "%.*s/%s", len == 0 ? 1 : (int)len,
                             len == 0 ? "." : rest, name);

        if (full.ptr == NULL)
            return ccb_failure_memory(failure);
        if (is_program(full.ptr)) {
            *path = full.ptr;
            return 0;
        }
        rest += len;
        rest += *rest == ':';
    }
    return ccb_failure_set(failure, CCB_NOT_FOUND,
                           "exec: \"%s\": executable file not found in $PATH",
                           name);
}
