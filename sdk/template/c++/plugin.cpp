/*
 * The lifecycle @NAME@ as a plugin of ccbridge: how its apps are staged and how
 * they are run.
 *
 * Each function is asked with one JSON message and answers with one document.
 * It does no I/O and keeps no state: all it may know comes with the request
 * (the message, and facts such as the file server's URL). Helpers come from
 * ccbridge/sdk.h, staging.h and app.h. A helper that fails has told the host
 * why, and its code is what the function returns.
 *
 * The host speaks C: no exception may leave a function that it calls, which is
 * what `noexcept` says here. Memory of the host (ccb_sdk_alloc) ends with the
 * call by itself; nothing here needs the heap.
 */
#include "ccbridge/app.h"
#include "ccbridge/staging.h"

namespace
{

#define ID "@ID@"
#define VERSION "0.1.0"
#define LIFECYCLE "@NAME@" /* what CC's messages name, and -lifecycle maps */

constexpr const char *dialect = "receptor/1"; // that recipes are written in
constexpr const char *user = "vcap";
constexpr uint16_t port = 8080;

// What the file says of itself without being run.
CCB_MANIFEST("{\"manifest\":1,\"id\":\"" ID "\",\"version\":\"" VERSION "\","
             "\"claims\":[\"" LIFECYCLE "\"],"
             "\"interfaces\":[\"" CCB_STAGING_1 "\",\"" CCB_RUN_1
             "\",\"" CCB_PORTS_1 "\"],\"concurrent\":true}");

using slice = ccb_slice;

template <size_t n> constexpr size_t count_of(const slice (&)[n])
{
    return n;
}

// One call: everything that helpers need at hand, on the stack.
struct Call {
    ccb_sdk_call c;

    int begin(ccb_instance *self, ccb_call *call, const ccb_request *request)
    {
        int code = ccb_sdk_begin(&c, ccb_sdk_host(self), call, request);

        return code < 0 ? code : ccb_sdk_speaks(&c, dialect);
    }
    int fail(const char *words)
    {
        return ccb_sdk_fail(&c, CCB_FAILED, words);
    }
    template <size_t n> slice concat(const slice (&pieces)[n])
    {
        return ccb_sdk_concat(&c, pieces, n);
    }
};

// The result, which the host copies as it is written.
struct Writer {
    Call &call;
    ccb_json_writer w;

    explicit Writer(Call &of) : call(of)
    {
        ccb_sdk_writer(&call.c, &w);
    }
    int end()
    {
        return ccb_sdk_end(&call.c, &w);
    }
    void download(slice from, const char *to, slice cache_key = {nullptr, 0})
    {
        ccb_download step = {};

        step.from = from;
        step.to = ccb_slice_of(to);
        step.cache_key = cache_key;
        step.user = ccb_slice_of(user);
        ccb_action_download(&w, &step);
    }
    // The root file system, by the name that the cells know it by.
    void rootfs(slice stack)
    {
        const slice pieces[] = {CCB_LIT("preloaded:"), stack};

        ccb_json_key(&w, "rootfs");
        ccb_json_put_pieces(&w, pieces, count_of(pieces));
    }
};

// ---- staging: a request of CC becomes a task --------------------------------

// The lifecycle_data of a staging request.
struct Data {
    slice app_bits, droplet, stack;
};

constexpr ccb_json_field text(const char *name, size_t offset)
{
    return {name, CCB_JSON_K_STRING, offset, CCB_JSON_K_STRING, nullptr, 0};
}

const ccb_json_field data_fields[] = {
    text("app_bits_download_uri", offsetof(Data, app_bits)),
    text("droplet_upload_uri", offsetof(Data, droplet)),
    text("stack", offsetof(Data, stack)),
};
const ccb_json_shape data_shape = {data_fields, 3, sizeof(Data)};

struct Staging : Call {
    ccb_staging_request in;
    Data data;
    ccb_bundle bundle; // what -lifecycle @NAME@:BUNDLE names
    slice upload_url;

