/*
 * The whole cell on a loop of the test's, with real containers: what the
 * records say at the end of a task's or an instance's life, whatever comes in
 * between (core/cell/cell.c, runner.c, chores.c). Waits are for the store's
 * records, each with a deadline that fails the test.
 */
#include "container_bed.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <sys/wait.h>

#include "base/mem.h"
#include "cell/cell_internal.h"
#include "cell/container_internal.h"
#include "cell/container_tree.h"
#include "cell/runner.h"

#define MS CCB_MILLISECOND

static struct ccb_pair root = {CCB_LIT("base"), CCB_LIT("/")};

/* One life of the cell; the directory may see several. */
static struct life {
    struct ccb_loop loop;
    struct ccb_http_client *client;
    struct ccb_cell *cell;
    struct ccb_worker worker;
    struct ccb_log_session log;
    struct ccb_cell_config config;
    uv_timer_t tick;
    char dir[64];
    struct ccb_error err;
} life;

static void configure(void)
{
    life.config = (struct ccb_cell_config){
        .address = "",
        .username = "",
        .password = "",
        .state_dir = life.dir,
        .rootfs = {&root, 1},
        .memory_mb = "1024",
        .disk_mb = "4096",
        .containers = 10,
        .cell_id = "cell-1",
        .zone = "z1",
        .external_ip = "127.0.0.1",
        .times = {.converge_period = 50 * MS,
                  .kick = 50 * MS,
                  .stale_unclaimed = 50 * MS,
                  .expire_pending = 3600 * CCB_SECOND,
                  .expire_completed = 3600 * CCB_SECOND,
                  .crash_reset = 3600 * CCB_SECOND,
                  .backoff_unit = 50 * MS,
                  .backoff_max = 100 * MS,
                  .callback_timeout = CCB_SECOND,
                  .presence_ttl = CCB_SECOND},
        .step_times = {.terminate = 300 * MS,
                       .exit = CCB_SECOND,
                       .unhealthy_interval = 20 * MS,
                       .healthy_interval = 3600 * CCB_SECOND},
        .polling_interval = 50 * MS,
    };
}

static int open_loop(void)
{
    if (ccb_loop_open(&life.loop, &life.err) < 0 ||
        ccb_http_client_open(&life.client, &life.loop, &life.err) < 0)
        return -1;
    life.worker = (struct ccb_worker){
        .loop = &life.loop, .client = life.client, .log = &life.log};
    (void)uv_timer_init(&life.loop.uv, &life.tick);
    (void)uv_timer_start(&life.tick, on_bed_tick, 20, 20);
    uv_unref((uv_handle_t *)&life.tick);
    return 0;
}

static void on_client_closed(void *user)
{
    (void)user;
}

/* As the daemon does it: the client goes while the cell still ends. */
static void close_loop(void)
{
    ccb_http_client_close(life.client, on_client_closed, NULL);
    uv_close((uv_handle_t *)&life.tick, NULL);
    assert_int_equal(ccb_loop_run(&life.loop), 0);
    if (ccb_loop_close(&life.loop, &life.err) < 0)
        fail_msg("%s", life.err.message);
}

static void begin(void)
{
    assert_int_equal(open_loop(), 0);
    if (ccb_cell_open(&life.cell, &life.config, &life.worker, &life.err) < 0)
        fail_msg("%s", life.err.message);
}

static size_t count_containers(void)
{
    char path[128];
    struct dirent *entry;
    size_t count = 0;
    DIR *dir;

    (void)snprintf(path, sizeof(path), "%s/cell/containers", life.dir);
    dir = opendir(path);
    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL)
        count += entry->d_name[0] != '.';
    (void)closedir(dir);
    return count;
}

static void end(void)
{
    ccb_cell_stop(life.cell);
    ccb_cell_close(life.cell);
    close_loop();
}

static int setup(void **state)
{
    (void)state;
    (void)signal(SIGPIPE, SIG_IGN);
    memset(&life, 0, sizeof(life));
    (void)snprintf(life.dir, sizeof(life.dir), "/tmp/ccb-cell-XXXXXX");
    if (mkdtemp(life.dir) == NULL)
        return -1;
    ccb_log_open(&life.log, "receptor");
    ccb_log_set_level(CCB_LEVEL_FATAL);
    configure();
    return 0;
}

