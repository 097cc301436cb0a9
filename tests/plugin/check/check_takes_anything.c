/* Answers what it did not read. */
#define MEMBER "takes-anything"
#include "ccbridge/lifecycle.h"
static int build_recipe(struct ccb_instance *self, struct ccb_call *call,
                        const struct ccb_request *request);
#define RECIPE                                                                 \
    "{\"action\":{\"run\":{\"path\":\"/"                                       \
    "a\",\"user\":\"b\"}},\"rootfs\":\"preloaded:c\"}"
#define OWN_RECIPE
#include "member.h"

static int build_recipe(struct ccb_instance *self, struct ccb_call *call,
                        const struct ccb_request *request)
{
    (void)request;
    return ccb_sdk_host(self)->emit(call, RECIPE, sizeof(RECIPE) - 1);
}
