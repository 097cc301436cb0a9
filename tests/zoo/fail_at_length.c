/* Gives 100 kB of reasons and an id that is none. */
#define ZOO_NAME "fail-at-length"
#define ZOO_OWN_RECIPE
#include "zoo_base.h"

static int recipe(struct ccb_instance *self, struct ccb_call *call,
                  const struct ccb_request *request)
{
    enum { LEN = 100000 };
    char *text = self->host->alloc(call, LEN);

    (void)request;
    if (!text)
        return -7;
    for (int i = 0; i + 1 < LEN; i += 2) { /* U+00E9, two bytes */
        text[i + 1] = (char)0xc3;
        text[i] = i ? (char)0xa9 : '!';
    }
    return self->host->fail(call, -1, zoo_slice("not an id!"),
                            ccb_slice_make(text, LEN));
}
