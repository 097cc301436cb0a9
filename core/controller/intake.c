/*
 * A request's body into a temporary file (internal.h): pieces are gathered on
 * the loop, written and digested on the pool, one write at a time; the socket
 * is held when the disk is slower.
 *
 * Invariant: what is given to on_done is whole, digested and on the disk; the
 * temporary file is gone when the errand ends, unless it was renamed.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controller/digest.h"
#include "controller/internal.h"
#include "controller/multipart.h"

#define HELD (512 * 1024) /* more than that waits in the socket */

struct ccb_intake {
    struct ccb_errand *errand;
    struct ccb_intake_options options;
    struct ccb_multipart multipart;
    struct ccb_digester digester;
    struct ccb_digests digests;
    uv_work_t work;
    int fd;
    char path[PATH_MAX + 32];
    struct ccb_buf filling, writing;
    bool busy, paused, ended, stopped, whole;
    struct ccb_error err; /* why it stopped; of the work while it is busy */
};

static void pump(struct ccb_intake *in);

/* ---- the end ------------------------------------------------------------ */

static void release(struct ccb_intake *in)
{
    ccb_digester_destroy(&in->digester);
    ccb_buf_destroy(&in->filling);
    ccb_buf_destroy(&in->writing);
    if (in->fd >= 0)
        (void)close(in->fd);
    in->fd = -1;
}

static void dispose(struct ccb_errand *errand)
{
    struct ccb_intake *in = errand->intake;

    release(in);
    if (in->path[0])
        (void)unlink(in->path); /* gone already when it was adopted */
}

static void fail(struct ccb_intake *in)
{
    ccb_errand_fail(in->errand, &in->err);
}

static void stop(struct ccb_intake *in, const struct ccb_error *err)
{
    if (in->stopped)
        return;
    in->stopped = true;
    if (err != &in->err)
        in->err = *err;
    if (!in->busy)
        fail(in);
}

/* ---- on the pool -------------------------------------------------------- */

static int system_fails(struct ccb_error *err, const char *path)
{
    if (errno == ENOSPC || errno == EDQUOT)
        return ccb_fault(err, "DiskFull",
                         "there is no room left for the upload in %s", path);
    return ccb_fault(err, "ServerError", "%s: %s", path, strerror(errno));
}

