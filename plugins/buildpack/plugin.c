/*
 * The buildpack lifecycle as a plugin: apps that come as source, are built by
 * buildpacks on a stack, and run from a droplet.
 *
 * Invariant: a pure function of the request, bound to the SDK alone, where the
 * recipes of this family are; the file builds anywhere with nothing but the
 * installed SDK. Follows contract/stager.md C4 and C6, contract/nsync.md 3.
 */
#include "ccbridge/buildpack.h"
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

static int build_recipe(struct ccb_instance *self, struct ccb_call *call,
                        const struct ccb_request *request)
{
    return ccb_buildpack_build_recipe(self, call, request, LIFECYCLE);
}

static int build_lrp(struct ccb_instance *self, struct ccb_call *call,
                     const struct ccb_request *request)
{
    return ccb_buildpack_build_lrp(self, call, request, LIFECYCLE);
}

static const struct ccb_staging_1 staging = {
    sizeof(struct ccb_staging_1),
    0,
    build_recipe,
    ccb_buildpack_build_response,
};

static const struct ccb_run_1 run = {
    sizeof(struct ccb_run_1), 0, build_lrp,
    NULL, /* one-off tasks came with a later Cloud Controller */
};

static const struct ccb_ports_1 ports = {
    sizeof(struct ccb_ports_1),
    0,
    ccb_buildpack_extract,
};

static const struct ccb_sdk_interface interfaces[] = {
    {CCB_STAGING_1, &staging},
    {CCB_RUN_1, &run},
    {CCB_PORTS_1, &ports},
};

static const void *get_interface(struct ccb_instance *self, const char *id)
{
    (void)self;
    return ccb_sdk_find_interface(
        interfaces, sizeof(interfaces) / sizeof(interfaces[0]), id);
}

const struct ccb_lifecycle_entry ccb_lifecycle_entry_v1 = {
    CCB_ENTRY_PREFIX(0), ID, VERSION, ccb_sdk_create, ccb_sdk_destroy,
    get_interface,
};
