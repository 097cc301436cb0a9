/*
 * Tables to structs: an object's members into the fields that a shape names.
 *
 * Invariant: a member is decoded into zeroed room each time it is met, so of
 * duplicates the last one holds whole, and null leaves zero; an earlier
 * duplicate of a wrong type is still an error. Error texts name the path and
 * types, never a value: documents hold passwords. Follows
 * contract/stager.md A8.
 */
#include "json_internal.h"

#include <stdbool.h>
#include <stdio.h>

/* Where a value stands; the messages are made from it. */
struct path {
    const struct path *up;
    const char *name; /* of a member; NULL for an element or the document */
    size_t index;     /* of an element */
};

struct decode {
    const struct ccb_json_alloc *alloc;
    struct ccb_error *err;
};

/* The value at `at`, not null, into zeroed room. A container is passed
 * before this returns 0. */
typedef int (*decode_fn)(const struct decode *d, const struct path *path,
                         const struct ccb_json_field *field,
                         struct ccb_json_iter *at, void *out);

/* What a field's kind means, by enum ccb_json_kind. */
static const struct kind {
    decode_fn decode;
    size_t size; /* of the room; an object's is its shape's */
    int64_t min; /* of an integer */
    uint64_t max;
} kinds[CCB_JSON_K_LIST + 1];

/* ---- errors ------------------------------------------------------------- */

static void format_path(const struct path *path, char *text, size_t size)
{
    size_t used;

    if (!path->up) {
        text[0] = '\0';
        return;
    }
    format_path(path->up, text, size);
    used = strlen(text);
    if (!path->name)
        snprintf(text + used, size - used, "[%zu]", path->index);
    else
        snprintf(text + used, size - used, "%s%s", used > 0 ? "." : "",
                 path->name);
}

static int fail(const struct decode *d, const struct path *path, int code,
                const char *problem)
{
    char text[200];

    format_path(path, text, sizeof(text));
    ccb_error_set(d->err, code, "%s%s%s", text, text[0] ? ": " : "", problem);
    return code;
}

static int fail_type(const struct decode *d, const struct path *path,
                     const char *expected, struct ccb_json found)
{
    char problem[80];

    snprintf(problem, sizeof(problem), "expected %s, found %s", expected,
             ccb_json_type_name(found.type));
    return fail(d, path, CCB_INVALID, problem);
}

static int fail_memory(const struct decode *d, const struct path *path)
{
    return fail(d, path, CCB_NO_MEMORY, "no memory");
}

/* ---- scalars ------------------------------------------------------------ */

static int decode_string(const struct decode *d, const struct path *path,
                         const struct ccb_json_field *field,
                         struct ccb_json_iter *at, void *out)
{
    struct ccb_slice text;

    (void)field;
    if (at->value.type != CCB_JSON_STRING)
        return fail_type(d, path, "a string", at->value);
    if (ccb_json_string(at->value, d->alloc, &text) != 0)
        return fail_memory(d, path);
    memcpy(out, &text, sizeof(text));
    return 0;
}

static int decode_quoted(const struct decode *d, const struct path *path,
                         const struct ccb_json_field *field,
                         struct ccb_json_iter *at, void *out)
{
    (void)field;
    if (at->value.type != CCB_JSON_STRING)
        return fail_type(d, path, "a string", at->value);
    memcpy(out, &at->value.raw, sizeof(at->value.raw));
    return 0;
}

static int decode_bool(const struct decode *d, const struct path *path,
                       const struct ccb_json_field *field,
                       struct ccb_json_iter *at, void *out)
{
    bool truth = at->value.raw.len == 4;

    (void)field;
    if (at->value.type != CCB_JSON_BOOL)
        return fail_type(d, path, "a boolean", at->value);
    memcpy(out, &truth, sizeof(truth));
    return 0;
}

static int decode_raw(const struct decode *d, const struct path *path,
                      const struct ccb_json_field *field,
                      struct ccb_json_iter *at, void *out)
{
    (void)d, (void)path, (void)field;
    ccb_json_settle(at);
    memcpy(out, &at->value, sizeof(at->value));
    return 0;
}

/* The kind of a field's value or, in a list, of its elements. */
static enum ccb_json_kind scalar_kind(const struct ccb_json_field *field)
{
    return field->kind == CCB_JSON_K_LIST ? field->element : field->kind;
}

