/*
 * The buildpack lifecycle as a plugin: apps that come as source, are built by
 * buildpacks on a stack, and run from a droplet.
 *
 * Invariant: a pure function of the request, bound to the SDK alone; the file
 * is whole, so that it builds anywhere with nothing but the installed SDK. The
 * plugin keeps nothing: its instance is the host's own table, and any thread
 * may call it at any time. Checks come in the order of the contract's tables,
 * with their words. Follows contract/stager.md C4 and C6, contract/nsync.md 3.
 */
#include <stdio.h>
#include <strings.h>

#include "ccbridge/app.h"
#include "ccbridge/lifecycle.h"
#include "ccbridge/sdk.h"

#define LIFECYCLE "buildpack"
#define ID "org.cloudfoundry.buildpack"
#define VERSION "1.0.0"

CCB_MANIFEST("{\"manifest\":1,\"id\":\"" ID "\",\"version\":\"" VERSION "\","
             "\"claims\":[\"" LIFECYCLE "/*\"],"
             "\"interfaces\":[\"" CCB_STAGING_1 "\",\"" CCB_RUN_1
             "\",\"" CCB_PORTS_1 "\"],"
             "\"concurrent\":true}");

#define DIALECT "receptor/1"
#define USER "vcap"
#define APP_PORT 8080
#define DEFAULT_TIMEOUT 900 /* seconds, of a staging */
#define CPU_WEIGHT 50       /* of a staging */
#define SECOND INT64_C(1000000000)

/* A slice of a literal, where an expression is needed. */
#define TEXT(literal) ccb_slice_make((literal), sizeof(literal) - 1)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct ccb_host *host_of(const struct ccb_instance *self)
{
    return (const struct ccb_host *)(const void *)self;
}

/* ---- bundles and containers --------------------------------------------- */

/* What both recipes need of one bundle of -lifecycle. */
struct bundle {
    struct ccb_slice key;       /* "buildpack/STACK" */
    struct ccb_slice entry;     /* as -lifecycle gave it; empty: none */
    struct ccb_slice cache_key; /* "buildpack-STACK-lifecycle" */
};

static void look_up_bundle(struct ccb_sdk_call *c, struct ccb_slice lifecycle,
                           struct ccb_slice stack, struct bundle *out)
{
    struct ccb_slice key[] = {lifecycle, CCB_LIT("/"), stack};
    struct ccb_slice cache_key[] = {lifecycle, CCB_LIT("-"), stack,
                                    CCB_LIT("-lifecycle")};

    out->key = ccb_sdk_concat(c, key, 3);
    out->cache_key = ccb_sdk_concat(c, cache_key, 4);
    out->entry = ccb_sdk_bundle(c, out->key);
}

static struct ccb_slice static_url(struct ccb_sdk_call *c,
                                   struct ccb_slice entry)
{
    struct ccb_slice base = ccb_sdk_join(
        c, ccb_sdk_fact_string(c, "file_server_url"), TEXT("/v1/static/"));
    return ccb_sdk_join(c, base, entry);
}

static void put_container(struct ccb_json_writer *w, struct ccb_slice stack)
{
    struct ccb_slice rootfs[] = {CCB_LIT("preloaded:"), stack};

    ccb_json_key(w, "rootfs");
    ccb_json_put_pieces(w, rootfs, 2);
    ccb_json_member_bool(w, "privileged", true);
    ccb_json_key(w, "env");
    ccb_json_begin_array(w);
    ccb_put_env_text(w, "LANG", "en_US.UTF-8");
    ccb_json_end_array(w);
}

/* ---- staging: what CC sends --------------------------------------------- */

struct buildpack {
    struct ccb_slice name, key, url;
    bool skip_detect;
};

struct lifecycle_data {
    struct ccb_slice app_bits, cache_download, cache_upload, droplet_upload;
    struct ccb_slice stack;
    struct ccb_json_list buildpacks; /* of struct buildpack */
};

