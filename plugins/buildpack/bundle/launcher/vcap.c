/*
 * VCAP_APPLICATION rewritten: an object with its members in byte order at
 * every depth, numbers as doubles, four members of the instance's own
 * (contract/lifecycle-buildpack.md A10, 4).
 *
 * Invariant: what is written is the object that was read, but for those four.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ccbridge/json.h"
#include "launcher.h"

struct member {
    struct ccb_slice key;
    struct ccb_json value;
    size_t place; /* of equal keys the last one counts */
};

struct rewrite {
    struct ccb_arena *arena;
    struct ccb_json_alloc alloc;
    struct ccb_buf *out;
};

static int put_value(struct rewrite *rewrite, struct ccb_json value);

/* The SDK's writer, for its escapes; it holds fewer levels than the reader. */
static int put_string(struct rewrite *rewrite, struct ccb_slice text)
{
    struct ccb_json_writer writer;

    ccb_json_writer_init(&writer, ccb_buf_sink, rewrite->out);
    ccb_json_put_string(&writer, text);
    return ccb_json_writer_end(&writer);
}

static int put_number(struct rewrite *rewrite, struct ccb_json value)
{
    const char *text = ccb_arena_cstr(rewrite->arena, value.raw);
    char out[64];
    double number;
    size_t len;

    if (text == NULL)
        return CCB_NO_MEMORY;
    number = strtod(text, NULL);
    if (!isfinite(number))
        return CCB_INVALID;
    len = ccb_vcap_format_number(number, out, sizeof(out));
    return len == 0 ? CCB_NO_MEMORY : ccb_buf_append(rewrite->out, out, len);
}

static int put_array(struct rewrite *rewrite, struct ccb_json array)
{
    struct ccb_json_iter it = ccb_json_iter(array);
    int code = ccb_buf_putc(rewrite->out, '[');

    while (code == 0 && ccb_json_next(&it)) {
        if (it.index > 0)
            (void)ccb_buf_putc(rewrite->out, ',');
        code = put_value(rewrite, it.value);
    }
    return code == 0 ? ccb_buf_putc(rewrite->out, ']') : code;
}

static int by_key(const void *left, const void *right)
{
    const struct member *a = left, *b = right;
    size_t shorter = a->key.len < b->key.len ? a->key.len : b->key.len;
    int order = shorter == 0 ? 0 : memcmp(a->key.ptr, b->key.ptr, shorter);

    if (order == 0 && a->key.len != b->key.len)
        order = a->key.len < b->key.len ? -1 : 1;
    if (order == 0)
        order = a->place < b->place ? -1 : 1;
    return order;
}

/* The members in reading order, with room for `more`. */
static struct member *take_members(struct rewrite *rewrite,
                                   struct ccb_json object, size_t more,
                                   size_t *count)
{
    struct ccb_json_iter it = ccb_json_iter(object);
    struct member *members;
    size_t found = 0;

    while (ccb_json_next(&it))
        found++;
    members = ccb_arena_alloc(rewrite->arena,
                              (found + more + 1) * sizeof(struct member));
    if (members == NULL)
        return NULL;
    it = ccb_json_iter(object);
    for (*count = 0; ccb_json_next(&it); ++*count) {
        members[*count].value = it.value;
        members[*count].place = *count;
        if (ccb_json_string(it.key, &rewrite->alloc, &members[*count].key) != 0)
            return NULL;
    }
    return members;
}

static int put_members(struct rewrite *rewrite, struct member *members,
                       size_t count)
{
    int code = ccb_buf_putc(rewrite->out, '{'), first = 1;

    qsort(members, count, sizeof(*members), by_key);
    for (size_t i = 0; i < count && code == 0; i++) {
        if (i + 1 < count &&
            ccb_slice_equal(members[i].key, members[i + 1].key))
            continue;
        if (!first)
            (void)ccb_buf_putc(rewrite->out, ',');
        first = 0;
        code = put_string(rewrite, members[i].key);
        (void)ccb_buf_putc(rewrite->out, ':');
        if (code == 0)
            code = put_value(rewrite, members[i].value);
    }
    return code == 0 ? ccb_buf_putc(rewrite->out, '}') : code;
}

