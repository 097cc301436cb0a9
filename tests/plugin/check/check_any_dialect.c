/* Speaks all dialects, it thinks. */
#define MEMBER "any-dialect"
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
    struct ccb_sdk_call c;
    int code = begin(&c, self, call, request);

    return code < 0 ? code : c.host->emit(call, RECIPE, sizeof(RECIPE) - 1);
}