struct staging_request {
    struct ccb_slice app_id, lifecycle;
    struct ccb_json_list environment, egress_rules;
    int64_t file_descriptors, memory_mb, disk_mb, timeout;
    struct lifecycle_data data;
    bool has_data;
};

struct staging {
    struct ccb_sdk_call c;
    struct staging_request in;
    struct bundle bundle;
    struct ccb_slice bundle_url, droplet_url, cache_url;
    const struct buildpack *buildpacks;
    size_t buildpack_count;
    int64_t seconds;
    bool skip_detect;
};

#define FIELD(type, key, member)                                               \
    {                                                                          \
        .name = (key), .kind = CCB_JSON_K_STRING,                              \
        .offset = offsetof(struct type, member)                                \
    }
#define NUMBER(type, member)                                                   \
    {                                                                          \
        .name = #member, .kind = CCB_JSON_K_INT64,                             \
        .offset = offsetof(struct type, member)                                \
    }
#define LIST(type, member, of)                                                 \
    {                                                                          \
        .name = #member, .kind = CCB_JSON_K_LIST,                              \
        .offset = offsetof(struct type, member), .element = CCB_JSON_K_OBJECT, \
        .shape = (of)                                                          \
    }

static const struct ccb_json_field buildpack_fields[] = {
    FIELD(buildpack, "name", name),
    FIELD(buildpack, "key", key),
    FIELD(buildpack, "url", url),
    {.name = "skip_detect",
     .kind = CCB_JSON_K_BOOL,
     .offset = offsetof(struct buildpack, skip_detect)},
};
static const struct ccb_json_shape buildpack_shape = {
    buildpack_fields, COUNT(buildpack_fields), sizeof(struct buildpack)};

static const struct ccb_json_field data_fields[] = {
    FIELD(lifecycle_data, "app_bits_download_uri", app_bits),
    FIELD(lifecycle_data, "build_artifacts_cache_download_uri", cache_download),
    FIELD(lifecycle_data, "build_artifacts_cache_upload_uri", cache_upload),
    FIELD(lifecycle_data, "droplet_upload_uri", droplet_upload),
    FIELD(lifecycle_data, "stack", stack),
    LIST(lifecycle_data, buildpacks, &buildpack_shape),
};
static const struct ccb_json_shape data_shape = {
    data_fields, COUNT(data_fields), sizeof(struct lifecycle_data)};

static const struct ccb_json_field request_fields[] = {
    FIELD(staging_request, "app_id", app_id),
    FIELD(staging_request, "lifecycle", lifecycle),
    LIST(staging_request, environment, &ccb_env_shape),
    LIST(staging_request, egress_rules, &ccb_egress_rule_shape),
    NUMBER(staging_request, file_descriptors),
    NUMBER(staging_request, memory_mb),
    NUMBER(staging_request, disk_mb),
    NUMBER(staging_request, timeout),
    {.name = "lifecycle_data",
     .kind = CCB_JSON_K_OBJECT,
     .offset = offsetof(struct staging_request, data),
     .shape = &data_shape,
     .given = offsetof(struct staging_request, has_data) + 1},
};
static const struct ccb_json_shape request_shape = {
    request_fields, COUNT(request_fields), sizeof(struct staging_request)};

/* ---- staging: checks, and what is worked out ---------------------------- */

static int refuse(struct staging *s, const char *text)
{
    return ccb_sdk_fail(&s->c, CCB_FAILED, text);
}

static int refuse_for(struct staging *s, const char *what,
                      struct ccb_error *err)
{
    err->code = CCB_FAILED;
    ccb_error_prefix(err, "%s", what);
    return ccb_sdk_fail_error(&s->c, err);
}

/* Rows 1, 3 and 4 of the table; row 2 is the decoder's. */
static int check_request(struct staging *s)
{
    if (!s->in.has_data)
        return refuse(s, "missing lifecycle data");
    if (s->in.app_id.len == 0)
        return refuse(s, "missing app id");
    if (s->in.data.app_bits.len == 0)
        return refuse(s, "missing app bits download uri");
    return 0;
}

