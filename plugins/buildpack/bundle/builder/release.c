/*
 * What bin/release prints (contract/lifecycle-buildpack.md A8): YAML with
 * default_process_types.web; everything else in it is the buildpack's own.
 */
#include "builder.h"
#include "path.h"
#include "process.h"
#include "yaml_doc.h"

static const char invalid[] = "buildpack's release output invalid";

struct release {
    struct ccb_yaml yaml;
    struct ccb_slice web;
    const char *wrong; /* what is not as it must be */
};

static int on_type(void *ctx, const yaml_node_t *key, const yaml_node_t *value)
{
    struct release *release = ctx;

    if (!ccb_yaml_is_key(key, "web") || ccb_yaml_scalar(value, &release->web))
        return 0;
    release->wrong = "default_process_types.web is no text";
    return CCB_INVALID;
}

static int on_member(void *ctx, const yaml_node_t *key,
                     const yaml_node_t *value)
{
    struct release *release = ctx;

    if (!ccb_yaml_is_key(key, "default_process_types"))
        return 0;
    release->web = ccb_slice_make("", 0); /* the last one wins, whole */
    if (value != NULL && value->type == YAML_MAPPING_NODE)
        return ccb_yaml_each(&release->yaml, value, on_type, release);
    release->wrong = "default_process_types is no mapping";
    return CCB_INVALID;
}

static int take_web(struct release *release, struct ccb_slice *web,
                    struct ccb_failure *failure)
{
    const yaml_node_t *root = release->yaml.root;

    if (root == NULL)
        release->wrong = "it is empty";
    else if (root->type == YAML_MAPPING_NODE)
        (void)ccb_yaml_each(&release->yaml, root, on_member, release);
    else if (!ccb_yaml_is_null(root))
        release->wrong = "it is no mapping";
    if (release->wrong != NULL)
        return ccb_failure_set(failure, CCB_INVALID, "%s: %s", invalid,
                               release->wrong);
    *web = ccb_arena_copy(failure->arena, release->web);
    return web->ptr == NULL ? ccb_failure_memory(failure) : 0;
}

int ccb_release_parse(struct ccb_slice text, struct ccb_slice *web,
                      struct ccb_failure *failure)
{
    struct release release = {.web = {"", 0}};
    int code = ccb_yaml_load(&release.yaml, text, failure);

    if (code != 0)
        return ccb_failure_prefix(failure, code, invalid);
    code = take_web(&release, web, failure);
    ccb_yaml_destroy(&release.yaml);
    return code;
}

static int run_release(struct ccb_build *build, const char *script)
{
    const char *argv[] = {script, build->config.build_dir, NULL};
    struct ccb_buf text = {.max = CCB_YAML_MAX};
    int code =
        ccb_process_run(argv, CCB_PROCESS_CAPTURED, &text, &build->failure);

    if (code == 0 && text.failed == CCB_TOO_LARGE)
        code =
            ccb_failure_set(&build->failure, CCB_TOO_LARGE,
                            "%s: larger than %zu bytes", invalid, CCB_YAML_MAX);
    else if (code == 0 && text.failed != 0)
        code = ccb_failure_memory(&build->failure);
    if (code == 0)
        code = ccb_release_parse(ccb_buf_slice(&text), &build->web,
                                 &build->failure);
    ccb_buf_destroy(&text);
    return code;
}

int ccb_build_release(struct ccb_build *build)
{
    const char *script =
        ccb_path_join(build->failure.arena, build->root, "bin/release");
    int code = script == NULL ? ccb_failure_memory(&build->failure)
                              : run_release(build, script);

    if (code != 0)
        (void)ccb_failure_prefix(&build->failure, code,
                                 "Failed to build droplet release");
    return code;
}
