/*
 * Why something failed, in words of any length, and the arena of the program
 * that the words and everything else of its one run live in. The texts are
 * those of the historic programs (contract/lifecycle-buildpack.md A4, A10),
 * which hold whole paths and URLs: too long for a struct ccb_error.
 */
#ifndef BUNDLE_FAILURE_H
#define BUNDLE_FAILURE_H

#include "base/arena.h"
#include "ccbridge/error.h"

struct ccb_failure {
    struct ccb_arena *arena; /* borrowed */
    const char *text;        /* in the arena, or static; NULL: none */
};

/* Sets the words; returns code. Without memory for them it says so. */
int ccb_failure_set(struct ccb_failure *failure, int code, const char *format,
                    ...) __attribute__((format(printf, 3, 4)));

/* Puts "WORDS: " before the words that are there; returns code. */
int ccb_failure_prefix(struct ccb_failure *failure, int code,
                       const char *words);

/* "CALL PATH: what errno means"; CCB_NOT_FOUND for ENOENT, else CCB_IO. */
int ccb_failure_system(struct ccb_failure *failure, const char *call,
                       const char *path);

/* "not enough memory"; CCB_NO_MEMORY. */
int ccb_failure_memory(struct ccb_failure *failure);

/* The system's words for an errno or a signal as the historic programs give
 * them: the C library's, beginning with a small letter. `out` of 80 bytes is
 * enough; returns out. */
const char *ccb_failure_errno(int number, char *out, size_t size);
const char *ccb_failure_signal(int number, char *out, size_t size);

#endif
