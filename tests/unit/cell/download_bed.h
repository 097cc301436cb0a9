/* Downloads in tests: opened, started, awaited. */
#ifndef CCB_TESTS_DOWNLOAD_BED_H
#define CCB_TESTS_DOWNLOAD_BED_H

#include "transfer_bed.h"

struct down {
    struct ccb_download *handle;
    int started, done, failed;
    struct ccb_error err; /* "" when it went well */
    uint64_t bytes;
};

static inline void downs_open(struct ccb_downloads_options options)
{
    struct ccb_error err = {0};

    options.loop = &tb.bed->loop;
    options.client = tb.client;
    options.directory = tb.cache;
    options.log = &tb.log;
    if (ccb_downloads_open(&tb.downloads, &options, &err) != CCB_OK)
        fail_msg("%s", err.message);
}

static inline void downs_close(void)
{
    int closed = 0;

    ccb_downloads_close(tb.downloads, on_bed_part_closed, &closed);
    assert_false(closed);
    bed_wait(tb.bed, &closed);
    tb.downloads = NULL;
    peer_drop();
}

static inline void on_down_started(void *ctx)
{
    ((struct down *)ctx)->started = 1;
}

static inline void on_down_done(void *ctx, const struct ccb_error *err,
                                uint64_t bytes)
{
    struct down *down = ctx;

    assert_false(down->done);
    down->done = 1;
    down->bytes = bytes;
    down->failed = err != NULL;
    if (err != NULL)
        down->err = *err;
}

static inline int down_try(struct down *down, const char *from, const char *key,
                           const char *to, struct ccb_error *err)
{
    struct ccb_download_options options = {
        .container = tb.box.container,
        .from = from[0] == '/' && from[1] != '/' ? peer_url(from)
                                                 : ccb_slice_of(from),
        .to = ccb_slice_of(to),
        .user = ccb_slice_of("vcap"),
        .cache_key = ccb_slice_of(key),
        .on_started = on_down_started,
        .on_done = on_down_done,
        .ctx = down};

    memset(down, 0, sizeof(*down));
    return ccb_download_start(&down->handle, tb.downloads, &options, err);
}

static inline void down_start(struct down *down, const char *from,
                              const char *key, const char *to)
{
    struct ccb_error err = {0};

    if (down_try(down, from, key, to, &err) != CCB_OK)
        fail_msg("%s", err.message);
    assert_false(down->started || down->done);
}

/* To its end. */
static inline void down_run(struct down *down, const char *from,
                            const char *key, const char *to)
{
    down_start(down, from, key, to);
    bed_wait(tb.bed, &down->done);
}

static inline void down_ok(const char *key, const char *to, uint64_t bytes)
{
    struct down down;

    down_run(&down, "/file", key, to);
    if (down.failed)
        fail_msg("%s", down.err.message);
    assert_true(down.started);
    assert_int_equal(down.bytes, bytes);
}

static inline void down_fails(const char *from, const char *key,
                              const char *words)
{
    struct down down;

    down_run(&down, from, key, "/tmp/never");
    assert_true(down.failed);
    assert_int_equal(down.err.code, CCB_FAILED);
    assert_string_equal(down.err.message, words);
}

#endif
