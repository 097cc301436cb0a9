/*
 * Task and LRP recipes: the plugin's document checked member by member against
 * a table, then joined with what the host sets itself.
 */
#include "model/recipe.h"

#include "ccbridge/sdk.h"

/* Larger than this no back end takes; it also bounds what one request holds. */
#define MAX_RECIPE_BYTES (1024 * 1024)

/* ---- kinds of members --------------------------------------------------- */

static int is_string(struct ccb_json v)
{
    return v.type == CCB_JSON_STRING;
}

static int is_bool(struct ccb_json v)
{
    return v.type == CCB_JSON_BOOL;
}

static int is_int(struct ccb_json v)
{
    int64_t n;
    return ccb_json_int64(v, &n) == 0;
}

static int is_uint(struct ccb_json v)
{
    uint64_t n;
    return ccb_json_uint64(v, &n) == 0;
}

static int is_weight(struct ccb_json v)
{
    uint64_t n;
    return ccb_json_uint64(v, &n) == 0 && n <= 100;
}

/* Something with a scheme: "preloaded:cflinuxfs2", "docker:///busybox". */
static int is_rootfs(struct ccb_json v)
{
    return v.type == CCB_JSON_STRING && v.raw.len > 2 &&
           memchr(v.raw.ptr, ':', v.raw.len) > (const void *)(v.raw.ptr + 1);
}

static int is_env(struct ccb_json v)
{
    struct ccb_json_iter it = ccb_json_iter(v);
    if (v.type != CCB_JSON_ARRAY)
        return 0;
    while (ccb_json_next(&it))
        if (ccb_json_get(it.value, "name").type != CCB_JSON_STRING ||
            ccb_json_get(it.value, "value").type != CCB_JSON_STRING)
            return 0;
    return 1;
}

static int is_list(struct ccb_json v)
{
    return v.type == CCB_JSON_ARRAY;
}

static int is_routes(struct ccb_json v)
{
    return v.type == CCB_JSON_OBJECT;
}

static int is_port(struct ccb_json v)
{
    uint64_t n;
    return ccb_json_uint64(v, &n) == 0 && n <= 65535;
}

static int is_ports(struct ccb_json v)
{
    struct ccb_json_iter it = ccb_json_iter(v);
    if (v.type != CCB_JSON_ARRAY)
        return 0;
    while (ccb_json_next(&it))
        if (!is_port(it.value))
            return 0;
    return 1;
}

enum kind {
    STRING,
    BOOL,
    INT,
    UINT,
    WEIGHT,
    ROOTFS,
    ENV,
    LIST,
    ROUTES,
    PORTS,
    ACTION, /* checked by action.c */
    HOST    /* the host's to set */
};

static const struct {
    int (*is)(struct ccb_json v);
    const char *expected;
} kinds[] = {
    [STRING] = {is_string, "a string"},
    [BOOL] = {is_bool, "a boolean"},
    [INT] = {is_int, "an integer"},
    [UINT] = {is_uint, "an integer that is not negative"},
    [WEIGHT] = {is_weight, "an integer from 0 to 100"},
    [ROOTFS] = {is_rootfs, "a URL with a scheme, as in \"preloaded:STACK\""},
    [ENV] = {is_env, "an array of {name, value}"},
    [LIST] = {is_list, "an array"},
    [ROUTES] = {is_routes, "an object"},
    [PORTS] = {is_ports, "an array of ports"},
};

/* ---- the tables --------------------------------------------------------- */

struct member {
    const char *name;
    enum kind kind;
    bool needed;
};

/* contract/stager.md B4 */
static const struct member task_members[] = {
    {"action", ACTION, true},
    {"rootfs", ROOTFS, true},
    {"env", ENV, false},
    {"egress_rules", LIST, false},
    {"cpu_weight", WEIGHT, false},
    {"memory_mb", INT, false},
    {"disk_mb", INT, false},
    {"privileged", BOOL, false},
    {"log_source", STRING, false},
    {"metrics_guid", STRING, false},
    {"result_file", STRING, false},
    {"task_guid", HOST, false},
    {"domain", HOST, false},
    {"log_guid", HOST, false},
    {"annotation", HOST, false},
    {"completion_callback_url", HOST, false},
    {NULL, HOST, false},
};

/* contract/stager.md B6 */
static const struct member lrp_members[] = {
    {"action", ACTION, true},
    {"rootfs", ROOTFS, true},
    {"setup", ACTION, false},
    {"monitor", ACTION, false},
    {"instances", INT, true},
    {"env", ENV, false},
    {"start_timeout", UINT, false},
    {"egress_rules", LIST, false},
    {"cpu_weight", WEIGHT, false},
    {"memory_mb", INT, false},
    {"disk_mb", INT, false},
    {"privileged", BOOL, false},
    {"ports", PORTS, true},
    {"routes", ROUTES, false},
    {"log_guid", STRING, false},
    {"log_source", STRING, false},
    {"metrics_guid", STRING, false},
    {"process_guid", HOST, false},
    {"domain", HOST, false},
    {"annotation", HOST, false},
    {NULL, HOST, false},
};

