/*
 * Steps of several: serial, parallel, codependent, and the pair of action and
 * monitor (contract/actions.md 3.7 - 3.9, 6.1).
 *
 * Invariant: a group ends when the last of its children has; its error is the
 * list of theirs in the order of their ends.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/mem.h"
#include "cell/step_internal.h"

/* ---- serial ------------------------------------------------------------- */

struct serial {
    struct ccb_step_node node;
    size_t begun;
};

static void serial_next(struct ccb_step_node *node)
{
    struct serial *serial = (struct serial *)node;

    if (serial->begun == node->action->child_count)
        ccb_step_succeed(node);
    else
        ccb_step_begin_action(node, node->action->children[serial->begun++]);
}

static void on_serial_child_end(struct ccb_step_node *node,
                                struct ccb_step_error *error)
{
    if (error->failed)
        ccb_step_end_as(node, error);
    else
        serial_next(node);
}

const struct ccb_step_kind ccb_step_serial = {
    .size = sizeof(struct serial),
    .ignores_source = true,
    .start = serial_next,
    .on_child_end = on_serial_child_end,
};

/* ---- at the same time --------------------------------------------------- */

struct group {
    struct ccb_step_node node;
    size_t live, errors;
    bool secret;
    struct ccb_buf items;
};

static void group_destroy(struct ccb_step_node *node)
{
    ccb_buf_destroy(&((struct group *)node)->items);
}

static void add_item(struct group *group, struct ccb_slice text)
{
    group->errors++;
    (void)ccb_buf_put(&group->items, "\n* ");
    (void)ccb_buf_put_slice(&group->items, text);
}

/* The list with its header before it, in the memory of the list. */
static void group_fail(struct group *group)
{
    struct ccb_step_error error = {.failed = true, .secret = group->secret};
    char header[64];
    int size = snprintf(header, sizeof(header), "%zu error(s) occurred:\n",
                        group->errors);
    size_t head = (size_t)size, len = group->items.len;

    if (ccb_buf_reserve(&group->items, head) != NULL) {
        memmove(group->items.data + head, group->items.data, len);
        memcpy(group->items.data, header, head);
        group->items.len += head;
    }
    error.text = group->items;
    ccb_buf_init(&group->items);
    ccb_step_end_as(&group->node, &error);
}

static void child_gone(struct group *group)
{
    if (--group->live > 0)
        return;
    if (group->errors > 0)
        group_fail(group);
    else
        ccb_step_succeed(&group->node);
}

static void group_start(struct ccb_step_node *node)
{
    const struct ccb_action *action = node->action;
    struct group *group = (struct group *)node;

    group->live = action->child_count;
    if (group->live == 0)
        ccb_step_succeed(node);
    for (size_t i = 0; i < action->child_count; i++)
        ccb_step_begin_action(node, action->children[i]);
}

static void on_parallel_child_end(struct ccb_step_node *node,
                                  struct ccb_step_error *error)
{
    struct group *group = (struct group *)node;

    if (error->failed) {
        group->secret = group->secret || error->secret;
        add_item(group, ccb_step_error_text(error));
    }
    child_gone(group);
}

/* The first error ends them all. */
static void on_together_child_end(struct ccb_step_node *node,
                                  struct ccb_step_error *error)
{
    if (error->failed)
        ccb_step_cancel_children(node);
    on_parallel_child_end(node, error);
}

/* Whoever ends first, ends them all. */
static void on_codependent_child_end(struct ccb_step_node *node,
                                     struct ccb_step_error *error)
{
    struct ccb_step_error exited = {.failed = true,
                                    .fixed = "Codependent step exited"};

    on_together_child_end(node, error->failed ? error : &exited);
}

const struct ccb_step_kind ccb_step_parallel = {
    .size = sizeof(struct group),
    .start = group_start,
    .on_child_end = on_parallel_child_end,
    .destroy = group_destroy,
};

const struct ccb_step_kind ccb_step_codependent = {
    .size = sizeof(struct group),
    .start = group_start,
    .on_child_end = on_codependent_child_end,
    .destroy = group_destroy,
};

/* ---- action and monitor ------------------------------------------------- */

static void together_start(struct ccb_step_node *node)
{
    ((struct group *)node)->live = 2;
    ccb_step_begin_action(node, node->tree->options.action);
    (void)ccb_step_begin(node->tree, node, &ccb_step_monitor, NULL);
}

const struct ccb_step_kind ccb_step_together = {
    .size = sizeof(struct group),
    .start = together_start,
    .on_child_end = on_together_child_end,
    .destroy = group_destroy,
};
