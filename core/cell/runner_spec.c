/* Reads the body of a stored task or LRP, as the API's validation wrote it. */
#include "cell/cell_internal.h"

#define AT(member) offsetof(struct body, member)

struct body {
    struct ccb_slice rootfs, log_guid, log_source;
    int64_t memory_mb, disk_mb;
    uint64_t start_timeout;
    struct ccb_json_list env, ports;
    struct ccb_json setup, action, monitor;
};

static const struct ccb_json_field fields[] = {
    {.name = "rootfs", .kind = CCB_JSON_K_STRING, .offset = AT(rootfs)},
    {.name = "log_guid", .kind = CCB_JSON_K_STRING, .offset = AT(log_guid)},
    {.name = "log_source", .kind = CCB_JSON_K_STRING, .offset = AT(log_source)},
    {.name = "memory_mb", .kind = CCB_JSON_K_INT64, .offset = AT(memory_mb)},
    {.name = "disk_mb", .kind = CCB_JSON_K_INT64, .offset = AT(disk_mb)},
    {.name = "start_timeout",
     .kind = CCB_JSON_K_UINT64,
     .offset = AT(start_timeout)},
    {.name = "env",
     .kind = CCB_JSON_K_LIST,
     .offset = AT(env),
     .element = CCB_JSON_K_OBJECT,
     .shape = &ccb_env_pair_shape},
    {.name = "ports",
     .kind = CCB_JSON_K_LIST,
     .offset = AT(ports),
     .element = CCB_JSON_K_UINT16},
    {.name = "setup", .kind = CCB_JSON_K_RAW, .offset = AT(setup)},
    {.name = "action", .kind = CCB_JSON_K_RAW, .offset = AT(action)},
    {.name = "monitor", .kind = CCB_JSON_K_RAW, .offset = AT(monitor)},
};
static const struct ccb_json_shape shape = {
    fields, sizeof(fields) / sizeof(fields[0]), sizeof(struct body)};

int ccb_runner_spec_decode(struct ccb_runner_spec *spec, struct ccb_slice text,
                           enum ccb_runner_kind kind, struct ccb_arena *arena,
                           struct ccb_error *err)
{
    struct ccb_json_alloc alloc = ccb_arena_json(arena);
    enum ccb_action_form form =
        kind == CCB_RUNNER_TASK ? CCB_ACTION_OF_TASK : CCB_ACTION_OF_LRP;
    struct ccb_json document;
    struct body body;
    int code = ccb_json_parse(&document, text, CCB_JSON_WHOLE, err);

    if (code == 0)
        code = ccb_json_decode(document, &shape, &body, &alloc, err);
    if (code < 0)
        return code;
    spec->rootfs = body.rootfs;
    spec->log_guid = body.log_guid;
    spec->log_source = body.log_source;
    spec->needs = (struct ccb_room_needs){body.memory_mb, body.disk_mb};
    spec->start_timeout = body.start_timeout;
    spec->env = body.env;
    spec->ports = body.ports;
    code = ccb_action_decode(&spec->setup, body.setup, form, arena, err);
    if (code == 0)
        code = ccb_action_decode(&spec->action, body.action, form, arena, err);
    if (code == 0)
        code =
            ccb_action_decode(&spec->monitor, body.monitor, form, arena, err);
    return code;
}
