/* Its recipe has a member of the host's. */
#define MEMBER "bad-recipe"
#include "ccbridge/lifecycle.h"
static int build_recipe(struct ccb_instance *self, struct ccb_call *call,
                        const struct ccb_request *request);
#define OWN_RECIPE
#include "member.h"

static int build_recipe(struct ccb_instance *self, struct ccb_call *call,
                        const struct ccb_request *request)
{
    struct ccb_sdk_call c;
    int code = begin(&c, self, call, request);

    return code < 0 ? code : c.host->emit(call, "{\"domain\":\"x\"}", 14);
}
