/*
 * Real processes under test: started in their own group, their output kept by
 * lines, their end watched.
 *
 * Invariant: none outlives the runner (PR_SET_PDEATHSIG, and the group is
 * killed at the end); a crash or a sanitizer's report fails the script.
 */
#ifndef CCB_SCRIPT_PROC_H
#define CCB_SCRIPT_PROC_H

#include "run.h"

struct ccb_proc;

struct ccb_proc *ccb_proc_find(const struct ccb_run *run, const char *name);
int ccb_proc_pid(const struct ccb_proc *proc);
/* Sends TERM to those that still run and checks how all of them ended, what
 * they said, and what they were never to say. */
int ccb_proc_finish(struct ccb_ctx *ctx);
void ccb_proc_free_all(struct ccb_run *run);
void ccb_proc_describe(const struct ccb_run *run, struct ccb_text *out);

/* Statements. */
int ccb_proc_start(struct ccb_ctx *ctx, const struct ccb_stmt *s);
int ccb_proc_run(struct ccb_ctx *ctx, const struct ccb_stmt *s);
int ccb_proc_wait(struct ccb_ctx *ctx, const struct ccb_stmt *s);
int ccb_proc_signal(struct ccb_ctx *ctx, const struct ccb_stmt *s);
int ccb_proc_stop(struct ccb_ctx *ctx, const struct ccb_stmt *s);
int ccb_proc_restart(struct ccb_ctx *ctx, const struct ccb_stmt *s);
int ccb_proc_never(struct ccb_ctx *ctx, const struct ccb_stmt *s);
/* expect NAME exit ... | running */
int ccb_proc_expect(struct ccb_proc *proc, struct ccb_args *a);
/* expect log NAME ... */
int ccb_proc_expect_log(struct ccb_args *a);
/* The text of one stream of the last `run`, for expectations and `set`. */
int ccb_proc_output(struct ccb_run *run, int is_stderr, struct ccb_text *out);

#endif
