/* Asks for what it has been given. */
#define ZOO_NAME "asks-fact-twice"
#define ZOO_OWN_RECIPE
#include "zoo_base.h"

static int recipe(struct ccb_instance *self, struct ccb_call *call,
                  const struct ccb_request *request)
{
    (void)request;
    return self->host->need_facts(call, zoo_slice("ssh_keys"));
}
