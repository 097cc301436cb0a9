/* Emits on and on, over the cap, and calls that a success. */
#define ZOO_NAME "emit-too-much"
#define ZOO_OWN_RECIPE
#include "zoo_base.h"

static int recipe(struct ccb_instance *self, struct ccb_call *call,
                  const struct ccb_request *request)
{
    static const char block[4096];
    int code = 0;

    (void)request;
    for (int i = 0; i < 300; i++)
        code = self->host->emit(call, block, sizeof(block));
    /* The cap holds for good, for the smallest piece, too. */
    return code == -4 && self->host->emit(call, "1", 1) == -4 ? 0 : -6;
}
