/*
 * The HTTP client's front: takes calls, chooses their lane, keeps their time,
 * and ends each with exactly one on_done (net/http_client.h).
 *
 * Invariant: on_done runs only from the loop and only for calls still in the
 * client's list; a cancelled call leaves the list at once, so nothing that
 * happens later can reach its owner. One timer serves all deadlines. Follows
 * contract/stager.md B1 and C6 (time limits, words of errors).
 */
#include <ctype.h>
#include <stdio.h>

#include "base/flags.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "net/http_client_internal.h"

/* ---- the list of what is due -------------------------------------------- */

static void unwait(struct ccb_http_call *call)
{
    struct ccb_http_client *client = call->client;

    if (!call->waits)
        return;
    if (call->due_prev != NULL)
        call->due_prev->due_next = call->due_next;
    else
        client->due_first = call->due_next;
    if (call->due_next != NULL)
        call->due_next->due_prev = call->due_prev;
    else
        client->due_last = call->due_prev;
    call->waits = false;
}

void ccb_http_call_set_due(struct ccb_http_call *call, int64_t due)
{
    struct ccb_http_client *client = call->client;
    struct ccb_http_call *before = client->due_last;

    unwait(call);
    call->due = due;
    if (due == CCB_HTTP_NEVER)
        return;
    /* From the end: calls mostly have the same time limit. */
    before = client->due_last;
    while (before != NULL && before->due > due)
        before = before->due_prev;
    call->due_prev = before;
    call->due_next = before != NULL ? before->due_next : client->due_first;
    if (before != NULL)
        before->due_next = call;
    else
        client->due_first = call;
    if (call->due_next != NULL)
        call->due_next->due_prev = call;
    else
        client->due_last = call;
    call->waits = true;
    ccb_http_client_arm(client, due);
}

/* ---- ends of calls ------------------------------------------------------ */

static void hold_loop(struct ccb_http_client *client, bool hold)
{
    if (client->closing)
        return;
    if (hold)
        uv_ref((uv_handle_t *)&client->timer);
    else
        uv_unref((uv_handle_t *)&client->timer);
    ccb_http_curl_ref(client, hold);
}

static void link_call(struct ccb_http_call *call)
{
    struct ccb_http_client *client = call->client;

    call->next = client->calls;
    if (client->calls != NULL)
        client->calls->prev = call;
    else
        hold_loop(client, true);
    client->calls = call;
}

static void unlink_call(struct ccb_http_call *call)
{
    struct ccb_http_client *client = call->client;

    unwait(call);
    if (call->prev != NULL)
        call->prev->next = call->next;
    else
        client->calls = call->next;
    if (call->next != NULL)
        call->next->prev = call->prev;
    call->prev = NULL;
    call->next = NULL;
    if (client->calls == NULL)
        hold_loop(client, false);
    call->state = CCB_HTTP_CALL_OVER;
}

void ccb_http_call_free(struct ccb_http_call *call)
{
    call->lane->destroy(call);
    ccb_arena_unref(call->arena);
}

void ccb_http_call_done(struct ccb_http_call *call)
{
    unlink_call(call);
    if (call->answer.code != 0)
        ccb_metric_add(CCB_METRIC_CLIENT_FAILURES, 1);
    call->options.on_done(call->options.user, &call->answer);
    ccb_http_call_free(call);
}

void ccb_http_call_fail(struct ccb_http_call *call)
{
    call->state = CCB_HTTP_CALL_FAILED;
    ccb_http_call_set_due(call, (int64_t)uv_hrtime());
}

/* "GET" -> "Get", as Go's client begins its errors. */
static void capitalize(const char *method, char *out, size_t size)
{
    size_t i = 0;

    for (; method[i] != '\0' && i + 1 < size; i++)
        out[i] = (char)(i == 0 ? toupper((unsigned char)method[i])
                               : tolower((unsigned char)method[i]));
    out[i] = '\0';
}

