/*
 * From a buildpack's key to the directory with its bin/
 * (contract/lifecycle-buildpack.md A3). Invariant: the whole key is hashed, a
 * URL with its fragment too.
 */
#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "builder.h"
#include "ccbridge/sdk.h"
#include "file.h"
#include "path.h"

const char *ccb_build_directory(struct ccb_build *build, struct ccb_slice key)
{
    char name[33];

    ccb_md5_hex(key, name);
    return ccb_path_join(build->failure.arena, build->config.buildpacks_dir,
                         name);
}

static int has_bin(struct ccb_build *build, const char *dir)
{
    const char *bin = ccb_path_join(build->failure.arena, dir, "bin");

    return bin != NULL && ccb_file_exists(bin);
}

/* How many entries (2 means more than one); the name of the first one found,
 * in the arena. -1: it can't be read. */
static int look_into(struct ccb_build *build, const char *path,
                     const char **only)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;
    int count = 0;

    if (dir == NULL)
        return -1;
    while (count < 2) {
        errno = 0;
        /* cppcheck-suppress readdirCalled ; the stream is ours alone */
        entry = readdir(dir);
        if (entry == NULL)
            break;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        count++;
        *only =
            ccb_arena_cstr(build->failure.arena, ccb_slice_of(entry->d_name));
    }
    if (count < 2 && errno != 0)
        count = -1;
    (void)closedir(dir);
    return count;
}

int ccb_build_locate(struct ccb_build *build, struct ccb_slice key,
                     const char **root)
{
    const char *dir = ccb_build_directory(build, key), *only = NULL;
    int count;

    if (dir == NULL)
        return ccb_failure_memory(&build->failure);
    *root = dir;
    if (has_bin(build, dir))
        return 0;
    count = look_into(build, dir, &only);
    if (count < 0)
        return ccb_failure_set(
            &build->failure, CCB_NOT_FOUND,
            "Failed to read buildpack directory '%s' for buildpack '%.*s'", dir,
            (int)key.len, key.ptr);
    if (count == 1 && only != NULL) {
        *root = ccb_path_join(build->failure.arena, dir, only);
        if (*root != NULL && has_bin(build, *root))
            return 0;
    }
    return ccb_failure_set(&build->failure, CCB_INVALID,
                           "malformed buildpack does not contain a /bin dir: "
                           "%.*s",
                           (int)key.len, key.ptr);
}
