/*
 * CC's staging messages. Member types are checked as the historic decoder did:
 * a wrong type anywhere refuses the whole document (contract/stager.md A8, C3).
 */
#include "model/staging.h"

#include "ccbridge/sdk.h"

#define REQUEST(member) offsetof(struct ccb_staging_request, member)

static const struct ccb_json_field request_fields[] = {
    {.name = "app_id", .kind = CCB_JSON_K_STRING, .offset = REQUEST(app_id)},
    {.name = "log_guid",
     .kind = CCB_JSON_K_STRING,
     .offset = REQUEST(log_guid)},
    {.name = "lifecycle",
     .kind = CCB_JSON_K_STRING,
     .offset = REQUEST(lifecycle)},
    {.name = "lifecycle_data",
     .kind = CCB_JSON_K_RAW,
     .offset = REQUEST(lifecycle_data)},
    {.name = "file_descriptors",
     .kind = CCB_JSON_K_INT64,
     .offset = REQUEST(file_descriptors)},
    {.name = "memory_mb",
     .kind = CCB_JSON_K_INT64,
     .offset = REQUEST(memory_mb)},
    {.name = "disk_mb", .kind = CCB_JSON_K_INT64, .offset = REQUEST(disk_mb)},
    {.name = "timeout", .kind = CCB_JSON_K_INT64, .offset = REQUEST(timeout)},
    {.name = "environment",
     .kind = CCB_JSON_K_LIST,
     .offset = REQUEST(environment),
     .element = CCB_JSON_K_OBJECT,
     .shape = &ccb_env_shape},
    {.name = "egress_rules",
     .kind = CCB_JSON_K_LIST,
     .offset = REQUEST(egress_rules),
     .element = CCB_JSON_K_OBJECT,
     .shape = &ccb_egress_rule_shape},
};

static const struct ccb_json_shape request_shape = {
    request_fields, sizeof(request_fields) / sizeof(request_fields[0]),
    sizeof(struct ccb_staging_request)};

int ccb_staging_request_decode(struct ccb_staging_request *out,
                               struct ccb_slice text, struct ccb_arena *arena,
                               struct ccb_error *err)
{
    struct ccb_json_alloc alloc = ccb_arena_json(arena);
    struct ccb_json document, stack;
    int code = ccb_json_parse(&document, text, CCB_JSON_WHOLE, err);
    if (code == 0)
        code = ccb_json_decode(document, &request_shape, out, &alloc, err);
    if (code < 0)
        return code;
    out->document = document;
    stack = ccb_json_get(out->lifecycle_data, "stack");
    if (stack.type == CCB_JSON_STRING &&
        ccb_json_string(stack, &alloc, &out->stack) == CCB_NO_MEMORY)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    return 0;
}

#define TASK(member) offsetof(struct ccb_finished_task, member)

static const struct ccb_json_field task_fields[] = {
    {.name = "task_guid", .kind = CCB_JSON_K_STRING, .offset = TASK(task_guid)},
    {.name = "failed", .kind = CCB_JSON_K_BOOL, .offset = TASK(failed)},
    {.name = "failure_reason",
     .kind = CCB_JSON_K_STRING,
     .offset = TASK(failure_reason)},
    {.name = "result", .kind = CCB_JSON_K_STRING, .offset = TASK(result)},
    {.name = "annotation",
     .kind = CCB_JSON_K_STRING,
     .offset = TASK(annotation)},
    {.name = "created_at",
     .kind = CCB_JSON_K_INT64,
     .offset = TASK(created_at)},
};

static const struct ccb_json_shape task_shape = {
    task_fields, sizeof(task_fields) / sizeof(task_fields[0]),
    sizeof(struct ccb_finished_task)};

int ccb_finished_task_decode(struct ccb_finished_task *out,
                             struct ccb_slice text, struct ccb_arena *arena,
                             struct ccb_error *err)
{
    struct ccb_json_alloc alloc = ccb_arena_json(arena);
    struct ccb_json document;
    int code = ccb_json_parse(&document, text, CCB_JSON_FIRST, err);
    if (code == 0)
        code = ccb_json_decode(document, &task_shape, out, &alloc, err);
    if (code == 0)
        out->document = document;
    return code;
}

#define ANNOTATION(member) offsetof(struct ccb_staging_annotation, member)

static const struct ccb_json_field annotation_fields[] = {
    {.name = "lifecycle",
     .kind = CCB_JSON_K_STRING,
     .offset = ANNOTATION(lifecycle)},
    {.name = "plugin", .kind = CCB_JSON_K_STRING, .offset = ANNOTATION(plugin)},
};

static const struct ccb_json_shape annotation_shape = {
    annotation_fields, sizeof(annotation_fields) / sizeof(annotation_fields[0]),
    sizeof(struct ccb_staging_annotation)};

int ccb_staging_annotation_decode(struct ccb_staging_annotation *out,
                                  struct ccb_slice text,
                                  struct ccb_arena *arena,
                                  struct ccb_error *err)
{
    struct ccb_json_alloc alloc = ccb_arena_json(arena);
    struct ccb_json document;
    int code = ccb_json_parse(&document, text, CCB_JSON_WHOLE, err);
    if (code == 0)
        code = ccb_json_decode(document, &annotation_shape, out, &alloc, err);
    return code;
}

void ccb_staging_annotation_encode(struct ccb_buf *out,
                                   const struct ccb_staging_annotation *from)
{
    struct ccb_json_writer w;
    ccb_json_writer_init(&w, ccb_buf_sink, out);
    ccb_json_begin_object(&w);
    ccb_json_member_string(&w, "lifecycle", from->lifecycle);
    if (from->plugin.len > 0)
        ccb_json_member_string(&w, "plugin", from->plugin);
    ccb_json_end_object(&w);
    ccb_json_writer_end(&w); /* the buffer keeps the error */
}

void ccb_staging_error_encode(struct ccb_buf *out, const char *id,
                              struct ccb_slice message)
{
    struct ccb_json_writer w;
    ccb_json_writer_init(&w, ccb_buf_sink, out);
    ccb_json_begin_object(&w);
    ccb_json_member_cstr(&w, "execution_metadata", "");
    ccb_json_key(&w, "detected_start_command");
    ccb_json_put_null(&w);
    ccb_json_key(&w, "error");
    ccb_json_begin_object(&w);
    ccb_json_member_cstr(&w, "id", id);
    ccb_json_member_string(&w, "message", message);
    ccb_json_end_object(&w);
    ccb_json_end_object(&w);
    ccb_json_writer_end(&w);
}
