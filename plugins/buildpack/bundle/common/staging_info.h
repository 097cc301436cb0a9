/*
 * staging_info.yml: what the builder leaves in the droplet for the launcher
 * (contract/lifecycle-buildpack.md A9, A10).
 */
#ifndef BUNDLE_STAGING_INFO_H
#define BUNDLE_STAGING_INFO_H

#include "base/buf.h"
#include "failure.h"

/* The start command in the text of a staging_info.yml, in the arena; empty
 * when it names none. CCB_INVALID for no or bad YAML, or fields that are not
 * text; the words then tell what is wrong. */
int ccb_staging_info_parse(struct ccb_slice text, struct ccb_slice *command,
                           struct ccb_failure *failure);

/* Appends the file's two fields as the original wrote them, byte for byte. */
void ccb_staging_info_format(struct ccb_buf *out, struct ccb_slice detected,
                             struct ccb_slice command);

/* Appends one value in the original's form, with all of its line's end. */
void ccb_yaml_put_text(struct ccb_buf *out, struct ccb_slice text);

#endif
