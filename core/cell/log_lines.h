/*
 * The output of containers cut into messages (contract/actions.md 2).
 *
 * A message ends at \n or \r or when it is full; empty ones are dropped; an
 * unfinished line waits for its rest, for a flush, or for the end of its
 * buffers. Steps that share a source share one of these, so their unfinished
 * lines join. Nothing is ever lost for want of memory: then a line is cut
 * early. Threads: the loop's.
 */
#ifndef CCB_CELL_LOG_LINES_H
#define CCB_CELL_LOG_LINES_H

#include "cell/logs.h"

struct ccb_log_lines;

/* One reference, the caller's. Guid and source are borrowed for its life; an
 * empty guid: nothing is logged; an empty source: "LOG". NULL: no memory. */
struct ccb_log_lines *ccb_log_lines_create(struct ccb_logs *logs,
                                           struct ccb_slice guid,
                                           struct ccb_slice source,
                                           int64_t index);
/* As `lines`, under another source (borrowed) and with buffers of its own. */
struct ccb_log_lines *ccb_log_lines_fork(const struct ccb_log_lines *lines,
                                         struct ccb_slice source);
struct ccb_log_lines *ccb_log_lines_ref(struct ccb_log_lines *lines);
/* The last one flushes and frees. NULL is fine. */
void ccb_log_lines_unref(struct ccb_log_lines *lines);

void ccb_log_lines_put(struct ccb_log_lines *lines, enum ccb_stream stream,
                       struct ccb_slice bytes);
/* Text of the machinery. */
void ccb_log_lines_say(struct ccb_log_lines *lines, enum ccb_stream stream,
                       const char *text);
/* What waits in either stream becomes a message as it is. */
void ccb_log_lines_flush(struct ccb_log_lines *lines);

#endif
