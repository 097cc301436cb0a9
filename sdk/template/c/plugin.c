/*
 * The lifecycle @NAME@ as a plugin of ccbridge: how its apps are staged and how
 * they are run.
 *
 * Each function is asked with one JSON message and answers with one document.
 * It does no I/O and keeps no state: all it may know comes with the request
 * (the message, and facts such as the file server's URL). Helpers come from
 * ccbridge/sdk.h, staging.h and app.h. A helper that fails has told the host
 * why, and its code is what the function returns.
 */
#include "ccbridge/app.h"
#include "ccbridge/staging.h"

#define ID "@ID@"
#define VERSION "0.1.0"
#define LIFECYCLE "@NAME@"   /* what CC's messages name, and -lifecycle maps */
#define DIALECT "receptor/1" /* the language that recipes are written in */
#define USER "vcap"
#define PORT 8080

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What the file says of itself without being run. */
CCB_MANIFEST("{\"manifest\":1,\"id\":\"" ID "\",\"version\":\"" VERSION "\","
             "\"claims\":[\"" LIFECYCLE "\"],"
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

/* The root file system, by the name that the cells know it by. */
static void put_rootfs(struct ccb_json_writer *w, struct ccb_slice stack)
{
    const struct ccb_slice pieces[] = {CCB_LIT("preloaded:"), stack};

    ccb_json_key(w, "rootfs");
    ccb_json_put_pieces(w, pieces, COUNT(pieces));
}

/* ---- staging: a request of CC becomes a task ---------------------------- */

/* The lifecycle_data of a staging request. */
struct data {
    struct ccb_slice app_bits, droplet, stack;
};

static const struct ccb_json_field data_fields[] = {
    {.name = "app_bits_download_uri",
     .kind = CCB_JSON_K_STRING,
     .offset = offsetof(struct data, app_bits)},
    {.name = "droplet_upload_uri",
     .kind = CCB_JSON_K_STRING,
     .offset = offsetof(struct data, droplet)},
    {.name = "stack",
     .kind = CCB_JSON_K_STRING,
     .offset = offsetof(struct data, stack)},
};
static const struct ccb_json_shape data_shape = {
    data_fields, COUNT(data_fields), sizeof(struct data)};

struct staging {
    struct ccb_sdk_call c;
    struct ccb_staging_request in;
    struct data data;
    struct ccb_bundle bundle; /* what -lifecycle @NAME@:BUNDLE names */
    struct ccb_slice upload_url;
};

/* The droplet goes to CC by way of the cc-uploader. */
static int make_upload_url(struct staging *s)
{
    struct ccb_sdk_call *c = &s->c;
    struct ccb_slice path[] = {CCB_LIT("/v1/droplet/"), CCB_LIT("")};
    struct ccb_slice pieces[] = {CCB_LIT(""),
                                 CCB_LIT("?cc-droplet-upload-uri="),
                                 ccb_sdk_query_escape(c, s->data.droplet)};

    if (ccb_sdk_path_guid(c, s->in.app_id, &path[1]) < 0)
        return ccb_sdk_fail(c, CCB_FAILED, "the app_id can't be in a URL");
    pieces[0] = ccb_sdk_join(c, ccb_sdk_fact_string(c, "cc_uploader_url"),
                             ccb_sdk_concat(c, path, COUNT(path)));
    s->upload_url = ccb_sdk_concat(c, pieces, COUNT(pieces));
    return c->code;
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
    code =
        ccb_bundle_find_for_staging(&s->c, ccb_slice_of(LIFECYCLE), &s->bundle);
    return code < 0 ? code : make_upload_url(s);
}

/* The builder of the bundle makes /tmp/droplet, and tells in /tmp/result.json
 * how the app is started. */
static void put_build(struct staging *s, struct ccb_json_writer *w)
{
    static const struct ccb_slice args[] = {
        CCB_LIT("-buildDir=/tmp/app"), CCB_LIT("-outputDroplet=/tmp/droplet"),
        CCB_LIT("-outputMetadata=/tmp/result.json")};
    static const struct ccb_progress messages = {CCB_LIT("Staging..."),
                                                 CCB_LIT("Staging complete"),
                                                 CCB_LIT("Staging failed")};

    ccb_action_begin_progress(w);
    ccb_action_begin_run(w, ccb_slice_of("/tmp/lifecycle/builder"));
    ccb_put_args(w, args, COUNT(args));
    ccb_staging_put_env(w, &s->in);
    ccb_action_end_run(w, (uint64_t)s->in.file_descriptors, ccb_slice_of(USER),
                       ccb_slice_of(""));
    ccb_action_end_progress(w, &messages);
}

static int put_recipe(struct staging *s)
{
    const struct ccb_upload droplet = {.artifact = CCB_LIT("droplet"),
                                       .from = CCB_LIT("/tmp/droplet"),
                                       .to = s->upload_url,
                                       .user = CCB_LIT(USER)};
    int64_t seconds = ccb_staging_find_timeout(&s->c, &s->in);
    struct ccb_json_writer w;

    ccb_sdk_writer(&s->c, &w);
    ccb_json_begin_object(&w);
    ccb_json_key(&w, "action");
    ccb_action_begin_timeout(&w);
    ccb_action_begin_list(&w, "serial");
    put_download(&w, s->data.app_bits, "/tmp/app", ccb_slice_of(""));
    put_download(&w, s->bundle.url, "/tmp/lifecycle", s->bundle.cache_key);
    put_build(s, &w);
    ccb_action_upload(&w, &droplet);
    ccb_action_end_list(&w);
    ccb_action_end_timeout(&w, seconds * CCB_SECOND);
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

/* The finished task becomes CC's staging result. Name here the strings of the
 * builder's result that CC gets as lifecycle_data. */
static int build_response(struct ccb_instance *self, struct ccb_call *call,
                          const struct ccb_request *request)
{
    static const char *const names[] = {"detected_buildpack"};

    return ccb_staging_build_response(self, call, request, names, COUNT(names));
}

/* ---- running: a droplet becomes a long-running process ------------------ */

struct run {
    struct ccb_sdk_call c;
    struct ccb_app app;
    struct ccb_bundle bundle;
    struct ccb_ssh_keys ssh;
};

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
        code = ccb_app_check_source(&r.c, &r.app, CCB_APP_DROPLET);
    if (code == 0)
        code = ccb_bundle_find_for_running(&r.c, ccb_slice_of(LIFECYCLE),
                                           &r.bundle);
    if (code == 0) /* last: keys cost the host time */
        code = ccb_app_find_ssh_keys(&r.c, &r.app, &r.ssh);
    return code < 0 ? code : put_lrp(&r);
}

/* The container ports of an app, the one for its routes first. */
static int extract(struct ccb_instance *self, struct ccb_call *call,
                   const struct ccb_request *request)
{
    struct ccb_json_writer w;
    struct ccb_sdk_call c;
    struct ccb_app app;
    int code = ccb_sdk_begin(&c, ccb_sdk_host(self), call, request);

    if (code == 0)
        code = ccb_sdk_decode(&c, CCB_JSON_FIRST, &ccb_app_shape, &app);
    if (code < 0)
        return code;
    ccb_sdk_writer(&c, &w);
    ccb_json_begin_array(&w);
    ccb_json_put_int(&w, PORT);
    ccb_json_end_array(&w);
    return ccb_sdk_end(&c, &w);
}

/* ---- what is offered ---------------------------------------------------- */

static const struct ccb_staging_1 staging = {sizeof(struct ccb_staging_1), 0,
                                             build_recipe, build_response};
/* NULL: one-off tasks are not offered. */
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

/* The only symbol that is exported. There is no state, so the SDK's own create
 * and destroy do. */
const struct ccb_lifecycle_entry ccb_lifecycle_entry_v1 = {
    CCB_ENTRY_PREFIX(0), ID,           VERSION, ccb_sdk_create,
    ccb_sdk_destroy,     get_interface};
