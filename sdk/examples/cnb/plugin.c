/*
 * The lifecycle "cnb", as a third-party plugin would ship it: Cloud Native
 * Buildpacks make the droplet, and what runs is found in its layers. The
 * programs are those of cnb_app_lifecycle.tgz; this plugin says how they are
 * called (contract/lifecycle-cnb.md 1).
 *
 * Of the members of lifecycle_data the contract leaves two open; these are the
 * names that are read: "auto_detect" (bool) and "credentials" (a string, JSON
 * for CNB_REGISTRY_CREDS).
 */
#include <stdio.h>

#include "ccbridge/app.h"
#include "ccbridge/staging.h"
#include "xxhash.h"

#define ID "org.example.cnb"
#define VERSION "0.1.0"
#define LIFECYCLE "cnb"
#define DIALECT "receptor/1"
#define USER "vcap"
#define PORT 8080

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

CCB_MANIFEST("{\"manifest\":1,\"id\":\"" ID "\",\"version\":\"" VERSION "\","
             "\"claims\":[\"" LIFECYCLE "/*\"],"
             "\"interfaces\":[\"" CCB_STAGING_1 "\",\"" CCB_RUN_1
             "\",\"" CCB_PORTS_1 "\"],\"concurrent\":true}");

static int begin(struct ccb_sdk_call *c, struct ccb_instance *self,
                 struct ccb_call *call, const struct ccb_request *request)
{
    int code = ccb_sdk_begin(c, ccb_sdk_host(self), call, request);

    return code < 0 ? code : ccb_sdk_speaks(c, DIALECT);
}

static void put_download(struct ccb_json_writer *w, struct ccb_slice from,
                         const char *to, struct ccb_slice cache_key)
{
    const struct ccb_download step = {.from = from,
                                      .to = ccb_slice_of(to),
                                      .cache_key = cache_key,
                                      .user = CCB_LIT(USER)};

    ccb_action_download(w, &step);
}

static void put_rootfs(struct ccb_json_writer *w, struct ccb_slice stack)
{
    const struct ccb_slice pieces[] = {CCB_LIT("preloaded:"), stack};

    ccb_json_key(w, "rootfs");
    ccb_json_put_pieces(w, pieces, COUNT(pieces));
}

/* "cnb/STACK", as -lifecycle has it. */
static struct ccb_slice bundle_key(struct ccb_sdk_call *c,
                                   struct ccb_slice stack)
{
    const struct ccb_slice pieces[] = {CCB_LIT(LIFECYCLE "/"), stack};

    return ccb_sdk_concat(c, pieces, COUNT(pieces));
}

/* ---- staging: what CC says ---------------------------------------------- */

struct buildpack {
    struct ccb_slice name, key, url;
};
static const struct ccb_json_field buildpack_fields[] = {
    {.name = "name",
     .kind = CCB_JSON_K_STRING,
     .offset = offsetof(struct buildpack, name)},
    {.name = "key",
     .kind = CCB_JSON_K_STRING,
     .offset = offsetof(struct buildpack, key)},
    {.name = "url",
     .kind = CCB_JSON_K_STRING,
     .offset = offsetof(struct buildpack, url)},
};
static const struct ccb_json_shape buildpack_shape = {
    buildpack_fields, COUNT(buildpack_fields), sizeof(struct buildpack)};

struct data {
    struct ccb_slice app_bits, droplet, stack, credentials;
    struct ccb_slice cache_download, cache_upload;
    struct ccb_json_list buildpacks; /* of struct buildpack */
    bool auto_detect;
};
#define TEXT(member_name, text)                                                \
    {                                                                          \
        .name = text, .kind = CCB_JSON_K_STRING,                               \
        .offset = offsetof(struct data, member_name)                           \
    }
