/*
 * The command line is read by the tables, and help, manual and completion are
 * made from the same rows (core/cli/options.h, help.h).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/help.h"

#define MAX_WORDS 24

static struct ccb_cli_line line;
static struct ccb_error err;
static char words[MAX_WORDS][80];
static char *argv[MAX_WORDS + 1];

/* Splits at spaces. */
static int parse(const char *text)
{
    int argc = 0;

    ccb_cli_line_destroy(&line);
    memset(&err, 0, sizeof(err));
    while (*text) {
        size_t len = strcspn(text, " ");

        assert_true(argc < MAX_WORDS && len < sizeof(words[0]));
        memcpy(words[argc], text, len);
        words[argc][len] = '\0';
        argv[argc] = words[argc];
        argc++;
        text += len + (text[len] == ' ');
    }
    argv[argc] = NULL;
    return ccb_cli_parse(&line, argc, argv, &err);
}

static void refused(const char *text, const char *why)
{
    assert_int_equal(parse(text), CCB_INVALID);
    if (!strstr(err.message, why))
        fail_msg("%s: said is \"%s\"", text, err.message);
}

static void test_reads_flags_in_every_form(void **state)
{
    (void)state;
    assert_int_equal(parse("ccbridge push -b ruby --instances=3 -m512M --disk "
                           "1G shop --env A=1 dir --env=B=x=y --no-start "
                           "--health-check none -t 90 --json"),
                     0);
    assert_string_equal(line.command->name, "push");
    assert_int_equal(line.word_count, 2);
    assert_string_equal(line.words[0], "shop");
    assert_string_equal(line.words[1], "dir");
    assert_string_equal(line.values.buildpack, "ruby");
    assert_int_equal(line.values.instances, 3);
    assert_int_equal(line.values.memory_mb, 512);
    assert_int_equal(line.values.disk_mb, 1024);
    assert_int_equal(line.values.env_count, 2);
    assert_string_equal(line.values.env[0], "A=1");
    assert_string_equal(line.values.env[1], "B=x=y");
    assert_true(line.values.no_start && line.values.json);
    assert_string_equal(line.values.health_check, "none");
    assert_int_equal(line.values.timeout, 90 * CCB_SECOND);
}

static void test_what_is_not_given_shows(void **state)
{
    (void)state;
    assert_int_equal(parse("ccbridge push shop"), 0);
    assert_int_equal(line.values.instances, -1);
    assert_int_equal(line.values.memory_mb, -1);
    assert_int_equal(line.values.timeout, -1);
    assert_null(line.values.buildpack);
    assert_int_equal(line.values.env_count, 0);
    assert_int_equal(parse("ccbridge"), 0);
    assert_null(line.command);
}

static void test_short_switches_go_together(void **state)
{
    (void)state;
    assert_int_equal(parse("ccbridge logs -fn 5 shop"), 0);
    assert_true(line.values.follow);
    assert_int_equal(line.values.lines, 5);
    assert_int_equal(parse("ccbridge -q logs shop -fqn7"), 0);
    assert_int_equal(line.values.lines, 7);
    assert_true(line.values.quiet);
}

static void test_two_dashes_end_flags(void **state)
{
    (void)state;
    assert_int_equal(parse("ccbridge app -- -f"), 0);
    assert_string_equal(line.words[0], "-f");
    assert_int_equal(parse("ccbridge up --timeout 1m -- -workers 2"), 0);
    assert_int_equal(line.values.timeout, 60 * CCB_SECOND);
    assert_int_equal(line.rest_count, 2);
    assert_string_equal(line.rest[0], "-workers");
    assert_string_equal(line.rest[1], "2");
    assert_int_equal(line.word_count, 0);
}

static void test_refuses_with_the_way_out(void **state)
{
    (void)state;
    refused("ccbridge psuh", "did you mean push?");
    refused("ccbridge xyzzy", "no command xyzzy");
    refused("ccbridge push --memry 5 x", "did you mean --memory?");
    refused("ccbridge push --jsno x", "did you mean --json?");
    refused("ccbridge push -z x", "push has no flag -z");
    refused("ccbridge apps -b x", "apps has no flag -b");
    refused("ccbridge push x -m", "--memory wants MEM");
    refused("ccbridge push x -m lots", "256M or 1G");
    refused("ccbridge push x -i -1", "--instances -1");
    refused("ccbridge push x -i 2147483648", "a number such as 3");
    refused("ccbridge push x -t 0", "30s or 2m");
    refused("ccbridge push x -u http", "port|none");
    refused("ccbridge push x --no-start=1", "takes no value");
    refused("ccbridge push", "push wants NAME [DIR]");
    refused("ccbridge push a b c", "one word too many: c");
    refused("ccbridge kill shop", "kill wants NAME INDEX");
}

static void test_a_refused_env_is_not_shown(void **state)
{
    (void)state;
    refused("ccbridge push x --env hunter2", "NAME=VALUE");
    assert_null(strstr(err.message, "hunter2"));
    refused("ccbridge push x --env =hunter2", "NAME=VALUE");
    assert_null(strstr(err.message, "hunter2"));
}

