/* Leaves 16 MiB behind with each call, and answers well. */
#define ZOO_NAME "leaks-memory"
#include <stdlib.h>
#define ZOO_OWN_RECIPE
#include "zoo_base.h"
#include "zoo_recipe.h"

static char *volatile leak;

static int recipe(struct ccb_instance *self, struct ccb_call *call,
                  const struct ccb_request *request)
{
    (void)request;
    leak = malloc(16 << 20);
    if (!leak)
        return self->host->fail(call, -7, zoo_slice(""),
                                zoo_slice("no memory is left"));
    memset(leak, 1, 16 << 20);
    return self->host->emit(call, RAW(ZOO_RECIPE("")));
}
