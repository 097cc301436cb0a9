/*
 * Records and containers compared, and what becomes of either without the
 * other; a start on a machine or state that is not as it
 * should be (contract/embedded-cell.md 3, contract/actions.md 5.1). With real
 * containers and a hand in the store.
 */
#include "whole_bed.h"

/* ---- a hand in the store ------------------------------------------------ */

static void change(int (*run)(void *arg, struct ccb_store_tx *tx,
                              struct ccb_error *err),
                   const char *guid)
{
    struct ccb_error err = {0};

    if (ccb_store_run(whole_cell()->store, run, (void *)(uintptr_t)guid, &err) <
        0)
        fail_msg("%s", err.message);
}

/* RUNNING on this cell, without a container, as after a lost answer. */
static int put_running_task(void *arg, struct ccb_store_tx *tx,
                            struct ccb_error *err)
{
    char url[64], body[] = "{\"rootfs\":\"preloaded:base\"}";
    struct ccb_task task = {.task_guid = ccb_slice_of(arg),
                            .domain = CCB_LIT("demo"),
                            .body = ccb_slice_of(body)};
    bool should_start;
    int code;

    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/",
                   whole.callback_port);
    task.callback_url = ccb_slice_of(url);
    code = ccb_task_desire(tx, &task, err);
    return code < 0 ? code
                    : ccb_task_start(tx, task.task_guid, ccb_slice_of("cell-1"),
                                     &should_start, err);
}

static int remove_task(void *arg, struct ccb_store_tx *tx,
                       struct ccb_error *err)
{
    return ccb_task_remove(tx, ccb_slice_of(arg), err);
}

static int remove_actual(void *arg, struct ccb_store_tx *tx,
                         struct ccb_error *err)
{
    return ccb_actual_remove(tx, ccb_slice_of(arg), 0, err);
}

/* ---- one without the other ---------------------------------------------- */

static void test_a_task_without_container_fails(void **state)
{
    (void)state;
    change(put_running_task, "ghost");
    hear_callback("{'task_guid':'ghost','failed':true,'failure_reason':"
                  "'task container does not exist','result':''}");
}

static void test_a_container_without_task_goes(void **state)
{
    const char *mark = make_mark();

    (void)state;
    POST_TASK("{'task_guid':'t-1'," DEMO
              ",'action':" SHELL("exec sleep %s") "}",
              mark);
    (void)wait_log("created", "\"t-1\"");
    change(remove_task, "t-1");
    (void)wait_log("removed", "\"t-1\"");
    assert_int_equal(find_process(mark), 0);
    send_request("GET /v1/tasks/t-1", "404", "");
}

/* And the record comes back as another instance. */
static void test_a_container_without_actual_goes(void **state)
{
    char first[64], again[64];

    (void)state;
    POST_LRP("{'process_guid':'p'," DEMO
             ",'instances':1,'action':" SHELL("exec sleep 1000") "}");
    (void)wait_log("running", "\"p\"");
    GET("/v1/actual_lrps/p/index/0");
    (void)member("instance_guid", first, sizeof(first));
    change(remove_actual, "p");
    (void)wait_log("removed", first);
    (void)wait_log("running", "\"p\"");
    GET("/v1/actual_lrps/p/index/0");
    (void)member("instance_guid", again, sizeof(again));
    assert_string_not_equal(first, again);
    assert_heard("\"crash_count\":0");
}

/* Many comparisons later what has both is as it was. */
static void test_what_has_both_is_left_alone(void **state)
{
    char first[64], again[64];

    (void)state;
    POST_LRP("{'process_guid':'p'," DEMO
             ",'instances':1,'action':" SHELL("exec sleep 1000") "}");
    (void)wait_log("running", "\"p\"");
    GET("/v1/actual_lrps/p/index/0");
    (void)member("instance_guid", first, sizeof(first));
    for (int i = 0; i < 3; i++) { /* each is seen by a comparison of its own */
        char guid[32], wanted[160];

        (void)snprintf(guid, sizeof(guid), "ghost-%d", i);
        change(put_running_task, guid);
        (void)snprintf(wanted, sizeof(wanted),
                       "{'task_guid':'%s','failed':true,'failure_reason':"
                       "'task container does not exist','result':''}",
                       guid);
        hear_callback(wanted);
    }
    GET("/v1/actual_lrps/p/index/0");
    assert_string_equal(member("instance_guid", again, sizeof(again)), first);
    assert_heard("\"state\":\"RUNNING\"");
}

