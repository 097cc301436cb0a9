/*
 * Command lines in Go's flag syntax, from tables (contract/stager.md A1, A2).
 *
 * One row a flag: name, type, default, help; --help, the manual page, shell
 * completion and the documentation are made from the rows. Messages and exit
 * statuses are those of the historic programs.
 */
#ifndef CCB_BASE_FLAGS_H
#define CCB_BASE_FLAGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "ccbridge/error.h"
#include "ccbridge/slice.h"

enum ccb_flag_type {
    CCB_FLAG_STRING,   /* const char *, borrowed from argv */
    CCB_FLAG_BOOL,     /* bool */
    CCB_FLAG_INT,      /* int64_t */
    CCB_FLAG_UINT,     /* uint64_t */
    CCB_FLAG_DURATION, /* int64_t, nanoseconds */
    CCB_FLAG_PAIRS     /* struct ccb_pairs: KEY:VALUE, repeatable, A2 */
};

struct ccb_pair {
    struct ccb_slice key, value; /* borrowed from argv */
};

/* Keys in order of first appearance; a repeated key overwrites. */
struct ccb_pairs {
    struct ccb_pair *items; /* heap; ccb_pairs_destroy */
    size_t count;
};
const struct ccb_pair *ccb_pairs_find(const struct ccb_pairs *pairs,
                                      struct ccb_slice key);
void ccb_pairs_destroy(struct ccb_pairs *pairs);

struct ccb_flag {
    const char *name; /* without dash */
    enum ccb_flag_type type;
    size_t offset;            /* of the value in the configuration struct */
    const char *default_text; /* as it would be typed; NULL: zero value,
                                 of a string "" */
    const char *placeholder;  /* in help, e.g. "URL"; NULL: by type */
    const char *help;         /* one sentence; no trailing dot */
    const char *fact;         /* name as a plugin fact, or NULL */
    int (*check)(struct ccb_slice value, char *why, size_t why_size);
    /* NULL, or refuses a value with its own words. PAIRS without one (or
     * that it lets pass) are refused with the -lifecycle words of A2 */
    char separator; /* of PAIRS; 0: ':'. With another one the words of a
                       refusal are those of the placeholder: "NAME=DIR" */
};

/* One command line may fill several structs (all roles in one process): a set
 * names a table and where its values go. A flag that several sets have means
 * all of them; "-PREFIX.name" means one. */
struct ccb_flag_set {
    const char *prefix; /* role name, or NULL */
    const struct ccb_flag *flags;
    size_t count;
    void *values;
};

enum ccb_flags_result { CCB_FLAGS_OK, CCB_FLAGS_HELP, CCB_FLAGS_BAD };

/* Sets defaults, then parses argv[0..argc). On BAD or HELP the historic text
 * (message, then usage) was written to `errors` and the program should exit
 * with 2 (historic names) or, for help asked of our own programs, with 0. */
enum ccb_flags_result ccb_flags_parse(const struct ccb_flag_set *sets,
                                      size_t set_count, int argc,
                                      char *const *argv, const char *program,
                                      FILE *errors);

/* The usage text, one entry a flag, sorted by name. */
void ccb_flags_usage(const struct ccb_flag_set *sets, size_t set_count,
                     const char *program, FILE *out);

/* Frees what parsing made (pairs). */
void ccb_flags_destroy(const struct ccb_flag_set *sets, size_t set_count);

/* Go's durations: "1m30s", "500ms", "1.5h", "0", signed. CCB_INVALID. */
int ccb_duration_parse(struct ccb_slice text, int64_t *nanoseconds);
/* The same without the value: 0, or CCB_INVALID and Go's words for it. */
int ccb_duration_check(struct ccb_slice text, char *why, size_t why_size);
/* Go's form: "10s", "1m30s", "500ms", "0". `out` of 40 bytes is enough. */
void ccb_duration_format(int64_t nanoseconds, char *out, size_t size);

#endif
