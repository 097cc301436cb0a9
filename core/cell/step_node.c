/*
 * One step of any kind: contract/actions.md 3.
 *
 * Invariant: a step is queued twice, once to start and once to tell its end,
 * and is freed right after the second; an ended step has no children. Memory
 * that holds a timer goes in the timer's close callback.
 */
#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cell/step_internal.h"

const char ccb_step_cancelled[] = "cancelled";
const char ccb_step_no_memory[] = "out of memory";

static const struct ccb_step_kind *const kinds[CCB_ACTION_NONE] = {
    [CCB_ACTION_DOWNLOAD] = &ccb_step_download,
    [CCB_ACTION_UPLOAD] = &ccb_step_upload,
    [CCB_ACTION_RUN] = &ccb_step_run,
    [CCB_ACTION_TIMEOUT] = &ccb_step_timeout,
    [CCB_ACTION_EMIT_PROGRESS] = &ccb_step_emit_progress,
    [CCB_ACTION_TRY] = &ccb_step_try,
    [CCB_ACTION_PARALLEL] = &ccb_step_parallel,
    [CCB_ACTION_SERIAL] = &ccb_step_serial,
    [CCB_ACTION_CODEPENDENT] = &ccb_step_codependent,
};

/* ---- errors ------------------------------------------------------------- */

struct ccb_slice ccb_step_error_text(const struct ccb_step_error *error)
{
    if (error->fixed != NULL)
        return ccb_slice_of(error->fixed);
    if (error->text.failed)
        return ccb_slice_of(ccb_step_no_memory);
    return ccb_buf_slice(&error->text);
}

void ccb_step_error_destroy(struct ccb_step_error *error)
{
    ccb_buf_destroy(&error->text);
}

/* ---- begin -------------------------------------------------------------- */

static void link_child(struct ccb_step_node *parent, struct ccb_step_node *node)
{
    node->parent = parent;
    node->previous = parent->last_child;
    if (parent->last_child != NULL)
        parent->last_child->next = node;
    else
        parent->first_child = node;
    parent->last_child = node;
    node->cancelled = node->children_cancelled = parent->children_cancelled;
}

static void unlink_child(struct ccb_step_node *node)
{
    struct ccb_step_node *parent = node->parent;

    if (node->previous != NULL)
        node->previous->next = node->next;
    else
        parent->first_child = node->next;
    if (node->next != NULL)
        node->next->previous = node->previous;
    else
        parent->last_child = node->previous;
}

/* Its own source gives it buffers of its own. */
static struct ccb_log_lines *lines_of(const struct ccb_step_kind *kind,
                                      const struct ccb_action *action,
                                      struct ccb_log_lines *inherited)
{
    if (action == NULL || action->log_source.len == 0 || kind->ignores_source)
        return ccb_log_lines_ref(inherited);
    return ccb_log_lines_fork(inherited, action->log_source);
}

static struct ccb_step_node *node_create(struct ccb_steps *tree,
                                         struct ccb_step_node *parent,
                                         const struct ccb_step_kind *kind,
                                         const struct ccb_action *action)
{
    struct ccb_log_lines *inherited = parent ? parent->passed : tree->lines;
    struct ccb_step_node *node = ccb_calloc(1, kind->size);

    if (node == NULL)
        return NULL;
    node->lines = lines_of(kind, action, inherited);
    if (node->lines == NULL) {
        ccb_free(node);
        return NULL;
    }
    node->kind = kind;
    node->action = action;
    node->tree = tree;
    node->passed = kind->hides_source ? inherited : node->lines;
    if (parent != NULL)
        link_child(parent, node);
    return node;
}

static void fail_child(struct ccb_step_node *parent, const char *fixed)
{
    struct ccb_step_error error = {.failed = true, .fixed = fixed};

    parent->kind->on_child_end(parent, &error);
}

struct ccb_step_node *ccb_step_begin(struct ccb_steps *tree,
                                     struct ccb_step_node *parent,
                                     const struct ccb_step_kind *kind,
                                     const struct ccb_action *action)
{
    struct ccb_step_node *node = node_create(tree, parent, kind, action);

    if (node != NULL)
        ccb_steps_enqueue(node);
    else if (parent != NULL)
        fail_child(parent, ccb_step_no_memory);
    return node;
}

void ccb_step_begin_action(struct ccb_step_node *parent,
                           const struct ccb_action *action)
{
    if (action == NULL || action->kind >= CCB_ACTION_NONE)
        fail_child(parent, "invalid action type");
    else
        (void)ccb_step_begin(parent->tree, parent, kinds[action->kind], action);
}

/* ---- end ---------------------------------------------------------------- */

