/* Ends its process in good order in a recipe. */
#define ZOO_NAME "bad-exit"
#include <stdlib.h>
#define ZOO_OWN_RECIPE
#include "zoo_base.h"

static int recipe(struct ccb_instance *self, struct ccb_call *call,
                  const struct ccb_request *request)
{
    (void)self;
    (void)call;
    (void)request;
    exit(0);
}
