/*
 * The loop: libuv's, with two handles of its own: one for work posted by
 * other threads, one that writes the log lines and sends the metrics that were
 * held during a turn. They are unreferenced, so that they never keep a loop
 * running; closing refuses while any other handle is open (design.md 5).
 */
#include "net/loop.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/dropsonde.h"
#include "base/log.h"

/* Runs what other threads posted, oldest first; how many there were. */
static size_t run_posts(struct ccb_loop *loop)
{
    struct ccb_post *taken;
    size_t count = 0;

    uv_mutex_lock(&loop->lock);
    taken = loop->posted;
    loop->posted = NULL;
    uv_mutex_unlock(&loop->lock);
    while (taken != NULL) {
        struct ccb_post *next = taken->next;

        taken->next = loop->running;
        loop->running = taken;
        taken = next;
    }
    while (loop->running != NULL) {
        struct ccb_post *post = loop->running;

        loop->running = post->next; /* run may free the post */
        post->run(post);
        count++;
    }
    return count;
}

static void on_wake(uv_async_t *wake)
{
    (void)run_posts(wake->data);
}

static void on_turn(uv_prepare_t *turn)
{
    (void)turn;
    ccb_log_flush();
    ccb_dropsonde_flush();
}

static int uv_failed(struct ccb_error *err, const char *what, int code)
{
    return ccb_error_set(err, code == UV_ENOMEM ? CCB_NO_MEMORY : CCB_IO,
                         "event loop: %s: %s", what, uv_strerror(code));
}

/* More than a loop takes. Asked before libuv is, which aborts the process when
 * it has no descriptor left for its signals. */
#define DESCRIPTORS 12

static int check_descriptors(struct ccb_error *err)
{
    int taken[DESCRIPTORS], count = 0, code = CCB_OK;

    while (count < DESCRIPTORS && code == CCB_OK) {
        taken[count] = eventfd(0, EFD_CLOEXEC);
        if (taken[count] < 0)
            code = ccb_error_set(err, CCB_IO,
                                 "no descriptors left for an event loop: %s; "
                                 "raise the limit (ulimit -n)",
                                 strerror(errno));
        else
            count++;
    }
    while (count > 0)
        close(taken[--count]);
    return code;
}

int ccb_loop_open(struct ccb_loop *loop, struct ccb_error *err)
{
    int code = check_descriptors(err);

    memset(loop, 0, sizeof(*loop));
    if (code != CCB_OK)
        return code;
    code = uv_loop_init(&loop->uv);
    if (code != 0)
        return uv_failed(err, "uv_loop_init", code);
    code = uv_mutex_init(&loop->lock);
    if (code != 0) {
        (void)uv_loop_close(&loop->uv);
        return uv_failed(err, "uv_mutex_init", code);
    }
    code = uv_async_init(&loop->uv, &loop->wake, on_wake);
    if (code != 0) {
        uv_mutex_destroy(&loop->lock);
        (void)uv_loop_close(&loop->uv);
        return uv_failed(err, "uv_async_init", code);
    }
    loop->wake.data = loop;
    uv_unref((uv_handle_t *)&loop->wake);
    (void)uv_prepare_init(&loop->uv, &loop->turn); /* these two can't fail */
    (void)uv_prepare_start(&loop->turn, on_turn);
    uv_unref((uv_handle_t *)&loop->turn);
    loop->open = 1;
    return CCB_OK;
}

int ccb_loop_run(struct ccb_loop *loop)
{
    if (!loop->open)
        return CCB_INVALID;
    ccb_log_hold(1);
    ccb_dropsonde_hold(1);
    /* A post made while the last handle went away must not be lost. A loop
     * that was stopped (uv_stop) returns with handles still active. */
    do {
        if (uv_run(&loop->uv, UV_RUN_DEFAULT) != 0)
            break;
    } while (run_posts(loop) > 0);
    ccb_dropsonde_hold(0);
    ccb_log_hold(0);
    return CCB_OK;
}

struct census {
    const struct ccb_loop *loop;
    size_t closing, open;
    char kinds[160];
};

static void count_handle(uv_handle_t *handle, void *arg)
{
    struct census *census = arg;
    size_t used = strlen(census->kinds);

    if (handle == (const uv_handle_t *)&census->loop->wake ||
        handle == (const uv_handle_t *)&census->loop->turn)
        return;
    if (uv_is_closing(handle)) {
        census->closing++;
        return;
    }
    (void)snprintf(census->kinds + used, sizeof(census->kinds) - used, "%s%s",
                   census->open > 0 ? ", " : "",
                   uv_handle_type_name(uv_handle_get_type(handle)));
    census->open++;
}

static struct census take_census(struct ccb_loop *loop)
{
    struct census census = {.loop = loop};

    uv_walk(&loop->uv, count_handle, &census);
    return census;
}

/* Waits for handles that are already closing; refuses when others are open. */
static int settle(struct ccb_loop *loop, struct ccb_error *err)
{
    for (;;) {
        struct census census;

        (void)run_posts(loop);
        census = take_census(loop);
        if (census.open > 0)
            return ccb_error_set(err, CCB_CONFLICT,
                                 "event loop: %zu handles are still open: %s",
                                 census.open, census.kinds);
        if (census.closing == 0)
            return CCB_OK;
        (void)uv_run(&loop->uv, UV_RUN_NOWAIT);
    }
}

int ccb_loop_close(struct ccb_loop *loop, struct ccb_error *err)
{
    int code;

    if (!loop->open)
        return CCB_OK;
    code = settle(loop, err);
    if (code != CCB_OK)
        return code;
    uv_close((uv_handle_t *)&loop->wake, NULL);
    uv_close((uv_handle_t *)&loop->turn, NULL);
    (void)uv_run(&loop->uv, UV_RUN_DEFAULT); /* also ends work in the pool */
    loop->open = 0;
    uv_mutex_destroy(&loop->lock);
    code = uv_loop_close(&loop->uv);
    if (code != 0)
        return ccb_error_set(err, CCB_CONFLICT,
                             "event loop: a handle was opened while closing");
    return CCB_OK;
}

void ccb_loop_post(struct ccb_loop *loop, struct ccb_post *post)
{
    uv_mutex_lock(&loop->lock);
    post->next = loop->posted;
    loop->posted = post;
    /* Under the lock: the loop can't be closed between the two. */
    (void)uv_async_send(&loop->wake);
    uv_mutex_unlock(&loop->lock);
}

static bool take_out(struct ccb_post **list, const struct ccb_post *post)
{
    while (*list != NULL && *list != post)
        list = &(*list)->next;
    if (*list == NULL)
        return false;
    *list = post->next;
    return true;
}

void ccb_loop_unpost(struct ccb_loop *loop, struct ccb_post *post)
{
    if (take_out(&loop->running, post))
        return;
    uv_mutex_lock(&loop->lock);
    (void)take_out(&loop->posted, post);
    uv_mutex_unlock(&loop->lock);
}
