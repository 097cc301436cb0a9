/*
 * libcurl's multi interface on the loop: its sockets under uv_poll, its one
 * time-out under uv_timer, finished transfers handed on.
 *
 * Invariant: libcurl is set up with the first long call and not before (its
 * global state costs 2.4 MB), is never re-entered from its own callbacks, and
 * never blocks the loop: names are resolved on threads that a cancelled call
 * does not wait for. Follows the libcurl rows of the traps.
 */
#include "net/http_client_curl.h"

#include "base/mem.h"

struct ccb_http_watch {
    uv_poll_t poll;
    struct ccb_http_curl *lane;
    curl_socket_t fd;
    struct ccb_http_watch *prev, *next;
};

static void settle(struct ccb_http_curl *lane);

/* ---- work that waits until libcurl has returned ------------------------- */

static void unqueue(struct ccb_http_curl *lane, struct ccb_http_long_call *lc)
{
    struct ccb_http_long_call **at = &lane->work;

    if (!lc->working)
        return;
    while (*at != lc)
        at = &(*at)->next_work;
    *at = lc->next_work;
    lc->working = false;
}

void ccb_http_curl_remove(struct ccb_http_long_call *lc)
{
    struct ccb_http_curl *lane = lc->call.client->curl;

    if (lane != NULL)
        unqueue(lane, lc);
    if (lc->added)
        (void)ccb_curl.multi_remove_handle(lane->multi, lc->easy);
    lc->added = false;
    if (lc->easy != NULL)
        ccb_curl.easy_cleanup(lc->easy);
    lc->easy = NULL;
    ccb_curl.slist_free_all(lc->lines);
    lc->lines = NULL;
}

static void reap(struct ccb_http_curl *lane)
{
    struct ccb_http_long_call *lc = lane->work;

    while (lc != NULL) {
        struct ccb_http_long_call *next = lc->next_work;

        if (lc->dead) {
            ccb_http_curl_remove(lc);
            ccb_http_call_free(&lc->call);
        }
        lc = next;
    }
}

/* Hands finished transfers on; each may start and cancel others. */
static void drain(struct ccb_http_curl *lane)
{
    CURLMsg *message;
    int left;

    while ((message = ccb_curl.multi_info_read(lane->multi, &left)) != NULL) {
        CURLcode result = message->data.result;
        char *user = NULL;

        if (message->msg != CURLMSG_DONE)
            continue;
        (void)ccb_curl.easy_getinfo(message->easy_handle, CURLINFO_PRIVATE,
                                    &user);
        if (!((struct ccb_http_long_call *)(void *)user)->dead)
            ccb_http_long_finish((void *)user, result);
    }
}

/* Every way into libcurl that may call back goes through enter and leave. */
static void enter(struct ccb_http_curl *lane)
{
    lane->depth++;
}

static void leave(struct ccb_http_curl *lane)
{
    drain(lane);
    lane->depth--;
    if (lane->depth == 0)
        settle(lane);
}

static void work_on(struct ccb_http_curl *lane, struct ccb_http_long_call *lc)
{
    CURLcode result = CURLE_OK;

    unqueue(lane, lc);
    if (!lc->added) {
        lc->added =
            ccb_curl.multi_add_handle(lane->multi, lc->easy) == CURLM_OK;
        if (!lc->added)
            ccb_http_long_finish(lc, CURLE_OUT_OF_MEMORY);
        return;
    }
    if (lc->unwatched) {
        ccb_http_long_finish(lc, CURLE_OUT_OF_MEMORY);
        return;
    }
    if (!lc->wants_resume)
        return;
    lc->wants_resume = false;
    lc->hold = false;
    result = ccb_curl.easy_pause(lc->easy, CURLPAUSE_CONT);
    /* The piece that waited was delivered from within: it may have failed. */
    if (result != CURLE_OK && !lc->dead)
        ccb_http_long_finish(lc, result);
}

