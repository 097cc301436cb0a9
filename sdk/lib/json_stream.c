/*
 * Lists of any length: bytes are pushed in as they arrive, elements come out.
 *
 * Invariant: at most one element, or one other member with its name, is held,
 * and only while it straddles two pushes; one that lies whole inside a push is
 * handed on from there. Where the document is cut makes no difference to what
 * is handed on. Follows contract/stager.md A8 and design.md 5 (memory follows
 * what is in flight).
 */
#include "json_internal.h"

#include <stdlib.h>

#define DEFAULT_MAX_ITEM ((size_t)1 << 20)
#define FIRST_CAPACITY 512

enum state {
    DOCUMENT,     /* before the document's first byte */
    FIRST_ITEM,   /* behind '[' */
    ITEM,         /* behind a comma of the list */
    AFTER_ITEM,   /* a comma or ']' comes */
    FIRST_KEY,    /* behind '{' */
    KEY,          /* behind a comma of the object */
    AFTER_KEY,    /* a colon comes */
    MEMBER,       /* behind a colon */
    AFTER_MEMBER, /* a comma or '}' comes */
    COLLECT,      /* inside an element, a name or a value */
    DONE          /* what comes now is ignored, or must be white space */
};

struct held {
    char *bytes;
    size_t len, capacity;
};

struct ccb_json_stream {
    struct ccb_json_stream_options options;
    enum state state;
    enum state then;           /* the state behind what is collected */
    struct ccb_json_span span; /* of what is collected */
    struct held item;          /* its bytes from earlier pushes */
    size_t room;               /* bytes that it may have */
    void (*on_collected)(struct ccb_json_stream *s, struct ccb_json value);
    struct held key;        /* the name of the member that is read, in quotes */
    int is_list;            /* that member is the list */
    int list_seen;          /* the list's member was met */
    size_t index;           /* of the next element */
    size_t before;          /* bytes of earlier pushes */
    const char *push;       /* the bytes of this one */
    struct ccb_error error; /* code 0 while all is well */
};

/* ---- memory ------------------------------------------------------------- */

/* The SDK has no heap of its own; without the caller's it is libc's. */
static void *default_resize(void *ctx, void *old, size_t size)
{
    (void)ctx;
    if (size == 0) {
        free(old);
        return NULL;
    }
    return realloc(old, size);
}

static int hold(struct ccb_json_stream *s, struct held *held,
                struct ccb_slice more)
{
    size_t need = held->len + more.len, capacity = held->capacity * 2;
    char *bytes;

    if (need > held->capacity) {
        if (capacity < FIRST_CAPACITY)
            capacity = FIRST_CAPACITY;
        if (capacity > s->options.max_item)
            capacity = s->options.max_item;
        if (capacity < need)
            capacity = need;
        bytes = s->options.resize(s->options.ctx, held->bytes, capacity);
        if (!bytes)
            return ccb_error_set(&s->error, CCB_NO_MEMORY,
                                 "no memory for %zu bytes of JSON", capacity);
        held->bytes = bytes;
        held->capacity = capacity;
    }
    memcpy(held->bytes + held->len, more.ptr, more.len);
    held->len = need;
    return 0;
}

struct ccb_json_stream *ccb_json_stream_create(
    const struct ccb_json_stream_options *options)
{
    struct ccb_json_stream_options copy = *options;
    struct ccb_json_stream *s;

    if (!copy.resize)
        copy.resize = default_resize;
    if (copy.max_item == 0)
        copy.max_item = DEFAULT_MAX_ITEM;
    s = copy.resize(copy.ctx, NULL, sizeof(*s));
    if (!s)
        return NULL;
    memset(s, 0, sizeof(*s));
    s->options = copy;
    return s;
}

void ccb_json_stream_free(struct ccb_json_stream *s)
{
    void *(*resize)(void *, void *, size_t);
    void *ctx;

    if (!s)
        return;
    resize = s->options.resize;
    ctx = s->options.ctx;
    if (s->item.bytes)
        resize(ctx, s->item.bytes, 0);
    if (s->key.bytes)
        resize(ctx, s->key.bytes, 0);
    resize(ctx, s, 0);
}

/* ---- errors ------------------------------------------------------------- */

static void fail_at(struct ccb_json_stream *s, const char *p,
                    const char *problem)
{
    ccb_error_set(&s->error, CCB_INVALID, "invalid JSON at byte %zu: %s",
                  s->before + (size_t)(p - s->push), problem);
}

