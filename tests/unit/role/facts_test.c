/* Flags with a fact's name become members; all others stay away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "role/facts.h"

struct config {
    const char *url, *password;
    bool verify;
    int64_t span;
    uint64_t count;
    struct ccb_pairs pairs;
};

static const struct ccb_flag flags[] = {
    {.name = "url",
     .type = CCB_FLAG_STRING,
     .offset = offsetof(struct config, url),
     .fact = "url"},
    {.name = "password",
     .type = CCB_FLAG_STRING,
     .offset = offsetof(struct config, password)},
    {.name = "verify",
     .type = CCB_FLAG_BOOL,
     .offset = offsetof(struct config, verify),
     .fact = "verify"},
    {.name = "span",
     .type = CCB_FLAG_DURATION,
     .offset = offsetof(struct config, span),
     .fact = "span_ns"},
    {.name = "count",
     .type = CCB_FLAG_UINT,
     .offset = offsetof(struct config, count),
     .fact = "count"},
    {.name = "pair",
     .type = CCB_FLAG_PAIRS,
     .offset = offsetof(struct config, pairs),
     .fact = "pairs"},
};

static void facts_are_the_flags_that_say_so(void **state)
{
    struct ccb_pair items[] = {{CCB_LIT("a/b"), CCB_LIT("x\"y")},
                               {CCB_LIT("docker"), CCB_LIT("http://h:1/z")}};
    struct config config = {"http://f/", "s3cret", true, 7, 8, {items, 2}};
    struct ccb_buf out = {0};
    (void)state;
    ccb_role_facts(&out, flags, sizeof(flags) / sizeof(flags[0]), &config);
    assert_int_equal(out.failed, 0);
    if (!ccb_slice_is(ccb_buf_slice(&out),
                      "{\"url\":\"http://f/\",\"verify\":true,\"span_ns\":7,"
                      "\"count\":8,\"pairs\":{\"a/b\":\"x\\\"y\",\"docker\":"
                      "\"http://h:1/z\"}}"))
        fail_msg("found %.*s", (int)out.len, out.data);
    ccb_buf_destroy(&out);
}

static void a_string_that_was_not_given_is_empty(void **state)
{
    struct config config = {0};
    struct ccb_buf out = {0};
    (void)state;
    ccb_role_facts(&out, flags, 1, &config);
    assert_true(ccb_slice_is(ccb_buf_slice(&out), "{\"url\":\"\"}"));
    ccb_buf_destroy(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(facts_are_the_flags_that_say_so),
        cmocka_unit_test(a_string_that_was_not_given_is_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
