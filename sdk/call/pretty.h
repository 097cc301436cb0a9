/* A JSON value as people like to read and compare it. */
#ifndef CCB_CALL_PRETTY_H
#define CCB_CALL_PRETTY_H

#include <stdio.h>

#include "ccbridge/json.h"

/* Two spaces a level, one member or element a line, a newline at the end; the
 * order and the text of keys, strings and numbers stay. */
void ccb_pretty_print(FILE *out, struct ccb_json value);

#endif
