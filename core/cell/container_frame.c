/*
 * Frames between daemon and init: one table says which type goes which way
 * with how many descriptors, one reader checks all against it. Header: length
 * of the body, type, number of descriptors, id, a mark; 16 bytes.
 */
#include "cell/container_frame.h"

#include <string.h>

#define MARK 0x43434231U /* "CCB1" */

struct header {
    uint32_t length;
    uint16_t type, fds;
    uint32_t id, mark;
};

struct rule {
    const char *name;
    enum ccb_frame_side side;
    unsigned fds;
    uint32_t min, max; /* bytes of the body */
};

#define WORDS_MAX 4096U

static const struct rule rules[CCB_FRAME_TYPES] = {
    [CCB_FRAME_SPAWN] = {"spawn", CCB_FRAME_TO_INIT, 0, 23, CCB_FRAME_MAX},
    [CCB_FRAME_SIGNAL] = {"signal", CCB_FRAME_TO_INIT, 0, 4, 4},
    [CCB_FRAME_SOCKET] = {"socket", CCB_FRAME_TO_INIT, 0, 0, 0},
    [CCB_FRAME_READY] = {"ready", CCB_FRAME_TO_DAEMON, 0, 0, 0},
    [CCB_FRAME_FAILED] = {"failed", CCB_FRAME_TO_DAEMON, 0, 0, WORDS_MAX},
    [CCB_FRAME_STARTED] = {"started", CCB_FRAME_TO_DAEMON, 2, 0, 0},
    [CCB_FRAME_EXITED] = {"exited", CCB_FRAME_TO_DAEMON, 0, 4, 4},
    [CCB_FRAME_SOCKETS] = {"sockets", CCB_FRAME_TO_DAEMON, 1, 0, 0},
};

static int check_header(const struct header *header, enum ccb_frame_side side,
                        struct ccb_error *err)
{
    const struct rule *rule;

    if (header->mark != MARK)
        return ccb_error_set(err, CCB_INVALID, "frame: the mark is missing");
    if (header->type >= CCB_FRAME_TYPES || rules[header->type].name == NULL)
        return ccb_error_set(err, CCB_INVALID, "frame: type %u is unknown",
                             header->type);
    rule = &rules[header->type];
    if (rule->side != side)
        return ccb_error_set(err, CCB_INVALID,
                             "frame %s: goes the other way only", rule->name);
    if (header->fds != rule->fds)
        return ccb_error_set(err, CCB_INVALID,
                             "frame %s: %u descriptors, not %u", rule->name,
                             header->fds, rule->fds);
    if (header->length > rule->max)
        return ccb_error_set(err, CCB_TOO_LARGE,
                             "frame %s: %u bytes, at most %u", rule->name,
                             header->length, rule->max);
    if (header->length < rule->min)
        return ccb_error_set(err, CCB_INVALID, "frame %s: only %u bytes",
                             rule->name, header->length);
    return CCB_OK;
}

int ccb_frame_next(struct ccb_slice input, enum ccb_frame_side side,
                   struct ccb_frame *frame, size_t *used, struct ccb_error *err)
{
    struct header header;
    int code;

    *used = 0;
    if (input.len < CCB_FRAME_HEADER)
        return 0;
    memcpy(&header, input.ptr, sizeof(header));
    code = check_header(&header, side, err);
    if (code != CCB_OK)
        return code;
    if (input.len - CCB_FRAME_HEADER < header.length)
        return 0;
    frame->type = (enum ccb_frame_type)header.type;
    frame->id = header.id;
    frame->fds = header.fds;
    frame->body = ccb_slice_make(input.ptr + CCB_FRAME_HEADER, header.length);
    *used = CCB_FRAME_HEADER + (size_t)header.length;
    return 1;
}

/* ---- bodies ------------------------------------------------------------- */

/* A place in a body; once something was wrong, `bad` stays. */
struct cursor {
    struct ccb_slice left;
    int bad;
};

static void take_bytes(struct cursor *at, void *to, size_t size)
{
    memset(to, 0, size);
    if (at->bad || at->left.len < size) {
        at->bad = 1;
        return;
    }
    memcpy(to, at->left.ptr, size);
    at->left.ptr += size;
    at->left.len -= size;
}

static const char *take_string(struct cursor *at)
{
    const char *text = at->left.ptr, *end;

    end = at->bad || at->left.len == 0 ? NULL : memchr(text, 0, at->left.len);
    if (end == NULL) {
        at->bad = 1;
        return "";
    }
    at->left.len -= (size_t)(end - text) + 1;
    at->left.ptr = end + 1;
    return text;
}

