/* Kills its own process in a recipe. */
#define ZOO_NAME "bad-kill"
#include <signal.h>
#define ZOO_OWN_RECIPE
#include "zoo_base.h"

static int recipe(struct ccb_instance *self, struct ccb_call *call,
                  const struct ccb_request *request)
{
    (void)self;
    (void)call;
    (void)request;
    raise(SIGKILL);
    return -6;
}
