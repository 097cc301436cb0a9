/*
 * The Receptor API over real sockets: contract/receptor-api.md 1 to 5 and the
 * first three tables of its 15.
 */
#include "api_bed.h"

/* ---- tasks -------------------------------------------------------------- */

static void test_task_create_get_and_duplicate(void **state)
{
    (void)state;
    cell_pass(1);
    SAID("POST /v1/tasks", "", TASK("t-1"), "201", "");
    assert_heard("Content-Length: 0\r\n");
    assert_not_heard("Content-Type");
    SAID("GET /v1/tasks/t-1", "", "", "200",
         "{'task_guid':'t-1','action':{'run':{'path':'/x','user':'u'}},"
         "'domain':'demo','rootfs':'preloaded:base','cpu_weight':0,"
         "'disk_mb':0,'memory_mb':0,'privileged':false,'log_guid':'',"
         "'log_source':'','metrics_guid':'','completion_callback_url':'',"
         "'result_file':'','cell_id':'','created_at':1440000001000000000,"
         "'failed':false,'failure_reason':'','result':'','state':'PENDING'}");
    assert_heard("Content-Type: application/json\r\n");
    SAID("POST /v1/tasks", "", TASK("t-1"), "409",
         ERROR("TaskGuidAlreadyExists", "task already exists"));
}

static void test_task_create_refusals(void **state)
{
    (void)state;
    SAID("POST /v1/tasks", "", "{}", "400",
         ERROR("InvalidTask",
               "Invalid field: task_guid, Invalid field: domain, Invalid "
               "field: rootfs, invalid action type"));
    (void)request("POST /v1/tasks", "", "'a string'");
    assert_heard("HTTP/1.1 400 ");
    assert_heard("{\"name\":\"InvalidJSON\",");
    assert_string_equal(cell_effects(), ""); /* the store was not called */
}

static void test_task_not_found(void **state)
{
    (void)state;
    SAID("GET /v1/tasks/t-9", "", "", "404",
         ERROR("TaskNotFound", "task with guid 't-9' not found"));
}

static void test_task_delete(void **state)
{
    (void)state;
    (void)request("POST /v1/tasks", "", TASK("t-1"));
    SAID("DELETE /v1/tasks/t-1", "", "", "409",
         ERROR("TaskNotDeletable", "This task has not been completed. Please "
                                   "retry when it is completed."));
    SAID("POST /v1/tasks/t-1/cancel", "", "", "200", "");
    SAID("DELETE /v1/tasks/t-1", "", "", "200", "");
    (void)request("DELETE /v1/tasks/t-1", "", "");
    assert_heard("HTTP/1.1 404 ");
    assert_heard("\"name\":\"TaskNotFound\"");
}

static int mark_resolving(const struct step *s, struct ccb_store_tx *tx,
                          struct ccb_error *err)
{
    return ccb_task_resolving(tx, or_empty(s->guid), err);
}

static void test_a_resolving_task_is_not_deletable(void **state)
{
    (void)state;
    (void)request("POST /v1/tasks", "", TASK("t-1"));
    (void)request("POST /v1/tasks/t-1/cancel", "", "");
    SAID(
        "POST /v1/tasks/t-1/cancel", "", "", "500",
        ERROR("UnknownError", "Cannot transition from Completed to Completed"));
    OK(DO(mark_resolving, .guid = "t-1"));
    (void)request("DELETE /v1/tasks/t-1", "", "");
    assert_heard("HTTP/1.1 409 ");
    SAID(
        "POST /v1/tasks/t-1/cancel", "", "", "500",
        ERROR("UnknownError", "Cannot transition from Resolving to Completed"));
    assert_memory_equal(task_line("t-1"), "RESOLVING", 9);
}

static void test_cancel_refusals(void **state)
{
    (void)state;
    (void)request("POST /v1/tasks/t-9/cancel", "", "");
    assert_heard("HTTP/1.1 404 ");
    SAID("POST /v1/tasks//cancel", "", "", "500",
         ERROR("UnknownError", "Invalid field: task_guid"));
}

