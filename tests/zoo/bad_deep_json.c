/* Emits a document of a hundred thousand levels. */
#define ZOO_NAME "bad-deep-json"
#define ZOO_OWN_RECIPE
#include "zoo_base.h"

static int recipe(struct ccb_instance *self, struct ccb_call *call,
                  const struct ccb_request *request)
{
    (void)request;
    for (int i = 0; i < 100000; i++)
        self->host->emit(call, "[", 1);
    for (int i = 0; i < 100000; i++)
        self->host->emit(call, "]", 1);
    return 0;
}
