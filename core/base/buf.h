/*
 * A growing byte buffer on the heap. Errors stick: after a failed append
 * `failed` is set and further appends do nothing, so one check at the end is
 * enough. Belongs to one thread.
 */
#ifndef CCB_BASE_BUF_H
#define CCB_BASE_BUF_H

#include <stdarg.h>
#include <stddef.h>

#include "ccbridge/json.h"
#include "ccbridge/slice.h"

struct ccb_buf {
    char *data;
    size_t len, cap;
    size_t max; /* refuse to grow beyond; 0: no limit */
    int failed; /* 0, CCB_NO_MEMORY or CCB_TOO_LARGE */
};

void ccb_buf_init(struct ccb_buf *buf); /* or {0} */
void ccb_buf_destroy(struct ccb_buf *buf);
void ccb_buf_reset(struct ccb_buf *buf); /* empty, keeps the memory */

/* Room for `more` bytes behind len; NULL and failed when there is none. */
char *ccb_buf_reserve(struct ccb_buf *buf, size_t more);
int ccb_buf_append(struct ccb_buf *buf, const void *bytes, size_t len);
int ccb_buf_put(struct ccb_buf *buf, const char *cstr);
int ccb_buf_put_slice(struct ccb_buf *buf, struct ccb_slice text);
int ccb_buf_putc(struct ccb_buf *buf, char c);
int ccb_buf_printf(struct ccb_buf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Removes the first n bytes. */
void ccb_buf_consume(struct ccb_buf *buf, size_t n);
struct ccb_slice ccb_buf_slice(const struct ccb_buf *buf);

/* A JSON writer's sink; ctx is the buffer. */
int ccb_buf_sink(void *buf, const char *bytes, size_t len);

#endif
