/*
 * The docker lifecycle as a plugin: apps that come as an image, whose builder
 * only looks at the image's metadata (and copies the image to a registry of
 * the platform where CC asks for it), and that run on the image itself.
 *
 * Invariant: a pure function of the request, bound to the SDK alone; checks
 * come in the order of the contract's tables, with their words, and nothing is
 * written before all of them passed. The registry's credentials go into the
 * builder's arguments and nowhere else. Follows contract/stager.md C5 and C6,
 * contract/nsync.md 3.
 */
#include "ccbridge/app.h"
#include "ccbridge/docker.h"
#include "ccbridge/docker_cache.h"
#include "ccbridge/lifecycle.h"
#include "ccbridge/staging.h"

#define ID "org.cloudfoundry.docker"
#define VERSION "1.0.0"
#define DIALECT "receptor/1"
#define LIFECYCLE "docker" /* the bundle's key, whatever is asked for */

#define BUNDLE_DIR "/tmp/docker_app_lifecycle"
#define RESULT_FILE "/tmp/docker-result/result.json"
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

CCB_MANIFEST("{\"manifest\":1,\"id\":\"" ID "\",\"version\":\"" VERSION "\","
             "\"claims\":[\"" LIFECYCLE "\"],"
             "\"interfaces\":[\"" CCB_STAGING_1 "\",\"" CCB_RUN_1
             "\",\"" CCB_PORTS_1 "\",\"" CCB_DOCKER_IMAGE_1 "\"],"
             "\"concurrent\":true}");

static int begin(struct ccb_sdk_call *c, struct ccb_instance *self,
                 struct ccb_call *call, const struct ccb_request *request)
{
    int code = ccb_sdk_begin(c, ccb_sdk_host(self), call, request);

    return code < 0 ? code : ccb_sdk_speaks(c, DIALECT);
}

/* ---- staging: what CC sends --------------------------------------------- */

struct staging {
    struct ccb_sdk_call c;
    struct ccb_staging_request in;
    struct ccb_docker_source source;
    struct ccb_bundle bundle;
    struct ccb_docker_cache cache;
};

/* Rows 4 and 5 of the table; what is before them all lifecycles check. The
 * login server alone is no credential. */
static int check_source(struct staging *s)
{
    const struct ccb_docker_source *d = &s->source;
    int given = (d->user.len > 0) + (d->password.len > 0) + (d->email.len > 0);

    if (d->image.len == 0)
        return ccb_sdk_fail(&s->c, CCB_FAILED,
                            "missing docker image download url");
    if (given != 0 && given != 3)
        return ccb_sdk_fail(&s->c, CCB_FAILED, "missing docker credentials");
    return 0;
}

static int begin_staging(struct staging *s, struct ccb_instance *self,
                         struct ccb_call *call,
                         const struct ccb_request *request)
{
    int code = begin(&s->c, self, call, request);

    if (code == 0)
        code = ccb_staging_decode(&s->c, &s->in, &ccb_docker_source_shape,
                                  &s->source);
    return code < 0 ? code : check_source(s);
}

/* ---- staging: the recipe ------------------------------------------------ */

static void put_fetch(struct staging *s, struct ccb_json_writer *w)
{
    static const struct ccb_progress messages = {
        .failure_message_prefix =
            CCB_LIT("Failed to set up docker environment")};
    const struct ccb_download bundle = {.from = s->bundle.url,
                                        .to = CCB_LIT(BUNDLE_DIR),
                                        .cache_key = s->bundle.cache_key,
                                        .user = CCB_LIT("vcap")};

    ccb_action_begin_progress(w);
    ccb_action_download(w, &bundle);
    ccb_action_end_progress(w, &messages);
}

static void put_builder_args(struct staging *s, struct ccb_json_writer *w)
{
    struct ccb_slice args[4 + CCB_DOCKER_CACHE_ARGS] = {
        CCB_LIT("-outputMetadataJSONFilename"), CCB_LIT(RESULT_FILE),
        CCB_LIT("-dockerRef"), s->source.image};
    size_t added =
        ccb_docker_cache_add_args(&s->c, &s->cache, &s->source, args + 4);

    ccb_put_args(w, args, 4 + added);
}

