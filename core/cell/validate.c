/*
 * Create requests, read and judged: contract/receptor-api.md 4.1, 4.2.
 *
 * Invariant: what passes can be stored, run and shown: the body that is kept
 * was written by us, member by member, and nothing of the client's text is in
 * it unread.
 */
#include "cell/validate.h"

#include "ccbridge/sdk.h"
#include "cell/action.h"
#include "cell/egress.h"
#include "cell/routes.h"

#define MAX_ANNOTATION 10240
#define MAX_CPU_WEIGHT 100

/* ---- the request -------------------------------------------------------- */

/* Tasks and LRPs share most members; one struct serves both. */
struct input {
    struct ccb_slice guid, domain, rootfs;
    struct ccb_json action, setup, monitor;
    struct ccb_json_list env, egress_rules, ports;
    uint64_t cpu_weight, start_timeout;
    int64_t disk_mb, memory_mb, instances;
    bool privileged;
    struct ccb_slice log_guid, log_source, metrics_guid;
    struct ccb_slice result_file, callback_url, annotation;
    struct ccb_json routes;
};

#define FIELD(text, kind_, member)                                             \
    {                                                                          \
        .name = text, .kind = CCB_JSON_K_##kind_,                              \
        .offset = offsetof(struct input, member)                               \
    }
#define COMMON                                                                 \
    FIELD("domain", STRING, domain), FIELD("rootfs", STRING, rootfs),          \
        FIELD("action", RAW, action),                                          \
        {.name = "env",                                                        \
         .kind = CCB_JSON_K_LIST,                                              \
         .offset = offsetof(struct input, env),                                \
         .element = CCB_JSON_K_OBJECT,                                         \
         .shape = &ccb_env_pair_shape},                                        \
        {.name = "egress_rules",                                               \
         .kind = CCB_JSON_K_LIST,                                              \
         .offset = offsetof(struct input, egress_rules),                       \
         .element = CCB_JSON_K_OBJECT,                                         \
         .shape = &ccb_egress_rule_shape},                                     \
        FIELD("cpu_weight", UINT64, cpu_weight),                               \
        FIELD("disk_mb", INT64, disk_mb),                                      \
        FIELD("memory_mb", INT64, memory_mb),                                  \
        FIELD("privileged", BOOL, privileged),                                 \
        FIELD("log_guid", STRING, log_guid),                                   \
        FIELD("log_source", STRING, log_source),                               \
        FIELD("metrics_guid", STRING, metrics_guid),                           \
        FIELD("annotation", STRING, annotation)

static const struct ccb_json_field task_fields[] = {
    FIELD("task_guid", STRING, guid), COMMON,
    FIELD("result_file", STRING, result_file),
    FIELD("completion_callback_url", STRING, callback_url)};
static const struct ccb_json_shape task_shape = {
    task_fields, sizeof(task_fields) / sizeof(task_fields[0]),
    sizeof(struct input)};

static const struct ccb_json_field lrp_fields[] = {
    FIELD("process_guid", STRING, guid),
    COMMON,
    FIELD("setup", RAW, setup),
    FIELD("monitor", RAW, monitor),
    FIELD("instances", INT64, instances),
    FIELD("start_timeout", UINT64, start_timeout),
    {.name = "ports",
     .kind = CCB_JSON_K_LIST,
     .offset = offsetof(struct input, ports),
     .element = CCB_JSON_K_UINT16},
    FIELD("routes", RAW, routes)};
static const struct ccb_json_shape lrp_shape = {
    lrp_fields, sizeof(lrp_fields) / sizeof(lrp_fields[0]),
    sizeof(struct input)};

/* ---- refusals ----------------------------------------------------------- */

static int refuse(struct ccb_refusal *refusal, struct ccb_arena *arena,
                  const char *name, struct ccb_slice message)
{
    refusal->name = name;
    refusal->message = ccb_arena_copy(arena, message);
    return refusal->message.ptr ? CCB_INVALID : CCB_NO_MEMORY;
}

static int refuse_error(struct ccb_refusal *refusal, struct ccb_arena *arena,
                        const char *name, const struct ccb_error *err)
{
    return err->code == CCB_NO_MEMORY
               ? CCB_NO_MEMORY
               : refuse(refusal, arena, name, ccb_slice_of(err->message));
}

/* The messages that were gathered; 0 when there are none. */
static int refuse_messages(struct ccb_refusal *refusal, struct ccb_arena *arena,
                           const char *name, const struct ccb_buf *messages)
{
    if (messages->failed)
        return CCB_NO_MEMORY;
    return messages->len == 0
               ? 0
               : refuse(refusal, arena, name, ccb_buf_slice(messages));
}