static int write_all(struct ccb_intake *in, struct ccb_error *err)
{
    struct ccb_slice rest = ccb_buf_slice(&in->writing);
    int code = ccb_digester_add(&in->digester, rest.ptr, rest.len, err);

    while (code == 0 && rest.len > 0) {
        ssize_t n = write(in->fd, rest.ptr, rest.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return system_fails(err, in->path);
        rest.ptr += n;
        rest.len -= (size_t)n;
    }
    return code;
}

static void on_write(uv_work_t *work)
{
    struct ccb_intake *in = work->data;
    struct ccb_error err = {0};
    int code;

    if (in->writing.len > 0) {
        code = write_all(in, &err);
    } else {
        code = fsync(in->fd) < 0 ? system_fails(&err, in->path) : 0;
        if (code == 0)
            code = ccb_digester_end(&in->digester, &in->digests, &err);
        in->whole = code == 0;
    }
    if (code < 0 && !in->stopped)
        in->err = err;
}

static void on_written(uv_work_t *work, int status)
{
    struct ccb_intake *in = work->data;

    (void)status;
    in->busy = false;
    ccb_buf_reset(&in->writing);
    if (in->stopped) {
        fail(in);
        return;
    }
    if (in->err.code < 0) {
        stop(in, &in->err);
        return;
    }
    if (in->whole) {
        in->options.on_done(in->errand, in->path, &in->digests);
        return;
    }
    if (in->paused && in->filling.len < HELD) {
        in->paused = false;
        ccb_http_resume(in->errand->request);
    }
    pump(in);
}

static void pump(struct ccb_intake *in)
{
    struct ccb_buf swapped = in->writing;

    if (in->busy || in->stopped || (in->filling.len == 0 && !in->ended))
        return;
    in->writing = in->filling;
    in->filling = swapped;
    in->busy = true;
    in->work.data = in;
    (void)uv_queue_work(&in->errand->controller->worker->loop->uv, &in->work,
                        on_write, on_written);
}

/* ---- on the loop -------------------------------------------------------- */

static void keep(void *user, struct ccb_slice piece)
{
    struct ccb_intake *in = user;

    ccb_buf_put_slice(&in->filling, piece);
}

static void on_body(struct ccb_http_request *request, struct ccb_slice piece,
                    void *user)
{
    struct ccb_intake *in = user;
    struct ccb_error err;
    int code = 0;

    if (in->stopped)
        return;
    if (in->options.multipart)
        code = ccb_multipart_push(&in->multipart, piece, &err);
    else
        keep(in, piece);
    if (code < 0)
        ccb_fault(&err, "StagingError", "%s", err.message);
    if (in->filling.failed)
        code = ccb_error_set(&err, CCB_NO_MEMORY, "out of memory");
    if (code < 0) {
        stop(in, &err);
        return;
    }
    if (in->filling.len >= HELD && in->busy && !in->paused) {
        in->paused = true;
        ccb_http_pause(request);
    }
    pump(in);
}

static void on_end(struct ccb_http_request *request, void *user)
{
    struct ccb_intake *in = user;
    struct ccb_error err;

    (void)request;
    if (in->stopped)
        return;
    in->ended = true;
    if (in->options.multipart && ccb_multipart_end(&in->multipart, &err) < 0) {
        ccb_fault(&err, "StagingError", "%s", err.message);
        stop(in, &err);
        return;
    }
    pump(in);
}

static void on_abort(struct ccb_http_request *request, void *user)
{
    struct ccb_intake *in = user;
    struct ccb_error err;

    (void)request;
    ccb_fault(&err, "InvalidRequest", "the upload broke off");
    if (!in->ended) /* afterwards it is whole, and goes its way */
        stop(in, &err);
}

/* ---- start -------------------------------------------------------------- */

static int open_file(struct ccb_intake *in, struct ccb_error *err)
{
    const char *dir = in->errand->controller->shared->dir;

    (void)snprintf(in->path, sizeof(in->path), "%s/blobs/tmp-XXXXXX", dir);
    in->fd = mkostemp(in->path, O_CLOEXEC);
    if (in->fd >= 0)
        return 0;
    in->path[0] = '\0';
    return system_fails(err, dir);
}

static int prepare(struct ccb_intake *in, struct ccb_error *err)
{
    struct ccb_http_request *request = in->errand->request;
    int code = open_file(in, err);

    if (code == 0)
        code = ccb_digester_init(&in->digester, err);
    if (code < 0 || !in->options.multipart)
        return code;
    code = ccb_multipart_init(&in->multipart,
                              ccb_http_request_header(request, "Content-Type"),
                              keep, in, err);
    return code < 0 ? ccb_fault(err, "StagingError", "%s", err->message) : 0;
}

void ccb_intake_start(const struct ccb_intake_options *options)
{
    struct ccb_errand *errand = options->errand;
    struct ccb_intake *in = ccb_arena_alloc(errand->arena, sizeof(*in));
    struct ccb_http_body_reader reader = {on_body, on_end, in};
    struct ccb_error err;

    if (!in) {
        ccb_error_set(&err, CCB_NO_MEMORY, "out of memory");
        ccb_errand_fail(errand, &err);
        return;
    }
    in->errand = errand;
    in->options = *options;
    in->fd = -1;
    errand->intake = in;
    errand->dispose = dispose;
    if (prepare(in, &err) < 0) {
        ccb_errand_fail(errand, &err);
        return;
    }
    ccb_http_on_abort(errand->request, on_abort, in);
    ccb_http_read_body(errand->request, &reader);
}
