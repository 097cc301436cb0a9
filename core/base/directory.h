/* Making directories. No state; any thread, but it may wait for the disk. */
#ifndef CCB_BASE_DIRECTORY_H
#define CCB_BASE_DIRECTORY_H

#include "ccbridge/error.h"

/* The directory and those above it that are missing, mode 0700; one that is
 * there is fine. CCB_IO, naming the first that can't be made; CCB_TOO_LARGE
 * for a path that the system does not take. */
int ccb_directory_make(const char *path, struct ccb_error *err);

#endif