static void put_build(struct staging *s, struct ccb_json_writer *w)
{
    static const struct ccb_progress messages = {CCB_LIT("Staging..."),
                                                 CCB_LIT("Staging Complete"),
                                                 CCB_LIT("Staging Failed")};

    ccb_action_begin_progress(w);
    ccb_action_begin_run(w, ccb_slice_of(BUNDLE_DIR "/builder"));
    put_builder_args(s, w);
    ccb_staging_put_env(w, &s->in);
    /* Who copies images starts a docker daemon. A negative number of
     * descriptors wraps, as it always has. */
    ccb_action_end_run(w, (uint64_t)s->in.file_descriptors,
                       ccb_slice_of(s->cache.wanted ? "root" : "vcap"),
                       ccb_slice_of(""));
    ccb_action_end_progress(w, &messages);
}

static int put_recipe(struct staging *s)
{
    /* Caching appended to a list that already held the request's rules, so
     * these come twice: a quirk that is kept. */
    const struct ccb_json_list rules = ccb_docker_cache_make_rules(
        &s->c, &s->cache, &s->in, s->cache.wanted ? 2 : 1);
    const struct ccb_slice rootfs[] = {
        CCB_LIT("preloaded:"),
        ccb_sdk_fact_string(&s->c, "docker_staging_stack")};
    int64_t seconds = ccb_staging_find_timeout(&s->c, &s->in);
    struct ccb_json_writer w;

    ccb_sdk_writer(&s->c, &w);
    ccb_json_begin_object(&w);
    ccb_json_key(&w, "action");
    ccb_action_begin_timeout(&w);
    ccb_action_begin_list(&w, "serial");
    put_fetch(s, &w);
    put_build(s, &w);
    ccb_action_end_list(&w);
    ccb_action_end_timeout(&w, seconds * CCB_SECOND);
    ccb_json_key(&w, "rootfs");
    ccb_json_put_pieces(&w, rootfs, COUNT(rootfs));
    ccb_json_member_bool(&w, "privileged", true);
    ccb_staging_put_task(&w, &s->in, RESULT_FILE, 0);
    ccb_put_egress_rules(&w, &rules, CCB_EGRESS_STAGING);
    ccb_json_end_object(&w);
    return ccb_sdk_end(&s->c, &w);
}

static int build_recipe(struct ccb_instance *self, struct ccb_call *call,
                        const struct ccb_request *request)
{
    struct staging s;
    int code = begin_staging(&s, self, call, request);

    if (code == 0)
        code = ccb_bundle_find_for_staging(&s.c, ccb_slice_of(LIFECYCLE),
                                           &s.bundle);
    if (code == 0)
        code = ccb_docker_cache_find(&s.c, &s.in, &s.cache);
    if (code == 0)
        code = put_recipe(&s);
    return code;
}

/* ---- staging: the way back ---------------------------------------------- */

static int build_response(struct ccb_instance *self, struct ccb_call *call,
                          const struct ccb_request *request)
{
    static const char *const names[] = {"docker_image"};

    return ccb_staging_build_response(self, call, request, names, COUNT(names));
}

/* ---- running ------------------------------------------------------------ */

struct run {
    struct ccb_sdk_call c;
    struct ccb_app app;
    struct ccb_bundle bundle;
    struct ccb_slice rootfs;
    struct ccb_docker_metadata metadata;
    struct ccb_ssh_keys ssh; /* only with allow_ssh */
};

/* An image or metadata that can't be used are no typed errors of the builder
 * (contract/nsync.md 3.6), so CCB_INVALID would be too much. */
static int fail_untyped(struct ccb_sdk_call *c, struct ccb_error *err)
{
    if (err->code != CCB_NO_MEMORY)
        err->code = CCB_FAILED;
    return ccb_sdk_fail_error(c, err);
}

