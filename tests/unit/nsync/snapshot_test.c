/*
 * What the back end had when a pass began: kept packed, found by guid, routes
 * read back from the temporary file (nsync/snapshot.h).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <malloc.h>

#include "base/mem.h"
#include "nsync/snapshot.h"

struct bed {
    struct ccb_loop loop;
    struct ccb_snapshot *snapshot;
    struct ccb_arena *arena;
    int rooms; /* how often on_room came */
    int reads, code;
    struct ccb_json routes; /* of the last read */
};

static void on_room(void *user)
{
    struct bed *bed = user;
    bed->rooms++;
}

static void setup(struct bed *bed)
{
    struct ccb_error err;
    memset(bed, 0, sizeof(*bed));
    assert_int_equal(ccb_loop_open(&bed->loop, &err), 0);
    assert_int_equal(
        ccb_snapshot_create(&bed->snapshot, &bed->loop, on_room, bed, &err), 0);
    bed->arena = ccb_arena_create();
    assert_non_null(bed->arena);
}

static void teardown(struct bed *bed)
{
    struct ccb_error err;
    ccb_snapshot_free(bed->snapshot);
    (void)ccb_loop_run(&bed->loop);
    if (ccb_loop_close(&bed->loop, &err) != 0)
        fail_msg("%s", err.message);
    ccb_arena_unref(bed->arena);
    ccb_arena_drain();
}

static int add(struct bed *bed, const char *text, struct ccb_error *err)
{
    struct ccb_json lrp;
    assert_int_equal(
        ccb_json_parse(&lrp, ccb_slice_of(text), CCB_JSON_WHOLE, err), 0);
    return ccb_snapshot_add(bed->snapshot, lrp, err);
}

static void must_add(struct bed *bed, const char *text)
{
    struct ccb_error err;
    if (add(bed, text, &err) < 0)
        fail_msg("%s: %s", text, err.message);
}

static uint32_t find(const struct bed *bed, const char *guid)
{
    return ccb_snapshot_find(bed->snapshot, ccb_slice_of(guid));
}

static void on_routes(void *user, int code, struct ccb_json routes)
{
    struct bed *bed = user;
    bed->reads++;
    bed->code = code;
    bed->routes = routes;
}

static void read_routes(struct bed *bed, const char *guid)
{
    struct ccb_error err;
    int before = bed->reads;
    assert_int_equal(ccb_snapshot_read_routes(bed->snapshot, find(bed, guid),
                                              bed->arena, on_routes, bed, &err),
                     0);
    assert_int_equal(bed->reads, before); /* never from inside */
    (void)ccb_loop_run(&bed->loop);
    assert_int_equal(bed->reads, before + 1);
}

static void expect_routes(struct bed *bed, const char *guid, const char *want)
{
    read_routes(bed, guid);
    assert_int_equal(bed->code, 0);
    if (!ccb_slice_is(bed->routes.raw, want))
        fail_msg("%s: %.*s", guid, (int)bed->routes.raw.len,
                 bed->routes.raw.ptr);
}

/* An LRP whose routes are `size` bytes of text that names its number. */
static int add_large(struct bed *bed, int number, size_t size)
{
    struct ccb_error err;
    char *text = malloc(size + 200);
    int code;
    snprintf(text, size + 200,
             "{\"process_guid\":\"p-%d\",\"routes\":{\"x\":\"%d%0*d\"}}",
             number, number, (int)size, 0);
    code = add(bed, text, &err);
    free(text);
    return code;
}

static void expect_large(struct bed *bed, int number, size_t size)
{
    char guid[32], begin[32];
    snprintf(guid, sizeof(guid), "p-%d", number);
    snprintf(begin, sizeof(begin), "{\"x\":\"%d000", number);
    read_routes(bed, guid);
    assert_int_equal(bed->code, 0);
    assert_true(ccb_slice_starts(bed->routes.raw, begin));
    assert_int_equal(bed->routes.raw.len,
                     size + strlen(begin) - 3 + strlen("\"}"));
}

/* ---- looking ------------------------------------------------------------ */

