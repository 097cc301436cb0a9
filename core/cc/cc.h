/*
 * Cloud Controller client: contract/stager.md C6, contract/tps.md 2.3. It
 * belongs to one loop.
 */
#ifndef CCB_CC_CC_H
#define CCB_CC_CC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
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
 * never from inside; on failure there is none. *call: to cancel it, until
 * on_done; NULL: not wanted. */
int ccb_cc_staging_complete(
    const struct ccb_cc_options *cc, struct ccb_slice staging_guid,
    struct ccb_slice payload, struct ccb_arena *arena,
    void (*on_done)(void *user, const struct ccb_cc_answer *answer), void *user,
    struct ccb_http_call **call, struct ccb_error *err);

/* An instance that crashed. */
struct ccb_cc_crash {
    struct ccb_slice instance;
    int64_t index;
    struct ccb_slice reason;           /* "CRASHED" */
    int64_t exit_status;               /* left out when 0 */
    struct ccb_slice exit_description; /* left out when empty */
    int64_t crash_count;
    int64_t crash_timestamp; /* ns since 1970 */
};
/* The body of the message; errors stick in `out`. */
void ccb_cc_crash_encode(struct ccb_buf *out, const struct ccb_cc_crash *crash);

/* POST /internal/apps/GUID/crashed, otherwise as ccb_cc_staging_complete. */
int ccb_cc_app_crashed(
    const struct ccb_cc_options *cc, struct ccb_slice process_guid,
    struct ccb_slice payload, struct ccb_arena *arena,
    void (*on_done)(void *user, const struct ccb_cc_answer *answer), void *user,
    struct ccb_http_call **call, struct ccb_error *err);

#endif
