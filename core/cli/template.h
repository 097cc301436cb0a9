/* A folder of text files, copied with the marks in them replaced. */
#ifndef CCB_CLI_TEMPLATE_H
#define CCB_CLI_TEMPLATE_H

#include "base/buf.h"

/* "@NAME@" becomes "jar". */
struct ccb_cli_mark {
    const char *mark, *value;
};
struct ccb_cli_marks {
    const struct ccb_cli_mark *items;
    size_t count;
};

/* Copies all below `from` into the directory `to`, which is there already;
 * folders in it may be, files may not. A file that may be run stays so.
 * CCB_IO, CCB_NO_MEMORY or CCB_TOO_LARGE, naming the file; what was written by
 * then stays. */
int ccb_cli_template_copy(const char *from, const char *to,
                          const struct ccb_cli_marks *marks,
                          struct ccb_error *err);

/* One text, appended to `out`; its failure is that of the buffer. */
void ccb_cli_template_fill(struct ccb_buf *out, struct ccb_slice text,
                           const struct ccb_cli_marks *marks);

/* The folder of templates, installed or of a build tree, beside the running
 * program; into `out` of PATH_MAX. CCB_NOT_FOUND, naming where it was looked
 * for. */
int ccb_cli_template_find(char *out, struct ccb_error *err);

#endif
