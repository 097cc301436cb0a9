/*
 * The growing buffer: what is appended is there, limits hold to the byte,
 * errors stick (core/base/buf.h).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "ccbridge/error.h"

static void test_appends_in_order(void **state)
{
    struct ccb_buf buf = {0};

    (void)state;
    assert_int_equal(ccb_buf_put(&buf, "a"), 0);
    assert_int_equal(ccb_buf_putc(&buf, '-'), 0);
    assert_int_equal(ccb_buf_append(&buf, "\0b", 2), 0);
    assert_int_equal(ccb_buf_put_slice(&buf, ccb_slice_make(NULL, 0)), 0);
    assert_int_equal(ccb_buf_sink(&buf, "c", 1), 0);
    assert_int_equal(ccb_buf_printf(&buf, "%d%%", 42), 0);
    assert_true(
        ccb_slice_equal(ccb_buf_slice(&buf), ccb_slice_make("a-\0bc42%", 8)));
    ccb_buf_destroy(&buf);
    assert_null(buf.data);
}

static void test_grows_over_many_appends(void **state)
{
    struct ccb_buf buf;

    (void)state;
    ccb_buf_init(&buf);
    for (int i = 0; i < 20000; i++)
        assert_int_equal(ccb_buf_printf(&buf, "%05d", i), 0);
    assert_int_equal(buf.len, 100000);
    assert_memory_equal(buf.data + 5 * 12345, "12345", 5);
    assert_true(buf.cap < 4 * buf.len);
    ccb_buf_destroy(&buf);
}

static void test_printf_longer_than_the_room(void **state)
{
    struct ccb_buf buf = {0};

    (void)state;
    assert_int_equal(ccb_buf_printf(&buf, "%0*d", 10000, 7), 0);
    assert_int_equal(buf.len, 10000);
    assert_int_equal(buf.data[9999], '7');
    ccb_buf_destroy(&buf);
}

static void test_reserve_is_not_yet_content(void **state)
{
    struct ccb_buf buf = {0};
    char *room = ccb_buf_reserve(&buf, 1024);

    (void)state;
    assert_non_null(room);
    memset(room, 'r', 1024);
    assert_int_equal(buf.len, 0);
    buf.len += 1024;
    assert_true(buf.cap > 1024); /* the spare byte for a NUL */
    assert_non_null(ccb_buf_reserve(&buf, 0));
    ccb_buf_destroy(&buf);
}

static void test_max_holds_to_the_byte_and_sticks(void **state)
{
    struct ccb_buf buf = {.max = 10};

    (void)state;
    assert_int_equal(ccb_buf_put(&buf, "12345"), 0);
    assert_int_equal(ccb_buf_printf(&buf, "%s", "67890"), 0);
    assert_int_equal(buf.len, 10);
    assert_int_equal(ccb_buf_putc(&buf, 'x'), CCB_TOO_LARGE);
    assert_int_equal(buf.failed, CCB_TOO_LARGE);
    ccb_buf_consume(&buf, 5);
    assert_int_equal(ccb_buf_putc(&buf, 'x'), CCB_TOO_LARGE);
    assert_null(ccb_buf_reserve(&buf, 0));
    assert_true(ccb_slice_is(ccb_buf_slice(&buf), "67890"));
    ccb_buf_reset(&buf);
    assert_int_equal(ccb_buf_putc(&buf, 'x'), 0);
    assert_int_equal(ccb_buf_printf(&buf, "%0*d", 10, 7), CCB_TOO_LARGE);
    assert_int_equal(buf.len, 1);
    ccb_buf_destroy(&buf);
}

static void test_a_size_that_overflows_is_refused(void **state)
{
    struct ccb_buf buf = {0};

    (void)state;
    assert_int_equal(ccb_buf_put(&buf, "x"), 0);
    assert_null(ccb_buf_reserve(&buf, SIZE_MAX - 1));
    assert_int_equal(buf.failed, CCB_TOO_LARGE);
    ccb_buf_destroy(&buf);
}

static void test_consume(void **state)
{
    struct ccb_buf buf = {0};

    (void)state;
    (void)ccb_buf_put(&buf, "head tail");
    ccb_buf_consume(&buf, 0);
    assert_int_equal(buf.len, 9);
    ccb_buf_consume(&buf, 5);
    assert_true(ccb_slice_is(ccb_buf_slice(&buf), "tail"));
    ccb_buf_consume(&buf, 100);
    assert_int_equal(buf.len, 0);
    ccb_buf_destroy(&buf);
}

static void test_no_memory_sticks_and_keeps_what_is_there(void **state)
{
    struct ccb_buf buf = {0};

    (void)state;
    (void)ccb_buf_put(&buf, "kept");
    (void)ccb_mem_fail_at(1, 0);
    assert_int_equal(ccb_buf_printf(&buf, "%0*d", 5000, 7), CCB_NO_MEMORY);
    assert_int_equal(ccb_buf_putc(&buf, 'x'), CCB_NO_MEMORY);
    assert_true(ccb_slice_is(ccb_buf_slice(&buf), "kept"));
    (void)ccb_mem_fail_at(0, 0);
    ccb_buf_destroy(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_appends_in_order),
        cmocka_unit_test(test_grows_over_many_appends),
        cmocka_unit_test(test_printf_longer_than_the_room),
        cmocka_unit_test(test_reserve_is_not_yet_content),
        cmocka_unit_test(test_max_holds_to_the_byte_and_sticks),
        cmocka_unit_test(test_a_size_that_overflows_is_refused),
        cmocka_unit_test(test_consume),
        cmocka_unit_test(test_no_memory_sticks_and_keeps_what_is_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
