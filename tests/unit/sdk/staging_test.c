/*
 * What all lifecycles share of a staging: the request and its first checks, the
 * time limit, the task's members, and the result on its way back
 * (contract/stager.md C3 to C6).
 */
#include "call_fixture.h"
#include "ccbridge/staging.h"

/* The data and the result of a lifecycle of its own kind. */
struct own {
    struct ccb_slice image;
    int64_t size;
};

static const struct ccb_json_field own_fields[] = {
    {.name = "image",
     .kind = CCB_JSON_K_STRING,
     .offset = offsetof(struct own, image)},
    {.name = "size",
     .kind = CCB_JSON_K_INT64,
     .offset = offsetof(struct own, size)},
};
static const struct ccb_json_shape own_shape = {own_fields, 2,
                                                sizeof(struct own)};

static struct ccb_staging_request request;
static struct own own;

static int decode(struct ccb_sdk_call *c)
{
    return ccb_staging_decode(c, &request, &own_shape, &own);
}

/* ---- the request -------------------------------------------------------- */

static void the_request_and_its_data_are_read(void **state)
{
    (void)state;
    assert_int_equal(
        in_call("",
                "{\"app_id\":\"a\",\"lifecycle\":\"l\",\"environment\":[{"
                "\"name\":\"N\",\"value\":\"V\"}],\"egress_rules\":[{}],"
                "\"file_descriptors\":-1,\"memory_mb\":9007199254740993,"
                "\"disk_mb\":3,\"timeout\":4,\"LIFECYCLE_data\":{\"image\":"
                "\"i\",\"size\":5}}",
                decode),
        0);
    assert_slice(request.app_id, "a");
    assert_slice(request.lifecycle, "l");
    assert_int_equal(request.environment.count, 1);
    assert_int_equal(request.egress_rules.count, 1);
    assert_int_equal(request.file_descriptors, -1);
    assert_int_equal(request.memory_mb, 9007199254740993);
    assert_int_equal(request.disk_mb, 3);
    assert_int_equal(request.timeout, 4);
    assert_slice(own.image, "i");
    assert_int_equal(own.size, 5);
}

