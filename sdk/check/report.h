/*
 * What the tool prints: for people, as JSON, or as TAP. One report for each
 * run, fed test by test.
 */
#ifndef CCB_CHECK_REPORT_H
#define CCB_CHECK_REPORT_H

#include "options.h"
#include "test.h"

struct ccb_check_result {
    const struct ccb_check_test *test;
    struct ccb_check_outcome outcome;
    int64_t time;             /* ns */
    struct ccb_slice printed; /* by the test's child */
};

struct ccb_check_counts {
    size_t by_status[CCB_CHECK_STATUSES];
};

struct ccb_check_report {
    enum ccb_check_format format;
    struct ccb_json_writer json;
    size_t tests; /* of all files */
    struct ccb_check_counts file, all;
};

void ccb_check_report_begin(struct ccb_check_report *r,
                            const struct ccb_check_options *options);
void ccb_check_report_file(struct ccb_check_report *r, const char *file);
void ccb_check_report_test(struct ccb_check_report *r,
                           const struct ccb_check_result *result);
void ccb_check_report_file_end(struct ccb_check_report *r, const char *subject);
void ccb_check_report_end(struct ccb_check_report *r);

/* --list */
void ccb_check_report_list(void);

/* "CCB-P-031 CCB-P-032" of a test, with its NUL. */
enum { CCB_CHECK_RULES_SIZE = 10 * CCB_CHECK_MAX_RULES + 1 };
void ccb_check_format_rules(char out[CCB_CHECK_RULES_SIZE],
                            const struct ccb_check_test *test);

#endif
