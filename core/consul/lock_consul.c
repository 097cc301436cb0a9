/*
 * The lock in Consul: a session, kept alive, and a key that carries it, in the
 * order of requests of the historic programs (contract/stager.md A9).
 *
 * One operation: `state` says what is asked, a row of `steps` how it is asked
 * and what its answer leads to. Beside it the session is renewed from its
 * creation on. Invariants: at most one call of the operation and one renewal
 * are under way; whatever goes wrong ends in give_up, which tries again, or
 * loses the lock when it was held; nothing of it is touched after on_lost.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/flags.h"
#include "base/mem.h"
#include "consul/answers.h"
#include "consul/internal.h"
#include "net/http_client.h"
#include "net/url.h"

/* Marks a key as a lock; Consul's clients know it by this number. */
#define LOCK_FLAGS UINT64_C(3304740253564472344)

#define CONNECT_TIMEOUT (5 * CCB_SECOND)
#define ANSWER_TIMEOUT (10 * CCB_SECOND)
#define LOOK_WAIT_MS 15000 /* how long Consul holds a look at a held key */
#define LOOK_TIMEOUT (LOOK_WAIT_MS * CCB_MILLISECOND + 15 * CCB_SECOND)
#define LOCK_DELAY (5 * CCB_SECOND) /* after an acquisition that was refused   \
                                     */
#define RENEW_PAUSE CCB_SECOND      /* after a renewal that failed */
#define RELEASE_TIMEOUT (2 * CCB_SECOND)
/* An answer at once, though nothing changed: whoever gives it is not asked
 * again without a breath. */
#define SAME_INDEX_PAUSE (100 * CCB_MILLISECOND)
#define MAX_ANSWER (UINT64_C(4) << 20)

enum state {
    FIND_NODE,
    LIST_SESSIONS,
    END_SESSION, /* one after the other, all that have our name */
    CREATE_SESSION,
    LOOK,
    ACQUIRE,
    WATCH,
    RELEASE,
    RELEASED
};

struct consul {
    struct ccb_lock lock; /* first */
    struct ccb_http_client *client;
    char *base, *at; /* URL without path; the same without user info */
    struct ccb_buf url, body;

    enum state state;
    struct ccb_http_call *call;
    uv_timer_t pause; /* until `state` is asked */
    bool again;       /* an attempt failed */

    /* From FIND_NODE to END_SESSION. */
    struct ccb_arena *arena;
    struct ccb_slice node;
    struct ccb_consul_ids ended; /* the next one is ids[next] */
    size_t next;

    char session[CCB_CONSUL_ID_SIZE]; /* "": none that is known of */
    uint64_t index; /* of the key, as last seen; 0: not known */

    struct ccb_http_call *renewal;
    uv_timer_t renew;
    int64_t asked, renewed;   /* when a renewal, the last good one, was sent */
    struct ccb_error trouble; /* of the last one */

    int open_handles; /* while it is closed: both timers and the client */
};

static void ask(struct consul *c);
static void give_up(struct consul *c, const char *action, const char *why);
static void finish_release(struct consul *c);
static void renew_in(struct consul *c, int64_t ns);

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
static int send_request(struct consul *c, const struct request *request,
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
    if (c->url.failed || c->body.failed)
        return no_memory(err);
    return ccb_http_send(c->client, &http, call, err);
}

static void begin_url(struct consul *c, const char *path)
{
    ccb_buf_reset(&c->url);
    (void)ccb_buf_put(&c->url, c->base);
    (void)ccb_buf_put(&c->url, path);
}

static void key_url(struct consul *c, const char *query)
{
    begin_url(c, "/v1/kv/");
    (void)ccb_buf_put(&c->url, c->lock.options.name->key);
    (void)ccb_buf_put(&c->url, query);
}

static void put_index(struct consul *c)
{
    if (c->index > 0)
        (void)ccb_buf_printf(&c->url, "&index=%" PRIu64, c->index);
}

