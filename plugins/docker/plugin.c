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
#include "ccbridge/address.h"
#include "ccbridge/app.h"
#include "ccbridge/docker.h"
#include "ccbridge/lifecycle.h"
#include "ccbridge/staging.h"

#define ID "org.cloudfoundry.docker"
#define VERSION "1.0.0"
#define DIALECT "receptor/1"
#define LIFECYCLE "docker" /* the bundle's key, whatever is asked for */

#define REGISTRIES "docker_registries"
#define REGISTRY_PORT 8080 /* whatever -dockerRegistryAddress says */
#define RESULT_FILE "/tmp/docker-result/result.json"
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

CCB_MANIFEST("{\"manifest\":1,\"id\":\"" ID "\",\"version\":\"" VERSION "\","
             "\"claims\":[\"" LIFECYCLE "\"],"
             "\"interfaces\":[\"" CCB_STAGING_1 "\",\"" CCB_RUN_1
             "\",\"" CCB_PORTS_1 "\",\"" CCB_DOCKER_IMAGE_1 "\"],"
             "\"concurrent\":true}");

#define FIELD(type, key, member)                                               \
    {                                                                          \
        .name = (key), .kind = CCB_JSON_K_STRING,                              \
        .offset = offsetof(struct type, member)                                \
    }

static int begin(struct ccb_sdk_call *c, struct ccb_instance *self,
                 struct ccb_call *call, const struct ccb_request *request)
{
    int code = ccb_sdk_begin(c, ccb_sdk_host(self), call, request);

    return code < 0 ? code : ccb_sdk_speaks(c, DIALECT);
}

/* ---- staging: what CC sends --------------------------------------------- */

struct lifecycle_data {
    struct ccb_slice image, login_server, user, password, email;
};

static const struct ccb_json_field data_fields[] = {
    FIELD(lifecycle_data, "docker_image", image),
    FIELD(lifecycle_data, "docker_login_server", login_server),
    FIELD(lifecycle_data, "docker_user", user),
    FIELD(lifecycle_data, "docker_password", password),
    FIELD(lifecycle_data, "docker_email", email),
};
static const struct ccb_json_shape data_shape = {
    data_fields, COUNT(data_fields), sizeof(struct lifecycle_data)};

/* The registry that images are copied to, where CC asks for it. */
struct caching {
    bool wanted, insecure;
    struct ccb_slice host, port;
    struct ccb_json_list addresses; /* of struct ccb_slice, never empty */
    uint32_t open_port;
};

struct staging {
    struct ccb_sdk_call c;
    struct ccb_staging_request in;
    struct lifecycle_data data;
    struct ccb_bundle bundle;
    struct caching caching;
};

/* Rows 4 and 5 of the table; what is before them all lifecycles check. The
 * login server alone is no credential. */
static int check_data(struct staging *s)
{
    const struct lifecycle_data *d = &s->data;
    int given = (d->user.len > 0) + (d->password.len > 0) + (d->email.len > 0);

    if (d->image.len == 0)
        return ccb_sdk_fail(&s->c, CCB_FAILED,
                            "missing docker image download url");
    if (given != 0 && given != 3)
        return ccb_sdk_fail(&s->c, CCB_FAILED, "missing docker credentials");
    return 0;
}

/* ---- staging: caching --------------------------------------------------- */

/* Whether a text that is still in its JSON form, or absent, is `word`. */
static bool quoted_is(struct ccb_slice quoted, const char *word)
{
    struct ccb_json text = {CCB_JSON_STRING, quoted};

    return quoted.len > 0 && ccb_json_string_is(text, word);
}

static bool wants_caching(const struct ccb_staging_request *in)
{
    const struct ccb_env *env = in->environment.items;
    size_t i;

    for (i = 0; i < in->environment.count; i++)
        if (quoted_is(env[i].name, "DIEGO_DOCKER_CACHE") &&
            quoted_is(env[i].value, "true"))
            return true;
    return false;
}

