/* Emits a string that is no UTF-8. */
#define ZOO_NAME "bad-utf8"
#define ZOO_OWN_RECIPE
#include "zoo_base.h"

static int recipe(struct ccb_instance *self, struct ccb_call *call,
                  const struct ccb_request *request)
{
    (void)request;
    return self->host->emit(call, RAW("{\"log_source\":\"\xff\xfe\"}"));
}
