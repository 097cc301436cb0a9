/*
 * The statements about processes: start, run, wait, signal, stop, restart,
 * never (proc.h; docs/testing.md).
 *
 * Invariant: every wait is for a line or for the end, within a deadline.
 */
#include "proc_internal.h"

#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A signal's number by its name, with or without SIG; -1. */
static int signal_number(const char *name)
{
    if (strncmp(name, "SIG", 3) == 0)
        name += 3;
    for (int i = 1; i < 65; i++) {
        const char *known = sigabbrev_np(i);
        if (known != NULL && strcmp(known, name) == 0)
            return i;
    }
    return -1;
}

static int take_signal(struct ccb_args *a, int *number)
{
    const char *name;
    if (ccb_args_text(a, &name, "the signal") < 0)
        return -1;
    *number = signal_number(name);
    return *number > 0 ? 0 : ccb_fail(a->ctx, "no signal is called %s", name);
}

int ccb_proc_take_ending(struct ccb_args *a, struct ccb_proc *p)
{
    long long status;
    if (ccb_args_keyword(a, "any")) {
        p->ending = CCB_ENDS_ANY;
        return 0;
    }
    if (ccb_args_keyword(a, "signal")) {
        p->ending = CCB_ENDS_SIGNAL;
        return take_signal(a, &p->ending_value);
    }
    if (ccb_args_number(a, &status, "the exit status") < 0)
        return -1;
    p->ending = CCB_ENDS_STATUS;
    p->ending_value = (int)status;
    return 0;
}

int ccb_proc_ended_well(const struct ccb_proc *p)
{
    if (p->ending == CCB_ENDS_ANY)
        return 1;
    if (p->ending == CCB_ENDS_SIGNAL)
        return WIFSIGNALED(p->status) && WTERMSIG(p->status) == p->ending_value;
    return WIFEXITED(p->status) && WEXITSTATUS(p->status) == p->ending_value;
}

static struct ccb_proc *create(void)
{
    struct ccb_proc *p = ccb_tool_alloc(sizeof(*p));
    p->pidfd = p->pipes[0] = p->pipes[1] = -1;
    p->last_line = &p->lines;
    return p;
}

static int launch(struct ccb_ctx *ctx, struct ccb_proc *p)
{
    struct ccb_text why = {0};
    int code = 0;
    if (ctx->parent != NULL)
        code = ccb_fail(ctx, "processes are started outside of `parallel`");
    else if (ccb_proc_spawn(p, &why) < 0)
        code = ccb_fail(ctx, "%s: %s", p->argv[0], why.ptr);
    ccb_text_free(&why);
    if (code < 0) {
        ccb_proc_free(p);
        return -1;
    }
    p->next = ctx->run->procs;
    ctx->run->procs = p;
    return 0;
}

int ccb_proc_start(struct ccb_ctx *ctx, const struct ccb_stmt *s)
{
    struct ccb_proc *p = create();
    struct ccb_args a = ccb_args_begin(ctx, s, &p->pool);
    a.next = 1;
    if (ccb_args_text(&a, &p->name, "the process's name") < 0 ||
        ccb_run_check_name(ctx, p->name) < 0 ||
        ccb_proc_take_program(&a, p) < 0) {
        ccb_proc_free(p);
        return -1;
    }
    const struct ccb_proc *other = ccb_proc_find(ctx->run, p->name);
    if (other != NULL && !other->judged) {
        ccb_fail(ctx, "%s is there already; `stop` it first, or `restart`",
                 p->name);
        ccb_proc_free(p);
        return -1;
    }
    return launch(ctx, p);
}

/* ---- how it ends -------------------------------------------------------- */

static int wait_end(struct ccb_ctx *ctx, struct ccb_proc *p, long long deadline)
{
    int code = 0;
    ccb_event_lock();
    while (!p->ended && code == 0)
        code = ccb_event_wait(deadline);
    code = p->ended ? 0 : -1;
    ccb_event_unlock();
    return code == 0 ? 0 : ccb_fail(ctx, "%s has not ended", p->name);
}

