/*
 * The growing byte buffer. Invariant: `cap` is 0 or above `len`, so that there
 * is always room for the NUL that printf writes, and a failed buffer keeps
 * what it held. Growth doubles, bounded by `max`.
 */
#include "base/buf.h"

#include <stdint.h>
#include <stdio.h>

#include "base/mem.h"
#include "ccbridge/error.h"

#define FIRST_CAP ((size_t)256)

void ccb_buf_init(struct ccb_buf *buf)
{
    memset(buf, 0, sizeof(*buf));
}

void ccb_buf_destroy(struct ccb_buf *buf)
{
    ccb_free(buf->data);
    ccb_buf_init(buf);
}

void ccb_buf_reset(struct ccb_buf *buf)
{
    buf->len = 0;
    buf->failed = 0;
}

/* The next capacity that holds `need`; never far above what `max` allows. */
static size_t next_cap(const struct ccb_buf *buf, size_t need)
{
    size_t cap = buf->cap == 0 ? FIRST_CAP : buf->cap;

    while (cap < need)
        cap = cap > SIZE_MAX / 2 ? need : cap * 2;
    if (buf->max > 0 && cap > buf->max && buf->max + 1 >= need)
        cap = buf->max + 1;
    return cap;
}

static int grow(struct ccb_buf *buf, size_t more)
{
    size_t cap;
    char *data;

    if (more >= SIZE_MAX - buf->len) {
        buf->failed = CCB_TOO_LARGE;
        return buf->failed;
    }
    cap = next_cap(buf, buf->len + more + 1);
    data = ccb_realloc(buf->data, cap);
    if (data == NULL) {
        buf->failed = CCB_NO_MEMORY;
        return buf->failed;
    }
    buf->data = data;
    buf->cap = cap;
    return 0;
}

char *ccb_buf_reserve(struct ccb_buf *buf, size_t more)
{
    if (buf->failed)
        return NULL;
    if (buf->max > 0 && (buf->len > buf->max || more > buf->max - buf->len)) {
        buf->failed = CCB_TOO_LARGE;
        return NULL;
    }
    if ((buf->cap == 0 || more > buf->cap - buf->len - 1) &&
        grow(buf, more) != 0)
        return NULL;
    return buf->data + buf->len;
}

int ccb_buf_append(struct ccb_buf *buf, const void *bytes, size_t len)
{
    char *room = ccb_buf_reserve(buf, len);

    if (room == NULL)
        return buf->failed;
    if (len > 0)
        memcpy(room, bytes, len);
    buf->len += len;
    return 0;
}

int ccb_buf_put(struct ccb_buf *buf, const char *cstr)
{
    return ccb_buf_append(buf, cstr, strlen(cstr));
}

int ccb_buf_put_slice(struct ccb_buf *buf, struct ccb_slice text)
{
    return ccb_buf_append(buf, text.ptr, text.len);
}

int ccb_buf_putc(struct ccb_buf *buf, char c)
{
    return ccb_buf_append(buf, &c, 1);
}

int ccb_buf_printf(struct ccb_buf *buf, const char *format, ...)
{
    va_list args;
    int len;
    char *room = ccb_buf_reserve(buf, 0);

    if (room == NULL)
        return buf->failed;
    va_start(args, format);
    len = vsnprintf(room, buf->cap - buf->len, format, args);
    va_end(args);
    if (len < 0) {
        buf->failed = CCB_TOO_LARGE; /* over INT_MAX: the one way to fail */
        return buf->failed;
    }
    /* Asked in any case, because of max; grows only when it did not fit. */
    if ((size_t)len < buf->cap - buf->len) {
        if (ccb_buf_reserve(buf, (size_t)len) == NULL)
            return buf->failed;
    } else {
        room = ccb_buf_reserve(buf, (size_t)len);
        if (room == NULL)
            return buf->failed;
        va_start(args, format);
        (void)vsnprintf(room, (size_t)len + 1, format, args);
        va_end(args);
    }
    buf->len += (size_t)len;
    return 0;
}

void ccb_buf_consume(struct ccb_buf *buf, size_t n)
{
    if (n >= buf->len) {
        buf->len = 0;
        return;
    }
    if (n == 0)
        return;
    memmove(buf->data, buf->data + n, buf->len - n);
    buf->len -= n;
}

struct ccb_slice ccb_buf_slice(const struct ccb_buf *buf)
{
    return ccb_slice_make(buf->data, buf->len);
}

int ccb_buf_sink(void *buf, const char *bytes, size_t len)
{
    return ccb_buf_append(buf, bytes, len);
}
