/*
 * The POST of an upload, up to three times (contract/actions.md 3.3): the body
 * is read from the file in the pool, a block at a time; the call pauses
 * meanwhile.
 *
 * Invariant: the state SEND is left only when neither the call nor a job is
 * under way.
 */
#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#include "base/mem.h"
#include "cell/upload_internal.h"

#define BLOCK (256 * 1024)

void ccb_upload_hang_up(struct ccb_upload *u)
{
    if (u->call != NULL)
        ccb_http_cancel(u->call);
    u->call = NULL;
}

/* ---- the body ----------------------------------------------------------- */

/* [pool] job.code: how many bytes were read. */
static void run_read(uv_work_t *work)
{
    struct ccb_upload *u = work->data;
    ssize_t len;

    do
        len = pread(u->file, u->block, BLOCK, (off_t)u->at);
    while (len < 0 && errno == EINTR);
    u->job.code = (int)len;
    if (len <= 0)
        u->job.code = CCB_IO;
}

static int64_t on_read(void *user, char *bytes, size_t size)
{
    struct ccb_upload *u = user;
    size_t left = u->len - u->used;

    if (u->job.working)
        return CCB_HTTP_PAUSE;
    if (left == 0 && u->job.code < 0)
        return u->job.code;
    if (left == 0 && u->at == u->size)
        return 0;
    if (left == 0) {
        u->waiting = true;
        ccb_transfer_run(&u->job, run_read);
        return CCB_HTTP_PAUSE;
    }
    if (size > left)
        size = left;
    memcpy(bytes, u->block + u->used, size);
    u->used += size;
    return (int64_t)size;
}

static void take_block(struct ccb_upload *u)
{
    if (!u->waiting || u->job.working)
        return;
    u->waiting = false;
    u->used = 0;
    u->len = u->job.code > 0 ? (size_t)u->job.code : 0;
    u->at += u->len;
    ccb_http_call_resume(u->call);
}

/* ---- the answer --------------------------------------------------------- */

static int on_body(void *user, struct ccb_slice piece)
{
    (void)user;
    (void)piece; /* nobody reads it */
    return CCB_OK;
}

static void on_answer(void *user, const struct ccb_http_answer *answer)
{
    struct ccb_upload *u = user;

    u->call = NULL;
    u->cause.code = 0;
    if (answer->code != 0)
        (void)ccb_error_set(&u->cause, answer->code, "%s", answer->error);
    else if (answer->status >= 400)
        (void)ccb_error_set(&u->cause, CCB_FAILED,
                            "Upload failed: Status code %d", answer->status);
    ccb_upload_step(u);
}

/* ---- the request -------------------------------------------------------- */

static int send_request(struct ccb_upload *u)
{
    struct ccb_http_header headers[] = {
        {CCB_LIT("Content-Type"), CCB_LIT("application/octet-stream")},
        {CCB_LIT("Content-MD5"), ccb_slice_of(u->md5)},
        {CCB_LIT("Connection"), CCB_LIT("close")},
    };
    struct ccb_http_call_options options = {
        .method = "POST",
        .url = ccb_slice_of(u->to),
        .headers = headers,
        .header_count = sizeof(headers) / sizeof(headers[0]),
        .skip_cert_verify = u->owner->options.skip_cert_verify,
        .use_proxy = true,
        .no_repeat = true,
        .connect_timeout = CCB_TRANSFER_CONNECT,
        .timeout = CCB_TRANSFER_WHOLE,
        .upload_length = (int64_t)u->size,
        .on_read = on_read,
        .on_body = on_body,
        .on_done = on_answer,
        .user = u,
    };

    if (u->block == NULL)
        u->block = ccb_malloc(BLOCK);
    if (u->block == NULL)
        return ccb_error_set(&u->cause, CCB_NO_MEMORY,
                             "no memory for an upload");
    return ccb_http_send(u->owner->options.client, &options, &u->call,
                         &u->cause);
}

void ccb_upload_send(struct ccb_upload *u)
{
    u->state = CCB_UPLOAD_SEND;
    u->attempts++;
    u->cause.code = 0;
    u->len = u->used = 0;
    u->at = 0;
    u->waiting = false;
    u->job.code = 0;
    if (send_request(u) != CCB_OK)
        ccb_upload_step(u);
}

/* ---- what came of it ---------------------------------------------------- */

void ccb_upload_in_send(struct ccb_upload *u)
{
    if (u->call != NULL) {
        take_block(u);
        return;
    }
    if (u->job.working)
        return;
    if (u->cancelled) {
        ccb_upload_end(u, CCB_CANCELLED, "cancelled", false);
    } else if (u->cause.code == 0) {
        ccb_upload_end(u, CCB_OK, NULL, false);
    } else if (u->attempts < CCB_TRANSFER_ATTEMPTS) {
        ccb_upload_tell(u, CCB_LEVEL_INFO, "upload-attempt-failed");
        ccb_upload_send(u);
    } else {
        ccb_upload_tell(u, CCB_LEVEL_ERROR, "upload-failed");
        ccb_upload_end(u, u->cause.code, u->cause.message, false);
    }
}
