/*
 * What is said to the stager and to nsync (message.h).
 */
#include "controller/message.h"

#include <string.h>

#include "base/clock.h"
#include "controller/fault.h"

#define FILE_DESCRIPTORS 16384
#define MB_TEXT 24

/* One machine, one person: all apps share one space. */
#define SPACE_NAME "local"
#define SPACE_GUID "6c6f6361-6c00-4000-8000-000000000001"

/* ---- the environment ---------------------------------------------------- */

static void put_variable(struct ccb_json_writer *w, const char *name,
                         struct ccb_slice value)
{
    ccb_json_begin_object(w);
    ccb_json_member_cstr(w, "name", name);
    ccb_json_member_string(w, "value", value);
    ccb_json_end_object(w);
}

static int encode_vcap_application(struct ccb_buf *out,
                                   const struct ccb_app *app,
                                   const struct ccb_settings *settings)
{
    struct ccb_json_writer w;

    ccb_json_writer_init(&w, ccb_buf_sink, out);
    ccb_json_begin_object(&w);
    ccb_json_key(&w, "limits");
    ccb_json_begin_object(&w);
    ccb_json_member_int(&w, "mem", settings->memory_mb);
    ccb_json_member_int(&w, "disk", settings->disk_mb);
    ccb_json_member_int(&w, "fds", FILE_DESCRIPTORS);
    ccb_json_end_object(&w);
    ccb_json_member_string(&w, "application_id", app->guid);
    ccb_json_member_string(&w, "application_version", app->version);
    ccb_json_member_string(&w, "application_name", app->name);
    ccb_json_member_string(&w, "version", app->version);
    ccb_json_member_string(&w, "name", app->name);
    ccb_json_member_cstr(&w, "space_name", SPACE_NAME);
    ccb_json_member_cstr(&w, "space_id", SPACE_GUID);
    ccb_json_end_object(&w);
    return ccb_json_writer_end(&w);
}

/* Values that are no texts are handed on as their JSON. */
static int put_own_environment(struct ccb_json_writer *w, struct ccb_slice env,
                               struct ccb_arena *arena, struct ccb_error *err)
{
    struct ccb_json_alloc alloc = ccb_arena_json(arena);
    struct ccb_json document;
    struct ccb_json_iter it;
    int code = ccb_json_parse(&document, env, CCB_JSON_WHOLE, err);

    if (code < 0)
        return code;
    it = ccb_json_iter(document);
    while (ccb_json_next(&it)) {
        struct ccb_slice value = it.value.raw;
        if (it.value.type == CCB_JSON_STRING &&
            ccb_json_string(it.value, &alloc, &value) < 0)
            return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
        ccb_json_begin_object(w);
        ccb_json_key(w, "name");
        ccb_json_put_raw(w, it.key.raw);
        ccb_json_member_string(w, "value", value);
        ccb_json_end_object(w);
    }
    return 0;
}

static int put_environment(struct ccb_json_writer *w, const struct ccb_app *app,
                           const struct ccb_settings *settings,
                           struct ccb_slice stack, struct ccb_arena *arena,
                           struct ccb_error *err)
{
    struct ccb_slice memory =
        ccb_arena_format(arena, "%lldm", (long long)settings->memory_mb);
    struct ccb_buf vcap = {0};
    int code = encode_vcap_application(&vcap, app, settings);

    if (code < 0 || vcap.failed || !memory.ptr) {
        ccb_buf_destroy(&vcap);
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    }
    ccb_json_key(w, "environment");
    ccb_json_begin_array(w);
    put_variable(w, "VCAP_APPLICATION", ccb_buf_slice(&vcap));
    put_variable(w, "VCAP_SERVICES", ccb_slice_of("{}"));
    put_variable(w, "MEMORY_LIMIT", memory);
    put_variable(w, "CF_STACK", stack);
    code = put_own_environment(w, settings->env, arena, err);
    ccb_json_end_array(w);
    ccb_buf_destroy(&vcap);
    return code;
}

/* A single machine has no security groups: apps may go out anywhere. */
static void put_egress_rules(struct ccb_json_writer *w)
{
    ccb_json_member_raw(
        w, "egress_rules",
        ccb_slice_of(
            "[{\"protocol\":\"all\",\"destinations\":[\"0.0.0.0/0\"]}]"));
}

