/*
 * Output as containers may write it, cut into messages. Each record is a byte
 * (its lowest bit: the stream; the next: flush afterwards; the rest: how often
 * the bytes are repeated), a length, and the bytes. No message may be empty,
 * too long or hold a line end; together they must be what was written, without
 * the line ends and in order; and what is text must not be cut in a character.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "cell/log_lines.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MOST ((size_t)1 << 20)

static struct {
    char *put, *got; /* without line ends */
    char *ends;      /* ends[i]: a line ended before put[i] */
    size_t put_len, got_len;
} streams[2];

/* Whether a character of what was put lies across `at`. */
static int is_inside(int stream, size_t at)
{
    uint32_t rune;

    for (size_t back = 1; back <= 3 && back <= at; back++)
        if (ccb_utf8_next(streams[stream].put + at - back,
                          streams[stream].put_len - (at - back), &rune) > back)
            return 1;
    return 0;
}

void ccb_logs_write(struct ccb_logs *logs,
                    const struct ccb_log_message *message)
{
    struct ccb_slice text = message->text;
    int stream = (int)message->stream;
    size_t end = streams[stream].got_len + text.len;

    (void)logs;
    if (text.len == 0 || text.len > CCB_LOG_MESSAGE_MAX ||
        memchr(text.ptr, '\n', text.len) != NULL ||
        memchr(text.ptr, '\r', text.len) != NULL ||
        end > streams[stream].put_len)
        abort();
    memcpy(streams[stream].got + streams[stream].got_len, text.ptr, text.len);
    streams[stream].got_len = end;
    /* Cut because it was full, while the rest was at hand. */
    if (text.len >= CCB_LOG_MESSAGE_MAX - 3 && end < streams[stream].put_len &&
        !streams[stream].ends[end] && is_inside(stream, end))
        abort();
}

static void note(int stream, struct ccb_slice bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        size_t *len = &streams[stream].put_len;

        if (bytes.ptr[i] == '\n' || bytes.ptr[i] == '\r') {
            streams[stream].ends[*len] = 1;
            continue;
        }
        streams[stream].put[(*len)++] = bytes.ptr[i];
        streams[stream].ends[*len] = 0;
    }
}

static void put(struct ccb_log_lines *lines, int stream, struct ccb_slice bytes,
                unsigned times)
{
    for (unsigned i = 0; i <= times; i++) {
        if (streams[stream].put_len + bytes.len > MOST)
            return;
        note(stream, bytes);
        ccb_log_lines_put(lines, (enum ccb_stream)stream, bytes);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ccb_log_lines *lines =
        ccb_log_lines_create(NULL, ccb_slice_of("g"), ccb_slice_of("s"), 0);

    for (int i = 0; i < 2; i++) {
        if (streams[i].put == NULL) {
            streams[i].put = malloc(MOST);
            streams[i].got = malloc(MOST);
            streams[i].ends = malloc(MOST + 1);
        }
        streams[i].put_len = streams[i].got_len = 0;
        streams[i].ends[0] = 0;
    }
    while (size > 2) {
        uint8_t head = data[0];
        size_t len = data[1] < size - 2 ? data[1] : size - 2;

        put(lines, head & 1, ccb_slice_make((const char *)data + 2, len),
            head >> 2);
        if ((head & 2) != 0)
            ccb_log_lines_flush(lines);
        data += 2 + len;
        size -= 2 + len;
    }
    ccb_log_lines_unref(lines);
    for (int i = 0; i < 2; i++)
        if (streams[i].put_len != streams[i].got_len ||
            memcmp(streams[i].put, streams[i].got, streams[i].put_len) != 0)
            abort();
    return 0;
}
