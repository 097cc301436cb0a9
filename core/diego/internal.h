/* The inside of a back end: a table of functions and its state behind it. */
#ifndef CCB_DIEGO_INTERNAL_H
#define CCB_DIEGO_INTERNAL_H

#include "base/clock.h"
#include "diego/diego.h"

struct ccb_diego_backend {
    const char *dialect;
    int (*call)(struct ccb_diego *diego,
                const struct ccb_diego_call_options *options,
                struct ccb_error *err);
    int (*list)(struct ccb_diego *diego,
                const struct ccb_diego_list_options *options,
                struct ccb_http_call **call, struct ccb_error *err);
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

/* ---- the Receptor ------------------------------------------------------- */

#define CCB_RECEPTOR_CONNECT_TIMEOUT (5 * CCB_SECOND)

/* What the media type of an answer says. */
bool ccb_receptor_is_json(const struct ccb_http_answer *from);
/* Judges an answer in the order of contract/stager.md B1. True: it is a good
 * one and holds a document. Otherwise `out` is all there is to say: success, or
 * an error whose text lies in `arena` or in the answer. */
bool ccb_receptor_judge(const struct ccb_http_answer *from,
                        struct ccb_arena *arena, struct ccb_diego_answer *out);
void ccb_receptor_fail(struct ccb_diego_answer *out, const char *name,
                       struct ccb_slice message);

/* Desired LRPs of a Receptor at `url` (receptor_list.c). */
int ccb_receptor_list(struct ccb_http_client *client, const char *url,
                      int64_t timeout,
                      const struct ccb_diego_list_options *options,
                      struct ccb_http_call **call, struct ccb_error *err);

/* The event stream of a Receptor at `url` (receptor_events.c). */
int ccb_receptor_subscribe(struct ccb_http_client *client, const char *url,
                           const struct ccb_diego_subscribe_options *options,
                           struct ccb_diego_subscription **out,
                           struct ccb_error *err);

#endif
