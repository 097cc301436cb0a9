/*
 * Downloads and uploads as steps: contract/actions.md 3.2, 3.3.
 *
 * Invariant: the step ends when the transfer has told its end, never before,
 * so nothing of it touches the container afterwards. Only transfers with an
 * artifact's name are spoken of in the log.
 */
#include <stdio.h>

#include "cell/step_internal.h"

struct transfer {
    struct ccb_step_node node;
    struct ccb_download *download;
    struct ccb_upload *upload;
};

void ccb_step_format_size(uint64_t bytes, char *out, size_t size)
{
    static const char units[] = "BKMGT";
    double value = (double)bytes;
    size_t unit = 0, len;

    while (value >= 1024 && units[unit + 1] != '\0') {
        value /= 1024;
        unit++;
    }
    if (bytes == 0) {
        (void)snprintf(out, size, "0");
        return;
    }
    (void)snprintf(out, size, "%.1f", value);
    len = strlen(out);
    if (len > 2 && out[len - 1] == '0') /* "1.0" is "1" */
        len -= 2;
    (void)snprintf(out + len, size - len, "%c", units[unit]);
}

static void say(struct ccb_step_node *node, const char *before,
                const char *after)
{
    if (node->action->artifact.len == 0)
        return;
    ccb_log_lines_say(node->lines, CCB_STREAM_OUT, before);
    ccb_log_lines_put(node->lines, CCB_STREAM_OUT, node->action->artifact);
    ccb_log_lines_say(node->lines, CCB_STREAM_OUT, after);
}

static void say_size(struct ccb_step_node *node, const char *before,
                     uint64_t bytes)
{
    char size[32], after[48];

    ccb_step_format_size(bytes, size, sizeof(size));
    (void)snprintf(after, sizeof(after), " (%s)\n", size);
    say(node, before, after);
}

static bool was_cancelled(const struct ccb_step_node *node,
                          const struct ccb_error *err)
{
    return node->cancelled || err->code == CCB_CANCELLED;
}

/* ---- download ----------------------------------------------------------- */

static void on_download_started(void *ctx)
{
    say(ctx, "Downloading ", "...\n");
}

static void on_downloaded(void *ctx, const struct ccb_error *err,
                          uint64_t bytes)
{
    struct ccb_step_node *node = ctx;

    ((struct transfer *)node)->download = NULL;
    if (err == NULL) {
        if (bytes == 0) /* the cache was good */
            say(node, "Downloaded ", "\n");
        else
            say_size(node, "Downloaded ", bytes);
        ccb_step_succeed(node);
    } else if (was_cancelled(node, err)) {
        ccb_step_fail(node, ccb_step_cancelled);
    } else {
        ccb_step_fail_with(node, true, "%s", err->message);
    }
}

static void download_start(struct ccb_step_node *node)
{
    struct transfer *transfer = (struct transfer *)node;
    const struct ccb_action *action = node->action;
    struct ccb_download_options options = {.container =
                                               node->tree->options.container,
                                           .from = action->from,
                                           .to = action->to,
                                           .user = action->user,
                                           .cache_key = action->cache_key,
                                           .on_started = on_download_started,
                                           .on_done = on_downloaded,
                                           .ctx = node};
    struct ccb_error err = {0};

    if (node->cancelled)
        ccb_step_fail(node, ccb_step_cancelled);
    else if (ccb_download_start(&transfer->download,
                                node->tree->options.cell->downloads, &options,
                                &err) != 0)
        on_downloaded(node, &err, 0);
}

static void on_download_cancel(struct ccb_step_node *node)
{
    struct transfer *transfer = (struct transfer *)node;

    if (transfer->download != NULL)
        ccb_download_cancel(transfer->download);
}

const struct ccb_step_kind ccb_step_download = {
    .size = sizeof(struct transfer),
    .start = download_start,
    .on_cancel = on_download_cancel,
};

/* ---- upload ------------------------------------------------------------- */

static void on_upload_started(void *ctx)
{
    say(ctx, "Uploading ", "...\n");
}

/* Of a URL that can't be read nothing is said at all: it may hold secrets. */
static void upload_failed(struct ccb_step_node *node,
                          const struct ccb_error *err, bool emittable)
{
    struct ccb_step_error error = {
        .failed = true, .emittable = emittable, .secret = !emittable};

    if (!emittable && err->code != CCB_INVALID)
        say(node, "Failed to upload ", "\n");
    (void)ccb_buf_put(&error.text, err->message);
    ccb_step_end_as(node, &error);
}

static void on_uploaded(void *ctx, const struct ccb_error *err, bool emittable,
                        uint64_t bytes)
{
    struct ccb_step_node *node = ctx;

    ((struct transfer *)node)->upload = NULL;
    if (err == NULL) {
        say_size(node, "Uploaded ", bytes);
        ccb_step_succeed(node);
    } else if (was_cancelled(node, err)) {
        ccb_step_fail(node, ccb_step_cancelled);
    } else {
        upload_failed(node, err, emittable);
    }
}

static void upload_start(struct ccb_step_node *node)
{
    struct transfer *transfer = (struct transfer *)node;
    const struct ccb_action *action = node->action;
    struct ccb_upload_options options = {.container =
                                             node->tree->options.container,
                                         .from = action->from,
                                         .to = action->to,
                                         .user = action->user,
                                         .on_started = on_upload_started,
                                         .on_done = on_uploaded,
                                         .ctx = node};
    struct ccb_error err = {0};

    if (node->cancelled)
        ccb_step_fail(node, ccb_step_cancelled);
    else if (ccb_upload_start(&transfer->upload,
                              node->tree->options.cell->uploads, &options,
                              &err) != 0)
        on_uploaded(node, &err, false, 0);
}

static void on_upload_cancel(struct ccb_step_node *node)
{
    struct transfer *transfer = (struct transfer *)node;

    if (transfer->upload != NULL)
        ccb_upload_cancel(transfer->upload);
}

const struct ccb_step_kind ccb_step_upload = {
    .size = sizeof(struct transfer),
    .start = upload_start,
    .on_cancel = on_upload_cancel,
};
