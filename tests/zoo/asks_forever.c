/* Asks for another fact each time it is called. */
#define ZOO_NAME "asks-forever"
#define ZOO_OWN_RECIPE
#include "zoo_base.h"

static int recipe(struct ccb_instance *self, struct ccb_call *call,
                  const struct ccb_request *request)
{
    static const char *const names[] = {"f1", "f2", "f3", "f4", "f5"};
    size_t have = 0;

    for (size_t i = 0; i < request->gathered.len; i++)
        have += request->gathered.ptr[i] == ':';
    return self->host->need_facts(call, zoo_slice(names[have % 5]));
}
