/*
 * The ledger's thread: one operation after the other, each a transaction
 * (ledger.h). Files that lost their last record go after the commit; a kill in
 * between leaves them to the sweep of the next start.
 */
#include "controller/ledger.h"

#include <stdarg.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "controller/blobs.h"
#include "state/state.h"

/* ---- statements --------------------------------------------------------- */

#define WHAT "the controller's state"

/* A full disk is what a person can do something about. */
static int note_full(struct ccb_ledger *ledger, int code, struct ccb_error *err)
{
    if (code < 0 && err && (sqlite3_errcode(ledger->db) & 0xff) == SQLITE_FULL)
        (void)memcpy(err->id, "DiskFull", sizeof("DiskFull"));
    return code;
}

static sqlite3_stmt *prepare(struct ccb_ledger *ledger, const char *sql,
                             struct ccb_error *err)
{
    size_t i = 0;

    while (i < CCB_LEDGER_STATEMENTS && ledger->cache[i].sql &&
           ledger->cache[i].sql != sql)
        i++;
    if (i == CCB_LEDGER_STATEMENTS) {
        ccb_error_set(err, CCB_FAILED, "the table of statements is full");
        return NULL;
    }
    if (!ledger->cache[i].sql) {
        if (sqlite3_prepare_v3(ledger->db, sql, -1, SQLITE_PREPARE_PERSISTENT,
                               &ledger->cache[i].statement,
                               NULL) != SQLITE_OK) {
            (void)note_full(ledger, ccb_state_fail(ledger->db, WHAT, err), err);
            return NULL;
        }
        ledger->cache[i].sql = sql;
    }
    (void)sqlite3_reset(ledger->cache[i].statement);
    return ledger->cache[i].statement;
}

static void bind_all(sqlite3_stmt *statement, const char *types, va_list values)
{
    int at = 1;

    for (; *types; types++, at++)
        if (*types == 'i') {
            (void)sqlite3_bind_int64(statement, at, va_arg(values, int64_t));
        } else {
            struct ccb_slice text = va_arg(values, struct ccb_slice);
            (void)sqlite3_bind_text64(statement, at, text.ptr, text.len,
                                      SQLITE_TRANSIENT, SQLITE_UTF8);
        }
}

int ccb_ledger_step(struct ccb_ledger *ledger, sqlite3_stmt *rows,
                    struct ccb_error *err)
{
    return rows ? note_full(ledger, ccb_state_step(rows, WHAT, err), err)
                : CCB_IO;
}

sqlite3_stmt *ccb_ledger_query(struct ccb_ledger *ledger, struct ccb_error *err,
                               const char *sql, const char *types, ...)
{
    sqlite3_stmt *statement = prepare(ledger, sql, err);
    va_list values;

    va_start(values, types);
    if (statement)
        bind_all(statement, types, values);
    va_end(values);
    return statement;
}

int ccb_ledger_run(struct ccb_ledger *ledger, struct ccb_error *err,
                   const char *sql, const char *types, ...)
{
    sqlite3_stmt *statement = prepare(ledger, sql, err);
    va_list values;
    int code;

    if (!statement)
        return CCB_IO;
    va_start(values, types);
    bind_all(statement, types, values);
    va_end(values);
    code = ccb_ledger_step(ledger, statement, err);
    (void)sqlite3_reset(statement);
    return code < 0 ? code : 0;
}

int ccb_ledger_number(struct ccb_ledger *ledger, struct ccb_error *err,
                      int64_t *out, const char *sql, const char *types, ...)
{
    sqlite3_stmt *statement = prepare(ledger, sql, err);
    va_list values;
    int code;

    *out = 0;
    if (!statement)
        return CCB_IO;
    va_start(values, types);
    bind_all(statement, types, values);
    va_end(values);
    code = ccb_ledger_step(ledger, statement, err);
    if (code > 0)
        *out = sqlite3_column_int64(statement, 0);
    (void)sqlite3_reset(statement);
    return code;
}

struct ccb_slice ccb_ledger_text(struct ccb_ledger *ledger, sqlite3_stmt *rows,
                                 int column)
{
    const char *text = (const char *)sqlite3_column_text(rows, column);
    struct ccb_slice copy = {NULL, 0};

    if (!text) {
        if (sqlite3_column_type(rows, column) != SQLITE_NULL)
            ledger->no_memory = true;
        return copy;
    }
    copy = ccb_arena_copy(
        ledger->arena,
        ccb_slice_make(text, (size_t)sqlite3_column_bytes(rows, column)));
    if (!copy.ptr)
        ledger->no_memory = true;
    return copy;
}

/* ---- an operation ------------------------------------------------------- */

