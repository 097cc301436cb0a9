/*
 * Removes a tree by flattening it: what is a directory inside a directory of
 * the top is moved to the top, until the top holds nothing. So two open
 * directories are enough for any depth.
 */
#include "cell/container_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct removal {
    int top;
    unsigned moved; /* names given so far */
    struct ccb_error *err;
};

static int failed(struct removal *removal, const char *name)
{
    return ccb_error_set(removal->err, CCB_IO, "removing %s: %s", name,
                         strerror(errno));
}

/* An own descriptor of directory `name`; its modes are the app's, root's rights
 * pass them. */
static DIR *open_directory(int parent, const char *name)
{
    int fd =
        openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);

    if (dir == NULL && fd >= 0)
        (void)close(fd);
    return dir;
}

static int is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Moves a directory that is not empty up to the top, under a free name. */
static int move_up(struct removal *removal, int from, const char *name)
{
    char fresh[32];

    do {
        (void)snprintf(fresh, sizeof(fresh), ".gone-%u", removal->moved++);
        if (renameat2(from, name, removal->top, fresh, RENAME_NOREPLACE) == 0)
            return CCB_OK;
    } while (errno == EEXIST);
    return failed(removal, name);
}

/* One entry: gone, or at the top. */
static int take_entry(struct removal *removal, int dir, const char *name)
{
    if (unlinkat(dir, name, 0) == 0)
        return CCB_OK;
    if (errno != EISDIR && errno != EPERM)
        return failed(removal, name);
    if (unlinkat(dir, name, AT_REMOVEDIR) == 0)
        return CCB_OK;
    if (errno != ENOTEMPTY && errno != EEXIST)
        return failed(removal, name);
    return move_up(removal, dir, name);
}

static int empty_directory(struct removal *removal, const char *name)
{
    DIR *dir = open_directory(removal->top, name);
    int code = CCB_OK;

    if (dir == NULL)
        return failed(removal, name);
    while (code == CCB_OK) {
        struct dirent *entry;

        errno = 0;
        /* cppcheck-suppress readdirCalled ; the stream is ours alone */
        entry = readdir(dir);
        if (entry == NULL) {
            code = errno != 0 ? failed(removal, name) : CCB_OK;
            break;
        }
        if (!is_dots(entry->d_name))
            code = take_entry(removal, dirfd(dir), entry->d_name);
    }
    (void)closedir(dir);
    if (code == CCB_OK && unlinkat(removal->top, name, AT_REMOVEDIR) != 0 &&
        errno != ENOTEMPTY)
        code = failed(removal, name);
    return code; /* not empty: readdir missed one, the next round sees it */
}

/* One round over the top. `seen` says whether anything was there. */
static int sweep_top(struct removal *removal, DIR *top, int *seen)
{
    struct dirent *entry;
    int code = CCB_OK;

    *seen = 0;
    rewinddir(top);
    for (;;) {
        errno = 0;
        /* cppcheck-suppress readdirCalled ; the stream is ours alone */
        entry = readdir(top);
        if (entry == NULL)
            return errno != 0 ? failed(removal, "directory") : CCB_OK;
        if (is_dots(entry->d_name))
            continue;
        *seen = 1;
        if (unlinkat(removal->top, entry->d_name, 0) == 0)
            continue;
        if (errno != EISDIR && errno != EPERM)
            return failed(removal, entry->d_name);
        code = empty_directory(removal, entry->d_name);
        if (code != CCB_OK)
            return code;
    }
}

int ccb_tree_remove(int parent, const char *name, struct ccb_error *err)
{
    struct removal removal = {.err = err};
    DIR *top;
    int code, seen = 1;

    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
        return CCB_OK;
    top = open_directory(parent, name);
    if (top == NULL)
        return failed(&removal, name);
    removal.top = dirfd(top);
    do
        code = sweep_top(&removal, top, &seen);
    while (code == CCB_OK && seen);
    (void)closedir(top);
    if (code == CCB_OK && unlinkat(parent, name, AT_REMOVEDIR) != 0)
        code = failed(&removal, name);
    return code;
}
