/*
 * CC's desire request. All members of contract/nsync.md 1.2 are checked for
 * their types, though the listener itself needs only a few of them.
 */
#include "model/desire.h"

#include "ccbridge/sdk.h"

/* What is decoded only to be checked, beside what is kept. */
struct wire {
    struct ccb_desire_request kept;
    struct ccb_slice text; /* where strings nobody reads end up */
    int64_t number;
    uint64_t positive;
    bool flag;
    struct ccb_json_list list;
    struct ccb_json data; /* lifecycle_data */
};

#define TEXT(key, member)                                                      \
    {                                                                          \
        .name = (key), .kind = CCB_JSON_K_STRING,                              \
        .offset = offsetof(struct wire, member)                                \
    }
#define NUMBER(key, as, member)                                                \
    {                                                                          \
        .name = (key), .kind = (as), .offset = offsetof(struct wire, member)   \
    }
#define LIST(key, of, with, member)                                            \
    {                                                                          \
        .name = (key), .kind = CCB_JSON_K_LIST,                                \
        .offset = offsetof(struct wire, member), .element = (of),              \
        .shape = (with)                                                        \
    }

static const struct ccb_json_field desire_fields[] = {
    TEXT("process_guid", kept.process_guid),
    TEXT("droplet_uri", text),
    TEXT("docker_image", kept.docker_image),
    TEXT("docker_login_server", text),
    TEXT("docker_user", text),
    TEXT("docker_password", text),
    TEXT("docker_email", text),
    TEXT("stack", kept.stack),
    TEXT("lifecycle", kept.lifecycle),
    NUMBER("lifecycle_data", CCB_JSON_K_RAW, data),
    TEXT("start_command", text),
    TEXT("execution_metadata", text),
    TEXT("log_guid", text),
    TEXT("health_check_type", text),
    TEXT("etag", kept.etag),
    NUMBER("memory_mb", CCB_JSON_K_INT64, number),
    NUMBER("disk_mb", CCB_JSON_K_INT64, number),
    NUMBER("file_descriptors", CCB_JSON_K_UINT64, positive),
    NUMBER("num_instances", CCB_JSON_K_INT64, kept.num_instances),
    NUMBER("health_check_timeout_in_seconds", CCB_JSON_K_UINT64, positive),
    NUMBER("allow_ssh", CCB_JSON_K_BOOL, flag),
    LIST("environment", CCB_JSON_K_OBJECT, &ccb_env_shape, kept.environment),
    LIST("routes", CCB_JSON_K_STRING, NULL, kept.routes),
    LIST("egress_rules", CCB_JSON_K_OBJECT, &ccb_egress_rule_shape, list),
};

static const struct ccb_json_shape desire_shape = {
    desire_fields, sizeof(desire_fields) / sizeof(desire_fields[0]),
    sizeof(struct wire)};

static int take_data(struct ccb_desire_request *out, struct ccb_json data,
                     const struct ccb_json_alloc *alloc, struct ccb_error *err)
{
    struct ccb_json stack = ccb_json_get(data, "stack");
    if (data.type != CCB_JSON_OBJECT && data.type != CCB_JSON_NULL &&
        data.type != CCB_JSON_NONE)
        return ccb_error_set(err, CCB_INVALID,
                             "lifecycle_data: expected an object");
    if (stack.type == CCB_JSON_STRING &&
        ccb_json_string(stack, alloc, &out->lifecycle_stack) < 0)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    return 0;
}

int ccb_desire_request_decode(struct ccb_desire_request *out,
                              struct ccb_slice text, struct ccb_arena *arena,
                              struct ccb_error *err)
{
    struct ccb_json_alloc alloc = ccb_arena_json(arena);
    struct ccb_json document;
    struct wire wire;
    int code = ccb_json_parse(&document, text, CCB_JSON_FIRST, err);
    if (code == 0)
        code = ccb_json_decode(document, &desire_shape, &wire, &alloc, err);
    if (code < 0)
        return code;
    *out = wire.kept;
    out->document = document;
    return take_data(out, wire.data, &alloc, err);
}

static void put_cf_router(struct ccb_json_writer *w,
                          const struct ccb_json_list *hosts, uint16_t port)
{
    const struct ccb_slice *names = hosts->items;
    size_t i;
    ccb_json_key(w, "cf-router");
    ccb_json_begin_array(w);
    ccb_json_begin_object(w);
    ccb_json_key(w, "hostnames");
    if (hosts->given) {
        ccb_json_begin_array(w);
        for (i = 0; i < hosts->count; i++)
            ccb_json_put_string(w, names[i]);
        ccb_json_end_array(w);
    } else {
        ccb_json_put_null(w);
    }
    ccb_json_member_int(w, "port", port);
    ccb_json_end_object(w);
    ccb_json_end_array(w);
}

void ccb_lrp_update_encode(struct ccb_buf *out,
                           const struct ccb_desire_request *request,
                           struct ccb_json existing_routes, uint16_t port)
{
    struct ccb_json_iter it = ccb_json_iter(existing_routes);
    struct ccb_json_writer w;
    ccb_json_writer_init(&w, ccb_buf_sink, out);
    ccb_json_begin_object(&w);
    ccb_json_member_int(&w, "instances", request->num_instances);
    ccb_json_key(&w, "routes");
    ccb_json_begin_object(&w);
    put_cf_router(&w, &request->routes, port);
    while (existing_routes.type == CCB_JSON_OBJECT && ccb_json_next(&it)) {
        if (ccb_json_string_is(it.key, "cf-router"))
            continue;
        ccb_json_key_raw(&w, it.key.raw);
        ccb_json_put_raw(&w, it.value.raw);
    }
    ccb_json_end_object(&w);
    ccb_json_member_string(&w, "annotation", request->etag);
    ccb_json_end_object(&w);
    ccb_json_writer_end(&w);
}
