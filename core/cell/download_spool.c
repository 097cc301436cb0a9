/*
 * Bytes from the loop into a file, through the thread pool: one buffer fills
 * while the other is written, so memory is bounded by two of them
 * (design.md 5).
 */
#include "cell/download_spool.h"

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#include "ccbridge/slice.h"

#define FILL_MAX (256 * 1024)
#define PIECE (64 * 1024) /* about how much comes at once */

int ccb_spool_init(struct ccb_spool *spool, uv_loop_t *loop, int fd,
                   uint64_t limit, struct ccb_error *err)
{
    memset(spool, 0, sizeof(*spool));
    spool->loop = loop;
    spool->fd = fd;
    spool->limit = limit;
    if (ccb_buf_reserve(&spool->filling, FILL_MAX + PIECE) == NULL ||
        ccb_buf_reserve(&spool->going, FILL_MAX + PIECE) == NULL) {
        ccb_spool_destroy(spool);
        return ccb_error_set(err, CCB_NO_MEMORY, "no memory for a file");
    }
    return CCB_OK;
}

int ccb_spool_hash(struct ccb_spool *spool, struct ccb_error *err)
{
    spool->md5 = EVP_MD_CTX_new();
    if (spool->md5 == NULL ||
        EVP_DigestInit_ex(spool->md5, EVP_md5(), NULL) != 1)
        return ccb_error_set(err, CCB_NO_MEMORY, "no memory for an MD5");
    return CCB_OK;
}

/* [pool] */
static void write_out(uv_work_t *work)
{
    struct ccb_spool *spool = work->data;
    const char *at = spool->going.data;
    size_t left = spool->going.len;

    if (spool->md5 != NULL && EVP_DigestUpdate(spool->md5, at, left) != 1)
        (void)ccb_error_set(&spool->job_err, CCB_FAILED, "MD5 failed");
    while (left > 0 && spool->job_err.code == 0) {
        ssize_t n = write(spool->fd, at, left);

        if (n < 0 && errno != EINTR)
            (void)ccb_error_set(&spool->job_err, CCB_IO,
                                "writing a temporary file: %s",
                                strerror(errno));
        if (n > 0) {
            at += n;
            left -= (size_t)n;
        }
    }
}

static void start_job(struct ccb_spool *spool);

static void on_written(uv_work_t *work, int status)
{
    struct ccb_spool *spool = work->data;

    spool->working = false;
    ccb_buf_reset(&spool->going);
    if (status != 0 && spool->job_err.code == 0)
        (void)ccb_error_set(&spool->job_err, CCB_FAILED, "%s",
                            uv_strerror(status));
    if (spool->err.code == 0)
        spool->err = spool->job_err;
    if (spool->filling.len > 0 && spool->err.code == 0)
        start_job(spool);
    spool->on_written(spool->ctx);
}

static void start_job(struct ccb_spool *spool)
{
    struct ccb_buf full = spool->filling;
    int code;

    spool->filling = spool->going;
    spool->going = full;
    spool->work.data = spool;
    code = uv_queue_work(spool->loop, &spool->work, write_out, on_written);
    if (code != 0)
        (void)ccb_error_set(&spool->err, CCB_FAILED, "%s", uv_strerror(code));
    spool->working = code == 0;
}

bool ccb_spool_full(const struct ccb_spool *spool)
{
    return spool->working && spool->filling.len >= FILL_MAX;
}

void ccb_spool_put(struct ccb_spool *spool, struct ccb_slice bytes)
{
    if (spool->err.code != 0)
        return;
    if (bytes.len > spool->limit - spool->bytes) {
        (void)ccb_error_set(&spool->err, CCB_TOO_LARGE,
                            "more than %" PRIu64 " bytes", spool->limit);
        return;
    }
    if (ccb_buf_put_slice(&spool->filling, bytes) != CCB_OK) {
        (void)ccb_error_set(&spool->err, CCB_NO_MEMORY, "no memory for a file");
        return;
    }
    spool->bytes += bytes.len;
    if (!spool->working && spool->filling.len > 0)
        start_job(spool);
}

int ccb_spool_md5(struct ccb_spool *spool, unsigned char sum[CCB_SPOOL_MD5],
                  struct ccb_error *err)
{
    if (EVP_DigestFinal_ex(spool->md5, sum, NULL) != 1)
        return ccb_error_set(err, CCB_FAILED, "MD5 failed");
    return CCB_OK;
}

void ccb_spool_destroy(struct ccb_spool *spool)
{
    EVP_MD_CTX_free(spool->md5);
    spool->md5 = NULL;
    ccb_buf_destroy(&spool->filling);
    ccb_buf_destroy(&spool->going);
}
