/*
 * The store's thread: takes what waits, runs it in one transaction, commits,
 * sends out events and effects, answers (contract/embedded-cell.md 3).
 *
 * Invariant: nothing is answered or sent out before the commit returned. The
 * order of operations is that of submission.
 */
#include "cell/store_internal.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "state/state.h"

/* One commit holds up to so many: enough to share the disk's wait among all
 * who stand in the queue, few enough to answer the first one soon. */
#define MAX_BATCH 256

struct ccb_store {
    struct ccb_store_tx tx;
    struct ccb_store_options options;
    struct ccb_store_clock clock;
    uv_thread_t thread;
    uv_mutex_t lock;
    uv_cond_t wake;
    struct ccb_store_op *first, **last; /* waiting; under the lock */
    bool stop;
};

/* ---- statements --------------------------------------------------------- */

static const char *const sql[CCB_SQL_COUNT] = {
#define CCB_STATEMENT_SQL(id, text) text,
    CCB_STATEMENTS(CCB_STATEMENT_SQL)
#undef CCB_STATEMENT_SQL
};

int ccb_tx_no_memory(struct ccb_error *err)
{
    return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
}

int ccb_tx_fail(struct ccb_store_tx *tx, struct ccb_error *err)
{
    return ccb_state_fail(tx->db, "state", err);
}

sqlite3_stmt *ccb_tx_statement(struct ccb_store_tx *tx, enum ccb_statement id)
{
    sqlite3_stmt *statement = tx->statements[id];

    (void)sqlite3_reset(statement);
    return statement;
}

/* An empty slice is the empty text, not NULL. */
void ccb_bind(sqlite3_stmt *statement, int at, struct ccb_slice text)
{
    (void)sqlite3_bind_text64(statement, at, text.len ? text.ptr : "", text.len,
                              SQLITE_STATIC, SQLITE_UTF8);
}

struct ccb_slice ccb_column(struct ccb_store_tx *tx, sqlite3_stmt *statement,
                            int at, bool *failed)
{
    const unsigned char *text = sqlite3_column_text(statement, at);
    size_t len = (size_t)sqlite3_column_bytes(statement, at);
    struct ccb_slice copy = ccb_slice_of("");

    if (text && len > 0)
        copy =
            ccb_arena_copy(tx->arena, ccb_slice_make((const char *)text, len));
    if (!text || !copy.ptr) {
        *failed = true;
        return ccb_slice_of("");
    }
    return copy;
}

int ccb_tx_step(struct ccb_store_tx *tx, sqlite3_stmt *statement,
                struct ccb_error *err)
{
    (void)tx;
    return ccb_state_step(statement, "state", err);
}

int ccb_tx_execute(struct ccb_store_tx *tx, sqlite3_stmt *statement,
                   struct ccb_error *err)
{
    int code = ccb_tx_step(tx, statement, err);

    (void)sqlite3_reset(statement);
    return code < 0 ? code : 0;
}

static int run_plain(struct ccb_store_tx *tx, enum ccb_statement id,
                     struct ccb_error *err)
{
    return ccb_tx_execute(tx, ccb_tx_statement(tx, id), err);
}

/* ---- what goes out after the commit ------------------------------------- */

static struct ccb_outgoing *add_outgoing(struct ccb_store_tx *tx)
{
    struct ccb_outgoing *out = ccb_arena_alloc(tx->arena, sizeof(*out));

    if (out) {
        *tx->last = out;
        tx->last = &out->next;
    }
    return out;
}

int ccb_tx_publish(struct ccb_store_tx *tx, struct ccb_event *event,
                   struct ccb_error *err)
{
    struct ccb_outgoing *out = event ? add_outgoing(tx) : NULL;

    if (event && !out) {
        ccb_event_unref(event);
        return ccb_tx_no_memory(err);
    }
    if (out)
        out->event = event;
    return 0;
}

int ccb_tx_effect(struct ccb_store_tx *tx, const struct ccb_effect *effect,
                  struct ccb_error *err)
{
    struct ccb_effect copy = *effect;
    struct ccb_outgoing *out;

    copy.guid = ccb_arena_copy(tx->arena, effect->guid);
    copy.instance_guid = ccb_arena_copy(tx->arena, effect->instance_guid);
    copy.cell_id = ccb_arena_copy(tx->arena, effect->cell_id);
    if (!copy.guid.ptr || !copy.instance_guid.ptr || !copy.cell_id.ptr)
        return ccb_tx_no_memory(err);
    out = add_outgoing(tx);
    if (!out)
        return ccb_tx_no_memory(err);
    out->effect = copy;
    return 0;
}

