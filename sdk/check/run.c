/*
 * Chooses the tests of a file, runs each in a child, and judges what became of
 * the child: a result, a crash, a deadline, or processes that stayed behind.
 * Invariant: nothing of the plugin runs in this process.
 */
#include "run.h"

#include <regex.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "child.h"
#include "process.h"

/* ---- what is switched off ----------------------------------------------- */

/* The next word of the text, without comments; empty at the end. */
static struct ccb_slice next_word(struct ccb_slice *text)
{
    static const char space[] = " \t\r\n,";
    struct ccb_slice word;

    while (text->len > 0 && (strchr(space, *text->ptr) || *text->ptr == '#')) {
        const char *end = *text->ptr == '#' ? memchr(text->ptr, '\n', text->len)
                                            : text->ptr + 1;
        size_t len = end ? (size_t)(end - text->ptr) : text->len;

        *text = ccb_slice_make(text->ptr + len, text->len - len);
    }
    word = ccb_slice_make(text->ptr, 0);
    while (text->len > 0 && !strchr(space, *text->ptr) && *text->ptr != '#') {
        word.len++;
        *text = ccb_slice_make(text->ptr + 1, text->len - 1);
    }
    return word;
}

static bool test_has_rule(const struct ccb_check_test *test,
                          struct ccb_slice word)
{
    for (int i = 0; i < CCB_CHECK_MAX_RULES && test->rules[i]; i++) {
        char rule[20];

        snprintf(rule, sizeof(rule), "CCB-P-%03d", test->rules[i]);
        if (ccb_slice_is(word, rule))
            return true;
    }
    return false;
}

static bool word_means(struct ccb_slice word, const struct ccb_check_test *test)
{
    return ccb_slice_is(word, test->name) || test_has_rule(test, word);
}

int ccb_check_off_read(struct ccb_check_off *off, const char *path,
                       struct ccb_error *err)
{
    struct ccb_slice text, word;
    int code;

    memset(off, 0, sizeof(*off));
    if (!path)
        return 0;
    off->arena = ccb_arena_create();
    if (!off->arena)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    code = ccb_check_read_file(&off->text, path, 1 << 16, off->arena, err);
    if (code < 0)
        return code;
    text = off->text;
    for (word = next_word(&text); word.len > 0; word = next_word(&text)) {
        size_t i = 0;

        while (i < ccb_check_test_count &&
               !word_means(word, &ccb_check_tests[i]))
            i++;
        if (i == ccb_check_test_count)
            return ccb_error_set(err, CCB_INVALID,
                                 "%s: %.*s is neither a test nor a rule that "
                                 "is tested; --list shows them",
                                 path, (int)word.len, word.ptr);
    }
    return 0;
}

void ccb_check_off_destroy(struct ccb_check_off *off)
{
    ccb_arena_unref(off->arena);
}

static bool is_off(const struct ccb_check_off *off,
                   const struct ccb_check_test *test)
{
    struct ccb_slice text = off->text, word;

    for (word = next_word(&text); word.len > 0; word = next_word(&text))
        if (word_means(word, test))
            return true;
    return false;
}

/* By name, or by its rules. */
static bool matches(const regex_t *regex, const struct ccb_check_test *test)
{
    char rules[CCB_CHECK_RULES_SIZE];

    ccb_check_format_rules(rules, test);
    return regexec(regex, test->name, 0, NULL, 0) == 0 ||
           regexec(regex, rules, 0, NULL, 0) == 0;
}

static bool is_wanted(const struct ccb_check_options *options,
                      const struct ccb_check_test *test)
{
    return (!options->has_include || matches(&options->include, test)) &&
           (!options->has_exclude || !matches(&options->exclude, test));
}

/* ---- one test ----------------------------------------------------------- */

static void judge(const struct ccb_check_test *test,
                  const struct ccb_check_run *run,
                  struct ccb_check_outcome *out)
{
    int rule = test->crash_rule ? test->crash_rule : test->rules[0];
    struct ccb_error err;
    char end[120];

