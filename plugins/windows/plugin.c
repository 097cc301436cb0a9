/*
 * The Windows lifecycle as a plugin: apps on a Windows stack, built and run by
 * the programs of windows_app_lifecycle.
 *
 * Invariant: nothing in a recipe says Windows but the stack and its bundle, so
 * the recipes, the keys of -lifecycle and the finished tasks are those of the
 * buildpack family, letter for letter. Follows contract/lifecycle-windows.md 1.
 */
#include "ccbridge/buildpack.h"
#include "ccbridge/lifecycle.h"
#include "ccbridge/sdk.h"

#define ID "org.cloudfoundry.windows"
#define VERSION "1.0.0"

CCB_MANIFEST("{\"manifest\":1,\"id\":\"" ID "\",\"version\":\"" VERSION "\","
             "\"claims\":[\"buildpack/windows*\"],"
             "\"interfaces\":[\"" CCB_STAGING_1 "\",\"" CCB_RUN_1
             "\",\"" CCB_PORTS_1 "\"],"
             "\"result_form\":\"org.cloudfoundry.buildpack\","
             "\"concurrent\":true}");

const struct ccb_lifecycle_entry ccb_lifecycle_entry_v1 = {
    CCB_ENTRY_PREFIX(0),         ID, VERSION, ccb_sdk_create, ccb_sdk_destroy,
    ccb_buildpack_get_interface,
};
