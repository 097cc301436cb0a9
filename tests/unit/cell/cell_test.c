/*
 * The whole cell through its HTTP API, with real containers: tasks with a
 * result, instances with ports, cancel, kill, no room, a restart on the same
 * state (contract/embedded-cell.md 2, 3, 5).
 */
#include "whole_bed.h"

/* ---- tasks -------------------------------------------------------------- */

static void test_a_task_runs_to_its_result(void **state)
{
    (void)state;
    POST_TASK(
        "{'task_guid':'t-1'," DEMO ",'memory_mb':64,'log_guid':'l-1',"
        "'result_file':'/tmp/out','env':[{'name':'GREETING','value':'hi'},"
        "{'name':'SECRET','value':'never-to-be-logged'}],'action':" SHELL(
            "echo $GREETING $HOME $USER > /tmp/out") "}");
    (void)wait_log("placed", "\"t-1\"");
    (void)wait_log("created", "\"t-1\"");
    (void)wait_log("completed", "\"t-1\"");
    GET("/v1/tasks/t-1");
    assert_heard("\"state\":\"COMPLETED\"");
    assert_heard("\"failed\":false");
    assert_heard("\"cell_id\":\"\"");
    assert_heard("\"result\":\"hi /home/vcap vcap\\n\"");
    GET("/v1/logs/l-1");
    assert_heard("Creating container");
    assert_heard("Successfully created container");
    assert_heard("Exit status 0");
    (void)wait_log("removed", "\"t-1\"");
    assert_false(was_logged("never-to-be-logged"));
    send_request("DELETE /v1/tasks/t-1", "200", "");
    send_request("GET /v1/tasks/t-1", "404", "");
}

