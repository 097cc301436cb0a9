/*
 * Buildpacks named by URL, fetched before anything is asked
 * (contract/lifecycle-buildpack.md A5). Invariant: every such key is fetched,
 * in order, and the first that can't be ends the staging.
 */
#include "builder.h"
#include "file.h"
#include "process.h"
#include "url.h"

/* How a buildpack comes to its directory. */
struct custom {
    struct ccb_slice key;
    const struct ccb_url *url;
    const char *dir;
};

/* The way to a zip goes here; it needs a TLS client in a static program. */
static int fetch_zip(struct ccb_build *build, const struct custom *custom)
{
    return ccb_failure_set(&build->failure, CCB_UNSUPPORTED,
                           "Failed to download buildpack '%.*s': downloading "
                           "zip buildpacks is not built in yet; name a git "
                           "repository",
                           (int)custom->key.len, custom->key.ptr);
}

static int clone(struct ccb_build *build, const char *git, const char *from,
                 const char *to, const char *branch)
{
    /* The full clone is the shallow one less two words. */
    const char *shallow[] = {git,  "clone", "--depth", "1",  "--recursive",
                             from, to,      NULL,      NULL, NULL};
    const char *full[] = {git, "clone", "--recursive", from,
                          to,  NULL,    NULL,          NULL};

    if (*branch != '\0') {
        shallow[7] = full[5] = "-b";
        shallow[8] = full[6] = branch;
    }
    if (ccb_process_run(shallow, CCB_PROCESS_DISCARDED, NULL,
                        &build->failure) == 0)
        return 0;
    return ccb_process_run(full, CCB_PROCESS_DISCARDED, NULL, &build->failure);
}

static int fetch_git(struct ccb_build *build, const struct custom *custom)
{
    struct ccb_arena *arena = build->failure.arena;
    const char *from = ccb_url_format(arena, custom->url), *git;
    struct ccb_slice branch = ccb_url_unescape(arena, custom->url->fragment);
    int code;

    if (from == NULL || branch.ptr == NULL)
        return ccb_failure_memory(&build->failure);
    code = ccb_file_find_program("git", &git, &build->failure);
    if (code != 0)
        return code;
    if (clone(build, git, from, custom->dir, branch.ptr) == 0)
        return 0;
    return ccb_failure_set(&build->failure, CCB_FAILED,
                           "Failed to clone git repository at %s", from);
}

static int fetch(struct ccb_build *build, struct ccb_slice key)
{
    struct ccb_url url;
    struct custom custom = {key, &url, NULL};
    struct ccb_slice path;
    int code = ccb_url_parse(&url, key, &build->failure);

    if (code != 0)
        return ccb_failure_set(&build->failure, code,
                               "Invalid buildpack url (%.*s): %s", (int)key.len,
                               key.ptr, build->failure.text);
    if (url.scheme.len == 0)
        return 0; /* the cell has put it there */
    custom.dir = ccb_build_directory(build, key);
    path = ccb_url_unescape(build->failure.arena, url.path);
    if (custom.dir == NULL || path.ptr == NULL)
        return ccb_failure_memory(&build->failure);
    return ccb_slice_ends(path, ".zip") ? fetch_zip(build, &custom)
                                        : fetch_git(build, &custom);
}

int ccb_build_fetch(struct ccb_build *build)
{
    for (size_t i = 0; i < build->key_count; i++) {
        int code = fetch(build, build->keys[i]);

        if (code != 0)
            return code;
    }
    return 0;
}
