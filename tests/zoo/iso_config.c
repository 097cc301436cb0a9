/* Answers every recipe with the config that it was created with. */
#define ZOO_NAME "iso-config"
#include <string.h>
#define ZOO_OWN_CREATE
#define ZOO_OWN_RECIPE
#include "zoo_base.h"

static char kept[256];

static struct ccb_instance *create(const struct ccb_host *host,
                                   struct ccb_slice config)
{
    instance.host = host;
    if (config.len && config.len < sizeof(kept))
        memcpy(kept, config.ptr, config.len);
    return &instance;
}

static int recipe(struct ccb_instance *self, struct ccb_call *call,
                  const struct ccb_request *request)
{
    (void)request;
    return self->host->emit(call, kept, strlen(kept));
}