static const struct ccb_json_field data_fields[] = {
    TEXT(app_bits, "app_bits_download_uri"),
    TEXT(droplet, "droplet_upload_uri"),
    TEXT(cache_download, "build_artifacts_cache_download_uri"),
    TEXT(cache_upload, "build_artifacts_cache_upload_uri"),
    TEXT(stack, "stack"),
    TEXT(credentials, "credentials"),
    {.name = "buildpacks",
     .kind = CCB_JSON_K_LIST,
     .offset = offsetof(struct data, buildpacks),
     .element = CCB_JSON_K_OBJECT,
     .shape = &buildpack_shape},
    {.name = "auto_detect",
     .kind = CCB_JSON_K_BOOL,
     .offset = offsetof(struct data, auto_detect)},
};
static const struct ccb_json_shape data_shape = {
    data_fields, COUNT(data_fields), sizeof(struct data)};

struct staging {
    struct ccb_sdk_call c;
    struct ccb_staging_request in;
    struct data data;
    struct ccb_bundle bundle;
    struct ccb_slice droplet_url, cache_url;
    int64_t seconds;
};

/* By way of the cc-uploader, which ends with the staging's time. */
static int make_upload_url(struct staging *s, const char *path,
                           const char *query, struct ccb_slice to,
                           struct ccb_slice *url)
{
    struct ccb_sdk_call *c = &s->c;
    struct ccb_slice below[] = {ccb_slice_of(path), CCB_LIT("")};
    struct ccb_slice pieces[] = {CCB_LIT(""), ccb_slice_of(query),
                                 ccb_sdk_query_escape(c, to),
                                 CCB_LIT("&timeout="), CCB_LIT("")};
    char seconds[24];

    if (ccb_sdk_path_guid(c, s->in.app_id, &below[1]) < 0)
        return ccb_sdk_fail(c, CCB_FAILED, "the app_id can't be in a URL");
    pieces[0] = ccb_sdk_join(c, ccb_sdk_fact_string(c, "cc_uploader_url"),
                             ccb_sdk_concat(c, below, COUNT(below)));
    snprintf(seconds, sizeof(seconds), "%lld", (long long)s->seconds);
    pieces[4] = ccb_slice_of(seconds);
    *url = ccb_sdk_concat(c, pieces, COUNT(pieces));
    return c->code;
}

/* A custom buildpack is fetched by the builder, the others are laid ready. */
static bool is_custom(const struct buildpack *b)
{
    return ccb_slice_is(b->name, "custom");
}

static int check_buildpacks(struct staging *s)
{
    const struct buildpack *b = s->data.buildpacks.items;

    if (s->data.buildpacks.count == 0)
        return ccb_sdk_fail(&s->c, CCB_FAILED,
                            "lifecycle_data has no buildpacks");
    for (size_t i = 0; i < s->data.buildpacks.count; i++)
        if (b[i].url.len == 0 || (!is_custom(&b[i]) && b[i].key.len == 0))
            return ccb_sdk_fail(&s->c, CCB_FAILED,
                                "a buildpack has no key or no url");
    return 0;
}

/* Everything is checked before anything is written. */
static int prepare(struct staging *s)
{
    int code;

    if (s->data.app_bits.len == 0)
        return ccb_sdk_fail(&s->c, CCB_FAILED,
                            "lifecycle_data has no app_bits_download_uri");
    if (s->data.stack.len == 0)
        return ccb_sdk_fail(&s->c, CCB_FAILED, "lifecycle_data has no stack");
    code = check_buildpacks(s);
    if (code == 0)
        code = ccb_bundle_find_for_staging(
            &s->c, bundle_key(&s->c, s->data.stack), &s->bundle);
    s->seconds = ccb_staging_find_timeout(&s->c, &s->in);
    if (code == 0)
        code = make_upload_url(s, "/v1/droplet/",
                               "?cc-droplet-upload-uri=", s->data.droplet,
                               &s->droplet_url);
    if (code == 0)
        code = make_upload_url(s, "/v1/build_artifacts/",
                               "?cc-build-artifacts-upload-uri=",
                               s->data.cache_upload, &s->cache_url);
    return code;
}

