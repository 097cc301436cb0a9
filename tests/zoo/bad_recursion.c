/* Calls itself in a recipe until the stack is gone. */
#define ZOO_NAME "bad-recursion"
#define ZOO_OWN_RECIPE
#include "zoo_base.h"

static int deeper(volatile int depth)
{
    volatile char frame[4096];

    frame[0] = (char)depth;
    return depth > 0 ? deeper(depth + 1) + frame[0] : 0;
}

static int recipe(struct ccb_instance *self, struct ccb_call *call,
                  const struct ccb_request *request)
{
    (void)self;
    (void)call;
    (void)request;
    return deeper(1) ? -6 : 0;
}
