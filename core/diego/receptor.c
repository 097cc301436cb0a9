/*
 * The Receptor back end: JSON over plain HTTP, contract/stager.md B1 to B3 and
 * receptor-api.md 12. Calls go by the client's short lane; nothing is retried
 * here.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "diego/internal.h"
#include "net/url.h"

struct receptor {
    struct ccb_diego diego; /* first */
    struct ccb_http_client *client;
    char *url;
    int64_t timeout;
};

/* What the body of a good answer is. */
enum expected { NOTHING, OBJECT, ARRAY };

struct call {
    struct ccb_diego_call_options options;
    enum expected expected;
};

struct operation {
    const char *method;
    const char *path; /* %G the guid, %I the index */
    enum expected expected;
};

static const struct operation operations[] = {
    [CCB_DIEGO_CREATE_TASK] = {"POST", "/v1/tasks", NOTHING},
    [CCB_DIEGO_GET_TASK] = {"GET", "/v1/tasks/%G", OBJECT},
    [CCB_DIEGO_CANCEL_TASK] = {"POST", "/v1/tasks/%G/cancel", NOTHING},
    [CCB_DIEGO_CREATE_LRP] = {"POST", "/v1/desired_lrps", NOTHING},
    [CCB_DIEGO_GET_LRP] = {"GET", "/v1/desired_lrps/%G", OBJECT},
    [CCB_DIEGO_UPDATE_LRP] = {"PUT", "/v1/desired_lrps/%G", NOTHING},
    [CCB_DIEGO_DELETE_LRP] = {"DELETE", "/v1/desired_lrps/%G", NOTHING},
    [CCB_DIEGO_KILL_INDEX] = {"DELETE", "/v1/actual_lrps/%G/index/%I", NOTHING},
    [CCB_DIEGO_GET_ACTUALS] = {"GET", "/v1/actual_lrps/%G", ARRAY},
    [CCB_DIEGO_KEEP_DOMAIN] = {"PUT", "/v1/domains/%G", NOTHING},
};

/* ---- the request -------------------------------------------------------- */

/* The path with guid and index put in as text. */
static struct ccb_slice fill_path(struct ccb_arena *arena, const char *pattern,
                                  struct ccb_slice guid, int64_t index)
{
    size_t room = strlen(pattern) + guid.len + 24;
    char *text = ccb_arena_text(arena, room);
    size_t used = 0;
    if (!text)
        return ccb_slice_make(NULL, 0);
    for (; *pattern; pattern++) {
        if (pattern[0] != '%') {
            text[used++] = *pattern;
        } else if (*++pattern == 'G') {
            if (guid.len > 0)
                memcpy(text + used, guid.ptr, guid.len);
            used += guid.len;
        } else {
            used +=
                (size_t)snprintf(text + used, room - used, "%" PRId64, index);
        }
    }
    return ccb_slice_make(text, used);
}

/* Base and path: the whole path is read as a URL, which encodes what a path
 * can't hold and cuts at '?' and '#'. */
static int build_url(const struct receptor *receptor,
                     const struct ccb_diego_call_options *options,
                     struct ccb_slice *url, struct ccb_error *err)
{
    struct ccb_slice path =
        fill_path(options->arena, operations[options->operation].path,
                  options->guid, options->index);
    int code;
    if (!path.ptr)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    code = ccb_url_path_guid(options->arena, path, &path, err);
    if (code < 0)
        return code;
    *url = ccb_arena_format(options->arena, "%s%.*s", receptor->url,
                            (int)path.len, path.ptr);
    return url->ptr ? 0 : ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
}

/* ---- the answer --------------------------------------------------------- */

static const struct {
    enum ccb_json_type type;
    const char *refusal;
} documents[] = {
    [OBJECT] = {CCB_JSON_OBJECT, "the back end's answer is not a JSON object"},
    [ARRAY] = {CCB_JSON_ARRAY, "the back end's answer is not a JSON array"},
};

