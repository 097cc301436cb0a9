/* Takes scratch memory until there is none. */
#define ZOO_NAME "eats-scratch"
#define ZOO_OWN_RECIPE
#include "zoo_base.h"

static int recipe(struct ccb_instance *self, struct ccb_call *call,
                  const struct ccb_request *request)
{
    int blocks = 0;

    (void)request;
    while (blocks < 1000 && self->host->alloc(call, 1 << 20))
        blocks++;
    return blocks < 1000 ? -7 : self->host->emit(call, "1", 1);
}