static bool is_http(struct ccb_slice scheme)
{
    return (scheme.len == 4 && strncasecmp(scheme.ptr, "http", 4) == 0) ||
           (scheme.len == 5 && strncasecmp(scheme.ptr, "https", 5) == 0);
}

/* Rows 5 to 7: a whole URL is taken as it is, a path lies on the file
 * server. */
static int find_bundle_url(struct staging *s)
{
    struct ccb_slice lifecycle = s->in.lifecycle, scheme;
    struct ccb_error err;

    if (lifecycle.len == 0)
        lifecycle = TEXT(LIFECYCLE);
    look_up_bundle(&s->c, lifecycle, s->in.data.stack, &s->bundle);
    if (s->c.code < 0)
        return s->c.code;
    if (s->bundle.entry.len == 0)
        return refuse(s, "no compiler defined for requested stack");
    if (ccb_url_scheme(s->bundle.entry, &scheme, &err) < 0)
        return refuse_for(s, "couldn't parse compiler URL", &err);
    s->bundle_url = s->bundle.entry;
    if (is_http(scheme))
        return 0;
    if (scheme.len > 0)
        return refuse(s, "the compiler URL's scheme is neither http nor https");
    s->bundle_url = static_url(&s->c, s->bundle.entry);
    if (s->c.code == 0 && ccb_url_check_request_uri(s->bundle_url, &err) < 0)
        return refuse_for(s, "failed to parse compiler download URL", &err);
    return s->c.code;
}

static void set_timeout(struct staging *s)
{
    struct ccb_sdk_log log;
    struct ccb_json_writer *w;

    s->seconds = s->in.timeout;
    if (s->seconds > INT64_MAX / SECOND)
        s->seconds = INT64_MAX / SECOND; /* 292 years: all that ns can say */
    if (s->seconds > 0)
        return;
    s->seconds = DEFAULT_TIMEOUT;
    w = ccb_sdk_log_begin(&log, &s->c);
    ccb_json_member_int(w, "requested-timeout", s->in.timeout);
    ccb_json_member_int(w, "default-timeout", DEFAULT_TIMEOUT * SECOND);
    ccb_json_member_string(w, "app-id", s->in.app_id);
    ccb_sdk_log_end(&log, CCB_LOG_INFO, "overriding requested timeout");
}

/* Row 9, for one of the two uploads. */
static int make_upload_url(struct staging *s, struct ccb_slice app,
                           struct ccb_slice route, struct ccb_slice parameter,
                           struct ccb_slice target, struct ccb_slice *out)
{
    struct ccb_sdk_call *c = &s->c;
    struct ccb_slice path[] = {route, app};
    struct ccb_slice url =
        ccb_sdk_join(c, ccb_sdk_fact_string(c, "cc_uploader_url"),
                     ccb_sdk_concat(c, path, 2));
    struct ccb_slice pieces[] = {url, parameter,
                                 ccb_sdk_query_escape(c, target),
                                 CCB_LIT("&timeout="), CCB_LIT("")};
    struct ccb_error err;
    char seconds[24];

    if (c->code == 0 && ccb_url_check_request_uri(url, &err) < 0)
        return refuse_for(s, "failed to parse upload URL", &err);
    snprintf(seconds, sizeof(seconds), "%lld", (long long)s->seconds);
    pieces[4] = ccb_slice_of(seconds);
    *out = ccb_sdk_concat(c, pieces, COUNT(pieces));
    return c->code;
}

static int make_upload_urls(struct staging *s)
{
    struct ccb_slice app;
    int code = ccb_sdk_path_guid(&s->c, s->in.app_id, &app);

    if (code == CCB_INVALID)
        return refuse(s, "failed to parse upload URL: the app id holds a "
                         "broken percent escape or a control character");
    if (code == 0)
        code = make_upload_url(s, app, TEXT("/v1/droplet/"),
                               TEXT("?cc-droplet-upload-uri="),
                               s->in.data.droplet_upload, &s->droplet_url);
    if (code == 0)
        code = make_upload_url(s, app, TEXT("/v1/build_artifacts/"),
                               TEXT("?cc-build-artifacts-upload-uri="),
                               s->in.data.cache_upload, &s->cache_url);
    return code;
}

