/*
 * The cell's state: tasks, desired and actual LRPs, domains in SQLite; cells
 * in its memory (contract/embedded-cell.md 3).
 *
 * One thread writes and reads. Operations come from any thread, wait in a
 * queue, and run in it one after the other, many to a transaction; each is
 * answered after the commit that holds it, so what was acknowledged survives
 * a kill at any moment. Events and effects go out after the commit, too, and
 * before the answers. An operation that fails leaves nothing behind; a commit
 * that fails fails all that were in it.
 *
 * The file is this process's alone and carries a schema version: a newer one
 * than the program's is refused by name, an older one is upgraded.
 */
#ifndef CCB_CELL_STORE_H
#define CCB_CELL_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "ccbridge/error.h"
#include "ccbridge/slice.h"
#include "cell/events.h"
#include "cell/times.h"
#include "net/loop.h"

struct ccb_store;
struct ccb_store_tx; /* a transaction: only inside an operation's run */

/* ---- what follows from a change ----------------------------------------- */

/* What the store can't do itself. Lost by a kill; convergence finds it
 * again. */
enum ccb_effect_kind {
    CCB_EFFECT_AUCTION_TASK,   /* guid: find it a place */
    CCB_EFFECT_CANCEL_TASK,    /* guid, cell_id: end its container */
    CCB_EFFECT_CALL_BACK,      /* guid: tell its callback URL */
    CCB_EFFECT_AUCTION_ACTUAL, /* guid, index */
    CCB_EFFECT_STOP_ACTUAL     /* guid, index, instance_guid, cell_id */
};

struct ccb_effect {
    enum ccb_effect_kind kind;
    struct ccb_slice guid, instance_guid, cell_id; /* borrowed */
    int64_t index;
};

/* ---- operations --------------------------------------------------------- */

struct ccb_store_op {
    struct ccb_post post;  /* the way back; the store's */
    struct ccb_loop *loop; /* where on_done is called; NULL: on the store's
                              thread */
    /* On the store's thread. 0 or negative with `err` filled. */
    int (*run)(struct ccb_store_op *op, struct ccb_store_tx *tx,
               struct ccb_error *err);
    /* Once, after the commit: code and err tell how it went. */
    void (*on_done)(struct ccb_store_op *op);
    int code;
    struct ccb_error err;
    struct ccb_store_op *next;
};

/* [any thread] `op` is the caller's memory until on_done. */
void ccb_store_submit(struct ccb_store *store, struct ccb_store_op *op);

/* [any thread but a loop's] Runs one operation and waits for it. */
int ccb_store_run(struct ccb_store *store,
                  int (*run)(void *arg, struct ccb_store_tx *tx,
                             struct ccb_error *err),
                  void *arg, struct ccb_error *err);

/* ---- the store ---------------------------------------------------------- */

struct ccb_store_clock {
    int64_t (*wall)(void *user);      /* ns since 1970; what is stored */
    int64_t (*monotonic)(void *user); /* for presence */
    void *user;
};

struct ccb_store_options {
    const char *path;                    /* of the file; its directory exists */
    const struct ccb_cell_times *times;  /* NULL: Diego's; borrowed */
    const struct ccb_store_clock *clock; /* NULL: the real ones; borrowed */
    struct ccb_events *events;           /* NULL: none are published */
    /* On the store's thread, after the commit; must not block. */
    void (*on_effect)(void *user, const struct ccb_effect *effect);
    void *user;
};

/* Opens or creates the file and starts the thread. CCB_CONFLICT: another
 * process has it, or it is newer than this program. */
int ccb_store_open(struct ccb_store **store,
                   const struct ccb_store_options *options,
                   struct ccb_error *err);
/* Runs what was submitted, ends the thread. NULL is fine. */
void ccb_store_close(struct ccb_store *store);

#endif
