/* One POST to CC: JSON, basic auth, 5 s in all, done with 200 only
 * (contract/stager.md C6, contract/tps.md 2.3). */
#include <stdio.h>

#include "base/clock.h"
#include "cc/internal.h"
#include "net/url.h"

#define WHOLE_TIMEOUT (5 * CCB_SECOND)
#define PLACE "%.*s"

struct delivery {
    const char *failed;
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
        snprintf(words, sizeof(words), "%s %d", delivery->failed, from->status);
        answer.error = words;
    }
    delivery->on_done(delivery->user, &answer);
}

/* The guid goes where the path has a place for it. */
static struct ccb_slice fill_path(const struct ccb_cc_post *post)
{
    const char *place = strstr(post->path, PLACE);
    int before = (int)(place - post->path);
    return ccb_arena_format(post->arena, "%.*s%.*s%s", before, post->path,
                            (int)post->guid.len, post->guid.ptr,
                            place + sizeof(PLACE) - 1);
}

static int build_url(const struct ccb_cc_post *post, struct ccb_slice *url,
                     struct ccb_error *err)
{
    struct ccb_slice path = fill_path(post);
    int code;
    if (!path.ptr)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    code = ccb_url_path_guid(post->arena, path, &path, err);
    if (code < 0)
        return code;
    *url = ccb_arena_format(post->arena, "%.*s%.*s", (int)post->base.len,
                            post->base.ptr, (int)path.len, path.ptr);
    return url->ptr ? 0 : ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
}

int ccb_cc_post(const struct ccb_cc_post *post, struct ccb_http_call **call,
                struct ccb_error *err)
{
    static const struct ccb_http_header json[] = {
        {CCB_LIT("Content-Type"), CCB_LIT("application/json")}};
    struct delivery *delivery = ccb_arena_alloc(post->arena, sizeof(*delivery));
    struct ccb_http_call_options http = {0};
    int code;
    if (!delivery)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    delivery->failed = post->failed;
    delivery->on_done = post->on_done;
    delivery->user = post->user;
    code = build_url(post, &http.url, err);
    if (code < 0)
        return code;
    http.method = "POST";
    http.headers = json;
    http.header_count = 1;
    http.body = post->payload;
    http.username = post->cc->username;
    http.password = post->cc->password;
    http.has_auth = true;
    http.skip_cert_verify = post->cc->skip_cert_verify;
    http.use_proxy = true;
    http.short_lane = true;
    http.timeout = WHOLE_TIMEOUT;
    http.on_done = on_answer;
    http.user = delivery;
    return ccb_http_send(post->cc->client, &http, call, err);
}
