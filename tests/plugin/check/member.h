/*
 * The base of the checker's zoo: a plugin that keeps every rule. A member says
 * its name, defines what it does otherwise, and includes this file; `expected`
 * beside it says which rule the checker must name.
 */
#ifndef CHECK_MEMBER_H
#define CHECK_MEMBER_H

#include "ccbridge/lifecycle.h"
#include "ccbridge/sdk.h"

#ifndef MEMBER_MORE /* further members of the manifest, a comma in front */
#define MEMBER_MORE
#endif
CCB_MANIFEST("{\"manifest\":1,\"id\":\"check." MEMBER "\",\"version\":\"1\","
             "\"claims\":[\"" MEMBER "\"],\"interfaces\":[\"" CCB_STAGING_1
             "\",\"" CCB_RUN_1 "\",\"" CCB_PORTS_1 "\"]" MEMBER_MORE "}");

/* What the member does in build_recipe before it answers: 0, or what it
 * returns instead. */
static int misbehave(struct ccb_sdk_call *c);
#ifndef OWN_MISBEHAVE
static int misbehave(struct ccb_sdk_call *c)
{
    (void)c;
    return 0;
}
#endif
#ifndef MEMORY_MB /* of the recipe */
#define MEMORY_MB 64
#endif

static int begin(struct ccb_sdk_call *c, struct ccb_instance *self,
                 struct ccb_call *call, const struct ccb_request *request)
{
    static const struct ccb_json_shape nothing = {NULL, 0, 1};
    char out;
    int code = ccb_sdk_begin(c, ccb_sdk_host(self), call, request);

    return code < 0 ? code : ccb_sdk_decode(c, CCB_JSON_WHOLE, &nothing, &out);
}

static void put_action(struct ccb_json_writer *w)
{
    ccb_json_key(w, "action");
    ccb_action_begin_run(w, ccb_slice_of("/bin/true"));
    ccb_action_end_run(w, 0, ccb_slice_of("vcap"), ccb_slice_of(""));
}

#ifndef OWN_RECIPE
static int build_recipe(struct ccb_instance *self, struct ccb_call *call,
                        const struct ccb_request *request)
{
    struct ccb_json_writer w;
    struct ccb_sdk_call c;
    int code = begin(&c, self, call, request);

    if (code == 0)
        code = ccb_sdk_speaks(&c, "receptor/1");
    if (code == 0)
        code = misbehave(&c);
    if (code < 0)
        return code;
    ccb_sdk_writer(&c, &w);
    ccb_json_begin_object(&w);
    put_action(&w);
    ccb_json_member_cstr(&w, "rootfs", "preloaded:cflinuxfs2");
    ccb_json_member_int(&w, "memory_mb", MEMORY_MB);
    ccb_json_end_object(&w);
    return ccb_sdk_end(&c, &w);
}
#endif

static int build_response(struct ccb_instance *self, struct ccb_call *call,
                          const struct ccb_request *request)
{
    struct ccb_json_writer w;
    struct ccb_sdk_call c;
    int code = begin(&c, self, call, request);

    if (code < 0)
        return code;
    ccb_sdk_writer(&c, &w);
    ccb_json_begin_object(&w);
    ccb_json_member_cstr(&w, "execution_metadata", "");
    ccb_json_end_object(&w);
    return ccb_sdk_end(&c, &w);
}

static int build_lrp(struct ccb_instance *self, struct ccb_call *call,
                     const struct ccb_request *request)
{
    struct ccb_json_writer w;
    struct ccb_sdk_call c;
    int code = begin(&c, self, call, request);

    if (code == 0)
        code = ccb_sdk_speaks(&c, "receptor/1");
    if (code < 0)
        return code;
    ccb_sdk_writer(&c, &w);
    ccb_json_begin_object(&w);
    put_action(&w);
    ccb_json_member_cstr(&w, "rootfs", "preloaded:cflinuxfs2");
    ccb_json_member_int(&w, "instances", 1);
    ccb_json_member_raw(&w, "ports", ccb_slice_of("[8080]"));
    ccb_json_end_object(&w);
    return ccb_sdk_end(&c, &w);
}

static int extract(struct ccb_instance *self, struct ccb_call *call,
                   const struct ccb_request *request)
{
    struct ccb_sdk_call c;
    int code = begin(&c, self, call, request);

    return code < 0 ? code : c.host->emit(call, "[8080]", 6);
}

static const struct ccb_staging_1 staging = {sizeof(struct ccb_staging_1), 0,
                                             build_recipe, build_response};
static const struct ccb_run_1 run = {sizeof(struct ccb_run_1), 0, build_lrp,
                                     NULL};
static const struct ccb_ports_1 ports = {sizeof(struct ccb_ports_1), 0,
                                         extract};
static const struct ccb_sdk_interface interfaces[] = {
    {CCB_STAGING_1, &staging}, {CCB_RUN_1, &run}, {CCB_PORTS_1, &ports}};

#ifndef OWN_GET_INTERFACE
static const void *get_interface(struct ccb_instance *self, const char *id)
{
    (void)self;
    return ccb_sdk_find_interface(interfaces, 3, id);
}
#endif
#ifndef CREATE
#define CREATE ccb_sdk_create
#define DESTROY ccb_sdk_destroy
#endif

const struct ccb_lifecycle_entry ccb_lifecycle_entry_v1 = {
    CCB_ENTRY_PREFIX(0), "check." MEMBER, "1", CREATE, DESTROY, get_interface};

#endif
