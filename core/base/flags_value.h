/*
 * How a flag's text becomes its value, by type, and the words of a refusal as
 * the Go of 2015 gave them. Inside base only.
 */
#ifndef CCB_BASE_FLAGS_VALUE_H
#define CCB_BASE_FLAGS_VALUE_H

#include "base/buf.h"
#include "base/flags.h"

/* The zero value, for a flag without default text. */
void ccb_flag_clear(const struct ccb_flag *flag, void *values);

/* Sets the flag in `values` from text (borrowed). On refusal CCB_INVALID and
 * the reason behind what `why` holds. */
int ccb_flag_set(const struct ccb_flag *flag, void *values, const char *text,
                 struct ccb_buf *why);

/* The text in quotes, escaped as Go's %q does. */
void ccb_flag_quote(struct ccb_buf *out, struct ccb_slice text);

/* The placeholder of a type in the usage text; "" for a boolean. */
const char *ccb_flag_placeholder(const struct ccb_flag *flag);

/* Whether the type's zero value is what the default text means. */
int ccb_flag_default_is_zero(const struct ccb_flag *flag);

#endif
