/*
 * The command line of ccbridge-plugin-check: one table, from which --help is
 * made. Texts are borrowed from argv.
 */
#ifndef CCB_CHECK_OPTIONS_H
#define CCB_CHECK_OPTIONS_H

#include <regex.h>
#include <stdbool.h>
#include <stdint.h>

#include "ccbridge/error.h"

enum ccb_check_format { CCB_CHECK_HUMAN, CCB_CHECK_JSON, CCB_CHECK_TAP };

struct ccb_check_options {
    bool help, list, rules, json, tap, fuzz;
    const char *include_text, *exclude_text, *config, *facts, *requests;
    const char *in_process; /* a test's name */
    const char *child;      /* the same, said by the tool to itself */
    int64_t timeout;        /* ns, of a test */
    int64_t fuzz_time;      /* ns */
    int64_t seed;           /* -1: by chance */
    int64_t reproduce;      /* -1: no */
    int64_t cases;          /* of a fuzzing child; 0: no end */
    const char *runner;     /* ccbridge-plugin-host; NULL: beside the tool */
    regex_t include, exclude;
    bool has_include, has_exclude;
    char **files;
    int file_count;
};

/* CCB_INVALID with words that name the option. destroy in any case. */
int ccb_check_options_parse(struct ccb_check_options *options, int argc,
                            char **argv, struct ccb_error *err);
void ccb_check_options_destroy(struct ccb_check_options *options);

void ccb_check_options_help(void);

/* "2s", "500ms"; a bare number means seconds. CCB_INVALID. */
int ccb_check_parse_time(const char *text, int64_t *out);

#endif
