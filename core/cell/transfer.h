/*
 * What a download and an upload have in common: they go on by steps on the
 * loop, one job in the pool at a time, and end when nothing of them is left on
 * its way. Threads: the loop's.
 */
#ifndef CCB_CELL_TRANSFER_H
#define CCB_CELL_TRANSFER_H

#include <stdbool.h>

#include "ccbridge/error.h"
#include "net/loop.h"

struct ccb_transfer {
    struct ccb_loop *loop;
    void *owner; /* the download, the upload */
    void (*step)(void *owner);
    void (*release)(void *owner); /* frees the owner, and this in it */
    bool working;                 /* a job is in the pool */
    int code;                     /* what the last job left here */
    /* inside */
    struct ccb_post post;
    uv_work_t work;
    bool posted, closed;
};

/* A step soon, for those who may not step themselves. */
void ccb_transfer_wake(struct ccb_transfer *transfer);
/* Runs a job in the pool, whose work->data is the owner, with the code 0 to
 * begin with; then a step. */
void ccb_transfer_run(struct ccb_transfer *transfer,
                      void (*run)(uv_work_t *work));
/* Nothing is to come but a step that is on its way: once it came, or now,
 * `release`. Not while working. */
void ccb_transfer_close(struct ccb_transfer *transfer);

/* CCB_INVALID: neither parsed nor of a scheme that is fetched. Such a URL must
 * not reach the log, for where its secrets are can't be told; the words name it
 * without. */
int ccb_transfer_check_url(const char *text, struct ccb_error *err);

#endif