static void test_task_lists(void **state)
{
    (void)state;
    SAID("GET /v1/tasks", "", "", "200", "[]");
    (void)request("POST /v1/tasks", "", TASK("t-1"));
    (void)request("GET /v1/tasks?domain=demo", "", "");
    assert_heard("[{\"task_guid\":\"t-1\"");
    SAID("GET /v1/tasks?domain=other", "", "", "200", "[]");
    (void)request("GET /v1/tasks?domain=", "", "");
    assert_heard("[{\"task_guid\":\"t-1\"");
    (void)request("GET /v1/tasks?x=1&domain=d%65mo", "", "");
    assert_heard("[{\"task_guid\":\"t-1\"");
}

/* ---- desired LRPs ------------------------------------------------------- */

static void test_desired_create_get_delete(void **state)
{
    (void)state;
    SAID("POST /v1/desired_lrps", "",
         LRP("web-1", ",'instances':1,'routes':{'r':[1]},'annotation':'a'"),
         "201", "");
    (void)request("GET /v1/desired_lrps/web-1", "", "");
    assert_heard("\"setup\":null");
    assert_heard("\"resource_limits\":{}");
    assert_heard("\"ports\":[]");
    assert_heard("\"instances\":1,\"routes\":{\"r\":[1]},\"annotation\":\"a\","
                 "\"modification_tag\":{\"epoch\":\"");
    assert_heard("\",\"index\":0}}");
    SAID("POST /v1/desired_lrps", "", LRP("web-1", ""), "409",
         "{'name':'DesiredLRPAlreadyExists','message':'Desired LRP with guid "
         "'web-1' already exists'}");
    SAID("DELETE /v1/desired_lrps/web-1", "", "", "204", "");
    SAID("DELETE /v1/desired_lrps/web-1", "", "", "404",
         "{'name':'DesiredLRPNotFound','message':'Desired LRP with guid "
         "'web-1' not found'}");
    SAID("GET /v1/desired_lrps/web-1", "", "", "404",
         "{'name':'DesiredLRPNotFound','message':'Desired LRP with guid "
         "'web-1' not found'}");
    SAID("GET /v1/actual_lrps", "", "", "200", "[]");
}

static void test_desired_create_refusals(void **state)
{
    (void)state;
    (void)request("POST /v1/desired_lrps", "", "[1]");
    assert_heard("HTTP/1.1 400 ");
    assert_heard("\"name\":\"InvalidJSON\"");
    (void)request("POST /v1/desired_lrps", "", LRP("w", ",'instances':-1"));
    assert_heard("HTTP/1.1 400 ");
    assert_heard("\"name\":\"InvalidLRP\",\"message\":\"Invalid field: "
                 "instances\"");
}

static void test_desired_update(void **state)
{
    (void)state;
    (void)request("POST /v1/desired_lrps", "",
                  LRP("web-1", ",'routes':{'r':1},'annotation':'a'"));
    SAID("PUT /v1/desired_lrps/web-1", "", "{'instances':2}", "204", "");
    (void)request("GET /v1/desired_lrps/web-1", "", "");
    assert_heard("\"instances\":2,\"routes\":{\"r\":1},\"annotation\":\"a\"");
    assert_heard("\"index\":1}}");
    SAID("PUT /v1/desired_lrps/web-1", "", "{'routes':{},'annotation':''}",
         "204", "");
    (void)request("GET /v1/desired_lrps/web-1", "", "");
    assert_heard("\"instances\":2,\"modification_tag\"");
    assert_heard("\"index\":2}}");
    SAID("PUT /v1/desired_lrps/web-1", "", "{'instances':-2}", "500",
         ERROR("UnknownError", "Invalid field: instances"));
    (void)request("PUT /v1/desired_lrps/web-9", "", "{'instances':2}");
    assert_heard("HTTP/1.1 404 ");
    (void)request("PUT /v1/desired_lrps/web-1",
                  "Content-Type: application/x-www-form-urlencoded\r\n",
                  "{'instances':3}");
    assert_heard("HTTP/1.1 204 "); /* the trap of 1.3 is left out */
}

