/* Its log data is no JSON, its levels and words are odd. */
#define ZOO_NAME "logs-garbage"
#define ZOO_OWN_RECIPE
#include "zoo_base.h"

static int recipe(struct ccb_instance *self, struct ccb_call *call,
                  const struct ccb_request *request)
{
    (void)request;
    self->host->log(call, 99, zoo_slice("odd\nlevel"), zoo_slice("{}"));
    self->host->log(call, CCB_LOG_ERROR, zoo_slice("half"),
                    zoo_slice("{\"a\":"));
    self->host->log(call, CCB_LOG_INFO, zoo_slice("no-object"),
                    zoo_slice("[1]"));
    self->host->log(call, CCB_LOG_INFO, zoo_slice(""), zoo_slice(""));
    return self->host->emit(call, "1", 1);
}
