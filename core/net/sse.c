/*
 * Server-sent events, read byte stream to events (contract/receptor-api.md 11;
 * the reading of the Go client, and of the standard where that client is
 * silent).
 *
 * Invariant: events do not depend on how the bytes were cut into pushes. A
 * block is dispatched when it has a data field, even an empty one; a block
 * without one is dropped with its name. An id lasts until the next one, as
 * the standard has it; a retry is told with the next event dispatched.
 */
#include "net/sse.h"

#include <stdbool.h>

#include "base/buf.h"
#include "base/mem.h"

#define DEFAULT_MAX (UINT64_C(1) << 20)
#define MAX_RETRY (INT64_MAX / 1000000 - 9) / 10

struct ccb_sse_reader {
    int (*on_event)(void *user, const struct ccb_sse_event *event);
    void *user;
    uint64_t max_event;
    struct ccb_buf line; /* one that straddles pushes */
    struct ccb_buf data, name, id;
    int64_t retry;
    bool has_data;
    bool started; /* the first line, which may begin with a BOM, is over */
    bool after_cr;
    int code;
    struct ccb_error error;
};

struct ccb_sse_reader *ccb_sse_reader_create(
    int (*on_event)(void *user, const struct ccb_sse_event *event), void *user,
    uint64_t max_event)
{
    struct ccb_sse_reader *reader = ccb_calloc(1, sizeof(*reader));

    if (reader == NULL)
        return NULL;
    reader->on_event = on_event;
    reader->user = user;
    reader->max_event = max_event > 0 ? max_event : DEFAULT_MAX;
    reader->retry = -1;
    return reader;
}

void ccb_sse_reader_free(struct ccb_sse_reader *reader)
{
    if (reader == NULL)
        return;
    ccb_buf_destroy(&reader->line);
    ccb_buf_destroy(&reader->data);
    ccb_buf_destroy(&reader->name);
    ccb_buf_destroy(&reader->id);
    ccb_free(reader);
}

/* ---- fields ------------------------------------------------------------- */

static int replace(struct ccb_buf *buf, struct ccb_slice value)
{
    ccb_buf_reset(buf);
    return ccb_buf_put_slice(buf, value);
}

static int on_id(struct ccb_sse_reader *reader, struct ccb_slice value)
{
    /* An id goes back to the server in a header, which can't hold a NUL. */
    if (value.len > 0 && memchr(value.ptr, '\0', value.len) != NULL)
        return 0;
    return replace(&reader->id, value);
}

static int on_name(struct ccb_sse_reader *reader, struct ccb_slice value)
{
    return replace(&reader->name, value);
}

static int on_data(struct ccb_sse_reader *reader, struct ccb_slice value)
{
    if (reader->has_data && ccb_buf_putc(&reader->data, '\n') != 0)
        return reader->data.failed;
    reader->has_data = true;
    return ccb_buf_put_slice(&reader->data, value);
}

static int on_retry(struct ccb_sse_reader *reader, struct ccb_slice value)
{
    int64_t ms = 0;

    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] < '0' || value.ptr[i] > '9' || ms > MAX_RETRY)
            return 0;
        ms = ms * 10 + (value.ptr[i] - '0');
    }
    if (value.len > 0)
        reader->retry = ms;
    return 0;
}

static const struct {
    const char *name;
    int (*take)(struct ccb_sse_reader *reader, struct ccb_slice value);
} fields[] = {
    {"data", on_data},
    {"event", on_name},
    {"id", on_id},
    {"retry", on_retry},
};

static int dispatch(struct ccb_sse_reader *reader)
{
    struct ccb_sse_event event = {
        .id = ccb_buf_slice(&reader->id),
        .name = ccb_buf_slice(&reader->name),
        .data = ccb_buf_slice(&reader->data),
        .retry = reader->retry,
    };
    int code = 0;

    if (reader->has_data) {
        reader->retry = -1;
        code = reader->on_event(reader->user, &event);
    }
    reader->has_data = false;
    ccb_buf_reset(&reader->data);
    ccb_buf_reset(&reader->name);
    if (code < 0)
        return ccb_error_set(&reader->error, code,
                             "event stream given up by its reader");
    return 0;
}