static void test_a_new_lrp_of_the_same_name_has_a_new_epoch(void **state)
{
    char first[64], *epoch;

    (void)state;
    (void)request("POST /v1/desired_lrps", "", LRP("web-1", ""));
    (void)request("GET /v1/desired_lrps/web-1", "", "");
    epoch = strstr(heard, "\"epoch\":\"");
    assert_non_null(epoch);
    (void)snprintf(first, sizeof(first), "%.45s", epoch);
    (void)request("DELETE /v1/desired_lrps/web-1", "", "");
    (void)request("POST /v1/desired_lrps", "", LRP("web-1", ""));
    (void)request("GET /v1/desired_lrps/web-1", "", "");
    assert_heard("\"epoch\":\"");
    assert_not_heard(first);
}

/* ---- actual LRPs -------------------------------------------------------- */

static void test_actuals(void **state)
{
    (void)state;
    SAID("GET /v1/actual_lrps/web-1", "", "", "200", "[]");
    SAID("GET /v1/actual_lrps/web-1/index/0", "", "", "404", "null");
    assert_heard("Content-Type: application/json\r\n");
    (void)request("POST /v1/desired_lrps", "", LRP("web-1", ",'instances':2"));
    (void)request("GET /v1/actual_lrps/web-1/index/1", "", "");
    assert_heard("{\"process_guid\":\"web-1\",\"instance_guid\":\"\","
                 "\"cell_id\":\"\",\"domain\":\"demo\",\"index\":1,"
                 "\"address\":\"\",\"ports\":null,\"state\":\"UNCLAIMED\","
                 "\"crash_count\":0,\"since\":1440000000000000000,"
                 "\"evacuating\":false,\"modification_tag\":{\"epoch\":\"");
    assert_not_heard("placement_error");
    (void)request("GET /v1/actual_lrps?domain=demo", "", "");
    assert_heard("\"index\":0,");
    assert_heard("\"index\":1,");
    SAID("GET /v1/actual_lrps/web-1/index/-1", "", "", "404", "null");
    SAID("GET /v1/actual_lrps/web-1/index/not-an-int", "", "", "400",
         ERROR("InvalidRequest", "index not a number"));
    SAID("DELETE /v1/actual_lrps/web-1/index/x", "", "", "400",
         ERROR("InvalidRequest", "index not a number"));
}

static void test_kill_keeps_the_desired_count(void **state)
{
    (void)state;
    (void)request("POST /v1/desired_lrps", "", LRP("web-1", ",'instances':1"));
    SAID("DELETE /v1/actual_lrps/web-1/index/0", "", "", "204", "");
    SAID("DELETE /v1/actual_lrps/web-1/index/0", "", "", "404",
         "{'name':'ActualLRPIndexNotFound','message':'process-guid 'web-1' "
         "does not exist or has no instance at index 0'}");
    (void)request("GET /v1/desired_lrps/web-1", "", "");
    assert_heard("\"instances\":1,");
}

static int set_reasons(const struct step *s, struct ccb_store_tx *tx,
                       struct ccb_error *err)
{
    struct ccb_actual before, after;
    int code = ccb_actual_get(tx, or_empty(s->guid), 0, &before, err);

    if (code < 0)
        return code;
    after = before;
    after.crash_reason = ccb_slice_of("boom");
    after.placement_error = ccb_slice_of("no room");
    after.ports = ccb_slice_of("[{\"container_port\":8080}]");
    return ccb_actual_change(tx, &before, &after, err);
}

