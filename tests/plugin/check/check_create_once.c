/* Has one instance only. */
#define MEMBER "create-once"
#include "ccbridge/sdk.h"
#include <stddef.h>
static struct ccb_instance *only;
static struct ccb_instance *create(const struct ccb_host *host,
                                   struct ccb_slice config)
{
    if (only)
        return NULL;
    only = ccb_sdk_create(host, config);
    return only;
}
static void destroy(struct ccb_instance *self)
{
    (void)self;
    only = NULL;
}
#define CREATE create
#define DESTROY destroy
#include "member.h"
