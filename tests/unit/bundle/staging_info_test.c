/*
 * staging_info.yml as the original wrote it, and as any YAML it is read
 * (contract/lifecycle-buildpack.md A9, A10, C4): one row a case.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "staging_info.h"

enum reads { READS_BACK, DOES_NOT };

static void values_are_written_in_the_original_form(void **state)
{
    static const struct {
        const char *text, *written;
        enum reads reads;
    } rows[] = {
        {"", "\"\"", READS_BACK},
        {"./serve --port $PORT", "./serve --port $PORT", READS_BACK},
        {"a:b c#d", "a:b c#d", READS_BACK},
        {"-x", "-x", READS_BACK},
        {"it's", "it's", READS_BACK},
        {"a && b", "a && b", READS_BACK},
        {"12 monkeys", "12 monkeys", READS_BACK},
        {"run # note", "'run # note'", READS_BACK},
        {"run:", "'run:'", READS_BACK},
        {" run", "' run'", READS_BACK},
        {"run ", "'run '", READS_BACK},
        {"- run", "'- run'", READS_BACK},
        {"[run", "'[run'", READS_BACK},
        {"@run", "'@run'", READS_BACK},
        {"'it'", "'''it'''", READS_BACK},
        {"\"it\"", "'\"it\"'", READS_BACK},
        {"---", "'---'", READS_BACK},
        {"true", "\"true\"", READS_BACK},
        {"~", "\"~\"", READS_BACK},
        {"Null", "\"Null\"", READS_BACK},
        {"12", "\"12\"", READS_BACK},
        {"-1.5e3", "\"-1.5e3\"", READS_BACK},
        {"0x1F", "\"0x1F\"", READS_BACK},
        {"2001-02-03", "\"2001-02-03\"", READS_BACK},
        {".inf", "\".inf\"", READS_BACK},
        {"1:30", "\"1:30\"", READS_BACK},
        {"env A: b", "env A: b", DOES_NOT},
        {"a\nb", "|-\n  a\n  b", READS_BACK},
        {"a\n\nb", "|-\n  a\n\n  b", READS_BACK},
        {"a\n", "|+\n  a", READS_BACK},
        {" a\nb", "|2-\n   a\n  b", READS_BACK},
        {"a \nb", "\"a \\nb\"", READS_BACK},
        {"a\tb", "\"a\\tb\"", READS_BACK},
        {"a\nb\tc", "\"a\\nb\\tc\"", READS_BACK},
        {"\x1b[0m\"\\", "\"\\e[0m\\\"\\\\\"", READS_BACK},
        {"caf\xc3\xa9", "\"caf\\xE@\"", DOES_NOT},
        {"x\xe2\x84\xa2", "\"x\\u9899\"", DOES_NOT},
        {"\xc2\xab", "\"\\xAB\"", READS_BACK},
        {"\xff", "\"\\uFFFD\"", DOES_NOT},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ccb_failure failure = {ccb_arena_create(), NULL};
        struct ccb_buf file = {0};
        struct ccb_slice text = ccb_slice_of(rows[i].text), back;
        struct ccb_slice want = ccb_arena_format(
            failure.arena, "detected_buildpack: x\nstart_command: %s\n",
            rows[i].written);
        int same;

        ccb_staging_info_format(&file, ccb_slice_of("x"), text);
        if (!ccb_slice_equal(ccb_buf_slice(&file), want))
            fail_msg("%s: wrote %.*s", rows[i].text, (int)file.len, file.data);
        same = ccb_staging_info_parse(ccb_buf_slice(&file), &back, &failure) ==
                   0 &&
               ccb_slice_equal(back, text);
        if (same != (rows[i].reads == READS_BACK))
            fail_msg("%s: reads back: %d", rows[i].text, same);
        ccb_buf_destroy(&file);
        ccb_arena_unref(failure.arena);
    }
}

static void any_yaml_is_read(void **state)
{
    static const struct {
        const char *text;
        const char *command; /* NULL: refused */
    } rows[] = {
        {"detected_buildpack: x\nstart_command: run me\n", "run me"},
        {"start_command: run\n", "run"},
        {"Start_Command: run\n", "run"},
        {"{\"detected_buildpack\":\"\",\"start_command\":\"a\"}", "a"},
        {"detected_buildpack: x\n", ""},
        {"--- ~\n", ""},
        {"detected_buildpack: \nx: !ruby/object:Pathname\n  path: /\n"
         "start_command: run\n",
         "run"},
        {"start_command: &ruby/object:Pathname\n", NULL},
        {"start_command: [a]\n", NULL},
        {"detected_buildpack: {}\nstart_command: run\n", NULL},
        {"", NULL},
        {"# nothing\n", NULL},
        {"run\n", NULL},
        {"- run\n", NULL},
        {"[", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ccb_failure failure = {ccb_arena_create(), NULL};
        struct ccb_slice command;
        int code = ccb_staging_info_parse(ccb_slice_of(rows[i].text), &command,
                                          &failure);

        if (rows[i].command == NULL
                ? code != CCB_INVALID
                : code != 0 || !ccb_slice_is(command, rows[i].command))
            fail_msg("%s: code %d", rows[i].text, code);
        ccb_arena_unref(failure.arena);
    }
}

static void running_out_of_memory_is_told(void **state)
{
    struct ccb_failure failure = {ccb_arena_create(), NULL};
    struct ccb_buf file = {0};
    struct ccb_slice command;

    (void)state;
    (void)ccb_mem_fail_at(1, 1);
    assert_int_equal(ccb_staging_info_parse(ccb_slice_of("start_command: a"),
                                            &command, &failure),
                     CCB_NO_MEMORY);
    ccb_staging_info_format(&file, ccb_slice_of("x"), ccb_slice_of("y"));
    (void)ccb_mem_fail_at(0, 0);
    assert_int_equal(file.failed, CCB_NO_MEMORY);
    ccb_buf_destroy(&file);
    ccb_arena_unref(failure.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_written_in_the_original_form),
        cmocka_unit_test(any_yaml_is_read),
        cmocka_unit_test(running_out_of_memory_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
