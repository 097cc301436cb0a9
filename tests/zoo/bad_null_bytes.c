/* Emits bytes from nowhere, with a length. */
#define ZOO_NAME "bad-null-bytes"
#define ZOO_OWN_RECIPE
#include "zoo_base.h"

static int recipe(struct ccb_instance *self, struct ccb_call *call,
                  const struct ccb_request *request)
{
    (void)request;
    return self->host->emit(call, NULL, 64);
}