static void test_lrps_are_found_by_guid(void **state)
{
    struct bed bed;
    uint32_t at;
    (void)state;
    setup(&bed);
    assert_int_equal(find(&bed, "a"), CCB_SNAPSHOT_NONE);
    must_add(&bed, "{\"process_guid\":\"a\",\"annotation\":\"1.5\",\"x\":{}}");
    must_add(&bed, "{\"annotation\":null,\"PROCESS_guid\":\"b\\u0021\"}");
    assert_int_equal(ccb_snapshot_count(bed.snapshot), 2);
    at = find(&bed, "a");
    assert_true(ccb_slice_is(ccb_snapshot_guid(bed.snapshot, at), "a"));
    assert_true(ccb_slice_is(ccb_snapshot_annotation(bed.snapshot, at), "1.5"));
    at = find(&bed, "b!");
    assert_true(ccb_slice_is(ccb_snapshot_guid(bed.snapshot, at), "b!"));
    assert_true(ccb_slice_is(ccb_snapshot_annotation(bed.snapshot, at), ""));
    assert_int_equal(find(&bed, "a1.5"), CCB_SNAPSHOT_NONE);
    assert_int_equal(find(&bed, ""), CCB_SNAPSHOT_NONE);
    teardown(&bed);
}

static void test_of_two_with_one_guid_the_later_is_kept(void **state)
{
    struct bed bed;
    (void)state;
    setup(&bed);
    must_add(&bed, "{\"process_guid\":\"a\",\"annotation\":\"1\","
                   "\"routes\":{\"x\":1}}");
    must_add(&bed, "{\"process_guid\":\"a\",\"annotation\":\"22\","
                   "\"routes\":{\"y\":2}}");
    assert_int_equal(ccb_snapshot_count(bed.snapshot), 1);
    assert_true(ccb_slice_is(ccb_snapshot_annotation(bed.snapshot, 0), "22"));
    expect_routes(&bed, "a", "{\"y\":2}");
    teardown(&bed);
}

static void test_what_cc_did_not_name_is_left(void **state)
{
    struct bed bed;
    (void)state;
    setup(&bed);
    assert_int_equal(ccb_snapshot_next_unmarked(bed.snapshot, 0),
                     CCB_SNAPSHOT_NONE);
    must_add(&bed, "{\"process_guid\":\"a\"}");
    must_add(&bed, "{\"process_guid\":\"b\"}");
    must_add(&bed, "{\"process_guid\":\"c\"}");
    assert_true(ccb_snapshot_mark(bed.snapshot, find(&bed, "a")));
    assert_false(ccb_snapshot_mark(bed.snapshot, find(&bed, "a")));
    assert_int_equal(ccb_snapshot_next_unmarked(bed.snapshot, 0),
                     find(&bed, "b"));
    assert_true(ccb_snapshot_mark(bed.snapshot, find(&bed, "b")));
    assert_int_equal(ccb_snapshot_next_unmarked(bed.snapshot, 0),
                     find(&bed, "c"));
    assert_int_equal(
        ccb_snapshot_next_unmarked(bed.snapshot, find(&bed, "c") + 1),
        CCB_SNAPSHOT_NONE);
    teardown(&bed);
}

static void test_malformed_lrps_are_refused(void **state)
{
    static const char *const lrps[] = {"{}",
                                       "null",
                                       "[]",
                                       "{\"process_guid\":\"\"}",
                                       "{\"process_guid\":7}",
                                       "{\"process_guid\":\"a\","
                                       "\"annotation\":1.5}",
                                       "{\"process_guid\":\"a\","
                                       "\"routes\":[1]}",
                                       "{\"process_guid\":\"a\","
                                       "\"routes\":\"x\"}"};
    struct ccb_error err;
    struct bed bed;
    size_t i;
    (void)state;
    setup(&bed);
    for (i = 0; i < sizeof(lrps) / sizeof(lrps[0]); i++) {
        if (add(&bed, lrps[i], &err) != CCB_INVALID)
            fail_msg("%s was taken", lrps[i]);
        assert_true(err.message[0] != '\0');
    }
    assert_int_equal(ccb_snapshot_count(bed.snapshot), 0);
    teardown(&bed);
}

/* ---- routes ------------------------------------------------------------- */

