/*
 * A script as read: statements of words, with the statements below them.
 *
 * The rules of the language's surface (docs/testing.md): one statement a
 * line; deeper lines belong to the statement above them. Under `peer`,
 * `repeat`, `for`, `parallel` and `eventually` they are statements of their
 * own, under every other statement they are its further words.
 */
#ifndef CCB_SCRIPT_SCRIPT_H
#define CCB_SCRIPT_SCRIPT_H

#include "text.h"

enum ccb_word_kind {
    CCB_WORD_BARE,    /* variables */
    CCB_WORD_QUOTED,  /* "..." variables and escapes */
    CCB_WORD_LITERAL, /* '...' or <<'END': as it stands */
    CCB_WORD_JSON,    /* {...} or [...]: variables */
    CCB_WORD_HERE,    /* <<END: variables */
    CCB_WORD_FILE     /* @path: the file; @@path: its variables replaced */
};

struct ccb_word {
    enum ccb_word_kind kind;
    char *text;
    size_t len;
    int line;
};

struct ccb_stmt {
    const char *file;
    int line, indent;
    struct ccb_word *words;
    size_t word_count;
    struct ccb_stmt **below;
    size_t below_count;
};

/* A file's statements as the children of a nameless one; NULL with a message
 * `file:line: ...` in `why`. */
struct ccb_stmt *ccb_script_parse(const char *file, struct ccb_text *why);
void ccb_script_free(struct ccb_stmt *stmt);

#endif
