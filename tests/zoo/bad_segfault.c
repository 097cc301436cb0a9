/* Writes through a null pointer in a recipe. */
#define ZOO_NAME "bad-segfault"
#define ZOO_OWN_RECIPE
#include "zoo_base.h"

static int recipe(struct ccb_instance *self, struct ccb_call *call,
                  const struct ccb_request *request)
{
    volatile int *nowhere = NULL;

    (void)self;
    (void)call;
    (void)request;
    *nowhere = 1;
    return -6;
}
