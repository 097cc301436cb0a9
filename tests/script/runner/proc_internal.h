/*
 * What proc.c and proc_stmt.c share: a process and its lines.
 *
 * Invariant: lines are only added, never removed, while the script runs;
 * lines, `ended` and `status` are guarded by the event lock.
 */
#ifndef CCB_SCRIPT_PROC_INTERNAL_H
#define CCB_SCRIPT_PROC_INTERNAL_H

#include <pthread.h>
#include <sys/types.h>

#include "proc.h"

struct ccb_line {
    struct ccb_line *next;
    int stream; /* 0 stdout, 1 stderr */
    char *text;
    size_t len;
    int waited, logged; /* taken by `wait`, by `expect log` */
};

/* How a process has to end. */
enum ccb_ending { CCB_ENDS_STATUS, CCB_ENDS_SIGNAL, CCB_ENDS_ANY };

struct ccb_proc {
    struct ccb_proc *next;
    struct ccb_pool pool;
    const char *name;
    char **argv, **envp;
    const char *cwd, *input;
    size_t input_len;
    enum ccb_ending ending;
    int ending_value; /* status or signal */
    int judged;       /* an expectation has said how it ended */
    int may_report;   /* a sanitizer's report is what is wanted */
    pid_t pid;
    int pidfd, pipes[2], started;
    pthread_t watcher;
    struct ccb_text partial[2];
    struct ccb_line *lines, **last_line;
    int ended, status;
};

/* A text that a process is never to say. */
struct ccb_never {
    struct ccb_never *next;
    char *name, *text;
    size_t len;
};

int ccb_proc_spawn(struct ccb_proc *p, struct ccb_text *why);
void ccb_proc_free(struct ccb_proc *p);
/* "0" or "signal KILL" */
void ccb_proc_how(int status, struct ccb_text *out);
/* 1 when it ended as it has to. Event lock held, ended. */
int ccb_proc_ended_well(const struct ccb_proc *p);
/* A crash, a sanitizer's report, a forbidden text: -1 with the failure. */
int ccb_proc_check_lines(struct ccb_ctx *ctx, struct ccb_proc *p);
/* [OPTIONS] PROGRAM ARG... into a process that is not started yet. */
int ccb_proc_take_program(struct ccb_args *a, struct ccb_proc *p);
/* `0`, `signal KILL` or `any`. */
int ccb_proc_take_ending(struct ccb_args *a, struct ccb_proc *p);

#endif
