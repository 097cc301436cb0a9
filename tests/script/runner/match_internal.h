/*
 * What match.c and select.c share: the check at hand and its failures.
 *
 * Invariant: `why` is empty until something does not hold.
 */
#ifndef CCB_SCRIPT_MATCH_INTERNAL_H
#define CCB_SCRIPT_MATCH_INTERNAL_H

#include "match.h"

struct ccb_check {
    const struct ccb_subject *s;
    struct ccb_text why;
};

/* Fails with what `why` says about `place` of the subject; -1. */
int ccb_match_fail(struct ccb_args *a, struct ccb_check *c, const char *place);
/* Fails with the headers that are there; -1. */
int ccb_match_fail_header(struct ccb_args *a, struct ccb_check *c,
                          const char *name);
/* 0 when the subject has headers. */
int ccb_match_need_message(struct ccb_args *a, struct ccb_check *c);
/* The body as a checked document. */
int ccb_match_document(struct ccb_args *a, struct ccb_check *c,
                       struct ccb_json *out);
/* The body's MD5 in hex. */
void ccb_match_digest(const struct ccb_subject *s, char hex[33]);

#endif
