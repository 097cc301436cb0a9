/* Which events are crashes, and what CC is told: contract/tps.md 2.3, 4.3. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/mem.h"
#include "tps/crash.h"

#define CHANGED "actual_lrp_changed"
#define PAIR(domain, before, after)                                            \
    "{\"actual_lrp_before\":{\"instance_guid\":\"i-7\",\"crash_"               \
    "count\":" before ",\"domain\":\"" domain                                  \
    "\"},\"actual_lrp_after\":{\"process_guid\":"                              \
    "\"p\",\"instance_guid\":\"\",\"index\":1,\"domain\":\"" domain            \
    "\",\"crash_count\":" after                                                \
    ",\"crash_reason\":\"out of memory\",\"since\":3}}"

static int find(const char *name, const char *data, struct ccb_crash *out,
                bool *found, struct ccb_arena *arena, struct ccb_error *err)
{
    struct ccb_diego_event event = {ccb_slice_of(name), ccb_slice_of(data)};
    return ccb_crash_find(&event, out, found, arena, err);
}

static void test_a_crash(void **state)
{
    struct ccb_arena *arena = ccb_arena_create();
    struct ccb_crash crash;
    bool found;
    (void)state;
    assert_int_equal(
        find(CHANGED, PAIR("cf-apps", "0", "1"), &crash, &found, arena, NULL),
        0);
    assert_true(found);
    assert_true(ccb_slice_is(crash.process_guid, "p"));
    assert_true(ccb_slice_is(crash.message.instance, "i-7"));
    assert_true(ccb_slice_is(crash.message.reason, "CRASHED"));
    assert_true(ccb_slice_is(crash.message.exit_description, "out of memory"));
    assert_int_equal(crash.message.index, 1);
    assert_int_equal(crash.message.exit_status, 0);
    assert_int_equal(crash.message.crash_count, 1);
    assert_int_equal(crash.message.crash_timestamp, 3);
    ccb_arena_unref(arena);
}

static void test_what_is_none(void **state)
{
    static const char *const rows[][2] = {
        {CHANGED, PAIR("other", "0", "1")},
        {CHANGED, PAIR("cf-apps", "1", "0")},
        {CHANGED, PAIR("cf-apps", "1", "1")},
        {CHANGED, "{\"actual_lrp_before\":{\"domain\":\"cf-apps\"},"
                  "\"actual_lrp_after\":{\"domain\":\"o\",\"crash_count\":1}}"},
        {CHANGED, "{}"},
        {CHANGED, "null"},
        {CHANGED, "{\"actual_lrp_after\":null}"},
        {"actual_lrp_created", PAIR("cf-apps", "0", "1")},
        {"actual_lrp_removed", "not looked at"},
        {"desired_lrp_created", "{}"},
        {"desired_lrp_changed", "{}"},
        {"desired_lrp_removed", "{}"},
    };
    struct ccb_arena *arena = ccb_arena_create();
    size_t i;
    (void)state;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ccb_crash crash;
        struct ccb_error err;
        bool found = true;
        if (find(rows[i][0], rows[i][1], &crash, &found, arena, &err) != 0)
            fail_msg("%s: %s", rows[i][1], err.message);
        if (found)
            fail_msg("a crash: %s %s", rows[i][0], rows[i][1]);
    }
    ccb_arena_unref(arena);
}

static void test_what_can_not_be_read(void **state)
{
    static const char *const rows[][3] = {
        {"nonsense", "{}", "unrecognized event type: nonsense"},
        {"", "{}", "unrecognized event type: "},
        {CHANGED, "{", "invalid json payload: "},
        {CHANGED, "", "invalid json payload: "},
        {CHANGED, "[]", "invalid json payload: "},
        {CHANGED, "{\"actual_lrp_after\":{\"crash_count\":\"1\"}}",
         "invalid json payload: actual_lrp_after.crash_count: "},
    };
    struct ccb_arena *arena = ccb_arena_create();
    size_t i;
    (void)state;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ccb_crash crash;
        struct ccb_error err;
        bool found = true;
        assert_int_equal(
            find(rows[i][0], rows[i][1], &crash, &found, arena, &err),
            CCB_INVALID);
        assert_false(found);
        if (strncmp(err.message, rows[i][2], strlen(rows[i][2])) != 0)
            fail_msg("%s: %s", rows[i][1], err.message);
    }
    ccb_arena_unref(arena);
}

static void test_no_memory(void **state)
{
    static char data[16384];
    struct ccb_arena *arena = ccb_arena_create();
    struct ccb_crash crash;
    struct ccb_error err;
    bool found;
    int code;
    (void)state;
    snprintf(data, sizeof(data),
             "{\"actual_lrp_after\":{\"crash_reason\":\"\\n%08000d\"}}", 1);
    ccb_mem_fail_at(1, 1);
    code = find(CHANGED, data, &crash, &found, arena, &err);
    ccb_mem_fail_at(0, 0);
    assert_int_equal(code, CCB_NO_MEMORY);
    assert_false(found);
    ccb_arena_unref(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_crash),
        cmocka_unit_test(test_what_is_none),
        cmocka_unit_test(test_what_can_not_be_read),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
