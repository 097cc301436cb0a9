/*
 * One HTTP request: read off a statement, then performed.
 *
 * Invariant: it owns every text it needs, so that it may as well be performed
 * by another thread.
 */
#ifndef CCB_SCRIPT_REQUEST_H
#define CCB_SCRIPT_REQUEST_H

#include "client.h"

struct ccb_request {
    struct ccb_pool pool;
    const char *method, *url, *via;
    const char *address, *host, *target; /* out of the URL */
    struct ccb_tls_words tls;
    struct {
        const char *name, *value;
    } headers[64];
    size_t header_count;
    struct ccb_content content;
    int chunked;
    long long patience; /* milliseconds */
};

/* METHOD URL CLAUSE...; NULL with the failure set. */
struct ccb_request *ccb_request_parse(struct ccb_args *a);
void ccb_request_free(struct ccb_request *r);
/* Sends it and reads the reply, over a kept connection or (NULL) its own. */
struct ccb_reply *ccb_request_perform(const struct ccb_request *r,
                                      struct ccb_conn *conn, const char *who);

#endif
