/*
 * One libuv loop per thread, and what hangs on it.
 *
 * A loop's owner opens servers, clients and timers on it and must close them
 * all before ccb_loop_close, which refuses (CCB_CONFLICT, naming the handle
 * kinds) while a handle is open: that is how tests prove nothing leaks.
 *
 * Threads: everything belongs to the loop's thread but ccb_loop_post.
 */
#ifndef CCB_NET_LOOP_H
#define CCB_NET_LOOP_H

#include <uv.h>

#include "ccbridge/error.h"

struct ccb_loop {
    uv_loop_t uv;
    uv_async_t wake;
    uv_prepare_t turn; /* before the loop waits: log lines, metrics */
    uv_mutex_t lock;
    struct ccb_post *posted;  /* newest first, taken whole */
    struct ccb_post *running; /* of those taken: what is still to run */
    int open;
};

/* A unit of work handed to a loop from another thread; the caller's memory
 * until `run` is called, on the loop's thread. */
struct ccb_post {
    void (*run)(struct ccb_post *post);
    struct ccb_post *next;
};

int ccb_loop_open(struct ccb_loop *loop, struct ccb_error *err);
/* Runs until no active handle is left but the loop's own. */
int ccb_loop_run(struct ccb_loop *loop);
/* Closes the loop's own handle, runs what that takes, frees. */
int ccb_loop_close(struct ccb_loop *loop, struct ccb_error *err);

/* [any thread] */
void ccb_loop_post(struct ccb_loop *loop, struct ccb_post *post);
/* Takes back a post that has not run yet; its memory is the caller's again. */
void ccb_loop_unpost(struct ccb_loop *loop, struct ccb_post *post);

#endif
