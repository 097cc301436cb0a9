/*
 * The controller's state: apps, stagings, droplets, events and what is still
 * to be told to the other roles, in SQLite; the files they name lie beside it
 * (blobs.h).
 *
 * One thread reads and writes. An operation is one transaction, answered after
 * its commit, so that what was acknowledged survives a kill at any moment; one
 * that fails leaves nothing behind. A newer file than the program is refused
 * by name.
 */
#ifndef CCB_CONTROLLER_LEDGER_H
#define CCB_CONTROLLER_LEDGER_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "ccbridge/error.h"
#include "net/loop.h"

#define CCB_LEDGER_STATEMENTS 96

struct ccb_ledger {
    sqlite3 *db;
    const char *dir; /* STATE/controller; borrowed */
    struct {
        const char *sql; /* a literal: looked up by its address */
        sqlite3_stmt *statement;
    } cache[CCB_LEDGER_STATEMENTS];
    /* Of the operation that runs: */
    struct ccb_arena *arena;
    int64_t now;           /* ns since 1970 */
    bool no_memory;        /* a column could not be copied */
    bool events;           /* an event was added */
    struct ccb_buf doomed; /* digests whose files go after the commit */
    /* The thread: */
    uv_thread_t thread;
    uv_mutex_t lock;
    uv_cond_t wake;
    struct ccb_ledger_op *first, **last;
    bool stop, running;
};

struct ccb_ledger_op {
    struct ccb_post post; /* the way back; the ledger's */
    struct ccb_loop *loop;
    struct ccb_arena *arena; /* what columns are copied into; the caller's,
                                lent to the ledger's thread until on_done */
    /* On the ledger's thread. 0 or negative with `err` filled. */
    int (*run)(struct ccb_ledger_op *op, struct ccb_ledger *ledger,
               struct ccb_error *err);
    /* Once, on the loop, after the commit. */
    void (*on_done)(struct ccb_ledger_op *op);
    int code;
    struct ccb_error err;
    bool events; /* some were added: who follows them wants to know */
    struct ccb_ledger_op *next;
};

/* Opens or creates `dir`/controller.sqlite. `dir` is borrowed. */
int ccb_ledger_open(struct ccb_ledger **out, const char *dir,
                    struct ccb_error *err);
/* The thread; before it the opener may run operations itself. */
int ccb_ledger_start(struct ccb_ledger *ledger, struct ccb_error *err);
/* Runs what was submitted, ends the thread. NULL is fine. */
void ccb_ledger_close(struct ccb_ledger *ledger);

/* [any thread] `op` is the caller's memory until on_done. */
void ccb_ledger_submit(struct ccb_ledger *ledger, struct ccb_ledger_op *op);
/* The same, at once and here: only before ccb_ledger_start. */
int ccb_ledger_perform(struct ccb_ledger *ledger, struct ccb_ledger_op *op);

/* ---- inside an operation ------------------------------------------------ */

/* Runs `sql` to its end. `types` has a letter an argument: 't' a struct
 * ccb_slice (ptr NULL: SQL's NULL), 'i' an int64_t. */
int ccb_ledger_run(struct ccb_ledger *ledger, struct ccb_error *err,
                   const char *sql, const char *types, ...);
/* The same for rows: call ccb_ledger_step until it gives 0. NULL: failed. */
sqlite3_stmt *ccb_ledger_query(struct ccb_ledger *ledger, struct ccb_error *err,
                               const char *sql, const char *types, ...);
/* 1: a row; 0: no more; or negative. */
int ccb_ledger_step(struct ccb_ledger *ledger, sqlite3_stmt *rows,
                    struct ccb_error *err);
/* The first column of the first row; 1, 0 without a row, or negative. */
int ccb_ledger_number(struct ccb_ledger *ledger, struct ccb_error *err,
                      int64_t *out, const char *sql, const char *types, ...);
/* A copy in the operation's arena; ptr NULL for SQL's NULL. */
struct ccb_slice ccb_ledger_text(struct ccb_ledger *ledger, sqlite3_stmt *rows,
                                 int column);

/* ---- the file (ledger_file.c) ------------------------------------------- */

int ccb_ledger_file_open(sqlite3 **db, const char *path, struct ccb_error *err);

#endif