static void test_help_needs_no_arguments(void **state)
{
    (void)state;
    assert_int_equal(parse("ccbridge push --help"), 0);
    assert_true(line.values.help);
    assert_int_equal(parse("ccbridge kill -h"), 0);
}

static void test_survives_no_memory(void **state)
{
    (void)state;
    for (size_t n = 1; n <= 2; n++) {
        ccb_mem_fail_at(n, 0);
        assert_int_equal(parse("ccbridge push x --env A=1"), CCB_NO_MEMORY);
        ccb_mem_fail_at(0, 0);
    }
}

/* ---- what is made from the tables ---------------------------------------- */

static void has(const struct ccb_buf *text, const char *what)
{
    if (!memmem(text->data, text->len, what, strlen(what)))
        fail_msg("\"%s\" is missing", what);
}

/* A flag's name as it stands in roff: dashes escaped. */
static void roff_name(const char *name, char *out)
{
    memcpy(out, "\\-\\-", 4);
    for (out += 4; *name; name++) {
        if (*name == '-')
            *out++ = '\\';
        *out++ = *name;
    }
    *out = '\0';
}

static void check_flags(const struct ccb_cli_flag *flags, size_t count,
                        const struct ccb_buf *help, const struct ccb_buf *man,
                        const struct ccb_buf *bash)
{
    char name[80];

    for (size_t i = 0; i < count; i++) {
        (void)snprintf(name, sizeof(name), "--%s", flags[i].name);
        has(help, name);
        (void)snprintf(name, sizeof(name), " --%s", flags[i].name);
        has(bash, name);
        roff_name(flags[i].name, name);
        has(man, name);
        if (flags[i].kind != CCB_CLI_SWITCH)
            assert_non_null(flags[i].value);
    }
}

static void test_all_of_the_tables_is_in_every_text(void **state)
{
    struct ccb_buf all = {0}, man = {0}, bash = {0};
    char text[128];

    (void)state;
    ccb_cli_put_help(&all);
    ccb_cli_put_man(&man, "1.2.3");
    ccb_cli_put_bash(&bash);
    has(&man, "ccbridge 1.2.3");
    check_flags(ccb_cli_global_flags, ccb_cli_global_flag_count, &all, &man,
                &bash);
    for (size_t i = 0; i < ccb_cli_command_count; i++) {
        const struct ccb_cli_command *command = &ccb_cli_commands[i];
        struct ccb_buf own = {0};

        (void)snprintf(text, sizeof(text), "\n  %s ", command->name);
        has(&all, text);
        has(&all, command->summary);
        (void)snprintf(text, sizeof(text), ".SS \"%s ", command->name);
        has(&man, text);
        (void)snprintf(text, sizeof(text), "    \"%s\") flags=", command->name);
        has(&bash, text);
        ccb_cli_put_command_help(&own, command);
        check_flags(command->flags, command->flag_count, &own, &man, &bash);
        assert_non_null(command->run);
        ccb_buf_destroy(&own);
    }
    for (size_t i = 0; i < ccb_cli_status_count; i++)
        has(&all, ccb_cli_statuses[i].meaning);
    ccb_buf_destroy(&all);
    ccb_buf_destroy(&man);
    ccb_buf_destroy(&bash);
}

static void check_width(const struct ccb_buf *text)
{
    const char *at = text->data, *end = text->data + text->len;

    while (at < end) {
        const char *next = memchr(at, '\n', (size_t)(end - at));

        assert_non_null(next);
        if (next - at > 80)
            fail_msg("over 80 columns: %.*s", (int)(next - at), at);
        at = next + 1;
    }
}

static void test_help_fits_a_terminal(void **state)
{
    struct ccb_buf text = {0};

    (void)state;
    ccb_cli_put_help(&text);
    check_width(&text);
    for (size_t i = 0; i < ccb_cli_command_count; i++) {
        ccb_buf_reset(&text);
        ccb_cli_put_command_help(&text, &ccb_cli_commands[i]);
        check_width(&text);
    }
    ccb_buf_destroy(&text);
}

static int tear_down(void **state)
{
    (void)state;
    ccb_cli_line_destroy(&line);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_flags_in_every_form),
        cmocka_unit_test(test_what_is_not_given_shows),
        cmocka_unit_test(test_short_switches_go_together),
        cmocka_unit_test(test_two_dashes_end_flags),
        cmocka_unit_test(test_refuses_with_the_way_out),
        cmocka_unit_test(test_a_refused_env_is_not_shown),
        cmocka_unit_test(test_help_needs_no_arguments),
        cmocka_unit_test(test_survives_no_memory),
        cmocka_unit_test(test_all_of_the_tables_is_in_every_text),
        cmocka_unit_test(test_help_fits_a_terminal),
    };

    return cmocka_run_group_tests(tests, NULL, tear_down);
}