static void test_foreign_routes_come_back_byte_for_byte(void **state)
{
    struct bed bed;
    (void)state;
    setup(&bed);
    must_add(&bed, "{\"process_guid\":\"a\",\"routes\":{\"cf-router\":[1],"
                   "\"diego-ssh\" : {\"k\": \"\\u0041\",\"n\":1e3},"
                   "\"cf\\u002drouter\":2,\"t\\u0063p\":[ 1 ]}}");
    must_add(&bed, "{\"process_guid\":\"b\",\"routes\":{\"cf-router\":[1]}}");
    must_add(&bed, "{\"process_guid\":\"c\",\"routes\":null}");
    must_add(&bed, "{\"process_guid\":\"d\"}");
    must_add(&bed, "{\"process_guid\":\"e\",\"routes\":{\"Cf-Router\":0}}");
    expect_routes(&bed, "a",
                  "{\"diego-ssh\":{\"k\": \"\\u0041\",\"n\":1e3},"
                  "\"t\\u0063p\":[ 1 ]}");
    expect_routes(&bed, "b", "");
    assert_int_equal(bed.routes.type, CCB_JSON_NONE);
    expect_routes(&bed, "c", "");
    expect_routes(&bed, "d", "");
    expect_routes(&bed, "e", "{\"Cf-Router\":0}"); /* keys are exact there */
    teardown(&bed);
}

static void test_routes_come_back_from_the_file(void **state)
{
    struct bed bed;
    int i;
    (void)state;
    setup(&bed);
    for (i = 0; i < 40; i++) {
        assert_true(add_large(&bed, i, 40000) >= 0);
        if (i % 10 == 9) /* some while they are on their way there */
            expect_large(&bed, i - 3, 40000);
    }
    assert_true(add_large(&bed, 40, 700000) >= 0); /* more than a buffer */
    assert_true(add_large(&bed, 41, 10) >= 0);
    for (i = 0; i < 40; i++)
        expect_large(&bed, i, 40000);
    expect_large(&bed, 40, 700000);
    expect_large(&bed, 41, 10);
    teardown(&bed);
}

static void test_who_adds_faster_than_the_disk_has_to_wait(void **state)
{
    struct bed bed;
    int i, waits = 0;
    (void)state;
    setup(&bed);
    for (i = 0; i < 30; i++)
        waits += add_large(&bed, i, 100000);
    assert_true(waits > 0); /* the loop had no turn to see what was written */
    assert_int_equal(bed.rooms, 0);
    (void)ccb_loop_run(&bed.loop);
    assert_int_equal(bed.rooms, 1);
    assert_int_equal(add_large(&bed, 30, 10), 0);
    for (i = 0; i < 30; i++)
        expect_large(&bed, i, 100000);
    teardown(&bed);
}

static void test_it_may_end_with_work_in_the_pool(void **state)
{
    struct ccb_error err;
    struct bed bed;
    int i;
    (void)state;
    setup(&bed);
    for (i = 0; i < 30; i++)
        assert_true(add_large(&bed, i, 100000) >= 0);
    for (i = 0; i < 30; i += 5)
        assert_int_equal(ccb_snapshot_read_routes(bed.snapshot, (uint32_t)i,
                                                  bed.arena, on_routes, &bed,
                                                  &err),
                         0);
    teardown(&bed);
    assert_int_equal(bed.reads, 0);
    assert_int_equal(bed.rooms, 0);
}

static void test_without_a_place_for_the_file_it_says_so(void **state)
{
    struct ccb_error err;
    struct bed bed;
    int i;
    (void)state;
    setenv("TMPDIR", "/nonexistent", 1);
    setup(&bed);
    for (i = 0; i < 30; i++)
        assert_true(add_large(&bed, i, 100000) >= 0);
    (void)ccb_loop_run(&bed.loop);
    assert_int_equal(bed.rooms, 1); /* who waits must hear of it */
    assert_int_equal(
        add(&bed, "{\"process_guid\":\"x\",\"routes\":{\"a\":1}}", &err),
        CCB_IO);
    assert_non_null(strstr(err.message, "No such file or directory"));
    read_routes(&bed, "p-0");
    assert_int_equal(bed.code, CCB_IO);
    assert_int_equal(bed.routes.type, CCB_JSON_NONE);
    must_add(&bed, "{\"process_guid\":\"y\"}"); /* needs no file */
    teardown(&bed);
    unsetenv("TMPDIR");
}

/* ---- memory ------------------------------------------------------------- */

