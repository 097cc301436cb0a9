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

#define ID "org.cloudfoundry.buildpack"
#define VERSION "1.0.0"

CCB_MANIFEST("{\"manifest\":1,\"id\":\"" ID "\",\"version\":\"" VERSION "\","
             "\"claims\":[\"buildpack/*\"],"
             "\"interfaces\":[\"" CCB_STAGING_1 "\",\"" CCB_RUN_1
             "\",\"" CCB_PORTS_1 "\"],"
             "\"concurrent\":true}");

const struct ccb_lifecycle_entry ccb_lifecycle_entry_v1 = {
    CCB_ENTRY_PREFIX(0),         ID, VERSION, ccb_sdk_create, ccb_sdk_destroy,
    ccb_buildpack_get_interface,
};
