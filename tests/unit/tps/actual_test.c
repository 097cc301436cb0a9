/* What CC is shown of actual LRPs: contract/tps.md 1.3. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tps/actual.h"

#define NOW (INT64_C(1440417600) * CCB_SECOND + 125)

static int encode(const char *list, enum ccb_actual_view view,
                  struct ccb_buf *out, struct ccb_error *err)
{
    struct ccb_arena *arena = ccb_arena_create();
    struct ccb_json document = {0};
    int code;
    assert_non_null(arena);
    if (list)
        assert_int_equal(
            ccb_json_parse(&document, ccb_slice_of(list), CCB_JSON_WHOLE, NULL),
            0);
    code = ccb_actuals_encode(out, document, view, NOW, NULL, arena, err);
    ccb_arena_unref(arena);
    return code;
}

static void expect(const char *list, enum ccb_actual_view view,
                   const char *wanted)
{
    struct ccb_buf out = {0};
    struct ccb_error err;
    if (encode(list, view, &out, &err) != 0)
        fail_msg("%s", err.message);
    ccb_buf_putc(&out, '\0');
    assert_string_equal(out.data, wanted);
    ccb_buf_destroy(&out);
}

static void test_states(void **state)
{
    static const char *const rows[][2] = {
        {"UNCLAIMED", "STARTING"}, {"CLAIMED", "STARTING"},
        {"RUNNING", "RUNNING"},    {"CRASHED", "CRASHED"},
        {"foobar", "UNKNOWN"},     {"", "UNKNOWN"},
        {"running", "UNKNOWN"},
    };
    char list[128], wanted[256];
    size_t i;
    (void)state;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        snprintf(list, sizeof(list),
                 "[{\"state\":\"%s\",\"since\":1440417595000000000}]",
                 rows[i][0]);
        snprintf(wanted, sizeof(wanted),
                 "[{\"process_guid\":\"\",\"instance_guid\":\"\",\"index\":0,"
                 "\"state\":\"%s\",\"uptime\":5,\"since\":1440417595}]",
                 rows[i][1]);
        expect(list, CCB_ACTUAL_STATUS, wanted);
    }
}

static void test_each_view_has_its_members(void **state)
{
    static const char list[] =
        "[{\"process_guid\":\"p\",\"instance_guid\":\"i\",\"index\":3,"
        "\"address\":\"1.2.3.4\",\"ports\":[{\"container_port\":7890,"
        "\"host_port\":5432},{\"container_port\":8080,\"host_port\":1234},"
        "{\"container_port\":8080,\"host_port\":9}],\"state\":\"RUNNING\","
        "\"placement_error\":\"a<b\",\"since\":1440417595000000000}]";
    (void)state;
    expect(list, CCB_ACTUAL_STATUS,
           "[{\"process_guid\":\"p\",\"instance_guid\":\"i\",\"index\":3,"
           "\"state\":\"RUNNING\",\"details\":\"a\\u003cb\",\"uptime\":5,"
           "\"since\":1440417595}]");
    expect(list, CCB_ACTUAL_STATS,
           "[{\"process_guid\":\"p\",\"instance_guid\":\"i\",\"index\":3,"
           "\"state\":\"RUNNING\",\"host\":\"1.2.3.4\",\"port\":1234,"
           "\"uptime\":5,\"since\":1440417595}]");
}

static void test_numbers_at_their_ends(void **state)
{
    (void)state;
    expect("[{\"index\":-2,\"since\":-2700000000}]", CCB_ACTUAL_STATS,
           "[{\"process_guid\":\"\",\"instance_guid\":\"\","
           "\"index\":18446744073709551614,\"state\":\"UNKNOWN\","
           "\"uptime\":1440417602,\"since\":-2}]");
    /* The difference wraps, as in Go. */
    expect("[{\"since\":-9223372036854775808}]", CCB_ACTUAL_STATS,
           "[{\"process_guid\":\"\",\"instance_guid\":\"\",\"index\":0,"
           "\"state\":\"UNKNOWN\",\"uptime\":-7782954436,"
           "\"since\":-9223372036}]");
    /* In the future: truncated toward zero. */
    expect("[{\"since\":1440417601500000125}]", CCB_ACTUAL_STATS,
           "[{\"process_guid\":\"\",\"instance_guid\":\"\",\"index\":0,"
           "\"state\":\"UNKNOWN\",\"uptime\":-1,\"since\":1440417601}]");
}

static void test_nothing_is_an_empty_list(void **state)
{
    (void)state;
    expect("[]", CCB_ACTUAL_STATUS, "[]");
    expect("null", CCB_ACTUAL_STATUS, "[]");
    expect(NULL, CCB_ACTUAL_STATUS, "[]");
    expect("[null]", CCB_ACTUAL_STATUS,
           "[{\"process_guid\":\"\",\"instance_guid\":\"\",\"index\":0,"
           "\"state\":\"UNKNOWN\",\"uptime\":1440417600,\"since\":0}]");
}

static void test_a_wrong_member_is_named(void **state)
{
    static const char *const rows[][2] = {
        {"[{},{\"index\":\"1\"}]", "actual LRP 1: index: "},
        {"[{\"since\":1.5}]", "actual LRP 0: since: "},
        {"[{\"ports\":[{\"host_port\":65536}]}]",
         "actual LRP 0: ports[0].host_port: "},
        {"[{\"modification_tag\":{\"index\":-1}}]",
         "actual LRP 0: modification_tag.index: "},
        {"[{\"evacuating\":0}]", "actual LRP 0: evacuating: "},
        {"[7]", "actual LRP 0: "},
    };
    size_t i;
    (void)state;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ccb_buf out = {0};
        struct ccb_error err;
        assert_int_equal(encode(rows[i][0], CCB_ACTUAL_STATUS, &out, &err),
                         CCB_INVALID);
        if (strncmp(err.message, rows[i][1], strlen(rows[i][1])) != 0)
            fail_msg("%s: %s", rows[i][0], err.message);
        ccb_buf_destroy(&out);
    }
}

static void test_every_allocation_may_fail(void **state)
{
    static const char list[] = "[{\"process_guid\":\"p\\u0041\","
                               "\"ports\":[{\"container_port\":8080}]}]";
    struct ccb_arena *arena;
    struct ccb_json document;
    size_t nth;
    int code = CCB_NO_MEMORY;
    (void)state;
    assert_int_equal(
        ccb_json_parse(&document, ccb_slice_of(list), CCB_JSON_WHOLE, NULL), 0);
    for (nth = 1; code == CCB_NO_MEMORY; nth++) {
        struct ccb_buf out = {0};
        struct ccb_error err;
        arena = ccb_arena_create();
        ccb_mem_fail_at(nth, 0);
        code = ccb_actuals_encode(&out, document, CCB_ACTUAL_STATS, NOW, NULL,
                                  arena, &err);
        ccb_mem_fail_at(0, 0);
        ccb_arena_unref(arena);
        ccb_buf_destroy(&out);
    }
    assert_int_equal(code, 0);
    assert_true(nth > 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_each_view_has_its_members),
        cmocka_unit_test(test_numbers_at_their_ends),
        cmocka_unit_test(test_nothing_is_an_empty_list),
        cmocka_unit_test(test_a_wrong_member_is_named),
        cmocka_unit_test(test_every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