/* 151 bytes an LRP are 36 MiB for 250,000. */
static void test_an_lrp_takes_less_than_151_bytes(void **state)
{
    const long count = 250000;
    long i;
    size_t before;
    struct bed bed;
    char text[400];
    (void)state;
    setup(&bed);
    before = mallinfo2().uordblks + mallinfo2().hblkhd;
    for (i = 0; i < count; i++) {
        snprintf(text, sizeof(text),
                 "{\"process_guid\":\"%08lx-aaaa-4bbb-8ccc-000000000001-"
                 "%08lx-dddd-4eee-8fff-000000000001\",\"domain\":\"cf-apps\","
                 "\"annotation\":\"1440417600.%06ld\","
                 "\"routes\":{\"cf-router\":[],\"tcp\":[%ld]}}",
                 i, i, i % 1000000, i);
        must_add(&bed, text);
        if (i % 10000 == 0)
            (void)ccb_loop_run(&bed.loop);
    }
    (void)ccb_loop_run(&bed.loop);
    assert_true(mallinfo2().uordblks + mallinfo2().hblkhd - before <
                (size_t)count * 151);
    assert_int_equal(ccb_snapshot_count(bed.snapshot), count);
    for (i = 0; i < count; i += 997) {
        snprintf(text, sizeof(text),
                 "%08lx-aaaa-4bbb-8ccc-000000000001-"
                 "%08lx-dddd-4eee-8fff-000000000001",
                 i, i);
        assert_int_equal(find(&bed, text), i);
    }
    snprintf(text, sizeof(text), "{\"tcp\":[%ld]}", count / 2);
    assert_int_equal(ccb_snapshot_read_routes(bed.snapshot,
                                              (uint32_t)(count / 2), bed.arena,
                                              on_routes, &bed, NULL),
                     0);
    (void)ccb_loop_run(&bed.loop);
    assert_true(ccb_slice_is(bed.routes.raw, text));
    teardown(&bed);
}

/* Creates, adds twice, reads: the first failure's code. */
static int use(struct bed *bed)
{
    struct ccb_error err;
    int code =
        ccb_snapshot_create(&bed->snapshot, &bed->loop, on_room, bed, &err);
    if (code == 0)
        code = add(bed, "{\"process_guid\":\"a\\u0021\",\"routes\":{\"x\":1}}",
                   &err);
    if (code == 0)
        code = ccb_snapshot_read_routes(bed->snapshot, 0, bed->arena, on_routes,
                                        bed, &err);
    return code;
}

static void test_no_memory(void **state)
{
    size_t nth, failures = 0;
    int code = CCB_NO_MEMORY;
    (void)state;
    for (nth = 1; code == CCB_NO_MEMORY; nth++) {
        struct ccb_error err;
        struct bed bed;
        memset(&bed, 0, sizeof(bed));
        assert_int_equal(ccb_loop_open(&bed.loop, &err), 0);
        bed.arena = ccb_arena_create();
        ccb_mem_fail_at(nth, 0);
        code = use(&bed);
        ccb_mem_fail_at(0, 0);
        failures += code != 0;
        (void)ccb_loop_run(&bed.loop);
        assert_int_equal(bed.reads, code == 0);
        teardown(&bed);
    }
    assert_int_equal(code, 0);
    assert_true(failures >= 6);
}

/* A failure leaves what was there; the same LRP can be added again. */
static void test_no_memory_while_growing(void **state)
{
    struct ccb_error err;
    struct bed bed;
    char text[64];
    int i, failures = 0;
    (void)state;
    setup(&bed);
    for (i = 0; i < 5000; i++) {
        int code;
        snprintf(text, sizeof(text), "{\"process_guid\":\"%d\"}", i);
        ccb_mem_fail_at(1, 0);
        code = add(&bed, text, &err);
        ccb_mem_fail_at(0, 0);
        if (code == 0)
            continue;
        assert_int_equal(code, CCB_NO_MEMORY);
        must_add(&bed, text);
        failures++;
    }
    assert_true(failures >= 4); /* segments, text, the table three times */
    assert_int_equal(ccb_snapshot_count(bed.snapshot), 5000);
    for (i = 0; i < 5000; i++) {
        snprintf(text, sizeof(text), "%d", i);
        assert_int_equal(find(&bed, text), i);
    }
    teardown(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lrps_are_found_by_guid),
        cmocka_unit_test(test_of_two_with_one_guid_the_later_is_kept),
        cmocka_unit_test(test_what_cc_did_not_name_is_left),
        cmocka_unit_test(test_malformed_lrps_are_refused),
        cmocka_unit_test(test_foreign_routes_come_back_byte_for_byte),
        cmocka_unit_test(test_routes_come_back_from_the_file),
        cmocka_unit_test(test_who_adds_faster_than_the_disk_has_to_wait),
        cmocka_unit_test(test_it_may_end_with_work_in_the_pool),
        cmocka_unit_test(test_without_a_place_for_the_file_it_says_so),
        cmocka_unit_test(test_an_lrp_takes_less_than_151_bytes),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_no_memory_while_growing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
