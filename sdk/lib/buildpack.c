/*
 * The buildpack family: what staging and running have in common, and the tables
 * of its members whose keys of -lifecycle begin with the family's own word.
 *
 * Invariant: a recipe's container is named by the stack alone. Follows
 * contract/stager.md C4 and contract/nsync.md 3.1.
 */
#include "ccbridge/buildpack.h"

#include "buildpack_internal.h"

#define LIFECYCLE "buildpack"

struct ccb_slice ccb_buildpack_key(struct ccb_sdk_call *c,
                                   struct ccb_slice lifecycle,
                                   struct ccb_slice stack)
{
    struct ccb_slice key[] = {lifecycle, CCB_LIT("/"), stack};

    return ccb_sdk_concat(c, key, 3);
}

void ccb_buildpack_put_container(struct ccb_json_writer *w,
                                 struct ccb_slice stack)
{
    struct ccb_slice rootfs[] = {CCB_LIT("preloaded:"), stack};

    ccb_json_key(w, "rootfs");
    ccb_json_put_pieces(w, rootfs, 2);
    ccb_json_member_bool(w, "privileged", true);
    ccb_json_key(w, "env");
    ccb_json_begin_array(w);
    ccb_put_env_text(w, "LANG", "en_US.UTF-8");
    ccb_json_end_array(w);
}

/* ---- the tables ---------------------------------------------------------- */

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

const void *ccb_buildpack_get_interface(struct ccb_instance *self,
                                        const char *id)
{
    (void)self;
    return ccb_sdk_find_interface(
        interfaces, sizeof(interfaces) / sizeof(interfaces[0]), id);
}
