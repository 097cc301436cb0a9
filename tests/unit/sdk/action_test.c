/*
 * Actions as contract/stager.md B7 lists their members: what is always sent,
 * what only when given, and how they nest.
 */
#include "call_fixture.h"

#define TEXT(literal) ccb_slice_of(literal)

static int put_bare_download(struct ccb_sdk_call *c)
{
    struct ccb_download bare = {.from = TEXT("")};
    struct ccb_json_writer w;

    ccb_sdk_writer(c, &w);
    ccb_action_download(&w, &bare);
    return ccb_sdk_end(c, &w);
}

static int put_full_download(struct ccb_sdk_call *c)
{
    struct ccb_download full = {TEXT("a"), TEXT("f"), TEXT("t"),
                                TEXT("c"), TEXT("u"), TEXT("l")};
    struct ccb_json_writer w;

    ccb_sdk_writer(c, &w);
    ccb_action_download(&w, &full);
    return ccb_sdk_end(c, &w);
}

static void download_sends_from_to_cache_key_and_user_always(void **state)
{
    (void)state;
    assert_int_equal(in_call("", "", put_bare_download), 0);
    assert_result("{\"download\":{\"from\":\"\",\"to\":\"\",\"cache_key\":\"\","
                  "\"user\":\"\"}}");
    assert_int_equal(in_call("", "", put_full_download), 0);
    assert_result("{\"download\":{\"artifact\":\"a\",\"from\":\"f\",\"to\":"
                  "\"t\",\"cache_key\":\"c\",\"user\":\"u\",\"log_source\":"
                  "\"l\"}}");
}

static int put_uploads(struct ccb_sdk_call *c)
{
    struct ccb_upload bare = {.from = TEXT("")};
    struct ccb_upload full = {TEXT("a"), TEXT("f"), TEXT("t"), TEXT("u"),
                              TEXT("l")};
    struct ccb_json_writer w;

    ccb_sdk_writer(c, &w);
    ccb_action_begin_list(&w, "parallel");
    ccb_action_upload(&w, &bare);
    ccb_action_upload(&w, &full);
    ccb_action_end_list(&w);
    return ccb_sdk_end(c, &w);
}

static void upload_sends_from_to_and_user_always(void **state)
{
    (void)state;
    assert_int_equal(in_call("", "", put_uploads), 0);
    assert_result("{\"parallel\":{\"actions\":["
                  "{\"upload\":{\"from\":\"\",\"to\":\"\",\"user\":\"\"}},"
                  "{\"upload\":{\"artifact\":\"a\",\"from\":\"f\",\"to\":\"t\","
                  "\"user\":\"u\",\"log_source\":\"l\"}}]}}");
}

static int put_nested(struct ccb_sdk_call *c)
{
    struct ccb_progress p = {TEXT("s"), TEXT(""), TEXT("f")};
    struct ccb_json_writer w;

    ccb_sdk_writer(c, &w);
    ccb_action_begin_timeout(&w);
    ccb_action_begin_progress(&w);
    ccb_action_begin_try(&w);
    ccb_action_begin_run(&w, TEXT("/p"));
    ccb_json_key(&w, "env");
    ccb_json_begin_array(&w);
    ccb_put_env_text(&w, "A<", "1");
    ccb_json_end_array(&w);
    ccb_action_end_run(&w, UINT64_MAX, TEXT("u"), TEXT(""));
    ccb_action_end_try(&w);
    ccb_action_end_progress(&w, &p);
    ccb_action_end_timeout(&w, INT64_MAX);
    return ccb_sdk_end(c, &w);
}

static void actions_nest_and_numbers_are_exact(void **state)
{
    (void)state;
    assert_int_equal(in_call("", "", put_nested), 0);
    assert_result(
        "{\"timeout\":{\"action\":{\"emit_progress\":{\"action\":{\"try\":{"
        "\"action\":{\"run\":{\"path\":\"/p\",\"env\":[{\"name\":\"A\\u003c\","
        "\"value\":\"1\"}],\"resource_limits\":{\"nofile\":"
        "18446744073709551615},\"user\":\"u\"}}}},\"start_message\":\"s\","
        "\"success_message\":\"\",\"failure_message_prefix\":\"f\"}},"
        "\"timeout\":9223372036854775807}}");
}

static int put_args(struct ccb_sdk_call *c)
{
    struct ccb_slice args[] = {TEXT("app"), TEXT(""), TEXT("a \"b\"")};
    struct ccb_json_writer w;

    ccb_sdk_writer(c, &w);
    ccb_json_begin_object(&w);
    ccb_put_args(&w, args, 3);
    ccb_put_args(&w, args, 0);
    ccb_json_end_object(&w);
    return ccb_sdk_end(c, &w);
}

static void args_keep_their_order_and_empty_ones(void **state)
{
    (void)state;
    assert_int_equal(in_call("", "", put_args), 0);
    assert_result("{\"args\":[\"app\",\"\",\"a \\\"b\\\"\"],\"args\":[]}");
}

static int leave_open(struct ccb_sdk_call *c)
{
    struct ccb_json_writer w;

    ccb_sdk_writer(c, &w);
    ccb_action_begin_try(&w);
    return ccb_sdk_end(c, &w);
}

static void an_action_left_open_fails_the_call(void **state)
{
    (void)state;
    assert_int_equal(in_call("", "", leave_open), CCB_FAILED);
    assert_int_equal(fixture_host.code, CCB_FAILED);
}

static void a_result_over_the_cap_fails_the_call(void **state)
{
    (void)state;
    fixture_host.output_size = 10;
    assert_int_equal(in_call("", "", put_nested), CCB_TOO_LARGE);
    assert_int_equal(fixture_host.code, CCB_TOO_LARGE);
    fixture_host.output_size = sizeof(fixture_output);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(download_sends_from_to_cache_key_and_user_always),
        cmocka_unit_test(upload_sends_from_to_and_user_always),
        cmocka_unit_test(actions_nest_and_numbers_are_exact),
        cmocka_unit_test(args_keep_their_order_and_empty_ones),
        cmocka_unit_test(an_action_left_open_fails_the_call),
        cmocka_unit_test(a_result_over_the_cap_fails_the_call),
    };
    fixture_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
