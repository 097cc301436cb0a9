/*
 * How the steps of a tree hold together; for core/cell/step*.c only.
 *
 *   steps.c          the tree: its start, its queue, its end, the plan
 *   step_node.c      one step of any kind: begin, end, cancel, timer, error
 *   step_group.c     serial, parallel, codependent, together
 *   step_wrap.c      timeout, try, emit_progress
 *   step_run.c       processes
 *   step_transfer.c  download, upload
 *   step_monitor.c   the monitor and the pool of checks
 *
 * A step exists from the moment it is to begin until its parent was told of
 * its end: memory follows what is under way, not what a tree could become.
 * Beginnings and ends go through the tree's queue, which the loop empties:
 * nothing here calls itself over and over, however deep or long a tree is.
 */
#ifndef CCB_CELL_STEP_INTERNAL_H
#define CCB_CELL_STEP_INTERNAL_H

#include "base/arena.h"
#include "cell/log_lines.h"
#include "cell/steps.h"

/* How a step ended. */
struct ccb_step_error {
    bool failed;
    bool emittable;    /* the text is for people: wrappers may quote it */
    bool secret;       /* the text may hold a URL: not for the cell's log */
    const char *fixed; /* the text, when it is a constant */
    struct ccb_buf text;
};
extern const char ccb_step_cancelled[], ccb_step_no_memory[];

struct ccb_slice ccb_step_error_text(const struct ccb_step_error *error);
void ccb_step_error_destroy(struct ccb_step_error *error);

struct ccb_step_node;

struct ccb_step_kind {
    size_t size;         /* of its struct, which starts with the node */
    bool ignores_source; /* its own log_source means nothing */
    bool hides_source;   /* its children do not inherit its own */
    void (*start)(struct ccb_step_node *node);
    /* Once at most, while it runs; children are cancelled without its doing.
     * NULL: that is all. */
    void (*on_cancel)(struct ccb_step_node *node);
    /* The child is gone; the error's text may be taken. */
    void (*on_child_end)(struct ccb_step_node *node,
                         struct ccb_step_error *error);
    void (*destroy)(struct ccb_step_node *node); /* NULL: nothing */
};

enum ccb_step_state { CCB_STEP_QUEUED, CCB_STEP_RUNNING, CCB_STEP_ENDED };

struct ccb_step_node {
    const struct ccb_step_kind *kind;
    const struct ccb_action *action; /* NULL for the plan's own */
    struct ccb_steps *tree;
    struct ccb_step_node *parent;
    struct ccb_step_node *first_child, *last_child, *next, *previous;
    struct ccb_step_node *queue_next;
    enum ccb_step_state state;
    bool cancelled, children_cancelled; /* those to come, too */
    struct ccb_log_lines *lines;        /* for what it says; a reference */
    struct ccb_log_lines *passed;       /* for its children; borrowed */
    uv_timer_t *timer; /* in its own struct, once it was started */
    struct ccb_step_error error;
};

/* A process, which may outlive its step and even the tree (step_run.c). */
struct ccb_step_link;

struct ccb_steps {
    struct ccb_steps_options options; /* texts and lists in the arena */
    struct ccb_arena *arena;
    uv_idle_t wake; /* active while there is something in the queue */
    struct ccb_step_node *first, **last;
    struct ccb_step_node *root;
    struct ccb_log_lines *lines; /* the container's own */
    struct ccb_step_link *links;
    bool ended, healthy;
    struct ccb_step_error error;
};

/* ---- for all kinds (step_node.c) ---------------------------------------- */

/* A child begins soon. What prevents that is told at once as its end. A NULL
 * parent: the root, which is returned (NULL: no memory). */
struct ccb_step_node *ccb_step_begin(struct ccb_steps *tree,
                                     struct ccb_step_node *parent,
                                     const struct ccb_step_kind *kind,
                                     const struct ccb_action *action);
void ccb_step_begin_action(struct ccb_step_node *parent,
                           const struct ccb_action *action);

/* Ends: the first of these counts, the others do nothing. */
void ccb_step_succeed(struct ccb_step_node *node);
void ccb_step_fail(struct ccb_step_node *node, const char *fixed);
void ccb_step_fail_with(struct ccb_step_node *node, bool emittable,
                        const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Takes the error, or the lack of one. */
void ccb_step_end_as(struct ccb_step_node *node, struct ccb_step_error *error);

void ccb_step_cancel(struct ccb_step_node *node);
/* All that it has and all that it will begin; not itself. */
void ccb_step_cancel_children(struct ccb_step_node *node);

/* `timer` lies in the node's struct, one of them for each node; timer->data is
 * the node. */
void ccb_step_timer_start(struct ccb_step_node *node, uv_timer_t *timer,
                          int64_t ns, uv_timer_cb on_timer);
void ccb_step_timer_stop(struct ccb_step_node *node);

/* Ends what the queue holds next, or starts it. */
void ccb_step_turn(struct ccb_step_node *node);
void ccb_steps_enqueue(struct ccb_step_node *node);

/* ---- single kinds ------------------------------------------------------- */

extern const struct ccb_step_kind ccb_step_download, ccb_step_upload,
    ccb_step_run, ccb_step_timeout, ccb_step_emit_progress, ccb_step_try,
    ccb_step_parallel, ccb_step_serial, ccb_step_codependent, ccb_step_together,
    ccb_step_monitor;

/* At the end of the tree: nobody listens to its processes any more. */
void ccb_step_links_drop(struct ccb_steps *tree);

/* The one good check (or the beginning, without a monitor). */
void ccb_steps_tell_healthy(struct ccb_steps *tree);

/* "512B", "1.5K"; "0" for none. */
void ccb_step_format_size(uint64_t bytes, char *out, size_t size);

#endif