void ccb_http_call_error(struct ccb_http_call *call, int code,
                         const char *format, ...)
{
    const struct ccb_url *url = &call->url;
    const char *query = memchr(url->target.ptr == NULL ? "" : url->target.ptr,
                               '?', url->target.len);
    size_t path_len =
        query != NULL ? (size_t)(query - url->target.ptr) : url->target.len;
    struct ccb_slice text;
    char words[512], verb[16];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(words, sizeof(words), format, args);
    va_end(args);
    capitalize(call->options.method, verb, sizeof(verb));
    text = ccb_arena_format(
        call->arena, "%s %.*s://%.*s%.*s: %s", verb, (int)url->scheme.len,
        url->scheme.ptr, (int)url->authority.len, url->authority.ptr,
        (int)path_len, path_len > 0 ? url->target.ptr : "", words);
    call->answer.code = code;
    call->answer.error = text.ptr != NULL ? text.ptr : "out of memory";
}

/* ---- time --------------------------------------------------------------- */

static void expire(struct ccb_http_call *call, int64_t now)
{
    bool whole = now >= call->deadline;
    char limit[40];

    if (call->state == CCB_HTTP_CALL_RUNNING) {
        ccb_duration_format(whole ? call->options.timeout
                                  : call->options.connect_timeout,
                            limit, sizeof(limit));
        ccb_http_call_error(call, CCB_TIMED_OUT, "no %s within %s",
                            whole ? "whole answer" : "connection", limit);
        (void)call->lane->stop(call); /* from the loop: never deferred */
    }
    ccb_http_call_done(call);
}

static void on_timer(uv_timer_t *timer)
{
    struct ccb_http_client *client = timer->data;
    int64_t now = (int64_t)uv_hrtime();
    int64_t sweep;

    client->armed = CCB_HTTP_NEVER;
    /* What on_done starts and what fails at once is due after `now`. */
    while (client->due_first != NULL && client->due_first->due <= now)
        expire(client->due_first, now);
    if (client->closing)
        return;
    sweep = ccb_http_pool_sweep(client, now);
    ccb_http_client_arm(client, sweep);
    if (client->due_first != NULL)
        ccb_http_client_arm(client, client->due_first->due);
}

void ccb_http_client_arm(struct ccb_http_client *client, int64_t due)
{
    int64_t wait;

    if (client->closing || due >= client->armed)
        return;
    client->armed = due;
    wait = due - (int64_t)uv_hrtime();
    /* libuv counts from the round's start and so rings early, never late;
     * on_timer then finds nothing due and arms again. */
    wait = wait <= 0 ? 0 : (wait + 999999) / 1000000;
    (void)uv_timer_start(&client->timer, on_timer, (uint64_t)wait, 0);
}

/* ---- calls -------------------------------------------------------------- */

static const struct ccb_http_lane *choose_lane(
    const struct ccb_http_call_options *options, const struct ccb_url *url)
{
    bool fits = options->short_lane && options->unix_socket == NULL &&
                options->on_read == NULL && options->on_head == NULL &&
                options->on_body == NULL && ccb_slice_is(url->scheme, "http") &&
                !(options->use_proxy && ccb_http_request_proxy(url) != NULL);

    return fits ? &ccb_http_short_lane : &ccb_http_long_lane;
}

/* The call in its own arena, nothing started. NULL: see err. */
static struct ccb_http_call *create_call(
    struct ccb_http_client *client, const struct ccb_http_call_options *options,
    struct ccb_arena *arena, struct ccb_error *err)
{
    struct ccb_slice text = ccb_arena_copy(arena, options->url);
    const struct ccb_http_lane *lane;
    struct ccb_http_call *call;
    struct ccb_url url;

    if (text.ptr == NULL) {
        (void)ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
        return NULL;
    }
    if (ccb_url_parse(&url, text, err) != 0 ||
        ccb_http_request_check(options, &url, err) != 0)
        return NULL;
    lane = choose_lane(options, &url);
    call = ccb_arena_alloc(arena, lane->call_size);
    if (call == NULL) {
        (void)ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
        return NULL;
    }
    call->client = client;
    call->lane = lane;
    call->arena = arena;
    call->url = url;
    call->options = *options;
    return call;
}

