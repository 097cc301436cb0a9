/*
 * CC's bulk API: what apps there should be, in pages, and the desire requests
 * of those asked for (contract/nsync.md 2.4). Answers stream: memory holds one
 * element at a time. It belongs to one loop.
 *
 * An answer counts only when it came whole with status 200; on_done says so.
 * Elements are handed on as they come, so whoever acts on them waits for
 * on_done.
 */
#ifndef CCB_CC_BULK_H
#define CCB_CC_BULK_H

#include "cc/cc.h"
#include "ccbridge/json.h"

struct ccb_cc_bulk_options {
    const struct ccb_cc_options *cc;
    int64_t timeout;         /* ns, of the whole exchange */
    struct ccb_arena *arena; /* for the request; a page's token lies there */
    void *user;
};

struct ccb_cc_page {
    int code;          /* 0: the page is whole */
    const char *error; /* words, when code != 0; borrowed until return */
    int status;        /* 0: there was no answer */
    size_t count;      /* elements */
    /* Exact JSON text; empty: the page has none, or null. */
    struct ccb_slice token;
};

/* GET /internal/bulk/apps?batch_size=N&format=fingerprint&token=T. `token` is
 * JSON text, "{}" for the first page. on_fingerprint: both borrowed until
 * return; negative gives the page up with that code. on_done once, from the
 * loop, never from inside; *call is good until then. */
int ccb_cc_fingerprints(const struct ccb_cc_bulk_options *options,
                        uint64_t batch_size, struct ccb_slice token,
                        int (*on_fingerprint)(void *user,
                                              struct ccb_slice process_guid,
                                              struct ccb_slice etag),
                        void (*on_done)(void *user,
                                        const struct ccb_cc_page *page),
                        struct ccb_http_call **call, struct ccb_error *err);

/* POST /internal/bulk/apps with `guids`, a JSON array of process guids,
 * borrowed until on_done. on_app: one desire request (contract/nsync.md 1.2),
 * unchecked but for being JSON, borrowed until return. */
int ccb_cc_apps(const struct ccb_cc_bulk_options *options,
                struct ccb_slice guids,
                int (*on_app)(void *user, struct ccb_json app),
                void (*on_done)(void *user, const struct ccb_cc_page *page),
                struct ccb_http_call **call, struct ccb_error *err);

#endif
