/*
 * The steps of the lock in Consul: one request and one reading of its answer
 * for each state, in the order of the historic programs (contract/stager.md
 * A9). Nothing is sent or timed here.
 */
#include <inttypes.h>

#include "base/clock.h"
#include "base/flags.h"
#include "consul/lock_consul.h"
#include "net/url.h"

/* Marks a key as a lock; Consul's clients know it by this number. */
#define LOCK_FLAGS UINT64_C(3304740253564472344)

#define ANSWER_TIMEOUT (10 * CCB_SECOND)
#define LOOK_WAIT_MS 15000 /* how long Consul holds a look at a held key */
#define LOOK_TIMEOUT (LOOK_WAIT_MS * CCB_MILLISECOND + 15 * CCB_SECOND)
#define LOCK_DELAY (5 * CCB_SECOND) /* after a refused acquisition */
#define RELEASE_TIMEOUT (2 * CCB_SECOND)
/* An answer at once, though nothing changed: whoever gives it is not asked
 * again without a breath. */
#define SAME_INDEX_PAUSE (100 * CCB_MILLISECOND)

static int no_memory(struct ccb_error *err)
{
    return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
}

/* ---- what requests are made of ------------------------------------------ */

void ccb_consul_begin_url(struct ccb_consul_lock *c, const char *path)
{
    ccb_buf_reset(&c->url);
    (void)ccb_buf_put(&c->url, c->base);
    (void)ccb_buf_put(&c->url, path);
}

static void key_url(struct ccb_consul_lock *c, const char *query)
{
    ccb_consul_begin_url(c, "/v1/kv/");
    (void)ccb_buf_put(&c->url, c->lock.options.name->key);
    (void)ccb_buf_put(&c->url, query);
}

static void put_index(struct ccb_consul_lock *c)
{
    if (c->index > 0)
        (void)ccb_buf_printf(&c->url, "&index=%" PRIu64, c->index);
}

/* ---- the steps: what is asked, and where the answer leads --------------- */

/* Into c->url and c->body; NO_MEMORY sticks to them. */
static void ask_node(struct ccb_consul_lock *c)
{
    ccb_consul_begin_url(c, "/v1/agent/self");
}

static int read_node(struct ccb_consul_lock *c,
                     const struct ccb_http_answer *answer,
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
    name = ccb_arena_copy(c->arena, name);
    if (!name.ptr || ccb_url_query_value(c->arena, name, &c->node) < 0)
        return no_memory(err);
    c->state = CCB_CONSUL_LIST_SESSIONS;
    return 0;
}

static void ask_sessions(struct ccb_consul_lock *c)
{
    ccb_consul_begin_url(c, "/v1/session/node/");
    (void)ccb_buf_put_slice(&c->url, c->node);
}

/* Also what an attempt that failed has left behind. */
static void end_next_session(struct ccb_consul_lock *c)
{
    bool more = c->next < c->ended.count;
    c->state = more ? CCB_CONSUL_END_SESSION : CCB_CONSUL_CREATE_SESSION;
    if (!more)
        c->session[0] = '\0';
}

static int read_sessions(struct ccb_consul_lock *c,
                         const struct ccb_http_answer *answer,
                         struct ccb_error *err)
{
    int code = ccb_consul_read_sessions(
        answer->body, c->lock.options.name->session, c->arena, &c->ended, err);
    c->next = 0;
    if (code == 0)
        end_next_session(c);
    return code;
}

static void ask_end(struct ccb_consul_lock *c)
{
    ccb_consul_begin_url(c, "/v1/session/destroy/");
    (void)ccb_buf_put(&c->url, c->ended.items[c->next]);
}

static int read_end(struct ccb_consul_lock *c,
                    const struct ccb_http_answer *answer, struct ccb_error *err)
{
    (void)answer;
    (void)err;
    c->next++;
    end_next_session(c);
    return 0;
}

static void ask_session(struct ccb_consul_lock *c)
{
    struct ccb_json_writer w;
    char ttl[40];
    ccb_duration_format(c->lock.options.config->ttl, ttl, sizeof(ttl));
    ccb_json_writer_init(&w, ccb_buf_sink, &c->body);
    ccb_json_begin_object(&w);
    ccb_json_member_cstr(&w, "Behavior", "delete");
    ccb_json_member_cstr(&w, "LockDelay", "0ms");
    ccb_json_member_cstr(&w, "Name", c->lock.options.name->session);
    ccb_json_member_cstr(&w, "TTL", ttl);
    ccb_json_end_object(&w);
    (void)ccb_json_writer_end(&w); /* its failure is the buffer's */
    ccb_consul_begin_url(c, "/v1/session/create");
    c->asked = ccb_clock_monotonic();
}