/* Forgets what was added from `*from` on. */
static void drop_outgoing(struct ccb_store_tx *tx, struct ccb_outgoing **from)
{
    for (struct ccb_outgoing *out = *from; out; out = out->next)
        ccb_event_unref(out->event);
    *from = NULL;
    tx->last = from;
}

static void send_outgoing(struct ccb_store *store)
{
    struct ccb_store_tx *tx = &store->tx;

    for (struct ccb_outgoing *out = tx->first; out; out = out->next)
        if (out->event)
            ccb_events_publish(store->options.events, out->event);
        else if (store->options.on_effect)
            store->options.on_effect(store->options.user, &out->effect);
    drop_outgoing(tx, &tx->first);
}

/* ---- a batch ------------------------------------------------------------ */

/* On its own savepoint, so that its failure leaves the others alone. */
static int run_guarded(struct ccb_store_tx *tx, struct ccb_store_op *op)
{
    struct ccb_outgoing **mark = tx->last;
    struct ccb_error undo_err;
    int code = run_plain(tx, CCB_SQL_SAVEPOINT, &op->err);

    if (code < 0)
        return code;
    code = op->run(op, tx, &op->err);
    if (code < 0) {
        drop_outgoing(tx, mark);
        if (run_plain(tx, CCB_SQL_UNDO, &undo_err) < 0)
            return code; /* the commit below fails, too */
    }
    if (run_plain(tx, CCB_SQL_RELEASE, code < 0 ? &undo_err : &op->err) < 0 &&
        code == 0)
        code = op->err.code;
    return code;
}

static void fail_all(struct ccb_store_op *first, const struct ccb_error *err)
{
    for (struct ccb_store_op *op = first; op; op = op->next) {
        op->code = err->code;
        op->err = *err;
    }
}

/* 0, or the whole batch failed. */
static int run_transaction(struct ccb_store *store, struct ccb_store_op *first,
                           struct ccb_error *err)
{
    struct ccb_store_tx *tx = &store->tx;
    struct ccb_error rollback_err;
    int code = run_plain(tx, CCB_SQL_BEGIN, err);

    if (code < 0)
        return code;
    for (struct ccb_store_op *op = first; op; op = op->next)
        op->code = run_guarded(tx, op);
    code = run_plain(tx, CCB_SQL_COMMIT, err);
    if (code < 0) /* SQLite may have rolled back by itself: then this fails */
        (void)run_plain(tx, CCB_SQL_ROLLBACK, &rollback_err);
    return code;
}

static void on_answered(struct ccb_post *post)
{
    struct ccb_store_op *op = (struct ccb_store_op *)post;

    op->on_done(op);
}

static void answer_all(struct ccb_store_op *op)
{
    while (op) {
        struct ccb_store_op *next = op->next;

        op->post.run = on_answered;
        if (op->loop)
            ccb_loop_post(op->loop, &op->post);
        else
            op->on_done(op);
        op = next;
    }
}

static void run_batch(struct ccb_store *store, struct ccb_store_op *first)
{
    struct ccb_store_tx *tx = &store->tx;
    struct ccb_error err;
    int code;

    tx->first = NULL;
    tx->last = &tx->first;
    tx->now = store->clock.wall(store->clock.user);
    tx->monotonic = store->clock.monotonic(store->clock.user);
    tx->arena = ccb_arena_create();
    code = tx->arena ? run_transaction(store, first, &err)
                     : ccb_tx_no_memory(&err);
    if (code < 0) {
        drop_outgoing(tx, &tx->first);
        fail_all(first, &err);
    }
    send_outgoing(store);
    answer_all(first);
    ccb_arena_unref(tx->arena);
    tx->arena = NULL;
}

/* ---- the thread --------------------------------------------------------- */

/* Waits for work; NULL: none is left and the store stops. */
static struct ccb_store_op *take_batch(struct ccb_store *store)
{
    struct ccb_store_op *first, **at;
    size_t count = 0;

    uv_mutex_lock(&store->lock);
    while (!store->first && !store->stop)
        uv_cond_wait(&store->wake, &store->lock);
    first = store->first;
    for (at = &first; *at && count < MAX_BATCH; at = &(*at)->next)
        count++;
    store->first = *at;
    if (!store->first)
        store->last = &store->first;
    *at = NULL;
    uv_mutex_unlock(&store->lock);
    return first;
}

static void run_store(void *arg)
{
    struct ccb_store *store = arg;

    for (;;) {
        struct ccb_store_op *first = take_batch(store);

        if (!first)
            return;
        run_batch(store, first);
    }
}

