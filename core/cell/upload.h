/*
 * Uploads out of containers (contract/actions.md 3.3): one file, POSTed raw
 * with its length and MD5, three attempts, at most so many at once.
 *
 * The file goes through an unlinked one of ours, for its MD5 must be known
 * first. Threads: the loop's.
 */
#ifndef CCB_CELL_UPLOAD_H
#define CCB_CELL_UPLOAD_H

#include "cell/download.h"

struct ccb_uploads;

struct ccb_uploads_options {
    struct ccb_loop *loop;
    struct ccb_http_client *client;
    const char *directory; /* for temporary files; exists */
    size_t at_once;        /* 0: CCB_TRANSFERS_AT_ONCE */
    bool skip_cert_verify;
    struct ccb_log_session *log;
};
int ccb_uploads_open(struct ccb_uploads **out,
                     const struct ccb_uploads_options *options,
                     struct ccb_error *err);
/* As ccb_downloads_close. */
void ccb_uploads_close(struct ccb_uploads *uploads,
                       void (*on_closed)(void *user), void *user);

struct ccb_upload;
struct ccb_upload_options {
    struct ccb_container *container; /* destroyed only after on_done */
    struct ccb_slice from, to, user; /* copied */
    void (*on_started)(void *ctx);   /* as a download's */
    /* `emittable`: the error's text is for people (contract/actions.md 3). */
    void (*on_done)(void *ctx, const struct ccb_error *err, bool emittable,
                    uint64_t bytes);
    void *ctx;
};
int ccb_upload_start(struct ccb_upload **out, struct ccb_uploads *uploads,
                     const struct ccb_upload_options *options,
                     struct ccb_error *err);
void ccb_upload_cancel(struct ccb_upload *upload);

#endif
