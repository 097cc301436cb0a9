/*
 * Processes: contract/actions.md 3.1.
 *
 * A step ends when its process does; the process's handle stays as long as
 * children of it hold its output open, and what they write is still logged.
 * So the handle belongs to a link of its own, which the tree gives up when it
 * ends: then nobody listens, and the container's end frees it.
 */
#include <signal.h>
#include <stdio.h>

#include "base/mem.h"
#include "cell/step_internal.h"

struct run {
    struct ccb_step_node node;
    uv_timer_t timer;
    struct ccb_step_link *link; /* NULL before and after the process */
    bool killed;
};

struct ccb_step_link {
    struct ccb_step_link *next, **at; /* in the tree's list; at NULL: in none */
    struct run *run;                  /* NULL: the step has ended */
    struct ccb_log_lines *lines;      /* NULL: nobody listens */
    struct ccb_process *process;
};

/* ---- links -------------------------------------------------------------- */

static struct ccb_step_link *link_create(struct run *run)
{
    struct ccb_steps *tree = run->node.tree;
    struct ccb_step_link *link = ccb_calloc(1, sizeof(*link));

    if (link == NULL)
        return NULL;
    link->run = run;
    link->lines = ccb_log_lines_ref(run->node.lines);
    link->next = tree->links;
    link->at = &tree->links;
    if (link->next != NULL)
        link->next->at = &link->next;
    tree->links = link;
    return link;
}

static void link_leave(struct ccb_step_link *link)
{
    if (link->at != NULL) {
        *link->at = link->next;
        if (link->next != NULL)
            link->next->at = link->at;
    }
    link->at = NULL;
    ccb_log_lines_unref(link->lines);
    link->lines = NULL;
}

static void link_free(struct ccb_step_link *link)
{
    link_leave(link);
    ccb_free(link);
}

void ccb_step_links_drop(struct ccb_steps *tree)
{
    while (tree->links != NULL) {
        struct ccb_step_link *link = tree->links;

        link_leave(link);
        ccb_process_detach(link->process);
    }
}

/* ---- the end of a process ----------------------------------------------- */

/* Parts step and process. */
static void let_go(struct run *run)
{
    if (run->link != NULL)
        run->link->run = NULL;
    run->link = NULL;
}

static void judge(struct ccb_step_node *node, const struct ccb_exit *ended)
{
    int code = ccb_exit_code(ended);

    if (node->cancelled)
        ccb_step_fail(node, ccb_step_cancelled);
    else if (ended->kind == CCB_EXIT_NOT_STARTED ||
             ended->kind == CCB_EXIT_LOST)
        ccb_step_fail_with(node, false, "%s",
                           ended->err.message[0] != '\0'
                               ? ended->err.message
                               : "the container ended before the process");
    else if (code == 0)
        ccb_step_succeed(node);
    else
        ccb_step_fail_with(node, true, "Exited with status %d%s", code,
                           ended->out_of_memory ? " (out of memory)" : "");
}

static void on_exit_of_process(void *ctx, const struct ccb_exit *ended)
{
    struct ccb_step_link *link = ctx;
    struct run *run = link->run;
    char text[48];

    if (link->lines != NULL) {
        if (ended->kind == CCB_EXIT_STATUS || ended->kind == CCB_EXIT_SIGNAL) {
            (void)snprintf(text, sizeof(text), "Exit status %d",
                           ccb_exit_code(ended));
            ccb_log_lines_say(link->lines, CCB_STREAM_OUT, text);
        }
        ccb_log_lines_flush(link->lines);
    }
    if (run == NULL)
        return;
    let_go(run);
    judge(&run->node, ended);
}

static void on_output(void *ctx, enum ccb_stream stream, struct ccb_slice bytes)
{
    struct ccb_step_link *link = ctx;

    if (link->lines != NULL)
        ccb_log_lines_put(link->lines, stream, bytes);
}

static void on_closed(void *ctx)
{
    link_free(ctx);
}

/* ---- its beginning ------------------------------------------------------ */

/* What a process gets, as C strings in an arena that goes after the spawn. */
struct words {
    struct ccb_arena *arena;
    int code;
    struct ccb_error *err;
};

static const char *word(struct words *w, struct ccb_slice text,
                        const char *what)
{
    char *copy;

    if (w->code == 0 && text.len > 0 && memchr(text.ptr, 0, text.len) != NULL)
        w->code = ccb_error_set(w->err, CCB_INVALID, "run: %s holds a NUL byte",
                                what);
    copy = w->code == 0 ? ccb_arena_cstr(w->arena, text) : NULL;
    if (w->code == 0 && copy == NULL)
        w->code = ccb_error_set(w->err, CCB_NO_MEMORY, "out of memory");
    return copy;
}

