/*
 * Running an app of Cloud Foundry: what CC asks for, and the members of the
 * desired LRP that are the same for all of its lifecycles.
 *
 * Invariant: what is judged here is the app's source, which comes first, and
 * the SSH keys, which are asked for last since they cost. Follows
 * contract/nsync.md 3.1 to 3.3, 3.6.
 */
#include "ccbridge/app.h"

#include <stdio.h>

#define SSH_PORT 2222
#define DEFAULT_NOFILE 1024
#define HEALTH_TIMEOUT (30 * CCB_SECOND)

/* A slice of a literal, where an expression is needed. */
#define TEXT(literal) ccb_slice_make((literal), sizeof(literal) - 1)

#define FIELD(member, as)                                                      \
    {                                                                          \
        .name = #member, .kind = (as),                                         \
        .offset = offsetof(struct ccb_app, member)                             \
    }
#define LIST(member, of, with)                                                 \
    {                                                                          \
        .name = #member, .kind = CCB_JSON_K_LIST,                              \
        .offset = offsetof(struct ccb_app, member), .element = (of),           \
        .shape = (with)                                                        \
    }

static const struct ccb_json_field app_fields[] = {
    FIELD(process_guid, CCB_JSON_K_STRING),
    FIELD(droplet_uri, CCB_JSON_K_STRING),
    FIELD(docker_image, CCB_JSON_K_STRING),
    FIELD(stack, CCB_JSON_K_STRING),
    FIELD(start_command, CCB_JSON_K_STRING),
    FIELD(execution_metadata, CCB_JSON_K_STRING),
    FIELD(log_guid, CCB_JSON_K_STRING),
    FIELD(health_check_type, CCB_JSON_K_STRING),
    LIST(environment, CCB_JSON_K_OBJECT, &ccb_env_shape),
    LIST(routes, CCB_JSON_K_STRING, NULL),
    LIST(egress_rules, CCB_JSON_K_OBJECT, &ccb_egress_rule_shape),
    FIELD(memory_mb, CCB_JSON_K_INT64),
    FIELD(disk_mb, CCB_JSON_K_INT64),
    FIELD(num_instances, CCB_JSON_K_INT64),
    FIELD(file_descriptors, CCB_JSON_K_UINT64),
    FIELD(health_check_timeout_in_seconds, CCB_JSON_K_UINT64),
    FIELD(allow_ssh, CCB_JSON_K_BOOL),
};
const struct ccb_json_shape ccb_app_shape = {
    app_fields, sizeof(app_fields) / sizeof(app_fields[0]),
    sizeof(struct ccb_app)};

static int refuse(struct ccb_sdk_call *c, const char *text)
{
    struct ccb_sdk_log log;
    struct ccb_json_writer *w = ccb_sdk_log_begin(&log, c);

    ccb_json_member_raw(w, "desired-app", c->message.raw);
    ccb_sdk_log_end(&log, CCB_LOG_ERROR, "desired-app-invalid");
    return ccb_sdk_fail(c, CCB_INVALID, text);
}

int ccb_app_check_source(struct ccb_sdk_call *c, const struct ccb_app *app,
                         enum ccb_app_source source)
{
    if (source == CCB_APP_DROPLET && app->droplet_uri.len == 0)
        return refuse(c, "desired app missing droplet_uri");
    if (source == CCB_APP_DOCKER_IMAGE && app->docker_image.len == 0)
        return refuse(c, "desired app missing docker_image");
    if (app->droplet_uri.len > 0 && app->docker_image.len > 0)
        return refuse(c, "desired app contains both droplet_uri and "
                         "docker_image; exactly one is required.");
    return 0;
}

int ccb_app_find_ssh_keys(struct ccb_sdk_call *c, const struct ccb_app *app,
                          struct ccb_ssh_keys *out)
{
    struct ccb_json keys = ccb_json_get(c->gathered, "ssh_keys");

    if (!app->allow_ssh)
        return 0;
    if (c->gathered.type == CCB_JSON_NONE)
        return c->host->need_facts(c->call, ccb_slice_of("ssh_keys"));
    out->host_key = ccb_sdk_member(c, keys, "host_key");
    out->host_fingerprint = ccb_sdk_member(c, keys, "host_fingerprint");
    out->user_key = ccb_sdk_member(c, keys, "user_key");
    out->authorized_key = ccb_sdk_member(c, keys, "authorized_key");
    /* An app that cannot be reached by SSH, or by everybody, is no answer. */
    if (out->host_key.len == 0 || out->host_fingerprint.len == 0 ||
        out->user_key.len == 0 || out->authorized_key.len == 0)
        return ccb_sdk_fail(c, CCB_FAILED,
                            "the gathered fact \"ssh_keys\" lacks a key");
    return c->code;
}

static uint64_t nofile(const struct ccb_app_run *r)
{
    uint64_t given = r->app->file_descriptors;

    return given > 0 ? given : DEFAULT_NOFILE;
}

/* Linear between 1 at 256 MB and 100 at 8 GB, in whole numbers (3.3). */
static int64_t cpu_weight(int64_t memory_mb)
{
    if (memory_mb > 8192)
        return 100;
    if (memory_mb < 256)
        return 1;
    return 99 * (memory_mb - 256) / 7936 + 1;
}

static void put_app_env(const struct ccb_app_run *r, struct ccb_json_writer *w)
{
    const struct ccb_env *env = r->app->environment.items;
    char port[8];
    size_t i;

    ccb_json_key(w, "env");
    ccb_json_begin_array(w);
    for (i = 0; i < r->app->environment.count; i++)
        ccb_put_env(w, &env[i]);
    snprintf(port, sizeof(port), "%u", r->port);
    ccb_put_env_text(w, "PORT", port);
    ccb_json_end_array(w);
}

