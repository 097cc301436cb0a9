/* Answers a run recipe with a port that is none. */
#define ZOO_NAME "bad-port"
#define ZOO_OWN_LRP
#include "zoo_base.h"
#include "zoo_recipe.h"

static int lrp(struct ccb_instance *self, struct ccb_call *call,
               const struct ccb_request *request)
{
    if (ccb_slice_is(request->guid, "ccb-first-call"))
        return self->host->fail(call, -1, zoo_slice(""),
                                zoo_slice("this is no app"));
    return self->host->emit(
        call, RAW(ZOO_RECIPE("\"instances\":1,\"ports\":[70000],")));
}