static int refuse_address(struct staging *s, struct ccb_slice address,
                          const struct ccb_error *why)
{
    struct ccb_sdk_log log;
    struct ccb_json_writer *w = ccb_sdk_log_begin(&log, &s->c);

    ccb_json_member_string(w, "address", address);
    ccb_json_member_cstr(w, "error", why->message);
    ccb_json_member_string(w, "app-id", s->in.app_id);
    ccb_json_member_string(w, "staging-guid", s->c.request->guid);
    ccb_sdk_log_end(&log, CCB_LOG_DEBUG,
                    "build-recipe.invalid docker registry address");
    return ccb_sdk_fail(&s->c, CCB_FAILED, "invalid docker registry address");
}

static void log_addresses(struct staging *s)
{
    const struct ccb_slice *addresses = s->caching.addresses.items;
    struct ccb_sdk_log log;
    struct ccb_json_writer *w = ccb_sdk_log_begin(&log, &s->c);
    size_t i;

    ccb_json_key(w, "ips");
    ccb_json_begin_array(w);
    for (i = 0; i < s->caching.addresses.count; i++)
        ccb_json_put_string(w, addresses[i]);
    ccb_json_end_array(w);
    /* A session of this name had an action of this name. */
    ccb_sdk_log_end(&log, CCB_LOG_DEBUG,
                    "docker-registry-consul-services."
                    "docker-registry-consul-services");
}

/* Asks for the addresses on the first call and reads them on the second. */
static int find_addresses(struct staging *s)
{
    static const struct ccb_json_field field = {.name = REGISTRIES,
                                                .kind = CCB_JSON_K_LIST,
                                                .element = CCB_JSON_K_STRING};
    static const struct ccb_json_shape shape = {&field, 1,
                                                sizeof(struct ccb_json_list)};
    struct ccb_json_list *list = &s->caching.addresses;
    struct ccb_error err;
    int code;

    if (s->c.gathered.type == CCB_JSON_NONE)
        return s->c.host->need_facts(s->c.call, ccb_slice_of(REGISTRIES));
    code = ccb_json_decode(s->c.gathered, &shape, list, &s->c.alloc, &err);
    if (code == CCB_NO_MEMORY)
        return ccb_sdk_fail_error(&s->c, &err);
    if (code < 0)
        return ccb_sdk_fail_for(&s->c, "gathered facts", &err);
    if (list->count == 0)
        return ccb_sdk_fail(&s->c, CCB_FAILED, "missing docker registry");
    log_addresses(s);
    return 0;
}

/* Rows 7 to 9. */
static int find_caching(struct staging *s)
{
    struct caching *caching = &s->caching;
    struct ccb_slice address;
    struct ccb_error err;

    memset(caching, 0, sizeof(*caching));
    caching->wanted = wants_caching(&s->in);
    if (!caching->wanted)
        return 0;
    address = ccb_sdk_fact_string(&s->c, "docker_registry_address");
    if (s->c.code < 0)
        return s->c.code;
    if (ccb_url_split_host_port(address, &caching->host, &caching->port, &err) <
        0)
        return refuse_address(s, address, &err);
    caching->insecure = ccb_sdk_fact_bool(&s->c, "insecure_docker_registry");
    caching->open_port = REGISTRY_PORT;
    return find_addresses(s);
}

/* ---- staging: the builder's arguments ----------------------------------- */

struct args {
    struct ccb_slice list[24];
    size_t count;
};

static void add(struct args *args, struct ccb_slice word)
{
    args->list[args->count++] = word;
}

static void add_flag(struct args *args, const char *flag,
                     struct ccb_slice value)
{
    add(args, ccb_slice_of(flag));
    add(args, value);
}

static struct ccb_slice join_addresses(struct staging *s)
{
    const struct ccb_slice *addresses = s->caching.addresses.items;
    size_t i, n = 0, count = s->caching.addresses.count;
    struct ccb_slice *pieces = ccb_sdk_alloc(&s->c, 2 * count, sizeof(*pieces));

    if (!pieces)
        return ccb_slice_of("");
    for (i = 0; i < count; i++) {
        if (i > 0)
            pieces[n++] = ccb_slice_of(",");
        pieces[n++] = addresses[i];
    }
    return ccb_sdk_concat(&s->c, pieces, n);
}

/* What caching adds. The credentials are passed on here only: without caching
 * the builder has none. */