void ccb_store_submit(struct ccb_store *store, struct ccb_store_op *op)
{
    op->next = NULL;
    op->code = 0;
    uv_mutex_lock(&store->lock);
    *store->last = op;
    store->last = &op->next;
    uv_cond_signal(&store->wake);
    uv_mutex_unlock(&store->lock);
}

/* ---- open and close ----------------------------------------------------- */

static int64_t wall(void *user)
{
    (void)user;
    return ccb_clock_wall();
}

static int64_t monotonic(void *user)
{
    (void)user;
    return ccb_clock_monotonic();
}

static const struct ccb_store_clock real_clock = {wall, monotonic, NULL};

static int prepare_all(struct ccb_store_tx *tx, struct ccb_error *err)
{
    for (int i = 0; i < CCB_SQL_COUNT; i++)
        if (sqlite3_prepare_v3(tx->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &tx->statements[i], NULL) != SQLITE_OK)
            return ccb_tx_fail(tx, err);
    return 0;
}

static int start_thread(struct ccb_store *store, struct ccb_error *err)
{
    const char *what = "a lock";

    if (uv_mutex_init(&store->lock) < 0)
        goto out;
    if (uv_cond_init(&store->wake) < 0) {
        uv_mutex_destroy(&store->lock);
        goto out;
    }
    if (uv_thread_create(&store->thread, run_store, store) == 0)
        return 0;
    uv_cond_destroy(&store->wake);
    uv_mutex_destroy(&store->lock);
    what = "a thread";
out:
    return ccb_error_set(err, CCB_IO, "state: the system refuses %s", what);
}

static void close_file(struct ccb_store *store)
{
    for (int i = 0; i < CCB_SQL_COUNT; i++)
        (void)sqlite3_finalize(store->tx.statements[i]);
    (void)sqlite3_close(store->tx.db);
    ccb_free(store);
}

int ccb_store_open(struct ccb_store **out,
                   const struct ccb_store_options *options,
                   struct ccb_error *err)
{
    struct ccb_store *store = ccb_calloc(1, sizeof(*store));
    int code;

    if (!store)
        return ccb_tx_no_memory(err);
    store->options = *options;
    store->clock = options->clock ? *options->clock : real_clock;
    store->tx.times = options->times ? options->times : &ccb_cell_times_default;
    store->tx.events = options->events;
    store->last = &store->first;
    code = ccb_cell_times_check(store->tx.times, err);
    if (code == 0)
        code = ccb_store_file_open(&store->tx.db, options->path, err);
    if (code == 0)
        code = prepare_all(&store->tx, err);
    if (code == 0)
        code = start_thread(store, err);
    if (code < 0) {
        close_file(store);
        return code;
    }
    *out = store;
    return 0;
}

void ccb_store_close(struct ccb_store *store)
{
    if (!store)
        return;
    uv_mutex_lock(&store->lock);
    store->stop = true;
    uv_cond_signal(&store->wake);
    uv_mutex_unlock(&store->lock);
    (void)uv_thread_join(&store->thread);
    uv_cond_destroy(&store->wake);
    uv_mutex_destroy(&store->lock);
    close_file(store);
}

/* ---- one operation, waited for ------------------------------------------ */

struct waited {
    struct ccb_store_op op; /* first */
    int (*run)(void *arg, struct ccb_store_tx *tx, struct ccb_error *err);
    void *arg;
    uv_sem_t done;
};

static int on_run(struct ccb_store_op *op, struct ccb_store_tx *tx,
                  struct ccb_error *err)
{
    struct waited *waited = (struct waited *)op;

    return waited->run(waited->arg, tx, err);
}

static void on_waited(struct ccb_store_op *op)
{
    uv_sem_post(&((struct waited *)op)->done);
}

int ccb_store_run(struct ccb_store *store,
                  int (*run)(void *arg, struct ccb_store_tx *tx,
                             struct ccb_error *err),
                  void *arg, struct ccb_error *err)
{
    struct waited waited = {
        .op = {.run = on_run, .on_done = on_waited}, .run = run, .arg = arg};

    if (uv_sem_init(&waited.done, 0) < 0)
        return ccb_error_set(err, CCB_IO, "the system refuses a semaphore");
    ccb_store_submit(store, &waited.op);
    uv_sem_wait(&waited.done);
    uv_sem_destroy(&waited.done);
    if (waited.op.code < 0 && err)
        *err = waited.op.err;
    return waited.op.code;
}
