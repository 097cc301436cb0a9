/*
 * The buildpack family, staged: from CC's request to the task that runs the
 * builder, and from its result back to CC.
 *
 * Invariant: checks come in the order of the contract's table, with its words;
 * nothing is written before all of them passed. Follows contract/stager.md C4
 * (recipe) and C6 (the way back).
 */
#include "ccbridge/buildpack.h"

#include <stdio.h>

#include "buildpack_internal.h"
#include "ccbridge/staging.h"

#define CPU_WEIGHT 50
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- what CC sends ------------------------------------------------------ */

struct buildpack {
    struct ccb_slice name, key, url;
    bool skip_detect;
};

struct lifecycle_data {
    struct ccb_slice app_bits, cache_download, cache_upload, droplet_upload;
    struct ccb_slice stack;
    struct ccb_json_list buildpacks; /* of struct buildpack */
};

struct staging {
    struct ccb_sdk_call c;
    struct ccb_staging_request in;
    struct lifecycle_data data;
    struct ccb_bundle bundle;
    struct ccb_slice droplet_url, cache_url;
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
    {.name = "buildpacks",
     .kind = CCB_JSON_K_LIST,
     .offset = offsetof(struct lifecycle_data, buildpacks),
     .element = CCB_JSON_K_OBJECT,
     .shape = &buildpack_shape},
};
static const struct ccb_json_shape data_shape = {
    data_fields, COUNT(data_fields), sizeof(struct lifecycle_data)};

/* ---- checks, and what is worked out ------------------------------------- */

static int find_bundle(struct staging *s, const char *lifecycle)
{
    struct ccb_slice word = s->in.lifecycle;

    if (word.len == 0)
        word = ccb_slice_of(lifecycle);
    return ccb_bundle_find_for_staging(
        &s->c, ccb_buildpack_key(&s->c, word, s->data.stack), &s->bundle);
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
        return ccb_sdk_fail_for(&s->c, "failed to parse upload URL", &err);
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
        return ccb_sdk_fail(&s->c, CCB_FAILED,
                            "failed to parse upload URL: the app id holds a "
                            "broken percent escape or a control character");
    if (code == 0)
        code = make_upload_url(s, app, ccb_slice_of("/v1/droplet/"),
                               ccb_slice_of("?cc-droplet-upload-uri="),
                               s->data.droplet_upload, &s->droplet_url);
    if (code == 0)
        code = make_upload_url(s, app, ccb_slice_of("/v1/build_artifacts/"),
                               ccb_slice_of("?cc-build-artifacts-upload-uri="),
                               s->data.cache_upload, &s->cache_url);
    return code;
}

/* Rows 4 to 9 of the table; what is before them all lifecycles check. */
static int prepare(struct staging *s, const char *lifecycle)
{
    struct ccb_error err;
    int code;

    if (s->data.app_bits.len == 0)
        return ccb_sdk_fail(&s->c, CCB_FAILED, "missing app bits download uri");
    code = find_bundle(s, lifecycle);
    if (code < 0)
        return code;
    s->buildpacks = s->data.buildpacks.items;
    s->buildpack_count = s->data.buildpacks.count;
    s->skip_detect = s->buildpack_count == 1 && s->buildpacks[0].skip_detect;
    s->seconds = ccb_staging_find_timeout(&s->c, &s->in);
    if (s->data.cache_download.len > 0 &&
        ccb_url_check_request_uri(s->data.cache_download, &err) < 0)
        return ccb_sdk_fail_for(&s->c, "build_artifacts_cache_download_uri",
                                &err);
    return make_upload_urls(s);
}

/* ---- the recipe --------------------------------------------------------- */

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
                             .user = CCB_LIT(CCB_BUILDPACK_USER)};
    ccb_action_download(w, &a);
}

static void put_buildpack_download(struct ccb_json_writer *w,
                                   const struct buildpack *b)
{
    char to[sizeof("/tmp/buildpacks/") + 32] = "/tmp/buildpacks/";
    struct ccb_download a = {.artifact = b->name,
                             .from = b->url,
                             .cache_key = b->key,
                             .user = CCB_LIT(CCB_BUILDPACK_USER)};

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
    put_download(w, "", s->bundle.url, "/tmp/lifecycle", s->bundle.cache_key);
    ccb_action_end_progress(w, &setup);
    for (i = 0; i < s->buildpack_count; i++)
        if (!is_custom(&s->buildpacks[i]))
            put_buildpack_download(w, &s->buildpacks[i]);
    if (s->data.cache_download.len > 0) {
        ccb_action_begin_try(w);
        put_download(w, "build artifacts cache", s->data.cache_download,
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
    pieces[n++] = ccb_slice_of(s->data.cache_download.len > 0
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

    ccb_put_args(w, args, COUNT(args));
}

/* Step 3. */
static void put_build(struct staging *s, struct ccb_json_writer *w,
                      struct ccb_slice order)
{
    static const struct ccb_progress messages = {CCB_LIT("Staging..."),
                                                 CCB_LIT("Staging complete"),
                                                 CCB_LIT("Staging failed")};

    ccb_action_begin_progress(w);
    ccb_action_begin_run(w, ccb_slice_of("/tmp/lifecycle/builder"));
    put_builder_args(s, w, order);
    ccb_staging_put_env(w, &s->in);
    /* A negative number of descriptors wraps, as it always has. */
    ccb_action_end_run(w, (uint64_t)s->in.file_descriptors,
                       ccb_slice_of(CCB_BUILDPACK_USER), ccb_slice_of(""));
    ccb_action_end_progress(w, &messages);
}

static void put_upload(struct ccb_json_writer *w, const char *artifact,
                       const char *from, struct ccb_slice to)
{
    struct ccb_upload a = {.artifact = ccb_slice_of(artifact),
                           .from = ccb_slice_of(from),
                           .to = to,
                           .user = CCB_LIT(CCB_BUILDPACK_USER)};
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

static int put_recipe(struct staging *s)
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
    put_download(&w, "app package", s->data.app_bits, "/tmp/app",
                 ccb_slice_of(""));
    put_fetch(s, &w, &fetch);
    put_build(s, &w, order);
    put_uploads(s, &w);
    ccb_action_end_list(&w);
    ccb_action_end_timeout(&w, s->seconds * CCB_SECOND);
    ccb_buildpack_put_container(&w, s->data.stack);
    ccb_staging_put_task(&w, &s->in, "/tmp/result.json", CPU_WEIGHT);
    ccb_put_egress_rules(&w, &s->in.egress_rules, CCB_EGRESS_STAGING);
    ccb_json_end_object(&w);
    return ccb_sdk_end(&s->c, &w);
}

int ccb_buildpack_build_recipe(struct ccb_instance *self, struct ccb_call *call,
                               const struct ccb_request *request,
                               const char *lifecycle)
{
    struct staging s = {0};
    int code = ccb_sdk_begin(&s.c, ccb_sdk_host(self), call, request);

    if (code == 0)
        code = ccb_sdk_speaks(&s.c, CCB_BUILDPACK_DIALECT);
    if (code == 0)
        code = ccb_staging_decode(&s.c, &s.in, &data_shape, &s.data);
    if (code == 0)
        code = prepare(&s, lifecycle);
    if (code == 0)
        code = put_recipe(&s);
    return code;
}

/* ---- the way back ------------------------------------------------------- */

int ccb_buildpack_build_response(struct ccb_instance *self,
                                 struct ccb_call *call,
                                 const struct ccb_request *request)
{
    static const char *const names[] = {"buildpack_key", "detected_buildpack"};

    return ccb_staging_build_response(self, call, request, names, COUNT(names));
}
