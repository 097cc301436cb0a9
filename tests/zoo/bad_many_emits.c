/* Emits one byte after another, whatever emit says. */
#define ZOO_NAME "bad-many-emits"
#define ZOO_OWN_RECIPE
#include "zoo_base.h"

static int recipe(struct ccb_instance *self, struct ccb_call *call,
                  const struct ccb_request *request)
{
    (void)request;
    while (!self->host->cancelled(call))
        self->host->emit(call, "[", 1);
    return -5;
}
