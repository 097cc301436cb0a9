/*
 * Expectations: clauses checked against what crossed the wire, and JSON
 * compared by meaning with exact numbers.
 *
 * Invariant: a failed clause says what was expected and what was found.
 */
#ifndef CCB_SCRIPT_MATCH_H
#define CCB_SCRIPT_MATCH_H

#include "ccbridge/json.h"
#include "run.h"
#include "wire.h"

/* What clauses are checked against. */
struct ccb_subject {
    const char *what;            /* "the request PUT /x", for failures */
    const struct ccb_message *m; /* headers, target, status; may be NULL */
    const char *body;
    size_t len;
    int whole; /* the body was kept */
};
struct ccb_subject ccb_match_message(const char *what,
                                     const struct ccb_message *m);
struct ccb_subject ccb_match_bytes(const char *what, const char *bytes,
                                   size_t len);

/* Checks the clauses from the words at hand to the statement's end. 0, or -1
 * with the failure set. */
int ccb_match_clauses(struct ccb_args *a, const struct ccb_subject *subject);

/* The same, but the first clause is about the body and `body` may be left
 * out: contains X, json {...}, equals Y. */
int ccb_match_body(struct ccb_args *a, const struct ccb_subject *subject);

/* [OPERATOR] VALUE against a text. The operators: == != like contains
 * starts ends < <= > >=; none means ==. Adds to `why` when it does not
 * hold. 1 holds, 0 not, -1 failed. */
int ccb_match_text(struct ccb_args *a, const char *text, size_t len,
                   struct ccb_text *why);

/* Adds a line for each difference (path, expected, found), ten at most; 0
 * when there is none. `subset`: members that are not expected may be there. */
int ccb_diff_json(struct ccb_json expected, struct ccb_json found, int subset,
                  struct ccb_text *why);
/* The value at a.b[0]["x.y"]!.c (`!` reads a string's text as JSON). Type
 * NONE when it is not there; -1 when the path is malformed or a text is no
 * JSON. What `!` decodes lives in `pool`. */
int ccb_diff_path(struct ccb_json root, const char *path, struct ccb_pool *pool,
                  struct ccb_json *out, struct ccb_text *why);
/* A string's decoded text, other values as they stand. */
struct ccb_slice ccb_diff_text(struct ccb_json value, struct ccb_pool *pool);

/* [from SOURCE] SELECTOR: a value out of a message, for `set`. */
int ccb_match_select(struct ccb_args *a, const struct ccb_subject *subject,
                     struct ccb_value *out);

#endif
