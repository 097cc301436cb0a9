/*
 * The lock in Consul as one operation: `state` says which step is asked (see
 * lock_consul_steps.c); beside it the session is renewed from its creation on
 * (contract/stager.md A9). Invariants: at most one call of the operation and
 * one renewal are under way; whatever goes wrong ends in give_up, which tries
 * again later, or loses the lock when it was held; a callback to the lock's
 * owner is the last thing that is done.
 */
#include "consul/lock_consul.h"

#include "base/clock.h"
#include "base/mem.h"
#include "net/url.h"

#define CONNECT_TIMEOUT (5 * CCB_SECOND)
#define RENEW_PAUSE CCB_SECOND /* after a renewal that failed */
#define MAX_ANSWER (UINT64_C(4) << 20)

static void ask(struct ccb_consul_lock *c);
static void give_up(struct ccb_consul_lock *c, const char *action,
                    const char *why);
static void finish_release(struct ccb_consul_lock *c);
static void renew_in(struct ccb_consul_lock *c, int64_t ns);

static int no_memory(struct ccb_error *err)
{
    return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
}

/* ---- requests ----------------------------------------------------------- */

struct request {
    const char *method;
    struct ccb_slice body;
    int64_t timeout;
    void (*on_done)(void *user, const struct ccb_http_answer *answer);
};

/* To what is in c->url, which the call copies. */
static int send_request(struct ccb_consul_lock *c,
                        const struct request *request,
                        struct ccb_http_call **call, struct ccb_error *err)
{
    struct ccb_http_call_options http = {
        .method = request->method,
        .url = ccb_buf_slice(&c->url),
        .body = request->body,
        .use_proxy = true,
        .short_lane = true,
        .connect_timeout = CONNECT_TIMEOUT,
        .timeout = request->timeout,
        .max_answer = MAX_ANSWER,
        .on_done = request->on_done,
        .user = c,
    };
    if (c->url.failed)
        return no_memory(err);
    return ccb_http_send(c->client, &http, call, err);
}

/* What was answered instead of 200, with Consul's words for it. */
static int bad_status(const struct ccb_http_answer *answer,
                      struct ccb_error *err)
{
    struct ccb_slice words = answer->body;
    const char *end = words.len > 0 ? memchr(words.ptr, '\n', words.len) : NULL;
    if (end)
        words.len = (size_t)(end - words.ptr);
    return ccb_error_set(err, CCB_FAILED, "Unexpected response code: %d (%.*s)",
                         answer->status, words.len > 160 ? 160 : (int)words.len,
                         words.ptr);
}

static int check_answer(const struct ccb_http_answer *answer, bool or_missing,
                        struct ccb_error *err)
{
    if (answer->code < 0)
        return ccb_error_set(err, answer->code, "%s", answer->error);
    if (answer->status == 200 || (or_missing && answer->status == 404))
        return 0;
    return bad_status(answer, err);
}

/* ---- the operation ------------------------------------------------------ */

static void on_pause(uv_timer_t *timer)
{
    struct ccb_consul_lock *c = timer->data;
    ask(c);
}

/* The session lives from the first look on. */
static void go_on(struct ccb_consul_lock *c)
{
    if (c->state == CCB_CONSUL_LOOK && !c->renewal &&
        !uv_is_active((uv_handle_t *)&c->renew))
        renew_in(c, c->lock.options.config->ttl / 2);
    if (c->wait > 0)
        (void)uv_timer_start(&c->pause, on_pause, ccb_lock_ms(c->wait), 0);
    else
        ask(c);
}

static void on_answer(void *user, const struct ccb_http_answer *answer)
{
    struct ccb_consul_lock *c = user;
    const struct ccb_consul_step *step = &ccb_consul_steps[c->state];
    struct ccb_error err;
    int code = check_answer(answer, step->or_missing, &err);
    c->call = NULL;
    if (c->state == CCB_CONSUL_RELEASE) {
        if (code < 0)
            ccb_lock_log_trouble(&c->lock, "consul-error", err.message);
        finish_release(c);
        return;
    }
    c->wait = 0;
    if (code == 0)
        code = step->read(c, answer, &err);
    if (code == CCB_INVALID)
        ccb_error_prefix(&err, "Consul's answer on %s", step->what);
    if (code < 0)
        give_up(c, "acquire-lock-failed", err.message);
    else
        go_on(c);
}

