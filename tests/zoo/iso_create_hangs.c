/* Never comes back from create. */
#define ZOO_NAME "iso-create-hangs"
#include <sched.h>
#define ZOO_OWN_CREATE
#include "zoo_base.h"

static struct ccb_instance *create(const struct ccb_host *host,
                                   struct ccb_slice config)
{
    (void)host;
    (void)config;
    while (sched_yield() == 0)
        continue;
    return NULL;
}