/* ---- staging: the recipe ------------------------------------------------ */

static void put_buildpacks(struct staging *s, struct ccb_json_writer *w)
{
    const struct buildpack *b = s->data.buildpacks.items;
    char to[sizeof("/tmp/buildpacks/") + 16] = "/tmp/buildpacks/";

    for (size_t i = 0; i < s->data.buildpacks.count; i++) {
        if (is_custom(&b[i]))
            continue;
        cnb_xxhash_hex(b[i].key, to + sizeof("/tmp/buildpacks/") - 1);
        put_download(w, b[i].url, to, b[i].key);
    }
}

/* Bundle, buildpacks and cache side by side; there may be no cache yet. */
static void put_fetch(struct staging *s, struct ccb_json_writer *w)
{
    static const struct ccb_slice no_key = CCB_LIT("");

    ccb_action_begin_list(w, "parallel");
    put_download(w, s->bundle.url, "/tmp/lifecycle", s->bundle.cache_key);
    put_download(w, s->data.app_bits, "/home/vcap/workspace", no_key);
    put_buildpacks(s, w);
    if (s->data.cache_download.len > 0) {
        ccb_action_begin_try(w);
        put_download(w, s->data.cache_download, "/tmp/cache", no_key);
        ccb_action_end_try(w);
    }
    ccb_action_end_list(w);
}

static void put_words(struct ccb_json_writer *w, const char *flag,
                      struct ccb_slice value)
{
    ccb_json_put_string(w, ccb_slice_of(flag));
    ccb_json_put_string(w, value);
}

/* Every variable of the request is handed to the buildpacks, by name. */
static void put_builder_args(struct staging *s, struct ccb_json_writer *w)
{
    const struct buildpack *b = s->data.buildpacks.items;
    const struct ccb_env *env = s->in.environment.items;

    ccb_json_key(w, "args");
    ccb_json_begin_array(w);
    put_words(w, "--cache-dir", ccb_slice_of("/tmp/cache"));
    put_words(w, "--cache-output", ccb_slice_of("/tmp/cache-output.tgz"));
    if (s->data.auto_detect)
        ccb_json_put_string(w, ccb_slice_of("--auto-detect"));
    for (size_t i = 0; i < s->data.buildpacks.count; i++)
        put_words(w, "--buildpack", is_custom(&b[i]) ? b[i].url : b[i].key);
    for (size_t i = 0; i < s->in.environment.count; i++) {
        ccb_json_put_string(w, ccb_slice_of("--pass-env-var"));
        ccb_json_put_quoted(w, env[i].name);
    }
    ccb_json_end_array(w);
}

/* The app's own last, so that they win. */
static void put_builder_env(struct staging *s, struct ccb_json_writer *w)
{
    const struct ccb_env *env = s->in.environment.items;

    ccb_json_key(w, "env");
    ccb_json_begin_array(w);
    ccb_put_env_text(w, "CNB_USER_ID", "2000");
    ccb_put_env_text(w, "CNB_GROUP_ID", "2000");
    ccb_json_begin_object(w);
    ccb_json_member_cstr(w, "name", "CNB_STACK_ID");
    ccb_json_member_string(w, "value", s->data.stack);
    ccb_json_end_object(w);
    ccb_put_env_text(w, "LANG", "en_US.UTF-8");
    if (s->data.credentials.len > 0) {
        ccb_json_begin_object(w);
        ccb_json_member_cstr(w, "name", "CNB_REGISTRY_CREDS");
        ccb_json_member_string(w, "value", s->data.credentials);
        ccb_json_end_object(w);
    }
    for (size_t i = 0; i < s->in.environment.count; i++)
        ccb_put_env(w, &env[i]);
    ccb_json_end_array(w);
}

