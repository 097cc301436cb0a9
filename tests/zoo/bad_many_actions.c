/* Answers a recipe of 10,000 actions. */
#define ZOO_NAME "bad-many-actions"
#define ZOO_OWN_RECIPE
#include "zoo_base.h"
#include "zoo_recipe.h"

static int recipe(struct ccb_instance *self, struct ccb_call *call,
                  const struct ccb_request *request)
{
    (void)request;
    self->host->emit(call, RAW("{\"rootfs\":\"preloaded:own\",\"action\":"
                               "{\"serial\":{\"actions\":["));
    for (int i = 0; i < 9999; i++)
        self->host->emit(call, RAW(ZOO_ACTION ","));
    return self->host->emit(call, RAW(ZOO_ACTION "]}}}"));
}
