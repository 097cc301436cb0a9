/*
 * Pins the error object: codes come back, messages are cut at a character's
 * border, and a message may be made from the one that is there.
 */
#include "json_help.h"

static void test_set_returns_the_code_and_clears_the_id(void **state)
{
    struct ccb_error err;

    (void)state;
    memset(&err, 'x', sizeof(err));
    assert_int_equal(ccb_error_set(&err, CCB_INVALID, "%s is %d", "a", 7),
                     CCB_INVALID);
    assert_int_equal(err.code, CCB_INVALID);
    assert_string_equal(err.id, "");
    assert_string_equal(err.message, "a is 7");
}

static void test_null_object_drops_the_detail(void **state)
{
    (void)state;
    assert_int_equal(ccb_error_set(NULL, CCB_FAILED, "x"), CCB_FAILED);
    ccb_error_prefix(NULL, "x");
}

static void test_long_message_is_cut_between_characters(void **state)
{
    static const char *const wide[] = {"\xc3\xa9", "\xe2\x82\xac",
                                       "\xf0\x9f\x98\x80"};
    struct ccb_error err;
    char text[400];

    (void)state;
    for (size_t i = 0; i < COUNT(wide); i++) {
        for (size_t pad = 310; pad < 322; pad++) {
            size_t len = strlen(wide[i]);
            size_t kept = pad + len < sizeof(err.message) ? pad + len : pad;
            if (kept >= sizeof(err.message))
                kept = sizeof(err.message) - 1;
            memset(text, 'a', pad);
            memcpy(text + pad, wide[i], len + 1);
            ccb_error_set(&err, CCB_INVALID, "%s", text);
            assert_int_equal(strlen(err.message), kept);
            assert_memory_equal(err.message, text, kept);
        }
    }
}

static void test_prefix_goes_before_the_message_and_keeps_the_id(void **state)
{
    struct ccb_error err;

    (void)state;
    ccb_error_set(&err, CCB_NOT_FOUND, "no such file");
    memcpy(err.id, "StagingError", sizeof("StagingError"));
    ccb_error_prefix(&err, "plugin %s", "docker");
    assert_string_equal(err.message, "plugin docker: no such file");
    assert_string_equal(err.id, "StagingError");
    assert_int_equal(err.code, CCB_NOT_FOUND);
}

static void test_prefix_that_fills_the_room_is_survived(void **state)
{
    struct ccb_error err;
    char text[400];

    (void)state;
    memset(text, 'p', sizeof(text));
    for (size_t len = 300; len < sizeof(text); len++) {
        ccb_error_set(&err, CCB_INVALID, "\xe2\x82\xac\xe2\x82\xac");
        ccb_error_prefix(&err, "%.*s", (int)len, text);
        assert_true(strlen(err.message) < sizeof(err.message));
        if (len + 2 + 6 >= sizeof(err.message) &&
            len + 2 + 3 < sizeof(err.message))
            assert_int_equal(strlen(err.message), len + 2 + 3);
    }
}

static void test_message_may_be_made_from_itself(void **state)
{
    struct ccb_error err;

    (void)state;
    ccb_error_set(&err, CCB_INVALID, "cause");
    ccb_error_set(&err, CCB_FAILED, "outer: %s", err.message);
    assert_string_equal(err.message, "outer: cause");
    ccb_error_prefix(&err, "<%s>", err.message);
    assert_string_equal(err.message, "<outer: cause>: outer: cause");
}

static void test_every_code_has_a_name_of_its_own(void **state)
{
    static const int codes[] = {CCB_OK,          CCB_INVALID,   CCB_NOT_FOUND,
                                CCB_UNSUPPORTED, CCB_TOO_LARGE, CCB_CANCELLED,
                                CCB_FAILED,      CCB_NO_MEMORY, CCB_NEED_FACTS,
                                CCB_IO,          CCB_TIMED_OUT, CCB_CONFLICT,
                                CCB_CLOSED};

    (void)state;
    for (size_t i = 0; i < COUNT(codes); i++) {
        assert_string_not_equal(ccb_error_name(codes[i]), "unknown");
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(ccb_error_name(codes[i]),
                                    ccb_error_name(codes[j]));
    }
    assert_string_equal(ccb_error_name(CCB_INVALID), "invalid");
    assert_string_equal(ccb_error_name(12345), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set_returns_the_code_and_clears_the_id),
        cmocka_unit_test(test_null_object_drops_the_detail),
        cmocka_unit_test(test_long_message_is_cut_between_characters),
        cmocka_unit_test(test_prefix_goes_before_the_message_and_keeps_the_id),
        cmocka_unit_test(test_prefix_that_fills_the_room_is_survived),
        cmocka_unit_test(test_message_may_be_made_from_itself),
        cmocka_unit_test(test_every_code_has_a_name_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