static int guarded(struct ccb_ledger *ledger, struct ccb_ledger_op *op)
{
    int code = ccb_ledger_run(ledger, &op->err, "BEGIN", "");

    if (code < 0)
        return code;
    code = op->run(op, ledger, &op->err);
    if (code >= 0 && (ledger->no_memory || ledger->doomed.failed))
        code = ccb_error_set(&op->err, CCB_NO_MEMORY, "out of memory");
    if (code >= 0)
        code = ccb_ledger_run(ledger, &op->err, "COMMIT", "");
    if (code < 0) /* SQLite may have done it by itself: then this fails */
        (void)ccb_ledger_run(ledger, NULL, "ROLLBACK", "");
    return code;
}

int ccb_ledger_perform(struct ccb_ledger *ledger, struct ccb_ledger_op *op)
{
    ledger->arena = op->arena;
    ledger->now = ccb_clock_wall();
    ledger->no_memory = ledger->events = false;
    ccb_buf_reset(&ledger->doomed);
    ledger->doomed.failed = 0;
    op->code = guarded(ledger, op);
    if (op->code >= 0) {
        op->code = 0;
        op->events = ledger->events;
        ccb_blobs_unlink(ledger->dir, ccb_buf_slice(&ledger->doomed));
    }
    ledger->arena = NULL;
    return op->code;
}

static void on_answered(struct ccb_post *post)
{
    struct ccb_ledger_op *op = (struct ccb_ledger_op *)post;

    op->on_done(op);
}

static struct ccb_ledger_op *take(struct ccb_ledger *ledger)
{
    struct ccb_ledger_op *op;

    uv_mutex_lock(&ledger->lock);
    while (!ledger->first && !ledger->stop)
        uv_cond_wait(&ledger->wake, &ledger->lock);
    op = ledger->first;
    if (op)
        ledger->first = op->next;
    if (!ledger->first)
        ledger->last = &ledger->first;
    uv_mutex_unlock(&ledger->lock);
    return op;
}

static void run_thread(void *arg)
{
    struct ccb_ledger *ledger = arg;
    struct ccb_ledger_op *op = take(ledger);

    while (op) {
        (void)ccb_ledger_perform(ledger, op);
        op->post.run = on_answered;
        ccb_loop_post(op->loop, &op->post);
        op = take(ledger);
    }
}

void ccb_ledger_submit(struct ccb_ledger *ledger, struct ccb_ledger_op *op)
{
    op->next = NULL;
    op->code = 0;
    op->events = false;
    uv_mutex_lock(&ledger->lock);
    *ledger->last = op;
    ledger->last = &op->next;
    uv_cond_signal(&ledger->wake);
    uv_mutex_unlock(&ledger->lock);
}

/* ---- open and close ----------------------------------------------------- */

int ccb_ledger_open(struct ccb_ledger **out, const char *dir,
                    struct ccb_error *err)
{
    struct ccb_ledger *ledger = ccb_calloc(1, sizeof(*ledger));
    struct ccb_buf path = {0};
    int code;

    *out = NULL;
    ccb_buf_printf(&path, "%s/controller.sqlite", dir);
    ccb_buf_putc(&path, '\0');
    if (!ledger || path.failed) {
        code = ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
        goto out;
    }
    ledger->dir = dir;
    ledger->last = &ledger->first;
    code = ccb_ledger_file_open(&ledger->db, path.data, err);
    if (code == 0) {
        *out = ledger;
        ledger = NULL;
    }
out:
    ccb_free(ledger);
    ccb_buf_destroy(&path);
    return code;
}

int ccb_ledger_start(struct ccb_ledger *ledger, struct ccb_error *err)
{
    if (uv_mutex_init(&ledger->lock) < 0)
        goto out;
    if (uv_cond_init(&ledger->wake) < 0) {
        uv_mutex_destroy(&ledger->lock);
        goto out;
    }
    if (uv_thread_create(&ledger->thread, run_thread, ledger) == 0) {
        ledger->running = true;
        return 0;
    }
    uv_cond_destroy(&ledger->wake);
    uv_mutex_destroy(&ledger->lock);
out:
    return ccb_error_set(err, CCB_IO,
                         "the system refuses a thread for the controller's "
                         "state");
}

static void stop_thread(struct ccb_ledger *ledger)
{
    uv_mutex_lock(&ledger->lock);
    ledger->stop = true;
    uv_cond_signal(&ledger->wake);
    uv_mutex_unlock(&ledger->lock);
    (void)uv_thread_join(&ledger->thread);
    uv_cond_destroy(&ledger->wake);
    uv_mutex_destroy(&ledger->lock);
}

void ccb_ledger_close(struct ccb_ledger *ledger)
{
    if (!ledger)
        return;
    if (ledger->running)
        stop_thread(ledger);
    for (size_t i = 0; i < CCB_LEDGER_STATEMENTS; i++)
        (void)sqlite3_finalize(ledger->cache[i].statement);
    (void)sqlite3_close(ledger->db);
    ccb_buf_destroy(&ledger->doomed);
    ccb_free(ledger);
}
