/*
 * Random bytes of the kernel's, good enough for secrets, and guids of them.
 * No state; any thread.
 */
#ifndef CCB_BASE_RANDOM_H
#define CCB_BASE_RANDOM_H

#include <stddef.h>

#include "ccbridge/error.h"

/* At most 256 bytes, which come whole. CCB_IO. */
int ccb_random_bytes(void *out, size_t len, struct ccb_error *err);

/* A random guid of version 4, with its NUL. CCB_IO. */
#define CCB_GUID_SIZE 37
int ccb_guid_make(char out[CCB_GUID_SIZE], struct ccb_error *err);

#endif
