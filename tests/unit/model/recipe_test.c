/*
 * The recipe validator: what a plugin may say, what it may not, and how the
 * refusal names the place (contract/stager.md B4, B6, B7).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "model/recipe.h"

#define RUN "{\"run\":{\"path\":\"/bin/true\",\"user\":\"vcap\"}}"
#define TASK(action) "{\"rootfs\":\"preloaded:s\",\"action\":" action "}"
#define LRP(more)                                                              \
    "{\"rootfs\":\"preloaded:s\",\"instances\":1,\"ports\":[8080],"            \
    "\"action\":" RUN more "}"

static const struct ccb_task_identity task_identity = {
    .task_guid = CCB_LIT("t-1"),
    .domain = CCB_LIT("d"),
    .log_guid = CCB_LIT("lg"),
    .annotation = CCB_LIT("{\"lifecycle\":\"x\"}"),
    .completion_callback_url = CCB_LIT("http://s/done"),
};
static const struct ccb_lrp_identity lrp_identity = {
    .process_guid = CCB_LIT("p-1"),
    .domain = CCB_LIT("cf-apps"),
};

static struct ccb_json parse(struct ccb_slice text)
{
    struct ccb_json value;
    struct ccb_error err;
    if (ccb_json_parse(&value, text, CCB_JSON_WHOLE, &err) < 0)
        fail_msg("not JSON: %s: %.*s", err.message, (int)text.len, text.ptr);
    return value;
}

static void expect_same(const struct ccb_buf *found, const char *expected)
{
    if (!ccb_json_equal(parse(ccb_buf_slice(found)),
                        parse(ccb_slice_of(expected))))
        fail_msg("expected %s\nfound %.*s", expected, (int)found->len,
                 found->data);
}

static void host_members_are_joined_with_the_plugins(void **state)
{
    struct ccb_buf out = {0};
    struct ccb_error err;
    (void)state;
    assert_int_equal(ccb_task_recipe_encode(&out,
                                            parse(ccb_slice_of(TASK(RUN))),
                                            &task_identity, &err),
                     0);
    expect_same(&out, "{\"task_guid\":\"t-1\",\"domain\":\"d\",\"log_guid\":"
                      "\"lg\",\"annotation\":\"{\\\"lifecycle\\\":\\\"x\\\"}\","
                      "\"completion_callback_url\":\"http://s/done\","
                      "\"rootfs\":\"preloaded:s\",\"action\":" RUN "}");
    ccb_buf_destroy(&out);
}

static void an_empty_annotation_is_left_out(void **state)
{
    struct ccb_buf out = {0};
    struct ccb_error err;
    (void)state;
    assert_int_equal(ccb_lrp_recipe_encode(&out, parse(ccb_slice_of(LRP(""))),
                                           &lrp_identity, &err),
                     0);
    expect_same(&out, "{\"process_guid\":\"p-1\",\"domain\":\"cf-apps\","
                      "\"rootfs\":\"preloaded:s\",\"instances\":1,\"ports\":"
                      "[8080],\"action\":" RUN "}");
    ccb_buf_destroy(&out);
}

struct row {
    const char *recipe;
    const char *words; /* in the message; NULL: it is taken */
};

