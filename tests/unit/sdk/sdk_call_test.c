/*
 * The glue of a call: facts, bundles, messages, texts, log lines, and that the
 * first failure is the one that counts.
 */
#include "call_fixture.h"

static int check_facts(struct ccb_sdk_call *c)
{
    assert_slice(ccb_sdk_fact_string(c, "file_server_url"), "http://fs\n");
    assert_slice(ccb_sdk_fact_string(c, "skip_cert_verify"), "");
    assert_slice(ccb_sdk_fact_string(c, "nothing"), "");
    assert_true(ccb_sdk_fact_bool(c, "skip_cert_verify"));
    assert_false(ccb_sdk_fact_bool(c, "other"));
    assert_false(ccb_sdk_fact_bool(c, "file_server_url"));
    assert_false(ccb_sdk_fact_bool(c, "nothing"));
    return c->code;
}

static void facts_of_another_type_count_as_absent(void **state)
{
    (void)state;
    assert_int_equal(in_call("{\"file_server_url\":\"http://fs\\n\","
                             "\"skip_cert_verify\":true,\"other\":false}",
                             "", check_facts),
                     0);
}

static int check_bundles(struct ccb_sdk_call *c)
{
    assert_slice(ccb_sdk_bundle(c, ccb_slice_of("b/x")), "last");
    assert_slice(ccb_sdk_bundle(c, ccb_slice_of("B/x")), "upper");
    assert_slice(ccb_sdk_bundle(c, ccb_slice_of("b/\xc3\xa9")), "escaped");
    assert_slice(ccb_sdk_bundle(c, ccb_slice_of("n")), "");
    assert_slice(ccb_sdk_bundle(c, ccb_slice_of("b/")), "");
    return c->code;
}

static int check_no_bundle(struct ccb_sdk_call *c)
{
    assert_slice(ccb_sdk_bundle(c, ccb_slice_of("b/x")), "");
    return c->code;
}

static void bundles_are_found_to_the_letter_the_last_wins(void **state)
{
    (void)state;
    assert_int_equal(in_call("{\"lifecycles\":{\"b/x\":\"first\",\"B/x\":"
                             "\"upper\",\"b/x\":\"last\",\"b/\\u00e9\":"
                             "\"escaped\",\"n\":7}}",
                             "", check_bundles),
                     0);
    assert_int_equal(in_call("", "", check_no_bundle), 0);
    assert_int_equal(in_call("{\"lifecycles\":[\"b/x\"]}", "", check_no_bundle),
                     0);
}

static int fail_twice(struct ccb_sdk_call *c)
{
    struct ccb_error err;

    ccb_error_set(&err, CCB_NOT_FOUND, "the first");
    snprintf(err.id, sizeof(err.id), "SomeId");
    assert_int_equal(ccb_sdk_fail_error(c, &err), CCB_NOT_FOUND);
    assert_int_equal(ccb_sdk_fail(c, CCB_FAILED, "the second"), CCB_NOT_FOUND);
    return c->code;
}

static void the_first_failure_counts(void **state)
{
    (void)state;
    assert_int_equal(in_call("", "", fail_twice), CCB_NOT_FOUND);
    assert_string_equal(fixture_host.error_id, "SomeId");
    assert_string_equal(fixture_host.error, "the first");
}

static int fail_for_something(struct ccb_sdk_call *c)
{
    struct ccb_error err;

    ccb_error_set(&err, CCB_INVALID, "no scheme");
    return ccb_sdk_fail_for(c, "the bundle", &err);
}

static void a_failure_says_what_it_is_about(void **state)
{
    (void)state;
    assert_int_equal(in_call("", "", fail_for_something), CCB_FAILED);
    assert_int_equal(fixture_host.code, CCB_FAILED);
    assert_string_equal(fixture_host.error, "the bundle: no scheme");
}

static int fail_then_write(struct ccb_sdk_call *c)
{
    struct ccb_json_writer w;

    ccb_sdk_fail(c, CCB_NO_MEMORY, "gone");
    ccb_sdk_writer(c, &w);
    ccb_json_put_null(&w);
    return ccb_sdk_end(c, &w);
}

static void the_end_of_writing_reports_what_failed_before(void **state)
{
    (void)state;
    assert_int_equal(in_call("", "", fail_then_write), CCB_NO_MEMORY);
}