static void on_kick(uv_timer_t *kick)
{
    struct ccb_http_curl *lane = kick->data;
    struct ccb_http_long_call *lc;
    size_t count = 0;

    for (lc = lane->work; lc != NULL; lc = lc->next_work)
        count++;
    enter(lane);
    /* What is queued meanwhile comes with the next round, at the list's end. */
    while (count > 0 && lane->work != NULL && !lane->work->dead) {
        work_on(lane, lane->work);
        count--;
    }
    leave(lane);
}

void ccb_http_curl_queue(struct ccb_http_long_call *lc)
{
    struct ccb_http_curl *lane = lc->call.client->curl;
    struct ccb_http_long_call **end = &lane->work;

    if (!lc->working) {
        while (*end != NULL)
            end = &(*end)->next_work;
        *end = lc;
        lc->next_work = NULL;
        lc->working = true;
    }
    (void)uv_timer_start(&lane->kick, on_kick, 0, 0);
}

/* ---- sockets and time --------------------------------------------------- */

static void act(struct ccb_http_curl *lane, curl_socket_t fd, int flags)
{
    int running;

    enter(lane);
    (void)ccb_curl.multi_socket_action(lane->multi, fd, flags, &running);
    leave(lane);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct ccb_http_watch *watch = poll->data;
    int flags = 0;

    if (status < 0)
        flags = CURL_CSELECT_ERR | CURL_CSELECT_IN | CURL_CSELECT_OUT;
    if ((events & UV_READABLE) != 0)
        flags |= CURL_CSELECT_IN;
    if ((events & UV_WRITABLE) != 0)
        flags |= CURL_CSELECT_OUT;
    act(watch->lane, watch->fd, flags);
}

static void on_watch_closed(uv_handle_t *handle)
{
    struct ccb_http_watch *watch = handle->data;
    struct ccb_http_client *client = watch->lane->client;

    ccb_free(watch);
    ccb_http_client_release(client);
}

static void watch_close(struct ccb_http_watch *watch)
{
    if (watch->prev != NULL)
        watch->prev->next = watch->next;
    else
        watch->lane->watches = watch->next;
    if (watch->next != NULL)
        watch->next->prev = watch->prev;
    uv_close((uv_handle_t *)&watch->poll, on_watch_closed);
}

static struct ccb_http_watch *watch_open(struct ccb_http_curl *lane,
                                         curl_socket_t fd)
{
    struct ccb_http_watch *watch = ccb_calloc(1, sizeof(*watch));

    if (watch == NULL)
        return NULL;
    if (uv_poll_init_socket(&lane->client->loop->uv, &watch->poll, fd) != 0) {
        ccb_free(watch);
        return NULL;
    }
    watch->poll.data = watch;
    watch->lane = lane;
    watch->fd = fd;
    watch->next = lane->watches;
    if (lane->watches != NULL)
        lane->watches->prev = watch;
    lane->watches = watch;
    lane->client->handles++;
    return watch;
}

/* A socket can't be watched: ends its transfer in the next round. Told of an
 * error, libcurl would end every transfer, now and for good. */
static void fail_transfer(CURL *easy)
{
    char *user = NULL;

    (void)ccb_curl.easy_getinfo(easy, CURLINFO_PRIVATE, &user);
    if (user != NULL) {
        struct ccb_http_long_call *lc = (void *)user;

        lc->unwatched = true;
        ccb_http_curl_queue(lc);
    }
}

