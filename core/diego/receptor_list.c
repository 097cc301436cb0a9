/*
 * LRPs of a domain, however many: contract/stager.md B1, B2, B6. The
 * answer streams through, one element held at a time.
 *
 * Invariant: on_done says 0 only when the whole list was handed on. What an
 * answer is worth is known from its head: a list, an error to be read, or
 * something whose body nobody looks at. Everything lies in the caller's arena,
 * so that a call may be cancelled at any time.
 */
#include "diego/internal.h"
#include "net/http_list.h"
#include "net/url.h"

/* An LRP larger than this is none that anybody desired. */
#define MAX_LRP ((size_t)16 << 20)
/* Of an error so much is read. */
#define MAX_ERROR 16384

struct listing {
    struct ccb_diego_list_options options;
    struct ccb_http_list *list; /* while the body is one */
    char *error;                /* while the body is an error */
    size_t error_len;
};

/* ---- the list ----------------------------------------------------------- */

static int on_item(void *user, struct ccb_json item)
{
    struct listing *listing = user;
    if (item.type != CCB_JSON_OBJECT)
        return CCB_INVALID;
    return listing->options.on_lrp(listing->options.user, item);
}

static int begin_list(struct listing *listing)
{
    struct ccb_http_list_options options = {
        .arena = listing->options.arena,
        .max_item = MAX_LRP,
        .on_item = on_item,
        .user = listing,
    };
    listing->list = ccb_http_list_create(&options);
    return listing->list ? 0 : CCB_NO_MEMORY;
}

/* ---- the answer --------------------------------------------------------- */

static int on_head(void *user, const struct ccb_http_answer *head)
{
    struct listing *listing = user;
    if (!ccb_receptor_is_json(head) ||
        ccb_http_answer_header(head, "X-Cf-Routererror").ptr)
        return 0;
    if (head->status <= 299)
        return begin_list(listing);
    listing->error = ccb_arena_text(listing->options.arena, MAX_ERROR);
    return listing->error ? 0 : CCB_NO_MEMORY;
}

static int on_body(void *user, struct ccb_slice piece)
{
    struct listing *listing = user;
    if (listing->list)
        return ccb_http_list_push(listing->list, piece);
    if (!listing->error)
        return 0;
    if (piece.len > MAX_ERROR - listing->error_len)
        piece.len = MAX_ERROR - listing->error_len;
    memcpy(listing->error + listing->error_len, piece.ptr, piece.len);
    listing->error_len += piece.len;
    return 0;
}

static void judge_list(struct listing *listing,
                       const struct ccb_http_answer *from,
                       struct ccb_diego_answer *out, struct ccb_error *err)
{
    out->code = ccb_http_list_end(listing->list, from, err);
    if (out->code == 0)
        return;
    out->message = ccb_slice_of(err->message);
    if (out->code == CCB_INVALID)
        out->name = ccb_slice_of("InvalidJSON");
}

static void on_done(void *user, const struct ccb_http_answer *answer)
{
    struct listing *listing = user;
    struct ccb_http_answer from = *answer;
    struct ccb_diego_answer out = {0};
    struct ccb_error err = {0};
    from.body = ccb_slice_make(listing->error, listing->error_len);
    if (listing->list)
        judge_list(listing, &from, &out, &err);
    else
        (void)ccb_receptor_judge(&from, listing->options.arena, &out);
    listing->options.on_done(listing->options.user, &out);
}

/* ---- the request -------------------------------------------------------- */

int ccb_receptor_list(struct ccb_http_client *client, const char *url,
                      int64_t timeout,
                      const struct ccb_diego_list_options *options,
                      struct ccb_http_call **call, struct ccb_error *err)
{
    static const struct ccb_http_header json[] = {
        {CCB_LIT("Content-Type"), CCB_LIT("application/json")}};
    static const char *const names[] = {
        [CCB_DIEGO_DESIRED_LRPS] = "desired_lrps",
        [CCB_DIEGO_ACTUAL_LRPS] = "actual_lrps",
    };
    struct listing *listing = ccb_arena_alloc(options->arena, sizeof(*listing));
    struct ccb_http_call_options http = {
        .method = "GET",
        .headers = json,
        .header_count = 1,
        .connect_timeout = CCB_RECEPTOR_CONNECT_TIMEOUT,
        .timeout = timeout,
        .on_head = on_head,
        .on_body = on_body,
        .on_done = on_done,
        .user = listing,
    };
    struct ccb_slice domain;
    if (!listing ||
        ccb_url_query_value(options->arena, options->domain, &domain) < 0)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    listing->options = *options;
    http.url =
        ccb_arena_format(options->arena, "%s/v1/%s?domain=%.*s", url,
                         names[options->what], (int)domain.len, domain.ptr);
    if (!http.url.ptr)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    return ccb_http_send(client, &http, call, err);
}