static void put_launcher(const struct ccb_app_run *r, struct ccb_json_writer *w)
{
    struct ccb_slice args[] = {CCB_LIT("app"), r->app->start_command,
                               r->app->execution_metadata};

    ccb_action_begin_run(w, TEXT("/tmp/lifecycle/launcher"));
    ccb_put_args(w, args, 3);
    put_app_env(r, w);
    ccb_action_end_run(w, nofile(r), r->user, TEXT("APP"));
}

static void put_sshd(const struct ccb_app_run *r, struct ccb_json_writer *w)
{
    struct ccb_slice host_key[] = {CCB_LIT("-hostKey="), r->ssh->host_key};
    struct ccb_slice authorized[] = {CCB_LIT("-authorizedKey="),
                                     r->ssh->authorized_key};

    ccb_action_begin_run(w, TEXT("/tmp/lifecycle/diego-sshd"));
    ccb_json_key(w, "args");
    ccb_json_begin_array(w);
    ccb_json_put_string(w, TEXT("-address=0.0.0.0:2222"));
    ccb_json_put_pieces(w, host_key, 2);
    ccb_json_put_pieces(w, authorized, 2);
    ccb_json_put_string(w, TEXT("-inheritDaemonEnv"));
    ccb_json_put_string(w, TEXT("-logLevel=fatal"));
    ccb_json_end_array(w);
    put_app_env(r, w);
    ccb_action_end_run(w, nofile(r), r->user, TEXT(""));
}

static void put_action(const struct ccb_app_run *r, struct ccb_json_writer *w)
{
    ccb_json_key(w, "action");
    ccb_action_begin_list(w, "codependent");
    put_launcher(r, w);
    if (r->app->allow_ssh)
        put_sshd(r, w);
    ccb_action_end_list(w);
}

/* Only "port", which is also what no type means; any other type has none. */
static void put_monitor(const struct ccb_app_run *r, struct ccb_json_writer *w)
{
    struct ccb_slice arg;
    char port[16];

    if (r->app->health_check_type.len > 0 &&
        !ccb_slice_is(r->app->health_check_type, "port"))
        return;
    ccb_json_key(w, "monitor");
    ccb_action_begin_timeout(w);
    ccb_action_begin_run(w, TEXT("/tmp/lifecycle/healthcheck"));
    arg.ptr = port;
    arg.len = (size_t)snprintf(port, sizeof(port), "-port=%u", r->port);
    ccb_put_args(w, &arg, 1);
    ccb_action_end_run(w, DEFAULT_NOFILE, r->user, TEXT("HEALTH"));
    ccb_action_end_timeout(w, HEALTH_TIMEOUT);
}

static void put_ports(const struct ccb_app_run *r, struct ccb_json_writer *w)
{
    ccb_json_key(w, "ports");
    ccb_json_begin_array(w);
    ccb_json_put_int(w, r->port);
    if (r->app->allow_ssh)
        ccb_json_put_int(w, SSH_PORT);
    ccb_json_end_array(w);
}

static void put_ssh_route(const struct ccb_app_run *r,
                          struct ccb_json_writer *w)
{
    ccb_json_key(w, "diego-ssh");
    ccb_json_begin_object(w);
    ccb_json_member_int(w, "container_port", SSH_PORT);
    ccb_json_member_string(w, "host_fingerprint", r->ssh->host_fingerprint);
    ccb_json_member_string(w, "private_key", r->ssh->user_key);
    ccb_json_end_object(w);
}

static void put_host_names(const struct ccb_app_run *r,
                           struct ccb_json_writer *w)
{
    const struct ccb_slice *names = r->app->routes.items;
    size_t i;

    ccb_json_key(w, "hostnames");
    if (!r->app->routes.given) { /* [] and nothing are told apart */
        ccb_json_put_null(w);
        return;
    }
    ccb_json_begin_array(w);
    for (i = 0; i < r->app->routes.count; i++)
        ccb_json_put_string(w, names[i]);
    ccb_json_end_array(w);
}

static void put_routes(const struct ccb_app_run *r, struct ccb_json_writer *w)
{
    ccb_json_key(w, "routes");
    ccb_json_begin_object(w);
    ccb_json_key(w, "cf-router");
    ccb_json_begin_array(w);
    ccb_json_begin_object(w);
    put_host_names(r, w);
    ccb_json_member_int(w, "port", r->port);
    ccb_json_end_object(w);
    ccb_json_end_array(w);
    if (r->app->allow_ssh)
        put_ssh_route(r, w);
    ccb_json_end_object(w);
}

void ccb_put_app(struct ccb_json_writer *w, const struct ccb_app_run *r)
{
    const struct ccb_app *app = r->app;

    put_action(r, w);
    put_monitor(r, w);
    ccb_json_member_int(w, "instances", app->num_instances);
    ccb_json_member_uint(w, "start_timeout",
                         app->health_check_timeout_in_seconds);
    ccb_json_member_int(w, "disk_mb", app->disk_mb);
    ccb_json_member_int(w, "memory_mb", app->memory_mb);
    ccb_json_member_int(w, "cpu_weight", cpu_weight(app->memory_mb));
    put_ports(r, w);
    put_routes(r, w);
    ccb_json_member_string(w, "log_guid", app->log_guid);
    ccb_json_member_cstr(w, "log_source", "CELL");
    ccb_json_member_string(w, "metrics_guid", app->log_guid);
    ccb_put_egress_rules(w, &app->egress_rules, CCB_EGRESS_RUN);
}
