/*
 * Egress rules on their way from CC into a recipe: the two forms of
 * contract/stager.md B8 and nsync.md 3.1.
 */
#include "call_fixture.h"

struct holder {
    struct ccb_json_list rules;
};

static const struct ccb_json_field holder_fields[] = {
    {.name = "r",
     .kind = CCB_JSON_K_LIST,
     .offset = offsetof(struct holder, rules),
     .element = CCB_JSON_K_OBJECT,
     .shape = &ccb_egress_rule_shape},
};
static const struct ccb_json_shape holder_shape = {holder_fields, 1,
                                                   sizeof(struct holder)};

static int put(struct ccb_sdk_call *c, enum ccb_egress_form form)
{
    struct ccb_json_writer w;
    struct holder in;
    int code = ccb_sdk_decode(c, CCB_JSON_WHOLE, &holder_shape, &in);

    if (code < 0)
        return code;
    ccb_sdk_writer(c, &w);
    ccb_json_begin_object(&w);
    ccb_put_egress_rules(&w, &in.rules, form);
    ccb_json_end_object(&w);
    return ccb_sdk_end(c, &w);
}

static int put_staging(struct ccb_sdk_call *c)
{
    return put(c, CCB_EGRESS_STAGING);
}

static int put_run(struct ccb_sdk_call *c)
{
    return put(c, CCB_EGRESS_RUN);
}

/* One rule, and what each form makes of it. */
static const struct {
    const char *rule, *staging, *run;
} rows[] = {
    {"{}", "{\"log\":false}",
     "{\"protocol\":\"\",\"destinations\":null,\"log\":false}"},
    {"{\"protocol\":\"\",\"destinations\":[],\"ports\":[]}", "{\"log\":false}",
     "{\"protocol\":\"\",\"destinations\":[],\"log\":false}"},
    {"{\"protocol\":\"tcp\",\"destinations\":[\"1.1.1.1\",null],\"log\":true}",
     "{\"protocol\":\"tcp\",\"destinations\":[\"1.1.1.1\",\"\"],\"log\":true}",
     "{\"protocol\":\"tcp\",\"destinations\":[\"1.1.1.1\",\"\"],\"log\":true}"},
    {"{\"protocol\":\"x\",\"destinations\":null,\"ports\":[1,65535,65536,"
     "4294967295]}",
     "{\"protocol\":\"x\",\"ports\":[1,65535,65536,4294967295],\"log\":false}",
     "{\"protocol\":\"x\",\"destinations\":null,\"ports\":[1,65535,0,65535],"
     "\"log\":false}"},
    {"{\"protocol\":\"udp\",\"destinations\":[\"d\"],\"port_range\":{\"end\":"
     "70000},\"icmp_info\":{\"type\":-1}}",
     "{\"protocol\":\"udp\",\"destinations\":[\"d\"],\"port_range\":{\"start\":"
     "0,\"end\":70000},\"icmp_info\":{\"type\":-1,\"code\":0},\"log\":false}",
     "{\"protocol\":\"udp\",\"destinations\":[\"d\"],\"port_range\":{\"start\":"
     "0,\"end\":70000},\"icmp_info\":{\"type\":-1,\"code\":0},\"log\":false}"},
    {"{\"Protocol\":\"icmp\",\"port_range\":null,\"ICMP_Info\":{\"code\":2,"
     "\"type\":2147483647}}",
     "{\"protocol\":\"icmp\",\"icmp_info\":{\"type\":2147483647,\"code\":2},"
     "\"log\":false}",
     "{\"protocol\":\"icmp\",\"destinations\":null,\"icmp_info\":{\"type\":"
     "2147483647,\"code\":2},\"log\":false}"},
};

static void check(const char *rule, const char *expected,
                  int (*body)(struct ccb_sdk_call *c))
{
    char message[512], result[512];

    snprintf(message, sizeof(message), "{\"r\":[%s]}", rule);
    snprintf(result, sizeof(result), "{\"egress_rules\":[%s]}", expected);
    assert_int_equal(in_call("", message, body), 0);
    assert_result(result);
}

static void each_form_leaves_out_and_cuts_its_own_way(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        check(rows[i].rule, rows[i].staging, put_staging);
        check(rows[i].rule, rows[i].run, put_run);
    }
}

static void no_rules_no_member(void **state)
{
    static const char *const none[] = {"{}", "{\"r\":null}", "{\"r\":[]}"};

    (void)state;
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        assert_int_equal(in_call("", none[i], put_run), 0);
        assert_result("{}");
        assert_int_equal(in_call("", none[i], put_staging), 0);
        assert_result("{}");
    }
}

static void wrong_types_are_refused(void **state)
{
    static const char *const wrong[] = {
        "{\"r\":[{\"protocol\":1}]}",
        "{\"r\":[{\"destinations\":\"1.1.1.1\"}]}",
        "{\"r\":[{\"ports\":[-1]}]}",
        "{\"r\":[{\"ports\":[4294967296]}]}",
        "{\"r\":[{\"port_range\":[1,2]}]}",
        "{\"r\":[{\"icmp_info\":{\"type\":2147483648}}]}",
        "{\"r\":[{\"log\":\"yes\"}]}",
        "{\"r\":[7]}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(in_call("", wrong[i], put_run), CCB_FAILED);
        assert_non_null(strstr(fixture_host.error, "r[0]"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_form_leaves_out_and_cuts_its_own_way),
        cmocka_unit_test(no_rules_no_member),
        cmocka_unit_test(wrong_types_are_refused),
    };
    fixture_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