static int decode_env(struct ccb_sdk_call *c)
{
    struct ccb_env env;
    int code = ccb_sdk_decode(c, CCB_JSON_WHOLE, &ccb_env_shape, &env);

    if (code == 0) {
        assert_slice(env.name, "\"a\\n\"");
        assert_slice(env.value, "");
        assert_int_equal(c->message.type, CCB_JSON_OBJECT);
    }
    return code;
}

static void messages_that_do_not_decode_fail_the_call(void **state)
{
    (void)state;
    assert_int_equal(in_call("", "{\"name\":\"a\\n\"}", decode_env), 0);
    assert_int_equal(in_call("", "{\"name\":1}", decode_env), CCB_FAILED);
    assert_non_null(strstr(fixture_host.error, "name"));
    assert_int_equal(in_call("", "{} {}", decode_env), CCB_FAILED);
    assert_int_equal(in_call("", "", decode_env), CCB_FAILED);
}

static int decode_rule(struct ccb_sdk_call *c)
{
    struct ccb_egress_rule rule;
    return ccb_sdk_decode(c, CCB_JSON_WHOLE, &ccb_egress_rule_shape, &rule);
}

static void a_message_that_finds_no_memory_fails_the_call(void **state)
{
    (void)state;
    fixture_host.fail_alloc_at = 1;
    assert_int_equal(in_call("", "{\"protocol\":\"t\\n\"}", decode_rule),
                     CCB_NO_MEMORY);
    fixture_host.fail_alloc_at = 0;
}

static int write_log(struct ccb_sdk_call *c)
{
    struct ccb_sdk_log log;
    struct ccb_json_writer *w = ccb_sdk_log_begin(&log, c);
    int i;

    ccb_json_key(w, "list");
    ccb_json_begin_array(w);
    for (i = 0; i < 1000; i++)
        ccb_json_put_int(w, 7);
    ccb_json_end_array(w);
    ccb_json_member_cstr(w, "end", "<");
    ccb_sdk_log_end(&log, CCB_LOG_ERROR, "some action");
    return c->code;
}

static void log_lines_of_any_length_are_one_object(void **state)
{
    struct ccb_json data;
    struct ccb_slice line;
    const char *head = "error some action ";

    (void)state;
    assert_int_equal(in_call("", "", write_log), 0);
    line = ccb_slice_make(fixture_host.log, fixture_host.log_len);
    assert_true(ccb_slice_starts(line, head));
    line = ccb_slice_make(line.ptr + strlen(head), line.len - strlen(head));
    assert_int_equal(ccb_json_parse(&data, line, CCB_JSON_WHOLE, NULL), 0);
    assert_true(ccb_json_string_is(ccb_json_get(data, "end"), "<"));
}

static void without_memory_the_line_goes_out_without_data(void **state)
{
    (void)state;
    fixture_host.fail_alloc_at = 2;
    assert_int_equal(in_call("", "", write_log), 0);
    assert_string_equal(fixture_host.log, "error some action\n");
    fixture_host.fail_alloc_at = 0;
}

static int concat_much(struct ccb_sdk_call *c)
{
    struct ccb_slice pieces[] = {CCB_LIT("a"), {NULL, 0}, CCB_LIT("bc")};

    assert_slice(ccb_sdk_concat(c, pieces, 3), "abc");
    assert_slice(ccb_sdk_concat(c, pieces, 0), "");
    assert_null(ccb_sdk_alloc(c, SIZE_MAX, 2));
    assert_int_equal(c->code, CCB_NO_MEMORY);
    return c->code;
}

static void sizes_that_overflow_are_lack_of_memory(void **state)
{
    (void)state;
    assert_int_equal(in_call("", "", concat_much), CCB_NO_MEMORY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(facts_of_another_type_count_as_absent),
        cmocka_unit_test(bundles_are_found_to_the_letter_the_last_wins),
        cmocka_unit_test(the_first_failure_counts),
        cmocka_unit_test(a_failure_says_what_it_is_about),
        cmocka_unit_test(the_end_of_writing_reports_what_failed_before),
        cmocka_unit_test(messages_that_do_not_decode_fail_the_call),
        cmocka_unit_test(a_message_that_finds_no_memory_fails_the_call),
        cmocka_unit_test(log_lines_of_any_length_are_one_object),
        cmocka_unit_test(without_memory_the_line_goes_out_without_data),
        cmocka_unit_test(sizes_that_overflow_are_lack_of_memory),
    };
    fixture_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