static void add_caching(struct staging *s, struct args *args)
{
    const struct caching *caching = &s->caching;
    const struct ccb_slice registry[] = {caching->host, CCB_LIT(":"),
                                         caching->port};

    if (!caching->wanted)
        return;
    add(args, ccb_slice_of("-cacheDockerImage"));
    add_flag(args, "-dockerRegistryHost", caching->host);
    add_flag(args, "-dockerRegistryPort", caching->port);
    add_flag(args, "-dockerRegistryIPs", join_addresses(s));
    if (caching->insecure)
        add_flag(args, "-insecureDockerRegistries",
                 ccb_sdk_concat(&s->c, registry, COUNT(registry)));
    if (s->data.login_server.len > 0)
        add_flag(args, "-dockerLoginServer", s->data.login_server);
    if (s->data.user.len > 0) {
        add_flag(args, "-dockerUser", s->data.user);
        add_flag(args, "-dockerPassword", s->data.password);
        add_flag(args, "-dockerEmail", s->data.email);
    }
}

/* ---- staging: the egress rules ------------------------------------------ */

static struct ccb_egress_rule open_registry(struct staging *s,
                                            struct ccb_slice *address)
{
    const struct ccb_egress_rule rule = {
        .protocol = CCB_LIT("tcp"),
        .destinations = {.items = address, .count = 1, .given = 1},
        .ports = {.items = &s->caching.open_port, .count = 1, .given = 1},
    };

    return rule;
}

/* The request's rules `times` over, then one for each registry. */
static struct ccb_json_list make_rules(struct staging *s, size_t times)
{
    const struct ccb_json_list *given = &s->in.egress_rules;
    struct ccb_slice *addresses = s->caching.addresses.items;
    size_t i, n = times * given->count + s->caching.addresses.count;
    struct ccb_egress_rule *rules = ccb_sdk_alloc(&s->c, n, sizeof(*rules));
    struct ccb_json_list list = {.items = rules, .given = 1};

    if (!rules)
        return list;
    for (i = 0; i < times; i++) {
        if (given->count > 0)
            memcpy(rules + list.count, given->items,
                   given->count * sizeof(*rules));
        list.count += given->count;
    }
    for (i = 0; i < s->caching.addresses.count; i++)
        rules[list.count++] = open_registry(s, &addresses[i]);
    return list;
}

/* ---- staging: the recipe ------------------------------------------------ */

static void put_fetch(struct staging *s, struct ccb_json_writer *w)
{
    static const struct ccb_progress messages = {
        .failure_message_prefix =
            CCB_LIT("Failed to set up docker environment")};
    const struct ccb_download bundle = {.from = s->bundle.url,
                                        .to = CCB_LIT("/tmp/docker_app_"
                                                      "lifecycle"),
                                        .cache_key = s->bundle.cache_key,
                                        .user = CCB_LIT("vcap")};

    ccb_action_begin_progress(w);
    ccb_action_download(w, &bundle);
    ccb_action_end_progress(w, &messages);
}

static void put_build(struct staging *s, struct ccb_json_writer *w,
                      const struct args *args)
{
    static const struct ccb_progress messages = {CCB_LIT("Staging..."),
                                                 CCB_LIT("Staging Complete"),
                                                 CCB_LIT("Staging Failed")};

    ccb_action_begin_progress(w);
    ccb_action_begin_run(w, ccb_slice_of("/tmp/docker_app_lifecycle/builder"));
    ccb_put_args(w, args->list, args->count);
    ccb_staging_put_env(w, &s->in);
    /* Who copies images starts a docker daemon. A negative number of
     * descriptors wraps, as it always has. */
    ccb_action_end_run(w, (uint64_t)s->in.file_descriptors,
                       ccb_slice_of(s->caching.wanted ? "root" : "vcap"),
                       ccb_slice_of(""));
    ccb_action_end_progress(w, &messages);
}

static void put_task(struct staging *s, struct ccb_json_writer *w,
                     const struct args *args, int64_t seconds)
{
    const struct ccb_slice rootfs[] = {
        CCB_LIT("preloaded:"),
        ccb_sdk_fact_string(&s->c, "docker_staging_stack")};

    ccb_json_key(w, "action");
    ccb_action_begin_timeout(w);
    ccb_action_begin_list(w, "serial");
    put_fetch(s, w);
    put_build(s, w, args);
    ccb_action_end_list(w);
    ccb_action_end_timeout(w, seconds * CCB_SECOND);
    ccb_json_key(w, "rootfs");
    ccb_json_put_pieces(w, rootfs, COUNT(rootfs));
    ccb_json_member_bool(w, "privileged", true);
    ccb_staging_put_task(w, &s->in, RESULT_FILE, 0);
}

