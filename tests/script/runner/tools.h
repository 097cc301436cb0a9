/*
 * The statements about the script itself: variables, files, certificates,
 * skipping (docs/testing.md).
 */
#ifndef CCB_SCRIPT_TOOLS_H
#define CCB_SCRIPT_TOOLS_H

#include "run.h"

int ccb_tools_set(struct ccb_ctx *ctx, const struct ccb_stmt *s);
int ccb_tools_default(struct ccb_ctx *ctx, const struct ccb_stmt *s);
int ccb_tools_skip(struct ccb_ctx *ctx, const struct ccb_stmt *s);
int ccb_tools_deadline(struct ccb_ctx *ctx, const struct ccb_stmt *s);
int ccb_tools_say(struct ccb_ctx *ctx, const struct ccb_stmt *s);
int ccb_tools_check(struct ccb_ctx *ctx, const struct ccb_stmt *s);
int ccb_tools_write(struct ccb_ctx *ctx, const struct ccb_stmt *s);
int ccb_tools_remove(struct ccb_ctx *ctx, const struct ccb_stmt *s);
int ccb_tools_certificate(struct ccb_ctx *ctx, const struct ccb_stmt *s);
/* expect file PATH [absent | CLAUSE...] */
int ccb_tools_expect_file(struct ccb_args *a);

#endif