static int convert_image(struct ccb_sdk_call *c, struct ccb_slice image,
                         struct ccb_slice *out)
{
    struct ccb_error err;

    if (ccb_docker_format_rootfs(image, &c->alloc, out, &err) < 0)
        return fail_untyped(c, &err);
    return 0;
}

static void log_metadata(struct ccb_sdk_call *c, struct ccb_slice metadata,
                         const struct ccb_error *err)
{
    struct ccb_sdk_log log;
    struct ccb_json_writer *w = ccb_sdk_log_begin(&log, c);

    ccb_json_member_string(w, "desired-app-metadata", metadata);
    ccb_json_member_cstr(w, "error", err->message);
    ccb_sdk_log_end(&log, CCB_LOG_ERROR,
                    err->code == CCB_NOT_FOUND
                        ? "parsing-exposed-ports-failed"
                        : "parsing-execution-metadata-failed");
}

static int read_metadata(struct ccb_sdk_call *c, const struct ccb_app *app,
                         struct ccb_docker_metadata *out)
{
    struct ccb_error err;

    if (ccb_docker_parse_metadata(app->execution_metadata, &c->alloc, out,
                                  &err) == 0)
        return 0;
    if (err.code != CCB_NO_MEMORY)
        log_metadata(c, app->execution_metadata, &err);
    return fail_untyped(c, &err);
}

/* The checks of contract/nsync.md 3.6, in their order: SSH keys cost. */
static int prepare(struct run *r)
{
    int code = ccb_app_check_source(&r->c, &r->app, CCB_APP_DOCKER_IMAGE);

    if (code == 0)
        code = ccb_bundle_find_for_running(&r->c, ccb_slice_of(LIFECYCLE),
                                           &r->bundle);
    if (code == 0)
        code = convert_image(&r->c, r->app.docker_image, &r->rootfs);
    if (code == 0)
        code = read_metadata(&r->c, &r->app, &r->metadata);
    if (code == 0)
        code = ccb_app_find_ssh_keys(&r->c, &r->app, &r->ssh);
    return code;
}

static int put_lrp(struct run *r)
{
    const struct ccb_app_run how = {&r->app, &r->ssh, r->metadata.user,
                                    r->metadata.port};
    const struct ccb_download bundle = {.from = r->bundle.url,
                                        .to = CCB_LIT("/tmp/lifecycle"),
                                        .cache_key = r->bundle.cache_key,
                                        .user = r->metadata.user};
    struct ccb_json_writer w;

    ccb_sdk_writer(&r->c, &w);
    ccb_json_begin_object(&w);
    ccb_json_key(&w, "setup");
    ccb_action_begin_list(&w, "serial");
    ccb_action_download(&w, &bundle);
    ccb_action_end_list(&w);
    ccb_json_member_string(&w, "rootfs", r->rootfs);
    ccb_json_member_bool(&w, "privileged", false);
    ccb_put_app(&w, &how);
    ccb_json_end_object(&w);
    return ccb_sdk_end(&r->c, &w);
}

static int build_lrp(struct ccb_instance *self, struct ccb_call *call,
                     const struct ccb_request *request)
{
    struct run r;
    int code = begin(&r.c, self, call, request);

    if (code == 0)
        code = ccb_sdk_decode(&r.c, CCB_JSON_FIRST, &ccb_app_shape, &r.app);
    if (code == 0)
        code = prepare(&r);
    if (code == 0)
        code = put_lrp(&r);
    return code;
}

