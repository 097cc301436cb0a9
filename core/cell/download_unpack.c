/*
 * The tar into the container (contract/actions.md 3.2): read in the pool,
 * written by the loop, a block at a time, so that the disk waits for the
 * container and not the loop for the disk.
 *
 * Invariant: at most one of the two is under way, and the state is left only
 * when the unpacking has ended and no job is in the pool.
 */
#include <errno.h>
#include <unistd.h>

#include "base/mem.h"
#include "cell/download_internal.h"

#define BLOCK (256 * 1024)

/* [pool] job.code: how many bytes were read. */
static void run_read(uv_work_t *work)
{
    struct ccb_download *d = work->data;
    int fd = d->not_modified ? d->cached : d->tar.fd;
    ssize_t len;

    ccb_cache_discard(ccb_cache_directory(d->owner->cache), d->gone);
    d->gone = NULL;
    do
        len = pread(fd, d->block, BLOCK, (off_t)d->at);
    while (len < 0 && errno == EINTR);
    d->job.code = (int)len;
    if (len < 0)
        d->job.code =
            ccb_error_set(&d->job_err, CCB_IO,
                          "reading the unpacked archive: %s", strerror(errno));
}

void ccb_download_cancel_unpack(struct ccb_download *d)
{
    if (d->unpack == NULL || d->unpack_cancelled)
        return;
    d->unpack_cancelled = true;
    ccb_unpack_cancel(d->unpack);
}

static void on_written(void *ctx)
{
    struct ccb_download *d = ctx;

    d->writing = false;
    d->at += (uint64_t)d->job.code;
    if (!d->unpack_cancelled)
        ccb_download_job(d, run_read);
}

static void on_unpacked(void *ctx, const struct ccb_error *err)
{
    struct ccb_download *d = ctx;

    d->unpack = NULL;
    d->unpack_failed = err != NULL;
    if (err != NULL)
        d->unpack_err = *err;
    ccb_download_step(d);
}

/* Hands on the block that was read. */
static void hand_on(struct ccb_download *d)
{
    if (d->job.code < 0) {
        ccb_download_blame(d, &d->job_err);
        ccb_download_cancel_unpack(d);
        return;
    }
    if (d->job.code == 0) {
        d->sent_all = true;
        ccb_unpack_end(d->unpack);
        return;
    }
    d->writing = true;
    if (ccb_unpack_write(d->unpack,
                         ccb_slice_make(d->block, (size_t)d->job.code),
                         on_written) != CCB_OK) {
        d->writing = false;
        d->sent_all = true; /* it takes no more; its end is near */
    }
}

static void judge(struct ccb_download *d)
{
    if (!d->unpack_failed) {
        ccb_download_end(d, CCB_OK, NULL);
        return;
    }
    if (d->cancelled) {
        ccb_download_end(d, CCB_CANCELLED, "cancelled");
        return;
    }
    ccb_download_blame(d, &d->unpack_err);
    ccb_download_tell(d, CCB_LEVEL_ERROR, "unpack-failed", &d->cause);
    ccb_download_end(d, CCB_FAILED, "Copying into the container failed");
}

void ccb_download_in_unpack(struct ccb_download *d)
{
    if (d->job.working)
        return;
    if (d->unpack == NULL)
        judge(d);
    else if (!d->unpack_cancelled && !d->writing && !d->sent_all)
        hand_on(d);
}

void ccb_download_unpack(struct ccb_download *d)
{
    ccb_download_unlock(d); /* the file is in hand */
    d->state = CCB_DOWNLOAD_UNPACK;
    d->block = ccb_malloc(BLOCK);
    if (d->block == NULL)
        (void)ccb_error_set(&d->unpack_err, CCB_NO_MEMORY,
                            "no memory to unpack");
    if (d->block == NULL ||
        ccb_container_unpack(&d->unpack, d->container, d->to, d->user,
                             on_unpacked, d, &d->unpack_err) != CCB_OK) {
        d->unpack_failed = true;
        judge(d);
        return;
    }
    ccb_download_job(d, run_read);
}
