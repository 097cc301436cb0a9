/*
 * The fan-out of events: contract/receptor-api.md 11.
 *
 * Invariant: all of a hub's state is under its lock, which is held for a few
 * pointer moves only. A subscription's wake-up is posted at most once at a
 * time; it is freed by whichever comes last, that post or unsubscribe.
 */
#include "cell/events.h"

#include <string.h>

#include "base/mem.h"

struct ccb_subscription {
    struct ccb_post post; /* first */
    struct ccb_events *events;
    struct ccb_loop *loop;
    void (*on_ready)(struct ccb_subscription *subscription, void *user);
    void *user;
    struct ccb_subscription *next;
    bool posted, ended, left; /* left: by the subscriber, to be freed */
    size_t head, count;
    struct ccb_event *queue[CCB_EVENTS_QUEUE];
};

struct ccb_events {
    uv_mutex_t lock;
    struct ccb_subscription *first;
    bool closed;
};

/* ---- one event ---------------------------------------------------------- */

struct ccb_event *ccb_event_create(const char *name, struct ccb_slice data)
{
    struct ccb_event *event = ccb_malloc(sizeof(*event) + data.len);
    char *bytes;

    if (!event)
        return NULL;
    bytes = (char *)(event + 1);
    event->refs = 1;
    event->name = name;
    if (data.len > 0)
        memcpy(bytes, data.ptr, data.len);
    event->data = ccb_slice_make(bytes, data.len);
    return event;
}

struct ccb_event *ccb_event_ref(struct ccb_event *event)
{
    event->refs++;
    return event;
}

void ccb_event_unref(struct ccb_event *event)
{
    if (event && --event->refs == 0)
        ccb_free(event);
}

/* ---- the hub ------------------------------------------------------------ */

struct ccb_events *ccb_events_create(void)
{
    struct ccb_events *events = ccb_calloc(1, sizeof(*events));

    if (events && uv_mutex_init(&events->lock) < 0) {
        ccb_free(events);
        return NULL;
    }
    return events;
}

void ccb_events_free(struct ccb_events *events)
{
    if (!events)
        return;
    uv_mutex_destroy(&events->lock);
    ccb_free(events);
}

bool ccb_events_wanted(struct ccb_events *events)
{
    bool wanted;

    uv_mutex_lock(&events->lock);
    wanted = events->first != NULL;
    uv_mutex_unlock(&events->lock);
    return wanted;
}

/* Under the lock. */
static void wake(struct ccb_subscription *subscription)
{
    if (subscription->posted)
        return;
    subscription->posted = true;
    ccb_loop_post(subscription->loop, &subscription->post);
}

void ccb_events_publish(struct ccb_events *events, struct ccb_event *event)
{
    struct ccb_subscription *s;

    uv_mutex_lock(&events->lock);
    for (s = events->first; s; s = s->next) {
        if (s->ended)
            continue;
        if (s->count == CCB_EVENTS_QUEUE)
            s->ended = true;
        else
            s->queue[(s->head + s->count++) % CCB_EVENTS_QUEUE] =
                ccb_event_ref(event);
        wake(s);
    }
    uv_mutex_unlock(&events->lock);
}

void ccb_events_close(struct ccb_events *events)
{
    struct ccb_subscription *s;

    uv_mutex_lock(&events->lock);
    events->closed = true;
    for (s = events->first; s; s = s->next) {
        s->ended = true;
        wake(s);
    }
    uv_mutex_unlock(&events->lock);
}

/* ---- subscriptions ------------------------------------------------------ */

static void on_posted(struct ccb_post *post)
{
    struct ccb_subscription *s = (struct ccb_subscription *)post;
    bool left;

    uv_mutex_lock(&s->events->lock);
    s->posted = false;
    left = s->left;
    uv_mutex_unlock(&s->events->lock);
    if (left)
        ccb_free(s);
    else
        s->on_ready(s, s->user);
}

struct ccb_subscription *ccb_events_subscribe(
    struct ccb_events *events, struct ccb_loop *loop,
    void (*on_ready)(struct ccb_subscription *subscription, void *user),
    void *user)
{
    struct ccb_subscription *s = ccb_calloc(1, sizeof(*s));
    bool closed;

    if (!s)
        return NULL;
    s->post.run = on_posted;
    s->events = events;
    s->loop = loop;
    s->on_ready = on_ready;
    s->user = user;
    uv_mutex_lock(&events->lock);
    closed = events->closed;
    if (!closed) {
        s->next = events->first;
        events->first = s;
    }
    uv_mutex_unlock(&events->lock);
    if (closed) {
        ccb_free(s);
        return NULL;
    }
    return s;
}

struct ccb_event *ccb_events_take(struct ccb_subscription *s, bool *ended)
{
    struct ccb_event *event = NULL;

    uv_mutex_lock(&s->events->lock);
    *ended = s->count == 0 && s->ended;
    if (s->count > 0) {
        event = s->queue[s->head];
        s->head = (s->head + 1) % CCB_EVENTS_QUEUE;
        s->count--;
    }
    uv_mutex_unlock(&s->events->lock);
    return event;
}

void ccb_events_unsubscribe(struct ccb_subscription *s)
{
    struct ccb_subscription **at;
    bool posted;

    uv_mutex_lock(&s->events->lock);
    for (at = &s->events->first; *at != s; at = &(*at)->next)
        ;
    *at = s->next;
    posted = s->posted;
    s->left = true;
    uv_mutex_unlock(&s->events->lock);
    for (; s->count > 0; s->count--) {
        ccb_event_unref(s->queue[s->head]);
        s->head = (s->head + 1) % CCB_EVENTS_QUEUE;
    }
    if (!posted)
        ccb_free(s);
}
