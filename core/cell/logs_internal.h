/*
 * How the parts of the log sink hold together; for core/cell/logs*.c only.
 *
 *   logs_open.c  opening, closing, the table of streams by guid
 *   logs.c       lines in, the one writer
 *   logs_file.c  the two segments of a guid on the disk [pool]
 *   logs_read.c  readers
 *
 * Invariant: a line has a place, counted in bytes since the first line of its
 * guid; a segment says in its header at which place it begins. A reader only
 * knows its own place, so neither writing nor turning segments over makes it
 * miss or repeat anything.
 */
#ifndef CCB_CELL_LOGS_INTERNAL_H
#define CCB_CELL_LOGS_INTERNAL_H

#include <uv.h>

#include "cell/logs.h"

#define CCB_LOG_NAME 33           /* of a guid's files, without the ending */
#define CCB_LOG_LINE_MAX 65536    /* encoded; a block of reading holds one */
#define CCB_LOG_GUID_SHOWN 256    /* bytes of the guid in a header */
#define CCB_LOG_BOUND 262144      /* bytes that wait, of one guid ... */
#define CCB_LOG_BOUND_ALL 4194304 /* ... and of all */

/* ---- files (logs_file.c) [pool] ----------------------------------------- */

/* Where a guid's lines lie; the writer's while it writes, else the loop's. */
struct ccb_log_place {
    uint64_t first; /* of the oldest line kept */
    uint64_t start; /* of the newer segment */
    uint64_t end;   /* behind the last line */
    size_t head;    /* bytes of the newer segment's header; 0: not there */
};

struct ccb_log_files {
    int dir;
    const char *name;
};

/* Finds what is there; a torn last line is none. */
void ccb_log_files_load(const struct ccb_log_files *files,
                        struct ccb_log_place *place);
/* Appends whole lines, turning segments over as it goes. How many lines are
 * kept; fewer than there are: *error is the errno. */
size_t ccb_log_files_append(const struct ccb_log_files *files,
                            struct ccb_slice guid, size_t segment,
                            struct ccb_log_place *place, struct ccb_slice lines,
                            int *error);
void ccb_log_files_remove(const struct ccb_log_files *files);

/* The place of the tail-th line from the end. Negative: an errno. */
int ccb_log_files_tail(const struct ccb_log_files *files,
                       const struct ccb_log_place *place, uint64_t tail,
                       uint64_t *out);
/* Reads whole lines from *at (below end); *at goes on to the oldest there is
 * when it is gone. Their bytes; 0: there is nothing any more; negative: an
 * errno. */
ssize_t ccb_log_files_read(const struct ccb_log_files *files, uint64_t *at,
                           uint64_t end, char *room, size_t size);

/* ---- streams (logs.c, logs_open.c) -------------------------------------- */

struct ccb_log_stream {
    struct ccb_log_stream *chain;         /* of its bucket */
    struct ccb_log_stream *older, *newer; /* by the last write */
    struct ccb_log_stream *next;          /* in the queue, or the batch */
    char name[CCB_LOG_NAME];
    char *guid; /* as its header shows it; NULL: not used since the start */
    size_t guid_len;
    bool known;  /* place is */
    bool queued; /* for the next batch */
    bool in_batch;
    bool doomed; /* only its files are left to remove */
    struct ccb_log_place place;
    struct ccb_buf waiting, writing;
    uint64_t lines_in, lines_done; /* accepted; through the writer */
    uint64_t waiting_lines, writing_lines;
    uint64_t dropped; /* not yet said */
    int dropped_why;  /* errno, or 0: they came too fast */
    /* Of the batch that runs, from the pool. */
    uint64_t landed;
    int error;
    struct ccb_logs_reader *readers;
};

struct ccb_logs {
    struct ccb_loop *loop;
    int dir;
    size_t segment, guids;
    struct ccb_log_stream **buckets;
    size_t bucket_mask, count;
    struct ccb_log_stream *oldest, *newest;
    struct ccb_log_stream *queue, **queue_end; /* streams to write or load */
    struct ccb_log_stream *batch;
    size_t waiting_bytes;
    uv_work_t work;
    bool writing, closing;
    size_t reading; /* reads in the pool */
    void (*on_closed)(void *user);
    void *closed_user;
};

/* The stream of a guid, made when there is none; who writes makes it the last
 * used. NULL: no memory. */
struct ccb_log_stream *ccb_log_stream_find(struct ccb_logs *logs,
                                           struct ccb_slice guid, bool writes);
void ccb_log_stream_free(struct ccb_log_stream *stream);
/* Has it known and all that waits written. */
void ccb_log_stream_queue(struct ccb_logs *logs, struct ccb_log_stream *stream);
/* Forgets it when nothing was ever written and nobody reads. */
void ccb_log_stream_settle(struct ccb_logs *logs,
                           struct ccb_log_stream *stream);
/* Starts a batch, empty or not, unless one runs. */
void ccb_logs_run_batch(struct ccb_logs *logs);
/* Goes on with closing when the pool has nothing of ours left. */
void ccb_logs_check_closed(struct ccb_logs *logs);

/* ---- readers (logs_read.c) ---------------------------------------------- */

/* After a batch: `first` is the count of lines before it. */
void ccb_log_readers_wake(struct ccb_log_stream *stream, uint64_t first);

#endif
