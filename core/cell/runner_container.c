/*
 * The container's half of a runner: environment and ports (contract/actions.md
 * 5.2, 5.3), creation with its log lines, steps, result file
 * (contract/receptor-api.md 6.2).
 */
#include <openssl/evp.h>
#include <string.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "cell/runner.h"

#define RESULT_MAX 10240
#define CONTAINER_ENV 4
#define PLAIN_MAX 80 /* with all the rest a name has at most 150 */

#define STOPPED "Container stopped by user"
#define NOT_CREATED "failed to initialize container"
#define NO_RESULT "failed to fetch result"

static void end_with(struct ccb_runner *r, const char *reason)
{
    ccb_runner_end(r, reason != NULL, ccb_slice_of(reason ? reason : ""));
}

/* ---- the name ----------------------------------------------------------- */

static bool is_plain(struct ccb_slice text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";

    for (size_t i = 0; i < text.len; i++)
        if (!memchr(plain, text.ptr[i], sizeof(plain) - 1))
            return false;
    return text.len > 0 && text.ptr[0] != '.' && text.ptr[0] != '-';
}

/* A guid that is no file name, or too long for one, goes by its digest. */
static void base_name(const struct ccb_runner *r, char *out, size_t size)
{
    unsigned char digest[EVP_MAX_MD_SIZE] = {0};

    if (is_plain(r->guid) && r->guid.len <= PLAIN_MAX) {
        (void)snprintf(out, size, "%.*s", (int)r->guid.len, r->guid.ptr);
        return;
    }
    (void)EVP_Digest(r->guid.ptr, r->guid.len, digest, NULL, EVP_sha1(), NULL);
    ccb_hex_format(out, digest, 20);
}

/* The number tells a task from one of the same guid whose container still
 * ends, the process from others of this machine: memory groups are known by
 * the name alone. */
void ccb_runner_name(struct ccb_runner *r)
{
    bool lrp = r->kind == CCB_RUNNER_LRP;
    char base[PLAIN_MAX + 1];

    base_name(r, base, sizeof(base));
    (void)snprintf(r->name, sizeof(r->name), "%s%s%.36s.%d-%llu", base,
                   lrp ? "-" : "", lrp ? r->instance_guid.ptr : "",
                   (int)getpid(), (unsigned long long)r->serial);
}

/* ---- the result --------------------------------------------------------- */

static void on_result_size(void *ctx, uint64_t size)
{
    struct ccb_runner *r = ctx;

    if (size > RESULT_MAX)
        ccb_fetch_cancel(r->fetch);
}

static void on_result_data(void *ctx, struct ccb_slice bytes)
{
    struct ccb_runner *r = ctx;

    (void)ccb_buf_put_slice(&r->result, bytes);
}

static void on_result_done(void *ctx, const struct ccb_error *err)
{
    struct ccb_runner *r = ctx;

    r->fetch = NULL;
    if (err)
        ccb_runner_log(r, CCB_LEVEL_ERROR, "cannot-fetch-result", err->message);
    if (err || r->result.failed || r->result.len > RESULT_MAX) {
        ccb_buf_reset(&r->result);
        end_with(r, r->stop ? STOPPED : NO_RESULT);
    } else {
        end_with(r, NULL);
    }
}

static void fetch_result(struct ccb_runner *r)
{
    struct ccb_fetch_sink sink = {on_result_size, on_result_data,
                                  on_result_done, r};
    char *path = ccb_arena_cstr(r->arena, r->spec.result_file);
    struct ccb_error err;

    if (!path || ccb_container_fetch(&r->fetch, r->container, path, "root",
                                     &sink, &err) < 0)
        end_with(r, NO_RESULT);
}

/* ---- the steps ---------------------------------------------------------- */

static void on_healthy(void *ctx)
{
    ccb_runner_healthy(ctx);
}

static void on_steps_done(void *ctx, bool failed, struct ccb_slice reason)
{
    struct ccb_runner *r = ctx;

    r->steps = NULL;
    if (!failed && !r->stop && r->kind == CCB_RUNNER_TASK &&
        r->spec.result_file.len > 0)
        fetch_result(r);
    else
        ccb_runner_end(r, failed, reason);
}