static void requests_that_no_lifecycle_takes_are_refused(void **state)
{
    static const struct {
        const char *message, *text;
    } rows[] = {
        {"{\"app_id\":\"a\"}", "missing lifecycle data"},
        {"{\"app_id\":\"a\",\"lifecycle_data\":null}",
         "missing lifecycle data"},
        {"{\"app_id\":\"a\",\"lifecycle_data\":{},\"lifecycle_data\":null}",
         "missing lifecycle data"},
        {"null", "missing lifecycle data"},
        {"{\"app_id\":\"a\",\"lifecycle_data\":[]}", "lifecycle_data: "},
        {"{\"app_id\":\"a\",\"lifecycle_data\":{\"size\":\"5\"}}",
         "lifecycle_data: size: "},
        {"{\"app_id\":5,\"lifecycle_data\":{}}", "app_id: "},
        {"{\"lifecycle_data\":{}}", "missing app id"},
        {"{\"app_id\":\"\",\"lifecycle_data\":{}}", "missing app id"},
        {"{\"app_id\":\"a\",\"lifecycle_data\":{}} x", ""},
        {"[]", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(in_call("", rows[i].message, decode), CCB_FAILED);
        assert_int_equal(fixture_host.code, CCB_FAILED);
        assert_ptr_equal(strstr(fixture_host.error, rows[i].text),
                         fixture_host.error);
    }
}

static void a_request_that_finds_no_memory_is_not_refused(void **state)
{
    (void)state;
    assert_survives_lack_of_memory(
        "", "{\"app_id\":\"\\u0061\",\"lifecycle_data\":{\"image\":\"\\t\"}}",
        decode);
}

/* ---- the task ----------------------------------------------------------- */

static int64_t asked, given;

static int find_timeout(struct ccb_sdk_call *c)
{
    const struct ccb_staging_request r = {.app_id = CCB_LIT("a"),
                                          .timeout = asked};

    given = ccb_staging_find_timeout(c, &r);
    return c->code;
}

static void a_timeout_is_taken_as_far_as_nanoseconds_go(void **state)
{
    static const int64_t rows[][2] = {
        {1, 1}, {900, 900}, {9223372036, 9223372036}, {INT64_MAX, 9223372036}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        asked = rows[i][0];
        assert_int_equal(in_call("", "", find_timeout), 0);
        assert_int_equal(given, rows[i][1]);
        assert_int_equal(fixture_host.log_len, 0);
    }
}

static void no_timeout_is_fifteen_minutes_and_logged(void **state)
{
    (void)state;
    asked = 0;
    assert_int_equal(in_call("", "", find_timeout), 0);
    assert_int_equal(given, 900);
    asked = -3;
    assert_int_equal(in_call("", "", find_timeout), 0);
    assert_int_equal(given, 900);
    assert_string_equal(fixture_host.log,
                        "info overriding requested timeout "
                        "{\"requested-timeout\":-3,\"default-timeout\":"
                        "900000000000,\"app-id\":\"a\"}\n");
}

static int cpu_weight;

static int put_members(struct ccb_sdk_call *c)
{
    struct ccb_json_writer w;

    if (decode(c) < 0)
        return c->code;
    ccb_sdk_writer(c, &w);
    ccb_json_begin_object(&w);
    ccb_staging_put_env(&w, &request);
    ccb_staging_put_task(&w, &request, "/r", cpu_weight);
    ccb_json_end_object(&w);
    return ccb_sdk_end(c, &w);
}

static void only_an_empty_environment_is_left_out_of_the_task(void **state)
{
    (void)state;
    cpu_weight = 0;
    assert_int_equal(
        in_call("", "{\"app_id\":\"a\",\"lifecycle_data\":{}}", put_members),
        0);
    assert_result(
        "{\"result_file\":\"/r\",\"memory_mb\":0,\"disk_mb\":0,"
        "\"cpu_weight\":0,\"log_source\":\"STG\",\"metrics_guid\":\"\"}");
    cpu_weight = 50;
    assert_int_equal(
        in_call("",
                "{\"app_id\":\"a\",\"memory_mb\":1,\"disk_mb\":2,"
                "\"environment\":[{\"name\":\"B\",\"value\":\"\\u003c\"},{"
                "\"name\":\"A\"}],\"lifecycle_data\":{}}",
                put_members),
        0);
    assert_result("{\"env\":[{\"name\":\"B\",\"value\":\"\\u003c\"},{\"name\":"
                  "\"A\",\"value\":\"\"}],\"result_file\":\"/r\","
                  "\"memory_mb\":1,\"disk_mb\":2,\"cpu_weight\":50,"
                  "\"log_source\":\"STG\",\"metrics_guid\":\"\"}");
}

/* ---- the result --------------------------------------------------------- */

static int pass_result(struct ccb_sdk_call *c)
{
    struct ccb_staging_result result;
    struct ccb_json_writer w;

    if (ccb_staging_read_result(c, &result, &own_shape, &own) < 0)
        return c->code;
    ccb_sdk_writer(c, &w);
    ccb_json_begin_object(&w);
    ccb_staging_put_result(c, &w, &result);
    ccb_json_member_string(&w, "image", own.image);
    ccb_json_end_object(&w);
    return ccb_sdk_end(c, &w);
}

#define TASK(result) "{\"task_guid\":\"g\",\"result\":\"" result "\"}"

static void a_result_is_written_anew(void **state)
{
    (void)state;
    assert_int_equal(
        in_call("",
                TASK("{\\\"execution_metadata\\\":\\\"{}\\\",\\\"image\\\":"
                     "\\\"i\\\",\\\"detected_start_command\\\":{\\\"web\\\":"
                     "\\\"a\xff\\\",\\\"worker\\\":null}}"),
                pass_result),
        0);
    assert_result(
        "{\"execution_metadata\":\"{}\",\"detected_start_command\":{"
        "\"web\":\"a\xef\xbf\xbd\",\"worker\":\"\"},\"image\":\"i\"}");
}

static void a_result_that_says_nothing_is_empty(void **state)
{
    static const char *const results[] = {
        TASK("null"), TASK("{}"),
        TASK("{\\\"detected_start_command\\\":null}")};

    (void)state;
    for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
        assert_int_equal(in_call("", results[i], pass_result), 0);
        assert_result("{\"execution_metadata\":\"\","
                      "\"detected_start_command\":null,\"image\":\"\"}");
    }
}