/* ---- single rules ------------------------------------------------------- */

static bool is_guid(struct ccb_slice guid)
{
    for (size_t i = 0; i < guid.len; i++) {
        char c = guid.ptr[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              (c >= '0' && c <= '9') || c == '_' || c == '-'))
            return false;
    }
    return guid.len > 0;
}

static bool is_rootfs(struct ccb_slice rootfs)
{
    struct ccb_slice scheme;

    return ccb_url_scheme(rootfs, &scheme, NULL) == 0 && scheme.len > 0;
}

static void require(struct ccb_buf *messages, bool met, const char *name)
{
    if (met)
        return;
    ccb_message_add(messages, "Invalid field: ");
    (void)ccb_buf_put(messages, name);
}

static void validate_sizes(struct ccb_buf *messages, const struct input *in)
{
    require(messages, in->cpu_weight <= MAX_CPU_WEIGHT, "cpu_weight");
    require(messages, in->memory_mb >= 0, "memory_mb");
    require(messages, in->disk_mb >= 0, "disk_mb");
    require(messages, in->annotation.len <= MAX_ANNOTATION, "annotation");
}

/* ---- the body that is kept ---------------------------------------------- */

static void put_common(struct ccb_json_writer *w, const struct input *in)
{
    ccb_json_member_string(w, "domain", in->domain);
    ccb_json_member_string(w, "rootfs", in->rootfs);
    if (in->env.count > 0) {
        ccb_json_key(w, "env");
        ccb_env_encode(w, &in->env);
    }
    ccb_json_member_uint(w, "cpu_weight", in->cpu_weight);
    ccb_json_member_int(w, "disk_mb", in->disk_mb);
    ccb_json_member_int(w, "memory_mb", in->memory_mb);
    ccb_json_member_bool(w, "privileged", in->privileged);
    ccb_json_member_string(w, "log_guid", in->log_guid);
    ccb_json_member_string(w, "log_source", in->log_source);
    ccb_json_member_string(w, "metrics_guid", in->metrics_guid);
    ccb_egress_encode(w, &in->egress_rules);
}

static void put_action(struct ccb_json_writer *w, const char *key,
                       const struct ccb_action *action,
                       enum ccb_action_form form)
{
    ccb_json_key(w, key);
    ccb_action_encode(w, action, form);
}

static int keep_body(struct ccb_arena *arena, struct ccb_buf *text,
                     struct ccb_slice *body)
{
    if (!text->failed)
        *body = ccb_arena_copy(arena, ccb_buf_slice(text));
    return text->failed || !body->ptr ? CCB_NO_MEMORY : 0;
}

/* ---- tasks -------------------------------------------------------------- */

static int encode_task(struct ccb_slice *body, const struct input *in,
                       const struct ccb_action *action, struct ccb_arena *arena)
{
    struct ccb_buf text = {0};
    struct ccb_json_writer w;
    int code;

    ccb_json_writer_init(&w, ccb_buf_sink, &text);
    ccb_json_begin_object(&w);
    ccb_json_member_string(&w, "task_guid", in->guid);
    put_action(&w, "action", action, CCB_ACTION_OF_TASK);
    put_common(&w, in);
    ccb_json_end_object(&w);
    code = ccb_json_writer_end(&w);
    if (code == 0)
        code = keep_body(arena, &text, body);
    ccb_buf_destroy(&text);
    return code;
}

static int validate_task(const struct input *in,
                         const struct ccb_action *action,
                         struct ccb_arena *arena, struct ccb_refusal *refusal)
{
    struct ccb_buf messages = {0}, egress = {0};
    int code;

    require(&messages, is_guid(in->guid), "task_guid");
    require(&messages, in->domain.len > 0, "domain");
    require(&messages, is_rootfs(in->rootfs), "rootfs");
    ccb_action_validate(&messages, action);
    validate_sizes(&messages, in);
    ccb_egress_validate(&egress, &in->egress_rules);
    require(&messages, egress.len == 0 && !egress.failed, "egress_rules");
    code = refuse_messages(refusal, arena, "InvalidTask", &messages);
    if (egress.failed)
        code = CCB_NO_MEMORY;
    ccb_buf_destroy(&messages);
    ccb_buf_destroy(&egress);
    return code;
}

