/*
 * The log sink: lines in, and the one writer
 * (contract/actions.md 2; the header says what is promised).
 *
 * A line is encoded at once into what waits of its stream; whatever waits, of
 * all streams, is the next batch of the writer in the pool, of which there is
 * one at a time: so each stream has two buffers, one that fills and one that
 * is written. Both are bounded; what does not fit is counted, and the count
 * becomes a line where the dropped ones would stand.
 *
 * Invariant: a stream in the batch is touched by the pool only in `place`,
 * `landed` and `error`, and these by the loop only outside of it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cell/logs_internal.h"

#define NOTE_MAX 160

static void start_batch(struct ccb_logs *logs);

/* ---- lines in ------------------------------------------------------------ */

void ccb_log_message_encode(struct ccb_buf *out,
                            const struct ccb_log_message *message)
{
    struct ccb_json_writer w;
    char index[24];

    (void)snprintf(index, sizeof(index), "%" PRId64, message->index);
    ccb_json_writer_init(&w, ccb_buf_sink, out);
    ccb_json_begin_object(&w);
    ccb_json_member_int(&w, "timestamp",
                        message->time != 0 ? message->time : ccb_clock_wall());
    ccb_json_member_string(&w, "source_type",
                           message->source.len > 0 ? message->source
                                                   : ccb_slice_of("LOG"));
    ccb_json_member_cstr(&w, "source_instance", index);
    ccb_json_member_cstr(&w, "message_type",
                         message->stream == CCB_STREAM_ERR ? "ERR" : "OUT");
    ccb_json_member_string(&w, "message", message->text);
    ccb_json_end_object(&w);
    (void)ccb_json_writer_end(&w);
    (void)ccb_buf_putc(out, '\n');
}

/* Puts one line behind what waits. False: there is no room or no memory, and
 * nothing was put. */
static bool put_line(struct ccb_logs *logs, struct ccb_log_stream *stream,
                     const struct ccb_log_message *message, bool bounded)
{
    struct ccb_buf *buf = &stream->waiting;
    size_t before = buf->len, len;

    if (bounded &&
        (before >= CCB_LOG_BOUND || logs->waiting_bytes >= CCB_LOG_BOUND_ALL))
        return false;
    ccb_log_message_encode(buf, message);
    len = buf->len - before;
    if (buf->failed || len > CCB_LOG_LINE_MAX || len > logs->segment / 2) {
        buf->len = before;
        buf->failed = 0;
        return false;
    }
    logs->waiting_bytes += len;
    stream->lines_in++;
    stream->waiting_lines++;
    return true;
}

/* Says how many lines are not there, where they would be. */
static bool put_note(struct ccb_logs *logs, struct ccb_log_stream *stream,
                     bool bounded)
{
    char text[NOTE_MAX];
    struct ccb_log_message note = {.stream = CCB_STREAM_ERR};

    if (stream->dropped == 0)
        return true;
    (void)snprintf(text, sizeof(text), "%" PRIu64 " log lines were dropped: %s",
                   stream->dropped,
                   stream->dropped_why != 0
                       ? strerror(stream->dropped_why)
                       : "they came faster than they could be kept");
    note.text = ccb_slice_of(text);
    if (!put_line(logs, stream, &note, bounded))
        return false;
    stream->dropped = 0;
    stream->dropped_why = 0;
    return true;
}

/* Longer texts go on in further lines, cut between characters where there are
 * such. */
static size_t piece_of(struct ccb_slice text)
{
    size_t len = CCB_LOG_MESSAGE_MAX;

    if (text.len <= len)
        return text.len;
    while (len > CCB_LOG_MESSAGE_MAX - 4 &&
           ((unsigned char)text.ptr[len] & 0xc0) == 0x80)
        len--;
    return len;
}

void ccb_logs_write(struct ccb_logs *logs,
                    const struct ccb_log_message *message)
{
    struct ccb_log_message piece = *message;
    struct ccb_slice rest = message->text;
    struct ccb_log_stream *stream;

    if (message->guid.len == 0 || logs->closing)
        return;
    stream = ccb_log_stream_find(logs, message->guid, true);
    if (stream == NULL)
        return; /* no memory even for a place to say so */
    do {
        piece.text = ccb_slice_make(rest.ptr, piece_of(rest));
        if (!put_note(logs, stream, true) ||
            !put_line(logs, stream, &piece, true))
            stream->dropped++;
        rest.ptr += piece.text.len;
        rest.len -= piece.text.len;
    } while (rest.len > 0);
    ccb_log_stream_queue(logs, stream);
}