static const char **word_list(struct words *w, size_t count)
{
    const char **list =
        w->code == 0 ? ccb_arena_alloc(w->arena, (count + 1) * sizeof(*list))
                     : NULL;

    if (w->code == 0 && list == NULL)
        w->code = ccb_error_set(w->err, CCB_NO_MEMORY, "out of memory");
    return list;
}

static void put_args(struct words *w, const struct ccb_action *action,
                     struct ccb_step *step)
{
    const struct ccb_slice *args = action->args.items;
    const char **list = word_list(w, action->args.count);

    for (size_t i = 0; w->code == 0 && i < action->args.count; i++)
        list[i] = word(w, args[i], "an argument");
    step->args = list;
    step->arg_count = action->args.count;
}

static const char *put_pair(struct words *w, const struct ccb_env_pair *pair)
{
    struct ccb_slice text;

    (void)word(w, pair->name, "a variable's name");
    (void)word(w, pair->value, "a variable's value");
    if (w->code != 0)
        return NULL;
    text =
        ccb_arena_format(w->arena, "%.*s=%.*s", (int)pair->name.len,
                         pair->name.ptr, (int)pair->value.len, pair->value.ptr);
    if (text.ptr == NULL)
        w->code = ccb_error_set(w->err, CCB_NO_MEMORY, "out of memory");
    return text.ptr;
}

/* The container's own are added by the container, before these. */
static void put_env(struct words *w, const struct ccb_step_node *node,
                    struct ccb_step *step)
{
    const struct ccb_steps_options *options = &node->tree->options;
    const struct ccb_env_pair *pairs = node->action->env.items;
    size_t own = node->action->env.count;
    const char **list = word_list(w, own + options->network_env_count);

    for (size_t i = 0; w->code == 0 && i < own; i++)
        list[i] = put_pair(w, &pairs[i]);
    for (size_t i = 0; w->code == 0 && i < options->network_env_count; i++)
        list[own + i] = options->network_env[i];
    step->env = list;
    step->env_count = own + options->network_env_count;
}

static int spawn(struct run *run, struct ccb_arena *arena,
                 struct ccb_error *err)
{
    const struct ccb_action *action = run->node.action;
    struct words w = {.arena = arena, .err = err};
    struct ccb_step step = {
        .on_output = on_output,
        .on_exit = on_exit_of_process,
        .on_closed = on_closed,
        .nofile = action->limits.has_nofile ? action->limits.nofile : 0};
    struct ccb_step_link *link;
    int code;

    step.path = word(&w, action->path, "the path");
    step.dir = word(&w, action->dir, "the directory");
    step.user = word(&w, action->user, "the user");
    put_args(&w, action, &step);
    put_env(&w, &run->node, &step);
    if (w.code != 0)
        return w.code;
    link = link_create(run);
    if (link == NULL)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    step.ctx = link;
    code = ccb_container_spawn(&link->process,
                               run->node.tree->options.container, &step, err);
    if (code != 0)
        link_free(link);
    else
        run->link = link;
    return code;
}

static void run_start(struct ccb_step_node *node)
{
    struct ccb_error err = {0};
    struct ccb_arena *arena;

    if (node->cancelled) {
        ccb_step_fail(node, ccb_step_cancelled);
        return;
    }
    arena = ccb_arena_create();
    if (arena == NULL)
        ccb_step_fail(node, ccb_step_no_memory);
    else if (spawn((struct run *)node, arena, &err) != 0)
        ccb_step_fail_with(node, false, "%s", err.message);
    ccb_arena_unref(arena);
}

/* ---- cancel ------------------------------------------------------------- */

/* First the kill, then the end of patience. */
static void on_patience_end(uv_timer_t *timer)
{
    struct ccb_step_node *node = timer->data;
    struct run *run = (struct run *)node;

    if (!run->killed) {
        run->killed = true;
        (void)ccb_process_signal(run->link->process, SIGKILL);
        ccb_step_timer_start(node, &run->timer,
                             node->tree->options.cell->times->exit,
                             on_patience_end);
        return;
    }
    let_go(run);
    ccb_step_fail(node, "process did not exit");
}

/* A signal that memory is too short for is made up by the kill. */
static void on_run_cancel(struct ccb_step_node *node)
{
    struct run *run = (struct run *)node;

    (void)ccb_process_signal(run->link->process, SIGTERM);
    ccb_step_timer_start(node, &run->timer,
                         node->tree->options.cell->times->terminate,
                         on_patience_end);
}

const struct ccb_step_kind ccb_step_run = {
    .size = sizeof(struct run),
    .start = run_start,
    .on_cancel = on_run_cancel,
};