static void put_build(struct staging *s, struct ccb_json_writer *w)
{
    static const struct ccb_progress messages = {CCB_LIT("Staging..."),
                                                 CCB_LIT("Staging complete"),
                                                 CCB_LIT("Staging failed")};

    ccb_action_begin_progress(w);
    ccb_action_begin_run(w, ccb_slice_of("/tmp/lifecycle/builder"));
    put_builder_args(s, w);
    put_builder_env(s, w);
    ccb_action_end_run(w, (uint64_t)s->in.file_descriptors, ccb_slice_of(USER),
                       ccb_slice_of(""));
    ccb_action_end_progress(w, &messages);
}

/* The droplet must arrive, the cache had better. */
static void put_uploads(struct staging *s, struct ccb_json_writer *w)
{
    const struct ccb_upload droplet = {.artifact = CCB_LIT("droplet"),
                                       .from = CCB_LIT("/tmp/droplet"),
                                       .to = s->droplet_url,
                                       .user = CCB_LIT(USER)};
    const struct ccb_upload cache = {.artifact =
                                         CCB_LIT("build artifacts cache"),
                                     .from = CCB_LIT("/tmp/cache-output.tgz"),
                                     .to = s->cache_url,
                                     .user = CCB_LIT(USER)};

    ccb_action_begin_list(w, "parallel");
    ccb_action_upload(w, &droplet);
    ccb_action_begin_try(w);
    ccb_action_upload(w, &cache);
    ccb_action_end_try(w);
    ccb_action_end_list(w);
}

static int put_recipe(struct staging *s)
{
    struct ccb_json_writer w;

    ccb_sdk_writer(&s->c, &w);
    ccb_json_begin_object(&w);
    ccb_json_key(&w, "action");
    ccb_action_begin_timeout(&w);
    ccb_action_begin_list(&w, "serial");
    put_fetch(s, &w);
    put_build(s, &w);
    put_uploads(s, &w);
    ccb_action_end_list(&w);
    ccb_action_end_timeout(&w, s->seconds * CCB_SECOND);
    put_rootfs(&w, s->data.stack);
    ccb_staging_put_task(&w, &s->in, "/tmp/result.json", 0);
    ccb_put_egress_rules(&w, &s->in.egress_rules, CCB_EGRESS_STAGING);
    ccb_json_end_object(&w);
    return ccb_sdk_end(&s->c, &w);
}

static int build_recipe(struct ccb_instance *self, struct ccb_call *call,
                        const struct ccb_request *request)
{
    struct staging s = {0};
    int code = begin(&s.c, self, call, request);

    if (code == 0)
        code = ccb_staging_decode(&s.c, &s.in, &data_shape, &s.data);
    if (code == 0)
        code = prepare(&s);
    return code < 0 ? code : put_recipe(&s);
}

/* ---- the way back ------------------------------------------------------- */

/* The builder's result is what CC gets, whole. */
static int build_response(struct ccb_instance *self, struct ccb_call *call,
                          const struct ccb_request *request)
{
    struct ccb_sdk_call c;
    struct ccb_json task, result;
    struct ccb_slice text;
    int code = begin(&c, self, call, request);

    if (code < 0)
        return code;
    if (ccb_json_parse(&task, request->message, CCB_JSON_FIRST, NULL) != 0)
        return ccb_sdk_fail(&c, CCB_INVALID, "the task is not JSON");
    text = ccb_sdk_member(&c, task, "result");
    if (c.code < 0)
        return c.code;
    if (ccb_json_parse(&result, text, CCB_JSON_WHOLE, NULL) != 0 ||
        !ccb_json_string_is(ccb_json_get(result, "lifecycle_type"), LIFECYCLE))
        return ccb_sdk_fail(&c, CCB_INVALID,
                            "the task's result is not what the cnb builder "
                            "writes");
    return c.host->emit(call, result.raw.ptr, result.raw.len);
}

/* ---- running ------------------------------------------------------------ */

