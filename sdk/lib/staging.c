/*
 * Staging an app of Cloud Foundry: what CC asks for and what it is told in the
 * end, as far as both are the same for all of its lifecycles.
 *
 * Invariant: what a builder wrote reaches CC written anew, never copied.
 * Follows contract/stager.md C3 (the request), C4 and C5 (what both have), C6
 * (the way back).
 */
#include "ccbridge/staging.h"

#define DEFAULT_TIMEOUT 900 /* seconds */

#define FIELD(type, member, as)                                                \
    {                                                                          \
        .name = #member, .kind = (as), .offset = offsetof(struct type, member) \
    }
#define LIST(type, member, of)                                                 \
    {                                                                          \
        .name = #member, .kind = CCB_JSON_K_LIST,                              \
        .offset = offsetof(struct type, member), .element = CCB_JSON_K_OBJECT, \
        .shape = (of)                                                          \
    }
#define SHAPE(type, fields)                                                    \
    {                                                                          \
        (fields), sizeof(fields) / sizeof((fields)[0]), sizeof(struct type)    \
    }

/* ---- the request -------------------------------------------------------- */

static const struct ccb_json_field request_fields[] = {
    FIELD(ccb_staging_request, app_id, CCB_JSON_K_STRING),
    FIELD(ccb_staging_request, lifecycle, CCB_JSON_K_STRING),
    LIST(ccb_staging_request, environment, &ccb_env_shape),
    LIST(ccb_staging_request, egress_rules, &ccb_egress_rule_shape),
    FIELD(ccb_staging_request, file_descriptors, CCB_JSON_K_INT64),
    FIELD(ccb_staging_request, memory_mb, CCB_JSON_K_INT64),
    FIELD(ccb_staging_request, disk_mb, CCB_JSON_K_INT64),
    FIELD(ccb_staging_request, timeout, CCB_JSON_K_INT64),
    FIELD(ccb_staging_request, lifecycle_data, CCB_JSON_K_RAW),
};
static const struct ccb_json_shape request_shape =
    SHAPE(ccb_staging_request, request_fields);

static int decode_data(struct ccb_sdk_call *c, struct ccb_json value,
                       const struct ccb_json_shape *shape, void *data)
{
    struct ccb_error err = {0, "", ""};
    int code = ccb_json_decode(value, shape, data, &c->alloc, &err);

    if (code == 0)
        return 0;
    err.code = code == CCB_NO_MEMORY ? code : CCB_FAILED;
    ccb_error_prefix(&err, "lifecycle_data");
    return ccb_sdk_fail_error(c, &err);
}

int ccb_staging_decode(struct ccb_sdk_call *c, struct ccb_staging_request *out,
                       const struct ccb_json_shape *data_shape, void *data)
{
    int code = ccb_sdk_decode(c, CCB_JSON_WHOLE, &request_shape, out);

    if (code < 0)
        return code;
    if (out->lifecycle_data.type == CCB_JSON_NONE ||
        out->lifecycle_data.type == CCB_JSON_NULL)
        return ccb_sdk_fail(c, CCB_FAILED, "missing lifecycle data");
    code = decode_data(c, out->lifecycle_data, data_shape, data);
    if (code == 0 && out->app_id.len == 0)
        code = ccb_sdk_fail(c, CCB_FAILED, "missing app id");
    return code;
}

int64_t ccb_staging_find_timeout(struct ccb_sdk_call *c,
                                 const struct ccb_staging_request *request)
{
    const int64_t most = INT64_MAX / CCB_SECOND; /* 292 years */
    struct ccb_sdk_log log;
    struct ccb_json_writer *w;

    if (request->timeout > 0)
        return request->timeout < most ? request->timeout : most;
    w = ccb_sdk_log_begin(&log, c);
    ccb_json_member_int(w, "requested-timeout", request->timeout);
    ccb_json_member_int(w, "default-timeout", DEFAULT_TIMEOUT * CCB_SECOND);
    ccb_json_member_string(w, "app-id", request->app_id);
    ccb_sdk_log_end(&log, CCB_LOG_INFO, "overriding requested timeout");
    return DEFAULT_TIMEOUT;
}

/* ---- the task ----------------------------------------------------------- */

void ccb_staging_put_env(struct ccb_json_writer *w,
                         const struct ccb_staging_request *request)
{
    const struct ccb_env *env = request->environment.items;
    size_t i;

    if (request->environment.count == 0)
        return;
    ccb_json_key(w, "env");
    ccb_json_begin_array(w);
    for (i = 0; i < request->environment.count; i++)
        ccb_put_env(w, &env[i]);
    ccb_json_end_array(w);
}

void ccb_staging_put_task(struct ccb_json_writer *w,
                          const struct ccb_staging_request *request,
                          const char *result_file, int cpu_weight)
{
    ccb_json_member_cstr(w, "result_file", result_file);
    ccb_json_member_int(w, "memory_mb", request->memory_mb);
    ccb_json_member_int(w, "disk_mb", request->disk_mb);
    ccb_json_member_int(w, "cpu_weight", cpu_weight);
    ccb_json_member_cstr(w, "log_source", "STG");
    ccb_json_member_cstr(w, "metrics_guid", "");
}

/* ---- the result --------------------------------------------------------- */

struct finished_task {
    struct ccb_slice result;
};

