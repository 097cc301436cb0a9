/*
 * Reader of server-sent events (contract/receptor-api.md 11, go-sse's reading):
 * bytes in, events out. Pure parsing, no I/O; reconnecting is the caller's.
 */
#ifndef CCB_NET_SSE_H
#define CCB_NET_SSE_H

#include <stdint.h>

#include "ccbridge/error.h"
#include "ccbridge/slice.h"

struct ccb_sse_event {
    struct ccb_slice id, name, data; /* borrowed until on_event returns */
    int64_t retry;                   /* ms, or -1 */
};

struct ccb_sse_reader;

/* on_event: 0, or a negative code that ends the reading. `max_event` bounds
 * the bytes of one event (0: 1 MiB; over it CCB_TOO_LARGE). */
struct ccb_sse_reader *ccb_sse_reader_create(
    int (*on_event)(void *user, const struct ccb_sse_event *event), void *user,
    uint64_t max_event);
void ccb_sse_reader_free(struct ccb_sse_reader *reader);
/* 0, or a negative code once and from then on. */
int ccb_sse_reader_push(struct ccb_sse_reader *reader, struct ccb_slice bytes,
                        struct ccb_error *err);

#endif
