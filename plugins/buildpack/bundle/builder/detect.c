/*
 * Choosing a buildpack and letting it compile (contract/lifecycle-buildpack.md
 * A4, A6). Invariant: what is wrong with one buildpack is told and the next
 * one asked.
 */
#include "builder.h"
#include "path.h"
#include "process.h"

/* A name longer than this is none. */
#define NAME_MAX_BYTES ((size_t)1 << 20)

/* bin/detect of `root`: 0 when it says yes; its output is the name. */
static int ask(struct ccb_build *build, const char *root)
{
    const char *script =
        ccb_path_join(build->failure.arena, root, "bin/detect");
    const char *argv[] = {script, build->config.build_dir, NULL};
    struct ccb_buf name = {.max = NAME_MAX_BYTES};
    int code;

    if (script == NULL)
        return ccb_failure_memory(&build->failure);
    code = ccb_process_run(argv, CCB_PROCESS_CAPTURED, &name, &build->failure);
    if (code == 0 && name.failed != 0)
        code = name.failed;
    while (name.len > 0 && name.data[name.len - 1] == '\n')
        name.len--;
    if (code == 0) {
        build->detected =
            ccb_arena_copy(build->failure.arena, ccb_buf_slice(&name));
        if (build->detected.ptr == NULL)
            code = ccb_failure_memory(&build->failure);
    }
    ccb_buf_destroy(&name);
    return code;
}

int ccb_build_detect(struct ccb_build *build)
{
    for (size_t i = 0; i < build->key_count; i++) {
        const char *root;

        if (ccb_build_locate(build, build->keys[i], &root) != 0) {
            (void)fprintf(stderr, "%s\n", build->failure.text);
            continue;
        }
        if (!build->config.skip_detect && ask(build, root) != 0)
            continue;
        build->root = root;
        build->key = ccb_arena_cstr(build->failure.arena, build->keys[i]);
        return build->key == NULL ? ccb_failure_memory(&build->failure) : 0;
    }
    return ccb_failure_set(
        &build->failure, CCB_NOT_FOUND,
        "None of the buildpacks detected a compatible application");
}

int ccb_build_compile(struct ccb_build *build)
{
    const char *script =
        ccb_path_join(build->failure.arena, build->root, "bin/compile");
    const char *argv[] = {script, build->config.build_dir,
                          build->config.cache_dir, NULL};

    if (script == NULL)
        return ccb_failure_memory(&build->failure);
    if (ccb_process_run(argv, CCB_PROCESS_SHOWN, NULL, &build->failure) == 0)
        return 0;
    return ccb_failure_set(&build->failure, CCB_FAILED,
                           "Failed to compile droplet");
}