static const struct row task_rows[] = {
    {TASK(RUN), NULL},
    {"[]", "must be an object"},
    {"{\"rootfs\":\"preloaded:s\"}", "\"action\" is missing"},
    {"{\"action\":" RUN "}", "\"rootfs\" is missing"},
    {"{\"rootfs\":\"cflinuxfs2\",\"action\":" RUN "}", "with a scheme"},
    {"{\"rootfs\":7,\"action\":" RUN "}", "\"rootfs\" must be"},
    {"{\"rootfs\":\"a:b\",\"task_guid\":\"x\",\"action\":" RUN "}",
     "\"task_guid\" is set by the host"},
    {"{\"rootfs\":\"a:b\",\"annotation\":\"x\",\"action\":" RUN "}",
     "\"annotation\" is set by the host"},
    {"{\"rootfs\":\"a:b\",\"fly\":1,\"action\":" RUN "}", "unknown member"},
    {"{\"rootfs\":\"a:b\",\"cpu_weight\":101,\"action\":" RUN "}",
     "from 0 to 100"},
    {"{\"rootfs\":\"a:b\",\"memory_mb\":1.5,\"action\":" RUN "}",
     "\"memory_mb\" must be an integer"},
    {"{\"rootfs\":\"a:b\",\"privileged\":\"yes\",\"action\":" RUN "}",
     "must be a boolean"},
    {"{\"rootfs\":\"a:b\",\"env\":[{\"name\":\"A\"}],\"action\":" RUN "}",
     "\"env\" must be an array of {name, value}"},
    {TASK("null"), "action: must be an object with one action"},
    {TASK("{}"), "action: must be an object with one action"},
    {TASK("{\"fly\":{}}"), "action: unknown kind of action"},
    {TASK("{\"run\":{\"path\":\"a\",\"user\":\"b\"},\"try\":{}}"),
     "one action only"},
    {TASK("{\"run\":{\"path\":\"/bin/true\"}}"),
     "action.run: has no member user"},
    {TASK("{\"run\":{\"path\":1,\"user\":\"v\"}}"),
     "action.run.path: must be a string"},
    {TASK("{\"run\":{\"path\":\"a\",\"user\":\"v\",\"args\":[1]}}"),
     "action.run.args: must be an array of strings"},
    {TASK("{\"run\":{\"path\":\"a\",\"user\":\"v\",\"speed\":1}}"),
     "has a member unknown to run"},
    {TASK("{\"run\":{\"path\":\"a\",\"user\":\"v\",\"resource_limits\":"
          "{\"nofile\":\"8\"}}}"),
     "a number \"nofile\" only"},
    {TASK("{\"timeout\":{\"action\":" RUN "}}"), "has no member timeout"},
    {TASK("{\"timeout\":{\"timeout\":0,\"action\":" RUN "}}"),
     "action.timeout.timeout: must be a positive integer"},
    {TASK("{\"timeout\":{\"timeout\":1e3,\"action\":" RUN "}}"),
     "must be a positive integer"},
    {TASK("{\"serial\":{\"actions\":[]}}"),
     "action.serial.actions: must not be empty"},
    {TASK("{\"serial\":{\"actions\":[" RUN ",{\"fly\":{}}]}}"),
     "action.serial.actions[1]: unknown kind of action"},
    {TASK("{\"serial\":{\"actions\":[" RUN ",null]}}"),
     "action.serial.actions[1]: must be"},
    {TASK("{\"try\":{\"action\":{\"download\":{\"from\":\"\",\"to\":\"\","
          "\"user\":\"\"}}}}"),
     "action.try.action.download: has no member cache_key"},
};

static const struct row lrp_rows[] = {
    {LRP(""), NULL},
    {LRP(",\"setup\":" RUN ",\"monitor\":" RUN), NULL},
    {LRP(",\"monitor\":{\"run\":{}}"), "monitor.run: has no member path"},
    {LRP(",\"setup\":3"), "setup: must be an object"},
    {LRP(",\"process_guid\":\"x\""), "is set by the host"},
    {LRP(",\"start_timeout\":-1"), "\"start_timeout\" must be an integer that"},
    {LRP(",\"ports\":[70000]"), "\"ports\" must be an array of ports"},
    {LRP(",\"ports\":8080"), "\"ports\" must be an array of ports"},
    {LRP(",\"routes\":[]"), "\"routes\" must be an object"},
    {LRP(",\"result_file\":\"x\""), "unknown member"},
};

static void judge(const struct row *row, int code, const struct ccb_error *err)
{
    if (!row->words) {
        if (code != 0)
            fail_msg("%s\nrefused: %s", row->recipe, err->message);
    } else if (code != CCB_INVALID) {
        fail_msg("%s\nwas taken, code %d", row->recipe, code);
    } else if (!strstr(err->message, row->words)) {
        fail_msg("%s\nexpected \"%s\"\nfound \"%s\"", row->recipe, row->words,
                 err->message);
    }
}

static void each_slip_of_a_task_is_refused_by_name(void **state)
{
    size_t i;
    (void)state;
    for (i = 0; i < sizeof(task_rows) / sizeof(task_rows[0]); i++) {
        struct ccb_buf out = {0};
        struct ccb_error err = {0};
        int code = ccb_task_recipe_encode(
            &out, parse(ccb_slice_of(task_rows[i].recipe)), &task_identity,
            &err);
        judge(&task_rows[i], code, &err);
        ccb_buf_destroy(&out);
    }
}