static int check_callback(const struct input *in, struct ccb_arena *arena,
                          struct ccb_refusal *refusal)
{
    struct ccb_error err;

    if (in->callback_url.len == 0 ||
        ccb_url_check_request_uri(in->callback_url, &err) == 0)
        return 0;
    return refuse_error(refusal, arena, "InvalidTask", &err);
}

static int decode_document(struct input *in, struct ccb_slice text,
                           const struct ccb_json_shape *shape,
                           struct ccb_arena *arena, struct ccb_error *err)
{
    struct ccb_json_alloc alloc = ccb_arena_json(arena);
    struct ccb_json document;
    int code = ccb_json_parse(&document, text, CCB_JSON_FIRST, err);

    return code < 0 ? code : ccb_json_decode(document, shape, in, &alloc, err);
}

int ccb_task_decode(struct ccb_task *out, struct ccb_slice text,
                    struct ccb_arena *arena, struct ccb_refusal *refusal)
{
    struct ccb_action *action = NULL;
    struct ccb_error err;
    struct input in;
    int code = decode_document(&in, text, &task_shape, arena, &err);

    if (code == 0)
        code = ccb_action_decode(&action, in.action, CCB_ACTION_OF_TASK, arena,
                                 &err);
    if (code < 0)
        return refuse_error(refusal, arena, "InvalidJSON", &err);
    code = check_callback(&in, arena, refusal);
    if (code == 0)
        code = validate_task(&in, action, arena, refusal);
    if (code < 0)
        return code;
    *out = (struct ccb_task){.task_guid = in.guid,
                             .domain = in.domain,
                             .result_file = in.result_file,
                             .callback_url = in.callback_url,
                             .annotation = in.annotation};
    return encode_task(&out->body, &in, action, arena);
}

/* ---- desired LRPs ------------------------------------------------------- */

struct lrp_actions {
    struct ccb_action *setup, *action, *monitor;
};

static int decode_actions(struct lrp_actions *out, const struct input *in,
                          struct ccb_arena *arena, struct ccb_error *err)
{
    int code = ccb_action_decode(&out->setup, in->setup, CCB_ACTION_OF_LRP,
                                 arena, err);

    if (code == 0)
        code = ccb_action_decode(&out->action, in->action, CCB_ACTION_OF_LRP,
                                 arena, err);
    if (code == 0)
        code = ccb_action_decode(&out->monitor, in->monitor, CCB_ACTION_OF_LRP,
                                 arena, err);
    if (code == 0 && !ccb_egress_ports_fit(&in->egress_rules))
        code = ccb_error_set(err, CCB_INVALID,
                             "egress_rules: a port is over 65535");
    return code;
}

static void put_ports(struct ccb_json_writer *w,
                      const struct ccb_json_list *ports)
{
    const uint16_t *items = ports->items;

    ccb_json_key(w, "ports");
    ccb_json_begin_array(w);
    for (size_t i = 0; i < ports->count; i++)
        ccb_json_put_uint(w, items[i]);
    ccb_json_end_array(w);
}

static int encode_lrp(struct ccb_slice *body, const struct input *in,
                      const struct lrp_actions *actions,
                      struct ccb_arena *arena)
{
    struct ccb_buf text = {0};
    struct ccb_json_writer w;
    int code;

    ccb_json_writer_init(&w, ccb_buf_sink, &text);
    ccb_json_begin_object(&w);
    ccb_json_member_string(&w, "process_guid", in->guid);
    put_action(&w, "setup", actions->setup, CCB_ACTION_OF_LRP);
    put_action(&w, "action", actions->action, CCB_ACTION_OF_LRP);
    put_action(&w, "monitor", actions->monitor, CCB_ACTION_OF_LRP);
    put_common(&w, in);
    ccb_json_member_uint(&w, "start_timeout", in->start_timeout);
    put_ports(&w, &in->ports);
    ccb_json_end_object(&w);
    code = ccb_json_writer_end(&w);
    if (code == 0)
        code = keep_body(arena, &text, body);
    ccb_buf_destroy(&text);
    return code;
}

static bool is_instances(int64_t instances)
{
    return instances >= 0 && instances <= CCB_CELL_MAX_INSTANCES;
}

static int validate_lrp(const struct input *in,
                        const struct lrp_actions *actions,
                        const struct ccb_routes *routes,
                        struct ccb_arena *arena, struct ccb_refusal *refusal)
{
    struct ccb_buf messages = {0}, egress = {0};
    int code;