/* A value of another type begins at `p`, or none at all. */
static void fail_type(struct ccb_json_stream *s, const char *p,
                      const char *expected)
{
    enum ccb_json_type type = ccb_json_type_of(*p);

    if (type == CCB_JSON_NONE)
        fail_at(s, p, "a value was expected");
    else
        ccb_error_set(&s->error, CCB_INVALID, "expected %s, found %s", expected,
                      ccb_json_type_name(type));
}

/* Which part of the document the error is about. */
static void name_part(struct ccb_json_stream *s)
{
    if (s->then == AFTER_ITEM)
        ccb_error_prefix(&s->error, "element %zu", s->index);
    else if (s->is_list)
        ccb_error_prefix(&s->error, "%s", s->options.list);
}

static void check_callback(struct ccb_json_stream *s, int rc)
{
    if (rc < 0) {
        ccb_error_set(&s->error, rc, "refused by its reader (%s)",
                      ccb_error_name(rc));
        name_part(s);
    }
}

/* ---- what was collected ------------------------------------------------- */

static void on_item(struct ccb_json_stream *s, struct ccb_json value)
{
    check_callback(s, s->options.on_item(s->options.ctx, value));
    s->index++;
}

static void on_key(struct ccb_json_stream *s, struct ccb_json key)
{
    const char *list = s->options.list;

    s->key.len = 0;
    if (hold(s, &s->key, key.raw) != 0)
        return;
    s->is_list = ccb_json_key_matches(key, list);
    /* Elements that were handed on can't be taken back, as the rule that the
     * last duplicate holds would ask for. */
    if (s->is_list && s->list_seen)
        ccb_error_set(&s->error, CCB_INVALID, "%s: given twice", list);
    s->list_seen |= s->is_list;
}

static void on_member(struct ccb_json_stream *s, struct ccb_json value)
{
    struct ccb_json key = {CCB_JSON_STRING, {s->key.bytes, s->key.len}};

    if (s->options.on_member)
        check_callback(s, s->options.on_member(s->options.ctx, key, value));
}

/* Instead of the list or the whole document: it is a checked `n...`, so null.
 */
static void on_null(struct ccb_json_stream *s, struct ccb_json value)
{
    (void)s, (void)value;
}

/* ---- steps -------------------------------------------------------------- */

/* A step takes bytes at `p`, of which there is at least one that is no white
 * space (but for collecting), and returns where to go on. */
typedef const char *(*step_fn)(struct ccb_json_stream *s, const char *p,
                               const char *end);

/* From the next byte on one value is collected, of at most `room` bytes. */
static void collect(struct ccb_json_stream *s, enum state then, size_t room,
                    void (*on_collected)(struct ccb_json_stream *,
                                         struct ccb_json))
{
    memset(&s->span, 0, sizeof(s->span));
    s->item.len = 0;
    s->room = room;
    s->then = then;
    s->on_collected = on_collected;
    s->state = COLLECT;
}

static const char *step_collect(struct ccb_json_stream *s, const char *p,
                                const char *end)
{
    const char *next = ccb_json_span_feed(&s->span, p, end);
    struct ccb_slice text = ccb_slice_make(p, (size_t)(next - p));
    struct ccb_json value;

    if (text.len > s->room - s->item.len) {
        ccb_error_set(&s->error, CCB_TOO_LARGE, "more than %zu bytes of JSON",
                      s->options.max_item);
    } else if (!s->span.done) {
        hold(s, &s->item, text);
    } else if (s->item.len == 0 || hold(s, &s->item, text) == 0) {
        if (s->item.len > 0)
            text = ccb_slice_make(s->item.bytes, s->item.len);
        if (ccb_json_parse(&value, text, CCB_JSON_WHOLE, &s->error) == 0) {
            s->state = s->then;
            s->on_collected(s, value);
            return next;
        }
    }
    if (s->error.code != 0)
        name_part(s);
    return next;
}

static const char *step_document(struct ccb_json_stream *s, const char *p,
                                 const char *end)
{
    (void)end;
    if (*p == (s->options.list ? '{' : '[')) {
        s->state = s->options.list ? FIRST_KEY : FIRST_ITEM;
        return p + 1;
    }
    if (*p == 'n')
        collect(s, DONE, s->options.max_item, on_null);
    else
        fail_type(s, p, s->options.list ? "an object" : "an array");
    return p;
}

