/* Its result is no JSON. */
#define ZOO_NAME "emit-garbage"
#define ZOO_OWN_RECIPE
#include "zoo_base.h"

static int recipe(struct ccb_instance *self, struct ccb_call *call,
                  const struct ccb_request *request)
{
    (void)request;
    return self->host->emit(call, RAW("{\"half\":"));
}
