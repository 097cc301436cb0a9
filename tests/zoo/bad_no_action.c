/* Answers a recipe that has all but an action. */
#define ZOO_NAME "bad-no-action"
#define ZOO_OWN_RECIPE
#include "zoo_base.h"

static int recipe(struct ccb_instance *self, struct ccb_call *call,
                  const struct ccb_request *request)
{
    (void)request;
    return self->host->emit(call, RAW("{\"rootfs\":\"preloaded:own\"}"));
}
