/* Crashes on one input only: a guid that starts with poison. */
#define ZOO_NAME "bad-poison"
#include <stdlib.h>
#define ZOO_OWN_RECIPE
#include "zoo_base.h"

static int recipe(struct ccb_instance *self, struct ccb_call *call,
                  const struct ccb_request *request)
{
    if (ccb_slice_starts(request->guid, "poison"))
        abort();
    return self->host->fail(call, -1, zoo_slice("StagingError"),
                            zoo_slice("no poison today"));
}