/* [{"external":61001,"internal":8080}], and as the Receptor has it. */
static void write_ports(struct ccb_runner *r, struct ccb_buf *out,
                        const char *outer, const char *inner, bool outer_first)
{
    const uint16_t *ports = r->spec.ports.items;

    (void)ccb_buf_putc(out, '[');
    for (size_t i = 0; i < r->spec.ports.count; i++) {
        unsigned host = ccb_container_host_port(r->container, i);

        (void)ccb_buf_printf(
            out, "%s{\"%s\":%u,\"%s\":%u}", i > 0 ? "," : "",
            outer_first ? outer : inner, outer_first ? host : ports[i],
            outer_first ? inner : outer, outer_first ? ports[i] : host);
    }
    (void)ccb_buf_putc(out, ']');
}

static int write_network(struct ccb_runner *r, char **env)
{
    const char *ip = r->cell->config->external_ip;
    unsigned first =
        r->spec.ports.count > 0 ? ccb_container_host_port(r->container, 0) : 0;
    struct ccb_buf ports = {0};
    struct ccb_slice text[4];

    write_ports(r, &ports, "external", "internal", true);
    text[0] = ccb_arena_format(r->arena, "CF_INSTANCE_IP=%s", ip);
    text[1] = first > 0
                  ? ccb_arena_format(r->arena, "CF_INSTANCE_PORT=%u", first)
                  : ccb_slice_of("CF_INSTANCE_PORT=");
    text[2] = first > 0 ? ccb_arena_format(r->arena, "CF_INSTANCE_ADDR=%s:%u",
                                           ip, first)
                        : ccb_slice_of("CF_INSTANCE_ADDR=");
    text[3] = ports.failed
                  ? ccb_slice_make(NULL, 0)
                  : ccb_arena_format(r->arena, "CF_INSTANCE_PORTS=%.*s",
                                     (int)ports.len, ports.data);
    ccb_buf_destroy(&ports);
    for (size_t i = 0; i < 4; i++) {
        if (!text[i].ptr)
            return CCB_NO_MEMORY;
        env[i] = (char *)text[i].ptr;
    }
    return 0;
}

static int start_steps(struct ccb_runner *r, struct ccb_error *err)
{
    struct ccb_steps_options options = {
        .cell = &r->cell->steps,
        .container = r->container,
        .setup = r->spec.setup,
        .action = r->spec.action,
        .monitor = r->spec.monitor,
        .start_timeout = r->spec.start_timeout > INT64_MAX / 1000000000
                             ? 0
                             : (int64_t)r->spec.start_timeout * 1000000000,
        .network_env_count = 4,
        .log_guid = r->spec.log_guid,
        .log_source = r->spec.log_source,
        .log_index = r->kind == CCB_RUNNER_LRP ? r->index : 0,
        .on_healthy = on_healthy,
        .on_done = on_steps_done,
        .ctx = r,
    };
    char *env[4];

    if (r->spec.ports.count > 0)
        write_ports(r, &r->ports, "host_port", "container_port", false);
    if (r->ports.failed || write_network(r, env) < 0)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    options.network_env = (const char *const *)env;
    return ccb_steps_start(&r->steps, &options, err);
}

/* ---- the container ------------------------------------------------------ */

static void on_created(void *ctx, const struct ccb_error *err)
{
    struct ccb_runner *r = ctx;
    struct ccb_error why;

    if (r->state != CCB_RUNNER_RUNNING)
        return; /* was stopped meanwhile, and waits to be removed */
    r->created = true;
    if (err) {
        ccb_metric_add(CCB_METRIC_CELL_CONTAINERS_FAILED, 1);
        ccb_runner_log(r, CCB_LEVEL_ERROR, "cannot-create", err->message);
        ccb_runner_say(r, CCB_STREAM_ERR, "Failed to create container");
        end_with(r, NOT_CREATED);
        return;
    }
    ccb_runner_say(r, CCB_STREAM_OUT, "Successfully created container");
    ccb_runner_log(r, CCB_LEVEL_INFO, "created", NULL);
    if (r->stop) {
        end_with(r, STOPPED);
    } else if (start_steps(r, &why) < 0) {
        ccb_runner_log(r, CCB_LEVEL_ERROR, "cannot-run", why.message);
        end_with(r, "failed to run container");
    }
}

/* Every process in it is gone, and its steps have heard of it; but a step that
 * waits, such as a monitor between two checks, would hear of it late. */
static void on_lost(void *ctx)
{
    struct ccb_runner *r = ctx;

    ccb_runner_log(r, CCB_LEVEL_ERROR, "lost", NULL);
    if (r->steps)
        ccb_steps_cancel(r->steps);
}

