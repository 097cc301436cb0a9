/*
 * The state file and its thread: contract/embedded-cell.md 3, design.md 7.
 */
#include "cell_bed.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* ---- what is kept ------------------------------------------------------- */

static void test_records_outlive_the_process(void **state)
{
    (void)state;
    OK(DO(desire_task, .guid = "t1"));
    OK(DO(desire_lrp, .guid = "web-1", .number = 1));
    ccb_store_close(cell.store);
    cell_reopen();
    assert_memory_equal(task_line("t1"), "PENDING", 7);
    assert_memory_equal(actual_line("web-1", 0), "UNCLAIMED", 9);
}

static int is_present(const struct step *s, struct ccb_store_tx *tx,
                      struct ccb_error *err)
{
    return ccb_cell_present(tx, or_empty(s->cell), err) == 1
               ? 0
               : ccb_error_set(err, CCB_NOT_FOUND, "absent");
}

static void test_cells_do_not_outlive_it_nor_their_presence(void **state)
{
    (void)state;
    OK(DO(announce, .cell = "a"));
    cell_pass(9);
    OK(DO(is_present, .cell = "a"));
    cell_pass(1);
    assert_int_equal(DO(is_present, .cell = "a"), CCB_NOT_FOUND);
    OK(DO(announce, .cell = "a"));
    ccb_store_close(cell.store);
    cell_reopen();
    assert_int_equal(DO(is_present, .cell = "a"), CCB_NOT_FOUND);
}

static void test_a_cell_without_room_is_refused(void **state)
{
    (void)state;
    assert_int_equal(DO(announce, .cell = ""), CCB_INVALID);
    assert_string_equal(cell.err.message, "Invalid field: cell_id");
}