static int check_end(struct ccb_ctx *ctx, struct ccb_proc *p)
{
    struct ccb_text how = {0}, wanted = {0};
    int code = ccb_proc_check_lines(ctx, p);
    p->judged = 1;
    if (code == 0 && !ccb_proc_ended_well(p)) {
        ccb_proc_how(p->status, &how);
        if (p->ending == CCB_ENDS_SIGNAL)
            ccb_text_addf(&wanted, "signal %s", sigabbrev_np(p->ending_value));
        else
            ccb_text_addf(&wanted, "%d", p->ending_value);
        code = ccb_fail(ctx, "%s: expected exit %s, found %s", p->name,
                        wanted.ptr, how.ptr);
    }
    ccb_text_free(&how);
    ccb_text_free(&wanted);
    return code;
}

int ccb_proc_run(struct ccb_ctx *ctx, const struct ccb_stmt *s)
{
    struct ccb_proc *p = create();
    struct ccb_args a = ccb_args_begin(ctx, s, &p->pool);
    long long deadline;
    a.next = 1;
    p->name = "run";
    if (ccb_args_deadline(&a, &deadline) < 0 ||
        ccb_proc_take_program(&a, p) < 0) {
        ccb_proc_free(p);
        return -1;
    }
    if (launch(ctx, p) < 0)
        return -1;
    ctx->run->last_run = p;
    p->judged = 1;
    if (wait_end(ctx, p, deadline) < 0)
        return -1;
    return check_end(ctx, p);
}

int ccb_proc_output(struct ccb_run *run, int is_stderr, struct ccb_text *out)
{
    if (run->last_run == NULL)
        return -1;
    ccb_text_add(out, "", 0);
    ccb_event_lock();
    for (struct ccb_line *l = run->last_run->lines; l != NULL; l = l->next)
        if (l->stream == is_stderr)
            ccb_text_addf(out, "%s\n", l->text);
    ccb_event_unlock();
    return 0;
}

static int take_proc(struct ccb_args *a, struct ccb_proc **out)
{
    const char *name;
    if (ccb_args_text(a, &name, "the process's name") < 0)
        return -1;
    *out = ccb_proc_find(a->ctx->run, name);
    return *out ? 0 : ccb_fail(a->ctx, "no process is called %s", name);
}

int ccb_proc_signal(struct ccb_ctx *ctx, const struct ccb_stmt *s)
{
    struct ccb_pool pool = {0};
    struct ccb_args a = ccb_args_begin(ctx, s, &pool);
    struct ccb_proc *p;
    int number, code = -1;
    a.next = 1;
    if (take_proc(&a, &p) == 0 && take_signal(&a, &number) == 0 &&
        ccb_args_end(&a) == 0) {
        ccb_event_lock();
        code = p->ended ? -1 : kill(p->pid, number);
        ccb_event_unlock();
        if (code < 0)
            ccb_fail(ctx, "%s can't be signalled: it has ended", p->name);
    }
    ccb_pool_free(&pool);
    return code;
}

static int stop(struct ccb_ctx *ctx, struct ccb_proc *p, long long deadline)
{
    ccb_event_lock();
    if (!p->ended)
        kill(p->pid, SIGTERM);
    ccb_event_unlock();
    return wait_end(ctx, p, deadline) < 0 ? -1 : check_end(ctx, p);
}

int ccb_proc_stop(struct ccb_ctx *ctx, const struct ccb_stmt *s)
{
    struct ccb_pool pool = {0};
    struct ccb_args a = ccb_args_begin(ctx, s, &pool);
    struct ccb_proc *p;
    long long deadline;
    int code = -1;
    a.next = 1;
    if (ccb_args_deadline(&a, &deadline) == 0 && take_proc(&a, &p) == 0 &&
        ccb_args_skip_within(&a) == 0 && ccb_args_end(&a) == 0)
        code = stop(ctx, p, deadline);
    ccb_pool_free(&pool);
    return code;
}

