/*
 * The tree of steps: contract/actions.md 3, 6.1.
 *
 * Invariant: everything happens in on_wake, from the loop: steps start, ends
 * travel up, and when the root has ended the tree is told of and freed. All
 * else only puts into the queue.
 */
#include "cell/steps.h"

#include "base/clock.h"
#include "base/mem.h"
#include "cell/step_internal.h"

/* Steps started or ended in one turn of the loop: others want theirs. */
#define STEPS_PER_TURN 64

const struct ccb_step_times ccb_step_times_default = {
    .terminate = 10 * CCB_SECOND,
    .exit = 60 * CCB_SECOND,
    .unhealthy_interval = 500 * CCB_MILLISECOND,
    .healthy_interval = 30 * CCB_SECOND,
};

/* ---- the plan ----------------------------------------------------------- */

struct plan {
    struct ccb_step_node node;
    bool set_up;
};

void ccb_steps_tell_healthy(struct ccb_steps *tree)
{
    if (tree->healthy)
        return;
    tree->healthy = true;
    if (tree->options.on_healthy != NULL)
        tree->options.on_healthy(tree->options.ctx);
}

static void plan_main(struct ccb_step_node *node)
{
    const struct ccb_steps_options *options = &node->tree->options;

    ((struct plan *)node)->set_up = true;
    if (options->monitor != NULL)
        (void)ccb_step_begin(node->tree, node, &ccb_step_together, NULL);
    else
        ccb_step_begin_action(node, options->action);
}

static void plan_start(struct ccb_step_node *node)
{
    const struct ccb_steps_options *options = &node->tree->options;

    if (options->monitor == NULL && !node->cancelled)
        ccb_steps_tell_healthy(node->tree);
    if (options->setup != NULL)
        ccb_step_begin_action(node, options->setup);
    else
        plan_main(node);
}

static void on_plan_child_end(struct ccb_step_node *node,
                              struct ccb_step_error *error)
{
    if (error->failed || ((struct plan *)node)->set_up)
        ccb_step_end_as(node, error);
    else
        plan_main(node);
}

static const struct ccb_step_kind plan_kind = {
    .size = sizeof(struct plan),
    .start = plan_start,
    .on_child_end = on_plan_child_end,
};

/* ---- the queue ---------------------------------------------------------- */

static void on_tree_closed(uv_handle_t *handle)
{
    struct ccb_steps *tree = handle->data;

    ccb_log_lines_unref(tree->lines);
    ccb_step_error_destroy(&tree->error);
    ccb_arena_unref(tree->arena);
    ccb_free(tree);
}

/* The tree's memory goes a moment later; nothing of it is reachable by then. */
static void finish(struct ccb_steps *tree)
{
    struct ccb_slice reason = {"", 0};

    ccb_step_links_drop(tree);
    ccb_log_lines_flush(tree->lines);
    uv_close((uv_handle_t *)&tree->wake, on_tree_closed);
    if (tree->error.failed)
        reason = ccb_step_error_text(&tree->error);
    tree->options.on_done(tree->options.ctx, tree->error.failed, reason);
}

static void on_wake(uv_idle_t *wake)
{
    struct ccb_steps *tree = wake->data;

    for (int i = 0; i < STEPS_PER_TURN && tree->first != NULL; i++) {
        struct ccb_step_node *node = tree->first;

        tree->first = node->queue_next;
        if (tree->first == NULL)
            tree->last = &tree->first;
        node->queue_next = NULL;
        ccb_step_turn(node);
    }
    if (tree->first == NULL)
        (void)uv_idle_stop(wake);
    if (tree->ended)
        finish(tree);
}

void ccb_steps_enqueue(struct ccb_step_node *node)
{
    struct ccb_steps *tree = node->tree;

    *tree->last = node;
    tree->last = &node->queue_next;
    (void)uv_idle_start(&tree->wake, on_wake); /* fails without a callback */
}

/* ---- start and cancel --------------------------------------------------- */

/* What the caller need not keep. */
static int copy_options(struct ccb_steps *tree,
                        const struct ccb_steps_options *options)
{
    struct ccb_steps_options *own = &tree->options;
    size_t count = options->network_env_count;
    char **env = ccb_arena_alloc(tree->arena, (count + 1) * sizeof(*env));

    *own = *options;
    own->log_guid = ccb_arena_copy(tree->arena, options->log_guid);
    own->log_source = ccb_arena_copy(tree->arena, options->log_source);
    if (env == NULL || own->log_guid.ptr == NULL || own->log_source.ptr == NULL)
        return CCB_NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        env[i] =
            ccb_arena_cstr(tree->arena, ccb_slice_of(options->network_env[i]));
        if (env[i] == NULL)
            return CCB_NO_MEMORY;
    }
    own->network_env = (const char *const *)env;
    return CCB_OK;
}

static void tree_free(struct ccb_steps *tree)
{
    ccb_log_lines_unref(tree->lines);
    ccb_arena_unref(tree->arena);
    ccb_free(tree);
}

static struct ccb_steps *tree_create(const struct ccb_steps_options *options)
{
    struct ccb_steps *tree = ccb_calloc(1, sizeof(*tree));

    if (tree == NULL)
        return NULL;
    tree->last = &tree->first;
    tree->arena = ccb_arena_create();
    if (tree->arena != NULL && copy_options(tree, options) == CCB_OK)
        tree->lines =
            ccb_log_lines_create(options->cell->logs, tree->options.log_guid,
                                 tree->options.log_source, options->log_index);
    if (tree->lines == NULL) {
        tree_free(tree);
        return NULL;
    }
    return tree;
}

int ccb_steps_start(struct ccb_steps **out,
                    const struct ccb_steps_options *options,
                    struct ccb_error *err)
{
    struct ccb_steps *tree;

    if (options->action == NULL)
        return ccb_error_set(err, CCB_INVALID,
                             "steps: there is no action to run");
    tree = tree_create(options);
    if (tree == NULL)
        return ccb_error_set(err, CCB_NO_MEMORY, "no memory for steps");
    (void)uv_idle_init(&options->cell->loop->uv, &tree->wake); /* can't fail */
    tree->wake.data = tree;
    tree->root = ccb_step_begin(tree, NULL, &plan_kind, NULL);
    if (tree->root == NULL) {
        uv_close((uv_handle_t *)&tree->wake, on_tree_closed);
        return ccb_error_set(err, CCB_NO_MEMORY, "no memory for steps");
    }
    *out = tree;
    return CCB_OK;
}

void ccb_steps_cancel(struct ccb_steps *steps)
{
    if (steps->root != NULL)
        ccb_step_cancel(steps->root);
}
