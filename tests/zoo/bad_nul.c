/* Emits a document with a NUL inside. */
#define ZOO_NAME "bad-nul"
#define ZOO_OWN_RECIPE
#include "zoo_base.h"

static int recipe(struct ccb_instance *self, struct ccb_call *call,
                  const struct ccb_request *request)
{
    (void)request;
    return self->host->emit(call, RAW("{\"log_source\":\"a\0b\"}"));
}
