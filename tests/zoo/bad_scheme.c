/* Answers a recipe whose root file system is no URL. */
#define ZOO_NAME "bad-scheme"
#define ZOO_OWN_RECIPE
#include "zoo_base.h"
#include "zoo_recipe.h"

static int recipe(struct ccb_instance *self, struct ccb_call *call,
                  const struct ccb_request *request)
{
    (void)request;
    return self->host->emit(
        call, RAW("{\"rootfs\":\"cflinuxfs2\",\"action\":" ZOO_ACTION "}"));
}