/* A number that no reader of integers took: says why. */
static int fail_number(const struct decode *d, const struct path *path,
                       struct ccb_json value)
{
    if (value.type != CCB_JSON_NUMBER)
        return fail_type(d, path, "an integer", value);
    for (size_t i = 0; i < value.raw.len; i++)
        if (strchr(".eE", value.raw.ptr[i]))
            return fail(d, path, CCB_INVALID,
                        "expected an integer, found a number with a fraction "
                        "or an exponent");
    return fail(d, path, CCB_INVALID, "number out of range");
}

static int decode_signed(const struct decode *d, const struct path *path,
                         const struct ccb_json_field *field,
                         struct ccb_json_iter *at, void *out)
{
    const struct kind *kind = &kinds[scalar_kind(field)];
    int64_t n;
    int32_t small;

    if (ccb_json_int64(at->value, &n) != 0 || n < kind->min ||
        (n > 0 && (uint64_t)n > kind->max))
        return fail_number(d, path, at->value);
    small = (int32_t)n;
    memcpy(out, kind->size == 4 ? (void *)&small : (void *)&n, kind->size);
    return 0;
}

static int decode_unsigned(const struct decode *d, const struct path *path,
                           const struct ccb_json_field *field,
                           struct ccb_json_iter *at, void *out)
{
    const struct kind *kind = &kinds[scalar_kind(field)];
    uint64_t n;
    uint32_t medium;
    uint16_t small;

    if (ccb_json_uint64(at->value, &n) != 0 || n > kind->max)
        return fail_number(d, path, at->value);
    medium = (uint32_t)n;
    small = (uint16_t)n;
    memcpy(out,
           kind->size == 2   ? (void *)&small
           : kind->size == 4 ? (void *)&medium
                             : (void *)&n,
           kind->size);
    return 0;
}

/* ---- containers --------------------------------------------------------- */

static int decode_members(const struct decode *d, const struct path *path,
                          const struct ccb_json_shape *shape,
                          struct ccb_json_iter *at, void *out);

static int decode_object(const struct decode *d, const struct path *path,
                         const struct ccb_json_field *field,
                         struct ccb_json_iter *at, void *out)
{
    return decode_members(d, path, field->shape, at, out);
}

static int decode_list(const struct decode *d, const struct path *path,
                       const struct ccb_json_field *field,
                       struct ccb_json_iter *at, void *out);

static const struct kind kinds[CCB_JSON_K_LIST + 1] = {
    [CCB_JSON_K_STRING] = {decode_string, sizeof(struct ccb_slice), 0, 0},
    [CCB_JSON_K_QUOTED] = {decode_quoted, sizeof(struct ccb_slice), 0, 0},
    [CCB_JSON_K_BOOL] = {decode_bool, sizeof(bool), 0, 0},
    [CCB_JSON_K_INT64] = {decode_signed, 8, INT64_MIN, INT64_MAX},
    [CCB_JSON_K_UINT64] = {decode_unsigned, 8, 0, UINT64_MAX},
    [CCB_JSON_K_INT32] = {decode_signed, 4, INT32_MIN, INT32_MAX},
    [CCB_JSON_K_UINT32] = {decode_unsigned, 4, 0, UINT32_MAX},
    [CCB_JSON_K_UINT16] = {decode_unsigned, 2, 0, UINT16_MAX},
    [CCB_JSON_K_RAW] = {decode_raw, sizeof(struct ccb_json), 0, 0},
    [CCB_JSON_K_OBJECT] = {decode_object, 0, 0, 0},
    [CCB_JSON_K_LIST] = {decode_list, sizeof(struct ccb_json_list), 0, 0},
};

/* Any value, null too, into zeroed room. */
static int decode_value(const struct decode *d, const struct path *path,
                        const struct ccb_json_field *field,
                        enum ccb_json_kind kind, struct ccb_json_iter *at,
                        void *out)
{
    if (at->value.type == CCB_JSON_NULL && kind != CCB_JSON_K_RAW)
        return 0;
    return kinds[kind].decode(d, path, field, at, out);
}

static size_t room_of(const struct ccb_json_field *field,
                      enum ccb_json_kind kind)
{
    return kind == CCB_JSON_K_OBJECT ? field->shape->size : kinds[kind].size;
}

/* A list while it is decoded: how many it ends up with is not known before, so
 * its room doubles. */
struct growing {
    struct ccb_json_list list;
    size_t capacity, room; /* in elements; bytes of one */
};

