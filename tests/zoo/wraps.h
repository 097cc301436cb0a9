/*
 * A member that wraps another lifecycle: recipe, run recipe and response are
 * what the fact ZOO_WRAPS holds, as the host gathered it.
 * Follows ccbridge/lifecycle.h, "need_facts".
 */
#ifndef ZOO_WRAPS_H
#define ZOO_WRAPS_H

#define ZOO_OWN_RECIPE
#define ZOO_OWN_LRP
#define ZOO_OWN_RESPONSE
#include "zoo_base.h"

static int wrap(struct ccb_call *call, const struct ccb_request *request)
{
    if (request->gathered.len == 0)
        return instance.host->need_facts(call, zoo_slice(ZOO_WRAPS));
    return emit_slice(call, request->gathered);
}

static int recipe(struct ccb_instance *self, struct ccb_call *call,
                  const struct ccb_request *request)
{
    (void)self;
    return wrap(call, request);
}

static int lrp(struct ccb_instance *self, struct ccb_call *call,
               const struct ccb_request *request)
{
    (void)self;
    return wrap(call, request);
}

static int response(struct ccb_instance *self, struct ccb_call *call,
                    const struct ccb_request *request)
{
    (void)self;
    return wrap(call, request);
}

#endif