static int send_step(struct ccb_consul_lock *c, struct ccb_error *err)
{
    const struct ccb_consul_step *step = &ccb_consul_steps[c->state];
    struct request request = {
        .method = step->method,
        .timeout = step->timeout,
        .on_done = on_answer,
    };
    ccb_buf_reset(&c->body);
    step->ask(c);
    if (c->body.failed)
        return no_memory(err);
    request.body = ccb_buf_slice(&c->body);
    return send_request(c, &request, &c->call, err);
}

static void ask(struct ccb_consul_lock *c)
{
    struct ccb_error err;
    if (send_step(c, &err) < 0)
        give_up(c, "acquire-lock-failed", err.message);
    else if (c->state == CCB_CONSUL_WATCH && !c->lock.held)
        ccb_lock_tell_held(&c->lock); /* last: it may close the lock */
}

static void on_attempt(uv_timer_t *timer)
{
    struct ccb_consul_lock *c = timer->data;
    if (c->again)
        ccb_log_info(&c->lock.log, "retrying-acquiring-lock");
    ccb_log_info(&c->lock.log, "acquiring-lock");
    c->state = CCB_CONSUL_FIND_NODE;
    ask(c);
}

static void stop_work(struct ccb_consul_lock *c)
{
    if (c->call)
        ccb_http_cancel(c->call);
    if (c->renewal)
        ccb_http_cancel(c->renewal);
    c->call = c->renewal = NULL;
    (void)uv_timer_stop(&c->pause);
    (void)uv_timer_stop(&c->renew);
}

static void release(struct ccb_consul_lock *c)
{
    struct ccb_error err;
    stop_work(c);
    ccb_log_debug(&c->lock.log, "releasing-lock");
    c->lock.held = false;
    c->state = CCB_CONSUL_RELEASE;
    if (!c->session[0]) {
        finish_release(c);
    } else if (send_step(c, &err) < 0) {
        ccb_lock_log_trouble(&c->lock, "consul-error", err.message);
        finish_release(c);
    }
}

static void lose(struct ccb_consul_lock *c, const char *why)
{
    ccb_lock_log_trouble(&c->lock, "lost-lock", why);
    release(c);
    c->lock.options.on_lost(c->lock.options.user, "lock lost");
}

/* The session is left to the next attempt, which ends all that have its name,
 * or to its time to live. */
static void give_up(struct ccb_consul_lock *c, const char *action,
                    const char *why)
{
    stop_work(c);
    if (c->lock.held) {
        lose(c, why);
        return;
    }
    ccb_lock_log_trouble(&c->lock, action, why);
    c->again = true;
    (void)uv_timer_start(&c->pause, on_attempt,
                         ccb_lock_ms(c->lock.options.config->retry_interval),
                         0);
}

/* ---- keeping the session alive ------------------------------------------ */

/* How long Consul can't have forgotten the session yet. */
static int64_t renewal_due(const struct ccb_consul_lock *c)
{
    return c->lock.options.config->ttl - (ccb_clock_monotonic() - c->renewed);
}

static void renewal_failed(struct ccb_consul_lock *c)
{
    int64_t left = renewal_due(c);
    renew_in(c, left < RENEW_PAUSE ? left : RENEW_PAUSE);
}

static void on_renewed(void *user, const struct ccb_http_answer *answer)
{
    struct ccb_consul_lock *c = user;
    int code = check_answer(answer, false, &c->trouble);
    c->renewal = NULL;
    if (code == 0)
        code = ccb_consul_read_renewal(answer->body, &c->trouble);
    if (code < 0) {
        renewal_failed(c);
        return;
    }
    c->renewed = c->asked;
    c->trouble.code = 0;
    renew_in(c, c->lock.options.config->ttl / 2);
}

