/*
 * The droplet and the cache, both by tar (contract/lifecycle-buildpack.md A4,
 * A9). Invariant: names in an archive begin with "./".
 */
#include <sys/stat.h>
#include <unistd.h>

#include "builder.h"
#include "file.h"
#include "path.h"
#include "process.h"

static int run(struct ccb_build *build, const char *const *argv)
{
    return ccb_process_run(argv, CCB_PROCESS_DISCARDED, NULL, &build->failure);
}

static int compress(struct ccb_build *build, const char *archive,
                    const char *dir)
{
    const char *argv[] = {build->tar, "-czf", archive, "-C", dir, ".", NULL};

    return run(build, argv);
}

/* For a root file system without cp: by way of an archive, which keeps modes,
 * owners, times and links as well. */
static int copy_by_tar(struct ccb_build *build, const char *to)
{
    struct ccb_slice archive =
        ccb_arena_format(build->failure.arena, "%s/app.tar", build->contents);
    const char *pack[] = {
        build->tar, "-cf", archive.ptr, "-C", build->config.build_dir,
        ".",        NULL};
    const char *unpack[] = {build->tar, "-xpf", archive.ptr, "-C", to, NULL};
    int code;

    if (archive.ptr == NULL)
        return ccb_failure_memory(&build->failure);
    code = run(build, pack);
    if (code == 0 && mkdir(to, 0755) != 0)
        code = ccb_failure_system(&build->failure, "mkdir", to);
    if (code == 0)
        code = run(build, unpack);
    if (code == 0 && unlink(archive.ptr) != 0)
        code = ccb_failure_system(&build->failure, "remove", archive.ptr);
    return code;
}

static int copy_app(struct ccb_build *build, const char *to)
{
    const char *argv[] = {NULL, "-a", build->config.build_dir, to, NULL};
    int code = ccb_file_find_program("cp", &argv[0], &build->failure);

    if (code == CCB_NOT_FOUND)
        return copy_by_tar(build, to);
    return code == 0 ? run(build, argv) : code;
}

static int make_empty(struct ccb_build *build, const char *name)
{
    const char *path =
        ccb_path_join(build->failure.arena, build->contents, name);

    if (path == NULL)
        return ccb_failure_memory(&build->failure);
    return mkdir(path, 0755) == 0
               ? 0
               : ccb_failure_system(&build->failure, "mkdir", path);
}

int ccb_build_droplet(struct ccb_build *build)
{
    const char *app =
        ccb_path_join(build->failure.arena, build->contents, "app");
    int code = app == NULL ? ccb_failure_memory(&build->failure)
                           : copy_app(build, app);

    if (code != 0)
        return ccb_failure_prefix(&build->failure, code,
                                  "Failed to copy compiled droplet");
    code = make_empty(build, "tmp");
    if (code == 0)
        code = make_empty(build, "logs");
    if (code != 0)
        return ccb_failure_prefix(&build->failure, code,
                                  "Failed to set up droplet filesystem");
    code = compress(build, build->config.output_droplet, build->contents);
    if (code != 0)
        (void)ccb_failure_prefix(&build->failure, code,
                                 "Failed to compress droplet");
    return code;
}

int ccb_build_cache(struct ccb_build *build)
{
    const char *parent =
        ccb_path_parent(build->failure.arena, build->config.output_cache);
    int code = parent == NULL ? ccb_failure_memory(&build->failure)
                              : ccb_file_mkdir_all(parent, &build->failure);

    if (code != 0)
        return ccb_failure_prefix(
            &build->failure, code,
            "Failed to create output build artifacts cache dir");
    code = compress(build, build->config.output_cache, build->config.cache_dir);
    if (code != 0)
        (void)ccb_failure_prefix(&build->failure, code,
                                 "Failed to compress build artifacts");
    return code;
}
