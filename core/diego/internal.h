/* The inside of a back end: a table of functions and its state behind it. */
#ifndef CCB_DIEGO_INTERNAL_H
#define CCB_DIEGO_INTERNAL_H

#include "diego/diego.h"

struct ccb_diego_backend {
    const char *dialect;
    int (*call)(struct ccb_diego *diego,
                const struct ccb_diego_call_options *options,
                struct ccb_error *err);
    int (*subscribe)(struct ccb_diego *diego,
                     const struct ccb_diego_subscribe_options *options,
                     struct ccb_diego_subscription **out,
                     struct ccb_error *err);
    void (*close)(struct ccb_diego *diego);
};

/* The first member of every back end. */
struct ccb_diego {
    const struct ccb_diego_backend *backend;
};

/* The event stream of a Receptor at `url` (receptor_events.c). */
int ccb_receptor_subscribe(struct ccb_http_client *client, const char *url,
                           const struct ccb_diego_subscribe_options *options,
                           struct ccb_diego_subscription **out,
                           struct ccb_error *err);

#endif
