/*
 * The functions of the public interfaces, one row each: where the pointer
 * lies and whether it may be missing. Loading, checking and calling all read
 * this table. Follows ccbridge/lifecycle.h, "interfaces".
 */
#include "plugin/host.h"

#define ROW(id, type, member)                                                  \
    .interface = id, .name = #member, .offset = offsetof(struct type, member)

const struct ccb_plugin_function_row
    ccb_plugin_functions[CCB_PLUGIN_FUNCTIONS] = {
        [CCB_PLUGIN_STAGING_RECIPE] = {ROW(CCB_STAGING_1, ccb_staging_1,
                                           build_recipe)},
        [CCB_PLUGIN_STAGING_RESPONSE] = {ROW(CCB_STAGING_1, ccb_staging_1,
                                             build_response)},
        [CCB_PLUGIN_LRP] = {ROW(CCB_RUN_1, ccb_run_1, build_lrp)},
        [CCB_PLUGIN_TASK] = {ROW(CCB_RUN_1, ccb_run_1, build_task),
                             .optional = true},
        [CCB_PLUGIN_PORTS] = {ROW(CCB_PORTS_1, ccb_ports_1, extract)},
        [CCB_PLUGIN_DOCKER_URI] = {ROW(CCB_DOCKER_IMAGE_1, ccb_docker_image_1,
                                       convert_uri)},
        [CCB_PLUGIN_DOCKER_CACHE_ARGS] = {ROW(CCB_DOCKER_IMAGE_1,
                                              ccb_docker_image_1, cache_args)},
        [CCB_PLUGIN_SELFTEST] = {ROW(CCB_SELFTEST_1, ccb_selftest_1, run),
                                 .silent = true},
};