static void test_the_file_is_the_owners_alone(void **state)
{
    struct stat st;

    (void)state;
    assert_int_equal(stat(cell.path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

/* ---- operations --------------------------------------------------------- */

static int create_then_fail(const struct step *s, struct ccb_store_tx *tx,
                            struct ccb_error *err)
{
    int code = desire_task(s, tx, err);

    return code < 0 ? code : ccb_error_set(err, CCB_FAILED, "on purpose");
}

static void test_a_failed_operation_leaves_nothing_behind(void **state)
{
    (void)state;
    assert_int_equal(DO(create_then_fail, .guid = "t1"), CCB_FAILED);
    assert_string_equal(cell.err.message, "on purpose");
    assert_string_equal(task_line("t1"), "none");
    assert_string_equal(cell_effects(), "");
}

/* Operations that wait while the thread is held up share one commit. */
struct held {
    struct ccb_store_op op;
    struct step step;
    uv_sem_t *entered, *go, *done;
};

static int run_held(struct ccb_store_op *op, struct ccb_store_tx *tx,
                    struct ccb_error *err)
{
    struct held *held = (struct held *)op;

    if (held->entered) {
        uv_sem_post(held->entered);
        uv_sem_wait(held->go);
        return 0;
    }
    return held->step.run(&held->step, tx, err);
}

static void on_held(struct ccb_store_op *op)
{
    uv_sem_post(((struct held *)op)->done);
}

static void test_the_failure_of_one_spares_its_batch(void **state)
{
    uv_sem_t entered, go, done;
    struct held first, ops[3];

    (void)state;
    uv_sem_init(&entered, 0);
    uv_sem_init(&go, 0);
    uv_sem_init(&done, 0);
    memset(ops, 0, sizeof(ops));
    for (int i = 0; i < 3; i++) {
        static const char *const guids[] = {"t0", "t1", "t2"};

        ops[i].op.run = run_held;
        ops[i].op.on_done = on_held;
        ops[i].done = &done;
        ops[i].step.guid = guids[i];
        ops[i].step.run = i == 1 ? create_then_fail : desire_task;
    }
    first = ops[0];
    first.entered = &entered;
    first.go = &go;
    ccb_store_submit(cell.store, &first.op);
    uv_sem_wait(&entered);
    for (int i = 0; i < 3; i++)
        ccb_store_submit(cell.store, &ops[i].op);
    uv_sem_post(&go);
    for (int i = 0; i < 4; i++)
        uv_sem_wait(&done);
    assert_int_equal(ops[0].op.code, 0);
    assert_int_equal(ops[1].op.code, CCB_FAILED);
    assert_int_equal(ops[2].op.code, 0);
    assert_memory_equal(task_line("t0"), "PENDING", 7);
    assert_string_equal(task_line("t1"), "none");
    assert_memory_equal(task_line("t2"), "PENDING", 7);
    assert_string_equal(cell_effects(), "auction-task t0\nauction-task t2\n");
    uv_sem_destroy(&entered);
    uv_sem_destroy(&go);
    uv_sem_destroy(&done);
}

/* A commit that can't be: the transaction is ended under the thread's feet. */
static int end_transaction(const struct step *s, struct ccb_store_tx *tx,
                           struct ccb_error *err)
{
    int code = desire_lrp(s, tx, err);

    if (code == 0)
        (void)sqlite3_exec(tx->db, "ROLLBACK", NULL, NULL, NULL);
    return code;
}

static void on_never(struct ccb_subscription *subscription, void *user)
{
    (void)subscription;
    (void)user;
}

static void test_nothing_is_told_of_a_commit_that_failed(void **state)
{
    struct ccb_subscription *subscription;
    struct ccb_loop loop;
    bool ended;

    (void)state;
    assert_int_equal(ccb_loop_open(&loop, NULL), 0);
    subscription = ccb_events_subscribe(cell.events, &loop, on_never, NULL);
    assert_true(DO(end_transaction, .guid = "web-1", .number = 1) < 0);
    assert_string_equal(cell_effects(), "");
    assert_null(ccb_events_take(subscription, &ended));
    OK(DO(desire_lrp, .guid = "web-1", .number = 1)); /* and it goes on */
    for (int i = 0; i < 2; i++) {
        struct ccb_event *event = ccb_events_take(subscription, &ended);

        assert_non_null(event);
        assert_string_equal(event->name,
                            i ? "actual_lrp_created" : "desired_lrp_created");
        ccb_event_unref(event);
    }
    ccb_events_unsubscribe(subscription);
    assert_int_equal(ccb_loop_run(&loop), 0);
    assert_int_equal(ccb_loop_close(&loop, NULL), 0);
}

/* ---- a kill ------------------------------------------------------------- */

/* Writes one task after the other and tells each only when the store has
 * acknowledged it. */
static void write_until_killed(int tell)
{
    char guid[16];

    cell_reopen();
    for (int i = 0;; i++) {
        (void)snprintf(guid, sizeof(guid), "t%06d", i);
        if (DO(desire_task, .guid = guid) < 0 ||
            write(tell, &i, sizeof(i)) != (ssize_t)sizeof(i))
            _exit(1);
    }
}

static void test_a_kill_loses_nothing_that_was_acknowledged(void **state)
{
    (void)state;
    ccb_store_close(cell.store);
    cell.store = NULL;
    for (int round = 1; round <= 5; round++) {
        int fds[2], last = -1, seen, status;
        pid_t child;
        char guid[16];

        cell_remove_files();
        assert_int_equal(mkdir(cell.dir, 0700), 0);
        assert_int_equal(pipe(fds), 0);
        child = fork();
        assert_true(child >= 0);
        if (child == 0)
            write_until_killed(fds[1]);
        (void)close(fds[1]);
        while (last < 7 * round &&
               read(fds[0], &seen, sizeof(seen)) == (ssize_t)sizeof(seen))
            last = seen;
        assert_int_equal(kill(child, SIGKILL), 0);
        while (read(fds[0], &seen, sizeof(seen)) == (ssize_t)sizeof(seen))
            last = seen;
        (void)close(fds[0]);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        cell_reopen();
        for (int i = 0; i <= last; i++) {
            (void)snprintf(guid, sizeof(guid), "t%06d", i);
            assert_memory_equal(task_line(guid), "PENDING", 7);
        }
        ccb_store_close(cell.store);
        cell.store = NULL;
    }
    cell_reopen();
}

/* ---- the schema --------------------------------------------------------- */

static void run_sql(const char *sql)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(cell.path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* Opening fails; the message has `part`. */
static void assert_refused(const char *part)
{
    struct ccb_store_options options = {.path = cell.path};
    struct ccb_store *store;
    int code = ccb_store_open(&store, &options, &cell.err);

    assert_int_equal(code, CCB_CONFLICT);
    assert_non_null(strstr(cell.err.message, cell.path));
    if (!strstr(cell.err.message, part))
        fail_msg("no \"%s\" in: %s", part, cell.err.message);
}

static void test_a_newer_state_is_refused_by_name(void **state)
{
    (void)state;
    ccb_store_close(cell.store);
    run_sql("PRAGMA user_version = 99");
    assert_refused("schema is version 99, this program knows up to 1");
    run_sql("PRAGMA user_version = 1");
    cell_reopen();
}

static void test_anothers_database_is_refused(void **state)
{
    (void)state;
    ccb_store_close(cell.store);
    (void)unlink(cell.path);
    run_sql("CREATE TABLE recipes (name TEXT)");
    assert_refused("a database of another program");
    (void)unlink(cell.path);
    cell_reopen();
}

static void test_a_state_in_use_is_refused(void **state)
{
    (void)state;
    assert_refused("another process has this state open");
}

/* ---- bad circumstances -------------------------------------------------- */

static void test_a_directory_that_is_not_there_is_named(void **state)
{
    struct ccb_store_options options = {.path = "/nonexistent/state.db"};
    struct ccb_store *store;

    (void)state;
    assert_int_equal(ccb_store_open(&store, &options, &cell.err), CCB_IO);
    assert_non_null(strstr(cell.err.message, "/nonexistent/state.db"));
}

static int allocation_to_fail;

static int starve(const struct step *s, struct ccb_store_tx *tx,
                  struct ccb_error *err)
{
    int code;

    (void)ccb_mem_fail_at((size_t)allocation_to_fail, 0);
    code = desire_lrp(s, tx, err);
    (void)ccb_mem_fail_at(0, 0);
    return code;
}

static void test_every_allocation_of_a_change_may_fail(void **state)
{
    struct ccb_subscription *subscription;
    struct ccb_loop loop;
    int failures = 0, code = CCB_NO_MEMORY;

    (void)state;
    assert_int_equal(ccb_loop_open(&loop, NULL), 0);
    subscription = ccb_events_subscribe(cell.events, &loop, on_never, NULL);
    for (allocation_to_fail = 1; code == CCB_NO_MEMORY; allocation_to_fail++) {
        code = DO(starve, .guid = "web-1", .number = 2);
        if (code < 0) {
            failures++;
            assert_int_equal(code, CCB_NO_MEMORY);
            assert_string_equal(actual_line("web-1", 0), "none");
            assert_string_equal(cell_effects(), "");
        }
    }
    assert_int_equal(code, 0);
    assert_true(failures > 5);
    ccb_events_unsubscribe(subscription);
    assert_int_equal(ccb_loop_run(&loop), 0);
    assert_int_equal(ccb_loop_close(&loop, NULL), 0);
}

/* ---- durations ---------------------------------------------------------- */

static void test_backoff_exponents(void **state)
{
    static const struct {
        int seconds, exponent;
    } rows[] = {{1200, 5}, {960, 5}, {480, 4}, {120, 2}, {119, 2}, {30, 0}};
    struct ccb_cell_times times = ccb_cell_times_default;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        times.backoff_max = rows[i].seconds * CCB_SECOND;
        assert_int_equal(ccb_backoff_exponent(&times), rows[i].exponent);
    }
    times.backoff_max = 119 * CCB_SECOND;
    assert_int_equal(ccb_backoff_wait(&times, 150), 119 * CCB_SECOND);
}

static void test_backoff_waits(void **state)
{
    static const struct {
        int count, seconds;
    } rows[] = {{0, 0},   {1, 0},   {2, 0},   {3, 30},  {4, 60},   {5, 120},
                {6, 240}, {7, 480}, {8, 960}, {9, 960}, {50, 960}, {199, 960}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(
            ccb_backoff_wait(&ccb_cell_times_default, rows[i].count),
            rows[i].seconds * CCB_SECOND);
    assert_int_equal(ccb_backoff_wait(&ccb_cell_times_default, 200), -1);
    assert_int_equal(ccb_backoff_wait(&ccb_cell_times_default, 201), -1);
}

static void test_a_backoff_below_its_unit_is_refused(void **state)
{
    struct ccb_cell_times times = ccb_cell_times_default;

    (void)state;
    assert_int_equal(ccb_cell_times_check(&times, &cell.err), 0);
    times.backoff_max = 29 * CCB_SECOND;
    assert_int_equal(ccb_cell_times_check(&times, &cell.err), CCB_INVALID);
    times.backoff_max = 0;
    assert_int_equal(ccb_cell_times_check(&times, &cell.err), CCB_INVALID);
    assert_memory_equal(cell.err.message, "backoff_max: 0 ns", 17);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, cell_open, cell_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_records_outlive_the_process),
        CASE(test_cells_do_not_outlive_it_nor_their_presence),
        CASE(test_a_cell_without_room_is_refused),
        CASE(test_the_file_is_the_owners_alone),
        CASE(test_a_failed_operation_leaves_nothing_behind),
        CASE(test_the_failure_of_one_spares_its_batch),
        CASE(test_nothing_is_told_of_a_commit_that_failed),
        CASE(test_a_kill_loses_nothing_that_was_acknowledged),
        CASE(test_a_newer_state_is_refused_by_name),
        CASE(test_anothers_database_is_refused),
        CASE(test_a_state_in_use_is_refused),
        CASE(test_a_directory_that_is_not_there_is_named),
        CASE(test_every_allocation_of_a_change_may_fail),
        cmocka_unit_test(test_backoff_exponents),
        cmocka_unit_test(test_backoff_waits),
        cmocka_unit_test(test_a_backoff_below_its_unit_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
