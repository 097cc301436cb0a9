/*
 * Steps round one other: timeout, try, emit_progress (contract/actions.md
 * 3.4 - 3.6).
 *
 * Invariant: none of them ends before its child has.
 */
#include <stdio.h>

#include "base/flags.h"
#include "cell/step_internal.h"

static void begin_inner(struct ccb_step_node *node)
{
    const struct ccb_action *action = node->action;

    ccb_step_begin_action(node,
                          action->child_count > 0 ? action->children[0] : NULL);
}

/* ---- timeout ------------------------------------------------------------ */

struct timeout {
    struct ccb_step_node node;
    uv_timer_t timer;
    bool expired;
};

static void on_expired(uv_timer_t *timer)
{
    struct ccb_step_node *node = timer->data;

    /* A child whose end is only not told yet was in time. */
    if (node->first_child != NULL && node->first_child->state == CCB_STEP_ENDED)
        return;
    ((struct timeout *)node)->expired = true;
    ccb_step_cancel_children(node);
}

static void timeout_start(struct ccb_step_node *node)
{
    struct timeout *timeout = (struct timeout *)node;

    ccb_step_timer_start(node, &timeout->timer, node->action->timeout,
                         on_expired);
    begin_inner(node);
}

static void on_timeout_child_end(struct ccb_step_node *node,
                                 struct ccb_step_error *error)
{
    struct ccb_step_error late = {.failed = true, .emittable = true};
    char text[64];

    if (!((struct timeout *)node)->expired) {
        ccb_step_end_as(node, error);
        return;
    }
    ccb_duration_format(node->action->timeout, text, sizeof(text));
    (void)ccb_buf_printf(&late.text, "exceeded %s timeout", text);
    if (error->failed && error->emittable) {
        (void)ccb_buf_put(&late.text, "; ");
        (void)ccb_buf_put_slice(&late.text, ccb_step_error_text(error));
    }
    ccb_step_end_as(node, &late);
}

const struct ccb_step_kind ccb_step_timeout = {
    .size = sizeof(struct timeout),
    .start = timeout_start,
    .on_child_end = on_timeout_child_end,
};

/* ---- try ---------------------------------------------------------------- */

static void on_try_child_end(struct ccb_step_node *node,
                             struct ccb_step_error *error)
{
    const struct ccb_log_session *log = node->tree->options.cell->log;
    struct ccb_slice text = ccb_step_error_text(error);

    if (error->secret)
        text = ccb_slice_of("(not shown: it may hold a URL)");
    if (error->failed && log != NULL)
        ccb_log_write(log, CCB_LEVEL_INFO, "try.failed",
                      CCB_FIELDS(ccb_log_text("error", text)));
    ccb_step_succeed(node);
}

const struct ccb_step_kind ccb_step_try = {
    .size = sizeof(struct ccb_step_node),
    .start = begin_inner,
    .on_child_end = on_try_child_end,
};

/* ---- emit_progress ------------------------------------------------------ */

static void say(struct ccb_step_node *node, struct ccb_slice text)
{
    if (text.len == 0)
        return;
    ccb_log_lines_put(node->lines, CCB_STREAM_OUT, text);
    ccb_log_lines_say(node->lines, CCB_STREAM_OUT, "\n");
}

static void say_failure(struct ccb_step_node *node,
                        const struct ccb_step_error *error)
{
    struct ccb_slice prefix = node->action->failure_message_prefix;

    if (prefix.len == 0)
        return;
    ccb_log_lines_put(node->lines, CCB_STREAM_ERR, prefix);
    if (error->emittable) {
        ccb_log_lines_say(node->lines, CCB_STREAM_ERR, ": ");
        ccb_log_lines_put(node->lines, CCB_STREAM_ERR,
                          ccb_step_error_text(error));
    }
    ccb_log_lines_say(node->lines, CCB_STREAM_ERR, "\n");
}

static void progress_start(struct ccb_step_node *node)
{
    say(node, node->action->start_message);
    begin_inner(node);
}

static void on_progress_child_end(struct ccb_step_node *node,
                                  struct ccb_step_error *error)
{
    if (error->failed)
        say_failure(node, error);
    else
        say(node, node->action->success_message);
    ccb_step_end_as(node, error);
}

const struct ccb_step_kind ccb_step_emit_progress = {
    .size = sizeof(struct ccb_step_node),
    .hides_source = true,
    .start = progress_start,
    .on_child_end = on_progress_child_end,
};
