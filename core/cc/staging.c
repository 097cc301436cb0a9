/* Delivers staging results to CC: contract/stager.md C6. */
#include "cc/internal.h"

int ccb_cc_staging_complete(
    const struct ccb_cc_options *cc, struct ccb_slice staging_guid,
    struct ccb_slice payload, struct ccb_arena *arena,
    void (*on_done)(void *user, const struct ccb_cc_answer *answer), void *user,
    struct ccb_http_call **call, struct ccb_error *err)
{
    struct ccb_cc_post post = {
        .cc = cc,
        .base = cc->base_url,
        .path = "/internal/staging/%.*s/completed",
        .guid = staging_guid,
        .payload = payload,
        .failed = "Staging response POST failed with",
        .arena = arena,
        .on_done = on_done,
        .user = user,
    };
    return ccb_cc_post(&post, call, err);
}
