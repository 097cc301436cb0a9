/*
 * Paths as text, in the way of the historic programs: cleaned by rule, without
 * a look at the file system (contract/lifecycle-buildpack.md A3, A10). All
 * results are NUL-terminated in the arena; NULL: no memory.
 */
#ifndef BUNDLE_PATH_H
#define BUNDLE_PATH_H

#include "base/arena.h"

/* The shortest equal path: no "." and "//", ".." taken back where it can be,
 * no slash at the end; "." for nothing. */
char *ccb_path_clean(struct ccb_arena *arena, const char *path);

/* "A/B", cleaned; an empty part is left out. */
char *ccb_path_join(struct ccb_arena *arena, const char *a, const char *b);

/* All but the last element, cleaned. */
char *ccb_path_parent(struct ccb_arena *arena, const char *path);

/* Cleaned, and behind the working directory when it is relative. The working
 * directory's name is $PWD while that is true, so that links stay as they were
 * typed. NULL with errno ENOMEM, or why there is no working directory. */
char *ccb_path_absolute(struct ccb_arena *arena, const char *path);

#endif