static int put_recipe(struct staging *s)
{
    /* Caching appended to a list that already held the request's rules, so
     * these come twice: a quirk that is kept. */
    struct ccb_json_list rules = make_rules(s, s->caching.wanted ? 2 : 1);
    int64_t seconds = ccb_staging_find_timeout(&s->c, &s->in);
    struct args args = {.count = 0};
    struct ccb_json_writer w;

    add_flag(&args, "-outputMetadataJSONFilename", ccb_slice_of(RESULT_FILE));
    add_flag(&args, "-dockerRef", s->data.image);
    add_caching(s, &args);
    if (s->c.code < 0)
        return s->c.code;
    ccb_sdk_writer(&s->c, &w);
    ccb_json_begin_object(&w);
    put_task(s, &w, &args, seconds);
    ccb_put_egress_rules(&w, &rules, CCB_EGRESS_STAGING);
    ccb_json_end_object(&w);
    return ccb_sdk_end(&s->c, &w);
}

static int build_recipe(struct ccb_instance *self, struct ccb_call *call,
                        const struct ccb_request *request)
{
    struct staging s;
    int code = begin(&s.c, self, call, request);

    if (code == 0)
        code = ccb_staging_decode(&s.c, &s.in, &data_shape, &s.data);
    if (code == 0)
        code = check_data(&s);
    if (code == 0)
        code = ccb_bundle_find_for_staging(&s.c, ccb_slice_of(LIFECYCLE),
                                           &s.bundle);
    if (code == 0)
        code = find_caching(&s);
    if (code == 0)
        code = put_recipe(&s);
    return code;
}

/* ---- staging: the way back ---------------------------------------------- */

struct build_result {
    struct ccb_slice image;
};

static const struct ccb_json_field result_fields[] = {
    FIELD(build_result, "docker_image", image),
};
static const struct ccb_json_shape result_shape = {
    result_fields, COUNT(result_fields), sizeof(struct build_result)};

static int build_response(struct ccb_instance *self, struct ccb_call *call,
                          const struct ccb_request *request)
{
    struct ccb_staging_result result;
    struct build_result own;
    struct ccb_json_writer w;
    struct ccb_sdk_call c;
    int code = ccb_sdk_begin(&c, ccb_sdk_host(self), call, request);

    if (code == 0)
        code = ccb_staging_read_result(&c, &result, &result_shape, &own);
    if (code < 0)
        return code;
    ccb_sdk_writer(&c, &w);
    ccb_json_begin_object(&w);
    ccb_staging_put_result(&c, &w, &result);
    ccb_json_key(&w, "lifecycle_data");
    ccb_json_begin_object(&w);
    ccb_json_member_string(&w, "docker_image", own.image);
    ccb_json_end_object(&w);
    ccb_json_end_object(&w);
    return ccb_sdk_end(&c, &w);
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

static int put_caching(struct staging *s)
{
    struct ccb_json_list rules = {.given = 1};
    struct args args = {.count = 0};
    struct ccb_json_writer w;

    add_caching(s, &args);
    if (s->caching.wanted)
        rules = make_rules(s, 1);
    if (s->c.code < 0)
        return s->c.code;
    ccb_sdk_writer(&s->c, &w);
    ccb_json_begin_object(&w);
    ccb_put_args(&w, args.list, args.count);
    if (rules.count > 0) {
        ccb_put_egress_rules(&w, &rules, CCB_EGRESS_STAGING);
    } else {
        ccb_json_key(&w, "egress_rules");
        ccb_json_begin_array(&w);
        ccb_json_end_array(&w);
    }
    ccb_json_end_object(&w);
    return ccb_sdk_end(&s->c, &w);
}

static int cache_args(struct ccb_instance *self, struct ccb_call *call,
                      const struct ccb_request *request)
{
    struct staging s;
    int code = begin(&s.c, self, call, request);

    if (code == 0)
        code = ccb_staging_decode(&s.c, &s.in, &data_shape, &s.data);
    if (code == 0)
        code = check_data(&s);
    if (code == 0)
        code = find_caching(&s);
    if (code == 0)
        code = put_caching(&s);
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
