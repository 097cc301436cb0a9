/*
 * A lifecycle of the buildpack family: staged by a builder that takes the nine
 * flags of buildpack_app_lifecycle and leaves a droplet, and run from that
 * droplet by the launcher of the same bundle (contract/stager.md C4 and C6,
 * contract/nsync.md 3). What a member may vary is its bundle: by the stack, or
 * by the word that its keys of -lifecycle begin with. For other families the
 * parts are in ccbridge/staging.h and ccbridge/app.h.
 *
 * `self` is the instance of a plugin without state (ccb_sdk_create). All
 * functions keep nothing and may be called by any thread at any time. Part of
 * the helper library; not ABI.
 */
#ifndef CCBRIDGE_BUILDPACK_H
#define CCBRIDGE_BUILDPACK_H

#include "ccbridge/sdk.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The `get_interface` of a member whose keys are "buildpack/STACK": staging,
 * run and ports, all by the functions below. */
const void *ccb_buildpack_get_interface(struct ccb_instance *self,
                                        const char *id);

/* For a member with another word, which has tables of its own. */

/* ccb_staging_1.build_recipe. The bundle's key is LIFECYCLE/STACK, with the
 * request's lifecycle, or `lifecycle` when it names none. */
int ccb_buildpack_build_recipe(struct ccb_instance *self, struct ccb_call *call,
                               const struct ccb_request *request,
                               const char *lifecycle);

/* ccb_staging_1.build_response. */
int ccb_buildpack_build_response(struct ccb_instance *self,
                                 struct ccb_call *call,
                                 const struct ccb_request *request);

/* ccb_run_1.build_lrp. The bundle's key is `lifecycle`/STACK. */
int ccb_buildpack_build_lrp(struct ccb_instance *self, struct ccb_call *call,
                            const struct ccb_request *request,
                            const char *lifecycle);

/* ccb_ports_1.extract: [8080], whatever the request holds, since an update
 * checks nothing (contract/nsync.md 1.2). */
int ccb_buildpack_extract(struct ccb_instance *self, struct ccb_call *call,
                          const struct ccb_request *request);

#ifdef __cplusplus
}
#endif

#endif