/* Zeroed room for one element more; NULL: no memory. */
static void *add_item(const struct decode *d, struct growing *g)
{
    size_t capacity = g->capacity ? 2 * g->capacity : 8, bytes;
    char *items = g->list.items;

    if (g->list.count == g->capacity) {
        if (__builtin_mul_overflow(capacity, g->room, &bytes) || !d->alloc)
            return NULL;
        items = d->alloc->alloc(d->alloc->ctx, bytes);
        if (!items)
            return NULL;
        if (g->list.count > 0)
            memcpy(items, g->list.items, g->list.count * g->room);
        memset(items + g->list.count * g->room, 0,
               bytes - g->list.count * g->room);
        g->list.items = items;
        g->capacity = capacity;
    }
    return items + g->list.count++ * g->room;
}

static int decode_list(const struct decode *d, const struct path *path,
                       const struct ccb_json_field *field,
                       struct ccb_json_iter *at, void *out)
{
    enum ccb_json_kind kind = field->shape ? CCB_JSON_K_OBJECT : field->element;
    struct growing g = {{NULL, 0, 1}, 0, room_of(field, kind)};
    struct ccb_json_iter it;

    if (at->value.type != CCB_JSON_ARRAY)
        return fail_type(d, path, "an array", at->value);
    ccb_json_enter(&it, at);
    while (ccb_json_step(&it)) {
        struct path element = {path, NULL, it.index};
        void *item = add_item(d, &g);
        int rc = item ? decode_value(d, &element, field, kind, &it, item)
                      : fail_memory(d, path);
        if (rc != 0)
            return rc;
    }
    ccb_json_leave(at, &it);
    memcpy(out, &g.list, sizeof(g.list));
    return 0;
}

/* The field that a key names: exactly, else in another case. Members mostly
 * come in the table's order, so the search begins at `*next`. */
static const struct ccb_json_field *find_field(
    const struct ccb_json_shape *shape, struct ccb_json key, size_t *next)
{
    struct ccb_slice name = ccb_json_inside(key);

    for (size_t n = 0, i = *next; n < shape->count; n++, i++) {
        if (i >= shape->count)
            i = 0;
        if (ccb_json_key_is(name, shape->fields[i].name)) {
            *next = i + 1;
            return &shape->fields[i];
        }
    }
    /* A key with escapes may still be exact, and exact goes before case. */
    if (memchr(name.ptr, '\\', name.len))
        for (size_t i = 0; i < shape->count; i++)
            if (ccb_json_string_is(key, shape->fields[i].name))
                return &shape->fields[i];
    for (size_t i = 0; i < shape->count; i++)
        if (ccb_json_folds_to(name, shape->fields[i].name))
            return &shape->fields[i];
    return NULL;
}

static int decode_member(const struct decode *d, const struct path *path,
                         const struct ccb_json_field *field,
                         struct ccb_json_iter *at, char *base)
{
    struct path member = {path, field->name, 0};
    char *out = base + field->offset;

    memset(out, 0, room_of(field, field->kind));
    if (field->given) {
        bool given = at->value.type != CCB_JSON_NULL;
        memcpy(base + field->given - 1, &given, sizeof(given));
    }
    return decode_value(d, &member, field, field->kind, at, out);
}

static int decode_members(const struct decode *d, const struct path *path,
                          const struct ccb_json_shape *shape,
                          struct ccb_json_iter *at, void *out)
{
    struct ccb_json_iter it;
    size_t next = 0;

    if (at->value.type != CCB_JSON_OBJECT)
        return fail_type(d, path, "an object", at->value);
    ccb_json_enter(&it, at);
    while (ccb_json_step(&it)) {
        const struct ccb_json_field *field = find_field(shape, it.key, &next);
        int rc = 0;
        if (field)
            rc = decode_member(d, path, field, &it, out);
        else
            ccb_json_settle(&it);
        if (rc != 0)
            return rc;
    }
    ccb_json_leave(at, &it);
    return 0;
}

int ccb_json_decode(struct ccb_json value, const struct ccb_json_shape *shape,
                    void *out, const struct ccb_json_alloc *alloc,
                    struct ccb_error *err)
{
    struct decode d = {alloc, err};
    struct path document = {NULL, NULL, 0};
    struct ccb_json_iter at;

    memset(out, 0, shape->size);
    if (value.type == CCB_JSON_NULL)
        return 0;
    memset(&at, 0, sizeof(at));
    at.value = value;
    if (value.raw.len > 0)
        at.end = value.raw.ptr + value.raw.len;
    return decode_members(&d, &document, shape, &at, out);
}