static int start_call(struct ccb_http_call *call, struct ccb_error *err)
{
    struct ccb_http_call_options *options = &call->options;
    bool has_socket = options->unix_socket != NULL;
    int code;

    options->method =
        ccb_arena_cstr(call->arena, ccb_slice_of(options->method));
    if (options->unix_socket != NULL)
        options->unix_socket =
            ccb_arena_cstr(call->arena, ccb_slice_of(options->unix_socket));
    if (options->method == NULL || (has_socket && options->unix_socket == NULL))
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    if (options->max_answer == 0)
        options->max_answer = CCB_HTTP_DEFAULT_ANSWER;
    call->deadline = options->timeout > 0
                         ? (int64_t)uv_hrtime() + options->timeout
                         : CCB_HTTP_NEVER;
    link_call(call);
    code = call->lane->start(call, err);
    if (code != 0)
        unlink_call(call);
    /* They were the caller's, and every lane has copied what it needs. */
    options->headers = NULL;
    options->header_count = 0;
    return code;
}

int ccb_http_send(struct ccb_http_client *client,
                  const struct ccb_http_call_options *options,
                  struct ccb_http_call **out, struct ccb_error *err)
{
    struct ccb_http_call *call;
    struct ccb_error own = {0};
    struct ccb_arena *arena;
    int code;

    if (client->closing)
        return ccb_error_set(err, CCB_CLOSED, "the HTTP client is closed");
    arena = ccb_arena_create();
    if (arena == NULL)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    if (err == NULL)
        err = &own; /* the code is read from it below */
    call = create_call(client, options, arena, err);
    if (call == NULL) {
        ccb_arena_unref(arena);
        return err->code;
    }
    code = start_call(call, err);
    if (code != 0) {
        ccb_http_call_free(call);
        return code;
    }
    ccb_metric_add(CCB_METRIC_CLIENT_CALLS, 1);
    if (out != NULL)
        *out = call;
    return 0;
}

void ccb_http_cancel(struct ccb_http_call *call)
{
    enum ccb_http_call_state state = call->state;

    if (state == CCB_HTTP_CALL_OVER)
        return; /* inside its own on_done */
    unlink_call(call);
    if (state == CCB_HTTP_CALL_FAILED || call->lane->stop(call))
        ccb_http_call_free(call);
}

void ccb_http_call_resume(struct ccb_http_call *call)
{
    if (call->state == CCB_HTTP_CALL_RUNNING)
        call->lane->resume(call);
}

struct ccb_slice ccb_http_answer_header(const struct ccb_http_answer *answer,
                                        const char *name)
{
    struct ccb_slice wanted = ccb_slice_of(name);

    for (size_t i = 0; i < answer->header_count; i++)
        if (ccb_http_same_word(answer->headers[i].name, wanted))
            return answer->headers[i].value;
    return ccb_slice_make(NULL, 0);
}

/* ---- the client --------------------------------------------------------- */

int ccb_http_client_open(struct ccb_http_client **out, struct ccb_loop *loop,
                         struct ccb_error *err)
{
    struct ccb_http_client *client = ccb_calloc(1, sizeof(*client));

    if (client == NULL)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    client->loop = loop;
    client->armed = CCB_HTTP_NEVER;
    (void)uv_timer_init(&loop->uv, &client->timer); /* can't fail */
    client->timer.data = client;
    client->handles = 1;
    uv_unref((uv_handle_t *)&client->timer);
    *out = client;
    return 0;
}

void ccb_http_client_release(struct ccb_http_client *client)
{
    void (*on_closed)(void *user) = client->on_closed;
    void *user = client->closed_user;

    client->handles--;
    if (client->handles > 0)
        return;
    ccb_http_curl_free(client);
    ccb_free(client->scratch);
    ccb_free(client);
    if (on_closed != NULL)
        on_closed(user);
}

static void on_timer_closed(uv_handle_t *handle)
{
    ccb_http_client_release(handle->data);
}

void ccb_http_client_close(struct ccb_http_client *client,
                           void (*on_closed)(void *user), void *user)
{
    if (client->closing)
        return;
    while (client->calls != NULL)
        ccb_http_cancel(client->calls);
    client->closing = true;
    client->on_closed = on_closed;
    client->closed_user = user;
    ccb_http_pool_close(client);
    ccb_http_curl_close(client);
    uv_close((uv_handle_t *)&client->timer, on_timer_closed);
}
