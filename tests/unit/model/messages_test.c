/*
 * CC's messages: which documents are taken, what is read from them, and what
 * is written back (contract/stager.md C3, C6; nsync.md 1.2, 1.3).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "model/desire.h"
#include "model/staging.h"

static struct ccb_arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = ccb_arena_create();
    return arena ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    ccb_arena_unref(arena);
    return 0;
}

static int stage(struct ccb_staging_request *out, const char *text)
{
    struct ccb_error err;
    return ccb_staging_request_decode(out, ccb_slice_of(text), arena, &err);
}

static void a_staging_request_is_read(void **state)
{
    struct ccb_staging_request request;
    (void)state;
    assert_int_equal(
        stage(&request,
              "{\"app_id\":\"a\",\"log_guid\":\"l\",\"lifecycle\":\"buildpack\""
              ",\"timeout\":5,\"environment\":[{\"name\":\"A\",\"value\":\"b\""
              "}],\"egress_rules\":[{\"protocol\":\"tcp\",\"ports\":[1]}],"
              "\"lifecycle_data\":{\"stack\":\"s\\u0031\"},\"other\":[]}"),
        0);
    assert_true(ccb_slice_is(request.app_id, "a"));
    assert_true(ccb_slice_is(request.lifecycle, "buildpack"));
    assert_true(ccb_slice_is(request.stack, "s1"));
    assert_int_equal(request.timeout, 5);
    assert_int_equal(request.environment.count, 1);
}

static void staging_documents_that_are_refused(void **state)
{
    static const char *const rows[] = {
        "",
        "bad-json",
        "{\"app_id\":\"a\"} trailing",
        "[]",
        "{\"app_id\":7}",
        "{\"memory_mb\":1.5}",
        "{\"memory_mb\":1e3}",
        "{\"timeout\":\"5\"}",
        "{\"environment\":{}}",
        "{\"environment\":[{\"name\":1}]}",
        "{\"egress_rules\":[{\"ports\":[\"1\"]}]}",
        "{\"file_descriptors\":9223372036854775808}",
    };
    struct ccb_staging_request request;
    size_t i;
    (void)state;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (stage(&request, rows[i]) != CCB_INVALID)
            fail_msg("was taken: %s", rows[i]);
}

static void the_shape_of_lifecycle_data_is_the_plugins_matter(void **state)
{
    static const char *const rows[] = {
        "null", "{}", "{\"lifecycle_data\":null}", "{\"lifecycle_data\":\"x\"}",
        "{\"lifecycle_data\":{\"stack\":5}}"};
    struct ccb_staging_request request;
    size_t i;
    (void)state;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(stage(&request, rows[i]), 0);
        assert_int_equal(request.stack.len, 0);
    }
}

static void a_callback_is_its_first_value(void **state)
{
    struct ccb_finished_task task;
    struct ccb_error err;
    (void)state;
    assert_int_equal(
        ccb_finished_task_decode(
            &task,
            ccb_slice_of("{\"task_guid\":\"t\",\"failed\":true,\"failure_"
                         "reason\":\"x\",\"action\":{\"run\":3},\"created_at\":"
                         "1440417600125000001} and more"),
            arena, &err),
        0);
    assert_true(ccb_slice_is(task.task_guid, "t"));
    assert_true(task.failed);
    assert_int_equal(task.created_at, INT64_C(1440417600125000001));
    assert_int_equal(
        ccb_finished_task_decode(&task, ccb_slice_of("{"), arena, &err),
        CCB_INVALID);
}

static void annotations_come_back_as_they_were_written(void **state)
{
    struct ccb_staging_annotation from = {.lifecycle = CCB_LIT("buildpack")};
    struct ccb_staging_annotation back;
    struct ccb_buf text = {0};
    struct ccb_error err;
    (void)state;
    ccb_staging_annotation_encode(&text, &from);
    assert_true(
        ccb_slice_is(ccb_buf_slice(&text), "{\"lifecycle\":\"buildpack\"}"));
    ccb_buf_reset(&text);
    from.plugin = ccb_slice_of("org.example.jar");
    ccb_staging_annotation_encode(&text, &from);
    assert_int_equal(
        ccb_staging_annotation_decode(&back, ccb_buf_slice(&text), arena, &err),
        0);
    assert_true(ccb_slice_is(back.plugin, "org.example.jar"));
    assert_int_equal(
        ccb_staging_annotation_decode(&back, ccb_slice_of(""), arena, &err),
        CCB_INVALID);
    ccb_buf_destroy(&text);
}

static void the_error_object_has_the_historic_members(void **state)
{
    struct ccb_buf text = {0};
    (void)state;
    ccb_staging_error_encode(&text, "StagingError",
                             ccb_slice_of("staging failed"));
    assert_true(ccb_slice_is(
        ccb_buf_slice(&text),
        "{\"execution_metadata\":\"\",\"detected_start_command\":null,"
        "\"error\":{\"id\":\"StagingError\",\"message\":\"staging failed\"}}"));
    ccb_buf_destroy(&text);
}

static int desire(struct ccb_desire_request *out, const char *text)
{
    struct ccb_error err;
    return ccb_desire_request_decode(out, ccb_slice_of(text), arena, &err);
}

static void desire_documents_that_are_refused(void **state)
{
    static const char *const rows[] = {
        "not valid json",
        "{\"process_guid\":1}",
        "{\"file_descriptors\":-1}",
        "{\"routes\":[1]}",
        "{\"allow_ssh\":\"yes\"}",
        "{\"health_check_timeout_in_seconds\":1.0}",
        "{\"docker_email\":false}",
    };
    struct ccb_desire_request request;
    size_t i;
    (void)state;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (desire(&request, rows[i]) != CCB_INVALID)
            fail_msg("was taken: %s", rows[i]);
}

static void expect_update(const char *message, const char *existing,
                          const char *expected)
{
    struct ccb_desire_request request;
    struct ccb_json routes = {CCB_JSON_NONE, {NULL, 0}};
    struct ccb_buf out = {0};
    struct ccb_error err;
    assert_int_equal(desire(&request, message), 0);
    if (existing)
        assert_int_equal(ccb_json_parse(&routes, ccb_slice_of(existing),
                                        CCB_JSON_WHOLE, &err),
                         0);
    ccb_lrp_update_encode(&out, &request, routes, 8080);
    if (!ccb_slice_is(ccb_buf_slice(&out), expected))
        fail_msg("expected %s\nfound %.*s", expected, (int)out.len, out.data);
    ccb_buf_destroy(&out);
}

static void an_update_replaces_cf_router_and_keeps_the_rest_byte_for_byte(
    void **state)
{
    (void)state;
    expect_update("{\"num_instances\":3,\"routes\":[\"a.b\"],\"etag\":\"1.5\"}"
                  " trailing",
                  "{\"diego-ssh\": {\"n\":1440417600125000001, \"k\":\"\\u0041"
                  "\"},\"cf-router\":[1],\"x\":[ 1.0 ]}",
                  "{\"instances\":3,\"routes\":{\"cf-router\":[{\"hostnames\":"
                  "[\"a.b\"],\"port\":8080}],\"diego-ssh\":{\"n\":"
                  "1440417600125000001, \"k\":\"\\u0041\"},\"x\":[ 1.0 ]},"
                  "\"annotation\":\"1.5\"}");
}

static void missing_routes_are_null_and_empty_ones_stay_empty(void **state)
{
    (void)state;
    expect_update("{}", NULL,
                  "{\"instances\":0,\"routes\":{\"cf-router\":[{\"hostnames\":"
                  "null,\"port\":8080}]},\"annotation\":\"\"}");
    expect_update("{\"routes\":[]}", "null",
                  "{\"instances\":0,\"routes\":{\"cf-router\":[{\"hostnames\":"
                  "[],\"port\":8080}]},\"annotation\":\"\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_staging_request_is_read),
        cmocka_unit_test(staging_documents_that_are_refused),
        cmocka_unit_test(the_shape_of_lifecycle_data_is_the_plugins_matter),
        cmocka_unit_test(a_callback_is_its_first_value),
        cmocka_unit_test(annotations_come_back_as_they_were_written),
        cmocka_unit_test(the_error_object_has_the_historic_members),
        cmocka_unit_test(desire_documents_that_are_refused),
        cmocka_unit_test(
            an_update_replaces_cf_router_and_keeps_the_rest_byte_for_byte),
        cmocka_unit_test(missing_routes_are_null_and_empty_ones_stay_empty),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
