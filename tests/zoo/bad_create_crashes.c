/* Crashes in create. */
#define ZOO_NAME "bad-create-crashes"
#include <stdlib.h>
#define ZOO_OWN_CREATE
#include "zoo_base.h"

static struct ccb_instance *create(const struct ccb_host *host,
                                   struct ccb_slice config)
{
    (void)host;
    (void)config;
    abort();
}
