/*
 * CC's bulk API: contract/nsync.md 2.4. Both calls are one exchange whose
 * answer is a long list; they differ in request, in where the list lies, and
 * in what an element is.
 *
 * Invariant: code 0 means status 200 and one whole document. Everything lies
 * in the caller's arena, so that a call may be cancelled at any time.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/scratch.h"
#include "cc/bulk.h"
#include "net/http_list.h"
#include "net/url.h"

#define CONNECT_TIMEOUT (10 * CCB_SECOND)
/* An app larger than this is none that CC could store. */
#define MAX_ITEM ((size_t)16 << 20)
#define PATH "/internal/bulk/apps"

struct exchange {
    struct ccb_cc_bulk_options options;
    const char *member; /* that is the list; NULL: the answer is */
    struct ccb_http_list *list;
    struct ccb_slice token;
    int status;
    struct ccb_error err;
    int (*on_item)(struct exchange *exchange, struct ccb_json item);
    int (*on_fingerprint)(void *user, struct ccb_slice process_guid,
                          struct ccb_slice etag);
    int (*on_app)(void *user, struct ccb_json app);
    void (*on_done)(void *user, const struct ccb_cc_page *page);
};

/* ---- elements ----------------------------------------------------------- */

struct fingerprint {
    struct ccb_slice process_guid, etag;
};

static const struct ccb_json_field fingerprint_fields[] = {
    {.name = "process_guid",
     .kind = CCB_JSON_K_STRING,
     .offset = offsetof(struct fingerprint, process_guid)},
    {.name = "etag",
     .kind = CCB_JSON_K_STRING,
     .offset = offsetof(struct fingerprint, etag)},
};
static const struct ccb_json_shape fingerprint_shape = {
    fingerprint_fields, 2, sizeof(struct fingerprint)};

/* One without a guid means that CC and we don't understand each other. */
static int take_fingerprint(struct exchange *exchange, struct ccb_json item)
{
    struct ccb_scratch scratch = {0};
    struct ccb_json_alloc alloc = ccb_scratch_json(&scratch);
    struct fingerprint print;
    int code = ccb_json_decode(item, &fingerprint_shape, &print, &alloc,
                               &exchange->err);
    if (code == 0 && print.process_guid.len == 0)
        code = ccb_error_set(&exchange->err, CCB_INVALID,
                             "a fingerprint has no process_guid");
    if (code == 0)
        code = exchange->on_fingerprint(exchange->options.user,
                                        print.process_guid, print.etag);
    ccb_scratch_clear(&scratch);
    return code;
}

static int take_app(struct exchange *exchange, struct ccb_json item)
{
    return exchange->on_app(exchange->options.user, item);
}

static int on_item(void *user, struct ccb_json item)
{
    struct exchange *exchange = user;
    return exchange->on_item(exchange, item);
}

/* The last token counts. */
static int on_member(void *user, struct ccb_json key, struct ccb_json value)
{
    struct exchange *exchange = user;
    if (!ccb_json_key_matches(key, "token"))
        return 0;
    exchange->token = ccb_slice_make(NULL, 0);
    if (value.type == CCB_JSON_NULL)
        return 0;
    exchange->token = ccb_arena_copy(exchange->options.arena, value.raw);
    return exchange->token.ptr ? 0 : CCB_NO_MEMORY;
}

/* ---- the answer --------------------------------------------------------- */

static int on_head(void *user, const struct ccb_http_answer *head)
{
    struct exchange *exchange = user;
    struct ccb_http_list_options options = {
        .arena = exchange->options.arena,
        .list = exchange->member,
        .max_item = MAX_ITEM,
        .on_item = on_item,
        .on_member = on_member,
        .user = exchange,
    };
    exchange->status = head->status;
    if (head->status != 200) /* nobody needs the body, and it may never end */
        return ccb_error_set(&exchange->err, CCB_FAILED,
                             "invalid response code %d", head->status);
    exchange->list = ccb_http_list_create(&options);
    return exchange->list ? 0 : CCB_NO_MEMORY;
}

static int on_body(void *user, struct ccb_slice piece)
{
    struct exchange *exchange = user;
    return ccb_http_list_push(exchange->list, piece);
}

