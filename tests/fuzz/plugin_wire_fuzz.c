/*
 * Frames as either side of a worker's socket may send them: the first byte
 * picks the reading side, the rest is the stream. What is taken must come out
 * the same when it is put again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

union message {
    struct ccb_wire_hello hello;
    struct ccb_wire_call call;
    struct ccb_wire_ready ready;
    struct ccb_wire_refused refused;
    struct ccb_wire_log log;
    struct ccb_wire_answer answer;
};

static void put_again(const struct ccb_wire_frame *frame)
{
    union message message;
    struct ccb_buf out = {0};

    if (ccb_wire_decode(frame, &message, NULL) != 0)
        return;
    if (ccb_wire_encode(&out, frame->kind, frame->id, &message) != 0 ||
        out.len != CCB_WIRE_HEADER + frame->body.len ||
        memcmp(out.data + CCB_WIRE_HEADER, frame->body.ptr, frame->body.len) !=
            0)
        abort();
    ccb_buf_destroy(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ccb_wire_frame frame;
    struct ccb_slice left;
    size_t used;

    if (size == 0)
        return 0;
    left = ccb_slice_make((const char *)data + 1, size - 1);
    while (ccb_wire_next(left, (enum ccb_wire_side)(data[0] & 1), &frame, &used,
                         NULL) > 0) {
        put_again(&frame);
        left.ptr += used;
        left.len -= used;
    }
    return 0;
}
