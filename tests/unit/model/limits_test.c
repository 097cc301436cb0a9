/* What is too large for those behind us: model/limits.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/mem.h"
#include "ccbridge/sdk.h"
#include "model/limits.h"

struct seen {
    int count;
    char variable[200];
    size_t size;
};

static void on_offence(void *user, struct ccb_slice variable, size_t size)
{
    struct seen *seen = user;
    seen->count++;
    seen->size = size;
    snprintf(seen->variable, sizeof(seen->variable), "%.*s", (int)variable.len,
             variable.len ? variable.ptr : "");
}

/* The list of one pair: name and value are `name` and `value`, the latter
 * `count` times; both JSON text of a string's inside. */
static struct seen check(const char *name, const char *value, size_t count)
{
    struct ccb_env pair;
    struct ccb_json_list list = {&pair, 1, 1};
    struct ccb_buf text = {0};
    struct seen seen = {0};
    size_t name_len = strlen(name) + 2;
    ccb_buf_printf(&text, "\"%s\"\"", name);
    while (count-- > 0)
        ccb_buf_put(&text, value);
    ccb_buf_putc(&text, '"');
    assert_int_equal(text.failed, 0);
    pair.name = ccb_slice_make(text.data, name_len);
    pair.value = ccb_slice_make(text.data + name_len, text.len - name_len);
    ccb_environment_check(&list, on_offence, &seen);
    ccb_buf_destroy(&text);
    return seen;
}

static void test_the_string_and_its_nul_are_counted(void **state)
{
    struct seen seen = check("AB", "x", 131068);
    (void)state;
    assert_int_equal(seen.count, 0);
    seen = check("AB", "x", 131069);
    assert_int_equal(seen.count, 1);
    assert_string_equal(seen.variable, "AB");
    assert_int_equal(seen.size, 131073);
    assert_int_equal(check("", "x", 131070).count, 0);
    assert_int_equal(check("", "x", 131071).count, 1);
}

static void test_sizes_are_those_of_the_decoded_text(void **state)
{
    (void)state;
    assert_int_equal(check("A", "\\u0041", 131069).count, 0);
    assert_int_equal(check("A", "\\u0041", 131070).count, 1);
    assert_int_equal(check("A", "\\u20ac", 43690).size, 131073);
    /* An invalid byte is sent on as three. */
    assert_int_equal(check("A", "\xff", 43689).count, 0);
    assert_int_equal(check("A", "\xff", 43690).size, 131073);
}

static void test_long_names_are_cut_between_characters(void **state)
{
    char name[400] = "";
    struct seen seen;
    (void)state;
    memset(name, 'n', 127);
    snprintf(name + 127, sizeof(name) - 127, "\\u20acmore");
    seen = check(name, "x", 131072);
    assert_int_equal(seen.count, 1);
    assert_int_equal(strlen(seen.variable), 127);
}

static void test_what_is_absent_is_fine(void **state)
{
    struct ccb_env pair = {{NULL, 0}, {NULL, 0}};
    struct ccb_json_list one = {&pair, 1, 1}, none = {NULL, 0, 0};
    struct seen seen = {0};
    (void)state;
    ccb_environment_check(&none, on_offence, &seen);
    ccb_environment_check(&one, on_offence, &seen);
    assert_int_equal(seen.count, 0);
}

/* It is only a warning: without memory there is none. */
static void test_no_memory(void **state)
{
    char *text;
    struct ccb_env pair;
    struct ccb_json_list list = {&pair, 1, 1};
    struct seen seen = {0};
    (void)state;
    text = ccb_malloc(200004);
    memset(text, 'x', 200004);
    text[0] = text[2] = '"';
    text[1] = 'A';
    text[3] = text[200003] = '"';
    text[4] = '\\';
    text[5] = 'n';
    pair.name = ccb_slice_make(text, 3);
    pair.value = ccb_slice_make(text + 3, 200001);
    ccb_mem_fail_at(1, 1);
    ccb_environment_check(&list, on_offence, &seen);
    ccb_mem_fail_at(0, 0);
    assert_int_equal(seen.count, 0);
    ccb_environment_check(&list, on_offence, &seen);
    assert_int_equal(seen.count, 1);
    ccb_free(text);
    ccb_arena_drain();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_string_and_its_nul_are_counted),
        cmocka_unit_test(test_sizes_are_those_of_the_decoded_text),
        cmocka_unit_test(test_long_names_are_cut_between_characters),
        cmocka_unit_test(test_what_is_absent_is_fine),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