static void test_failures_are_told_by_callback(void **state)
{
    static const struct {
        const char *rest, *reason;
    } rows[] = {
        {DEMO ",'action':" SHELL("exit 3"), "Exited with status 3"},
        {DEMO ",'result_file':'/tmp/none','action':" SHELL("true"),
         "failed to fetch result"},
        {DEMO ",'memory_mb':1025,'action':" SHELL("true"),
         "insufficient resources"},
        {DEMO ",'disk_mb':4097,'action':" SHELL("true"),
         "insufficient resources"},
        {"'domain':'demo','rootfs':'preloaded:other','action':" SHELL("true"),
         "found no compatible cell"},
        {"'domain':'demo','rootfs':'docker:///busybox','action':" SHELL("true"),
         "found no compatible cell"},
        {DEMO ",'action':{'timeout':{'timeout':50000000,'action':" SHELL(
             "exec sleep 100") "}}",
         "exceeded 50ms timeout"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char wanted[256];

        POST_TASK("{'task_guid':'t-%zu'," CALL_BACK ",%s}", i,
                  whole.callback_port, rows[i].rest);
        (void)snprintf(wanted, sizeof(wanted),
                       "{'task_guid':'t-%zu','failed':true,"
                       "'failure_reason':'%s','result':''}",
                       i, rows[i].reason);
        hear_callback(wanted);
    }
}

static void test_the_limit_of_a_result(void **state)
{
    (void)state;
    POST_TASK("{'task_guid':'fits'," DEMO ",'result_file':'/tmp/out',"
              "'action':" SHELL("head -c 10240 /dev/zero | tr -c x x "
                                "> /tmp/out") "}");
    POST_TASK("{'task_guid':'over'," DEMO ",'result_file':'/tmp/out',"
              "'action':" SHELL("head -c 10241 /dev/zero | tr -c x x "
                                "> /tmp/out") "}");
    (void)wait_log("completed", "\"fits\"");
    (void)wait_log("completed", "\"over\"");
    GET("/v1/tasks/fits");
    assert_heard("\"failed\":false");
    assert_heard("\"result\":\"xxxxxxxx");
    GET("/v1/tasks/over");
    assert_heard("\"failure_reason\":\"failed to fetch result\"");
    assert_heard("\"result\":\"\"");
}

static void test_cancel_ends_the_process(void **state)
{
    const char *mark = make_mark();

    (void)state;
    POST_TASK("{'task_guid':'t-1'," DEMO "," CALL_BACK
              ",'log_guid':'l-1','action':" SHELL("exec sleep %s") "}",
              whole.callback_port, mark);
    (void)wait_log("created", "\"t-1\"");
    send_request("DELETE /v1/tasks/t-1", "409", "");
    send_request("POST /v1/tasks/t-1/cancel", "200", "");
    hear_callback("{'task_guid':'t-1','failed':true,"
                  "'failure_reason':'task was cancelled','result':''}");
    (void)wait_log("removed", "\"t-1\"");
    assert_int_equal(find_process(mark), 0);
    assert_int_equal(metric(CCB_METRIC_CELL_CONTAINERS), 0);
}

/* The old container ends at its ease while a new task of its guid runs: that
 * one's record is not the old one's to end. */
static void test_a_guid_is_used_again_at_once(void **state)
{
    (void)state;
    POST_TASK("{'task_guid':'t-1'," DEMO ",'log_guid':'l-1','action':" SHELL(
        "trap : TERM; echo trapped; while :; do sleep 0.1; done") "}");
    wait_output("l-1", "trapped");
    send_request("POST /v1/tasks/t-1/cancel", "200", "");
    send_request("DELETE /v1/tasks/t-1", "200", "");
    POST_TASK("{'task_guid':'t-1'," DEMO ",'log_guid':'l-2','action':" SHELL(
        "echo second; exec sleep 1000") "}");
    wait_output("l-2", "second");
    (void)wait_log("removed", "\"t-1\"");
    GET("/v1/tasks/t-1");
    assert_heard("\"state\":\"RUNNING\"");
    send_request("POST /v1/tasks/t-1/cancel", "200", "");
    (void)wait_log("removed", "\"t-1\"");
}

/* A guid too long for a file, in every way a guid may be. */
static void test_a_guid_that_is_no_file_name(void **state)
{
    char guid[301], wanted[512];

    (void)state;
    memset(guid, 'g', sizeof(guid) - 1);
    guid[300] = '\0';
    guid[0] = '-';
    POST_TASK("{'task_guid':'%s'," DEMO "," CALL_BACK
              ",'action':" SHELL("true") "}",
              guid, whole.callback_port);
    (void)snprintf(wanted, sizeof(wanted),
                   "{'task_guid':'%s','failed':false,'failure_reason':'',"
                   "'result':''}",
                   guid);
    hear_callback(wanted);
}

/* ---- instances ---------------------------------------------------------- */

static void test_two_instances_with_ports(void **state)
{
    char first[64], second[64], line[8192];

    (void)state;
    POST_LRP("{'process_guid':'p'," DEMO ",'instances':2,'ports':[8080,2222],"
             "'memory_mb':64,'log_guid':'p','env':[{'name':'INSTANCE_INDEX',"
             "'value':'own'}],'action':" SHELL(
                 "echo $INSTANCE_INDEX:$CF_INSTANCE_INDEX:$CF_INSTANCE_GUID:"
                 "$CF_INSTANCE_IP:$CF_INSTANCE_ADDR; exec sleep 1000") "}");
    (void)wait_log("created", "\"index\":0");
    (void)wait_log("created", "\"index\":1");
    (void)wait_log("running", "\"index\":0");
    (void)wait_log("running", "\"index\":1");
    GET("/v1/actual_lrps/p/index/0");
    assert_heard("\"state\":\"RUNNING\"");
    assert_heard("\"address\":\"127.0.0.1\"");
    assert_heard("\"container_port\":8080,\"host_port\":");
    (void)member("instance_guid", first, sizeof(first));
    GET("/v1/actual_lrps/p/index/1");
    (void)member("instance_guid", second, sizeof(second));
    assert_string_not_equal(first, second);

    /* the LRP's own env may say otherwise, network variables always count */
    (void)snprintf(line, sizeof(line), "own:0:%s:127.0.0.1:127.0.0.1:", first);
    wait_output("p", line);
    (void)snprintf(line, sizeof(line), "own:1:%s:127.0.0.1:127.0.0.1:", second);
    wait_output("p", line);

    /* killed, it comes back as another of the same index */
    send_request("DELETE /v1/actual_lrps/p/index/0", "204", "");
    (void)wait_log("removed", first);
    (void)wait_log("running", "\"index\":0");
    GET("/v1/actual_lrps/p/index/0");
    (void)member("instance_guid", line, sizeof(line));
    assert_string_not_equal(line, first);
    assert_heard("\"crash_count\":0");
    send_request("DELETE /v1/desired_lrps/p", "204", "");
    (void)wait_log("removed", "\"index\":0");
    (void)wait_log("removed", second);
    GET("/v1/actual_lrps");
    assert_string_equal(heard_body(), "[]");
}

static void test_crashes_are_counted(void **state)
{
    int64_t crashes = metric(CCB_METRIC_CELL_CRASHES);

    (void)state;
    POST_LRP("{'process_guid':'p'," DEMO
             ",'instances':1,'action':" SHELL("exit 7") "}");
    for (int i = 0; i < 4; i++)
        assert_non_null(
            strstr(wait_log("crashed", "\"p\""), "Exited with status 7"));
    GET("/v1/actual_lrps/p/index/0");
    assert_heard("\"crash_reason\":\"Exited with status 7\"");
    send_request("DELETE /v1/desired_lrps/p", "204", "");
    assert_true(metric(CCB_METRIC_CELL_CRASHES) - crashes >= 4);
}

/* What finds no room waits with its error, and starts when there is some. */
static void test_an_instance_waits_for_room(void **state)
{
    (void)state;
    POST_LRP("{'process_guid':'first'," DEMO ",'instances':1,'memory_mb':700,"
             "'action':" SHELL("exec sleep 1000") "}");
    (void)wait_log("running", "\"first\"");
    POST_LRP("{'process_guid':'second'," DEMO ",'instances':1,'memory_mb':700,"
             "'action':" SHELL("exec sleep 1000") "}");
    (void)wait_log("not-placed", "\"second\"");
    GET("/v1/actual_lrps/second/index/0");
    assert_heard("\"placement_error\":\"insufficient resources\"");
    assert_heard("\"state\":\"UNCLAIMED\"");
    send_request("DELETE /v1/desired_lrps/first", "204", "");
    (void)wait_log("running", "\"second\"");
    GET("/v1/actual_lrps/second/index/0");
    assert_not_heard("placement_error");
}

/* ---- the cell itself ---------------------------------------------------- */

static void test_what_the_cell_says_of_itself(void **state)
{
    const char *line;

    (void)state;
    line = wait_log("isolation", "memory-limit");
    assert_non_null(strstr(line, "\"user-name-space\":true"));
    assert_non_null(strstr(line, "\"network-name-space\":true"));
    /* by now it has announced itself: what it runs proves it */
    POST_TASK("{'task_guid':'t-1'," DEMO ",'action':" SHELL("true") "}");
    (void)wait_log("completed", "\"t-1\"");
    GET("/v1/cells");
    assert_heard("\"cell_id\":\"cell-1\"");
    assert_heard("\"capacity\":{\"memory_mb\":1024,\"disk_mb\":4096,"
                 "\"containers\":4}");
    assert_heard("\"preloaded\":[\"base\"]");
}

static void test_a_second_life_sorts_out_the_first(void **state)
{
    const char *mark = make_mark();
    char first[64], again[64], kept[32];

    (void)state;
    (void)snprintf(kept, sizeof(kept), "%s", mark);
    POST_TASK("{'task_guid':'t-1'," DEMO "," CALL_BACK
              ",'action':" SHELL("exec sleep %s") "}",
              whole.callback_port, kept);
    POST_LRP("{'process_guid':'p'," DEMO
             ",'instances':1,'action':" SHELL("exec sleep 1000") "}");
    (void)wait_log("created", "\"t-1\"");
    (void)wait_log("running", "\"p\"");
    GET("/v1/actual_lrps/p/index/0");
    (void)member("instance_guid", first, sizeof(first));
    whole_end();
    assert_int_equal(find_process(kept), 0);
    assert_int_equal(metric(CCB_METRIC_CELL_CONTAINERS), 0);

    whole_begin();
    hear_callback("{'task_guid':'t-1','failed':true,'failure_reason':"
                  "'task container does not exist','result':''}");
    (void)wait_log("running", "\"p\"");
    GET("/v1/actual_lrps/p/index/0");
    (void)member("instance_guid", again, sizeof(again));
    assert_string_not_equal(first, again);
    assert_heard("\"crash_count\":0");
}

/* An hour would pass before anything else looked at it. */
static void test_what_waited_is_placed_by_the_next_start(void **state)
{
    (void)state;
    POST_LRP("{'process_guid':'runs'," DEMO ",'instances':1,'memory_mb':300,"
             "'action':" SHELL("exec sleep 1000") "}");
    (void)wait_log("running", "\"runs\"");
    POST_LRP("{'process_guid':'waits'," DEMO ",'instances':1,'memory_mb':1024,"
             "'action':" SHELL("exec sleep 1000") "}");
    (void)wait_log("not-placed", "\"waits\"");
    whole_end();
    whole.config.times.kick = 3600 * CCB_SECOND;
    whole.config.times.stale_unclaimed = 3600 * CCB_SECOND;
    whole.config.times.converge_period = 3600 * CCB_SECOND;
    whole.config.polling_interval = 3600 * CCB_SECOND;
    whole_begin();
    (void)wait_log("running", "\"waits\"");
    GET("/v1/actual_lrps/waits/index/0");
    assert_heard("\"state\":\"RUNNING\"");
}

/* Stopped at once, with containers half made. */
static void test_an_end_in_the_middle(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        char body[512];

        (void)snprintf(body, sizeof(body),
                       "{'process_guid':'p-%d'," DEMO
                       ",'instances':2,'ports':[8080],'action':" SHELL(
                           "exec sleep 1000") "}",
                       i);
        POST_LRP(body);
        if (i > 0)
            (void)wait_log("placed", "p-");
        whole_end();
        assert_int_equal(metric(CCB_METRIC_CELL_CONTAINERS), 0);
        whole_begin();
    }
}

int main(void)
{
#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, whole_open, whole_close)
    const struct CMUnitTest tests[] = {
        TEST(test_a_task_runs_to_its_result),
        TEST(test_failures_are_told_by_callback),
        TEST(test_the_limit_of_a_result),
        TEST(test_cancel_ends_the_process),
        TEST(test_a_guid_is_used_again_at_once),
        TEST(test_a_guid_that_is_no_file_name),
        TEST(test_two_instances_with_ports),
        TEST(test_crashes_are_counted),
        TEST(test_an_instance_waits_for_room),
        TEST(test_what_the_cell_says_of_itself),
        TEST(test_a_second_life_sorts_out_the_first),
        TEST(test_what_waited_is_placed_by_the_next_start),
        TEST(test_an_end_in_the_middle),
    };

    if (whole_missing())
        return 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