static int prepare(struct staging *s)
{
    struct ccb_error err;
    int code = check_request(s);

    if (code == 0)
        code = find_bundle_url(s);
    if (code < 0)
        return code;
    s->buildpacks = s->in.data.buildpacks.items;
    s->buildpack_count = s->in.data.buildpacks.count;
    s->skip_detect = s->buildpack_count == 1 && s->buildpacks[0].skip_detect;
    set_timeout(s);
    if (s->in.data.cache_download.len > 0 &&
        ccb_url_check_request_uri(s->in.data.cache_download, &err) < 0)
        return refuse_for(s, "build_artifacts_cache_download_uri", &err);
    return make_upload_urls(s);
}

/* ---- staging: the recipe ------------------------------------------------ */

static bool is_custom(const struct buildpack *b)
{
    return ccb_slice_is(b->name, "custom");
}

static void put_download(struct ccb_json_writer *w, const char *artifact,
                         struct ccb_slice from, const char *to,
                         struct ccb_slice cache_key)
{
    struct ccb_download a = {.artifact = ccb_slice_of(artifact),
                             .from = from,
                             .to = ccb_slice_of(to),
                             .cache_key = cache_key,
                             .user = CCB_LIT(USER)};
    ccb_action_download(w, &a);
}

static void put_buildpack_download(struct ccb_json_writer *w,
                                   const struct buildpack *b)
{
    char to[sizeof("/tmp/buildpacks/") + 32] = "/tmp/buildpacks/";
    struct ccb_download a = {.artifact = b->name,
                             .from = b->url,
                             .cache_key = b->key,
                             .user = CCB_LIT(USER)};

    ccb_md5_hex(b->key, to + sizeof("/tmp/buildpacks/") - 1);
    a.to = ccb_slice_of(to);
    ccb_action_download(w, &a);
}

/* Step 2: the builder, the buildpacks and the cache, side by side. */
static void put_fetch(struct staging *s, struct ccb_json_writer *w,
                      const struct ccb_progress *messages)
{
    const struct ccb_progress setup = {
        .failure_message_prefix =
            CCB_LIT("Failed to set up staging environment")};
    const struct ccb_slice none = CCB_LIT("");
    size_t i;

    ccb_action_begin_progress(w);
    ccb_action_begin_list(w, "parallel");
    ccb_action_begin_progress(w);
    put_download(w, "", s->bundle_url, "/tmp/lifecycle", s->bundle.cache_key);
    ccb_action_end_progress(w, &setup);
    for (i = 0; i < s->buildpack_count; i++)
        if (!is_custom(&s->buildpacks[i]))
            put_buildpack_download(w, &s->buildpacks[i]);
    if (s->in.data.cache_download.len > 0) {
        ccb_action_begin_try(w);
        put_download(w, "build artifacts cache", s->in.data.cache_download,
                     "/tmp/cache", none);
        ccb_action_end_try(w);
    }
    ccb_action_end_list(w);
    ccb_action_end_progress(w, messages);
}

/* "..Downloading buildpacks (go, https://..), build artifacts cache..." */
static struct ccb_slice fetch_message(struct staging *s)
{
    static const char detecting[] =
        "No buildpack specified; fetching standard buildpacks to detect and "
        "build your application.\n";
    struct ccb_slice *pieces =
        ccb_sdk_alloc(&s->c, 2 * s->buildpack_count + 4, sizeof(*pieces));
    size_t i, n = 0;