/* The answer's body dies with the call; the caller gets a copy. */
static void judge_document(const struct call *call, struct ccb_slice body,
                           struct ccb_diego_answer *out)
{
    struct ccb_slice copy = ccb_arena_copy(call->options.arena, body);
    struct ccb_error err;
    if (!copy.ptr) {
        out->code = CCB_NO_MEMORY;
        out->message = ccb_slice_of("out of memory");
        return;
    }
    if (ccb_json_parse(&out->object, copy, CCB_JSON_FIRST, &err) == 0 &&
        (out->object.type == documents[call->expected].type ||
         out->object.type == CCB_JSON_NULL))
        return;
    out->object.type = CCB_JSON_NONE;
    ccb_receptor_fail(out, "InvalidJSON",
                      ccb_slice_of(documents[call->expected].refusal));
}

static void on_answer(void *user, const struct ccb_http_answer *from)
{
    struct call *call = user;
    struct ccb_diego_answer answer = {0};
    if (ccb_receptor_judge(from, call->options.arena, &answer) &&
        call->expected != NOTHING)
        judge_document(call, from->body, &answer);
    call->options.on_done(call->options.user, &answer);
}

/* ---- the back end ------------------------------------------------------- */

/* Of KEEP_DOMAIN: for how long. */
static int add_ttl(const struct ccb_diego_call_options *options,
                   struct ccb_http_call_options *http,
                   struct ccb_http_header *header, struct ccb_error *err)
{
    if (options->ttl == 0)
        return 0;
    header->name = ccb_slice_of("Cache-Control");
    header->value = ccb_arena_format(options->arena, "max-age=%" PRId64,
                                     options->ttl / CCB_SECOND);
    if (!header->value.ptr)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    http->header_count++;
    return 0;
}

static int receptor_call(struct ccb_diego *diego,
                         const struct ccb_diego_call_options *options,
                         struct ccb_error *err)
{
    struct ccb_http_header headers[2] = {
        {CCB_LIT("Content-Type"), CCB_LIT("application/json")}};
    struct receptor *receptor = (struct receptor *)diego;
    const struct operation *operation = &operations[options->operation];
    struct ccb_http_call_options http = {0};
    struct ccb_http_call *started;
    struct call *call = ccb_arena_alloc(options->arena, sizeof(*call));
    int code;
    if (!call)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    call->options = *options;
    call->expected = operation->expected;
    code = build_url(receptor, options, &http.url, err);
    http.headers = headers;
    http.header_count = 1;
    if (code == 0)
        code = add_ttl(options, &http, &headers[1], err);
    if (code < 0)
        return code;
    http.method = operation->method;
    http.body = options->document;
    http.short_lane = true;
    http.connect_timeout = CCB_RECEPTOR_CONNECT_TIMEOUT;
    http.timeout = receptor->timeout;
    http.on_done = on_answer;
    http.user = call;
    return ccb_http_send(receptor->client, &http, &started, err);
}

static int receptor_subscribe(struct ccb_diego *diego,
                              const struct ccb_diego_subscribe_options *options,
                              struct ccb_diego_subscription **out,
                              struct ccb_error *err)
{
    struct receptor *receptor = (struct receptor *)diego;
    return ccb_receptor_subscribe(receptor->client, receptor->url, options, out,
                                  err);
}

static int receptor_list(struct ccb_diego *diego,
                         const struct ccb_diego_list_options *options,
                         struct ccb_http_call **call, struct ccb_error *err)
{
    struct receptor *receptor = (struct receptor *)diego;
    return ccb_receptor_list(receptor->client, receptor->url, receptor->timeout,
                             options, call, err);
}

static void receptor_close(struct ccb_diego *diego)
{
    struct receptor *receptor = (struct receptor *)diego;
    ccb_free(receptor->url);
    ccb_free(receptor);
}

static const struct ccb_diego_backend receptor_backend = {
    "receptor/1", receptor_call, receptor_list, receptor_subscribe,
    receptor_close};

struct ccb_diego *ccb_diego_open_receptor(struct ccb_http_client *client,
                                          struct ccb_slice url, int64_t timeout)
{
    struct receptor *receptor = ccb_calloc(1, sizeof(*receptor));
    if (!receptor)
        return NULL;
    receptor->diego.backend = &receptor_backend;
    receptor->client = client;
    receptor->timeout = timeout;
    receptor->url = ccb_slice_dup(url);
    if (!receptor->url) {
        ccb_free(receptor);
        return NULL;
    }
    return &receptor->diego;
}
