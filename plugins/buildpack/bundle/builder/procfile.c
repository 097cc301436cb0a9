/*
 * The app's Procfile (contract/lifecycle-buildpack.md A7): one YAML mapping of
 * names to text, of which `web` matters.
 */
#include "builder.h"
#include "file.h"
#include "path.h"
#include "yaml_doc.h"

static int on_pair(void *ctx, const yaml_node_t *key, const yaml_node_t *value)
{
    struct ccb_slice name, text;

    if (!ccb_yaml_scalar(key, &name) || !ccb_yaml_scalar(value, &text))
        return CCB_INVALID;
    if (ccb_slice_is(name, "web"))
        *(struct ccb_slice *)ctx = text; /* the last one wins */
    return 0;
}

static int invalid(struct ccb_failure *failure)
{
    return ccb_failure_set(failure, CCB_INVALID, "invalid YAML");
}

static int take_web(struct ccb_yaml *yaml, struct ccb_slice *web,
                    struct ccb_failure *failure)
{
    struct ccb_slice found = {"", 0};

    if (yaml->root == NULL)
        return invalid(failure);
    if (!ccb_yaml_is_null(yaml->root) &&
        (yaml->root->type != YAML_MAPPING_NODE ||
         ccb_yaml_each(yaml, yaml->root, on_pair, &found) != 0))
        return invalid(failure);
    *web = ccb_arena_copy(failure->arena, found);
    return web->ptr == NULL ? ccb_failure_memory(failure) : 0;
}

int ccb_procfile_parse(struct ccb_slice text, struct ccb_slice *web,
                       struct ccb_failure *failure)
{
    struct ccb_yaml yaml;
    int code = ccb_yaml_load(&yaml, text, failure);

    if (code == CCB_INVALID)
        return invalid(failure);
    if (code != 0)
        return code;
    code = take_web(&yaml, web, failure);
    ccb_yaml_destroy(&yaml);
    return code;
}

static int read_procfile(struct ccb_build *build, const char *path)
{
    struct ccb_buf text = {.max = CCB_YAML_MAX};
    int code = ccb_file_read(path, &text, &build->failure);

    if (code == 0)
        code = ccb_procfile_parse(ccb_buf_slice(&text), &build->procfile_web,
                                  &build->failure);
    ccb_buf_destroy(&text);
    return code == CCB_NOT_FOUND ? 0 : code;
}

int ccb_build_procfile(struct ccb_build *build)
{
    const char *path = ccb_path_join(build->failure.arena,
                                     build->config.build_dir, "Procfile");
    int code = path == NULL ? ccb_failure_memory(&build->failure)
                            : read_procfile(build, path);

    if (code != 0)
        (void)ccb_failure_prefix(&build->failure, code,
                                 "Failed to read command from Procfile");
    return code;
}
