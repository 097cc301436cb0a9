// The lifecycle "jar", in C++: the droplet is a .jar, and running it is all
// there is to do. jar-c is the same plugin in C, with the same goldens.
//
// No exception crosses the border: the host is C, and so everything here is
// noexcept, and takes its memory from the call.
#include <cstddef>

#include "ccbridge/app.h"

#define ID "org.example.jar"

CCB_MANIFEST("{\"manifest\":1,\"id\":\"" ID "\",\"version\":\"0.1.0\","
             "\"claims\":[\"jar\",\"jar/*\"],\"interfaces\":[\"" CCB_RUN_1
             "\",\"" CCB_PORTS_1 "\"],\"concurrent\":true}");

namespace
{

template <std::size_t N> ccb_slice text(const char (&literal)[N]) noexcept
{
    return ccb_slice{literal, N - 1};
}

// A desire request that was read; `code` is negative after the host was told.
struct Call {
    ccb_sdk_call c;
    ccb_app app = {};
    int code;

    Call(ccb_instance *self, ccb_call *call,
         const ccb_request *request) noexcept
        : code(ccb_sdk_begin(&c, ccb_sdk_host(self), call, request))
    {
        if (code == 0)
            code = ccb_sdk_speaks(&c, "receptor/1");
        if (code == 0)
            code = ccb_sdk_decode(&c, CCB_JSON_FIRST, &ccb_app_shape, &app);
        if (code == 0)
            code = ccb_app_check_source(&c, &app, CCB_APP_DROPLET);
    }
};

// java -jar app.jar, with the app's environment.
void put_action(ccb_json_writer *w, const ccb_app &app) noexcept
{
    const ccb_slice args[] = {text("-jar"), text("/home/vcap/app.jar")};
    const auto *env = static_cast<const ccb_env *>(app.environment.items);

    ccb_json_key(w, "action");
    ccb_action_begin_run(w, text("/usr/bin/java"));
    ccb_put_args(w, args, 2);
    ccb_json_key(w, "env");
    ccb_json_begin_array(w);
    for (std::size_t i = 0; i < app.environment.count; i++)
        ccb_put_env(w, &env[i]);
    ccb_put_env_text(w, "PORT", "8080");
    ccb_json_end_array(w);
    ccb_action_end_run(w, app.file_descriptors, text("vcap"), text("APP"));
}

int build_lrp(ccb_instance *self, ccb_call *call,
              const ccb_request *request) noexcept
{
    Call r(self, call, request);
    ccb_json_writer w;
    ccb_download jar = {};
    const ccb_slice rootfs[] = {text("preloaded:"), r.app.stack};

    if (r.code < 0)
        return r.code;
    jar.from = r.app.droplet_uri;
    jar.to = text("/home/vcap");
    jar.user = text("vcap");
    ccb_sdk_writer(&r.c, &w);
    ccb_json_begin_object(&w);
    ccb_json_key(&w, "rootfs");
    ccb_json_put_pieces(&w, rootfs, 2);
    ccb_json_key(&w, "setup");
    ccb_action_download(&w, &jar);
    put_action(&w, r.app);
    ccb_json_member_int(&w, "instances", r.app.num_instances);
    ccb_json_member_int(&w, "memory_mb", r.app.memory_mb);
    ccb_json_member_int(&w, "disk_mb", r.app.disk_mb);
    ccb_json_member_string(&w, "log_guid", r.app.log_guid);
    ccb_json_key(&w, "ports");
    ccb_json_begin_array(&w);
    ccb_json_put_int(&w, 8080);
    ccb_json_end_array(&w);
    ccb_json_end_object(&w);
    return ccb_sdk_end(&r.c, &w);
}

int extract(ccb_instance *self, ccb_call *call,
            const ccb_request *request) noexcept
{
    Call r(self, call, request);

    return r.code < 0 ? r.code : r.c.host->emit(call, "[8080]", 6);
}

const ccb_run_1 run = {sizeof(ccb_run_1), 0, build_lrp, nullptr};
const ccb_ports_1 ports = {sizeof(ccb_ports_1), 0, extract};
const ccb_sdk_interface interfaces[] = {{CCB_RUN_1, &run},
                                        {CCB_PORTS_1, &ports}};

const void *get_interface(ccb_instance *, const char *id) noexcept
{
    return ccb_sdk_find_interface(interfaces, 2, id);
}

} // namespace

const ccb_lifecycle_entry ccb_lifecycle_entry_v1 = {
    CCB_ENTRY_PREFIX(0), ID,           "0.1.0", ccb_sdk_create,
    ccb_sdk_destroy,     get_interface};
