/*
 * Frames as either side of a container's control socket may send them: the
 * first byte picks the reading side, the rest is the stream. What is taken
 * must be walkable to its end, and must come out the same when put again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cell/container_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t walk(const struct ccb_frame_list *list, const char **items)
{
    size_t pos = 0, count = 0;
    const char *text;

    while ((text = ccb_frame_list_next(list, &pos)) != NULL)
        items[count++] = text;
    if (count != list->count)
        abort();
    return count;
}

static void put_again(const struct ccb_frame *frame)
{
    static const char *args[CCB_FRAME_LIST_MAX], *env[CCB_FRAME_LIST_MAX];
    struct ccb_frame_spawn spawn;
    struct ccb_frame_strings arg_list = {args, 0}, env_list = {env, 0};
    struct ccb_buf out = {0};

    if (ccb_frame_decode_spawn(frame, &spawn, NULL) != CCB_OK)
        return;
    arg_list.count = walk(&spawn.args, args);
    env_list.count = walk(&spawn.env, env);
    if (ccb_frame_put_spawn(&out, frame->id, &spawn, arg_list, env_list) !=
            CCB_OK ||
        out.len != CCB_FRAME_HEADER + frame->body.len ||
        memcmp(out.data + CCB_FRAME_HEADER, frame->body.ptr, frame->body.len) !=
            0)
        abort();
    ccb_buf_destroy(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ccb_slice left;
    struct ccb_frame frame;
    size_t used;

    if (size == 0)
        return 0;
    left = ccb_slice_make((const char *)data + 1, size - 1);
    while (ccb_frame_next(left, (enum ccb_frame_side)(data[0] & 1), &frame,
                          &used, NULL) > 0) {
        uint32_t number;

        (void)ccb_frame_decode_number(&frame, &number, NULL);
        if (frame.type == CCB_FRAME_SPAWN)
            put_again(&frame);
        left.ptr += used;
        left.len -= used;
    }
    return 0;
}
