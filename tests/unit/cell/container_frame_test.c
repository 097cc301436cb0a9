/*
 * Frames between daemon and init: what goes round comes back, and what is not
 * right is refused by name. Broken bodies are the fuzzer's, too
 * (tests/fuzz/container_frame_fuzz.c).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/mem.h"
#include "cell/container_frame.h"

static const char *const args[] = {"-c", "", "three"};
static const char *const env[] = {"A=1", "B="};
static const struct ccb_frame_spawn sent = {.kind = CCB_FRAME_UNPACK,
                                            .nofile = UINT64_C(1) << 40,
                                            .path = "/bin/sh",
                                            .dir = "",
                                            .user = "vcap"};

static void put_spawn(struct ccb_buf *out)
{
    assert_int_equal(ccb_frame_put_spawn(out, 7, &sent,
                                         (struct ccb_frame_strings){args, 3},
                                         (struct ccb_frame_strings){env, 2}),
                     CCB_OK);
}

static void wants_list(const struct ccb_frame_list *list,
                       const char *const *items, size_t count)
{
    size_t pos = 0;

    assert_int_equal(list->count, count);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(ccb_frame_list_next(list, &pos), items[i]);
    assert_null(ccb_frame_list_next(list, &pos));
}

static void test_a_spawn_comes_back_as_it_was_put(void **state)
{
    struct ccb_buf out = {0};
    struct ccb_frame frame;
    struct ccb_frame_spawn got;
    size_t used;

    (void)state;
    put_spawn(&out);
    assert_int_equal(ccb_frame_next(ccb_buf_slice(&out), CCB_FRAME_TO_INIT,
                                    &frame, &used, NULL),
                     1);
    assert_int_equal(used, out.len);
    assert_int_equal(frame.id, 7);
    assert_int_equal(ccb_frame_decode_spawn(&frame, &got, NULL), CCB_OK);
    assert_int_equal(got.kind, CCB_FRAME_UNPACK);
    assert_true(got.nofile == sent.nofile);
    assert_string_equal(got.path, "/bin/sh");
    assert_string_equal(got.dir, "");
    assert_string_equal(got.user, "vcap");
    wants_list(&got.args, args, 3);
    wants_list(&got.env, env, 2);
    ccb_buf_destroy(&out);
}

static void test_every_cut_of_a_frame_waits_for_more(void **state)
{
    struct ccb_buf out = {0};
    struct ccb_frame frame;
    size_t used;

    (void)state;
    put_spawn(&out);
    for (size_t len = 0; len < out.len; len++)
        assert_int_equal(ccb_frame_next(ccb_slice_make(out.data, len),
                                        CCB_FRAME_TO_INIT, &frame, &used, NULL),
                         0);
    ccb_buf_destroy(&out);
}

static void test_every_cut_of_a_body_is_refused(void **state)
{
    struct ccb_buf out = {0};
    struct ccb_frame frame;
    struct ccb_frame_spawn got;
    size_t used;

    (void)state;
    put_spawn(&out);
    assert_int_equal(ccb_frame_next(ccb_buf_slice(&out), CCB_FRAME_TO_INIT,
                                    &frame, &used, NULL),
                     1);
    while (frame.body.len > 0) {
        frame.body.len--;
        assert_int_equal(ccb_frame_decode_spawn(&frame, &got, NULL),
                         CCB_INVALID);
    }
    ccb_buf_destroy(&out);
}

/* One field of the header made wrong, and the words it must give. */
static void test_wrong_headers_are_refused_by_name(void **state)
{
    static const struct {
        size_t at;
        unsigned char value;
        int code;
        const char *words;
    } rows[] = {
        {12, 0, CCB_INVALID, "the mark is missing"},
        {4, 0, CCB_INVALID, "type 0 is unknown"},
        {4, 200, CCB_INVALID, "type 200 is unknown"},
        {4, CCB_FRAME_EXITED, CCB_INVALID, "goes the other way only"},
        {6, 1, CCB_INVALID, "1 descriptors, not 0"},
        {3, 1, CCB_TOO_LARGE, "at most"},
        {0, 3, CCB_INVALID, "only 3 bytes"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ccb_buf out = {0};
        struct ccb_frame frame;
        struct ccb_error err;
        size_t used;

        assert_int_equal(ccb_frame_put_number(&out, CCB_FRAME_SIGNAL, 1, 15),
                         CCB_OK);
        out.data[rows[i].at] = (char)rows[i].value;
        assert_int_equal(ccb_frame_next(ccb_buf_slice(&out), CCB_FRAME_TO_INIT,
                                        &frame, &used, &err),
                         rows[i].code);
        assert_non_null(strstr(err.message, rows[i].words));
        ccb_buf_destroy(&out);
    }
}

static void test_lists_and_bodies_over_the_limit_are_not_put(void **state)
{
    static char large[CCB_FRAME_MAX];
    const char *items[] = {large};
    struct ccb_buf out = {0};

    (void)state;
    memset(large, 'x', sizeof(large) - 1);
    assert_int_equal(ccb_frame_put_spawn(&out, 1, &sent,
                                         (struct ccb_frame_strings){items, 1},
                                         (struct ccb_frame_strings){NULL, 0}),
                     CCB_TOO_LARGE);
    assert_int_equal(
        ccb_frame_put_spawn(
            &out, 1, &sent, (struct ccb_frame_strings){NULL, 0},
            (struct ccb_frame_strings){NULL, CCB_FRAME_LIST_MAX + 1}),
        CCB_TOO_LARGE);
    assert_int_equal(out.len, 0);
    ccb_buf_destroy(&out);
}

static void test_without_memory_no_half_frame_is_put(void **state)
{
    struct ccb_buf out = {0};

    (void)state;
    (void)ccb_mem_fail_at(1, 1);
    assert_int_equal(ccb_frame_put_spawn(&out, 1, &sent,
                                         (struct ccb_frame_strings){args, 3},
                                         (struct ccb_frame_strings){env, 2}),
                     CCB_NO_MEMORY);
    (void)ccb_mem_fail_at(0, 0);
    assert_int_equal(out.len, 0);
    ccb_buf_destroy(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_spawn_comes_back_as_it_was_put),
        cmocka_unit_test(test_every_cut_of_a_frame_waits_for_more),
        cmocka_unit_test(test_every_cut_of_a_body_is_refused),
        cmocka_unit_test(test_wrong_headers_are_refused_by_name),
        cmocka_unit_test(test_lists_and_bodies_over_the_limit_are_not_put),
        cmocka_unit_test(test_without_memory_no_half_frame_is_put),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