static const struct ccb_json_field task_fields[] = {
    FIELD(finished_task, result, CCB_JSON_K_STRING),
};
static const struct ccb_json_shape task_shape =
    SHAPE(finished_task, task_fields);

static const struct ccb_json_field result_fields[] = {
    FIELD(ccb_staging_result, execution_metadata, CCB_JSON_K_STRING),
    FIELD(ccb_staging_result, detected_start_command, CCB_JSON_K_RAW),
};
static const struct ccb_json_shape result_shape =
    SHAPE(ccb_staging_result, result_fields);

static int check_commands(struct ccb_json commands, struct ccb_error *err)
{
    struct ccb_json_iter it = ccb_json_iter(commands);

    if (commands.type == CCB_JSON_NONE || commands.type == CCB_JSON_NULL)
        return 0;
    if (commands.type != CCB_JSON_OBJECT)
        return ccb_error_set(err, CCB_INVALID,
                             "detected_start_command: expected an object");
    while (ccb_json_next(&it))
        if (it.value.type != CCB_JSON_STRING && it.value.type != CCB_JSON_NULL)
            return ccb_error_set(
                err, CCB_INVALID,
                "detected_start_command: expected strings as values");
    return 0;
}

int ccb_staging_read_result(struct ccb_sdk_call *c,
                            struct ccb_staging_result *out,
                            const struct ccb_json_shape *own_shape, void *own)
{
    struct ccb_error err = {0, "", ""};
    struct finished_task task;
    struct ccb_json document;
    int code = ccb_sdk_decode(c, CCB_JSON_FIRST, &task_shape, &task);

    if (code < 0)
        return code;
    code = ccb_json_parse(&document, task.result, CCB_JSON_WHOLE, &err);
    if (code == 0)
        code = ccb_json_decode(document, &result_shape, out, &c->alloc, &err);
    if (code == 0)
        code = ccb_json_decode(document, own_shape, own, &c->alloc, &err);
    if (code == 0)
        code = check_commands(out->detected_start_command, &err);
    if (code == 0)
        return 0;
    ccb_error_prefix(&err, "the task's result");
    return ccb_sdk_fail_error(c, &err);
}

/* Not copied, so that what a builder wrote as invalid UTF-8 does not reach
 * CC. */
static void put_commands(struct ccb_sdk_call *c, struct ccb_json_writer *w,
                         struct ccb_json commands)
{
    struct ccb_json_iter it = ccb_json_iter(commands);

    ccb_json_key(w, "detected_start_command");
    if (commands.type != CCB_JSON_OBJECT) {
        ccb_json_put_null(w);
        return;
    }
    ccb_json_begin_object(w);
    while (ccb_json_next(&it)) {
        struct ccb_slice key = CCB_LIT(""), value = CCB_LIT("");
        if (ccb_json_string(it.key, &c->alloc, &key) < 0 ||
            (it.value.type == CCB_JSON_STRING &&
             ccb_json_string(it.value, &c->alloc, &value) < 0))
            ccb_sdk_fail(c, CCB_NO_MEMORY, "out of memory");
        ccb_json_key_slice(w, key);
        ccb_json_put_string(w, value);
    }
    ccb_json_end_object(w);
}

void ccb_staging_put_result(struct ccb_sdk_call *c, struct ccb_json_writer *w,
                            const struct ccb_staging_result *result)
{
    ccb_json_member_string(w, "execution_metadata", result->execution_metadata);
    put_commands(c, w, result->detected_start_command);
}

static int put_response(struct ccb_sdk_call *c,
                        const struct ccb_staging_result *result,
                        const char *const *names,
                        const struct ccb_slice *values, size_t count)
{
    struct ccb_json_writer w;
    size_t i;

    ccb_sdk_writer(c, &w);
    ccb_json_begin_object(&w);
    ccb_staging_put_result(c, &w, result);
    ccb_json_key(&w, "lifecycle_data");
    ccb_json_begin_object(&w);
    for (i = 0; i < count; i++)
        ccb_json_member_string(&w, names[i], values[i]);
    ccb_json_end_object(&w);
    ccb_json_end_object(&w);
    return ccb_sdk_end(c, &w);
}

int ccb_staging_build_response(struct ccb_instance *self, struct ccb_call *call,
                               const struct ccb_request *request,
                               const char *const *names, size_t count)
{
    struct ccb_json_field fields[CCB_STAGING_DATA_MAX] = {{0}};
    struct ccb_slice values[CCB_STAGING_DATA_MAX];
    const struct ccb_json_shape shape = {fields, count,
                                         count * sizeof(values[0])};
    struct ccb_staging_result result;
    struct ccb_sdk_call c;
    int code = ccb_sdk_begin(&c, ccb_sdk_host(self), call, request);
    size_t i;

    if (code == 0 && count > CCB_STAGING_DATA_MAX)
        code = ccb_sdk_fail(&c, CCB_FAILED, "too many names of lifecycle_data");
    if (code < 0)
        return code;
    for (i = 0; i < count; i++) {
        fields[i].name = names[i];
        fields[i].kind = CCB_JSON_K_STRING;
        fields[i].offset = i * sizeof(values[0]);
    }
    code = ccb_staging_read_result(&c, &result, &shape, values);
    return code < 0 ? code : put_response(&c, &result, names, values, count);
}
