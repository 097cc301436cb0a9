/*
 * The monitor of an instance, and the pool of all their checks:
 * contract/actions.md 6.2.
 *
 * Invariant: a monitor is in one of three states: it waits for its interval,
 * for its place in the pool, or for the check it began; it holds a place only
 * in the last.
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/flags.h"
#include "base/mem.h"
#include "cell/step_internal.h"

struct monitor {
    struct ccb_step_node node;
    uv_timer_t timer;
    int64_t give_up; /* monotonic; INT64_MAX: never */
    int64_t due;     /* when the latest check fell due, monotonic */
    bool healthy;
    bool queued, checking;
    struct monitor *next, *previous; /* in the pool's queue */
};

struct ccb_step_checks {
    size_t free;
    bool serving; /* a check that can't begin ends at once, in here */
    struct monitor *first, *last;
};

/* ---- the pool ----------------------------------------------------------- */

struct ccb_step_checks *ccb_step_checks_create(size_t at_once)
{
    struct ccb_step_checks *checks = ccb_calloc(1, sizeof(*checks));

    if (checks != NULL)
        checks->free = at_once;
    return checks;
}

void ccb_step_checks_free(struct ccb_step_checks *checks)
{
    ccb_free(checks);
}

static struct ccb_step_checks *pool_of(const struct monitor *monitor)
{
    return monitor->node.tree->options.cell->checks;
}

static void queue_leave(struct monitor *monitor)
{
    struct ccb_step_checks *checks = pool_of(monitor);

    if (monitor->previous != NULL)
        monitor->previous->next = monitor->next;
    else
        checks->first = monitor->next;
    if (monitor->next != NULL)
        monitor->next->previous = monitor->previous;
    else
        checks->last = monitor->previous;
    monitor->next = monitor->previous = NULL;
    monitor->queued = false;
}

static void queue_enter(struct monitor *monitor)
{
    struct ccb_step_checks *checks = pool_of(monitor);

    monitor->previous = checks->last;
    if (checks->last != NULL)
        checks->last->next = monitor;
    else
        checks->first = monitor;
    checks->last = monitor;
    monitor->queued = true;
}

/* Every place that is free goes to who waits longest. */
static void pool_serve(struct ccb_step_checks *checks)
{
    if (checks->serving)
        return;
    checks->serving = true;
    while (checks->free > 0 && checks->first != NULL) {
        struct monitor *monitor = checks->first;

        queue_leave(monitor);
        checks->free--;
        monitor->checking = true;
        ccb_step_begin_action(&monitor->node,
                              monitor->node.tree->options.monitor);
    }
    checks->serving = false;
}

/* ---- the monitor -------------------------------------------------------- */

/* A check falls due here: what it waits for its place is not held against the
 * instance. */
static void on_interval(uv_timer_t *timer)
{
    struct monitor *monitor = timer->data;

    monitor->due = ccb_clock_monotonic();
    queue_enter(monitor);
    pool_serve(pool_of(monitor));
}

static void wait_interval(struct monitor *monitor)
{
    const struct ccb_step_times *times =
        monitor->node.tree->options.cell->times;

    ccb_step_timer_start(&monitor->node, &monitor->timer,
                         monitor->healthy ? times->healthy_interval
                                          : times->unhealthy_interval,
                         on_interval);
}

static void monitor_start(struct ccb_step_node *node)
{
    struct monitor *monitor = (struct monitor *)node;
    int64_t patience = node->tree->options.start_timeout;

    if (node->cancelled) {
        ccb_step_fail(node, ccb_step_cancelled);
        return;
    }
    monitor->give_up = INT64_MAX;
    if (patience > 0 && __builtin_add_overflow(ccb_clock_monotonic(), patience,
                                               &monitor->give_up))
        monitor->give_up = INT64_MAX;
    wait_interval(monitor);
}

static void say_never_healthy(struct ccb_steps *tree)
{
    char duration[64], text[160];

    ccb_duration_format(tree->options.start_timeout, duration,
                        sizeof(duration));
    (void)snprintf(text, sizeof(text),
                   "Timed out after %s: health check never passed.\n",
                   duration);
    ccb_log_lines_say(tree->lines, CCB_STREAM_ERR, text);
}

static void on_check_failed(struct monitor *monitor,
                            struct ccb_step_error *error)
{
    if (!monitor->healthy && monitor->due <= monitor->give_up) {
        wait_interval(monitor);
        return;
    }
    if (!monitor->healthy)
        say_never_healthy(monitor->node.tree);
    ccb_step_end_as(&monitor->node, error);
}

static void on_check_end(struct ccb_step_node *node,
                         struct ccb_step_error *error)
{
    struct monitor *monitor = (struct monitor *)node;
    struct ccb_step_checks *checks = pool_of(monitor);

    monitor->checking = false;
    checks->free++;
    if (node->cancelled) {
        ccb_step_fail(node, ccb_step_cancelled);
    } else if (error->failed) {
        on_check_failed(monitor, error);
    } else {
        monitor->healthy = true;
        wait_interval(monitor);
        ccb_steps_tell_healthy(node->tree);
    }
    pool_serve(checks);
}

/* A check that is under way is cancelled like any child, and awaited. */
static void on_monitor_cancel(struct ccb_step_node *node)
{
    struct monitor *monitor = (struct monitor *)node;

    if (monitor->checking)
        return;
    if (monitor->queued)
        queue_leave(monitor);
    ccb_step_fail(node, ccb_step_cancelled);
}

const struct ccb_step_kind ccb_step_monitor = {
    .size = sizeof(struct monitor),
    .start = monitor_start,
    .on_cancel = on_monitor_cancel,
    .on_child_end = on_check_end,
};
