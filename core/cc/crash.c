/* Tells CC of instances that crashed: contract/tps.md 2.3. */
#include "cc/internal.h"

void ccb_cc_crash_encode(struct ccb_buf *out, const struct ccb_cc_crash *crash)
{
    struct ccb_json_writer w;
    ccb_json_writer_init(&w, ccb_buf_sink, out);
    ccb_json_begin_object(&w);
    ccb_json_member_string(&w, "instance", crash->instance);
    ccb_json_member_int(&w, "index", crash->index);
    ccb_json_member_string(&w, "reason", crash->reason);
    if (crash->exit_status != 0)
        ccb_json_member_int(&w, "exit_status", crash->exit_status);
    if (crash->exit_description.len > 0)
        ccb_json_member_string(&w, "exit_description", crash->exit_description);
    ccb_json_member_int(&w, "crash_count", crash->crash_count);
    ccb_json_member_int(&w, "crash_timestamp", crash->crash_timestamp);
    ccb_json_end_object(&w);
    ccb_json_writer_end(&w);
}

int ccb_cc_app_crashed(
    const struct ccb_cc_options *cc, struct ccb_slice process_guid,
    struct ccb_slice payload, struct ccb_arena *arena,
    void (*on_done)(void *user, const struct ccb_cc_answer *answer), void *user,
    struct ccb_http_call **call, struct ccb_error *err)
{
    struct ccb_cc_post post = {
        .cc = cc,
        .base = cc->base_url,
        .path = "/internal/apps/%.*s/crashed",
        .guid = process_guid,
        .payload = payload,
        .failed = "Crashed response POST failed with",
        .arena = arena,
        .on_done = on_done,
        .user = user,
    };
    while (ccb_slice_ends(post.base, "/"))
        post.base.len--;
    return ccb_cc_post(&post, call, err);
}