    int make_upload_url();
    int prepare();
    void put_build(Writer &out);
    int put_recipe();
};

// The droplet goes to CC by way of the cc-uploader.
int Staging::make_upload_url()
{
    slice path[] = {CCB_LIT("/v1/droplet/"), CCB_LIT("")};

    if (ccb_sdk_path_guid(&c, in.app_id, &path[1]) < 0)
        return fail("the app_id can't be in a URL");
    const slice pieces[] = {
        ccb_sdk_join(&c, ccb_sdk_fact_string(&c, "cc_uploader_url"),
                     concat(path)),
        CCB_LIT("?cc-droplet-upload-uri="),
        ccb_sdk_query_escape(&c, data.droplet)};
    upload_url = concat(pieces);
    return c.code;
}

// Everything is checked before anything is written.
int Staging::prepare()
{
    if (data.app_bits.len == 0)
        return fail("lifecycle_data has no app_bits_download_uri");
    if (data.stack.len == 0)
        return fail("lifecycle_data has no stack");
    int code =
        ccb_bundle_find_for_staging(&c, ccb_slice_of(LIFECYCLE), &bundle);
    return code < 0 ? code : make_upload_url();
}

// The builder of the bundle makes /tmp/droplet, and tells in /tmp/result.json
// how the app is started.
void Staging::put_build(Writer &out)
{
    static const slice args[] = {CCB_LIT("-buildDir=/tmp/app"),
                                 CCB_LIT("-outputDroplet=/tmp/droplet"),
                                 CCB_LIT("-outputMetadata=/tmp/result.json")};
    static const ccb_progress messages = {CCB_LIT("Staging..."),
                                          CCB_LIT("Staging complete"),
                                          CCB_LIT("Staging failed")};

    ccb_action_begin_progress(&out.w);
    ccb_action_begin_run(&out.w, ccb_slice_of("/tmp/lifecycle/builder"));
    ccb_put_args(&out.w, args, count_of(args));
    ccb_staging_put_env(&out.w, &in);
    ccb_action_end_run(&out.w, static_cast<uint64_t>(in.file_descriptors),
                       ccb_slice_of(user), ccb_slice_of(""));
    ccb_action_end_progress(&out.w, &messages);
}

int Staging::put_recipe()
{
    int64_t seconds = ccb_staging_find_timeout(&c, &in);
    ccb_upload droplet = {};
    Writer out(*this);

    droplet.artifact = ccb_slice_of("droplet");
    droplet.from = ccb_slice_of("/tmp/droplet");
    droplet.to = upload_url;
    droplet.user = ccb_slice_of(user);
    ccb_json_begin_object(&out.w);
    ccb_json_key(&out.w, "action");
    ccb_action_begin_timeout(&out.w);
    ccb_action_begin_list(&out.w, "serial");
    out.download(data.app_bits, "/tmp/app");
    out.download(bundle.url, "/tmp/lifecycle", bundle.cache_key);
    put_build(out);
    ccb_action_upload(&out.w, &droplet);
    ccb_action_end_list(&out.w);
    ccb_action_end_timeout(&out.w, seconds * CCB_SECOND);
    out.rootfs(data.stack);
    ccb_staging_put_task(&out.w, &in, "/tmp/result.json", 0);
    ccb_put_egress_rules(&out.w, &in.egress_rules, CCB_EGRESS_STAGING);
    ccb_json_end_object(&out.w);
    return out.end();
}

int build_recipe(ccb_instance *self, ccb_call *call,
                 const ccb_request *request) noexcept
{
    Staging s = {};
    int code = s.begin(self, call, request);

    if (code == 0)
        code = ccb_staging_decode(&s.c, &s.in, &data_shape, &s.data);
    if (code == 0)
        code = s.prepare();
    return code < 0 ? code : s.put_recipe();
}

// The finished task becomes CC's staging result. Name here the strings of the
// builder's result that CC gets as lifecycle_data.
int build_response(ccb_instance *self, ccb_call *call,
                   const ccb_request *request) noexcept
{
    static const char *const names[] = {"detected_buildpack"};

    return ccb_staging_build_response(self, call, request, names, 1);
}

// ---- running: a droplet becomes a long-running process ----------------------

struct Run : Call {
    ccb_app app;
    ccb_bundle bundle;
    ccb_ssh_keys ssh;

    int put_lrp();
};

int Run::put_lrp()
{
    const ccb_app_run how = {&app, &ssh, ccb_slice_of(user), port};
    Writer out(*this);

    ccb_json_begin_object(&out.w);
    ccb_json_key(&out.w, "setup");
    ccb_action_begin_list(&out.w, "serial");
    out.download(bundle.url, "/tmp/lifecycle", bundle.cache_key);
    out.download(app.droplet_uri, ".");
    ccb_action_end_list(&out.w);
    out.rootfs(app.stack);
    ccb_put_app(&out.w, &how);
    ccb_json_end_object(&out.w);
    return out.end();
}

int build_lrp(ccb_instance *self, ccb_call *call,
              const ccb_request *request) noexcept
{
    Run r = {};
    int code = r.begin(self, call, request);

    if (code == 0)
        code = ccb_sdk_decode(&r.c, CCB_JSON_FIRST, &ccb_app_shape, &r.app);
    if (code == 0)
        code = ccb_app_check_source(&r.c, &r.app, CCB_APP_DROPLET);
    if (code == 0)
        code = ccb_bundle_find_for_running(&r.c, ccb_slice_of(LIFECYCLE),
                                           &r.bundle);
    if (code == 0) // last: keys cost the host time
        code = ccb_app_find_ssh_keys(&r.c, &r.app, &r.ssh);
    return code < 0 ? code : r.put_lrp();
}

// The container ports of an app, the one for its routes first.
int extract(ccb_instance *self, ccb_call *call,
            const ccb_request *request) noexcept
{
    Run r = {};
    int code = ccb_sdk_begin(&r.c, ccb_sdk_host(self), call, request);

    if (code == 0)
        code = ccb_sdk_decode(&r.c, CCB_JSON_FIRST, &ccb_app_shape, &r.app);
    if (code < 0)
        return code;
    Writer out(r);
    ccb_json_begin_array(&out.w);
    ccb_json_put_int(&out.w, port);
    ccb_json_end_array(&out.w);
    return out.end();
}

// ---- what is offered --------------------------------------------------------

const ccb_staging_1 staging = {sizeof(ccb_staging_1), 0, build_recipe,
                               build_response};
// nullptr: one-off tasks are not offered.
const ccb_run_1 run = {sizeof(ccb_run_1), 0, build_lrp, nullptr};
const ccb_ports_1 ports = {sizeof(ccb_ports_1), 0, extract};

const ccb_sdk_interface interfaces[] = {
    {CCB_STAGING_1, &staging}, {CCB_RUN_1, &run}, {CCB_PORTS_1, &ports}};

const void *get_interface(ccb_instance *, const char *id) noexcept
{
    return ccb_sdk_find_interface(interfaces, 3, id);
}

} // namespace

// The only symbol that is exported. There is no state, so the SDK's own create
// and destroy do.
const ccb_lifecycle_entry ccb_lifecycle_entry_v1 = {
    CCB_ENTRY_PREFIX(0), ID,           VERSION, ccb_sdk_create,
    ccb_sdk_destroy,     get_interface};
