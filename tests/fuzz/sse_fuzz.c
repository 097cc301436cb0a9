/*
 * The reader of server-sent events over any bytes: whole and byte by byte must
 * tell the same events and end the same way.
 */
#include <stdlib.h>

#include "base/buf.h"
#include "net/sse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int on_event(void *user, const struct ccb_sse_event *event)
{
    struct ccb_buf *seen = user;

    (void)ccb_buf_put_slice(seen, event->id);
    (void)ccb_buf_putc(seen, '\0');
    (void)ccb_buf_put_slice(seen, event->name);
    (void)ccb_buf_putc(seen, '\0');
    (void)ccb_buf_put_slice(seen, event->data);
    return ccb_buf_printf(seen, "\n%lld\n", (long long)event->retry);
}

static int read_in(const char *bytes, size_t size, size_t step,
                   struct ccb_buf *seen)
{
    struct ccb_sse_reader *reader = ccb_sse_reader_create(on_event, seen, 256);
    int code = 0;

    for (size_t at = 0; at < size; at += step) {
        size_t n = size - at < step ? size - at : step;

        code = ccb_sse_reader_push(reader, ccb_slice_make(bytes + at, n), NULL);
    }
    ccb_sse_reader_free(reader);
    return code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ccb_buf whole = {0}, cut = {0};
    int code;

    if (size > 4096)
        return 0;
    code = read_in((const char *)data, size, size + 1, &whole);
    if (code != read_in((const char *)data, size, 1, &cut) ||
        !ccb_slice_equal(ccb_buf_slice(&whole), ccb_buf_slice(&cut)))
        abort();
    ccb_buf_destroy(&whole);
    ccb_buf_destroy(&cut);
    return 0;
}