static void test_reasons_are_shown_when_there_are_any(void **state)
{
    (void)state;
    (void)request("POST /v1/desired_lrps", "", LRP("web-1", ",'instances':1"));
    OK(DO(set_reasons, .guid = "web-1"));
    (void)request("GET /v1/actual_lrps/web-1/index/0", "", "");
    assert_heard("\"placement_error\":\"no room\"");
    assert_heard("\"crash_reason\":\"boom\"");
    assert_heard("\"ports\":[{\"container_port\":8080}]");
}

/* ---- long lists --------------------------------------------------------- */

static int fill(const struct step *s, struct ccb_store_tx *tx,
                struct ccb_error *err)
{
    return sqlite3_exec(tx->db, s->text, NULL, NULL, NULL) == SQLITE_OK
               ? 0
               : ccb_tx_fail(tx, err);
}

static size_t count_heard(const char *part)
{
    size_t count = 0;

    for (const char *at = strstr(heard, part); at; at = strstr(at + 1, part))
        count++;
    return count;
}

static void test_a_list_of_many_pages_lists_each_once(void **state)
{
    (void)state;
    (void)request("POST /v1/desired_lrps", "", LRP("a", ",'instances':1"));
    OK(DO(fill, .text = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT "
                        "i + 1 FROM n WHERE i < 1999) INSERT INTO actual "
                        "SELECT 'p' || (i / 7), i, domain, '', '', '', '', 1, "
                        "0, '', '', i, epoch, 0 FROM actual, n"));
    (void)request("GET /v1/actual_lrps", "", "");
    assert_heard("Transfer-Encoding: chunked\r\n");
    assert_int_equal(count_heard("\"modification_tag\""), 2000);
    for (int i = 1; i < 2000; i += 97) {
        char since[40];

        (void)snprintf(since, sizeof(since), "\"since\":%d,", i);
        assert_int_equal(count_heard(since), 1);
    }
    assert_string_equal(heard + heard_len - 8, "]\r\n0\r\n\r\n");
}

/* A client that leaves in the midst of a list, with pages still to come. */
static void test_a_list_nobody_reads_on_ends(void **state)
{
    int fd;

    (void)state;
    (void)request("POST /v1/desired_lrps", "", LRP("a", ",'instances':1"));
    OK(DO(fill, .text = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT "
                        "i + 1 FROM n WHERE i < 60000) INSERT INTO actual "
                        "SELECT 'p' || i, i, domain, '', '', '', '', 1, "
                        "0, '', '', i, epoch, 0 FROM actual, n"));
    fd = dial();
    say(fd, "GET /v1/actual_lrps HTTP/1.1\r\nHost: x\r\n\r\n");
    hear_head(fd);
    (void)close(fd);
    (void)request("GET /v1/cells", "", ""); /* others get their turn */
    assert_heard("HTTP/1.1 200 ");
}

/* ---- domains and cells -------------------------------------------------- */

static void test_domain_ttl(void **state)
{
    (void)state;
    SAID("GET /v1/domains", "", "", "200", "null");
    SAID("PUT /v1/domains/a", "", "", "204", "");
    SAID("PUT /v1/domains/b", "Cache-Control: max-age=1\r\n", "", "204", "");
    SAID("GET /v1/domains", "", "", "200", "['a','b']");
    cell_pass(2);
    SAID("GET /v1/domains", "", "", "200", "['a']");
    SAID("PUT /v1/domains/c", "Cache-Control: max-age=0\r\n", "", "204", "");
    SAID("PUT /v1/domains/a",
         "Cache-Control: public\r\nCache-Control: max-age=5\r\n", "", "204",
         "");
    cell_pass(5);
    SAID("GET /v1/domains", "", "", "200", "['c']");
}