/* libcurl wants a socket watched otherwise. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *user,
                     void *known)
{
    struct ccb_http_curl *lane = user;
    struct ccb_http_watch *watch = known;
    int events = 0;

    if (what == CURL_POLL_REMOVE) {
        if (watch != NULL)
            watch_close(watch);
        (void)ccb_curl.multi_assign(lane->multi, fd, NULL);
        return 0;
    }
    if (watch == NULL)
        watch = watch_open(lane, fd);
    if (watch == NULL) {
        fail_transfer(easy);
        return 0;
    }
    (void)ccb_curl.multi_assign(lane->multi, fd, watch);
    if ((what & CURL_POLL_IN) != 0)
        events |= UV_READABLE;
    if ((what & CURL_POLL_OUT) != 0)
        events |= UV_WRITABLE;
    if (uv_poll_start(&watch->poll, events, on_poll) != 0)
        fail_transfer(easy);
    return 0;
}

static void on_timer(uv_timer_t *timer)
{
    act(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

static int on_curl_timer(CURLM *multi, long ms, void *user)
{
    struct ccb_http_curl *lane = user;

    (void)multi;
    if (ms < 0)
        (void)uv_timer_stop(&lane->timer);
    else
        (void)uv_timer_start(&lane->timer, on_timer, (uint64_t)ms, 0);
    return 0;
}

/* ---- the lane's life ---------------------------------------------------- */

static bool set_multi(struct ccb_http_curl *lane)
{
    CURLM *multi = lane->multi;

    return ccb_curl.multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket) ==
               CURLM_OK &&
           ccb_curl.multi_setopt(multi, CURLMOPT_SOCKETDATA, lane) ==
               CURLM_OK &&
           ccb_curl.multi_setopt(multi, CURLMOPT_TIMERFUNCTION,
                                 on_curl_timer) == CURLM_OK &&
           ccb_curl.multi_setopt(multi, CURLMOPT_TIMERDATA, lane) == CURLM_OK &&
           ccb_curl.multi_setopt(multi, CURLMOPT_MAXCONNECTS,
                                 (long)CCB_HTTP_MAX_IDLE) == CURLM_OK;
}

static void timer_open(struct ccb_http_curl *lane, uv_timer_t *timer)
{
    (void)uv_timer_init(&lane->client->loop->uv, timer); /* can't fail */
    timer->data = lane;
    lane->client->handles++;
}

int ccb_http_curl_open(struct ccb_http_client *client, struct ccb_error *err)
{
    struct ccb_http_curl *lane;
    int code;

    if (client->curl != NULL)
        return 0;
    code = ccb_curl_load(err);
    if (code < 0)
        return code;
    lane = ccb_calloc(1, sizeof(*lane));
    if (lane == NULL)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    lane->client = client;
    lane->multi = ccb_curl.multi_init();
    if (lane->multi == NULL || !set_multi(lane)) {
        if (lane->multi != NULL)
            (void)ccb_curl.multi_cleanup(lane->multi);
        ccb_free(lane);
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    }
    timer_open(lane, &lane->timer);
    timer_open(lane, &lane->kick);
    client->curl = lane;
    return 0;
}

void ccb_http_curl_ref(struct ccb_http_client *client, bool ref)
{
    struct ccb_http_curl *lane = client->curl;

    if (lane == NULL)
        return;
    if (ref) {
        uv_ref((uv_handle_t *)&lane->timer);
        uv_ref((uv_handle_t *)&lane->kick);
    } else {
        uv_unref((uv_handle_t *)&lane->timer);
        uv_unref((uv_handle_t *)&lane->kick);
    }
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct ccb_http_curl *lane = handle->data;

    ccb_http_client_release(lane->client);
}

static void settle(struct ccb_http_curl *lane)
{
    reap(lane);
    if (!lane->closing)
        return;
    (void)ccb_curl.multi_cleanup(lane->multi);
    lane->multi = NULL;
    while (lane->watches != NULL) /* none, if libcurl kept its word */
        watch_close(lane->watches);
    uv_close((uv_handle_t *)&lane->timer, on_timer_closed);
    uv_close((uv_handle_t *)&lane->kick, on_timer_closed);
}

void ccb_http_curl_close(struct ccb_http_client *client)
{
    struct ccb_http_curl *lane = client->curl;

    if (lane == NULL)
        return;
    lane->closing = true;
    if (lane->depth == 0)
        settle(lane);
}

void ccb_http_curl_free(struct ccb_http_client *client)
{
    ccb_free(client->curl);
    client->curl = NULL;
}
