/*
 * The lifecycle "jar", in C: the droplet is a .jar, and running it is all there
 * is to do. jar-c++ is the same plugin in C++, with the same goldens.
 */
#include "ccbridge/app.h"

#define ID "org.example.jar"
#define PORT 8080
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

CCB_MANIFEST("{\"manifest\":1,\"id\":\"" ID "\",\"version\":\"0.1.0\","
             "\"claims\":[\"jar\",\"jar/*\"],\"interfaces\":[\"" CCB_RUN_1
             "\",\"" CCB_PORTS_1 "\"],\"concurrent\":true}");

/* Reads the desire request. 0, or negative after the host was told. */
static int begin(struct ccb_sdk_call *c, struct ccb_app *app,
                 struct ccb_instance *self, struct ccb_call *call,
                 const struct ccb_request *request)
{
    int code = ccb_sdk_begin(c, ccb_sdk_host(self), call, request);

    if (code == 0)
        code = ccb_sdk_speaks(c, "receptor/1");
    if (code == 0)
        code = ccb_sdk_decode(c, CCB_JSON_FIRST, &ccb_app_shape, app);
    return code < 0 ? code : ccb_app_check_source(c, app, CCB_APP_DROPLET);
}

/* java -jar app.jar, with the app's environment. */
static void put_action(struct ccb_json_writer *w, const struct ccb_app *app)
{
    static const struct ccb_slice args[] = {CCB_LIT("-jar"),
                                            CCB_LIT("/home/vcap/app.jar")};
    const struct ccb_env *env = app->environment.items;

    ccb_json_key(w, "action");
    ccb_action_begin_run(w, ccb_slice_of("/usr/bin/java"));
    ccb_put_args(w, args, COUNT(args));
    ccb_json_key(w, "env");
    ccb_json_begin_array(w);
    for (size_t i = 0; i < app->environment.count; i++)
        ccb_put_env(w, &env[i]);
    ccb_put_env_text(w, "PORT", "8080");
    ccb_json_end_array(w);
    ccb_action_end_run(w, app->file_descriptors, ccb_slice_of("vcap"),
                       ccb_slice_of("APP"));
}

static int build_lrp(struct ccb_instance *self, struct ccb_call *call,
                     const struct ccb_request *request)
{
    struct ccb_app app = {0};
    struct ccb_sdk_call c;
    struct ccb_json_writer w;
    int code = begin(&c, &app, self, call, request);
    const struct ccb_download jar = {.from = app.droplet_uri,
                                     .to = CCB_LIT("/home/vcap"),
                                     .user = CCB_LIT("vcap")};
    const struct ccb_slice rootfs[] = {CCB_LIT("preloaded:"), app.stack};

    if (code < 0)
        return code;
    ccb_sdk_writer(&c, &w);
    ccb_json_begin_object(&w);
    ccb_json_key(&w, "rootfs");
    ccb_json_put_pieces(&w, rootfs, COUNT(rootfs));
    ccb_json_key(&w, "setup");
    ccb_action_download(&w, &jar);
    put_action(&w, &app);
    ccb_json_member_int(&w, "instances", app.num_instances);
    ccb_json_member_int(&w, "memory_mb", app.memory_mb);
    ccb_json_member_int(&w, "disk_mb", app.disk_mb);
    ccb_json_member_string(&w, "log_guid", app.log_guid);
    ccb_json_key(&w, "ports");
    ccb_json_begin_array(&w);
    ccb_json_put_int(&w, PORT);
    ccb_json_end_array(&w);
    ccb_json_end_object(&w);
    return ccb_sdk_end(&c, &w);
}

static int extract(struct ccb_instance *self, struct ccb_call *call,
                   const struct ccb_request *request)
{
    struct ccb_app app;
    struct ccb_sdk_call c;
    int code = begin(&c, &app, self, call, request);

    return code < 0 ? code : c.host->emit(call, "[8080]", 6);
}

static const struct ccb_run_1 run = {sizeof(struct ccb_run_1), 0, build_lrp,
                                     NULL};
static const struct ccb_ports_1 ports = {sizeof(struct ccb_ports_1), 0,
                                         extract};
static const struct ccb_sdk_interface interfaces[] = {{CCB_RUN_1, &run},
                                                      {CCB_PORTS_1, &ports}};

static const void *get_interface(struct ccb_instance *self, const char *id)
{
    (void)self;
    return ccb_sdk_find_interface(interfaces, COUNT(interfaces), id);
}

const struct ccb_lifecycle_entry ccb_lifecycle_entry_v1 = {
    CCB_ENTRY_PREFIX(0), ID,           "0.1.0", ccb_sdk_create,
    ccb_sdk_destroy,     get_interface};
