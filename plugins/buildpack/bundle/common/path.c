/*
 * Cleaning, joining and completing paths. Invariant: only ccb_path_absolute
 * looks at the file system (contract/lifecycle-buildpack.md A3, A10).
 */
#include "path.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Takes the last element off; `from` is where elements begin that may be. */
static size_t drop_last(const char *out, size_t len, size_t from)
{
    while (len > from && out[len - 1] != '/')
        len--;
    if (len > from)
        len--; /* the slash */
    return len;
}

static size_t put_element(char *out, size_t len, const char *element,
                          size_t size)
{
    if (len > 0 && out[len - 1] != '/')
        out[len++] = '/';
    memcpy(out + len, element, size);
    return len + size;
}

char *ccb_path_clean(struct ccb_arena *arena, const char *path)
{
    size_t root = *path == '/', len = root, keep = root;
    char *out = ccb_arena_text(arena, strlen(path) + 2);

    if (out == NULL)
        return NULL;
    if (root)
        out[0] = '/';
    while (*path != '\0') {
        size_t size = strcspn(path, "/");

        if (size == 2 && memcmp(path, "..", 2) == 0) {
            if (len > keep) {
                len = drop_last(out, len, keep);
            } else if (!root) {
                len = put_element(out, len, "..", 2);
                keep = len; /* can't be taken back */
            }
        } else if (size > 0 && !(size == 1 && *path == '.')) {
            len = put_element(out, len, path, size);
        }
        path += size;
        path += *path == '/';
    }
    if (len == 0)
        out[len++] = '.';
    out[len] = '\0';
    return out;
}

char *ccb_path_join(struct ccb_arena *arena, const char *a, const char *b)
{
    struct ccb_slice both = *a == '\0' ? ccb_arena_copy(arena, ccb_slice_of(b))
                                       : ccb_arena_format(arena, "%s/%s", a, b);

    return both.ptr == NULL ? NULL : ccb_path_clean(arena, both.ptr);
}

char *ccb_path_parent(struct ccb_arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash == NULL ? 0 : (size_t)(slash - path) + 1;
    char *parent = ccb_arena_cstr(arena, ccb_slice_make(path, len));

    return parent == NULL ? NULL : ccb_path_clean(arena, parent);
}

static const char *working_directory(char *space, size_t size)
{
    const char *told = getenv("PWD");
    struct stat here, there;

    if (told != NULL && *told == '/' && stat(".", &here) == 0 &&
        stat(told, &there) == 0 && here.st_dev == there.st_dev &&
        here.st_ino == there.st_ino)
        return told;
    return getcwd(space, size);
}

char *ccb_path_absolute(struct ccb_arena *arena, const char *path)
{
    char space[PATH_MAX];
    const char *here = "";
    char *out;

    if (*path != '/')
        here = working_directory(space, sizeof(space));
    if (here == NULL)
        return NULL;
    out = ccb_path_join(arena, here, path);
    if (out == NULL)
        errno = ENOMEM;
    return out;
}
