/* Delivers staging results to CC: contract/stager.md C6. */
#include <stdio.h>

#include "cc/cc.h"
#include "net/url.h"

#define WHOLE_TIMEOUT (5 * INT64_C(1000000000))

struct delivery {
    void (*on_done)(void *user, const struct ccb_cc_answer *answer);
    void *user;
};

static void on_answer(void *user, const struct ccb_http_answer *from)
{
    struct delivery *delivery = user;
    struct ccb_cc_answer answer = {from->code == 0 ? from->status : 0, NULL};
    char words[64];
    if (from->code < 0) {
        answer.error = from->error;
    } else if (from->status != 200) {
        snprintf(words, sizeof(words), "Staging response POST failed with %d",
                 from->status);
        answer.error = words;
    }
    delivery->on_done(delivery->user, &answer);
}

static int build_url(const struct ccb_cc_options *cc, struct ccb_slice guid,
                     struct ccb_arena *arena, struct ccb_slice *url,
                     struct ccb_error *err)
{
    struct ccb_slice path;
    int code;
    path = ccb_arena_format(arena, "/internal/staging/%.*s/completed",
                            (int)guid.len, guid.ptr);
    if (!path.ptr)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    code = ccb_url_path_guid(arena, path, &path, err);
    if (code < 0)
        return code;
    *url = ccb_arena_format(arena, "%.*s%.*s", (int)cc->base_url.len,
                            cc->base_url.ptr, (int)path.len, path.ptr);
    return url->ptr ? 0 : ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
}

int ccb_cc_staging_complete(const struct ccb_cc_options *cc,
                            struct ccb_slice staging_guid,
                            struct ccb_slice payload, struct ccb_arena *arena,
                            void (*on_done)(void *user,
                                            const struct ccb_cc_answer *answer),
                            void *user, struct ccb_error *err)
{
    static const struct ccb_http_header json[] = {
        {CCB_LIT("Content-Type"), CCB_LIT("application/json")}};
    struct delivery *delivery = ccb_arena_alloc(arena, sizeof(*delivery));
    struct ccb_http_call_options http = {0};
    struct ccb_http_call *started;
    int code;
    if (!delivery)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    delivery->on_done = on_done;
    delivery->user = user;
    code = build_url(cc, staging_guid, arena, &http.url, err);
    if (code < 0)
        return code;
    http.method = "POST";
    http.headers = json;
    http.header_count = 1;
    http.body = payload;
    http.username = cc->username;
    http.password = cc->password;
    http.has_auth = true;
    http.skip_cert_verify = cc->skip_cert_verify;
    http.use_proxy = true;
    http.short_lane = true;
    http.timeout = WHOLE_TIMEOUT;
    http.on_done = on_answer;
    http.user = delivery;
    return ccb_http_send(cc->client, &http, &started, err);
}