    if (!pieces)
        return ccb_slice_of("");
    pieces[n++] = ccb_slice_of(s->skip_detect ? "" : detecting);
    pieces[n++] = ccb_slice_of("Downloading buildpacks (");
    for (i = 0; i < s->buildpack_count; i++) {
        const struct buildpack *b = &s->buildpacks[i];
        if (i > 0)
            pieces[n++] = ccb_slice_of(", ");
        pieces[n++] = is_custom(b) ? b->url : b->name;
    }
    pieces[n++] = ccb_slice_of(s->in.data.cache_download.len > 0
                                   ? "), build artifacts cache..."
                                   : ")...");
    return ccb_sdk_concat(&s->c, pieces, n);
}

/* "-buildpackOrder=K1,K2,..." */
static struct ccb_slice buildpack_order(struct staging *s)
{
    struct ccb_slice *pieces =
        ccb_sdk_alloc(&s->c, 2 * s->buildpack_count + 1, sizeof(*pieces));
    size_t i, n = 0;

    if (!pieces)
        return ccb_slice_of("");
    pieces[n++] = ccb_slice_of("-buildpackOrder=");
    for (i = 0; i < s->buildpack_count; i++) {
        if (i > 0)
            pieces[n++] = ccb_slice_of(",");
        pieces[n++] = s->buildpacks[i].key;
    }
    return ccb_sdk_concat(&s->c, pieces, n);
}

static void put_builder_args(struct staging *s, struct ccb_json_writer *w,
                             struct ccb_slice order)
{
    bool trusting = ccb_sdk_fact_bool(&s->c, "skip_cert_verify");
    struct ccb_slice args[] = {
        CCB_LIT("-buildArtifactsCacheDir=/tmp/cache"),
        CCB_LIT("-buildDir=/tmp/app"),
        order,
        CCB_LIT("-buildpacksDir=/tmp/buildpacks"),
        CCB_LIT("-outputBuildArtifactsCache=/tmp/output-cache"),
        CCB_LIT("-outputDroplet=/tmp/droplet"),
        CCB_LIT("-outputMetadata=/tmp/result.json"),
        ccb_slice_of(trusting ? "-skipCertVerify=true"
                              : "-skipCertVerify=false"),
        ccb_slice_of(s->skip_detect ? "-skipDetect=true" : "-skipDetect=false"),
    };
    size_t i;

    ccb_json_key(w, "args");
    ccb_json_begin_array(w);
    for (i = 0; i < sizeof(args) / sizeof(args[0]); i++)
        ccb_json_put_string(w, args[i]);
    ccb_json_end_array(w);
}

/* Step 3. */
static void put_build(struct staging *s, struct ccb_json_writer *w,
                      struct ccb_slice order)
{
    static const struct ccb_progress messages = {CCB_LIT("Staging..."),
                                                 CCB_LIT("Staging complete"),
                                                 CCB_LIT("Staging failed")};
    const struct ccb_env *env = s->in.environment.items;
    size_t i;

    ccb_action_begin_progress(w);
    ccb_action_begin_run(w, TEXT("/tmp/lifecycle/builder"));
    put_builder_args(s, w, order);
    if (s->in.environment.count > 0) {
        ccb_json_key(w, "env");
        ccb_json_begin_array(w);
        for (i = 0; i < s->in.environment.count; i++)
            ccb_put_env(w, &env[i]);
        ccb_json_end_array(w);
    }
    /* A negative number of descriptors wraps, as it always has. */
    ccb_action_end_run(w, (uint64_t)s->in.file_descriptors, TEXT(USER),
                       TEXT(""));
    ccb_action_end_progress(w, &messages);
}

static void put_upload(struct ccb_json_writer *w, const char *artifact,
                       const char *from, struct ccb_slice to)
{
    struct ccb_upload a = {.artifact = ccb_slice_of(artifact),
                           .from = ccb_slice_of(from),
                           .to = to,
                           .user = CCB_LIT(USER)};
    ccb_action_upload(w, &a);
}

