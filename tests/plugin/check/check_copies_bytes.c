/* Puts bytes of the message into its result. */
#define MEMBER "copies-bytes"
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

    return code < 0 ? code
                    : c.host->emit(call, c.message.raw.ptr, c.message.raw.len);
}
