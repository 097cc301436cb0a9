/*
 * A JSON list as the body of an answer: the client's pieces become pushes into
 * the JSON reader.
 *
 * Invariant: each byte is pushed once. A piece during which a pause was asked
 * for is read to its end first, as its elements lie in it side by side; the
 * client sends it again after the pause, whole or in other portions, and then
 * so many bytes are passed over.
 */
#include "net/http_list.h"

struct ccb_http_list {
    struct ccb_http_list_options options;
    struct ccb_json_stream *stream;
    size_t count;
    size_t taken; /* bytes pushed already that will come again */
    bool pause;   /* asked for by an element of this piece */
    struct ccb_error err;
};

/* ---- the reader's memory ------------------------------------------------ */

/* In front of each piece of memory: how large it is. */
struct head {
    size_t size;
    max_align_t memory[];
};

/* The reader holds one element at a time in memory that it doubles, so what
 * is left behind is no more than what is held. */
static void *resize(void *ctx, void *old, size_t size)
{
    struct ccb_http_list *list = ctx;
    struct head *head, *before;
    if (size == 0)
        return NULL;
    head = ccb_arena_alloc(list->options.arena, sizeof(*head) + size);
    if (!head)
        return NULL;
    head->size = size;
    if (old) {
        before = (struct head *)((char *)old - offsetof(struct head, memory));
        memcpy(head->memory, old, before->size < size ? before->size : size);
    }
    return head->memory;
}

/* ---- elements ----------------------------------------------------------- */

static int on_item(void *ctx, struct ccb_json item)
{
    struct ccb_http_list *list = ctx;
    int code = list->options.on_item(list->options.user, item);
    list->count++;
    if (code != CCB_HTTP_PAUSE)
        return code;
    list->pause = true;
    return 0;
}

static int on_member(void *ctx, struct ccb_json key, struct ccb_json value)
{
    struct ccb_http_list *list = ctx;
    return list->options.on_member
               ? list->options.on_member(list->options.user, key, value)
               : 0;
}

struct ccb_http_list *ccb_http_list_create(
    const struct ccb_http_list_options *options)
{
    struct ccb_http_list *list = ccb_arena_alloc(options->arena, sizeof(*list));
    struct ccb_json_stream_options stream = {
        .list = options->list,
        .max_item = options->max_item,
        .on_item = on_item,
        .on_member = on_member,
        .ctx = list,
        .resize = resize,
        .needs_list = options->list != NULL,
        .whole = true,
    };
    if (!list)
        return NULL;
    list->options = *options;
    list->stream = ccb_json_stream_create(&stream);
    return list->stream ? list : NULL;
}

/* ---- bytes -------------------------------------------------------------- */

int ccb_http_list_push(struct ccb_http_list *list, struct ccb_slice piece)
{
    size_t again = list->taken < piece.len ? list->taken : piece.len;
    int code;
    list->taken -= again;
    list->pause = false;
    code = ccb_json_stream_push(
        list->stream, ccb_slice_make(piece.ptr + again, piece.len - again),
        &list->err);
    if (code < 0)
        return code;
    if (!list->pause)
        return 0;
    list->taken = piece.len;
    return CCB_HTTP_PAUSE;
}

int ccb_http_list_end(struct ccb_http_list *list,
                      const struct ccb_http_answer *answer,
                      struct ccb_error *err)
{
    if (list->err.code == 0 && answer->code < 0)
        ccb_error_set(&list->err, answer->code, "%s", answer->error);
    if (list->err.code == 0)
        (void)ccb_json_stream_end(list->stream, &list->err);
    if (list->err.code < 0 && err)
        *err = list->err;
    return list->err.code;
}

size_t ccb_http_list_count(const struct ccb_http_list *list)
{
    return list->count;
}