static void each_slip_of_an_lrp_is_refused_by_name(void **state)
{
    size_t i;
    (void)state;
    for (i = 0; i < sizeof(lrp_rows) / sizeof(lrp_rows[0]); i++) {
        struct ccb_buf out = {0};
        struct ccb_error err = {0};
        int code = ccb_lrp_recipe_encode(
            &out, parse(ccb_slice_of(lrp_rows[i].recipe)), &lrp_identity, &err);
        judge(&lrp_rows[i], code, &err);
        ccb_buf_destroy(&out);
    }
}

static int try_nested(const char *open, const char *close, int times,
                      const char *separator, int repeat, struct ccb_error *err)
{
    struct ccb_buf recipe = {0}, out = {0};
    int i, code;
    ccb_buf_put(&recipe, "{\"rootfs\":\"a:b\",\"action\":");
    for (i = 0; i < times; i++)
        ccb_buf_put(&recipe, open);
    for (i = 0; i < repeat; i++)
        ccb_buf_printf(&recipe, "%s" RUN, i ? separator : "");
    for (i = 0; i < times; i++)
        ccb_buf_put(&recipe, close);
    ccb_buf_put(&recipe, "}");
    code = ccb_task_recipe_encode(&out, parse(ccb_buf_slice(&recipe)),
                                  &task_identity, err);
    ccb_buf_destroy(&recipe);
    ccb_buf_destroy(&out);
    return code;
}

static void depth_and_count_are_bounded(void **state)
{
    struct ccb_error err = {0};
    (void)state;
    assert_int_equal(try_nested("{\"try\":{\"action\":", "}}", 20, "", 1, &err),
                     0);
    assert_int_equal(try_nested("{\"try\":{\"action\":", "}}", 40, "", 1, &err),
                     CCB_INVALID);
    assert_non_null(strstr(err.message, "nested too deeply"));
    assert_int_equal(try_nested("{\"serial\":{\"actions\":[", "]}}", 1, ",",
                                CCB_RECIPE_MAX_ACTIONS - 1, &err),
                     0);
    assert_int_equal(try_nested("{\"serial\":{\"actions\":[", "]}}", 1, ",",
                                CCB_RECIPE_MAX_ACTIONS, &err),
                     CCB_INVALID);
    assert_non_null(strstr(err.message, "too many actions"));
}

static void a_recipe_over_a_mebibyte_is_too_large(void **state)
{
    struct ccb_buf recipe = {0}, out = {0};
    struct ccb_error err;
    (void)state;
    ccb_buf_put(&recipe, "{\"rootfs\":\"a:b\",\"result_file\":\"");
    while (recipe.len < 1024 * 1024)
        ccb_buf_put(&recipe, "xxxxxxxxxxxxxxxx");
    ccb_buf_put(&recipe, "\",\"action\":" RUN "}");
    assert_int_equal(ccb_task_recipe_encode(&out, parse(ccb_buf_slice(&recipe)),
                                            &task_identity, &err),
                     CCB_TOO_LARGE);
    ccb_buf_destroy(&recipe);
    ccb_buf_destroy(&out);
}

static void no_memory_is_said_and_survived(void **state)
{
    struct ccb_buf out = {0};
    struct ccb_error err;
    (void)state;
    ccb_mem_fail_at(1, 1);
    assert_int_equal(ccb_task_recipe_encode(&out,
                                            parse(ccb_slice_of(TASK(RUN))),
                                            &task_identity, &err),
                     CCB_NO_MEMORY);
    ccb_mem_fail_at(0, 0);
    ccb_buf_destroy(&out);
}

static void the_first_port_is_the_route_s(void **state)
{
    static const char *const bad[] = {"[]",      "8080", "[\"8080\"]", "[-1]",
                                      "[65536]", "{}",   "null"};
    struct ccb_error err;
    uint16_t port;
    size_t i;
    (void)state;
    assert_int_equal(
        ccb_ports_first(parse(ccb_slice_of("[9000,2222]")), &port, &err), 0);
    assert_int_equal(port, 9000);
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(
            ccb_ports_first(parse(ccb_slice_of(bad[i])), &port, &err),
            CCB_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(host_members_are_joined_with_the_plugins),
        cmocka_unit_test(an_empty_annotation_is_left_out),
        cmocka_unit_test(each_slip_of_a_task_is_refused_by_name),
        cmocka_unit_test(each_slip_of_an_lrp_is_refused_by_name),
        cmocka_unit_test(depth_and_count_are_bounded),
        cmocka_unit_test(a_recipe_over_a_mebibyte_is_too_large),
        cmocka_unit_test(no_memory_is_said_and_survived),
        cmocka_unit_test(the_first_port_is_the_route_s),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
