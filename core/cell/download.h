/*
 * Downloads into containers through the cell's cache (contract/actions.md 3.2,
 * 4): at most so many at once, revalidated on every use, three attempts, the
 * archive (tgz, zip, POSIX tar, by content) unpacked as a user.
 *
 * Hashing, unzipping and files are the thread pool's work, never the loop's;
 * memory follows what is in flight. Threads: the loop's.
 */
#ifndef CCB_CELL_DOWNLOAD_H
#define CCB_CELL_DOWNLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "cell/container.h"
#include "net/http_client.h"

#define CCB_TRANSFERS_AT_ONCE 5
#define CCB_CACHE_BYTES (10ULL * 1024 * 1024 * 1024)

struct ccb_downloads;

struct ccb_downloads_options {
    struct ccb_loop *loop;
    struct ccb_http_client *client;
    const char *directory; /* of the cache: made, or emptied, at open */
    uint64_t cache_bytes;  /* of unpacked tars; 0: CCB_CACHE_BYTES */
    size_t at_once;        /* 0: CCB_TRANSFERS_AT_ONCE */
    bool skip_cert_verify;
    int64_t stall_timeout;       /* ns; 0: 5 s */
    struct ccb_log_session *log; /* borrowed; where causes are told */
};
int ccb_downloads_open(struct ccb_downloads **out,
                       const struct ccb_downloads_options *options,
                       struct ccb_error *err);
/* Cancels what is under way at once (the client is not used after this
 * returns); frees and calls on_closed from the loop when all is quiet. */
void ccb_downloads_close(struct ccb_downloads *downloads,
                         void (*on_closed)(void *user), void *user);

struct ccb_download;
struct ccb_download_options {
    struct ccb_container *container; /* destroyed only after on_done */
    struct ccb_slice from, to, user, cache_key; /* copied */
    /* It has its slot and begins; may be NULL. */
    void (*on_started)(void *ctx);
    /* err NULL: all is in place, `bytes` were transferred (0: the cache was
     * good). Else CCB_CANCELLED "cancelled", or the text for people of the
     * contract; its cause is in the log. The handle is gone. From the loop,
     * never from inside start or cancel. */
    void (*on_done)(void *ctx, const struct ccb_error *err, uint64_t bytes);
    void *ctx;
};
int ccb_download_start(struct ccb_download **out,
                       struct ccb_downloads *downloads,
                       const struct ccb_download_options *options,
                       struct ccb_error *err);
void ccb_download_cancel(struct ccb_download *download);

#endif
