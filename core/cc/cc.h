/*
 * Cloud Controller client: contract/stager.md C6. It belongs to one loop.
 */
#ifndef CCB_CC_CC_H
#define CCB_CC_CC_H

#include <stdbool.h>

#include "base/arena.h"
#include "ccbridge/error.h"
#include "net/http_client.h"

/* Borrowed for the client's life. */
struct ccb_cc_options {
    struct ccb_http_client *client;
    struct ccb_slice base_url;           /* not checked before it is used */
    struct ccb_slice username, password; /* sent even when empty */
    bool skip_cert_verify;
};

struct ccb_cc_answer {
    int status;        /* of the answer; 0: there was none, `error` says why */
    const char *error; /* words; NULL when the status is 200 */
};

/* POST /internal/staging/GUID/completed with `payload`, borrowed until
 * on_done. 5 s for the whole exchange. on_done comes once, from the loop,
 * never from inside; on failure there is none. */
int ccb_cc_staging_complete(const struct ccb_cc_options *cc,
                            struct ccb_slice staging_guid,
                            struct ccb_slice payload, struct ccb_arena *arena,
                            void (*on_done)(void *user,
                                            const struct ccb_cc_answer *answer),
                            void *user, struct ccb_error *err);

#endif