static const struct member *find_member(const struct member *members,
                                        struct ccb_json key)
{
    for (; members->name; members++)
        if (ccb_json_string_is(key, members->name))
            return members;
    return NULL;
}

static int check_member(const struct member *m, struct ccb_json_iter *it,
                        struct ccb_error *err)
{
    if (!m)
        return ccb_error_set(err, CCB_INVALID,
                             "recipe: unknown member %.*s for this back end",
                             (int)(it->key.raw.len < 60 ? it->key.raw.len : 60),
                             it->key.raw.ptr);
    if (m->kind == HOST)
        return ccb_error_set(err, CCB_INVALID,
                             "recipe: member \"%s\" is set by the host; leave "
                             "it out",
                             m->name);
    if (m->kind == ACTION)
        return ccb_action_check(m->name, it, err);
    ccb_json_settle(it);
    if (!kinds[m->kind].is(it->value))
        return ccb_error_set(err, CCB_INVALID, "recipe: \"%s\" must be %s",
                             m->name, kinds[m->kind].expected);
    return 0;
}

static int check_document(struct ccb_json recipe, const struct member *members,
                          struct ccb_error *err)
{
    const struct member *m;
    struct ccb_json_iter it;
    uint32_t seen = 0;
    if (recipe.raw.len > MAX_RECIPE_BYTES)
        return ccb_error_set(err, CCB_TOO_LARGE,
                             "recipe: %zu bytes, at most %d are allowed",
                             recipe.raw.len, MAX_RECIPE_BYTES);
    if (recipe.type != CCB_JSON_OBJECT)
        return ccb_error_set(err, CCB_INVALID, "recipe: must be an object");
    it = ccb_json_iter(recipe);
    while (ccb_json_step(&it)) {
        int code;
        m = find_member(members, it.key);
        code = check_member(m, &it, err);
        if (code < 0)
            return code;
        seen |= UINT32_C(1) << (m - members);
    }
    for (m = members; m->name; m++)
        if (m->needed && !(seen & UINT32_C(1) << (m - members)))
            return ccb_error_set(err, CCB_INVALID,
                                 "recipe: member \"%s\" is missing", m->name);
    return 0;
}

/* ---- joining ------------------------------------------------------------ */

/* `out` ends with the object of the host's members, and none is empty; the
 * plugin's members, at least the needed ones, take the place of its brace. */
static int join(struct ccb_buf *out, struct ccb_json_writer *host,
                struct ccb_json plugin, struct ccb_error *err)
{
    ccb_json_end_object(host);
    if (ccb_json_writer_end(host) == 0) {
        out->data[out->len - 1] = ',';
        ccb_buf_append(out, plugin.raw.ptr + 1, plugin.raw.len - 1);
    }
    return out->failed ? ccb_error_set(err, out->failed, "out of memory") : 0;
}

int ccb_task_recipe_encode(struct ccb_buf *out, struct ccb_json recipe,
                           const struct ccb_task_identity *identity,
                           struct ccb_error *err)
{
    struct ccb_json_writer w;
    int code = check_document(recipe, task_members, err);
    if (code < 0)
        return code;
    ccb_json_writer_init(&w, ccb_buf_sink, out);
    ccb_json_begin_object(&w);
    ccb_json_member_string(&w, "task_guid", identity->task_guid);
    ccb_json_member_string(&w, "domain", identity->domain);
    ccb_json_member_string(&w, "log_guid", identity->log_guid);
    ccb_json_member_string(&w, "completion_callback_url",
                           identity->completion_callback_url);
    if (identity->annotation.len > 0)
        ccb_json_member_string(&w, "annotation", identity->annotation);
    return join(out, &w, recipe, err);
}

int ccb_lrp_recipe_encode(struct ccb_buf *out, struct ccb_json recipe,
                          const struct ccb_lrp_identity *identity,
                          struct ccb_error *err)
{
    struct ccb_json_writer w;
    int code = check_document(recipe, lrp_members, err);
    if (code < 0)
        return code;
    ccb_json_writer_init(&w, ccb_buf_sink, out);
    ccb_json_begin_object(&w);
    ccb_json_member_string(&w, "process_guid", identity->process_guid);
    ccb_json_member_string(&w, "domain", identity->domain);
    if (identity->annotation.len > 0)
        ccb_json_member_string(&w, "annotation", identity->annotation);
    return join(out, &w, recipe, err);
}

int ccb_ports_first(struct ccb_json ports, uint16_t *out, struct ccb_error *err)
{
    struct ccb_json_iter it = ccb_json_iter(ports);
    uint64_t port;
    if (!is_ports(ports) || !ccb_json_next(&it) ||
        ccb_json_uint64(it.value, &port) < 0)
        return ccb_error_set(err, CCB_INVALID,
                             "ports: must be a non-empty array of ports");
    *out = (uint16_t)port;
    return 0;
}