static const char *step_item(struct ccb_json_stream *s, const char *p,
                             const char *end)
{
    (void)end;
    if (s->state == FIRST_ITEM && *p == ']') {
        s->state = s->options.list ? AFTER_MEMBER : DONE;
        return p + 1;
    }
    collect(s, AFTER_ITEM, s->options.max_item, on_item);
    if (ccb_json_type_of(*p) == CCB_JSON_NONE)
        fail_at(s, p, "a value was expected");
    return p;
}

static const char *step_after_item(struct ccb_json_stream *s, const char *p,
                                   const char *end)
{
    (void)end;
    if (*p == ',')
        s->state = ITEM;
    else if (*p == ']')
        s->state = s->options.list ? AFTER_MEMBER : DONE;
    else
        fail_at(s, p, "',' or ']' was expected");
    return p + 1;
}

static const char *step_key(struct ccb_json_stream *s, const char *p,
                            const char *end)
{
    (void)end;
    s->is_list = 0;
    if (s->state == FIRST_KEY && *p == '}') {
        s->state = DONE;
        return p + 1;
    }
    if (*p == '"')
        collect(s, AFTER_KEY, s->options.max_item, on_key);
    else
        fail_at(s, p, "a member's name was expected");
    return p;
}

static const char *step_after_key(struct ccb_json_stream *s, const char *p,
                                  const char *end)
{
    (void)end;
    if (*p == ':')
        s->state = MEMBER;
    else
        fail_at(s, p, "':' was expected");
    return p + 1;
}

static const char *step_member(struct ccb_json_stream *s, const char *p,
                               const char *end)
{
    (void)end;
    if (!s->is_list) {
        collect(s, AFTER_MEMBER, s->options.max_item - s->key.len, on_member);
    } else if (*p == '[') {
        s->state = FIRST_ITEM;
        return p + 1;
    } else if (*p == 'n' && !s->options.needs_list) {
        collect(s, AFTER_MEMBER, s->options.max_item, on_null);
    } else {
        fail_type(s, p, "an array");
        name_part(s);
    }
    return p;
}

static const char *step_after_member(struct ccb_json_stream *s, const char *p,
                                     const char *end)
{
    (void)end;
    if (*p == ',')
        s->state = KEY;
    else if (*p == '}')
        s->state = DONE;
    else
        fail_at(s, p, "',' or '}' was expected");
    return p + 1;
}

static const char *step_done(struct ccb_json_stream *s, const char *p,
                             const char *end)
{
    (void)end;
    fail_at(s, p, "nothing was expected behind the document");
    return p;
}

static const step_fn steps[] = {
    [DOCUMENT] = step_document,
    [FIRST_ITEM] = step_item,
    [ITEM] = step_item,
    [AFTER_ITEM] = step_after_item,
    [FIRST_KEY] = step_key,
    [KEY] = step_key,
    [AFTER_KEY] = step_after_key,
    [MEMBER] = step_member,
    [AFTER_MEMBER] = step_after_member,
    [COLLECT] = step_collect,
    [DONE] = step_done,
};

/* ---- bytes -------------------------------------------------------------- */

static void take(struct ccb_json_stream *s, struct ccb_slice bytes)
{
    const char *p = bytes.ptr, *end;

    if (bytes.len == 0)
        return;
    end = p + bytes.len;
    s->push = p;
    while (s->error.code == 0 && (s->state != DONE || s->options.whole)) {
        if (s->state != COLLECT)
            p = ccb_json_skip_space(p, end);
        if (p == end)
            break;
        p = steps[s->state](s, p, end);
    }
    s->before += bytes.len;
}

static int report(const struct ccb_json_stream *s, struct ccb_error *err)
{
    if (err && s->error.code != 0)
        *err = s->error;
    return s->error.code;
}

int ccb_json_stream_push(struct ccb_json_stream *s, struct ccb_slice bytes,
                         struct ccb_error *err)
{
    take(s, bytes);
    return report(s, err);
}

int ccb_json_stream_end(struct ccb_json_stream *s, struct ccb_error *err)
{
    size_t len = s->before;

    /* A document `null` ends only where something else begins. */
    if (s->state == COLLECT && s->then == DONE)
        take(s, ccb_slice_make(" ", 1));
    if (s->error.code == 0 && s->state != DONE)
        ccb_error_set(&s->error, CCB_INVALID,
                      "invalid JSON at byte %zu: the text ends too early", len);
    if (s->error.code == 0 && s->options.needs_list && !s->list_seen)
        ccb_error_set(&s->error, CCB_INVALID, "there is no %s in the document",
                      s->options.list);
    return report(s, err);
}
