/*
 * The Receptor back end: JSON over plain HTTP, contract/stager.md B1 to B3 and
 * receptor-api.md 12. Calls go by the client's short lane; nothing is retried
 * here.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/mem.h"
#include "diego/internal.h"
#include "net/url.h"

#define CONNECT_TIMEOUT (5 * INT64_C(1000000000))

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

static bool is_json(struct ccb_slice content_type)
{
    static const char json[] = "application/json";
    const char *semicolon =
        content_type.len ? memchr(content_type.ptr, ';', content_type.len)
                         : NULL;
    if (semicolon)
        content_type.len = (size_t)(semicolon - content_type.ptr);
    while (content_type.len > 0 &&
           (content_type.ptr[content_type.len - 1] == ' ' ||
            content_type.ptr[content_type.len - 1] == '\t'))
        content_type.len--;
    return content_type.len == sizeof(json) - 1 &&
           strncasecmp(content_type.ptr, json, content_type.len) == 0;
}

struct wire_error {
    struct ccb_slice name, message;
};

static const struct ccb_json_field error_fields[] = {
    {.name = "name",
     .kind = CCB_JSON_K_STRING,
     .offset = offsetof(struct wire_error, name)},
    {.name = "message",
     .kind = CCB_JSON_K_STRING,
     .offset = offsetof(struct wire_error, message)},
};
static const struct ccb_json_shape error_shape = {error_fields, 2,
                                                  sizeof(struct wire_error)};

static void fail(struct ccb_diego_answer *out, const char *name,
                 struct ccb_slice message)
{
    out->code = CCB_FAILED;
    out->name = ccb_slice_of(name);
    out->message = message;
}

static void judge_error(const struct call *call, struct ccb_slice body,
                        struct ccb_diego_answer *out)
{
    struct ccb_json_alloc alloc = ccb_arena_json(call->options.arena);
    struct ccb_json document;
    struct wire_error error;
    if (ccb_json_parse(&document, body, CCB_JSON_FIRST, NULL) < 0 ||
        ccb_json_decode(document, &error_shape, &error, &alloc, NULL) < 0) {
        fail(out, "InvalidJSON",
             ccb_slice_of("the back end's error is not readable JSON"));
        return;
    }
    out->code = CCB_FAILED;
    out->name = error.name;
    out->message = error.message;
}

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
        fail(out, "", ccb_slice_of("out of memory"));
        out->code = CCB_NO_MEMORY;
        return;
    }
    if (ccb_json_parse(&out->object, copy, CCB_JSON_FIRST, &err) == 0 &&
        (out->object.type == documents[call->expected].type ||
         out->object.type == CCB_JSON_NULL))
        return;
    out->object.type = CCB_JSON_NONE;
    fail(out, "InvalidJSON", ccb_slice_of(documents[call->expected].refusal));
}

/* The order of contract/stager.md B1. */
static void judge(const struct call *call, const struct ccb_http_answer *from,
                  struct ccb_diego_answer *out)
{
    struct ccb_slice router;
    bool json;
    if (from->code < 0) {
        out->code = from->code;
        out->message = ccb_slice_of(from->error);
        return;
    }
    router = ccb_http_answer_header(from, "X-Cf-Routererror");
    if (router.ptr) {
        fail(out, "RouterError", router);
        return;
    }
    json = is_json(ccb_http_answer_header(from, "Content-Type"));
    if (from->status > 299 && json)
        judge_error(call, from->body, out);
    else if (from->status > 299)
        fail(out, "InvalidResponse",
             ccb_arena_format(call->options.arena,
                              "Invalid Response with status code: %d",
                              from->status));
    else if (json && call->expected != NOTHING)
        judge_document(call, from->body, out);
}

static void on_answer(void *user, const struct ccb_http_answer *from)
{
    struct call *call = user;
    struct ccb_diego_answer answer = {0};
    judge(call, from, &answer);
    call->options.on_done(call->options.user, &answer);
}

/* ---- the back end ------------------------------------------------------- */

static int receptor_call(struct ccb_diego *diego,
                         const struct ccb_diego_call_options *options,
                         struct ccb_error *err)
{
    static const struct ccb_http_header json[] = {
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
    if (code < 0)
        return code;
    http.method = operation->method;
    http.headers = json;
    http.header_count = 1;
    http.body = options->document;
    http.short_lane = true;
    http.connect_timeout = CONNECT_TIMEOUT;
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

static void receptor_close(struct ccb_diego *diego)
{
    struct receptor *receptor = (struct receptor *)diego;
    ccb_free(receptor->url);
    ccb_free(receptor);
}

static const struct ccb_diego_backend receptor_backend = {
    "receptor/1", receptor_call, receptor_subscribe, receptor_close};

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
