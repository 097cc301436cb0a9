/*
 * The tool as its own child: the command line that makes it one, and what it
 * does then. Follows anchors 3.8 (a child per test).
 */
#ifndef CCB_CHECK_CHILD_H
#define CCB_CHECK_CHILD_H

#include "options.h"
#include "test.h"

/* Names of children that run no test. */
#define CCB_CHECK_HASHES "=hashes"
#define CCB_CHECK_FUZZ "=fuzz"

enum { CCB_CHECK_MAX_ARGV = 24, CCB_CHECK_NUMBER_SIZE = 24 };
struct ccb_check_child_argv {
    char *argv[CCB_CHECK_MAX_ARGV];
    size_t count;
    char seed[CCB_CHECK_NUMBER_SIZE], cases[CCB_CHECK_NUMBER_SIZE];
};
void ccb_check_child_argv(struct ccb_check_child_argv *out,
                          const struct ccb_check_options *options,
                          const char *name, const char *file);

/* Runs one test here: opens the plugin as far as the test needs it. */
void ccb_check_run_test(const struct ccb_check_test *test,
                        const struct ccb_check_options *options,
                        const char *file, struct ccb_check_outcome *out);

/* main of a child: options->child says of which kind. Returns the exit
 * status. */
int ccb_check_child_main(const struct ccb_check_options *options);

/* A line with a hash for each request, to the descriptor. 0 or CCB_IO. */
int ccb_check_write_hashes(struct ccb_check_subject *s, int fd);

#endif