static void what_no_builder_writes_is_invalid(void **state)
{
    static const char *const results[] = {
        TASK(""),
        TASK("[]"),
        TASK("{} x"),
        TASK("{\\\"execution_metadata\\\":5}"),
        TASK("{\\\"size\\\":\\\"5\\\"}"),
        TASK("{\\\"detected_start_command\\\":[]}"),
        TASK("{\\\"detected_start_command\\\":{\\\"web\\\":5}}"),
        "{\"task_guid\":\"g\"}",
    };
    static const char prefix[] = "the task's result: ";

    (void)state;
    for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
        assert_int_equal(in_call("", results[i], pass_result), CCB_INVALID);
        assert_memory_equal(fixture_host.error, prefix, sizeof(prefix) - 1);
    }
}

/* ---- the way back, whole ------------------------------------------------ */

static const char *const *data_names;
static size_t data_count;

static int build_response(struct ccb_instance *self, struct ccb_call *call,
                          const struct ccb_request *task)
{
    return ccb_staging_build_response(self, call, task, data_names, data_count);
}

static int respond(const char *message)
{
    struct ccb_instance *self =
        ccb_sdk_create(&fixture_host.host, ccb_slice_of(""));
    struct ccb_request task;
    int code;

    ccb_test_request_init(&task);
    task.message = ccb_slice_of(message);
    code = ccb_test_host_call(&fixture_host, build_response, self, &task);
    ccb_sdk_destroy(self);
    return code;
}

static void a_response_has_the_builders_strings_as_its_data(void **state)
{
    static const char *const names[] = {"image", "kind"};

    (void)state;
    data_names = names;
    data_count = 2;
    assert_int_equal(respond(TASK("{\\\"kind\\\":\\\"k\\\",\\\"other\\\":1}")),
                     0);
    assert_result("{\"execution_metadata\":\"\","
                  "\"detected_start_command\":null,"
                  "\"lifecycle_data\":{\"image\":\"\",\"kind\":\"k\"}}");
    assert_int_equal(respond(TASK("{\\\"kind\\\":5}")), CCB_INVALID);
    data_count = CCB_STAGING_DATA_MAX + 1;
    assert_int_equal(respond(TASK("{}")), CCB_FAILED);
}

static void a_result_that_finds_no_memory_is_not_invalid(void **state)
{
    (void)state;
    assert_survives_lack_of_memory(
        "",
        TASK("{\\\"execution_metadata\\\":\\\"\\\\t\\\",\\\"image\\\":"
             "\\\"\\\\t\\\",\\\"detected_start_command\\\":{\\\"\\\\t\\\":"
             "\\\"\\\\t\\\"}}"),
        pass_result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_request_and_its_data_are_read),
        cmocka_unit_test(requests_that_no_lifecycle_takes_are_refused),
        cmocka_unit_test(a_request_that_finds_no_memory_is_not_refused),
        cmocka_unit_test(a_timeout_is_taken_as_far_as_nanoseconds_go),
        cmocka_unit_test(no_timeout_is_fifteen_minutes_and_logged),
        cmocka_unit_test(only_an_empty_environment_is_left_out_of_the_task),
        cmocka_unit_test(a_result_is_written_anew),
        cmocka_unit_test(a_result_that_says_nothing_is_empty),
        cmocka_unit_test(what_no_builder_writes_is_invalid),
        cmocka_unit_test(a_response_has_the_builders_strings_as_its_data),
        cmocka_unit_test(a_result_that_finds_no_memory_is_not_invalid),
    };

    fixture_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