static void test_domain_refusals(void **state)
{
    (void)state;
    SAID("PUT /v1/domains/a", "Cache-Control: public\r\n", "", "400",
         ERROR("InvalidRequest", "max-age directive missing from request"));
    SAID("PUT /v1/domains/a", "Cache-Control: public, max-age=5\r\n", "", "400",
         ERROR("InvalidRequest", "max-age directive missing from request"));
    SAID("PUT /v1/domains/a", "Cache-Control: max-age=soon\r\n", "", "400",
         ERROR("InvalidRequest", "invalid-max-age-directive: max-age=soon"));
    SAID("PUT /v1/domains/a", "Cache-Control: max-age=-1\r\n", "", "400",
         ERROR("InvalidRequest", "invalid-max-age-directive: max-age=-1"));
    SAID("GET /v1/domains", "", "", "200", "null");
}

static void test_cells(void **state)
{
    (void)state;
    SAID("GET /v1/cells", "", "", "200", "[]");
    OK(DO(announce, .cell = "cell-1"));
    SAID("GET /v1/cells", "", "", "200",
         "[{'cell_id':'cell-1','zone':'z1','capacity':{'memory_mb':4096,"
         "'disk_mb':20000,'containers':256},'rootfs_providers':"
         "{'preloaded':['base']}}]");
    cell_pass(10);
    SAID("GET /v1/cells", "", "", "200", "[]");
}

/* ---- routes ------------------------------------------------------------- */

static void test_routing(void **state)
{
    static const char *const unknown[] = {"GET /",
                                          "GET /v1/nothing",
                                          "GET /v1/tasks/",
                                          "GET /v1/tasks/a/b",
                                          "GET /v1/desired_lrps/a%2Fb",
                                          "GET /v1/tasks/a/cancel/x/y/z",
                                          "PUT /v1/domains/"};

    (void)state;
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
        SAID(unknown[i], "", "", "404", "404 page not found");
    assert_heard("Content-Type: text/plain; charset=utf-8\r\n");
    SAID("PATCH /v1/tasks", "", "", "405", "Method Not Allowed");
    assert_heard("Allow: POST, GET, HEAD\r\n");
    SAID("OPTIONS /v1/domains/x", "", "", "405", "Method Not Allowed");
    assert_heard("Allow: PUT\r\n");
    SAID("GET /v1/actual_lrps//index/0", "", "", "400",
         ERROR("InvalidRequest", "process_guid missing from request"));
    (void)request("HEAD /v1/tasks", "", "");
    assert_heard("HTTP/1.1 200 ");
    assert_heard("Content-Length: 2\r\n");
    assert_string_equal(heard_body(), "");
}

/* ---- authorization ------------------------------------------------------ */

#define GOOD "Basic dXNlcjpwYXNz" /* user:pass */
#define WRONG "Basic dXNlcjp3cm9uZw=="
#define UNAUTHORIZED ERROR("Unauthorized", "Unauthorized")

static void test_authorization(void **state)
{
    (void)state;
    SAID("GET /v1/tasks", "Authorization: " GOOD "\r\n", "", "200", "[]");
    SAID("GET /v1/tasks", "Authorization: " WRONG "\r\n", "", "401",
         UNAUTHORIZED);
    assert_heard("WWW-Authenticate: Basic realm=\"API Authentication\"\r\n");
    SAID("GET /v1/nothing", "", "", "401", UNAUTHORIZED);
    assert_heard("Content-Type: application/json\r\n");
    assert_heard("Content-Length: 48\r\n");
    SAID("GET /v1/nothing", "Authorization: " GOOD "\r\n", "", "404",
         "404 page not found");
    SAID("OPTIONS /v1/tasks", "", "", "401", UNAUTHORIZED);
}

static void test_the_cookie_goes_before_the_header(void **state)
{
    (void)state;
    SAID("GET /v1/tasks",
         "Authorization: " WRONG "\r\n"
         "Cookie: a=b; receptor_authorization=" GOOD "\r\n",
         "", "200", "[]");
    SAID("GET /v1/tasks",
         "Authorization: " GOOD "\r\n"
         "Cookie: receptor_authorization=" WRONG "\r\n",
         "", "401", UNAUTHORIZED);
    SAID("GET /v1/tasks", "Authorization: " GOOD "\r\nCookie: other=1\r\n", "",
         "200", "[]");
}