/* Step 4. */
static void put_uploads(struct staging *s, struct ccb_json_writer *w)
{
    static const struct ccb_progress messages = {
        CCB_LIT("Uploading droplet, build artifacts cache..."),
        CCB_LIT("Uploading complete"), CCB_LIT("Uploading failed")};

    ccb_action_begin_progress(w);
    ccb_action_begin_list(w, "parallel");
    put_upload(w, "droplet", "/tmp/droplet", s->droplet_url);
    ccb_action_begin_try(w);
    put_upload(w, "build artifacts cache", "/tmp/output-cache", s->cache_url);
    ccb_action_end_try(w);
    ccb_action_end_list(w);
    ccb_action_end_progress(w, &messages);
}

static int put_staging_recipe(struct staging *s)
{
    struct ccb_slice order = buildpack_order(s);
    struct ccb_progress fetch = {
        .start_message = fetch_message(s),
        .success_message = CCB_LIT("Downloaded buildpacks"),
        .failure_message_prefix = CCB_LIT("Downloading buildpacks failed")};
    struct ccb_json_writer w;

    if (s->c.code < 0)
        return s->c.code;
    ccb_sdk_writer(&s->c, &w);
    ccb_json_begin_object(&w);
    ccb_json_key(&w, "action");
    ccb_action_begin_timeout(&w);
    ccb_action_begin_list(&w, "serial");
    put_download(&w, "app package", s->in.data.app_bits, "/tmp/app", TEXT(""));
    put_fetch(s, &w, &fetch);
    put_build(s, &w, order);
    put_uploads(s, &w);
    ccb_action_end_list(&w);
    ccb_action_end_timeout(&w, s->seconds * SECOND);
    put_container(&w, s->in.data.stack);
    ccb_json_member_cstr(&w, "result_file", "/tmp/result.json");
    ccb_json_member_int(&w, "memory_mb", s->in.memory_mb);
    ccb_json_member_int(&w, "disk_mb", s->in.disk_mb);
    ccb_json_member_int(&w, "cpu_weight", CPU_WEIGHT);
    ccb_json_member_cstr(&w, "log_source", "STG");
    ccb_json_member_cstr(&w, "metrics_guid", "");
    ccb_put_egress_rules(&w, &s->in.egress_rules, CCB_EGRESS_STAGING);
    ccb_json_end_object(&w);
    return ccb_sdk_end(&s->c, &w);
}

/* ---- staging: the way back ---------------------------------------------- */

struct finished_task {
    struct ccb_slice result;
};

static const struct ccb_json_field task_fields[] = {
    {.name = "result",
     .kind = CCB_JSON_K_STRING,
     .offset = offsetof(struct finished_task, result)},
};
static const struct ccb_json_shape task_shape = {task_fields, 1,
                                                 sizeof(struct finished_task)};

struct staging_result {
    struct ccb_slice buildpack_key, detected_buildpack, execution_metadata;
    struct ccb_json detected_start_command; /* object of strings, or null */
};

#define RESULT(member, as)                                                     \
    {                                                                          \
        .name = #member, .kind = (as),                                         \
        .offset = offsetof(struct staging_result, member)                      \
    }

static const struct ccb_json_field result_fields[] = {
    RESULT(buildpack_key, CCB_JSON_K_STRING),
    RESULT(detected_buildpack, CCB_JSON_K_STRING),
    RESULT(execution_metadata, CCB_JSON_K_STRING),
    RESULT(detected_start_command, CCB_JSON_K_RAW),
};
static const struct ccb_json_shape result_shape = {
    result_fields, sizeof(result_fields) / sizeof(result_fields[0]),
    sizeof(struct staging_result)};

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

static int read_result(struct ccb_sdk_call *c, struct staging_result *out)
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
        code = check_commands(out->detected_start_command, &err);
    if (code == 0)
        return 0;
    ccb_error_prefix(&err, "the task's result");
    return ccb_sdk_fail_error(c, &err);
}

/* Written anew, not copied, so that what a builder wrote as invalid UTF-8 does
 * not reach CC. */
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