/* What follows `key` in a file of /proc/PID. */
static long read_number(pid_t pid, const char *key, bool last)
{
    char path[64], text[4096], *at, *end;
    FILE *file;
    size_t n;

    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    file = fopen(path, "re");
    assert_non_null(file);
    n = fread(text, 1, sizeof(text) - 1, file);
    (void)fclose(file);
    text[n] = '\0';
    at = strstr(text, key);
    assert_non_null(at);
    at += strlen(key);
    end = at + strcspn(at, "\n");
    *end = '\0';
    return strtol(last ? strrchr(at, '\t') : at, NULL, 10);
}

/* The process that is number 1 in the container of this one. Killed from
 * outside, all goes. */
static pid_t first_of_space(pid_t pid)
{
    while (read_number(pid, "\nNSpid:", true) != 1) {
        pid = (pid_t)read_number(pid, "\nPPid:", false);
        assert_true(pid > 1);
    }
    return pid;
}

/* A shell that stays, so that its command line is there at any moment. */
#define STAYS "while :; do sleep %s; done"

static void test_a_lost_container_fails_its_task(void **state)
{
    const char *mark = make_mark();
    pid_t pid;

    (void)state;
    POST_TASK("{'task_guid':'t-1'," DEMO
              ",'log_guid':'l-1','action':" SHELL("echo up; " STAYS) "}",
              mark);
    wait_output("l-1", "\"up\"");
    pid = find_process(mark);
    assert_true(pid > 0);
    assert_int_equal(kill(first_of_space(pid), SIGKILL), 0);
    (void)wait_log("completed", "\"t-1\"");
    (void)wait_log("removed", "\"t-1\"");
    GET("/v1/tasks/t-1");
    assert_heard("\"state\":\"COMPLETED\"");
    assert_heard("\"failed\":true");
    assert_int_equal(metric(CCB_METRIC_CELL_CONTAINERS), 0);
}

/* What is left in it is a monitor that would look again in an hour. */
static void test_a_lost_container_crashes_its_instance(void **state)
{
    const char *mark;
    char body[1024], reason[16];
    pid_t pid;

    (void)state;
    whole_end();
    whole.config.step_times.healthy_interval = 3600 * CCB_SECOND;
    whole_begin();
    mark = make_mark();
    (void)snprintf(body, sizeof(body),
                   "{'process_guid':'p'," DEMO
                   ",'instances':1,'log_guid':'p','action':" SHELL(
                       "(" STAYS ") & echo up") ",'monitor':" SHELL("true") "}",
                   mark);
    POST_LRP(body);
    (void)wait_log("running", "\"p\"");
    wait_output("p", "up");
    pid = find_process(mark);
    assert_true(pid > 0);
    assert_int_equal(kill(first_of_space(pid), SIGKILL), 0);
    (void)wait_log("crashed", "\"p\"");
    (void)wait_log("running", "\"p\"");
    GET("/v1/actual_lrps/p/index/0");
    assert_heard("\"crash_count\":1");
    assert_true(member("crash_reason", reason, sizeof(reason))[0] != '\0');
}

/* ---- containers that can't be made -------------------------------------- */

static void test_a_container_that_can_not_be_made(void **state)
{
    int64_t failed = metric(CCB_METRIC_CELL_CONTAINERS_FAILED);
    char ports[512] = "1";

    (void)state;
    for (int i = 2; i <= CCB_CONTAINER_PORTS_MAX + 1; i++)
        (void)snprintf(ports + strlen(ports), sizeof(ports) - strlen(ports),
                       ",%d", i);
    {
        char body[1024];

        (void)snprintf(body, sizeof(body),
                       "{'process_guid':'p'," DEMO
                       ",'instances':1,'log_guid':'p','ports':[%s],"
                       "'action':" SHELL("true") "}",
                       ports);
        POST_LRP(body);
    }
    assert_non_null(
        strstr(wait_log("crashed", "\"p\""), "failed to initialize container"));
    wait_output("p", "Failed to create container");
    send_request("DELETE /v1/desired_lrps/p", "204", "");
    assert_true(metric(CCB_METRIC_CELL_CONTAINERS_FAILED) > failed);
}

