/*
 * ccbridge-plugin-check: tells the author of a lifecycle plugin what is wrong
 * with it, by number. Invariant: no code of a plugin runs in this process, but
 * with --in-process. Follows docs/plugins/policy.md, anchors 3.8.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "child.h"
#include "fuzz.h"
#include "options.h"
#include "process.h"
#include "run.h"

enum { PASSED = 0, FAILED = 1, USAGE = 2 };

static int complain(const struct ccb_error *err)
{
    fprintf(stderr, "ccbridge-plugin-check: %s\n", err->message);
    return USAGE;
}

static int run_in_process(const struct ccb_check_options *options)
{
    struct ccb_check_result result = {
        .test = ccb_check_find_test(options->in_process)};
    struct ccb_check_report report;
    struct ccb_error err;

    if (!result.test) {
        ccb_error_set(&err, CCB_INVALID,
                      "--in-process %s: no such test; --list shows them",
                      options->in_process);
        return complain(&err);
    }
    ccb_check_report_begin(&report, options);
    for (int i = 0; i < options->file_count; i++) {
        ccb_check_report_file(&report, options->files[i]);
        ccb_check_run_test(result.test, options, options->files[i],
                           &result.outcome);
        ccb_check_report_test(&report, &result);
        ccb_check_report_file_end(&report, result.outcome.subject);
    }
    ccb_check_report_end(&report);
    return ccb_check_status_is_bad(result.outcome.status) ? FAILED : PASSED;
}

static int run_all(const struct ccb_check_options *options)
{
    struct ccb_check_report report;
    struct ccb_check_off off;
    struct ccb_error err;
    int bad = 0;

    if (ccb_check_off_read(&off, options->config, &err) < 0) {
        ccb_check_off_destroy(&off);
        return complain(&err);
    }
    ccb_check_report_begin(&report, options);
    for (int i = 0; i < options->file_count; i++)
        ccb_check_run_file(options, &off, options->files[i], &report);
    ccb_check_report_end(&report);
    ccb_check_off_destroy(&off);
    for (int i = 0; i < CCB_CHECK_STATUSES; i++)
        if (ccb_check_status_is_bad((enum ccb_check_status)i) &&
            report.all.by_status[i] > 0)
            bad = 1;
    return bad ? FAILED : PASSED;
}

static int run_fuzz(const struct ccb_check_options *options)
{
    bool bad = false;

    for (int i = 0; i < options->file_count; i++)
        bad |= ccb_check_fuzz(options, options->files[i]);
    return bad ? FAILED : PASSED;
}

static int run(const struct ccb_check_options *options)
{
    struct ccb_error err;

    if (options->help)
        ccb_check_options_help();
    else if (options->list)
        ccb_check_report_list();
    else if (options->rules)
        ccb_check_print_rules();
    else if (options->child)
        return ccb_check_child_main(options);
    else if (options->in_process)
        return run_in_process(options);
    else if (ccb_check_become_reaper(&err) < 0)
        return complain(&err);
    else if (options->fuzz || options->reproduce >= 0)
        return run_fuzz(options);
    else
        return run_all(options);
    return PASSED;
}

int main(int argc, char **argv)
{
    struct ccb_check_options options;
    struct ccb_error err;
    int status;

    if (ccb_check_options_parse(&options, argc, argv, &err) < 0)
        status = complain(&err);
    else
        status = run(&options);
    ccb_check_options_destroy(&options);
    ccb_arena_drain();
    return status;
}
