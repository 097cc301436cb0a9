/* What is read of Consul's answers, and what is refused (contract/stager.md
 * A8, A9, C5). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/mem.h"
#include "consul/answers.h"

static struct ccb_arena *arena;
static struct ccb_error err;

static int make_arena(void **state)
{
    (void)state;
    arena = ccb_arena_create();
    return arena ? 0 : -1;
}

static int free_arena(void **state)
{
    (void)state;
    ccb_arena_unref(arena);
    ccb_arena_drain();
    return 0;
}

static void test_node_is_the_agents_config(void **state)
{
    static const struct {
        const char *body, *name; /* NULL: refused */
    } rows[] = {
        {"{\"Config\":{\"NodeName\":\"n\"}}", "n"},
        {"{\"config\":{\"nodename\":\"a\\\"b\"}} trailing", "a\"b"},
        {"{\"Config\":{\"NodeName\":1}}", NULL},
        {"{\"Config\":{\"NodeName\":\"\"}}", NULL},
        {"{\"Config\":{}}", NULL},
        {"{}", NULL},
        {"null", NULL},
        {"[]", NULL},
        {"", NULL},
        {"<html>", NULL},
    };
    size_t i;
    (void)state;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ccb_slice name;
        int code = ccb_consul_read_node(ccb_slice_of(rows[i].body), arena,
                                        &name, &err);
        assert_int_equal(code, rows[i].name ? 0 : CCB_INVALID);
        if (rows[i].name)
            assert_true(ccb_slice_is(name, rows[i].name));
    }
}

static void test_sessions_of_our_name_are_found(void **state)
{
    static const char body[] =
        "[{\"ID\":\"a-1\",\"Name\":\"x\"},{\"ID\":\"b\",\"Name\":\"y\"},{},"
        "null,{\"ID\":7,\"Name\":\"y\"},{\"Name\":\"x\",\"ID\":\"C3\"}]";
    struct ccb_consul_ids ids;
    (void)state;
    assert_int_equal(
        ccb_consul_read_sessions(ccb_slice_of(body), "x", arena, &ids, &err),
        0);
    assert_int_equal(ids.count, 2);
    assert_string_equal(ids.items[0], "a-1");
    assert_string_equal(ids.items[1], "C3");
    assert_int_equal(
        ccb_consul_read_sessions(ccb_slice_of(body), "z", arena, &ids, &err),
        0);
    assert_int_equal(ids.count, 0);
    assert_int_equal(
        ccb_consul_read_sessions(ccb_slice_of("null"), "z", arena, &ids, &err),
        0);
    /* One of ours without a usable ID can't be passed over. */
    assert_int_equal(
        ccb_consul_read_sessions(ccb_slice_of(body), "y", arena, &ids, &err),
        CCB_INVALID);
    assert_int_equal(
        ccb_consul_read_sessions(ccb_slice_of("[1]"), "y", arena, &ids, &err),
        CCB_INVALID);
    assert_int_equal(
        ccb_consul_read_sessions(ccb_slice_of("{}"), "y", arena, &ids, &err),
        CCB_INVALID);
}

static void test_id_can_be_put_into_a_url(void **state)
{
    static const char *const bad[] = {
        "{\"ID\":\"\"}",
        "{\"ID\":\"a/b\"}",
        "{\"ID\":\"a?b\"}",
        "{\"ID\":\"a&b\"}",
        "{\"ID\":\"a b\"}",
        "{\"ID\":\"a\\u0041\"}",
        "{\"ID\":\"\xc3\xa4\"}",
        "{\"ID\":null}",
        "{}",
        "{\"ID\":\"0123456789012345678901234567890123456789012345678901234567"
        "8901234\"}",
    };
    char id[CCB_CONSUL_ID_SIZE];
    size_t i;
    (void)state;
    assert_int_equal(
        ccb_consul_read_session(
            ccb_slice_of("{\"ID\":\"adf4238a-882b-9ddc-4a9d-5b6758e4159e\"}"),
            id, &err),
        0);
    assert_string_equal(id, "adf4238a-882b-9ddc-4a9d-5b6758e4159e");
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]) - 1; i++)
        assert_int_equal(
            ccb_consul_read_session(ccb_slice_of(bad[i]), id, &err),
            CCB_INVALID);
}

static void test_longest_id_fits(void **state)
{
    char body[128], id[CCB_CONSUL_ID_SIZE];
    int len;
    (void)state;
    for (len = CCB_CONSUL_ID_SIZE - 1; len <= CCB_CONSUL_ID_SIZE; len++) {
        snprintf(body, sizeof(body), "{\"ID\":\"%0*d\"}", len, 0);
        assert_int_equal(ccb_consul_read_session(ccb_slice_of(body), id, &err),
                         len < CCB_CONSUL_ID_SIZE ? 0 : CCB_INVALID);
    }
    assert_int_equal(strlen(id), CCB_CONSUL_ID_SIZE - 1);
}

