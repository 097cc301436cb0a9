/*
 * A file out of a container into an unlinked one of ours, with its MD5
 * (contract/actions.md 3.3): its length and sum must be known before it is
 * sent, and another attempt must find it unchanged.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cell/upload_internal.h"

static const struct ccb_slice establish =
    CCB_LIT("Failed to establish stream from container");
static const struct ccb_slice copying =
    CCB_LIT("Failed to copy stream contents into temp file");

static void fail(struct ccb_upload *u, const char *words)
{
    ccb_upload_tell(u, CCB_LEVEL_ERROR, "upload-failed");
    ccb_upload_end(u, CCB_FAILED, words, true);
}

/* NULL, or the words of what could not be made. */
static const char *open_file(struct ccb_upload *u)
{
    char path[4096];
    int len =
        snprintf(path, sizeof(path), "%s/upload-XXXXXX", u->owner->directory);
    int number = ENAMETOOLONG;

    if (len < (int)sizeof(path)) {
        u->file = mkostemp(path, O_CLOEXEC);
        number = errno;
    }
    if (u->file >= 0) {
        (void)unlink(path);
        return NULL;
    }
    (void)ccb_error_set(&u->cause, CCB_IO, "%.200s: %s", path,
                        strerror(number));
    return number == ENOENT || number == ENOTDIR ? "Failed to create temp dir"
                                                 : "Failed to create temp file";
}

/* ---- the file comes ----------------------------------------------------- */

void ccb_upload_cancel_read(struct ccb_upload *u)
{
    if (u->fetch == NULL || u->fetch_cancelled)
        return;
    u->fetch_cancelled = true;
    ccb_fetch_cancel(u->fetch);
}

static void on_size(void *ctx, uint64_t size)
{
    struct ccb_upload *u = ctx;

    u->sized = true;
    u->size = size;
}

static void on_data(void *ctx, struct ccb_slice bytes)
{
    struct ccb_upload *u = ctx;

    ccb_spool_put(&u->spool, bytes);
    if (u->spool.err.code != 0) {
        ccb_upload_cancel_read(u);
    } else if (!u->paused && ccb_spool_full(&u->spool)) {
        u->paused = true;
        ccb_fetch_pause(u->fetch);
    }
}

static void on_fetched(void *ctx, const struct ccb_error *err)
{
    struct ccb_upload *u = ctx;

    u->fetch = NULL;
    if (err != NULL)
        u->cause = *err;
    ccb_upload_step(u);
}

static void on_written(void *ctx)
{
    struct ccb_upload *u = ctx;

    if (u->spool.err.code != 0)
        ccb_upload_cancel_read(u);
    if (u->fetch != NULL && u->paused && !u->fetch_cancelled) {
        u->paused = false;
        ccb_fetch_resume(u->fetch);
    }
    ccb_upload_step(u);
}

void ccb_upload_read(struct ccb_upload *u)
{
    struct ccb_fetch_sink sink = {on_size, on_data, on_fetched, u};
    const char *words = open_file(u);
    int code;

    u->state = CCB_UPLOAD_READ;
    if (words != NULL) {
        fail(u, words);
        return;
    }
    code = ccb_spool_init(&u->spool, &u->owner->options.loop->uv, u->file,
                          CCB_UPLOAD_BYTES_MAX, &u->cause);
    u->spool.on_written = on_written;
    u->spool.ctx = u;
    if (code == CCB_OK)
        code = ccb_spool_hash(&u->spool, &u->cause);
    if (code != CCB_OK) {
        ccb_spool_destroy(&u->spool);
        fail(u, copying.ptr);
        return;
    }
    if (ccb_container_fetch(&u->fetch, u->container, u->from, u->user, &sink,
                            &u->cause) != CCB_OK) {
        ccb_spool_destroy(&u->spool);
        fail(u, establish.ptr);
    }
}

/* ---- what came of it ---------------------------------------------------- */

/* 0, or `cause` says why not. */
static int finish_file(struct ccb_upload *u)
{
    unsigned char sum[CCB_SPOOL_MD5];

    if (u->spool.err.code != 0)
        u->cause = u->spool.err;
    else if (u->cause.code == 0 &&
             ccb_spool_md5(&u->spool, sum, &u->cause) == CCB_OK)
        (void)EVP_EncodeBlock((unsigned char *)u->md5, sum, sizeof(sum));
    return u->cause.code;
}

void ccb_upload_in_read(struct ccb_upload *u)
{
    int code;

    if (u->fetch != NULL || u->spool.working)
        return;
    code = finish_file(u);
    ccb_spool_destroy(&u->spool);
    if (u->cancelled)
        ccb_upload_end(u, CCB_CANCELLED, "cancelled", false);
    else if (code != CCB_OK)
        fail(u, u->sized ? copying.ptr : establish.ptr);
    else
        ccb_upload_send(u);
}
