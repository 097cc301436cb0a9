/* Answers a recipe that is JSON, but whose port is 0. */
#define ZOO_NAME "bad-port"
#define ZOO_OWN_RECIPE
#include "zoo_base.h"

static int recipe(struct ccb_instance *self, struct ccb_call *call,
                  const struct ccb_request *request)
{
    (void)request;
    return self->host->emit(call,
                            RAW("{\"ports\":[0],\"rootfs\":\"nonsense\"}"));
}
