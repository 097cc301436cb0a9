/*
 * Golden tests of a plugin: requests, and what must come of each, as files.
 *
 *   DIR/requests/FUNCTION-NAME.json    the message
 *   DIR/expected/FUNCTION-NAME.json    the document that must come out, or
 *   DIR/expected/FUNCTION-NAME.error   the code's name, and the words
 *   DIR/gathered/FUNCTION-NAME.json    given when the plugin asks for facts
 *   DIR/facts.json                     the facts of all of them
 *
 * Documents are compared by what they mean: the order of keys and white space
 * do not matter. Each request is asked twice, and must be answered alike.
 */
#ifndef CCB_CALL_GOLDEN_H
#define CCB_CALL_GOLDEN_H

#include "caller.h"

enum ccb_golden_mode {
    CCB_GOLDEN_COMPARE,
    CCB_GOLDEN_UPDATE /* writes anew what is expected, where it differs */
};

struct ccb_golden_count {
    unsigned done, failed, written;
};

/* Asks all of them, and says one line for each on stdout. 0, also when some
 * failed; negative when DIR can't be read or holds no request. */
int ccb_golden_run(struct ccb_caller *caller, const char *dir,
                   enum ccb_golden_mode mode, struct ccb_golden_count *count,
                   struct ccb_error *err);

/* The first difference between two documents in words, "" when there is none
 * or `expected` and `found` mean the same. For tests that keep their goldens
 * elsewhere. */
void ccb_golden_compare(struct ccb_slice expected, struct ccb_slice found,
                        char *difference, size_t size);

#endif