/* Stops what still runs and starts the same words again. */
int ccb_proc_restart(struct ccb_ctx *ctx, const struct ccb_stmt *s)
{
    struct ccb_pool pool = {0};
    struct ccb_args a = ccb_args_begin(ctx, s, &pool);
    struct ccb_proc *p;
    long long deadline;
    int code = -1;
    a.next = 1;
    if (ccb_args_deadline(&a, &deadline) == 0 && take_proc(&a, &p) == 0 &&
        ccb_args_skip_within(&a) == 0 && ccb_args_end(&a) == 0)
        code = p->judged ? 0 : stop(ctx, p, deadline);
    ccb_pool_free(&pool);
    if (code < 0)
        return -1;
    struct ccb_proc *again = create();
    size_t argc = 0, envc = 0;
    while (p->argv[argc] != NULL)
        argc++;
    while (p->envp[envc] != NULL)
        envc++;
    again->argv = ccb_pool_alloc(&again->pool, (argc + 1) * sizeof(char *));
    again->envp = ccb_pool_alloc(&again->pool, (envc + 1) * sizeof(char *));
    memcpy(again->argv, p->argv, argc * sizeof(char *));
    memcpy(again->envp, p->envp, envc * sizeof(char *));
    /* The first process's memory lasts to the script's end. */
    again->name = p->name;
    again->cwd = p->cwd;
    again->input = p->input;
    again->input_len = p->input_len;
    return launch(ctx, again);
}

/* ---- what it says ------------------------------------------------------- */

/* The next line of the stream (-1: either) with that text, not yet taken. */
static struct ccb_line *find_line(struct ccb_proc *p, int stream,
                                  const struct ccb_value *text)
{
    for (struct ccb_line *l = p->lines; l != NULL; l = l->next)
        if (!l->waited && (stream < 0 || l->stream == stream) &&
            ccb_tool_find(l->text, l->len, text->ptr, text->len) != NULL)
            return l;
    return NULL;
}

static int wait_line(struct ccb_ctx *ctx, struct ccb_proc *p, int stream,
                     const struct ccb_value *text, long long deadline)
{
    struct ccb_line *line;
    int late = 0, ended = 0;
    ccb_event_lock();
    while ((line = find_line(p, stream, text)) == NULL && !late && !ended) {
        ended = p->ended;
        if (!ended)
            late = ccb_event_wait(deadline) < 0;
    }
    if (line != NULL)
        line->waited = 1;
    ccb_event_unlock();
    if (line != NULL)
        return 0;
    return ccb_fail(ctx, "%s has not said: %s%s", p->name, text->ptr,
                    ended ? " (it has ended)" : "");
}

int ccb_proc_wait(struct ccb_ctx *ctx, const struct ccb_stmt *s)
{
    struct ccb_pool pool = {0};
    struct ccb_args a = ccb_args_begin(ctx, s, &pool);
    struct ccb_proc *p;
    struct ccb_value text;
    long long deadline;
    int code = -1, stream = -1;
    a.next = 1;
    if (ccb_args_deadline(&a, &deadline) < 0 || take_proc(&a, &p) < 0)
        goto out;
    if (ccb_args_keyword(&a, "stdout"))
        stream = 0;
    else if (ccb_args_keyword(&a, "stderr"))
        stream = 1;
    else if (!ccb_args_keyword(&a, "output")) {
        ccb_args_unknown(&a, "`stdout`, `stderr` or `output`");
        goto out;
    }
    if (ccb_args_value(&a, &text, "the text") == 0 &&
        ccb_args_skip_within(&a) == 0 && ccb_args_end(&a) == 0)
        code = wait_line(ctx, p, stream, &text, deadline);
out:
    ccb_pool_free(&pool);
    return code;
}