/* A process that was stopped for a while tries once before it gives up. */
static void on_renew(uv_timer_t *timer)
{
    struct ccb_consul_lock *c = timer->data;
    int64_t left = renewal_due(c);
    struct request request = {
        .method = "PUT",
        .timeout = left > RENEW_PAUSE ? left : RENEW_PAUSE,
        .on_done = on_renewed,
    };
    if (left <= 0 && c->trouble.code < 0) {
        ccb_error_prefix(&c->trouble, "the session could not be renewed");
        give_up(c, "consul-error", c->trouble.message);
        return;
    }
    c->asked = ccb_clock_monotonic();
    ccb_consul_begin_url(c, "/v1/session/renew/");
    (void)ccb_buf_put(&c->url, c->session);
    if (send_request(c, &request, &c->renewal, &c->trouble) < 0)
        renewal_failed(c);
}

static void renew_in(struct ccb_consul_lock *c, int64_t ns)
{
    (void)uv_timer_start(&c->renew, on_renew, ccb_lock_ms(ns), 0);
}

/* ---- its life ----------------------------------------------------------- */

static void free_consul(struct ccb_consul_lock *c)
{
    ccb_arena_unref(c->arena);
    ccb_buf_destroy(&c->url);
    ccb_buf_destroy(&c->body);
    ccb_free(c->base);
    ccb_free(c->at);
    ccb_free(c);
}

static void on_closed(void *user)
{
    struct ccb_consul_lock *c = user;
    if (--c->open_handles == 0)
        free_consul(c);
}

static void on_timer_closed(uv_handle_t *handle)
{
    on_closed(handle->data);
}

static void leave_loop(struct ccb_consul_lock *c)
{
    c->open_handles = 3;
    uv_close((uv_handle_t *)&c->pause, on_timer_closed);
    uv_close((uv_handle_t *)&c->renew, on_timer_closed);
    ccb_http_client_close(c->client, on_closed, c);
}

static void finish_release(struct ccb_consul_lock *c)
{
    c->state = CCB_CONSUL_RELEASED;
    ccb_log_info(&c->lock.log, "done");
    if (c->lock.closed)
        leave_loop(c);
}

/* Scheme, user info and host; a path has no meaning, as ever. `text` is
 * checked, and the target lies in it. */
static int copy_url(struct ccb_consul_lock *c, const char *text,
                    struct ccb_error *err)
{
    struct ccb_buf shown = {0};
    struct ccb_url url;
    int code = ccb_url_parse(&url, ccb_slice_of(text), err);
    if (code < 0)
        return code;
    (void)ccb_buf_printf(&shown, "%.*s://%.*s", (int)url.scheme.len,
                         url.scheme.ptr, (int)url.authority.len,
                         url.authority.ptr);
    if (!shown.failed)
        c->at = ccb_slice_dup(ccb_buf_slice(&shown));
    ccb_buf_destroy(&shown);
    c->base = ccb_slice_dup(ccb_slice_make(
        text, (size_t)(url.authority.ptr + url.authority.len - text)));
    return c->at && c->base ? 0 : no_memory(err);
}

static int open_form(struct ccb_lock **lock,
                     const struct ccb_lock_options *options,
                     struct ccb_error *err)
{
    struct ccb_consul_lock *c = ccb_calloc(1, sizeof(*c));
    int code;
    if (!c)
        return no_memory(err);
    code = copy_url(c, options->config->consul_cluster, err);
    if (code == 0)
        code = ccb_http_client_open(&c->client, options->loop, err);
    if (code < 0) {
        free_consul(c);
        return code;
    }
    (void)uv_timer_init(&options->loop->uv, &c->pause); /* can't fail */
    (void)uv_timer_init(&options->loop->uv, &c->renew);
    c->pause.data = c->renew.data = c;
    *lock = &c->lock;
    return 0;
}

static void start(struct ccb_lock *lock)
{
    struct ccb_consul_lock *c = (struct ccb_consul_lock *)lock;
    (void)uv_timer_start(&c->pause, on_attempt, 0, 0);
}

/* After a loss it is on its way out already. */
static void close_form(struct ccb_lock *lock)
{
    struct ccb_consul_lock *c = (struct ccb_consul_lock *)lock;
    if (c->state == CCB_CONSUL_RELEASED) {
        leave_loop(c);
    } else if (c->state != CCB_CONSUL_RELEASE) {
        ccb_lock_log_shutting_down(lock);
        release(c);
    }
}

static const char *at(const struct ccb_lock *lock)
{
    return ((const struct ccb_consul_lock *)lock)->at;
}

const struct ccb_lock_form ccb_lock_in_consul = {"consul", open_form, start,
                                                 close_form, at};