static void take_list(struct cursor *at, struct ccb_frame_list *list)
{
    const char *start;

    take_bytes(at, &list->count, sizeof(list->count));
    if (list->count > CCB_FRAME_LIST_MAX)
        at->bad = 1;
    start = at->left.ptr;
    for (uint32_t i = 0; !at->bad && i < list->count; i++)
        (void)take_string(at);
    list->text = ccb_slice_make(start, (size_t)(at->left.ptr - start));
}

int ccb_frame_decode_spawn(const struct ccb_frame *frame,
                           struct ccb_frame_spawn *spawn, struct ccb_error *err)
{
    struct cursor at = {.left = frame->body};
    uint32_t kind;

    take_bytes(&at, &kind, sizeof(kind));
    take_bytes(&at, &spawn->nofile, sizeof(spawn->nofile));
    take_list(&at, &spawn->args);
    take_list(&at, &spawn->env);
    spawn->path = take_string(&at);
    spawn->dir = take_string(&at);
    spawn->user = take_string(&at);
    if (at.bad || at.left.len > 0 || kind >= CCB_FRAME_KINDS)
        return ccb_error_set(err, CCB_INVALID, "frame spawn: broken body");
    spawn->kind = (enum ccb_frame_kind)kind;
    return CCB_OK;
}

int ccb_frame_decode_number(const struct ccb_frame *frame, uint32_t *number,
                            struct ccb_error *err)
{
    if (frame->body.len != sizeof(*number))
        return ccb_error_set(err, CCB_INVALID, "frame: no number in it");
    memcpy(number, frame->body.ptr, sizeof(*number));
    return CCB_OK;
}

const char *ccb_frame_list_next(const struct ccb_frame_list *list, size_t *pos)
{
    const char *text = list->text.ptr + *pos;

    if (*pos >= list->text.len)
        return NULL;
    *pos += strlen(text) + 1; /* its NUL was seen by the decoder */
    return text;
}

/* ---- writing ------------------------------------------------------------ */

static int put_header(struct ccb_buf *out, enum ccb_frame_type type,
                      uint32_t id, size_t length)
{
    struct header header = {(uint32_t)length, (uint16_t)type,
                            (uint16_t)rules[type].fds, id, MARK};

    if (length > rules[type].max)
        return CCB_TOO_LARGE;
    return ccb_buf_append(out, &header, sizeof(header));
}

int ccb_frame_put(struct ccb_buf *out, enum ccb_frame_type type, uint32_t id,
                  struct ccb_slice body)
{
    int code = put_header(out, type, id, body.len);

    return code != CCB_OK ? code : ccb_buf_put_slice(out, body);
}

int ccb_frame_put_number(struct ccb_buf *out, enum ccb_frame_type type,
                         uint32_t id, uint32_t number)
{
    return ccb_frame_put(out, type, id,
                         ccb_slice_make((const char *)&number, sizeof(number)));
}

static size_t strings_size(struct ccb_frame_strings list)
{
    size_t size = sizeof(uint32_t);

    for (size_t i = 0; i < list.count; i++)
        size += strlen(list.items[i]) + 1;
    return size;
}

static void put_string(struct ccb_buf *out, const char *text)
{
    (void)ccb_buf_append(out, text, strlen(text) + 1); /* errors stick */
}

static void put_strings(struct ccb_buf *out, struct ccb_frame_strings list)
{
    uint32_t count = (uint32_t)list.count;

    (void)ccb_buf_append(out, &count, sizeof(count));
    for (size_t i = 0; i < list.count; i++)
        put_string(out, list.items[i]);
}

int ccb_frame_put_spawn(struct ccb_buf *out, uint32_t id,
                        const struct ccb_frame_spawn *spawn,
                        struct ccb_frame_strings args,
                        struct ccb_frame_strings env)
{
    size_t before = out->len, size;
    uint32_t kind = (uint32_t)spawn->kind;
    int code;

    if (args.count > CCB_FRAME_LIST_MAX || env.count > CCB_FRAME_LIST_MAX)
        return CCB_TOO_LARGE;
    size = sizeof(kind) + sizeof(spawn->nofile) + strings_size(args) +
           strings_size(env) + strlen(spawn->path) + strlen(spawn->dir) +
           strlen(spawn->user) + 3;
    code = put_header(out, CCB_FRAME_SPAWN, id, size);
    if (code != CCB_OK)
        return code;
    (void)ccb_buf_append(out, &kind, sizeof(kind));
    (void)ccb_buf_append(out, &spawn->nofile, sizeof(spawn->nofile));
    put_strings(out, args);
    put_strings(out, env);
    put_string(out, spawn->path);
    put_string(out, spawn->dir);
    put_string(out, spawn->user);
    if (out->failed)
        out->len = before; /* half a frame must not be sent */
    return out->failed;
}