static int teardown(void **state)
{
    struct ccb_error err = {0};

    (void)state;
    (void)ccb_tree_remove(AT_FDCWD, life.dir, &err);
    return err.code;
}

/* ---- the store ---------------------------------------------------------- */

struct order {
    int (*run)(const struct order *order, struct ccb_store_tx *tx,
               struct ccb_error *err);
    const char *guid, *body, *result_file;
    int64_t index, number;
    char *out; /* 512 */
};

static int run_order(void *arg, struct ccb_store_tx *tx, struct ccb_error *err)
{
    const struct order *order = arg;

    return order->run(order, tx, err);
}

static int give(struct order order)
{
    return ccb_store_run(life.cell->store, run_order, &order, &life.err);
}

#define GIVE(function, ...)                                                    \
    do {                                                                       \
        if (give((struct order){.run = function, __VA_ARGS__}) < 0)            \
            fail_msg("%s: %s", #function, life.err.message);                   \
    } while (0)

static int desire_task(const struct order *o, struct ccb_store_tx *tx,
                       struct ccb_error *err)
{
    struct ccb_task task = {
        .task_guid = ccb_slice_of(o->guid),
        .domain = ccb_slice_of("demo"),
        .result_file = ccb_slice_of(o->result_file ? o->result_file : ""),
        .body = ccb_slice_of(o->body)};

    return ccb_task_desire(tx, &task, err);
}

static int cancel_task(const struct order *o, struct ccb_store_tx *tx,
                       struct ccb_error *err)
{
    return ccb_task_cancel(tx, ccb_slice_of(o->guid), err);
}

static int remove_task(const struct order *o, struct ccb_store_tx *tx,
                       struct ccb_error *err)
{
    return ccb_task_remove(tx, ccb_slice_of(o->guid), err);
}

static int desire_lrp(const struct order *o, struct ccb_store_tx *tx,
                      struct ccb_error *err)
{
    struct ccb_desired desired = {.process_guid = ccb_slice_of(o->guid),
                                  .domain = ccb_slice_of("demo"),
                                  .instances = o->number,
                                  .body = ccb_slice_of(o->body)};

    return ccb_desired_create(tx, &desired, err);
}

static int delete_lrp(const struct order *o, struct ccb_store_tx *tx,
                      struct ccb_error *err)
{
    return ccb_desired_delete(tx, ccb_slice_of(o->guid), err);
}

static int retire(const struct order *o, struct ccb_store_tx *tx,
                  struct ccb_error *err)
{
    return ccb_actual_retire(tx, ccb_slice_of(o->guid), o->index, err);
}

#define TEXT(slice) (int)(slice).len, (slice).ptr

static int show_task(const struct order *o, struct ccb_store_tx *tx,
                     struct ccb_error *err)
{
    struct ccb_task t;
    int code = ccb_task_get(tx, ccb_slice_of(o->guid), &t, err);

    if (code == 1)
        (void)snprintf(o->out, 512, "%s failed=%d reason=%.*s result=%.*s",
                       ccb_task_state_name(t.state), t.failed,
                       TEXT(t.failure_reason), TEXT(t.result));
    else
        (void)snprintf(o->out, 512, "none");
    return code;
}

static int show_actual(const struct order *o, struct ccb_store_tx *tx,
                       struct ccb_error *err)
{
    struct ccb_actual a;
    int code = ccb_actual_get(tx, ccb_slice_of(o->guid), o->index, &a, err);

    if (code == 1)
        (void)snprintf(o->out, 512, "%s count=%d reason=%.*s instance=%.*s",
                       ccb_actual_state_name(a.state), (int)a.crash_count,
                       TEXT(a.crash_reason), TEXT(a.instance_guid));
    else
        (void)snprintf(o->out, 512, "none");
    return code;
}

static char seen[512];

/* Runs the loop until the record reads like this; it is in `seen` then. */
static void until(int (*show)(const struct order *, struct ccb_store_tx *,
                              struct ccb_error *),
                  const char *guid, int64_t index, const char *pattern)
{
    int64_t deadline = ccb_clock_monotonic() + BED_DEADLINE;

    for (;;) {
        GIVE(show, .guid = guid, .index = index, .out = seen);
        if (fnmatch(pattern, seen, 0) == 0)
            return;
        if (ccb_clock_monotonic() > deadline)
            fail_msg("%s/%d: wanted %s, found %s", guid, (int)index, pattern,
                     seen);
        (void)uv_run(&life.loop.uv, UV_RUN_ONCE);
    }
}

static void until_idle(void)
{
    int64_t deadline = ccb_clock_monotonic() + BED_DEADLINE;

    while (life.cell->runners != NULL) {
        assert_true(ccb_clock_monotonic() < deadline);
        (void)uv_run(&life.loop.uv, UV_RUN_ONCE);
    }
}

#define SHELL(script)                                                          \
    "{\"rootfs\":\"preloaded:base\",\"log_guid\":\"log\",\"action\":{\"run\":" \
    "{\"path\":\"/bin/sh\",\"args\":[\"-c\",\"" script                         \
    "\"],\"user\":\"vcap\"}}}"
#define SLEEPER SHELL("exec sleep 1000")
#define STUBBORN SHELL("trap '' TERM; while :; do sleep 0.02; done")

/* ---- tests -------------------------------------------------------------- */

static void test_a_task_gives_its_result(void **state)
{
    (void)state;
    begin();
    GIVE(desire_task, .guid = "t", .result_file = "/tmp/out",
         .body = SHELL("printf 42 > /tmp/out"));
    until(show_task, "t", 0, "COMPLETED *");
    assert_string_equal(seen, "COMPLETED failed=0 reason= result=42");
    until_idle();
    assert_int_equal(count_containers(), 0);
    assert_int_equal(life.cell->placer.used, 0);
    end();
}

static void test_a_killed_instance_comes_back_as_another(void **state)
{
    char first[sizeof(seen)];

    (void)state;
    begin();
    GIVE(desire_lrp, .guid = "p", .number = 2, .body = SLEEPER);
    until(show_actual, "p", 1, "RUNNING count=0 *");
    until(show_actual, "p", 0, "RUNNING count=0 *");
    memcpy(first, seen, sizeof(first));
    GIVE(retire, .guid = "p", .index = 0);
    do {
        (void)uv_run(&life.loop.uv, UV_RUN_ONCE);
        until(show_actual, "p", 0, "*");
    } while (strncmp(seen, "RUNNING", 7) != 0 || strcmp(seen, first) == 0);
    assert_non_null(strstr(seen, "count=0 reason= "));
    end();
    assert_int_equal(count_containers(), 0);
}

/* The guid is free again as soon as the record is gone, but the first one's
 * container takes its time: its end must not be taken for the second one's. */
static void test_a_task_of_the_same_guid_is_another(void **state)
{
    (void)state;
    begin();
    GIVE(desire_task, .guid = "t", .body = STUBBORN);
    until(show_task, "t", 0, "RUNNING *");
    while (life.cell->runners->steps == NULL)
        (void)uv_run(&life.loop.uv, UV_RUN_ONCE);
    GIVE(cancel_task, .guid = "t");
    until(show_task, "t", 0,
          "COMPLETED failed=1 reason=task was cancelled result=");
    GIVE(remove_task, .guid = "t");
    GIVE(desire_task, .guid = "t", .result_file = "/tmp/out",
         .body = SHELL("sleep 0.8; printf second > /tmp/out"));
    until(show_task, "t", 0, "COMPLETED *");
    assert_string_equal(seen, "COMPLETED failed=0 reason= result=second");
    end();
}

static void test_stopped_while_its_container_is_made(void **state)
{
    (void)state;
    begin();
    GIVE(desire_lrp, .guid = "p", .number = 1, .body = SLEEPER);
    until(show_actual, "p", 0, "CLAIMED *");
    GIVE(delete_lrp, .guid = "p");
    until(show_actual, "p", 0, "none");
    until_idle();
    assert_int_equal(count_containers(), 0);
    end();
}

static void test_the_next_start_sorts_out_what_ran(void **state)
{
    char first[sizeof(seen)];

    (void)state;
    begin();
    GIVE(desire_task, .guid = "t", .body = SLEEPER);
    GIVE(desire_lrp, .guid = "p", .number = 1, .body = SLEEPER);
    until(show_task, "t", 0, "RUNNING *");
    until(show_actual, "p", 0, "RUNNING *");
    memcpy(first, seen, sizeof(first));
    end();
    assert_int_equal(count_containers(), 0);

    /* Only what the start itself does happens soon. */
    life.config.times.converge_period = life.config.times.kick =
        life.config.times.stale_unclaimed = life.config.polling_interval =
            3600 * CCB_SECOND;
    begin();
    until(show_task, "t", 0, "COMPLETED *");
    assert_string_equal(
        seen,
        "COMPLETED failed=1 reason=task container does not exist result=");
    do {
        (void)uv_run(&life.loop.uv, UV_RUN_ONCE);
        until(show_actual, "p", 0, "*");
    } while (strncmp(seen, "RUNNING", 7) != 0);
    assert_string_not_equal(seen, first);
    end();
}

#define POOL 4 /* libuv's threads */
static uv_sem_t pool_gate;

static void on_pool_work(uv_work_t *work)
{
    (void)work;
    uv_sem_wait(&pool_gate);
}

static void on_pool_done(uv_work_t *work, int status)
{
    (void)work;
    (void)status;
}

/* The sweep takes everything in the directory, and so must be over first: here
 * the pool has no thread for it until the task has come. */
static void test_what_comes_before_the_sweep_waits_for_it(void **state)
{
    uv_work_t work[POOL];
    char path[128];

    (void)state;
    begin();
    end();
    for (int i = 0; i < 50; i++) {
        (void)snprintf(path, sizeof(path), "%s/cell/containers/left-%d",
                       life.dir, i);
        assert_int_equal(mkdir(path, 0700), 0);
    }
    life.config.times.kick = life.config.times.converge_period =
        3600 * CCB_SECOND;
    assert_int_equal(uv_sem_init(&pool_gate, 0), 0);
    assert_int_equal(open_loop(), 0);
    for (int i = 0; i < POOL; i++)
        assert_int_equal(
            uv_queue_work(&life.loop.uv, &work[i], on_pool_work, on_pool_done),
            0);
    assert_int_equal(
        ccb_cell_open(&life.cell, &life.config, &life.worker, &life.err), 0);
    GIVE(desire_task, .guid = "t", .body = SHELL("exit 3"));
    for (int i = 0; i < 10; i++)
        (void)uv_run(&life.loop.uv, UV_RUN_NOWAIT);
    assert_null(life.cell->runners);
    for (int i = 0; i < POOL; i++)
        uv_sem_post(&pool_gate);
    until(show_task, "t", 0, "COMPLETED *");
    assert_string_equal(
        seen, "COMPLETED failed=1 reason=Exited with status 3 result=");
    until_idle();
    assert_int_equal(count_containers(), 0);
    end();
}

/* A monitor that waits an hour for its next check must not hide it. */
static void test_a_lost_container_is_a_crash_at_once(void **state)
{
    static const char body[] =
        "{\"rootfs\":\"preloaded:base\",\"action\":{\"run\":{\"path\":"
        "\"/bin/sh\",\"args\":[\"-c\",\"sleep 1000 & exit 0\"],\"user\":"
        "\"vcap\"}},\"monitor\":{\"run\":{\"path\":\"/bin/true\",\"user\":"
        "\"vcap\"}}}";

    (void)state;
    begin();
    GIVE(desire_lrp, .guid = "p", .number = 1, .body = body);
    until(show_actual, "p", 0, "RUNNING count=0 *");
    assert_int_equal(kill(life.cell->runners->container->launcher.pid, SIGKILL),
                     0);
    until(show_actual, "p", 0, "* count=1 *");
    until(show_actual, "p", 0, "RUNNING count=1 *");
    end();
    assert_int_equal(count_containers(), 0);
}

static void test_it_may_be_closed_at_any_moment(void **state)
{
    static const int turns[] = {0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89};

    (void)state;
    begin();
    GIVE(desire_lrp, .guid = "p", .number = 2, .body = SLEEPER);
    GIVE(desire_lrp, .guid = "q", .number = 1, .body = SHELL("exit 1"));
    end();
    for (size_t i = 0; i < sizeof(turns) / sizeof(turns[0]); i++) {
        char guid[16];

        (void)snprintf(guid, sizeof(guid), "t-%zu", i);
        begin();
        GIVE(desire_task, .guid = guid, .result_file = "/tmp/out",
             .body = SHELL("printf 1 > /tmp/out"));
        for (int turn = 0; turn < turns[i]; turn++)
            (void)uv_run(&life.loop.uv, UV_RUN_ONCE);
        end();
        assert_int_equal(count_containers(), 0);
    }
}

static void test_closing_is_bounded(void **state)
{
    int64_t start;

    (void)state;
    begin();
    GIVE(desire_lrp, .guid = "p", .number = 3, .body = STUBBORN);
    for (int i = 0; i < 3; i++)
        until(show_actual, "p", i, "RUNNING *");
    start = ccb_clock_monotonic();
    end();
    assert_true(ccb_clock_monotonic() - start < 10 * CCB_SECOND);
    assert_int_equal(count_containers(), 0);
}

/* ---- refusals ----------------------------------------------------------- */

static void refused(int code, const char *words)
{
    struct ccb_cell *cell = NULL;

    assert_int_equal(open_loop(), 0);
    memset(&life.err, 0, sizeof(life.err));
    assert_int_equal(
        ccb_cell_open(&cell, &life.config, &life.worker, &life.err), code);
    if (strstr(life.err.message, words) == NULL)
        fail_msg("wanted %s in: %s", words, life.err.message);
    assert_null(cell);
    close_loop();
}

static void test_opening_is_refused_in_words(void **state)
{
    struct ccb_pair nowhere = {CCB_LIT("base"), CCB_LIT("/nowhere")};

    (void)state;
    life.config.external_ip = "somewhere";
    refused(CCB_INVALID, "-externalIP somewhere: is no IPv4 address");
    life.config.external_ip = "192.0.2.1";
    refused(CCB_INVALID, "-externalIP 192.0.2.1: ");
    configure();
    life.config.rootfs = (struct ccb_pairs){&nowhere, 1};
    refused(CCB_NOT_FOUND, "-rootfs /nowhere: no root file system there");
    configure();
    life.config.state_dir = "/nowhere/at/all";
    refused(CCB_IO, "/nowhere/at/all: No such file or directory");
    configure();
    begin();
    end();
}

/* In the place of another cell nothing is touched, neither are containers
 * swept. */
/* ---- memory ------------------------------------------------------------- */

static void test_opening_without_memory(void **state)
{
    int code = CCB_NO_MEMORY;

    (void)state;
    for (size_t n = 1; code != 0; n++) {
        assert_true(n < 300);
        assert_int_equal(open_loop(), 0);
        (void)ccb_mem_fail_at(n, 0);
        code = ccb_cell_open(&life.cell, &life.config, &life.worker, &life.err);
        (void)ccb_mem_fail_at(0, 0);
        if (code == 0)
            ccb_cell_close(life.cell);
        else
            assert_int_equal(code, CCB_NO_MEMORY);
        close_loop();
    }
}

/* The loop's n-th allocation after the task came fails: the task ends, well or
 * not, and so does the cell. */
static void test_running_without_memory(void **state)
{
    (void)state;
    begin();
    until_idle();
    for (size_t n = 1; n <= 60; n++) {
        char guid[16];

        (void)snprintf(guid, sizeof(guid), "t-%zu", n);
        GIVE(desire_task, .guid = guid, .result_file = "/tmp/out",
             .body = SHELL("printf 42 > /tmp/out"));
        (void)ccb_mem_fail_at(n, 0);
        until(show_task, guid, 0, "COMPLETED *");
        (void)ccb_mem_fail_at(0, 0);
    }
    GIVE(desire_task, .guid = "last", .body = SHELL("exit 0"));
    until(show_task, "last", 0, "COMPLETED failed=0 *");
    end();
}

int main(void)
{
#define CELL(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        CELL(test_a_task_gives_its_result),
        CELL(test_a_killed_instance_comes_back_as_another),
        CELL(test_a_task_of_the_same_guid_is_another),
        CELL(test_stopped_while_its_container_is_made),
        CELL(test_the_next_start_sorts_out_what_ran),
        CELL(test_what_comes_before_the_sweep_waits_for_it),
        CELL(test_a_lost_container_is_a_crash_at_once),
        CELL(test_it_may_be_closed_at_any_moment),
        CELL(test_closing_is_bounded),
        CELL(test_opening_is_refused_in_words),
        CELL(test_opening_without_memory),
        CELL(test_running_without_memory),
    };

    if (bed_missing())
        return 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
