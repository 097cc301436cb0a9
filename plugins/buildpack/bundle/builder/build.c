/*
 * The order of a staging (contract/lifecycle-buildpack.md A4). Invariant: the
 * first step that fails ends it, and its message alone decides the status.
 */
#include <string.h>

#include "builder.h"
#include "file.h"
#include "path.h"

int ccb_build_status(const char *message)
{
    static const struct {
        const char *phrase;
        int status;
    } rows[] = {
        {"None of the buildpacks detected a compatible application", 222},
        {"Failed to compile droplet", 223},
        {"Failed to build droplet release", 224},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (strstr(message, rows[i].phrase) != NULL)
            return rows[i].status;
    }
    return 1;
}

static int make_parent(struct ccb_build *build, const char *path)
{
    const char *parent = ccb_path_parent(build->failure.arena, path);

    return parent == NULL ? ccb_failure_memory(&build->failure)
                          : ccb_file_mkdir_all(parent, &build->failure);
}

static int make_directories(struct ccb_build *build)
{
    int code = make_parent(build, build->config.output_droplet);

    if (code == 0)
        code = make_parent(build, build->config.output_metadata);
    if (code == 0)
        code = ccb_file_mkdir_all(build->config.cache_dir, &build->failure);
    if (code != 0)
        (void)ccb_failure_prefix(
            &build->failure, code,
            "Failed to set up filesystem when generating droplet");
    return code;
}

/* "a,b": no trimming, and "" is one empty key. */
static int split_order(struct ccb_build *build)
{
    const char *rest = build->config.order;
    size_t count = 1;

    for (const char *c = rest; *c != '\0'; c++)
        count += *c == ',';
    build->keys =
        ccb_arena_alloc(build->failure.arena, count * sizeof(*build->keys));
    if (build->keys == NULL)
        return ccb_failure_memory(&build->failure);
    for (; build->key_count < count; build->key_count++) {
        size_t len = strcspn(rest, ",");

        build->keys[build->key_count] = ccb_slice_make(rest, len);
        rest += len + 1;
    }
    return 0;
}

static int tell_command(struct ccb_build *build)
{
    if (build->procfile_web.len > 0)
        build->web = build->procfile_web;
    if (build->web.len == 0)
        (void)fputs("No start command detected; command must be provided at "
                    "runtime\n",
                    stderr);
    return 0;
}

static int find_tar(struct ccb_build *build)
{
    return ccb_file_find_program("tar", &build->tar, &build->failure);
}

int ccb_build_run(struct ccb_build *build)
{
    static int (*const steps[])(struct ccb_build *) = {
        split_order,       make_directories,  ccb_build_fetch,
        ccb_build_detect,  ccb_build_compile, ccb_build_procfile,
        ccb_build_release, tell_command,      find_tar,
        ccb_build_results, ccb_build_droplet, ccb_build_cache,
    };

    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        if (steps[i](build) == 0)
            continue;
        (void)fprintf(stderr, "%s\n", build->failure.text);
        return ccb_build_status(build->failure.text);
    }
    return 0;
}
