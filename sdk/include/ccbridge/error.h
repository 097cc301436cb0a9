/*
 * The one error object of ccbridge: a fixed code, the error id the Cloud
 * Controller is shown, and a message that names the offending value.
 *
 * Shape: plain memory, owned by the caller, no pointers inside; copy it
 * freely. Functions return 0 or one of the negative codes and fill the object
 * only when they fail. Passing NULL is allowed everywhere and drops the
 * detail. Threads: none of these functions has state.
 */
#ifndef CCBRIDGE_ERROR_H
#define CCBRIDGE_ERROR_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The first group is ABI (lifecycle.h repeats it in words). */
#define CCB_OK 0
#define CCB_INVALID (-1)     /* the message itself is wrong: HTTP 400 */
#define CCB_NOT_FOUND (-2)   /* names something that is not there */
#define CCB_UNSUPPORTED (-3) /* understood, but not offered here */
#define CCB_TOO_LARGE (-4)   /* over a stated limit */
#define CCB_CANCELLED (-5)   /* the caller gave up, or the deadline passed */
#define CCB_FAILED (-6)      /* anything else that went wrong */
#define CCB_NO_MEMORY (-7)
#define CCB_NEED_FACTS (-8) /* not an error: see ccb_host.need_facts */
/* The second group is used between rooms of the daemon only. */
#define CCB_IO (-20) /* a system call or a peer failed */
#define CCB_TIMED_OUT (-21)
#define CCB_CONFLICT (-22)
#define CCB_CLOSED (-23) /* the peer ended the exchange */

struct ccb_error {
    int code;          /* one of the codes above */
    char id[40];       /* error id for the Cloud Controller, or "" */
    char message[320]; /* UTF-8, cut at a character's border, never NULL */
};

/* Sets code and message and clears the id; returns code, so that
 * `return ccb_error_set(err, CCB_INVALID, ...)` reads well. */
int ccb_error_set(struct ccb_error *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts `PREFIX: ` (formatted) before the message that is there. */
void ccb_error_prefix(struct ccb_error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The code's name for people, e.g. "invalid"; "unknown" for others. */
const char *ccb_error_name(int code);

#ifdef __cplusplus
}
#endif

#endif
