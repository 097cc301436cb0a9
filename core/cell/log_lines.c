/*
 * Output cut into messages: contract/actions.md 2, the rows of 9 "Log
 * streamer".
 *
 * Invariant: a stream holds less than a full message, and holds memory only
 * while a line is unfinished; whole lines are written from where they lie.
 */
#include "cell/log_lines.h"

#include "base/mem.h"

#define FULL ((size_t)CCB_LOG_MESSAGE_MAX)

struct part {
    char *data; /* FULL bytes, or NULL when len is 0 */
    size_t len;
};

struct ccb_log_lines {
    struct ccb_logs *logs;
    struct ccb_slice guid, source;
    int64_t index;
    size_t refs;
    struct part parts[2]; /* of each stream */
};

struct ccb_log_lines *ccb_log_lines_create(struct ccb_logs *logs,
                                           struct ccb_slice guid,
                                           struct ccb_slice source,
                                           int64_t index)
{
    struct ccb_log_lines *lines = ccb_calloc(1, sizeof(*lines));

    if (lines == NULL)
        return NULL;
    lines->logs = logs;
    lines->guid = guid;
    lines->source = source.len > 0 ? source : ccb_slice_of("LOG");
    lines->index = index;
    lines->refs = 1;
    return lines;
}

struct ccb_log_lines *ccb_log_lines_fork(const struct ccb_log_lines *lines,
                                         struct ccb_slice source)
{
    return ccb_log_lines_create(lines->logs, lines->guid, source, lines->index);
}

struct ccb_log_lines *ccb_log_lines_ref(struct ccb_log_lines *lines)
{
    lines->refs++;
    return lines;
}

void ccb_log_lines_unref(struct ccb_log_lines *lines)
{
    if (lines == NULL || --lines->refs > 0)
        return;
    ccb_log_lines_flush(lines);
    ccb_free(lines);
}

/* ---- messages ----------------------------------------------------------- */

static void emit(struct ccb_log_lines *lines, enum ccb_stream stream,
                 struct ccb_slice text)
{
    struct ccb_log_message message = {.guid = lines->guid,
                                      .source = lines->source,
                                      .index = lines->index,
                                      .stream = stream,
                                      .text = text};

    if (text.len > 0)
        ccb_logs_write(lines->logs, &message);
}

static void flush(struct ccb_log_lines *lines, enum ccb_stream stream)
{
    struct part *part = &lines->parts[stream];

    emit(lines, stream, ccb_slice_make(part->data, part->len));
    ccb_free(part->data);
    part->data = NULL;
    part->len = 0;
}

/* Where a full message is cut: before a character that it holds only the
 * beginning of. Bytes that are no UTF-8 are cut where the room ends. */
static size_t cut(const char *text)
{
    const unsigned char *end = (const unsigned char *)text + FULL;

    for (size_t back = 1; back <= 3; back++) {
        unsigned char lead = end[-(ptrdiff_t)back];
        size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;

        if ((lead & 0xc0) == 0x80)
            continue;
        return lead >= 0xc2 && lead <= 0xf4 && size > back ? FULL - back : FULL;
    }
    return FULL;
}

/* Completes a message from what waits and the front of `piece`; returns how
 * much of the piece it took. */
static size_t fill(struct ccb_log_lines *lines, enum ccb_stream stream,
                   struct ccb_slice piece)
{
    struct part *part = &lines->parts[stream];
    size_t room = FULL - part->len, size;

    if (part->len == 0) {
        size = cut(piece.ptr);
        emit(lines, stream, ccb_slice_make(piece.ptr, size));
        return size;
    }
    memcpy(part->data + part->len, piece.ptr, room);
    size = cut(part->data);
    emit(lines, stream, ccb_slice_make(part->data, size));
    part->len = FULL - size;
    memmove(part->data, part->data + size, part->len);
    return room;
}

/* Less than a message: waits for its rest. */
static void keep(struct ccb_log_lines *lines, enum ccb_stream stream,
                 struct ccb_slice piece)
{
    struct part *part = &lines->parts[stream];

    if (piece.len == 0)
        return;
    if (part->data == NULL)
        part->data = ccb_malloc(FULL);
    if (part->data == NULL) {
        emit(lines, stream, piece); /* rather early than never */
        return;
    }
    memcpy(part->data + part->len, piece.ptr, piece.len);
    part->len += piece.len;
}

static void add(struct ccb_log_lines *lines, enum ccb_stream stream,
                struct ccb_slice piece, bool ends)
{
    struct part *part = &lines->parts[stream];

    while (part->len + piece.len >= FULL) {
        size_t taken = fill(lines, stream, piece);

        piece.ptr += taken;
        piece.len -= taken;
    }
    if (ends && part->len == 0) {
        emit(lines, stream, piece);
        piece.len = 0;
    }
    keep(lines, stream, piece);
    if (ends)
        flush(lines, stream);
}

static size_t find_end(struct ccb_slice bytes)
{
    size_t i = 0;

    while (i < bytes.len && bytes.ptr[i] != '\n' && bytes.ptr[i] != '\r')
        i++;
    return i;
}

void ccb_log_lines_put(struct ccb_log_lines *lines, enum ccb_stream stream,
                       struct ccb_slice bytes)
{
    if (lines->guid.len == 0)
        return;
    while (bytes.len > 0) {
        size_t size = find_end(bytes);
        bool ends = size < bytes.len;

        add(lines, stream, ccb_slice_make(bytes.ptr, size), ends);
        bytes.ptr += size + ends;
        bytes.len -= size + ends;
    }
}

void ccb_log_lines_say(struct ccb_log_lines *lines, enum ccb_stream stream,
                       const char *text)
{
    ccb_log_lines_put(lines, stream, ccb_slice_of(text));
}

void ccb_log_lines_flush(struct ccb_log_lines *lines)
{
    flush(lines, CCB_STREAM_OUT);
    flush(lines, CCB_STREAM_ERR);
}
