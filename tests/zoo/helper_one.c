/* One of two plugins that have a function of the same name; each must get its
 * own. */
#define ZOO_NAME "helper-one"
#define ZOO_OWN_RECIPE
#include "zoo_base.h"
#include "zoo_recipe.h"

extern CCB_EXPORT const char *zoo_helper(void);
const char *zoo_helper(void)
{
    return "{\"log_source\":\"one\",\"rootfs\":\"preloaded:own\","
           "\"action\":" ZOO_ACTION "}";
}

static int recipe(struct ccb_instance *self, struct ccb_call *call,
                  const struct ccb_request *request)
{
    struct ccb_slice text = zoo_slice(zoo_helper());

    (void)request;
    return self->host->emit(call, text.ptr, text.len);
}
