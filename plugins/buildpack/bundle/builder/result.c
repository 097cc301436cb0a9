/*
 * What the builder found out, as two files: staging_info.yml for the launcher,
 * the result for the one who asked (contract/lifecycle-buildpack.md A9).
 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "builder.h"
#include "ccbridge/json.h"
#include "file.h"
#include "path.h"
#include "staging_info.h"

/* A directory of our own, mode 0700; it is left behind, as ever. */
static int make_contents(struct ccb_build *build)
{
    const char *tmp = getenv("TMPDIR"), *path;
    char *template;

    path = ccb_path_join(build->failure.arena,
                         tmp != NULL && *tmp != '\0' ? tmp : "/tmp",
                         "contentsXXXXXX");
    template = path == NULL
                   ? NULL
                   : ccb_arena_cstr(build->failure.arena, ccb_slice_of(path));
    if (template == NULL)
        return ccb_failure_memory(&build->failure);
    build->contents = template;
    if (mkdtemp(template) != NULL)
        return 0;
    /* mkdtemp may have emptied it */
    return ccb_failure_system(&build->failure, "mkdir", path);
}

/* {"start_command":WEB} as text. */
static int put_execution_metadata(struct ccb_build *build, struct ccb_buf *out)
{
    struct ccb_json_writer writer;

    ccb_json_writer_init(&writer, ccb_buf_sink, out);
    ccb_json_begin_object(&writer);
    ccb_json_member_string(&writer, "start_command", build->web);
    ccb_json_end_object(&writer);
    return ccb_json_writer_end(&writer);
}

static int put_result(struct ccb_build *build, struct ccb_slice execution,
                      struct ccb_buf *out)
{
    struct ccb_json_writer writer;
    int code;

    ccb_json_writer_init(&writer, ccb_buf_sink, out);
    ccb_json_begin_object(&writer);
    if (*build->key != '\0')
        ccb_json_member_cstr(&writer, "buildpack_key", build->key);
    ccb_json_member_string(&writer, "detected_buildpack", build->detected);
    ccb_json_member_string(&writer, "execution_metadata", execution);
    ccb_json_key(&writer, "detected_start_command");
    ccb_json_begin_object(&writer);
    ccb_json_member_string(&writer, "web", build->web);
    ccb_json_end_object(&writer);
    ccb_json_end_object(&writer);
    code = ccb_json_writer_end(&writer);
    return code != 0 ? code : ccb_buf_putc(out, '\n');
}

static int write_result(struct ccb_build *build)
{
    struct ccb_buf execution = {0}, result = {0};
    int code = put_execution_metadata(build, &execution);

    if (code == 0)
        code = put_result(build, ccb_buf_slice(&execution), &result);
    if (code != 0)
        code = ccb_failure_memory(&build->failure);
    else
        code = ccb_file_write(build->config.output_metadata,
                              ccb_buf_slice(&result), &build->failure);
    ccb_buf_destroy(&execution);
    ccb_buf_destroy(&result);
    return code;
}

static int write_staging_info(struct ccb_build *build)
{
    const char *path = ccb_path_join(build->failure.arena, build->contents,
                                     "staging_info.yml");
    struct ccb_buf text = {0};
    int code;

    ccb_staging_info_format(&text, build->detected, build->web);
    if (path == NULL || text.failed)
        code = ccb_failure_memory(&build->failure);
    else
        code = ccb_file_write(path, ccb_buf_slice(&text), &build->failure);
    ccb_buf_destroy(&text);
    return code;
}

int ccb_build_results(struct ccb_build *build)
{
    int code = make_contents(build);

    if (code != 0)
        return ccb_failure_prefix(&build->failure, code,
                                  "Failed to create droplet contents dir");
    code = write_staging_info(build);
    if (code == 0)
        code = write_result(build);
    if (code != 0)
        (void)ccb_failure_prefix(&build->failure, code,
                                 "Failed to encode generated metadata");
    return code;
}
