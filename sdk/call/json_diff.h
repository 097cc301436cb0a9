/*
 * The first difference between two JSON values, in words a person can act on.
 * It finds one exactly when ccb_json_equal says no.
 */
#ifndef CCB_CALL_JSON_DIFF_H
#define CCB_CALL_JSON_DIFF_H

#include <stddef.h>

#include "ccbridge/json.h"

/* "action.timeout.timeout: expected 1, found 2"; "" when they are equal. */
void json_diff(struct ccb_json expected, struct ccb_json found, char *out,
               size_t size);

#endif