    ccb_check_describe_end(run, end, sizeof(end));
    if (run->timed_out)
        ccb_check_set(out, CCB_CHECK_TIMED_OUT, CCB_RULE_50,
                      "an end of the test", "%s", end);
    else if (ccb_check_outcome_decode(out, ccb_buf_slice(&run->result), &err) <
             0)
        ccb_check_set(out, CCB_CHECK_CRASHED, rule, "a process that goes on",
                      "%s%s", run->result.len ? "nonsense as result; " : "",
                      end);
    if (!run->clean)
        ccb_check_set(out, CCB_CHECK_FAILED, CCB_RULE_49, "no process",
                      "processes that can't be ended (%u were)",
                      run->left_over);
    else if (run->left_over > 0 && !ccb_check_status_is_bad(out->status))
        ccb_check_set(out, CCB_CHECK_FAILED, CCB_RULE_49, "no process",
                      "%u left behind (they were killed)", run->left_over);
}

static void run_in_child(const struct ccb_check_options *options,
                         const struct ccb_check_test *test, const char *file,
                         struct ccb_check_result *result,
                         struct ccb_check_run *run)
{
    int64_t start = ccb_clock_monotonic();
    struct ccb_check_child_argv child;
    struct ccb_error err;

    ccb_check_child_argv(&child, options, test->name, file);
    *run = (struct ccb_check_run){
        .argv = child.argv, .timeout = options->timeout, .shared_fd = -1};
    if (ccb_check_run(run, &err) < 0)
        ccb_check_set(&result->outcome, CCB_CHECK_FAILED, test->rules[0],
                      "a child for the test", "%s", err.message);
    else
        judge(test, run, &result->outcome);
    result->time = ccb_clock_monotonic() - start;
    result->printed = ccb_buf_slice(&run->printed);
    run->argv = NULL;
}

/* ---- all tests ---------------------------------------------------------- */

/* Which test opened the way no further. */
struct progress {
    enum ccb_check_level level;
    const struct ccb_check_test *stopped;
};

static enum ccb_check_level level_for(const struct ccb_check_test *test)
{
    enum ccb_check_level needs =
        test->behind > test->needs ? test->behind : test->needs;

    /* The test that opens a level needs the one before. */
    return test->opens > CCB_CHECK_FILE
               ? (enum ccb_check_level)(test->opens - 1)
               : needs;
}

static bool ended_well(const struct ccb_check_test *test,
                       const struct ccb_check_outcome *outcome)
{
    /* Wrong answers are answers: the tests behind have more to say. */
    if (test->opens == CCB_CHECK_ANSWERS)
        return outcome->status != CCB_CHECK_CRASHED &&
               outcome->status != CCB_CHECK_TIMED_OUT;
    return !ccb_check_status_is_bad(outcome->status);
}

static void run_one(const struct ccb_check_options *options,
                    const struct ccb_check_test *test, const char *file,
                    struct progress *progress, bool shown,
                    struct ccb_check_report *report, char *subject)
{
    struct ccb_check_result result = {.test = test};
    struct ccb_check_run run = {0};

    if (level_for(test) > progress->level)
        ccb_check_skip(&result.outcome, "needs what %s looks at",
                       progress->stopped ? progress->stopped->name : "a test");
    else
        run_in_child(options, test, file, &result, &run);
    if (result.outcome.subject[0])
        memcpy(subject, result.outcome.subject, sizeof(result.outcome.subject));
    if (test->opens > progress->level && level_for(test) <= progress->level) {
        if (ended_well(test, &result.outcome))
            progress->level = test->opens;
        else
            progress->stopped = test;
    }
    /* What closes the way is shown, wanted or not. */
    if (shown || progress->stopped == test)
        ccb_check_report_test(report, &result);
    ccb_buf_destroy(&run.result);
    ccb_buf_destroy(&run.printed);
}

void ccb_check_run_file(const struct ccb_check_options *options,
                        const struct ccb_check_off *off, const char *file,
                        struct ccb_check_report *report)
{
    struct progress progress = {CCB_CHECK_FILE, NULL};
    char subject[160] = "";

    ccb_check_report_file(report, file);
    for (size_t i = 0; i < ccb_check_test_count; i++) {
        const struct ccb_check_test *test = &ccb_check_tests[i];
        bool shown = is_wanted(options, test) && !is_off(off, test);

        if (shown || (test->opens > CCB_CHECK_FILE && !is_off(off, test)))
            run_one(options, test, file, &progress, shown, report, subject);
        else if (test->opens > progress.level)
            progress.level = test->opens; /* switched off: taken for granted */
    }
    ccb_check_report_file_end(report, subject);
}
