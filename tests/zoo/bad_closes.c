/* Closes every descriptor from 3 on in a recipe. */
#define ZOO_NAME "bad-closes"
#include <unistd.h>
#define ZOO_OWN_RECIPE
#include "zoo_base.h"

static int recipe(struct ccb_instance *self, struct ccb_call *call,
                  const struct ccb_request *request)
{
    (void)self;
    (void)call;
    (void)request;
    for (int fd = 3; fd < 64; fd++)
        close(fd);
    return -6;
}
