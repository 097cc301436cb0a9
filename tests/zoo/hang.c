/* Goes on until it is cancelled. */
#define ZOO_NAME "hang"
#include <sched.h>
#define ZOO_OWN_RECIPE
#include "zoo_base.h"

static int recipe(struct ccb_instance *self, struct ccb_call *call,
                  const struct ccb_request *request)
{
    (void)request;
    while (!self->host->cancelled(call))
        sched_yield();
    return -5;
}
