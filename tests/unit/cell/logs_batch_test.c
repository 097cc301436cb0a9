/*
 * The writer of the log sink (core/cell/logs.c): what comes to a guid while it
 * is being written neither holds up nor loses what other guids have in the same
 * batch. The pool's threads are held so that the batch lasts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cell/logs.h"

#define THREADS 4

static struct ccb_loop loop;
static struct ccb_logs *logs;
static sem_t held, go;

static void run_until(const int *flag)
{
    int64_t end = ccb_clock_monotonic() + 20 * CCB_SECOND;

    while (!*flag) {
        assert_true(ccb_clock_monotonic() < end);
        (void)uv_run(&loop.uv, UV_RUN_NOWAIT);
    }
}

/* ---- the pool ----------------------------------------------------------- */

static void hold(uv_work_t *work)
{
    (void)work;
    (void)sem_post(&held);
    (void)sem_wait(&go);
}

static void on_held_over(uv_work_t *work, int status)
{
    (void)work;
    assert_int_equal(status, 0);
}

/* All of its threads, behind what they do already. */
static void hold_pool(uv_work_t work[THREADS])
{
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(uv_queue_work(&loop.uv, &work[i], hold, on_held_over),
                         0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(sem_wait(&held), 0);
}

static void release_pool(void)
{
    for (int i = 0; i < THREADS; i++)
        (void)sem_post(&go);
}

/* ---- the sink ----------------------------------------------------------- */

static void write_line(const char *guid, const char *text)
{
    struct ccb_log_message message = {
        .guid = ccb_slice_of(guid), .time = 7, .text = ccb_slice_of(text)};

    ccb_logs_write(logs, &message);
}

struct hearing {
    struct ccb_buf text;
    int ended;
};

static void on_lines(void *user, struct ccb_slice lines)
{
    struct hearing *hearing = user;

    (void)ccb_buf_put_slice(&hearing->text, lines);
}

static void on_end(void *user, const struct ccb_error *err)
{
    struct hearing *hearing = user;

    assert_null(err);
    hearing->ended = 1;
}

/* The log has these texts, in this order. */
static void assert_log(const char *guid, const char *first, const char *second)
{
    struct hearing hearing = {0};
    struct ccb_logs_read read = {.guid = ccb_slice_of(guid),
                                 .tail = -1,
                                 .on_lines = on_lines,
                                 .on_end = on_end,
                                 .user = &hearing};
    struct ccb_logs_reader *reader;
    const char *at;

    assert_int_equal(ccb_logs_reader_open(&reader, logs, &read, NULL), 0);
    run_until(&hearing.ended);
    assert_int_equal(ccb_buf_putc(&hearing.text, '\0'), 0);
    at = strstr(hearing.text.data, first);
    assert_non_null(at);
    assert_non_null(strstr(at, second));
    ccb_buf_destroy(&hearing.text);
}

static void a_line_for_a_guid_in_the_batch_leaves_the_others_in_it(void **state)
{
    uv_work_t work[THREADS];

    (void)state;
    write_line("first", "starts a batch");
    write_line("a", "a-1"); /* these two are the next one */
    write_line("b", "b-1");
    hold_pool(work); /* so the first batch is done */
    for (int i = 0; i < 3; i++)
        (void)uv_run(&loop.uv, UV_RUN_NOWAIT);
    write_line("a", "a-2");
    write_line("b", "b-2");
    release_pool();
    assert_log("b", "b-1", "b-2");
    assert_log("a", "a-1", "a-2");
}

/* ---- around ------------------------------------------------------------- */

static void on_closed(void *user)
{
    *(int *)user = 1;
}

static int open_all(void **state)
{
    static char dir[64];
    struct ccb_logs_options options = {.loop = &loop, .directory = dir};

    (void)snprintf(dir, sizeof(dir), "/tmp/ccb-logs-XXXXXX");
    assert_non_null(mkdtemp(dir));
    *state = dir;
    assert_int_equal(sem_init(&held, 0, 0), 0);
    assert_int_equal(sem_init(&go, 0, 0), 0);
    assert_int_equal(ccb_loop_open(&loop, NULL), 0);
    return ccb_logs_open(&logs, &options, NULL);
}

static int remove_one(const char *path, const struct stat *info, int kind,
                      struct FTW *where)
{
    (void)info;
    (void)kind;
    (void)where;
    return remove(path);
}

static int close_all(void **state)
{
    int closed = 0;

    ccb_logs_close(logs, on_closed, &closed);
    run_until(&closed);
    assert_int_equal(ccb_loop_close(&loop, NULL), 0);
    return nftw(*state, remove_one, 4, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_line_for_a_guid_in_the_batch_leaves_the_others_in_it, open_all,
            close_all),
    };

    (void)setenv("UV_THREADPOOL_SIZE", "4", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