int ccb_proc_never(struct ccb_ctx *ctx, const struct ccb_stmt *s)
{
    struct ccb_pool pool = {0};
    struct ccb_args a = ccb_args_begin(ctx, s, &pool);
    struct ccb_proc *p;
    struct ccb_value text;
    int code = -1;
    a.next = 1;
    if (take_proc(&a, &p) == 0 && ccb_args_value(&a, &text, "the text") == 0 &&
        ccb_args_end(&a) == 0) {
        struct ccb_never *n = ccb_tool_alloc(sizeof(*n));
        n->name = ccb_tool_copy(p->name, strlen(p->name));
        n->text = ccb_tool_copy(text.ptr, text.len);
        n->len = text.len;
        n->next = ctx->run->nevers;
        ctx->run->nevers = n;
        code = ccb_proc_check_lines(ctx, p);
    }
    ccb_pool_free(&pool);
    return code;
}

static int check_line(struct ccb_ctx *ctx, struct ccb_proc *p,
                      const struct ccb_line *l)
{
    static const char *const reports[] = {
        "ERROR: AddressSanitizer", "ERROR: LeakSanitizer",
        "runtime error:", "WARNING: ThreadSanitizer"};
    for (size_t i = 0; l->stream && i < 4 && !p->may_report; i++)
        if (strstr(l->text, reports[i]) != NULL)
            return ccb_fail(ctx, "%s: a sanitizer reports: %s", p->name,
                            l->text);
    for (struct ccb_never *n = ctx->run->nevers; n != NULL; n = n->next)
        if (strcmp(n->name, p->name) == 0 &&
            ccb_tool_find(l->text, l->len, n->text, n->len) != NULL)
            return ccb_fail(ctx, "%s was never to say `%s` but said: %s",
                            p->name, n->text, l->text);
    return 0;
}

int ccb_proc_check_lines(struct ccb_ctx *ctx, struct ccb_proc *p)
{
    int code = 0;
    ccb_event_lock();
    for (struct ccb_line *l = p->lines; l != NULL && code == 0; l = l->next)
        code = check_line(ctx, p, l);
    ccb_event_unlock();
    return code;
}

int ccb_proc_finish(struct ccb_ctx *ctx)
{
    long long deadline = ccb_tool_now() + 10000;
    int code = 0;
    for (struct ccb_proc *p = ctx->run->procs; p != NULL; p = p->next) {
        ccb_event_lock();
        if (!p->ended)
            kill(p->pid, SIGTERM);
        ccb_event_unlock();
    }
    for (struct ccb_proc *p = ctx->run->procs; p != NULL; p = p->next) {
        if (wait_end(ctx, p, deadline) < 0)
            code =
                ccb_fail(ctx, "%s has not ended 10 s after SIGTERM", p->name);
        else if (p->judged ? ccb_proc_check_lines(ctx, p) < 0
                           : check_end(ctx, p) < 0)
            code = -1;
    }
    return code;
}

/* expect NAME exit STATUS | expect NAME running */
int ccb_proc_expect(struct ccb_proc *p, struct ccb_args *a)
{
    long long deadline;
    if (ccb_args_keyword(a, "running")) {
        ccb_event_lock();
        int ended = p->ended;
        ccb_event_unlock();
        return ended ? ccb_fail(a->ctx, "%s has ended", p->name)
                     : ccb_args_end(a);
    }
    if (ccb_args_deadline(a, &deadline) < 0)
        return -1;
    if (!ccb_args_keyword(a, "exit"))
        return ccb_args_unknown(a, "`exit` or `running` (of a process)");
    if (ccb_proc_take_ending(a, p) < 0 || ccb_args_skip_within(a) < 0 ||
        ccb_args_end(a) < 0)
        return -1;
    return wait_end(a->ctx, p, deadline) < 0 ? -1 : check_end(a->ctx, p);
}