/* Its time runs from when it was asked for: Consul can't have counted more. */
static int read_session(struct ccb_consul_lock *c,
                        const struct ccb_http_answer *answer,
                        struct ccb_error *err)
{
    int code = ccb_consul_read_session(answer->body, c->session, err);
    if (code < 0)
        return code;
    ccb_arena_unref(c->arena);
    c->arena = NULL;
    c->renewed = c->asked;
    c->index = 0;
    c->state = CCB_CONSUL_LOOK;
    return 0;
}

static void ask_look(struct ccb_consul_lock *c)
{
    key_url(c, "?wait=");
    (void)ccb_buf_printf(&c->url, "%dms", LOOK_WAIT_MS);
    put_index(c);
}

static int64_t take_index(struct ccb_consul_lock *c,
                          const struct ccb_http_answer *answer)
{
    uint64_t index =
        ccb_consul_read_index(ccb_http_answer_header(answer, "X-Consul-Index"));
    bool same = index == c->index;
    c->index = index;
    return same ? SAME_INDEX_PAUSE : 0;
}

static int read_entry(const struct ccb_consul_lock *c,
                      const struct ccb_http_answer *answer,
                      struct ccb_consul_entry *entry, struct ccb_error *err)
{
    *entry = (struct ccb_consul_entry){0};
    if (answer->status == 404)
        return 0;
    return ccb_consul_read_entry(answer->body, c->session, entry, err);
}

static int read_look(struct ccb_consul_lock *c,
                     const struct ccb_http_answer *answer,
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
        c->wait = pause;
        return 0;
    }
    c->state =
        entry.holder == CCB_CONSUL_OWN ? CCB_CONSUL_WATCH : CCB_CONSUL_ACQUIRE;
    c->index = 0;
    return 0;
}

static void ask_acquire(struct ccb_consul_lock *c)
{
    key_url(c, "?acquire=");
    (void)ccb_buf_printf(&c->url, "%s&flags=%" PRIu64, c->session, LOCK_FLAGS);
    (void)ccb_buf_put(&c->body, c->lock.value);
}

static int read_acquire(struct ccb_consul_lock *c,
                        const struct ccb_http_answer *answer,
                        struct ccb_error *err)
{
    bool acquired = false;
    int code = ccb_consul_read_truth(answer->body, &acquired, err);
    if (code < 0)
        return code;
    c->state = acquired ? CCB_CONSUL_WATCH : CCB_CONSUL_LOOK;
    c->wait = acquired ? 0 : LOCK_DELAY;
    return 0;
}

static void ask_watch(struct ccb_consul_lock *c)
{
    key_url(c, "?consistent=");
    put_index(c);
}

static int read_watch(struct ccb_consul_lock *c,
                      const struct ccb_http_answer *answer,
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
    c->wait = pause;
    return 0;
}

static void ask_release(struct ccb_consul_lock *c)
{
    ccb_consul_begin_url(c, "/v1/session/destroy/");
    (void)ccb_buf_put(&c->url, c->session);
}

const struct ccb_consul_step ccb_consul_steps[] = {
    [CCB_CONSUL_FIND_NODE] = {.method = "GET",
                              .what = "its node",
                              .ask = ask_node,
                              .read = read_node,
                              .timeout = ANSWER_TIMEOUT},
    [CCB_CONSUL_LIST_SESSIONS] = {.method = "GET",
                                  .what = "the node's sessions",
                                  .ask = ask_sessions,
                                  .read = read_sessions,
                                  .timeout = ANSWER_TIMEOUT},
    [CCB_CONSUL_END_SESSION] = {.method = "PUT",
                                .what = "the end of a session",
                                .ask = ask_end,
                                .read = read_end,
                                .timeout = ANSWER_TIMEOUT},
    [CCB_CONSUL_CREATE_SESSION] = {.method = "PUT",
                                   .what = "a new session",
                                   .ask = ask_session,
                                   .read = read_session,
                                   .timeout = ANSWER_TIMEOUT},
    [CCB_CONSUL_LOOK] = {.method = "GET",
                         .what = "the key",
                         .ask = ask_look,
                         .read = read_look,
                         .timeout = LOOK_TIMEOUT,
                         .or_missing = true},
    [CCB_CONSUL_ACQUIRE] = {.method = "PUT",
                            .what = "the acquisition",
                            .ask = ask_acquire,
                            .read = read_acquire,
                            .timeout = ANSWER_TIMEOUT},
    [CCB_CONSUL_WATCH] = {.method = "GET",
                          .what = "the key",
                          .ask = ask_watch,
                          .read = read_watch,
                          .or_missing = true},
    [CCB_CONSUL_RELEASE] = {.method = "PUT",
                            .what = "the end of the session",
                            .ask = ask_release,
                            .timeout = RELEASE_TIMEOUT},
};
