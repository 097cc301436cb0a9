/* Unpacking and reading in tests: whole, to their end. */
#ifndef CCB_TESTS_CONTAINER_FILES_H
#define CCB_TESTS_CONTAINER_FILES_H

#include "container_bed.h"

struct transfer {
    struct ccb_unpack *unpack;
    struct ccb_fetch *fetch;
    int written, done;
    size_t chunks;
    struct ccb_error err; /* "" when it went well */
    uint64_t size;
    int sized;
    struct ccb_buf data;
};

static inline void on_transfer_written(void *ctx)
{
    ((struct transfer *)ctx)->written = 1;
}

static inline void on_transfer_done(void *ctx, const struct ccb_error *err)
{
    struct transfer *transfer = ctx;

    transfer->done = 1;
    if (err != NULL)
        transfer->err = *err;
}

/* Pushes a stream in pieces, each when the one before is gone. */
static inline void unpack_whole(struct transfer *transfer, struct box *box,
                                const char *dir, const char *user,
                                struct ccb_slice tar, size_t piece)
{
    struct ccb_error err = {0};

    memset(transfer, 0, sizeof(*transfer));
    if (ccb_container_unpack(&transfer->unpack, box->container, dir, user,
                             on_transfer_done, transfer, &err) != CCB_OK)
        fail_msg("%s", err.message);
    while (tar.len > 0 && !transfer->done) {
        size_t len = tar.len < piece ? tar.len : piece;

        transfer->written = 0;
        assert_int_equal(ccb_unpack_write(transfer->unpack,
                                          ccb_slice_make(tar.ptr, len),
                                          on_transfer_written),
                         CCB_OK);
        bed_wait(box->bed, &transfer->written);
        tar.ptr += len;
        tar.len -= len;
    }
    if (!transfer->done)
        ccb_unpack_end(transfer->unpack);
    bed_wait(box->bed, &transfer->done);
}

static inline void on_fetch_size(void *ctx, uint64_t size)
{
    struct transfer *transfer = ctx;

    assert_false(transfer->sized);
    transfer->sized = 1;
    transfer->size = size;
}

static inline void on_fetch_data(void *ctx, struct ccb_slice bytes)
{
    struct transfer *transfer = ctx;

    assert_true(transfer->sized);
    (void)ccb_buf_put_slice(&transfer->data, bytes);
}

static inline void fetch_start(struct transfer *transfer, struct box *box,
                               const char *path, const char *user)
{
    struct ccb_fetch_sink sink = {on_fetch_size, on_fetch_data,
                                  on_transfer_done, transfer};
    struct ccb_error err = {0};

    memset(transfer, 0, sizeof(*transfer));
    if (ccb_container_fetch(&transfer->fetch, box->container, path, user, &sink,
                            &err) != CCB_OK)
        fail_msg("%s", err.message);
}

static inline void fetch_whole(struct transfer *transfer, struct box *box,
                               const char *path, const char *user)
{
    fetch_start(transfer, box, path, user);
    bed_wait(box->bed, &transfer->done);
}

#endif