/* BASE + a path with the app's guid in it. */
static void put_url(struct ccb_json_writer *w, const char *key,
                    struct ccb_slice base, const char *path,
                    struct ccb_slice guid, const char *end)
{
    const struct ccb_slice pieces[] = {base, ccb_slice_of(path), guid,
                                       ccb_slice_of(end)};

    ccb_json_key(w, key);
    ccb_json_put_pieces(w, pieces, 4);
}

static struct ccb_slice stack_of(const struct ccb_settings *settings,
                                 struct ccb_slice fallback)
{
    return settings->stack.len > 0 ? settings->stack : fallback;
}

/* ---- staging ------------------------------------------------------------ */

static void put_pack(struct ccb_json_writer *w,
                     const struct ccb_message_facts *facts,
                     const struct ccb_pack *pack, bool skip_detect)
{
    struct ccb_slice digest = ccb_slice_of(pack->digests.sha256);

    ccb_json_begin_object(w);
    ccb_json_member_cstr(w, "name", pack->name);
    ccb_json_member_string(w, "key", digest);
    put_url(w, "url", facts->auth_url, "/v2/buildpacks/", digest, "/download");
    if (skip_detect)
        ccb_json_member_bool(w, "skip_detect", 1);
    ccb_json_end_object(w);
}

static bool is_url(struct ccb_slice text)
{
    return text.len > 3 && memmem(text.ptr, text.len, "://", 3) != NULL;
}

static void put_custom(struct ccb_json_writer *w, struct ccb_slice url)
{
    ccb_json_begin_object(w);
    ccb_json_member_cstr(w, "name", "custom");
    ccb_json_member_string(w, "key", url);
    ccb_json_member_string(w, "url", url);
    ccb_json_member_bool(w, "skip_detect", 1);
    ccb_json_end_object(w);
}

static int put_buildpacks(struct ccb_json_writer *w,
                          const struct ccb_message_facts *facts,
                          struct ccb_slice wanted, struct ccb_error *err)
{
    int code = ccb_message_check_buildpack(facts->packs, wanted, err);

    if (code < 0)
        return code;
    ccb_json_key(w, "buildpacks");
    ccb_json_begin_array(w);
    if (is_url(wanted))
        put_custom(w, wanted);
    else if (wanted.len > 0)
        put_pack(w, facts, ccb_packs_find(facts->packs, wanted), true);
    else
        for (size_t i = 0; i < facts->packs->count; i++)
            put_pack(w, facts, &facts->packs->items[i], false);
    ccb_json_end_array(w);
    return 0;
}

int ccb_message_check_buildpack(const struct ccb_packs *packs,
                                struct ccb_slice name, struct ccb_error *err)
{
    if (name.len == 0 && packs->count == 0)
        return ccb_fault(err, "BuildpackNotFound",
                         "there is no buildpack here; -buildpackDir names a "
                         "folder of them, or give a URL");
    if (name.len == 0 || is_url(name) || ccb_packs_find(packs, name))
        return 0;
    return ccb_fault(err, "BuildpackNotFound",
                     "there is no buildpack \"%.*s\"; name one of those here, "
                     "or give a URL",
                     (int)(name.len < 120 ? name.len : 120), name.ptr);
}

static int put_stage(struct ccb_json_writer *w,
                     const struct ccb_message_facts *facts,
                     const struct ccb_app *app,
                     const struct ccb_settings *settings,
                     struct ccb_arena *arena, struct ccb_error *err)
{
    struct ccb_slice base = facts->auth_url;
    struct ccb_slice stack = stack_of(settings, facts->stack);
    int code;

    ccb_json_key(w, "lifecycle_data");
    ccb_json_begin_object(w);
    put_url(w, "app_bits_download_uri", base, "/staging/apps/", app->guid, "");
    put_url(w, "build_artifacts_cache_upload_uri", base,
            "/staging/buildpack_cache/", app->guid, "/upload");
    put_url(w, "droplet_upload_uri", base, "/staging/droplets/", app->guid,
            "/upload");
    code = put_buildpacks(w, facts, settings->buildpack, err);
    ccb_json_member_string(w, "stack", stack);
    if (app->cache.ptr)
        put_url(w, "build_artifacts_cache_download_uri", base,
                "/staging/buildpack_cache/", app->guid, "/download");
    ccb_json_end_object(w);
    (void)arena;
    return code;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

int ccb_message_stage(struct ccb_buf *out,
                      const struct ccb_message_facts *facts,
                      const struct ccb_app *app, struct ccb_arena *arena,
                      struct ccb_error *err)
{
    struct ccb_settings settings;
    struct ccb_json_writer w;
    int code = ccb_settings_decode(&settings, app->settings, arena, err);

