/* In good order, with a desired LRP that a back end would take. */
#define ZOO_NAME "runs"
#define ZOO_OWN_LRP
#include "zoo_base.h"

static int lrp(struct ccb_instance *self, struct ccb_call *call,
               const struct ccb_request *request)
{
    (void)request;
    return self->host->emit(
        call,
        RAW("{\"rootfs\":\"preloaded:own\",\"instances\":1,\"memory_mb\":64,"
            "\"disk_mb\":64,\"cpu_weight\":1,\"privileged\":false,"
            "\"start_timeout\":0,\"ports\":[8],\"log_guid\":\"\","
            "\"log_source\":\"\",\"metrics_guid\":\"\",\"routes\":{},"
            "\"action\":{\"run\":{\"path\":\"/own\",\"user\":\"own\","
            "\"resource_limits\":{}}}}"));
}
