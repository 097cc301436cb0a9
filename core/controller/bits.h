/*
 * Whether a file may be the bits of an app: a zip with something in it, in
 * which no name and no link leads outside. Blocks; for the pool. No state.
 */
#ifndef CCB_CONTROLLER_BITS_H
#define CCB_CONTROLLER_BITS_H

#include "ccbridge/error.h"

/* 0; InvalidBits (fault.h) with the reason; CCB_NO_MEMORY, CCB_IO. */
int ccb_bits_check(const char *path, struct ccb_error *err);

#endif