/* ---- the writer ---------------------------------------------------------- */

void ccb_log_stream_queue(struct ccb_logs *logs, struct ccb_log_stream *stream)
{
    if (!stream->queued) {
        stream->queued = true;
        if (!stream->in_batch) {
            stream->next = NULL;
            *logs->queue_end = stream;
            logs->queue_end = &stream->next;
        } /* else on_after puts it into the queue: `next` is the batch's */
    }
    if (!logs->writing)
        start_batch(logs);
}

/* [pool] */
static void on_work(uv_work_t *work)
{
    struct ccb_logs *logs = work->data;

    for (struct ccb_log_stream *s = logs->batch; s != NULL; s = s->next) {
        struct ccb_log_files files = {logs->dir, s->name};

        if (s->doomed) {
            ccb_log_files_remove(&files);
            continue;
        }
        if (!s->known)
            ccb_log_files_load(&files, &s->place);
        s->landed = ccb_log_files_append(
            &files, ccb_slice_make(s->guid, s->guid_len), logs->segment,
            &s->place, ccb_buf_slice(&s->writing), &s->error);
    }
}

/* What could not be written is told before what came after it. */
static void after_failure(struct ccb_logs *logs, struct ccb_log_stream *stream)
{
    struct ccb_buf later = stream->waiting;
    uint64_t dropped = stream->dropped;

    stream->dropped = stream->writing_lines - stream->landed;
    stream->dropped_why = stream->error;
    if (later.len > 0 && dropped == 0) {
        stream->waiting = (struct ccb_buf){0};
        (void)put_note(logs, stream, false);
        if (ccb_buf_put_slice(&stream->waiting, ccb_buf_slice(&later)) == 0) {
            ccb_buf_destroy(&later);
            return;
        }
        /* No memory: it stays as it was, and is told behind. */
        logs->waiting_bytes -= stream->waiting.len;
        stream->waiting_lines -= stream->dropped == 0;
        stream->lines_in -= stream->dropped == 0;
        stream->dropped = stream->writing_lines - stream->landed;
        ccb_buf_destroy(&stream->waiting);
        stream->waiting = later;
    }
    stream->dropped += dropped;
}

static void after_write(struct ccb_logs *logs, struct ccb_log_stream *stream)
{
    uint64_t first = stream->lines_done;

    stream->known = true;
    stream->lines_done += stream->writing_lines;
    if (stream->landed < stream->writing_lines)
        after_failure(logs, stream);
    ccb_buf_destroy(&stream->writing);
    ccb_log_readers_wake(stream, first);
    stream->writing_lines = 0;
}

static void on_after(uv_work_t *work, int status)
{
    struct ccb_logs *logs = work->data;
    struct ccb_log_stream *stream = logs->batch, *next;

    (void)status; /* it is never cancelled */
    logs->batch = NULL;
    for (; stream != NULL; stream = next) {
        next = stream->next;
        stream->in_batch = false;
        if (stream->doomed) {
            ccb_log_stream_free(stream);
            continue;
        }
        if (stream->queued) {
            stream->next = NULL;
            *logs->queue_end = stream;
            logs->queue_end = &stream->next;
        }
        after_write(logs, stream);
        ccb_log_stream_settle(logs, stream);
    }
    logs->writing = false;
    if (logs->queue != NULL)
        start_batch(logs);
    else
        ccb_logs_check_closed(logs);
}

static void start_batch(struct ccb_logs *logs)
{
    logs->batch = logs->queue;
    logs->queue = NULL;
    logs->queue_end = &logs->queue;
    for (struct ccb_log_stream *s = logs->batch; s != NULL; s = s->next) {
        s->queued = false;
        s->in_batch = true;
        (void)put_note(logs, s, false);
        logs->waiting_bytes -= s->waiting.len;
        s->writing = s->waiting;
        s->writing_lines = s->waiting_lines;
        s->waiting = (struct ccb_buf){0};
        s->waiting_lines = 0;
        s->landed = 0;
    }
    logs->writing = true;
    logs->work.data = logs;
    /* It can only fail without a callback. */
    (void)uv_queue_work(&logs->loop->uv, &logs->work, on_work, on_after);
}

void ccb_logs_run_batch(struct ccb_logs *logs)
{
    if (!logs->writing)
        start_batch(logs);
}
