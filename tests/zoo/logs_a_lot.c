/* Writes 1000 lines in one call. */
#define ZOO_NAME "logs-a-lot"
#define ZOO_OWN_RECIPE
#include "zoo_base.h"

static int recipe(struct ccb_instance *self, struct ccb_call *call,
                  const struct ccb_request *request)
{
    (void)request;
    for (int i = 0; i < 1000; i++)
        self->host->log(call, CCB_LOG_INFO, zoo_slice("chatter"),
                        zoo_slice(""));
    return self->host->emit(call, "1", 1);
}