static int judge(struct exchange *exchange,
                 const struct ccb_http_answer *answer, struct ccb_error *err)
{
    if (exchange->err.code < 0) /* said by us; it is the nearest to the cause */
        *err = exchange->err;
    else if (exchange->list)
        (void)ccb_http_list_end(exchange->list, answer, err);
    else
        ccb_error_set(err, answer->code < 0 ? answer->code : CCB_IO, "%s",
                      answer->error ? answer->error : "there was no answer");
    return err->code;
}

static void on_answer(void *user, const struct ccb_http_answer *answer)
{
    struct exchange *exchange = user;
    struct ccb_error err = {0};
    struct ccb_cc_page page = {
        .code = judge(exchange, answer, &err),
        .status = exchange->status,
        .token = exchange->token,
    };
    if (page.code < 0)
        page.error = err.message;
    if (exchange->list)
        page.count = ccb_http_list_count(exchange->list);
    exchange->on_done(exchange->options.user, &page);
}

/* ---- the requests ------------------------------------------------------- */

static struct exchange *begin(const struct ccb_cc_bulk_options *options,
                              void (*on_done)(void *user,
                                              const struct ccb_cc_page *page))
{
    struct exchange *exchange =
        ccb_arena_alloc(options->arena, sizeof(*exchange));
    if (!exchange)
        return NULL;
    exchange->options = *options;
    exchange->on_done = on_done;
    return exchange;
}

static int send_request(struct exchange *exchange, const char *method,
                        struct ccb_slice url, struct ccb_slice body,
                        struct ccb_http_call **call, struct ccb_error *err)
{
    static const struct ccb_http_header json[] = {
        {CCB_LIT("Content-Type"), CCB_LIT("application/json")}};
    const struct ccb_cc_options *cc = exchange->options.cc;
    struct ccb_http_call_options http = {
        .method = method,
        .url = url,
        .headers = json,
        .header_count = 1,
        .body = body,
        .username = cc->username,
        .password = cc->password,
        .has_auth = true,
        .skip_cert_verify = cc->skip_cert_verify,
        .use_proxy = true,
        .connect_timeout = CONNECT_TIMEOUT,
        .timeout = exchange->options.timeout,
        .on_head = on_head,
        .on_body = on_body,
        .on_done = on_answer,
        .user = exchange,
    };
    if (!url.ptr)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    return ccb_http_send(cc->client, &http, call, err);
}

int ccb_cc_fingerprints(const struct ccb_cc_bulk_options *options,
                        uint64_t batch_size, struct ccb_slice token,
                        int (*on_fingerprint)(void *user,
                                              struct ccb_slice process_guid,
                                              struct ccb_slice etag),
                        void (*on_done)(void *user,
                                        const struct ccb_cc_page *page),
                        struct ccb_http_call **call, struct ccb_error *err)
{
    struct exchange *exchange = begin(options, on_done);
    struct ccb_slice base = options->cc->base_url, url;
    if (!exchange || ccb_url_query_value(options->arena, token, &token) < 0)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    exchange->member = "fingerprints";
    exchange->on_item = take_fingerprint;
    exchange->on_fingerprint = on_fingerprint;
    url = ccb_arena_format(
        options->arena,
        "%.*s" PATH "?batch_size=%" PRIu64 "&format=fingerprint&token=%.*s",
        (int)base.len, base.ptr, batch_size, (int)token.len, token.ptr);
    return send_request(exchange, "GET", url, ccb_slice_make(NULL, 0), call,
                        err);
}

int ccb_cc_apps(const struct ccb_cc_bulk_options *options,
                struct ccb_slice guids,
                int (*on_app)(void *user, struct ccb_json app),
                void (*on_done)(void *user, const struct ccb_cc_page *page),
                struct ccb_http_call **call, struct ccb_error *err)
{
    struct exchange *exchange = begin(options, on_done);
    struct ccb_slice base = options->cc->base_url, url;
    if (!exchange)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    exchange->on_item = take_app;
    exchange->on_app = on_app;
    url =
        ccb_arena_format(options->arena, "%.*s" PATH, (int)base.len, base.ptr);
    return send_request(exchange, "POST", url, guids, call, err);
}
