/* Ends its process without any ado in a recipe. */
#define ZOO_NAME "bad-exit-now"
#include <unistd.h>
#define ZOO_OWN_RECIPE
#include "zoo_base.h"

static int recipe(struct ccb_instance *self, struct ccb_call *call,
                  const struct ccb_request *request)
{
    (void)self;
    (void)call;
    (void)request;
    _exit(0);
}
