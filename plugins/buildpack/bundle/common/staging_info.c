/*
 * Reading and writing staging_info.yml. Invariant: reading takes any YAML that
 * says the same, writing gives two fields in a fixed order
 * (contract/lifecycle-buildpack.md A9, A10).
 */
#include "staging_info.h"

#include "yaml_doc.h"

struct fields {
    struct ccb_slice detected, command;
};

static int on_pair(void *ctx, const yaml_node_t *key, const yaml_node_t *value)
{
    struct fields *fields = ctx;
    struct ccb_slice *text = NULL;

    if (ccb_yaml_is_key(key, "start_command"))
        text = &fields->command;
    else if (ccb_yaml_is_key(key, "detected_buildpack"))
        text = &fields->detected;
    return text == NULL || ccb_yaml_scalar(value, text) ? 0 : CCB_INVALID;
}

static int take_command(struct ccb_yaml *yaml, struct ccb_slice *command,
                        struct ccb_failure *failure)
{
    struct fields fields = {{"", 0}, {"", 0}};

    if (!ccb_yaml_is_null(yaml->root) &&
        (yaml->root == NULL || yaml->root->type != YAML_MAPPING_NODE ||
         ccb_yaml_each(yaml, yaml->root, on_pair, &fields) != 0))
        return ccb_failure_set(failure, CCB_INVALID,
                               "it is no mapping of names to text");
    *command = ccb_arena_copy(failure->arena, fields.command);
    return command->ptr == NULL ? ccb_failure_memory(failure) : 0;
}

int ccb_staging_info_parse(struct ccb_slice text, struct ccb_slice *command,
                           struct ccb_failure *failure)
{
    struct ccb_yaml yaml;
    int code = ccb_yaml_load(&yaml, text, failure);

    if (code != 0)
        return code;
    code = take_command(&yaml, command, failure);
    ccb_yaml_destroy(&yaml);
    return code;
}

void ccb_staging_info_format(struct ccb_buf *out, struct ccb_slice detected,
                             struct ccb_slice command)
{
    (void)ccb_buf_put(out, "detected_buildpack: ");
    ccb_yaml_put_text(out, detected);
    (void)ccb_buf_put(out, "start_command: ");
    ccb_yaml_put_text(out, command);
}
