/*
 * Whole small files and directories on the way to them. Failures read as those
 * of the historic programs: "open PATH: permission denied".
 */
#ifndef BUNDLE_FILE_H
#define BUNDLE_FILE_H

#include "base/buf.h"
#include "failure.h"

/* Appends the file's bytes. CCB_NOT_FOUND, CCB_IO, CCB_TOO_LARGE past the
 * buffer's `max`, CCB_NO_MEMORY. */
int ccb_file_read(const char *path, struct ccb_buf *out,
                  struct ccb_failure *failure);

/* Makes or empties the file (0666 less the umask) and writes it whole. */
int ccb_file_write(const char *path, struct ccb_slice text,
                   struct ccb_failure *failure);

/* The directory with all above it, 0755 less the umask; it may be there. */
int ccb_file_mkdir_all(const char *path, struct ccb_failure *failure);

/* Whether anything is there, behind links. */
int ccb_file_exists(const char *path);

/* The program's path by $PATH: a file with an execute bit. CCB_NOT_FOUND. */
int ccb_file_find_program(const char *name, const char **path,
                          struct ccb_failure *failure);

#endif
