/*
 * Deadlines of the calls in flight: one timer for all calls of a loop that
 * have the same time, not one each.
 *
 * Calls with the same time to live end in the order in which they began, so a
 * lane is a list and its timer stands on the head; it is armed again only
 * when it fires, never when a call ends. A lane lives while calls are in it
 * and then closes its timer at once, so an idle loop has no handle of ours.
 * Invariant: everything here belongs to the loop's thread; the list of lanes
 * is the thread's, which is why nothing is locked.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "plugin/host.h"

struct ccb_plugin_lane {
    struct ccb_loop *loop;
    int64_t timeout;
    uv_timer_t timer;
    struct ccb_call *head, *tail;
    struct ccb_plugin_lane *next;
    bool closing;
};

static _Thread_local struct ccb_plugin_lane *lanes;

static void on_closed(uv_handle_t *handle)
{
    ccb_free(handle->data);
}

static void close_lane(struct ccb_plugin_lane *lane)
{
    struct ccb_plugin_lane **at = &lanes;

    while (*at != lane)
        at = &(*at)->next;
    *at = lane->next;
    lane->closing = true;
    uv_close((uv_handle_t *)&lane->timer, on_closed);
}

static void on_timer(uv_timer_t *timer);

static void arm(struct ccb_plugin_lane *lane, int64_t now)
{
    int64_t left = lane->head->deadline - now;
    int64_t ms = (left + CCB_MILLISECOND - 1) / CCB_MILLISECOND;

    /* Can't fail: the callback is there and the handle is not closing. */
    (void)uv_timer_start(&lane->timer, on_timer, ms > 1 ? (uint64_t)ms : 1, 0);
}

static void on_timer(uv_timer_t *timer)
{
    struct ccb_plugin_lane *lane = timer->data;
    int64_t now = ccb_clock_monotonic();

    /* Handling one may empty the lane; its memory stays until on_closed. */
    while (lane->head && lane->head->deadline <= now) {
        struct ccb_call *call = lane->head;

        ccb_plugin_deadline_remove(call);
        ccb_plugin_expired(call);
    }
    if (!lane->closing)
        arm(lane, now);
}

static struct ccb_plugin_lane *find_lane(struct ccb_loop *loop, int64_t timeout)
{
    struct ccb_plugin_lane *lane = lanes;

    while (lane && (lane->loop != loop || lane->timeout != timeout))
        lane = lane->next;
    return lane;
}

static struct ccb_plugin_lane *open_lane(struct ccb_loop *loop, int64_t timeout,
                                         struct ccb_error *err)
{
    struct ccb_plugin_lane *lane = ccb_calloc(1, sizeof(*lane));
    int code;

    if (!lane) {
        ccb_error_set(err, CCB_NO_MEMORY, "no memory for a plugin call");
        return NULL;
    }
    code = uv_timer_init(&loop->uv, &lane->timer);
    if (code < 0) {
        ccb_error_set(err, CCB_IO, "a timer for a plugin call: %s",
                      uv_strerror(code));
        ccb_free(lane);
        return NULL;
    }
    lane->timer.data = lane;
    lane->loop = loop;
    lane->timeout = timeout;
    lane->next = lanes;
    lanes = lane;
    return lane;
}

int ccb_plugin_deadline_add(struct ccb_call *call, struct ccb_error *err)
{
    int64_t timeout = call->plugin->call_timeout;
    struct ccb_plugin_lane *lane = find_lane(call->loop, timeout);
    int64_t now = ccb_clock_monotonic();

    if (!lane)
        lane = open_lane(call->loop, timeout, err);
    if (!lane)
        return err && err->code ? err->code : CCB_NO_MEMORY;
    call->deadline = now + timeout;
    call->lane = lane;
    call->lane_next = NULL;
    call->lane_previous = lane->tail;
    if (lane->tail)
        lane->tail->lane_next = call;
    else
        lane->head = call;
    lane->tail = call;
    if (lane->head == call)
        arm(lane, now);
    return 0;
}

void ccb_plugin_deadline_remove(struct ccb_call *call)
{
    struct ccb_plugin_lane *lane = call->lane;

    if (call->lane_previous)
        call->lane_previous->lane_next = call->lane_next;
    else
        lane->head = call->lane_next;
    if (call->lane_next)
        call->lane_next->lane_previous = call->lane_previous;
    else
        lane->tail = call->lane_previous;
    call->lane = NULL;
    call->lane_previous = call->lane_next = NULL;
    if (!lane->head)
        close_lane(lane);
}