static int too_large(struct ccb_sse_reader *reader)
{
    return ccb_error_set(&reader->error, CCB_TOO_LARGE,
                         "event stream: an event is over %llu bytes",
                         (unsigned long long)reader->max_event);
}

static int no_memory(struct ccb_sse_reader *reader)
{
    return ccb_error_set(&reader->error, CCB_NO_MEMORY,
                         "event stream: out of memory");
}

static struct ccb_slice skip_bom(struct ccb_sse_reader *reader,
                                 struct ccb_slice line)
{
    if (!reader->started && ccb_slice_starts(line, "\xef\xbb\xbf"))
        line = ccb_slice_make(line.ptr + 3, line.len - 3);
    reader->started = true;
    return line;
}

/* One whole line, without its end. */
static int take_line(struct ccb_sse_reader *reader, struct ccb_slice text)
{
    struct ccb_slice line = skip_bom(reader, text);
    struct ccb_slice name = line, value = {"", 0};
    const char *colon;

    if (line.len == 0)
        return dispatch(reader);
    colon = memchr(line.ptr, ':', line.len);
    if (colon != NULL) {
        name.len = (size_t)(colon - line.ptr);
        value = ccb_slice_make(colon + 1, line.len - name.len - 1);
        if (ccb_slice_starts(value, " "))
            value = ccb_slice_make(value.ptr + 1, value.len - 1);
    }
    /* The name may be as long as the line; data is counted with its line. */
    if (line.len > reader->max_event ||
        reader->data.len + reader->name.len + reader->id.len >
            reader->max_event - line.len)
        return too_large(reader);
    /* A comment has an empty name and so matches nothing. */
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        if (ccb_slice_is(name, fields[i].name))
            return fields[i].take(reader, value) == 0 ? 0 : no_memory(reader);
    return 0;
}

/* ---- lines -------------------------------------------------------------- */

/* The end of the line in `bytes`: where CR or LF stands, or NULL. One pass
 * over both: two memchr would be quadratic where only one of them occurs. */
static const char *find_end(struct ccb_slice bytes)
{
    for (size_t i = 0; i < bytes.len; i++)
        if (bytes.ptr[i] == '\n' || bytes.ptr[i] == '\r')
            return bytes.ptr + i;
    return NULL;
}

/* A line that has no end yet. */
static int keep_line(struct ccb_sse_reader *reader, struct ccb_slice rest)
{
    if (rest.len > reader->max_event ||
        reader->line.len > reader->max_event - rest.len)
        return too_large(reader);
    return ccb_buf_put_slice(&reader->line, rest) == 0 ? 0 : no_memory(reader);
}

static int end_line(struct ccb_sse_reader *reader, struct ccb_slice tail)
{
    int code;

    /* Counted as it came, so that a mark before it counts either way. */
    if (tail.len > reader->max_event)
        return too_large(reader);
    if (reader->line.len == 0)
        return take_line(reader, tail);
    code = keep_line(reader, tail);
    if (code == 0)
        code = take_line(reader, ccb_buf_slice(&reader->line));
    ccb_buf_reset(&reader->line);
    return code;
}

static int push(struct ccb_sse_reader *reader, struct ccb_slice bytes)
{
    while (bytes.len > 0) {
        const char *end;
        size_t len;
        int code;

        if (reader->after_cr && bytes.ptr[0] == '\n') {
            bytes = ccb_slice_make(bytes.ptr + 1, bytes.len - 1);
            reader->after_cr = false;
            continue;
        }
        reader->after_cr = false;
        end = find_end(bytes);
        if (end == NULL)
            return keep_line(reader, bytes);
        len = (size_t)(end - bytes.ptr);
        reader->after_cr = *end == '\r';
        code = end_line(reader, ccb_slice_make(bytes.ptr, len));
        if (code != 0)
            return code;
        bytes = ccb_slice_make(end + 1, bytes.len - len - 1);
    }
    return 0;
}

int ccb_sse_reader_push(struct ccb_sse_reader *reader, struct ccb_slice bytes,
                        struct ccb_error *err)
{
    if (reader->code == 0 && bytes.len > 0)
        reader->code = push(reader, bytes);
    if (reader->code != 0 && err != NULL)
        *err = reader->error;
    return reader->code;
}
