/* Whole numbers in text. No state. */
#ifndef CCB_BASE_NUMBER_H
#define CCB_BASE_NUMBER_H

#include <stdint.h>

#include "ccbridge/slice.h"

/* As Go's Atoi: an optional sign and decimal digits, nothing else. 0;
 * CCB_INVALID for what is no number, CCB_TOO_LARGE for one that 64 bits do not
 * hold: *out is left alone. */
int ccb_number_parse(struct ccb_slice text, int64_t *out);

#endif
