/*
 * What staging and running of the buildpack family have in common.
 *
 * Invariant: a recipe's container is named by the stack alone. Follows
 * contract/stager.md C4 and contract/nsync.md 3.1.
 */
#include "buildpack_internal.h"

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
