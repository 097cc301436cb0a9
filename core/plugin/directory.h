/*
 * The plugin files of a directory, in the order of their names.
 */
#ifndef CCB_PLUGIN_DIRECTORY_H
#define CCB_PLUGIN_DIRECTORY_H

#include "plugin/refusal.h"

struct ccb_plugins_file; /* registry.h */

/* Calls on_file for each "*.so" (not hidden) in byte order of the names; a
 * negative return ends it with that code. CCB_IO when the directory can't be
 * read, or others may write in it (image.h); CCB_TOO_LARGE over 1024 files;
 * CCB_NO_MEMORY. */
int ccb_plugin_directory_each(const char *path,
                              int (*on_file)(void *user,
                                             const struct ccb_plugins_file *),
                              void *user, struct ccb_error *err);

#endif
