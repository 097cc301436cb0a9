/*
 * Crashes on their way to CC: contract/tps.md 2.3, 2.4. MAX_RUNNING at a time,
 * the others wait in order; when MAX_WAITING wait, whoever adds them should
 * stop reading. Nothing is sent twice: a post that fails is logged and dropped.
 *
 * A post lives in an arena of its own, from add until CC has answered.
 */
#include "base/mem.h"
#include "tps/internal.h"

#define MAX_RUNNING 500
#define MAX_WAITING 500

struct post {
    struct ccb_crash_posts *posts;
    struct ccb_arena *arena;
    struct post *prev, *next; /* in `running`, or next in `waiting` */
    struct ccb_http_call *call;
    struct ccb_slice process_guid;
    int64_t index;
    struct ccb_slice payload;
    struct ccb_log_session log; /* ...watcher.cc-client */
};

struct ccb_crash_posts {
    struct ccb_cc_options cc;
    struct ccb_log_session *log;
    void (*on_room)(void *user);
    void *user;
    struct post *running;
    struct post *waiting, *last;
    size_t running_count, waiting_count;
};

/* ---- one post ----------------------------------------------------------- */

static void on_answer(void *user, const struct ccb_cc_answer *answer);

/* `error` is an object, as in the historic line. */
static void log_failure(const struct post *post, const char *key, int status,
                        const char *words)
{
    struct ccb_buf object = {0};
    struct ccb_json_writer w;
    ccb_json_writer_init(&w, ccb_buf_sink, &object);
    ccb_json_begin_object(&w);
    if (words)
        ccb_json_member_cstr(&w, key, words);
    else
        ccb_json_member_int(&w, key, status);
    ccb_json_end_object(&w);
    if (ccb_json_writer_end(&w) < 0) {
        ccb_buf_reset(&object);
        ccb_buf_put(&object, "null");
    }
    ccb_log_write(
        post->posts->log, CCB_LEVEL_INFO, "failed-app-crashed",
        CCB_FIELDS(ccb_log_text("process-guid", post->process_guid),
                   ccb_log_int("index", post->index),
                   ccb_log_json("error", object.failed
                                             ? ccb_slice_of("null")
                                             : ccb_buf_slice(&object))));
    ccb_buf_destroy(&object);
}

static void fail(const struct post *post, const char *words)
{
    ccb_log_error(&post->log, "deliver-app-crashed-response-failed", words);
    log_failure(post, "Err", 0, words);
}

static int send_post(struct post *post)
{
    struct ccb_crash_posts *posts = post->posts;
    struct ccb_error err;
    ccb_log_begin(&post->log, posts->log, "cc-client", NULL, 0);
    ccb_log_write(&post->log, CCB_LEVEL_DEBUG,
                  "delivering-app-crashed-response",
                  CCB_FIELDS(ccb_log_json("payload", post->payload)));
    if (ccb_cc_app_crashed(&posts->cc, post->process_guid, post->payload,
                           post->arena, on_answer, post, &post->call,
                           &err) == 0)
        return 0;
    fail(post, err.message);
    return err.code;
}

static void unlink_running(struct post *post)
{
    struct ccb_crash_posts *posts = post->posts;
    if (post->prev)
        post->prev->next = post->next;
    else
        posts->running = post->next;
    if (post->next)
        post->next->prev = post->prev;
    posts->running_count--;
}

static void run(struct post *post)
{
    struct ccb_crash_posts *posts = post->posts;
    if (send_post(post) < 0) {
        ccb_arena_unref(post->arena);
        return;
    }
    post->prev = NULL;
    post->next = posts->running;
    if (posts->running)
        posts->running->prev = post;
    posts->running = post;
    posts->running_count++;
}

/* ---- the line ----------------------------------------------------------- */

static struct post *take_waiting(struct ccb_crash_posts *posts)
{
    struct post *post = posts->waiting;
    posts->waiting = post->next;
    if (!posts->waiting)
        posts->last = NULL;
    posts->waiting_count--;
    return post;
}

static void run_waiting(struct ccb_crash_posts *posts)
{
    bool was_full = ccb_crash_posts_full(posts);
    while (posts->waiting && posts->running_count < MAX_RUNNING)
        run(take_waiting(posts));
    if (was_full && !ccb_crash_posts_full(posts))
        posts->on_room(posts->user);
}

static void on_answer(void *user, const struct ccb_cc_answer *answer)
{
    struct post *post = user;
    struct ccb_crash_posts *posts = post->posts;
    if (answer->status == 0) {
        fail(post, answer->error);
    } else {
        ccb_log_debug(&post->log, "delivered-app-crashed-response");
        if (answer->status != 200)
            log_failure(post, "StatusCode", answer->status, NULL);
    }
    unlink_running(post);
    ccb_arena_unref(post->arena);
    run_waiting(posts);
}

static struct post *make_post(struct ccb_crash_posts *posts,
                              struct ccb_slice process_guid,
                              const struct ccb_cc_crash *crash)
{
    struct ccb_arena *arena = ccb_arena_create();
    struct post *post = arena ? ccb_arena_alloc(arena, sizeof(*post)) : NULL;
    struct ccb_buf payload = {0};
    if (!post) {
        ccb_arena_unref(arena);
        return NULL;
    }
    post->posts = posts;
    post->arena = arena;
    post->index = crash->index;
    post->process_guid = ccb_arena_copy(arena, process_guid);
    ccb_cc_crash_encode(&payload, crash);
    if (!payload.failed)
        post->payload = ccb_arena_copy(arena, ccb_buf_slice(&payload));
    ccb_buf_destroy(&payload);
    if (!post->process_guid.ptr || !post->payload.ptr) {
        ccb_arena_unref(arena);
        return NULL;
    }
    return post;
}

int ccb_crash_posts_add(struct ccb_crash_posts *posts,
                        struct ccb_slice process_guid,
                        const struct ccb_cc_crash *crash)
{
    struct post *post = make_post(posts, process_guid, crash);
    if (!post)
        return CCB_NO_MEMORY;
    if (posts->running_count < MAX_RUNNING) {
        run(post);
        return 0;
    }
    post->next = NULL;
    if (posts->last)
        posts->last->next = post;
    else
        posts->waiting = post;
    posts->last = post;
    posts->waiting_count++;
    return 0;
}

bool ccb_crash_posts_full(const struct ccb_crash_posts *posts)
{
    return posts->waiting_count >= MAX_WAITING;
}

/* ---- their life --------------------------------------------------------- */

struct ccb_crash_posts *ccb_crash_posts_create(const struct ccb_cc_options *cc,
                                               struct ccb_log_session *log,
                                               void (*on_room)(void *user),
                                               void *user)
{
    struct ccb_crash_posts *posts = ccb_calloc(1, sizeof(*posts));
    if (!posts)
        return NULL;
    posts->cc = *cc;
    posts->log = log;
    posts->on_room = on_room;
    posts->user = user;
    return posts;
}

static void drop(struct post *post)
{
    log_failure(post, "Err", 0, "stopped before CC had answered");
    ccb_arena_unref(post->arena);
}

void ccb_crash_posts_free(struct ccb_crash_posts *posts)
{
    struct post *post;
    if (!posts)
        return;
    while (posts->running) {
        post = posts->running;
        ccb_http_cancel(post->call);
        unlink_running(post);
        drop(post);
    }
    while (posts->waiting)
        drop(take_waiting(posts));
    ccb_free(posts);
}