static void test_entry_says_who_holds_the_key(void **state)
{
    static const struct {
        const char *body;
        bool there;
        enum ccb_consul_holder holder;
        uint64_t flags;
    } rows[] = {
        {"[]", false, CCB_CONSUL_NOBODY, 0},
        {"null", false, CCB_CONSUL_NOBODY, 0},
        {"[{}]", true, CCB_CONSUL_NOBODY, 0},
        {"[null]", true, CCB_CONSUL_NOBODY, 0},
        {"[{\"Flags\":3304740253564472344}]", true, CCB_CONSUL_NOBODY,
         UINT64_C(3304740253564472344)},
        {"[{\"Session\":\"\",\"Flags\":18446744073709551615}]", true,
         CCB_CONSUL_NOBODY, UINT64_MAX},
        {"[{\"Session\":\"me\"},{\"Session\":\"b\"}]", true, CCB_CONSUL_OWN, 0},
        {"[{\"Session\":\"m\\u0065\"}]", true, CCB_CONSUL_OWN, 0},
        {"[{\"Session\":\"mee\"}]", true, CCB_CONSUL_ANOTHER, 0},
        {"[{\"Session\":\"me\",\"Session\":\"b\"}]", true, CCB_CONSUL_ANOTHER,
         0},
    };
    static const char *const bad[] = {
        "{}",
        "1",
        "",
        "[1]",
        "[{\"Flags\":1.0}]",
        "[{\"Flags\":-1}]",
        "[{\"Flags\":\"1\"}]",
        "[{\"Session\":1}]",
        "[{\"Session\":\"me\"}",
    };
    struct ccb_consul_entry entry;
    size_t i;
    (void)state;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(ccb_consul_read_entry(ccb_slice_of(rows[i].body), "me",
                                               &entry, &err),
                         0);
        assert_int_equal(entry.there, rows[i].there);
        assert_int_equal(entry.holder, rows[i].holder);
        assert_true(entry.flags == rows[i].flags);
    }
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(
            ccb_consul_read_entry(ccb_slice_of(bad[i]), "me", &entry, &err),
            CCB_INVALID);
}

static void test_small_answers(void **state)
{
    bool truth = false;
    (void)state;
    assert_int_equal(
        ccb_consul_read_truth(ccb_slice_of("true\n"), &truth, &err), 0);
    assert_true(truth);
    assert_int_equal(
        ccb_consul_read_truth(ccb_slice_of(" false"), &truth, &err), 0);
    assert_false(truth);
    assert_int_equal(
        ccb_consul_read_truth(ccb_slice_of("\"true\""), &truth, &err),
        CCB_INVALID);
    assert_int_equal(ccb_consul_read_renewal(ccb_slice_of("[{}]"), &err), 0);
    assert_int_equal(ccb_consul_read_renewal(ccb_slice_of("[]"), &err),
                     CCB_NOT_FOUND);
    assert_int_equal(ccb_consul_read_renewal(ccb_slice_of("null"), &err),
                     CCB_NOT_FOUND);
    assert_int_equal(ccb_consul_read_renewal(ccb_slice_of("{}"), &err),
                     CCB_INVALID);
    assert_true(ccb_consul_read_index(ccb_slice_of("17")) == 17);
    assert_true(ccb_consul_read_index(ccb_slice_of("-17")) == 0);
    assert_true(ccb_consul_read_index(ccb_slice_of("1x")) == 0);
    assert_true(ccb_consul_read_index(ccb_slice_make(NULL, 0)) == 0);
}

static void test_addresses_keep_their_order(void **state)
{
    static const struct {
        const char *body, *out; /* NULL: refused */
    } rows[] = {
        {"[]", "[]"},
        {"null", "[]"},
        {"[{\"Address\":\"10.0.0.2\",\"ServicePort\":1},"
         "{\"address\":\"10.0.0.1\"},{}]",
         "[\"10.0.0.2\",\"10.0.0.1\",\"\"]"},
        {"[{\"Address\":1}]", NULL},
        {"[\"10.0.0.1\"]", NULL},
        {"{\"Address\":\"10.0.0.1\"}", NULL},
        {"no service", NULL},
    };
    size_t i;
    (void)state;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ccb_buf out = {0};
        int code =
            ccb_consul_read_addresses(ccb_slice_of(rows[i].body), &out, &err);
        assert_int_equal(code, rows[i].out ? 0 : CCB_INVALID);
        if (rows[i].out)
            assert_true(ccb_slice_is(ccb_buf_slice(&out), rows[i].out));
        ccb_buf_destroy(&out);
    }
}

static void test_failed_allocations_are_told(void **state)
{
    struct ccb_buf out = {0};
    (void)state;
    ccb_mem_fail_at(1, 0);
    assert_int_equal(ccb_consul_read_addresses(ccb_slice_of("[]"), &out, &err),
                     CCB_NO_MEMORY);
    ccb_mem_fail_at(0, 0);
    ccb_buf_destroy(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_node_is_the_agents_config),
        cmocka_unit_test(test_sessions_of_our_name_are_found),
        cmocka_unit_test(test_id_can_be_put_into_a_url),
        cmocka_unit_test(test_longest_id_fits),
        cmocka_unit_test(test_entry_says_who_holds_the_key),
        cmocka_unit_test(test_small_answers),
        cmocka_unit_test(test_addresses_keep_their_order),
        cmocka_unit_test(test_failed_allocations_are_told),
    };
    return cmocka_run_group_tests(tests, make_arena, free_arena);
}