    if (code < 0)
        return code;
    ccb_json_writer_init(&w, ccb_buf_sink, out);
    ccb_json_begin_object(&w);
    ccb_json_member_string(&w, "app_id", app->guid);
    ccb_json_member_int(&w, "file_descriptors", FILE_DESCRIPTORS);
    ccb_json_member_int(&w, "memory_mb",
                        larger(settings.memory_mb, facts->staging_memory_mb));
    ccb_json_member_int(&w, "disk_mb",
                        larger(settings.disk_mb, facts->staging_disk_mb));
    code = put_environment(&w, app, &settings,
                           stack_of(&settings, facts->stack), arena, err);
    ccb_json_member_int(&w, "timeout", facts->staging_timeout);
    ccb_json_member_string(&w, "log_guid", app->guid);
    ccb_json_member_cstr(&w, "lifecycle", "buildpack");
    if (code == 0)
        code = put_stage(&w, facts, app, &settings, arena, err);
    put_egress_rules(&w);
    ccb_json_end_object(&w);
    if (ccb_json_writer_end(&w) < 0 && code == 0)
        code = ccb_error_set(err, w.code, "the message can't be written");
    return code;
}

/* ---- running ------------------------------------------------------------ */

struct ccb_slice ccb_message_etag(struct ccb_arena *arena,
                                  const struct ccb_app *app)
{
    return ccb_arena_format(arena, "%lld.%09lld",
                            (long long)(app->desired_at / CCB_SECOND),
                            (long long)(app->desired_at % CCB_SECOND));
}

static void put_droplet_uri(struct ccb_json_writer *w, struct ccb_slice base,
                            const struct ccb_app *app)
{
    const struct ccb_slice pieces[] = {
        base,
        CCB_LIT("/internal/v2/droplets/"),
        app->guid,
        CCB_LIT("/"),
        app->run_droplet.sha1,
        CCB_LIT("/download"),
    };

    ccb_json_key(w, "droplet_uri");
    ccb_json_put_pieces(w, pieces, sizeof(pieces) / sizeof(pieces[0]));
}

int ccb_message_desire(struct ccb_json_writer *w,
                       const struct ccb_message_facts *facts,
                       const struct ccb_app *app, struct ccb_arena *arena,
                       struct ccb_error *err)
{
    struct ccb_slice process = ccb_app_process_guid(arena, app);
    struct ccb_slice etag = ccb_message_etag(arena, app), stack;
    struct ccb_settings s;
    int code = ccb_settings_decode(&s, app->running, arena, err);

    if (code < 0)
        return code;
    if (!process.ptr || !etag.ptr)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    stack = stack_of(&s, facts->stack);
    ccb_json_begin_object(w);
    ccb_json_member_string(w, "process_guid", process);
    ccb_json_member_int(w, "memory_mb", s.memory_mb);
    ccb_json_member_int(w, "disk_mb", s.disk_mb);
    ccb_json_member_int(w, "file_descriptors", FILE_DESCRIPTORS);
    put_droplet_uri(w, facts->base_url, app);
    ccb_json_member_string(w, "stack", stack);
    ccb_json_member_string(w, "start_command",
                           s.command.len > 0 ? s.command
                                             : app->run_droplet.start_command);
    ccb_json_member_string(w, "execution_metadata", app->run_droplet.metadata);
    code = put_environment(w, app, &s, stack, arena, err);
    ccb_json_member_int(w, "num_instances", app->instances);
    ccb_json_member_raw(w, "routes", ccb_slice_of("[]"));
    ccb_json_member_string(w, "log_guid", app->guid);
    ccb_json_member_string(w, "health_check_type", s.health_check);
    ccb_json_member_int(w, "health_check_timeout_in_seconds", s.timeout);
    put_egress_rules(w);
    ccb_json_member_string(w, "etag", etag);
    ccb_json_member_bool(w, "allow_ssh", 0);
    ccb_json_end_object(w);
    return code;
}