static void on_timer_closed(uv_handle_t *handle)
{
    ccb_free(handle->data);
}

static void node_free(struct ccb_step_node *node)
{
    if (node->kind->destroy != NULL)
        node->kind->destroy(node);
    ccb_log_lines_unref(node->lines);
    ccb_step_error_destroy(&node->error);
    if (node->timer != NULL)
        uv_close((uv_handle_t *)node->timer, on_timer_closed);
    else
        ccb_free(node);
}

static void hand_up(struct ccb_step_node *node)
{
    struct ccb_step_node *parent = node->parent;
    struct ccb_steps *tree = node->tree;
    struct ccb_step_error error = node->error;

    node->error = (struct ccb_step_error){0};
    if (parent == NULL) {
        tree->error = error;
        tree->root = NULL;
        tree->ended = true;
        node_free(node);
        return;
    }
    unlink_child(node);
    node_free(node);
    parent->kind->on_child_end(parent, &error);
    ccb_step_error_destroy(&error);
}

void ccb_step_turn(struct ccb_step_node *node)
{
    if (node->state == CCB_STEP_ENDED) {
        hand_up(node);
        return;
    }
    node->state = CCB_STEP_RUNNING;
    node->kind->start(node);
}

/* Nothing when it has ended already. */
static void end(struct ccb_step_node *node, struct ccb_step_error *error)
{
    if (node->state == CCB_STEP_ENDED) {
        ccb_step_error_destroy(error);
        return;
    }
    node->state = CCB_STEP_ENDED;
    node->error = *error;
    *error = (struct ccb_step_error){0};
    ccb_step_timer_stop(node);
    ccb_steps_enqueue(node);
}

void ccb_step_succeed(struct ccb_step_node *node)
{
    struct ccb_step_error none = {0};

    end(node, &none);
}

void ccb_step_fail(struct ccb_step_node *node, const char *fixed)
{
    struct ccb_step_error error = {.failed = true, .fixed = fixed};

    end(node, &error);
}

void ccb_step_fail_with(struct ccb_step_node *node, bool emittable,
                        const char *format, ...)
{
    struct ccb_step_error error = {.failed = true, .emittable = emittable};
    char text[sizeof(((struct ccb_error *)0)->message) + 64];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    (void)ccb_buf_put(&error.text, text);
    end(node, &error);
}

void ccb_step_end_as(struct ccb_step_node *node, struct ccb_step_error *error)
{
    end(node, error);
}

/* ---- cancel ------------------------------------------------------------- */

/* The step after `node` in the tree below `top`, parents before children. */
static struct ccb_step_node *next_below(struct ccb_step_node *node,
                                        const struct ccb_step_node *top,
                                        bool down)
{
    if (down && node->first_child != NULL)
        return node->first_child;
    while (node != top && node->next == NULL)
        node = node->parent;
    return node == top ? NULL : node->next;
}

/* False: nothing to be done here or below. */
static bool cancel_one(struct ccb_step_node *node)
{
    if (node->cancelled || node->state == CCB_STEP_ENDED)
        return false;
    node->cancelled = node->children_cancelled = true;
    if (node->state == CCB_STEP_RUNNING && node->kind->on_cancel != NULL)
        node->kind->on_cancel(node);
    return true;
}

void ccb_step_cancel(struct ccb_step_node *top)
{
    struct ccb_step_node *node = top;

    while (node != NULL)
        node = next_below(node, top, cancel_one(node));
}

void ccb_step_cancel_children(struct ccb_step_node *node)
{
    if (node->children_cancelled)
        return;
    node->children_cancelled = true;
    for (struct ccb_step_node *child = node->first_child; child != NULL;
         child = child->next)
        ccb_step_cancel(child);
}

/* ---- timer -------------------------------------------------------------- */

void ccb_step_timer_start(struct ccb_step_node *node, uv_timer_t *timer,
                          int64_t ns, uv_timer_cb on_timer)
{
    int64_t ms = ns / CCB_MILLISECOND + (ns % CCB_MILLISECOND > 0);
    uv_loop_t *loop = &node->tree->options.cell->loop->uv;

    if (node->timer == NULL) {
        (void)uv_timer_init(loop, timer); /* these two can't fail */
        timer->data = node;
        node->timer = timer;
    }
    uv_update_time(loop); /* else a busy turn shortens it */
    (void)uv_timer_start(timer, on_timer, ms > 0 ? (uint64_t)ms : 0, 0);
}

void ccb_step_timer_stop(struct ccb_step_node *node)
{
    if (node->timer != NULL)
        (void)uv_timer_stop(node->timer);
}
