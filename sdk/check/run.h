/* The tests of a file, one child after the other. */
#ifndef CCB_CHECK_RUN_H
#define CCB_CHECK_RUN_H

#include "report.h"

/* Words of tests and rules that the configuration switches off. */
struct ccb_check_off {
    struct ccb_arena *arena;
    struct ccb_slice text;
};

/* CCB_INVALID names a word that is neither a test nor a rule. */
int ccb_check_off_read(struct ccb_check_off *off, const char *path,
                       struct ccb_error *err);
void ccb_check_off_destroy(struct ccb_check_off *off);

/* Runs and reports the tests of `file`. */
void ccb_check_run_file(const struct ccb_check_options *options,
                        const struct ccb_check_off *off, const char *file,
                        struct ccb_check_report *report);

#endif