struct run {
    struct ccb_sdk_call c;
    struct ccb_app app;
    struct ccb_bundle bundle;
    struct ccb_ssh_keys ssh;
};

/* Where the launcher finds layers and app: below /home/vcap, where the droplet
 * is laid out. */
static void put_env(struct ccb_json_writer *w)
{
    ccb_json_key(w, "env");
    ccb_json_begin_array(w);
    ccb_put_env_text(w, "LANG", "en_US.UTF-8");
    ccb_put_env_text(w, "CNB_LAYERS_DIR", "/home/vcap/layers");
    ccb_put_env_text(w, "CNB_APP_DIR", "/home/vcap/workspace");
    ccb_json_end_array(w);
}

static int put_lrp(struct run *r)
{
    const struct ccb_app_run how = {&r->app, &r->ssh, CCB_LIT(USER), PORT};
    struct ccb_json_writer w;

    ccb_sdk_writer(&r->c, &w);
    ccb_json_begin_object(&w);
    ccb_json_key(&w, "setup");
    ccb_action_begin_list(&w, "serial");
    put_download(&w, r->bundle.url, "/tmp/lifecycle", r->bundle.cache_key);
    put_download(&w, r->app.droplet_uri, ".", ccb_slice_of(""));
    ccb_action_end_list(&w);
    put_rootfs(&w, r->app.stack);
    put_env(&w);
    ccb_put_app(&w, &how);
    ccb_json_end_object(&w);
    return ccb_sdk_end(&r->c, &w);
}

static int build_lrp(struct ccb_instance *self, struct ccb_call *call,
                     const struct ccb_request *request)
{
    struct run r = {.app = {.num_instances = 0}};
    int code = begin(&r.c, self, call, request);

    if (code == 0)
        code = ccb_sdk_decode(&r.c, CCB_JSON_FIRST, &ccb_app_shape, &r.app);
    if (code == 0)
        code = ccb_app_check_source(&r.c, &r.app, CCB_APP_DROPLET);
    if (code == 0)
        code = ccb_bundle_find_for_running(&r.c, bundle_key(&r.c, r.app.stack),
                                           &r.bundle);
    /* The launcher's last word; what the builder wrote there is "". */
    r.app.execution_metadata = ccb_slice_of("");
    if (code == 0) /* last: keys cost the host time */
        code = ccb_app_find_ssh_keys(&r.c, &r.app, &r.ssh);
    return code < 0 ? code : put_lrp(&r);
}

static int extract(struct ccb_instance *self, struct ccb_call *call,
                   const struct ccb_request *request)
{
    struct ccb_sdk_call c;
    struct ccb_app app;
    int code = begin(&c, self, call, request);

    if (code == 0)
        code = ccb_sdk_decode(&c, CCB_JSON_FIRST, &ccb_app_shape, &app);
    return code < 0 ? code : c.host->emit(call, "[8080]", 6);
}

/* ---- what is offered ---------------------------------------------------- */

static const struct ccb_staging_1 staging = {sizeof(struct ccb_staging_1), 0,
                                             build_recipe, build_response};
/* NULL: no host of this minor asks for one-off tasks. */
static const struct ccb_run_1 run = {sizeof(struct ccb_run_1), 0, build_lrp,
                                     NULL};
static const struct ccb_ports_1 ports = {sizeof(struct ccb_ports_1), 0,
                                         extract};

static const struct ccb_sdk_interface interfaces[] = {
    {CCB_STAGING_1, &staging}, {CCB_RUN_1, &run}, {CCB_PORTS_1, &ports}};

static const void *get_interface(struct ccb_instance *self, const char *id)
{
    (void)self;
    return ccb_sdk_find_interface(interfaces, COUNT(interfaces), id);
}

const struct ccb_lifecycle_entry ccb_lifecycle_entry_v1 = {
    CCB_ENTRY_PREFIX(0), ID,           VERSION, ccb_sdk_create,
    ccb_sdk_destroy,     get_interface};