static int build_response(struct ccb_instance *self, struct ccb_call *call,
                          const struct ccb_request *request)
{
    struct staging_result result;
    struct ccb_json_writer w;
    struct ccb_sdk_call c;
    int code = ccb_sdk_begin(&c, host_of(self), call, request);

    if (code == 0)
        code = read_result(&c, &result);
    if (code < 0)
        return code;
    ccb_sdk_writer(&c, &w);
    ccb_json_begin_object(&w);
    ccb_json_member_string(&w, "execution_metadata", result.execution_metadata);
    put_commands(&c, &w, result.detected_start_command);
    ccb_json_key(&w, "lifecycle_data");
    ccb_json_begin_object(&w);
    ccb_json_member_string(&w, "buildpack_key", result.buildpack_key);
    ccb_json_member_string(&w, "detected_buildpack", result.detected_buildpack);
    ccb_json_end_object(&w);
    ccb_json_end_object(&w);
    return ccb_sdk_end(&c, &w);
}

static int build_recipe(struct ccb_instance *self, struct ccb_call *call,
                        const struct ccb_request *request)
{
    struct staging s;
    int code = ccb_sdk_begin(&s.c, host_of(self), call, request);

    if (code == 0)
        code = ccb_sdk_speaks(&s.c, DIALECT);
    if (code == 0)
        code = ccb_sdk_decode(&s.c, CCB_JSON_WHOLE, &request_shape, &s.in);
    if (code == 0)
        code = prepare(&s);
    if (code == 0)
        code = put_staging_recipe(&s);
    return code;
}

static const struct ccb_staging_1 staging_table = {
    sizeof(struct ccb_staging_1),
    0,
    build_recipe,
    build_response,
};

/* ---- running ------------------------------------------------------------ */

struct run {
    struct ccb_sdk_call c;
    struct ccb_app app;
    struct bundle bundle;
    struct ccb_slice bundle_url;
    struct ccb_ssh_keys ssh; /* only with allow_ssh */
};

static int refuse_sources(struct run *r, const char *text)
{
    struct ccb_sdk_log log;
    struct ccb_json_writer *w = ccb_sdk_log_begin(&log, &r->c);

    ccb_json_member_raw(w, "desired-app", r->c.message.raw);
    ccb_sdk_log_end(&log, CCB_LOG_ERROR, "desired-app-invalid");
    return ccb_sdk_fail(&r->c, CCB_INVALID, text);
}

static int check_sources(struct run *r)
{
    if (r->app.droplet_uri.len == 0)
        return refuse_sources(r, "desired app missing droplet_uri");
    if (r->app.docker_image.len > 0)
        return refuse_sources(r, "desired app contains both droplet_uri and "
                                 "docker_image; exactly one is required.");
    return 0;
}

static int find_bundle(struct run *r)
{
    struct ccb_json_writer *w;
    struct ccb_sdk_log log;

    look_up_bundle(&r->c, TEXT(LIFECYCLE), r->app.stack, &r->bundle);
    if (r->c.code < 0)
        return r->c.code;
    if (r->bundle.entry.len == 0) {
        w = ccb_sdk_log_begin(&log, &r->c);
        ccb_json_member_string(w, "lifecycle", r->bundle.key);
        ccb_sdk_log_end(&log, CCB_LOG_ERROR, "unknown-lifecycle");
        return ccb_sdk_fail(&r->c, CCB_INVALID,
                            "no lifecycle binary bundle defined for stack");
    }
    /* Unlike staging, a whole URL is no exception here: it is joined too. */
    r->bundle_url = static_url(&r->c, r->bundle.entry);
    return r->c.code;
}

/* SSH keys come last: they cost, and are asked for only when nothing else can
 * fail. */
static int prepare_run(struct run *r)
{
    int code = check_sources(r);

    if (code == 0)
        code = find_bundle(r);
    if (code == 0)
        code = ccb_app_find_ssh_keys(&r->c, &r->app, &r->ssh);
    return code;
}

