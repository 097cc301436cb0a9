/*
 * What staging and running of the buildpack family have in common. Follows
 * contract/stager.md C4 and contract/nsync.md 3.1.
 */
#ifndef CCB_BUILDPACK_INTERNAL_H
#define CCB_BUILDPACK_INTERNAL_H

#include "ccbridge/sdk.h"

#define CCB_BUILDPACK_DIALECT "receptor/1"
#define CCB_BUILDPACK_USER "vcap"

/* "LIFECYCLE/STACK", in the call's memory. */
struct ccb_slice ccb_buildpack_key(struct ccb_sdk_call *c,
                                   struct ccb_slice lifecycle,
                                   struct ccb_slice stack);

/* Writes the members rootfs, privileged and env. */
void ccb_buildpack_put_container(struct ccb_json_writer *w,
                                 struct ccb_slice stack);

#endif
