/* Passes calls on to the back end behind the interface. */
#include "diego/internal.h"

void ccb_diego_close(struct ccb_diego *diego)
{
    if (diego)
        diego->backend->close(diego);
}

struct ccb_slice ccb_diego_dialect(const struct ccb_diego *diego)
{
    return ccb_slice_of(diego->backend->dialect);
}

int ccb_diego_call(struct ccb_diego *diego,
                   const struct ccb_diego_call_options *options,
                   struct ccb_error *err)
{
    return diego->backend->call(diego, options, err);
}

int ccb_diego_list_lrps(struct ccb_diego *diego,
                        const struct ccb_diego_list_options *options,
                        struct ccb_http_call **call, struct ccb_error *err)
{
    return diego->backend->list(diego, options, call, err);
}

int ccb_diego_subscribe(struct ccb_diego *diego,
                        const struct ccb_diego_subscribe_options *options,
                        struct ccb_diego_subscription **out,
                        struct ccb_error *err)
{
    return diego->backend->subscribe(diego, options, out, err);
}
