/*
 * The log sink of the cell: what containers and the machinery around them
 * wrote, one message a line, kept by log guid and streamed to who follows
 * (contract/actions.md 2; the Receptor of old has no route for it, ours is
 * GET /v1/logs/:log_guid).
 *
 * Kept in files of bounded size, oldest lines first to go; a restart keeps
 * them, a kill loses at most what the last moment brought. Writing never
 * blocks the loop and never fails the caller: what can't be kept is counted
 * and said in the stream itself. Memory follows who reads, not what is kept.
 *
 * Threads: everything belongs to the loop's.
 */
#ifndef CCB_CELL_LOGS_H
#define CCB_CELL_LOGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "cell/container.h"

#define CCB_LOG_MESSAGE_MAX 4096

struct ccb_logs;

struct ccb_logs_options {
    struct ccb_loop *loop;
    const char *directory; /* made when missing */
    uint64_t guid_bytes;   /* kept of one guid; 0: 2 MiB */
    size_t guids; /* guids kept, the least lately written go; 0: 1000 */
};
int ccb_logs_open(struct ccb_logs **out, const struct ccb_logs_options *options,
                  struct ccb_error *err);
/* Writes what waits, ends every reader, frees, then calls on_closed from the
 * loop. */
void ccb_logs_close(struct ccb_logs *logs, void (*on_closed)(void *user),
                    void *user);

/* One message, without its line end. Borrowed. */
struct ccb_log_message {
    struct ccb_slice guid;   /* empty: nothing is logged */
    struct ccb_slice source; /* empty: "LOG" */
    int64_t index;
    enum ccb_stream stream;
    int64_t time; /* wall, ns; 0: now */
    struct ccb_slice text;
};
void ccb_logs_write(struct ccb_logs *logs,
                    const struct ccb_log_message *message);

/* As clients get it: {"timestamp":ns,"source_type":"APP","source_instance":
 * "0","message_type":"OUT","message":"..."} and a line end. */
void ccb_log_message_encode(struct ccb_buf *out,
                            const struct ccb_log_message *message);

/* Reading: the last `tail` lines that are kept (-1: all), then, with `follow`,
 * what comes, without a gap or a repeat between the two. */
struct ccb_logs_reader;
struct ccb_logs_read {
    struct ccb_slice guid; /* copied */
    int64_t tail;
    bool follow;
    /* Whole encoded lines, borrowed; from the loop. */
    void (*on_lines)(void *user, struct ccb_slice lines);
    /* Nothing more comes: all was read, the sink was closed, or err. The
     * reader is gone. */
    void (*on_end)(void *user, const struct ccb_error *err);
    void *user;
};
int ccb_logs_reader_open(struct ccb_logs_reader **out, struct ccb_logs *logs,
                         const struct ccb_logs_read *read,
                         struct ccb_error *err);
/* Back-pressure; a follower that stays behind by more than is kept loses the
 * oldest and is told so by a line. */
void ccb_logs_reader_pause(struct ccb_logs_reader *reader);
void ccb_logs_reader_resume(struct ccb_logs_reader *reader);
/* No callback after this. */
void ccb_logs_reader_close(struct ccb_logs_reader *reader);
/* Ends all readers, as at a stop. */
void ccb_logs_end_readers(struct ccb_logs *logs);

#endif