static int add_env(struct ccb_runner *r, char **env, size_t *n,
                   const char *name, struct ccb_slice value)
{
    struct ccb_slice text =
        ccb_arena_format(r->arena, "%s=%.*s", name, (int)value.len, value.ptr);

    env[*n] = (char *)text.ptr;
    if (text.ptr)
        ++*n;
    return text.ptr ? 0 : CCB_NO_MEMORY;
}

/* It would be cut short there without a word. */
static int check_env(const struct ccb_runner *r, struct ccb_error *err)
{
    const struct ccb_env_pair *pairs = r->spec.env.items;

    for (size_t i = 0; i < r->spec.env.count; i++)
        if ((pairs[i].name.len > 0 &&
             memchr(pairs[i].name.ptr, 0, pairs[i].name.len)) ||
            (pairs[i].value.len > 0 &&
             memchr(pairs[i].value.ptr, 0, pairs[i].value.len)))
            return ccb_error_set(err, CCB_INVALID,
                                 "env: variable %zu of the container holds a "
                                 "NUL byte",
                                 i);
    return 0;
}

static int make_env(struct ccb_runner *r, char **env, size_t *n)
{
    const struct ccb_env_pair *pairs = r->spec.env.items;
    struct ccb_slice index =
        ccb_arena_format(r->arena, "%lld", (long long)r->index);
    int code = index.ptr ? 0 : CCB_NO_MEMORY;

    if (r->kind == CCB_RUNNER_LRP) {
        const struct {
            const char *name;
            struct ccb_slice value;
        } own[CONTAINER_ENV] = {{"INSTANCE_GUID", r->instance_guid},
                                {"INSTANCE_INDEX", index},
                                {"CF_INSTANCE_GUID", r->instance_guid},
                                {"CF_INSTANCE_INDEX", index}};

        for (size_t i = 0; code == 0 && i < CONTAINER_ENV; i++)
            code = add_env(r, env, n, own[i].name, own[i].value);
    }
    for (size_t i = 0; code == 0 && i < r->spec.env.count; i++) {
        const char *name = ccb_arena_cstr(r->arena, pairs[i].name);

        code = name ? add_env(r, env, n, name, pairs[i].value) : CCB_NO_MEMORY;
    }
    return code;
}

static int create(struct ccb_runner *r, struct ccb_error *err)
{
    struct ccb_slice rootfs =
        ccb_placer_rootfs(&r->cell->placer, r->spec.rootfs);
    struct ccb_container_options options = {
        .guid = r->name,
        .directory = r->cell->containers_dir,
        .rootfs = ccb_arena_cstr(r->arena, rootfs),
        .init = r->cell->init,
        .uid_base = CCB_CELL_FIRST_ID + (uint32_t)r->slot * CCB_CONTAINER_RANGE,
        .memory_mb =
            r->spec.needs.memory_mb > 0 ? (uint32_t)r->spec.needs.memory_mb : 0,
        .disk_mb =
            r->spec.needs.disk_mb > 0 ? (uint32_t)r->spec.needs.disk_mb : 0,
        .ports = r->spec.ports.items,
        .port_count = r->spec.ports.count,
        .address = r->cell->config->external_ip,
        .on_created = on_created,
        .on_lost = on_lost,
        .ctx = r,
    };
    char **env = ccb_arena_alloc(
        r->arena, (CONTAINER_ENV + r->spec.env.count + 1) * sizeof(*env));

    if (check_env(r, err) < 0)
        return err->code;
    if (!env || !options.rootfs || make_env(r, env, &options.env_count) < 0)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    options.env = (const char *const *)env;
    return ccb_container_create(&r->container, r->cell->loop, &options, err);
}

void ccb_runner_create(struct ccb_runner *r)
{
    struct ccb_error err;

    r->state = CCB_RUNNER_RUNNING;
    if (r->stop || r->cell->stopping) {
        end_with(r, STOPPED);
        return;
    }
    ccb_runner_say(r, CCB_STREAM_OUT, "Creating container");
    if (create(r, &err) < 0) {
        on_created(r, &err);
        return;
    }
    ccb_metric_add(CCB_METRIC_CELL_CONTAINERS, 1);
}

void ccb_runner_interrupt(struct ccb_runner *r)
{
    if (r->fetch)
        ccb_fetch_cancel(r->fetch);
    else if (r->container && !r->created && r->state == CCB_RUNNER_RUNNING)
        end_with(r, STOPPED); /* need not stand first */
}