static void put_setup(struct run *r, struct ccb_json_writer *w)
{
    struct ccb_slice key[] = {CCB_LIT("droplets-"), r->app.process_guid};
    struct ccb_download bundle = {.from = r->bundle_url,
                                  .to = CCB_LIT("/tmp/lifecycle"),
                                  .cache_key = r->bundle.cache_key,
                                  .user = CCB_LIT(USER)};
    struct ccb_download droplet = {.from = r->app.droplet_uri,
                                   .to = CCB_LIT("."),
                                   .cache_key = ccb_sdk_concat(&r->c, key, 2),
                                   .user = CCB_LIT(USER)};

    ccb_json_key(w, "setup");
    ccb_action_begin_list(w, "serial");
    ccb_action_download(w, &bundle);
    ccb_action_download(w, &droplet);
    ccb_action_end_list(w);
}

static int put_lrp(struct run *r)
{
    const struct ccb_app_run how = {&r->app, &r->ssh, CCB_LIT(USER), APP_PORT};
    struct ccb_json_writer w;

    ccb_sdk_writer(&r->c, &w);
    ccb_json_begin_object(&w);
    put_setup(r, &w);
    put_container(&w, r->app.stack);
    ccb_put_app(&w, &how);
    ccb_json_end_object(&w);
    return ccb_sdk_end(&r->c, &w);
}

static int build_lrp(struct ccb_instance *self, struct ccb_call *call,
                     const struct ccb_request *request)
{
    struct run r;
    int code = ccb_sdk_begin(&r.c, host_of(self), call, request);

    if (code == 0)
        code = ccb_sdk_speaks(&r.c, DIALECT);
    if (code == 0)
        code = ccb_sdk_decode(&r.c, CCB_JSON_FIRST, &ccb_app_shape, &r.app);
    if (code == 0)
        code = prepare_run(&r);
    if (code == 0)
        code = put_lrp(&r);
    return code;
}

static const struct ccb_run_1 run_table = {
    sizeof(struct ccb_run_1), 0, build_lrp,
    NULL, /* one-off tasks came with a later Cloud Controller */
};

/* Whatever the request holds: an update checks nothing (nsync.md 1.2). */
static int extract(struct ccb_instance *self, struct ccb_call *call,
                   const struct ccb_request *request)
{
    struct ccb_json_writer w;
    struct ccb_sdk_call c;
    int code = ccb_sdk_begin(&c, host_of(self), call, request);

    if (code < 0)
        return code;
    ccb_sdk_writer(&c, &w);
    ccb_json_begin_array(&w);
    ccb_json_put_int(&w, APP_PORT);
    ccb_json_end_array(&w);
    return ccb_sdk_end(&c, &w);
}

static const struct ccb_ports_1 ports_table = {
    sizeof(struct ccb_ports_1),
    0,
    extract,
};

/* ---- the entry ---------------------------------------------------------- */

static struct ccb_instance *create(const struct ccb_host *host,
                                   struct ccb_slice config)
{
    (void)config; /* there is nothing to configure */
    return (struct ccb_instance *)(uintptr_t)host;
}

static void destroy(struct ccb_instance *self)
{
    (void)self;
}

static const struct {
    const char *id;
    const void *table;
} interfaces[] = {
    {CCB_STAGING_1, &staging_table},
    {CCB_RUN_1, &run_table},
    {CCB_PORTS_1, &ports_table},
};

static const void *get_interface(struct ccb_instance *self, const char *id)
{
    size_t i;

    (void)self;
    for (i = 0; i < sizeof(interfaces) / sizeof(interfaces[0]); i++)
        if (strcmp(interfaces[i].id, id) == 0)
            return interfaces[i].table;
    return NULL;
}

const struct ccb_lifecycle_entry ccb_lifecycle_entry_v1 = {
    CCB_ENTRY_PREFIX(0), ID, VERSION, create, destroy, get_interface,
};
