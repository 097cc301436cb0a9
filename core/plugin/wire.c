/*
 * Frames between daemon and worker. One table says of each kind which way it
 * goes and which fields it has; one reader and one writer walk that table, so
 * what one side writes the other reads.
 * Invariant: no length is believed before it was held against what is there.
 * Follows anchors 3.6.
 */
#include "plugin/wire.h"

#include <string.h>

#include "plugin/host.h"

#define MAGIC 0x57424343U /* "CCBW" in memory */
#define VERSION 1

struct header {
    uint32_t magic;
    uint8_t version, kind;
    uint16_t reserved; /* 0 */
    uint32_t id, length;
};
_Static_assert(sizeof(struct header) == CCB_WIRE_HEADER, "no padding");

enum field_type { NUMBER32, NUMBER64, TEXT };

struct field {
    enum field_type type;
    size_t offset;
    uint32_t max; /* bytes of a text */
};

struct rule {
    const char *name;
    enum ccb_wire_side side;
    const struct field *fields;
    size_t count;
};

#define MAX_CALL (CCB_WIRE_MAX_TO_WORKER - 4096)
#define MAX_WORDS 65536

#define FIELD(type, message, member, max)                                      \
    {                                                                          \
        type, offsetof(struct ccb_wire_##message, member), max                 \
    }

static const struct field hello[] = {
    FIELD(NUMBER64, hello, memory_mb, 0),
    FIELD(TEXT, hello, id, MAX_WORDS),
    FIELD(TEXT, hello, config, 1 << 20),
};
static const struct field call[] = {
    FIELD(NUMBER32, call, function, 0),
    FIELD(NUMBER64, call, remaining, 0),
    FIELD(TEXT, call, guid, MAX_WORDS),
    FIELD(TEXT, call, dialect, MAX_WORDS),
    FIELD(TEXT, call, message, MAX_CALL),
    FIELD(TEXT, call, facts, MAX_CALL),
    FIELD(TEXT, call, gathered, MAX_CALL),
};
static const struct field ready[] = {
    FIELD(NUMBER32, ready, offered, 0),
};
static const struct field refused[] = {
    FIELD(NUMBER32, refused, reason, 0),
    FIELD(TEXT, refused, expected, 1024),
    FIELD(TEXT, refused, found, 1024),
};
static const struct field log_line[] = {
    FIELD(NUMBER32, log, level, 0),
    FIELD(TEXT, log, action, 1024),
    FIELD(TEXT, log, data, 1 << 20),
};
static const struct field answer[] = {
    FIELD(NUMBER32, answer, returned, 0),
    FIELD(NUMBER32, answer, emit_code, 0),
    FIELD(NUMBER32, answer, fail_code, 0),
    FIELD(NUMBER32, answer, tired, 0),
    FIELD(TEXT, answer, result, CCB_PLUGIN_MAX_RESULT),
    FIELD(TEXT, answer, cc_error_id, 1024),
    FIELD(TEXT, answer, wanted, 4096),
    FIELD(TEXT, answer, error, CCB_PLUGIN_MAX_TEXT),
};

#define RULE(name, side, fields)                                               \
    {                                                                          \
        name, side, fields, sizeof(fields) / sizeof((fields)[0])               \
    }

static const struct rule rules[CCB_WIRE_KINDS] = {
    [CCB_WIRE_HELLO] = RULE("hello", CCB_WIRE_TO_WORKER, hello),
    [CCB_WIRE_CALL] = RULE("call", CCB_WIRE_TO_WORKER, call),
    [CCB_WIRE_READY] = RULE("ready", CCB_WIRE_TO_DAEMON, ready),
    [CCB_WIRE_REFUSED] = RULE("refused", CCB_WIRE_TO_DAEMON, refused),
    [CCB_WIRE_LOG] = RULE("log", CCB_WIRE_TO_DAEMON, log_line),
    [CCB_WIRE_ANSWER] = RULE("answer", CCB_WIRE_TO_DAEMON, answer),
};

static uint32_t max_body(enum ccb_wire_side side)
{
    return side == CCB_WIRE_TO_WORKER ? CCB_WIRE_MAX_TO_WORKER
                                      : CCB_WIRE_MAX_TO_DAEMON;
}

/* ---- reading ------------------------------------------------------------ */

static int check_header(const struct header *h, enum ccb_wire_side side,
                        struct ccb_error *err)
{
    if (h->magic != MAGIC)
        return ccb_error_set(err, CCB_INVALID, "a frame without its magic");
    if (h->version != VERSION || h->reserved)
        return ccb_error_set(err, CCB_INVALID, "a frame of version %u, not %d",
                             h->version, VERSION);
    if (h->kind == 0 || h->kind >= CCB_WIRE_KINDS)
        return ccb_error_set(err, CCB_INVALID, "a frame of the unknown kind %u",
                             h->kind);
    if (rules[h->kind].side != side)
        return ccb_error_set(err, CCB_INVALID, "a \"%s\" from the wrong side",
                             rules[h->kind].name);
    if (h->length > max_body(side))
        return ccb_error_set(err, CCB_TOO_LARGE,
                             "a \"%s\" of %u bytes, over the %u allowed",
                             rules[h->kind].name, h->length, max_body(side));
    return 0;
}

int ccb_wire_next(struct ccb_slice input, enum ccb_wire_side side,
                  struct ccb_wire_frame *frame, size_t *used,
                  struct ccb_error *err)
{
    struct header h;
    int code;

    *used = CCB_WIRE_HEADER;
    if (input.len < CCB_WIRE_HEADER)
        return 0;
    memcpy(&h, input.ptr, sizeof(h));
    code = check_header(&h, side, err);
    if (code)
        return code;
    *used += h.length;
    if (input.len < *used)
        return 0;
    frame->kind = (enum ccb_wire_kind)h.kind;
    frame->id = h.id;
    frame->body = ccb_slice_make(input.ptr + CCB_WIRE_HEADER, h.length);
    return 1;
}

/* Takes `size` bytes off the front. */
static const char *take(struct ccb_slice *body, size_t size)
{
    const char *bytes = body->ptr;

    if (body->len < size)
        return NULL;
    body->ptr += size;
    body->len -= size;
    return bytes;
}

static bool read_text(struct ccb_slice *body, uint32_t max, void *member)
{
    const char *bytes = take(body, sizeof(uint32_t));
    struct ccb_slice text;
    uint32_t len;

    if (!bytes)
        return false;
    memcpy(&len, bytes, sizeof(len));
    bytes = len <= max ? take(body, len) : NULL;
    if (!bytes)
        return false;
    text = ccb_slice_make(bytes, len);
    memcpy(member, &text, sizeof(text));
    return true;
}

static bool read_number(struct ccb_slice *body, size_t size, void *member)
{
    const char *bytes = take(body, size);

    if (bytes)
        memcpy(member, bytes, size);
    return bytes != NULL;
}

static size_t number_size(enum field_type type)
{
    return type == NUMBER64 ? sizeof(uint64_t) : sizeof(uint32_t);
}

int ccb_wire_decode(const struct ccb_wire_frame *frame, void *message,
                    struct ccb_error *err)
{
    const struct rule *rule = &rules[frame->kind];
    struct ccb_slice body = frame->body;
    bool good = true;

    for (size_t i = 0; good && i < rule->count; i++) {
        const struct field *field = &rule->fields[i];
        char *member = (char *)message + field->offset;

        good = field->type == TEXT
                   ? read_text(&body, field->max, member)
                   : read_number(&body, number_size(field->type), member);
    }
    if (!good || body.len)
        return ccb_error_set(err, CCB_INVALID,
                             "a \"%s\" whose body of %zu bytes is none",
                             rule->name, frame->body.len);
    return 0;
}

/* ---- writing ------------------------------------------------------------ */

static struct ccb_slice text_of(const void *member)
{
    struct ccb_slice text;

    memcpy(&text, member, sizeof(text));
    return text;
}

/* The body's length, or CCB_TOO_LARGE. */
static int64_t measure(const struct rule *rule, const void *message)
{
    int64_t size = 0;

    for (size_t i = 0; i < rule->count; i++) {
        const struct field *field = &rule->fields[i];
        struct ccb_slice text;

        if (field->type != TEXT) {
            size += (int64_t)number_size(field->type);
            continue;
        }
        text = text_of((const char *)message + field->offset);
        if (text.len > field->max)
            return CCB_TOO_LARGE;
        size += (int64_t)(sizeof(uint32_t) + text.len);
    }
    return size > max_body(rule->side) ? CCB_TOO_LARGE : size;
}

static void write_field(struct ccb_buf *out, const struct field *field,
                        const char *member)
{
    struct ccb_slice text;
    uint32_t len;

    if (field->type != TEXT) {
        ccb_buf_append(out, member, number_size(field->type));
        return;
    }
    text = text_of(member);
    len = (uint32_t)text.len;
    ccb_buf_append(out, &len, sizeof(len));
    if (text.len)
        ccb_buf_append(out, text.ptr, text.len);
}

int ccb_wire_encode(struct ccb_buf *out, enum ccb_wire_kind kind, uint32_t id,
                    const void *message)
{
    const struct rule *rule = &rules[kind];
    int64_t length = measure(rule, message);
    struct header h = {
        .magic = MAGIC, .version = VERSION, .kind = (uint8_t)kind, .id = id};

    if (length < 0)
        return (int)length;
    h.length = (uint32_t)length;
    if (!ccb_buf_reserve(out, sizeof(h) + h.length))
        return out->failed;
    ccb_buf_append(out, &h, sizeof(h));
    for (size_t i = 0; i < rule->count; i++)
        write_field(out, &rule->fields[i],
                    (const char *)message + rule->fields[i].offset);
    return out->failed;
}