    require(&messages, in->domain.len > 0, "domain");
    require(&messages, is_guid(in->guid), "process_guid");
    require(&messages, in->rootfs.len > 0, "rootfs");
    require(&messages, is_rootfs(in->rootfs), "rootfs");
    if (actions->setup)
        ccb_action_validate(&messages, actions->setup);
    ccb_action_validate(&messages, actions->action);
    if (actions->monitor)
        ccb_action_validate(&messages, actions->monitor);
    require(&messages, is_instances(in->instances), "instances");
    validate_sizes(&messages, in);
    require(&messages, ccb_routes_fit(routes), "routes");
    ccb_egress_validate(&egress, &in->egress_rules);
    if (egress.len > 0) {
        require(&messages, false, "egress_rules, ");
        (void)ccb_buf_put_slice(&messages, ccb_buf_slice(&egress));
    }
    code = refuse_messages(refusal, arena, "InvalidLRP", &messages);
    if (egress.failed)
        code = CCB_NO_MEMORY;
    ccb_buf_destroy(&messages);
    ccb_buf_destroy(&egress);
    return code;
}

int ccb_desired_decode(struct ccb_desired *out, struct ccb_slice text,
                       struct ccb_arena *arena, struct ccb_refusal *refusal)
{
    struct lrp_actions actions;
    struct ccb_routes routes;
    struct ccb_error err;
    struct input in;
    int code = decode_document(&in, text, &lrp_shape, arena, &err);

    if (code == 0)
        code = decode_actions(&actions, &in, arena, &err);
    if (code == 0)
        code = ccb_routes_decode(&routes, in.routes, arena, &err);
    if (code < 0)
        return refuse_error(refusal, arena, "InvalidJSON", &err);
    code = validate_lrp(&in, &actions, &routes, arena, refusal);
    if (code < 0)
        return code;
    *out = (struct ccb_desired){.process_guid = in.guid,
                                .domain = in.domain,
                                .instances = in.instances,
                                .routes = routes.text,
                                .annotation = in.annotation};
    return encode_lrp(&out->body, &in, &actions, arena);
}

/* ---- updates ------------------------------------------------------------ */

struct update {
    int64_t instances;
    struct ccb_json routes;
    struct ccb_slice annotation;
    bool has_instances, has_annotation;
};

#define AT(member) offsetof(struct update, member)
static const struct ccb_json_field update_fields[] = {
    {.name = "instances",
     .kind = CCB_JSON_K_INT64,
     .offset = AT(instances),
     .given = AT(has_instances) + 1},
    {.name = "routes", .kind = CCB_JSON_K_RAW, .offset = AT(routes)},
    {.name = "annotation",
     .kind = CCB_JSON_K_STRING,
     .offset = AT(annotation),
     .given = AT(has_annotation) + 1},
};
static const struct ccb_json_shape update_shape = {update_fields, 3,
                                                   sizeof(struct update)};

static int decode_update(struct update *in, struct ccb_routes *routes,
                         struct ccb_slice text, struct ccb_arena *arena,
                         struct ccb_error *err)
{
    struct ccb_json_alloc alloc = ccb_arena_json(arena);
    struct ccb_json document;
    int code = ccb_json_parse(&document, text, CCB_JSON_FIRST, err);

    if (code == 0)
        code = ccb_json_decode(document, &update_shape, in, &alloc, err);
    return code < 0 ? code : ccb_routes_decode(routes, in->routes, arena, err);
}

/* What is refused here answers UnknownError: the reference's word, kept. */
int ccb_desired_update_decode(struct ccb_desired_update *out,
                              struct ccb_slice text, struct ccb_arena *arena,
                              struct ccb_refusal *refusal)
{
    struct ccb_buf messages = {0};
    struct ccb_routes routes;
    struct ccb_error err;
    struct update in;
    int code = decode_update(&in, &routes, text, arena, &err);

    if (code < 0)
        return refuse_error(refusal, arena, "InvalidJSON", &err);
    require(&messages, is_instances(in.instances), "instances");
    require(&messages, in.annotation.len <= MAX_ANNOTATION, "annotation");
    require(&messages, ccb_routes_fit(&routes), "routes");
    code = refuse_messages(refusal, arena, "UnknownError", &messages);
    ccb_buf_destroy(&messages);
    *out = (struct ccb_desired_update){.has_instances = in.has_instances,
                                       .has_routes = routes.given,
                                       .has_annotation = in.has_annotation,
                                       .instances = in.instances,
                                       .routes = routes.text,
                                       .annotation = in.annotation};
    return code;
}
