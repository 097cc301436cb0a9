/*
 * Lists the plugin files of a directory. Invariant: paths are absolute (the
 * dynamic linker would search its own directories for others) and sorted, so
 * that two starts see the same. Follows anchors 3.5, 1.
 */
#include "plugin/directory.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "plugin/image.h"
#include "plugin/registry.h"

enum { MAX_FILES = 1024 };

struct listing {
    struct ccb_arena *arena;
    const char *names[MAX_FILES];
    size_t count;
};

static int is_plugin_name(const char *name)
{
    return name[0] != '.' && ccb_slice_ends(ccb_slice_of(name), ".so");
}

static int compare(const void *a, const void *b)
{
    const char *const *left = a, *const *right = b;

    return strcmp(*left, *right);
}

static int add_name(struct listing *list, const char *name,
                    struct ccb_error *err)
{
    const char *copy;

    if (list->count == MAX_FILES)
        return ccb_error_set(err, CCB_TOO_LARGE,
                             "more than %d plugin files in one directory",
                             MAX_FILES);
    copy = ccb_arena_cstr(list->arena, ccb_slice_of(name));
    if (!copy)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    list->names[list->count++] = copy;
    return 0;
}

static int read_names(struct listing *list, int fd, const char *path,
                      struct ccb_error *err)
{
    int own = dup(fd); /* closedir closes it */
    DIR *dir = own >= 0 ? fdopendir(own) : NULL;
    const struct dirent *entry = NULL;
    int code = 0;

    if (!dir) {
        ccb_error_set(err, CCB_IO, "%s: %s", path, strerror(errno));
        if (own >= 0)
            close(own);
        return CCB_IO;
    }
    do {
        errno = 0;
        /* cppcheck-suppress readdirCalled ; the stream is ours alone */
        entry = readdir(dir);
        if (entry && is_plugin_name(entry->d_name))
            code = add_name(list, entry->d_name, err);
        else if (!entry && errno)
            code = ccb_error_set(err, CCB_IO, "%s: %s", path, strerror(errno));
    } while (entry && code == 0);
    closedir(dir);
    qsort(list->names, list->count, sizeof(list->names[0]), compare);
    return code;
}

static int visit(const struct listing *list, int fd, const char *base,
                 int (*on_file)(void *user, const struct ccb_plugins_file *),
                 void *user, struct ccb_error *err)
{
    int code = 0;

    for (size_t i = 0; code == 0 && i < list->count; i++) {
        struct ccb_slice path =
            ccb_arena_format(list->arena, "%s/%s", base, list->names[i]);
        struct ccb_plugins_file file = {path.ptr, list->names[i], fd};

        if (!path.ptr)
            return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
        code = on_file(user, &file);
    }
    return code;
}

/* The directory is refused as a whole: who may write in it may swap any file
 * of it. */
static int open_checked(int *fd, const char *path, struct ccb_error *err)
{
    struct ccb_plugin_refusal refusal = {.file = path};

    if (ccb_plugin_directory_open(fd, path, &refusal) == 0)
        return 0;
    return ccb_error_set(err, CCB_IO, "%s: expected %s, found %s", path,
                         refusal.expected, refusal.found);
}

int ccb_plugin_directory_each(const char *path,
                              int (*on_file)(void *user,
                                             const struct ccb_plugins_file *),
                              void *user, struct ccb_error *err)
{
    struct listing list = {.arena = ccb_arena_create()};
    char base[PATH_MAX];
    int fd = -1, code = 0;

    if (!list.arena)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    if (!realpath(path, base))
        code = ccb_error_set(err, CCB_IO, "%s: %s", path, strerror(errno));
    if (code == 0)
        code = open_checked(&fd, base, err);
    if (code == 0)
        code = read_names(&list, fd, base, err);
    if (code == 0)
        code = visit(&list, fd, base, on_file, user, err);
    if (fd >= 0)
        close(fd);
    ccb_arena_unref(list.arena);
    return code;
}
