/*
 * A file that grows while bytes come in on the loop: they are gathered in
 * memory, a bounded amount, and written and hashed in the thread pool.
 *
 * Invariant: at most one job is in the pool, and while it is (`working`) the
 * spool must not be destroyed. The first failure sticks. Threads: the loop's.
 */
#ifndef CCB_CELL_DOWNLOAD_SPOOL_H
#define CCB_CELL_DOWNLOAD_SPOOL_H

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/buf.h"
#include "ccbridge/error.h"

#define CCB_SPOOL_MD5 16

struct ccb_spool {
    uv_loop_t *loop;
    int fd;                        /* borrowed */
    EVP_MD_CTX *md5;               /* NULL: nothing is hashed */
    uint64_t limit, bytes;         /* accepted so far, at most `limit` */
    struct ccb_buf filling, going; /* going: what the job has */
    uv_work_t work;
    bool working;
    struct ccb_error job_err; /* the job's own */
    struct ccb_error err;     /* code 0: all went well so far */
    /* A job is done: there is room again, and when none is `working` all that
     * came is written, or `err` says why not. From the loop. */
    void (*on_written)(void *ctx);
    void *ctx;
};

int ccb_spool_init(struct ccb_spool *spool, uv_loop_t *loop, int fd,
                   uint64_t limit, struct ccb_error *err);
/* Before the first byte. */
int ccb_spool_hash(struct ccb_spool *spool, struct ccb_error *err);
/* Bring nothing more now: on_written will come. */
bool ccb_spool_full(const struct ccb_spool *spool);
/* Copies. What comes after a failure is dropped. */
void ccb_spool_put(struct ccb_spool *spool, struct ccb_slice bytes);
/* Of all of it, when it is written. */
int ccb_spool_md5(struct ccb_spool *spool, unsigned char sum[CCB_SPOOL_MD5],
                  struct ccb_error *err);
void ccb_spool_destroy(struct ccb_spool *spool); /* not while working */

#endif