static int put_object(struct rewrite *rewrite, struct ccb_json object)
{
    size_t count;
    struct member *members = take_members(rewrite, object, 0, &count);

    return members == NULL ? CCB_NO_MEMORY
                           : put_members(rewrite, members, count);
}

static int put_text(struct rewrite *rewrite, struct ccb_json value)
{
    struct ccb_slice text;
    int code = ccb_json_string(value, &rewrite->alloc, &text);

    return code == 0 ? put_string(rewrite, text) : code;
}

/* Its depth is bounded by the reader's CCB_JSON_MAX_DEPTH. */
static int put_value(struct rewrite *rewrite, struct ccb_json value)
{
    switch (value.type) {
    case CCB_JSON_OBJECT:
        return put_object(rewrite, value);
    case CCB_JSON_ARRAY:
        return put_array(rewrite, value);
    case CCB_JSON_STRING:
        return put_text(rewrite, value);
    case CCB_JSON_NUMBER:
        return put_number(rewrite, value);
    default:
        return ccb_buf_put_slice(rewrite->out, value.raw);
    }
}

/* ---- the instance's own members ----------------------------------------- */

static void add(struct member *members, size_t *count, const char *key,
                enum ccb_json_type type, struct ccb_slice raw)
{
    members[*count].key = ccb_slice_of(key);
    members[*count].value.type = type;
    members[*count].value.raw = raw;
    members[*count].place = *count;
    ++*count;
}

static int add_integer(struct rewrite *rewrite, struct member *members,
                       size_t *count, const char *key, int64_t number)
{
    struct ccb_slice text =
        ccb_arena_format(rewrite->arena, "%lld", (long long)number);

    /* Of no JSON type: it is to be written as it is, not as a double. */
    add(members, count, key, CCB_JSON_NONE, text);
    return text.ptr == NULL ? CCB_NO_MEMORY : 0;
}

/* The instance id as a JSON string, since members are read values. */
static int quote(struct ccb_arena *arena, struct ccb_slice text,
                 struct ccb_slice *out)
{
    struct ccb_buf buf = {0};
    struct rewrite into = {.arena = arena, .out = &buf};
    int code = put_string(&into, text);

    if (code == 0) {
        *out = ccb_arena_copy(arena, ccb_buf_slice(&buf));
        code = out->ptr == NULL ? CCB_NO_MEMORY : 0;
    }
    ccb_buf_destroy(&buf);
    return code;
}

int ccb_vcap_rewrite(struct ccb_arena *arena, struct ccb_slice text,
                     const struct ccb_vcap *vcap, struct ccb_buf *out)
{
    static const struct ccb_slice host = CCB_LIT("\"0.0.0.0\"");
    struct rewrite rewrite = {arena, ccb_arena_json(arena), out};
    struct member *members;
    struct ccb_slice instance_id;
    struct ccb_json object;
    size_t count;
    int code = ccb_json_parse(&object, text, CCB_JSON_WHOLE, NULL);

    if (code != 0 || object.type != CCB_JSON_OBJECT)
        return CCB_INVALID;
    members = take_members(&rewrite, object, 4, &count);
    if (members == NULL || quote(arena, vcap->instance_id, &instance_id) != 0)
        return CCB_NO_MEMORY;
    add(members, &count, "host", CCB_JSON_NONE, host);
    add(members, &count, "instance_id", CCB_JSON_NONE, instance_id);
    if (vcap->has_port)
        code = add_integer(&rewrite, members, &count, "port", vcap->port);
    if (vcap->has_index && code == 0)
        code = add_integer(&rewrite, members, &count, "instance_index",
                           vcap->index);
    return code == 0 ? put_members(&rewrite, members, count) : code;
}
