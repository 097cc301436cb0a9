/*
 * Which command is started (contract/lifecycle-buildpack.md A10, 5). The
 * result is NUL-terminated; a text that can't be an argument is refused.
 */
#include <string.h>

#include "ccbridge/json.h"
#include "file.h"
#include "launcher.h"
#include "staging_info.h"
#include "yaml_doc.h"

struct metadata {
    struct ccb_slice command;
};

static const struct ccb_json_field fields[] = {
    {"start_command", CCB_JSON_K_STRING, offsetof(struct metadata, command), 0,
     NULL, 0}};
static const struct ccb_json_shape shape = {fields, 1, sizeof(struct metadata)};

/* Into the arena, NUL-terminated. */
static int take(struct ccb_slice *command, struct ccb_failure *failure)
{
    if (command->len > 0 && memchr(command->ptr, '\0', command->len) != NULL)
        return ccb_failure_set(failure, CCB_INVALID,
                               "start_command holds a NUL byte");
    *command = ccb_arena_copy(failure->arena, *command);
    return command->ptr == NULL ? ccb_failure_memory(failure) : 0;
}

static int from_metadata(const char *text, struct ccb_slice *command,
                         struct ccb_failure *failure)
{
    struct ccb_json_alloc alloc = ccb_arena_json(failure->arena);
    struct metadata metadata;
    struct ccb_json value;
    struct ccb_error err;
    int code = ccb_json_parse(&value, ccb_slice_of(text), CCB_JSON_WHOLE, &err);

    if (code == 0)
        code = ccb_json_decode(value, &shape, &metadata, &alloc, &err);
    if (code != 0)
        return ccb_failure_set(failure, code, "%s", err.message);
    *command = metadata.command;
    return take(command, failure);
}

static int from_staging_info(struct ccb_slice *command,
                             struct ccb_failure *failure)
{
    struct ccb_buf text = {.max = CCB_YAML_MAX};
    int code = ccb_file_read("staging_info.yml", &text, failure);

    *command = ccb_slice_make("", 0);
    if (code == 0) {
        code = ccb_staging_info_parse(ccb_buf_slice(&text), command, failure);
        if (code == CCB_INVALID)
            (void)ccb_failure_set(failure, code, "invalid YAML");
    }
    ccb_buf_destroy(&text);
    if (code == CCB_NOT_FOUND)
        return 0;
    return code == 0 ? take(command, failure) : code;
}

int ccb_launch_command(const char *given, const char *metadata,
                       struct ccb_slice *command, struct ccb_failure *failure)
{
    int from_file = *metadata == '\0', code;

    *command = ccb_slice_of(given);
    if (*given != '\0')
        return 0;
    code = from_file ? from_staging_info(command, failure)
                     : from_metadata(metadata, command, failure);
    if (code != 0)
        (void)ccb_failure_set(failure, code, "%s - %s",
                              from_file ? "Invalid staging info"
                                        : "Invalid metadata",
                              failure->text);
    return code;
}