static void test_the_cookie_is_given(void **state)
{
    (void)state;
    SAID("POST /v1/auth_cookie", "Authorization: " GOOD "\r\n", "", "204", "");
    assert_heard("Set-Cookie: receptor_authorization=" GOOD "; HttpOnly\r\n");
    SAID("POST /v1/auth_cookie", "", "", "401", UNAUTHORIZED);
}

static void test_no_cookie_without_authorization(void **state)
{
    (void)state;
    SAID("POST /v1/auth_cookie", "", "", "204", "");
    assert_not_heard("Set-Cookie");
}

/* ---- CORS --------------------------------------------------------------- */

static void test_cors(void **state)
{
    (void)state;
    SAID("GET /v1/tasks", "Origin: example.com\r\nAuthorization: " GOOD "\r\n",
         "", "200", "[]");
    assert_heard("Access-Control-Allow-Origin: example.com\r\n");
    assert_heard("Access-Control-Allow-Credentials: true\r\n");
    SAID("GET /v1/tasks", "Origin: *\r\nAuthorization: " GOOD "\r\n", "", "200",
         "[]");
    assert_not_heard("Access-Control");
    SAID("GET /v1/tasks", "Authorization: " GOOD "\r\n", "", "200", "[]");
    assert_not_heard("Access-Control");
    SAID("GET /v1/nothing", "Origin: example.com\r\n", "", "401", UNAUTHORIZED);
    assert_heard("Access-Control-Allow-Origin: example.com\r\n");
}

static void test_cors_preflight(void **state)
{
    (void)state;
    SAID("OPTIONS /any/path",
         "Origin: example.com\r\nAccess-Control-Request-Method: PUT\r\n"
         "Access-Control-Request-Headers: content-type,authorization\r\n",
         "", "200", "");
    assert_heard("Access-Control-Allow-Methods: PUT\r\n");
    assert_heard("Access-Control-Allow-Headers: content-type,authorization"
                 "\r\n");
    assert_heard("Access-Control-Allow-Origin: example.com\r\n");
}

static void test_without_the_flag_there_is_no_cors(void **state)
{
    (void)state;
    (void)request("GET /v1/tasks", "Origin: example.com\r\n", "");
    assert_not_heard("Access-Control");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, api_open, api_close)
#define AUTH_CASE(name)                                                        \
    cmocka_unit_test_setup_teardown(name, api_open_with_auth, api_close)
#define CORS_CASE(name)                                                        \
    cmocka_unit_test_setup_teardown(name, api_open_with_cors, api_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_task_create_get_and_duplicate),
        CASE(test_task_create_refusals),
        CASE(test_task_not_found),
        CASE(test_task_delete),
        CASE(test_a_resolving_task_is_not_deletable),
        CASE(test_cancel_refusals),
        CASE(test_task_lists),
        CASE(test_desired_create_get_delete),
        CASE(test_desired_create_refusals),
        CASE(test_desired_update),
        CASE(test_a_new_lrp_of_the_same_name_has_a_new_epoch),
        CASE(test_actuals),
        CASE(test_kill_keeps_the_desired_count),
        CASE(test_reasons_are_shown_when_there_are_any),
        CASE(test_a_list_of_many_pages_lists_each_once),
        CASE(test_a_list_nobody_reads_on_ends),
        CASE(test_domain_ttl),
        CASE(test_domain_refusals),
        CASE(test_cells),
        CASE(test_routing),
        AUTH_CASE(test_authorization),
        AUTH_CASE(test_the_cookie_goes_before_the_header),
        AUTH_CASE(test_the_cookie_is_given),
        CASE(test_no_cookie_without_authorization),
        CORS_CASE(test_cors),
        CORS_CASE(test_cors_preflight),
        CASE(test_without_the_flag_there_is_no_cors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
