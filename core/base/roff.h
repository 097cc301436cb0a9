/*
 * Text in a manual page's source (man(7)): what would be taken for an order or
 * for something else than it is, is escaped. Errors stick in `out`.
 */
#ifndef CCB_BASE_ROFF_H
#define CCB_BASE_ROFF_H

#include "base/buf.h"

void ccb_roff_put(struct ccb_buf *out, const char *text);
/* With its end of line. */
void ccb_roff_put_line(struct ccb_buf *out, const char *text);

#endif