/* ---- a start that is refused -------------------------------------------- */

/* Opens the role on a loop of its own, and runs that until all is closed
 * again. Returns the code of the opening. */
static int try_to_open(size_t allocation, size_t *made, struct ccb_error *err)
{
    struct ccb_http_client *client;
    struct ccb_error ignored;
    struct ccb_loop loop;
    struct ccb_worker worker = {.loop = &loop, .log = &whole.log};
    void *instance;
    int code;

    assert_int_equal(ccb_loop_open(&loop, &ignored), 0);
    assert_int_equal(ccb_http_client_open(&client, &loop, &ignored), 0);
    worker.client = client;
    (void)ccb_mem_fail_at(allocation, 0);
    code = ccb_receptor_role.open(&instance, &whole.config, &worker, err);
    *made = ccb_mem_fail_at(0, 0);
    if (code == 0) {
        ccb_receptor_role.stop(instance);
        ccb_receptor_role.close(instance);
    }
    ccb_http_client_close(client, NULL, NULL);
    (void)ccb_loop_run(&loop);
    if (ccb_loop_close(&loop, &ignored) < 0)
        fail_msg("%s", ignored.message);
    return code;
}

static void refuse(const char *part)
{
    struct ccb_error err = {0};
    size_t made;

    assert_true(try_to_open(0, &made, &err) < 0);
    if (strstr(err.message, part) == NULL)
        fail_msg("no \"%s\" in: %s", part, err.message);
}

static void test_starts_that_are_refused(void **state)
{
    struct ccb_pair *stack = &whole.config.rootfs.items[0];
    const struct ccb_pair given = *stack;
    char fresh[96];

    (void)state;
    whole_end();
    whole.config.external_ip = "example.com";
    refuse("-externalIP example.com");
    whole.config.external_ip = "192.0.2.1"; /* nobody's */
    refuse("-externalIP 192.0.2.1");
    whole.config.external_ip = "127.0.0.1";
    stack->value = ccb_slice_of("relative");
    refuse("-rootfs relative");
    stack->value = ccb_slice_of("/nowhere");
    refuse("-rootfs /nowhere");
    /* refused before anything is touched */
    (void)snprintf(fresh, sizeof(fresh), "%s/fresh", whole.dir);
    whole.config.state_dir = fresh;
    refuse("-rootfs /nowhere");
    assert_int_equal(access(fresh, F_OK), -1);
    *stack = given;
    whole.config.state_dir = whole.dir;
    whole_begin();
}

static void test_the_state_is_one_cell_s_alone(void **state)
{
    (void)state;
    refuse("cell.sqlite");
}

/* Whatever allocation of the start fails: it opens, or says so and is gone. */
static void test_each_allocation_of_the_start_may_fail(void **state)
{
    size_t refused = 0, made = SIZE_MAX;

    (void)state;
    whole_end();
    for (size_t nth = 1; nth <= made; nth++) {
        struct ccb_error err = {0};
        int code = try_to_open(nth, &made, &err);

        if (code == 0)
            continue;
        assert_int_equal(code, CCB_NO_MEMORY);
        assert_true(err.message[0] != '\0');
        refused++;
        made = nth + 1; /* it would have gone on */
    }
    assert_true(refused > 5);
    whole_begin();
}

int main(void)
{
#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, whole_open, whole_close)
    const struct CMUnitTest tests[] = {
        TEST(test_a_task_without_container_fails),
        TEST(test_a_container_without_task_goes),
        TEST(test_a_container_without_actual_goes),
        TEST(test_what_has_both_is_left_alone),
        TEST(test_a_lost_container_fails_its_task),
        TEST(test_a_lost_container_crashes_its_instance),
        TEST(test_a_container_that_can_not_be_made),
        TEST(test_starts_that_are_refused),
        TEST(test_the_state_is_one_cell_s_alone),
        TEST(test_each_allocation_of_the_start_may_fail),
    };

    if (whole_missing())
        return 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
