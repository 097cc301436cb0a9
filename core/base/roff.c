/* Escapes text for manual pages: roff.h. */
#include "base/roff.h"

/* A dash or backslash would be taken for something else, and so would a dot or
 * quote at a line's beginning. */
void ccb_roff_put(struct ccb_buf *out, const char *text)
{
    if (*text == '.' || *text == '\'')
        ccb_buf_put(out, "\\&");
    for (; *text; text++) {
        if (*text == '-')
            ccb_buf_put(out, "\\-");
        else if (*text == '\\')
            ccb_buf_put(out, "\\e");
        else
            ccb_buf_putc(out, *text);
    }
}

void ccb_roff_put_line(struct ccb_buf *out, const char *text)
{
    ccb_roff_put(out, text);
    ccb_buf_putc(out, '\n');
}