/* An update checks nothing but the metadata (contract/nsync.md 1.2). */
static int extract(struct ccb_instance *self, struct ccb_call *call,
                   const struct ccb_request *request)
{
    struct ccb_docker_metadata metadata;
    struct ccb_json_writer w;
    struct ccb_sdk_call c;
    struct ccb_app app;
    int code = ccb_sdk_begin(&c, ccb_sdk_host(self), call, request);

    if (code == 0)
        code = ccb_sdk_decode(&c, CCB_JSON_FIRST, &ccb_app_shape, &app);
    if (code == 0)
        code = read_metadata(&c, &app, &metadata);
    if (code < 0)
        return code;
    ccb_sdk_writer(&c, &w);
    ccb_json_begin_array(&w);
    ccb_json_put_int(&w, metadata.port);
    ccb_json_end_array(&w);
    return ccb_sdk_end(&c, &w);
}

/* ---- the image alone ---------------------------------------------------- */

static int convert_uri(struct ccb_instance *self, struct ccb_call *call,
                       const struct ccb_request *request)
{
    struct ccb_slice rootfs;
    struct ccb_json_writer w;
    struct ccb_sdk_call c;
    struct ccb_app app;
    int code = ccb_sdk_begin(&c, ccb_sdk_host(self), call, request);

    if (code == 0)
        code = ccb_sdk_decode(&c, CCB_JSON_FIRST, &ccb_app_shape, &app);
    if (code == 0)
        code = convert_image(&c, app.docker_image, &rootfs);
    if (code < 0)
        return code;
    ccb_sdk_writer(&c, &w);
    ccb_json_put_string(&w, rootfs);
    return ccb_sdk_end(&c, &w);
}

static void put_added_rules(struct staging *s, struct ccb_json_writer *w)
{
    const struct ccb_json_list rules =
        ccb_docker_cache_make_rules(&s->c, &s->cache, &s->in, 1);

    if (s->cache.wanted) {
        ccb_put_egress_rules(w, &rules, CCB_EGRESS_STAGING);
        return;
    }
    ccb_json_key(w, "egress_rules");
    ccb_json_begin_array(w);
    ccb_json_end_array(w);
}

static int put_cache(struct staging *s)
{
    struct ccb_slice args[CCB_DOCKER_CACHE_ARGS];
    struct ccb_json_writer w;
    size_t count =
        ccb_docker_cache_add_args(&s->c, &s->cache, &s->source, args);

    ccb_sdk_writer(&s->c, &w);
    ccb_json_begin_object(&w);
    ccb_put_args(&w, args, count);
    put_added_rules(s, &w);
    ccb_json_end_object(&w);
    return ccb_sdk_end(&s->c, &w);
}

static int cache_args(struct ccb_instance *self, struct ccb_call *call,
                      const struct ccb_request *request)
{
    struct staging s;
    int code = begin_staging(&s, self, call, request);

    if (code == 0)
        code = ccb_docker_cache_find(&s.c, &s.in, &s.cache);
    if (code == 0)
        code = put_cache(&s);
    return code;
}

/* ---- the tables --------------------------------------------------------- */

static const struct ccb_staging_1 staging = {
    sizeof(struct ccb_staging_1),
    0,
    build_recipe,
    build_response,
};

static const struct ccb_run_1 run = {
    sizeof(struct ccb_run_1), 0, build_lrp,
    NULL, /* one-off tasks came with a later Cloud Controller */
};

static const struct ccb_ports_1 ports = {
    sizeof(struct ccb_ports_1),
    0,
    extract,
};

static const struct ccb_docker_image_1 docker_image = {
    sizeof(struct ccb_docker_image_1),
    0,
    convert_uri,
    cache_args,
};

static const struct ccb_sdk_interface interfaces[] = {
    {CCB_STAGING_1, &staging},
    {CCB_RUN_1, &run},
    {CCB_PORTS_1, &ports},
    {CCB_DOCKER_IMAGE_1, &docker_image},
};

static const void *get_interface(struct ccb_instance *self, const char *id)
{
    (void)self;
    return ccb_sdk_find_interface(interfaces, COUNT(interfaces), id);
}

const struct ccb_lifecycle_entry ccb_lifecycle_entry_v1 = {
    CCB_ENTRY_PREFIX(0), ID, VERSION, ccb_sdk_create, ccb_sdk_destroy,
    get_interface,
};
