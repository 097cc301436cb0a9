/*
 * Readers of the log sink. Files are the one source: a reader takes blocks of
 * whole lines from its place up to what is written, in the pool, one at a
 * time; who follows is woken when more is written. So there is neither gap
 * nor repeat between tail and follow, a slow reader holds no memory, and what
 * a paused one had read meanwhile is simply read again.
 *
 * States: WAITING until what was accepted before it is written -> FINDING its
 * first line -> READING. Invariant: callbacks are called from the loop, never
 * from inside a call of the reader's owner, but by ccb_logs_end_readers.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cell/logs_internal.h"

enum state { WAITING, FINDING, READING };

struct ccb_logs_reader {
    struct ccb_logs_reader *next; /* of the stream */
    struct ccb_logs *logs;
    struct ccb_log_stream *stream; /* NULL: left it, to be freed */
    struct ccb_logs_read read;
    enum state state;
    bool paused, busy, told_gone;
    uint64_t target;  /* lines accepted before it */
    uint64_t further; /* lines written that came after it */
    uint64_t at, end; /* its place; how far it may read */
    /* Of the work that runs. */
    uv_work_t work;
    struct ccb_log_files files;
    char name[CCB_LOG_NAME];
    struct ccb_log_place place;
    uint64_t from, want;
    char *room;
    ssize_t got; /* or a negative errno */
};

static void go_on(struct ccb_logs_reader *reader);

/* ---- the end --------------------------------------------------------------
 */

/* Out of its stream; freed at once, or when its work is back. */
static void leave(struct ccb_logs_reader *reader)
{
    struct ccb_log_stream *stream = reader->stream;
    struct ccb_logs *logs = reader->logs;
    struct ccb_logs_reader **at = &stream->readers;

    while (*at != reader)
        at = &(*at)->next;
    *at = reader->next;
    reader->stream = NULL;
    if (!reader->busy)
        ccb_free(reader);
    ccb_log_stream_settle(logs, stream);
}

void ccb_logs_reader_close(struct ccb_logs_reader *reader)
{
    leave(reader);
}

static void end(struct ccb_logs_reader *reader, const struct ccb_error *err)
{
    struct ccb_logs_read read = reader->read;

    leave(reader);
    read.on_end(read.user, err);
}

static void end_with(struct ccb_logs_reader *reader, int why)
{
    struct ccb_error err = {0};

    (void)ccb_error_set(&err, why == ENOMEM ? CCB_NO_MEMORY : CCB_IO,
                        "reading the log: %s", strerror(why));
    end(reader, &err);
}

/* Found anew each time: with its last reader a stream may go. */
static struct ccb_logs_reader *any_reader(const struct ccb_logs *logs)
{
    const struct ccb_log_stream *stream = logs->oldest;

    while (stream != NULL && stream->readers == NULL)
        stream = stream->newer;
    return stream != NULL ? stream->readers : NULL;
}

void ccb_logs_end_readers(struct ccb_logs *logs)
{
    struct ccb_logs_reader *reader = any_reader(logs);

    for (; reader != NULL; reader = any_reader(logs))
        end(reader, NULL);
}

/* ---- work -----------------------------------------------------------------
 */

/* [pool] */
static void on_work(uv_work_t *work)
{
    struct ccb_logs_reader *reader = work->data;

    if (reader->state == FINDING)
        reader->got = ccb_log_files_tail(&reader->files, &reader->place,
                                         reader->want, &reader->at);
    else if (reader->at >= reader->end)
        reader->got = 0;
    else if (reader->room == NULL)
        reader->got = -ENOMEM;
    else
        reader->got =
            ccb_log_files_read(&reader->files, &reader->at, reader->end,
                               reader->room, CCB_LOG_LINE_MAX);
}

static void tell_lost(struct ccb_logs_reader *reader, uint64_t lost)
{
    struct ccb_log_message note = {.stream = CCB_STREAM_ERR};
    struct ccb_buf line = {0};
    char text[128];

    (void)snprintf(text, sizeof(text),
                   "%" PRIu64 " bytes of the log were dropped: newer lines "
                   "took their place before they were read",
                   lost);
    note.text = ccb_slice_of(text);
    ccb_log_message_encode(&line, &note);
    if (!line.failed)
        reader->read.on_lines(reader->read.user, ccb_buf_slice(&line));
    ccb_buf_destroy(&line);
}

/* Hands on what was read. The owner may close the reader meanwhile: it is
 * kept by `busy`. */
static void deliver(struct ccb_logs_reader *reader, bool quiet)
{
    uint64_t lost = reader->at - reader->from;
    size_t got = (size_t)reader->got;

    if (got == 0) { /* nothing can be read up to there */
        lost = reader->end - reader->from;
        reader->at = reader->end;
    }
    reader->at += got;
    if (lost > 0 && !quiet)
        tell_lost(reader, lost);
    if (got > 0 && reader->stream != NULL)
        reader->read.on_lines(reader->read.user,
                              ccb_slice_make(reader->room, got));
}