/* A node's name may hold anything: it is one segment of a path. */
static void put_segment(struct ccb_buf *url, struct ccb_slice text)
{
    size_t i;
    for (i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                     (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '.';
        if (plain)
            (void)ccb_buf_putc(url, (char)c);
        else
            (void)ccb_buf_printf(url, "%%%02X", c);
    }
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

/* ---- the steps: what is asked, and where the answer leads --------------- */

/* Into c->url and c->body; NO_MEMORY sticks to them. */
static void ask_node(struct consul *c)
{
    begin_url(c, "/v1/agent/self");
}

static int read_node(struct consul *c, const struct ccb_http_answer *answer,
                     struct ccb_error *err)
{
    struct ccb_slice name;
    int code;
    ccb_arena_unref(c->arena);
    c->arena = ccb_arena_create();
    if (!c->arena)
        return no_memory(err);
    code = ccb_consul_read_node(answer->body, c->arena, &name, err);
    if (code < 0)
        return code;
    c->node = ccb_arena_copy(c->arena, name);
    c->state = LIST_SESSIONS;
    return c->node.ptr ? 0 : no_memory(err);
}

static void ask_sessions(struct consul *c)
{
    begin_url(c, "/v1/session/node/");
    put_segment(&c->url, c->node);
}

/* Also what an attempt that failed has left behind. */
static void end_next_session(struct consul *c)
{
    bool more = c->next < c->ended.count;
    c->state = more ? END_SESSION : CREATE_SESSION;
    if (!more)
        c->session[0] = '\0';
}

static int read_sessions(struct consul *c, const struct ccb_http_answer *answer,
                         struct ccb_error *err)
{
    int code = ccb_consul_read_sessions(
        answer->body, c->lock.options.name->session, c->arena, &c->ended, err);
    c->next = 0;
    if (code == 0)
        end_next_session(c);
    return code;
}

static void ask_end(struct consul *c)
{
    begin_url(c, "/v1/session/destroy/");
    (void)ccb_buf_put(&c->url, c->ended.items[c->next]);
}

static int read_end(struct consul *c, const struct ccb_http_answer *answer,
                    struct ccb_error *err)
{
    (void)answer;
    (void)err;
    c->next++;
    end_next_session(c);
    return 0;
}

static void ask_session(struct consul *c)
{
    struct ccb_json_writer w;
    char ttl[40];
    ccb_duration_format(c->lock.options.config->ttl, ttl, sizeof(ttl));
    ccb_buf_reset(&c->body);
    ccb_json_writer_init(&w, ccb_buf_sink, &c->body);
    ccb_json_begin_object(&w);
    ccb_json_member_cstr(&w, "Behavior", "delete");
    ccb_json_member_cstr(&w, "LockDelay", "0ms");
    ccb_json_member_cstr(&w, "Name", c->lock.options.name->session);
    ccb_json_member_cstr(&w, "TTL", ttl);
    ccb_json_end_object(&w);
    (void)ccb_json_writer_end(&w); /* its failure is the buffer's */
    begin_url(c, "/v1/session/create");
    c->asked = ccb_clock_monotonic();
}

/* Its time runs from when it was asked for: Consul can't have counted more. */
static int read_session(struct consul *c, const struct ccb_http_answer *answer,
                        struct ccb_error *err)
{
    int code = ccb_consul_read_session(answer->body, c->session, err);
    if (code < 0)
        return code;
    c->renewed = c->asked;
    renew_in(c, c->lock.options.config->ttl / 2);
    c->index = 0;
    c->state = LOOK;
    return 0;
}

static void ask_look(struct consul *c)
{
    key_url(c, "?wait=");
    (void)ccb_buf_printf(&c->url, "%dms", LOOK_WAIT_MS);
    put_index(c);
}

static int64_t take_index(struct consul *c,
                          const struct ccb_http_answer *answer)
{
    uint64_t index =
        ccb_consul_read_index(ccb_http_answer_header(answer, "X-Consul-Index"));
    bool same = index == c->index;
    c->index = index;
    return same ? SAME_INDEX_PAUSE : 0;
}

static int read_entry(const struct consul *c,
                      const struct ccb_http_answer *answer,
                      struct ccb_consul_entry *entry, struct ccb_error *err)
{
    *entry = (struct ccb_consul_entry){0};
    if (answer->status == 404)
        return 0;
    return ccb_consul_read_entry(answer->body, c->session, entry, err);
}

static void wait_then_ask(struct consul *c, int64_t ns);

static int read_look(struct consul *c, const struct ccb_http_answer *answer,
                     struct ccb_error *err)
{
    struct ccb_consul_entry entry;
    int code = read_entry(c, answer, &entry, err);
    int64_t pause = take_index(c, answer);
    if (code < 0)
        return code;
    if (entry.there && entry.flags != LOCK_FLAGS)
        return ccb_error_set(err, CCB_CONFLICT,
                             "Existing key does not match lock use: its Flags "
                             "are %" PRIu64 ", not %" PRIu64,
                             entry.flags, LOCK_FLAGS);
    if (entry.holder == CCB_CONSUL_ANOTHER) {
        if (pause > 0)
            wait_then_ask(c, pause);
        return 0;
    }
    c->state = entry.holder == CCB_CONSUL_OWN ? WATCH : ACQUIRE;
    c->index = 0;
    return 0;
}

static void ask_acquire(struct consul *c)
{
    key_url(c, "?acquire=");
    (void)ccb_buf_printf(&c->url, "%s&flags=%" PRIu64, c->session, LOCK_FLAGS);
    ccb_buf_reset(&c->body);
    (void)ccb_buf_put(&c->body, c->lock.value);
}

static int read_acquire(struct consul *c, const struct ccb_http_answer *answer,
                        struct ccb_error *err)
{
    bool acquired = false;
    int code = ccb_consul_read_truth(answer->body, &acquired, err);
    if (code < 0)
        return code;
    c->state = acquired ? WATCH : LOOK;
    if (!acquired)
        wait_then_ask(c, LOCK_DELAY);
    return 0;
}

static void ask_watch(struct consul *c)
{
    key_url(c, "?consistent=");
    put_index(c);
}

static int read_watch(struct consul *c, const struct ccb_http_answer *answer,
                      struct ccb_error *err)
{
    struct ccb_consul_entry entry;
    int code = read_entry(c, answer, &entry, err);
    int64_t pause = take_index(c, answer);
    if (code < 0)
        return code;
    if (!entry.there)
        return ccb_error_set(err, CCB_CLOSED, "the key is gone");
    if (entry.holder != CCB_CONSUL_OWN)
        return ccb_error_set(err, CCB_CLOSED,
                             entry.holder == CCB_CONSUL_ANOTHER
                                 ? "the key carries another session"
                                 : "the key carries no session");
    if (pause > 0)
        wait_then_ask(c, pause);
    return 0;
}

static void ask_release(struct consul *c)
{
    begin_url(c, "/v1/session/destroy/");
    (void)ccb_buf_put(&c->url, c->session);
}

static const struct step {
    const char *method;
    void (*ask)(struct consul *c);
    /* Sets the next state, or has it wait. Negative: give up. */
    int (*read)(struct consul *c, const struct ccb_http_answer *answer,
                struct ccb_error *err);
    int64_t timeout;
    bool has_body, or_missing;
} steps[] = {
    [FIND_NODE] = {"GET", ask_node, read_node, ANSWER_TIMEOUT, false, false},
    [LIST_SESSIONS] = {"GET", ask_sessions, read_sessions, ANSWER_TIMEOUT,
                       false, false},
    [END_SESSION] = {"PUT", ask_end, read_end, ANSWER_TIMEOUT, false, false},
    [CREATE_SESSION] = {"PUT", ask_session, read_session, ANSWER_TIMEOUT, true,
                        false},
    [LOOK] = {"GET", ask_look, read_look, LOOK_TIMEOUT, false, true},
    [ACQUIRE] = {"PUT", ask_acquire, read_acquire, ANSWER_TIMEOUT, true, false},
    [WATCH] = {"GET", ask_watch, read_watch, 0, false, true},
    [RELEASE] = {"PUT", ask_release, NULL, RELEASE_TIMEOUT, false, false},
};

/* ---- the operation ------------------------------------------------------ */

static void on_pause(uv_timer_t *timer)
{
    struct consul *c = timer->data;
    ask(c);
}

static void wait_then_ask(struct consul *c, int64_t ns)
{
    (void)uv_timer_start(&c->pause, on_pause, ccb_lock_ms(ns), 0);
}

static void on_answer(void *user, const struct ccb_http_answer *answer)
{
    struct consul *c = user;
    const struct step *step = &steps[c->state];
    struct ccb_error err;
    int code = check_answer(answer, step->or_missing, &err);
    c->call = NULL;
    if (c->state == RELEASE) {
        if (code < 0)
            ccb_lock_log_trouble(&c->lock, "consul-error", err.message);
        finish_release(c);
        return;
    }
    if (code == 0)
        code = step->read(c, answer, &err);
    if (code < 0)
        give_up(c, "acquire-lock-failed", err.message);
    else if (!uv_is_active((uv_handle_t *)&c->pause))
        ask(c);
}

static int send_step(struct consul *c, struct ccb_error *err)
{
    const struct step *step = &steps[c->state];
    struct request request = {
        .method = step->method,
        .timeout = step->timeout,
        .on_done = on_answer,
    };
    step->ask(c);
    if (step->has_body)
        request.body = ccb_buf_slice(&c->body);
    return send_request(c, &request, &c->call, err);
}

static void ask(struct consul *c)
{
    struct ccb_error err;
    if (send_step(c, &err) < 0)
        give_up(c, "acquire-lock-failed", err.message);
    else if (c->state == WATCH && !c->lock.held)
        ccb_lock_tell_held(&c->lock); /* last: it may close the lock */
}

static void on_attempt(uv_timer_t *timer)
{
    struct consul *c = timer->data;
    if (c->again)
        ccb_log_info(&c->lock.log, "retrying-acquiring-lock");
    ccb_log_info(&c->lock.log, "acquiring-lock");
    c->state = FIND_NODE;
    ask(c);
}

static void stop_work(struct consul *c)
{
    if (c->call)
        ccb_http_cancel(c->call);
    if (c->renewal)
        ccb_http_cancel(c->renewal);
    c->call = c->renewal = NULL;
    (void)uv_timer_stop(&c->pause);
    (void)uv_timer_stop(&c->renew);
}

static void release(struct consul *c)
{
    struct ccb_error err;
    stop_work(c);
    ccb_log_debug(&c->lock.log, "releasing-lock");
    c->lock.held = false;
    c->state = RELEASE;
    if (!c->session[0]) {
        finish_release(c);
    } else if (send_step(c, &err) < 0) {
        ccb_lock_log_trouble(&c->lock, "consul-error", err.message);
        finish_release(c);
    }
}

static void lose(struct consul *c, const char *why)
{
    ccb_lock_log_trouble(&c->lock, "lost-lock", why);
    release(c);
    c->lock.options.on_lost(c->lock.options.user, "lock lost");
}

/* The session is left to the next attempt, which ends all that have its name,
 * or to its time to live. */
static void give_up(struct consul *c, const char *action, const char *why)
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

/* When Consul may have forgotten the session. */
static int64_t renewal_due(const struct consul *c)
{
    return c->renewed + c->lock.options.config->ttl - ccb_clock_monotonic();
}

static void renewal_failed(struct consul *c)
{
    int64_t left = renewal_due(c);
    renew_in(c, left < RENEW_PAUSE ? left : RENEW_PAUSE);
}

static void on_renewed(void *user, const struct ccb_http_answer *answer)
{
    struct consul *c = user;
    int code = check_answer(answer, false, &c->trouble);
    c->renewal = NULL;
    if (code == 0)
        code = ccb_consul_read_renewal(answer->body, &c->trouble);
    if (code < 0) {
        renewal_failed(c);
        return;
    }
    c->renewed = c->asked;
    renew_in(c, c->lock.options.config->ttl / 2);
}

static void on_renew(uv_timer_t *timer)
{
    struct consul *c = timer->data;
    struct request request = {
        .method = "PUT",
        .timeout = renewal_due(c),
        .on_done = on_renewed,
    };
    if (request.timeout <= 0) {
        ccb_error_prefix(&c->trouble, "the session could not be renewed");
        give_up(c, "consul-error", c->trouble.message);
        return;
    }
    c->asked = ccb_clock_monotonic();
    begin_url(c, "/v1/session/renew/");
    (void)ccb_buf_put(&c->url, c->session);
    if (send_request(c, &request, &c->renewal, &c->trouble) < 0)
        renewal_failed(c);
}

static void renew_in(struct consul *c, int64_t ns)
{
    (void)uv_timer_start(&c->renew, on_renew, ccb_lock_ms(ns), 0);
}

/* ---- its life ----------------------------------------------------------- */

static void free_consul(struct consul *c)
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
    struct consul *c = user;
    if (--c->open_handles == 0)
        free_consul(c);
}

static void on_timer_closed(uv_handle_t *handle)
{
    on_closed(handle->data);
}

static void leave_loop(struct consul *c)
{
    c->open_handles = 3;
    uv_close((uv_handle_t *)&c->pause, on_timer_closed);
    uv_close((uv_handle_t *)&c->renew, on_timer_closed);
    ccb_http_client_close(c->client, on_closed, c);
}

static void finish_release(struct consul *c)
{
    c->state = RELEASED;
    ccb_log_info(&c->lock.log, "done");
    if (c->lock.closed)
        leave_loop(c);
}

/* Scheme, user info and host; a path has no meaning, as ever. `text` is
 * checked, and the target lies in it. */
static int copy_url(struct consul *c, const char *text, struct ccb_error *err)
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
    struct consul *c = ccb_calloc(1, sizeof(*c));
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
    struct consul *c = (struct consul *)lock;
    (void)uv_timer_start(&c->pause, on_attempt, 0, 0);
}

/* After a loss it is on its way out already. */
static void close_form(struct ccb_lock *lock)
{
    struct consul *c = (struct consul *)lock;
    if (c->state == RELEASED) {
        leave_loop(c);
    } else if (c->state != RELEASE) {
        ccb_log_info(&lock->log, "shutting-down");
        release(c);
    }
}

static const char *at(const struct ccb_lock *lock)
{
    return ((const struct consul *)lock)->at;
}

const struct ccb_lock_form ccb_lock_in_consul = {"consul", open_form, start,
                                                 close_form, at};