static void after_read(struct ccb_logs_reader *reader)
{
    bool first = !reader->told_gone;

    if (reader->paused) { /* meanwhile: it is read again */
        reader->at = reader->from;
        return;
    }
    if (reader->from < reader->end) {
        reader->told_gone = true; /* from now on what is missing is said */
        deliver(reader, first);
    }
}

static void on_after(uv_work_t *work, int status)
{
    struct ccb_logs_reader *reader = work->data;
    struct ccb_logs *logs = reader->logs;
    bool at_end = false;

    (void)status; /* it is never cancelled */
    logs->reading--;
    if (reader->stream != NULL && reader->got >= 0) {
        if (reader->state == FINDING) {
            reader->state = READING;
        } else {
            at_end = !reader->paused && !reader->read.follow &&
                     reader->from >= reader->end;
            after_read(reader); /* may leave */
        }
    }
    ccb_free(reader->room);
    reader->room = NULL;
    reader->busy = false;
    if (reader->stream == NULL) {
        ccb_free(reader);
        ccb_logs_check_closed(logs);
    } else if (reader->got < 0) {
        end_with(reader, (int)-reader->got);
    } else if (at_end) {
        end(reader, NULL);
    } else {
        go_on(reader);
    }
}

static void queue(struct ccb_logs_reader *reader)
{
    reader->busy = true;
    reader->logs->reading++;
    reader->work.data = reader;
    reader->files = (struct ccb_log_files){reader->logs->dir, reader->name};
    (void)uv_queue_work(&reader->logs->loop->uv, &reader->work, on_work,
                        on_after);
}

/* Reads on when there is something; the end of who does not follow is a read
 * of nothing, so that it comes from the loop. */
static void go_on(struct ccb_logs_reader *reader)
{
    if (reader->busy || reader->state != READING || reader->paused)
        return;
    if (reader->read.follow && !reader->stream->in_batch)
        reader->end = reader->stream->place.end; /* else it is woken later */
    if (reader->at >= reader->end && reader->read.follow)
        return;
    reader->from = reader->at;
    if (reader->at < reader->end)
        reader->room = ccb_malloc(CCB_LOG_LINE_MAX);
    queue(reader);
}

static void start_finding(struct ccb_logs_reader *reader)
{
    reader->state = FINDING;
    reader->place = reader->stream->place;
    reader->end = reader->place.end;
    reader->want = UINT64_MAX;
    if (reader->read.tail >= 0)
        reader->want = (uint64_t)reader->read.tail + reader->further;
    queue(reader);
}

/* ---- from the writer ------------------------------------------------------
 */

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* A batch may have lines from before and from after the reader was opened;
 * those after it come in any case, on top of its tail. */
static void wake(struct ccb_logs_reader *reader, uint64_t first)
{
    const struct ccb_log_stream *stream = reader->stream;
    uint64_t landed = first + stream->landed;

    if (reader->state == WAITING) {
        if (landed > larger(first, reader->target))
            reader->further += landed - larger(first, reader->target);
        if (stream->lines_done >= reader->target)
            start_finding(reader);
        return;
    }
    go_on(reader);
}

void ccb_log_readers_wake(struct ccb_log_stream *stream, uint64_t first)
{
    struct ccb_logs_reader *reader = stream->readers, *next;

    for (; reader != NULL; reader = next) {
        next = reader->next;
        wake(reader, first);
    }
}

/* ---- the owner's calls ----------------------------------------------------
 */

int ccb_logs_reader_open(struct ccb_logs_reader **out, struct ccb_logs *logs,
                         const struct ccb_logs_read *read,
                         struct ccb_error *err)
{
    struct ccb_logs_reader *reader;
    struct ccb_log_stream *stream;

    if (logs->closing)
        return ccb_error_set(err, CCB_CLOSED, "the log is being closed");
    reader = ccb_calloc(1, sizeof(*reader));
    stream =
        reader != NULL ? ccb_log_stream_find(logs, read->guid, false) : NULL;
    if (stream == NULL) {
        ccb_free(reader);
        return ccb_error_set(err, CCB_NO_MEMORY, "no memory to read a log");
    }
    reader->logs = logs;
    reader->stream = stream;
    reader->read = *read;
    reader->read.guid = ccb_slice_make(NULL, 0); /* the stream has it */
    memcpy(reader->name, stream->name, sizeof(reader->name));
    reader->target = stream->lines_in;
    reader->next = stream->readers;
    stream->readers = reader;
    if (stream->known && !stream->in_batch &&
        stream->lines_done >= reader->target)
        start_finding(reader);
    else
        ccb_log_stream_queue(logs, stream);
    *out = reader;
    return CCB_OK;
}

void ccb_logs_reader_pause(struct ccb_logs_reader *reader)
{
    reader->paused = true;
}

void ccb_logs_reader_resume(struct ccb_logs_reader *reader)
{
    reader->paused = false;
    go_on(reader);
}
