/*
 * The JSON reader and writer on any bytes: what passes the check can be
 * walked, decoded and written again to an equal value, and cJSON reads the
 * same from it (traps.md: where both must agree). Follows
 * contract/stager.md A8.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "ccbridge/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_INPUT 4096 /* ccb_json_equal is quadratic */
#define WRITER_DEPTH 64

static void require(int truth)
{
    if (!truth)
        abort();
}

/* ---- memory: one input's arena ------------------------------------------ */

struct arena {
    size_t used, calls, fail_at;
    _Alignas(16) char bytes[1 << 20];
};

static struct arena arena;

static void *take(void *ctx, size_t size)
{
    struct arena *a = ctx;
    size_t need = (size + 15) & ~(size_t)15;

    if (++a->calls == a->fail_at || need > sizeof(a->bytes) - a->used)
        return NULL;
    a->used += need;
    return a->bytes + a->used - need;
}

static const struct ccb_json_alloc alloc = {take, &arena};

/* ---- decoding ----------------------------------------------------------- */

struct node {
    struct ccb_slice text;
    bool flag, given;
    int64_t i64;
    uint64_t u64;
    int32_t i32;
    uint32_t u32;
    uint16_t u16;
    struct ccb_json raw;
    struct {
        struct ccb_slice k;
    } inner;
    struct ccb_json_list nodes, texts, ports;
};

static const struct ccb_json_field inner_fields[] = {
    {"k", CCB_JSON_K_STRING, 0, 0, NULL, 0}};
static const struct ccb_json_shape inner_shape = {inner_fields, 1,
                                                  sizeof(struct ccb_slice)};

#define FIELD(name, kind, member) name, kind, offsetof(struct node, member)
static const struct ccb_json_shape node_shape;
static const struct ccb_json_field node_fields[] = {
    {FIELD("s", CCB_JSON_K_STRING, text), 0, NULL, 0},
    {FIELD("b", CCB_JSON_K_BOOL, flag), 0, NULL,
     offsetof(struct node, given) + 1},
    {FIELD("i", CCB_JSON_K_INT64, i64), 0, NULL, 0},
    {FIELD("u", CCB_JSON_K_UINT64, u64), 0, NULL, 0},
    {FIELD("i32", CCB_JSON_K_INT32, i32), 0, NULL, 0},
    {FIELD("u32", CCB_JSON_K_UINT32, u32), 0, NULL, 0},
    {FIELD("u16", CCB_JSON_K_UINT16, u16), 0, NULL, 0},
    {FIELD("r", CCB_JSON_K_RAW, raw), 0, NULL, 0},
    {FIELD("o", CCB_JSON_K_OBJECT, inner), 0, &inner_shape, 0},
    {FIELD("l", CCB_JSON_K_LIST, nodes), CCB_JSON_K_OBJECT, &node_shape, 0},
    {FIELD("ls", CCB_JSON_K_LIST, texts), CCB_JSON_K_STRING, NULL, 0},
    {FIELD("lp", CCB_JSON_K_LIST, ports), CCB_JSON_K_UINT16, NULL, 0},
};
static const struct ccb_json_shape node_shape = {
    node_fields, sizeof(node_fields) / sizeof(node_fields[0]),
    sizeof(struct node)};

static void decode(struct ccb_json value)
{
    struct ccb_error err;
    struct node node;
    int rc = ccb_json_decode(value, &node_shape, &node, &alloc, &err);
    size_t calls = arena.calls;

    require(rc == 0 || err.code == rc);
    for (size_t n = 1; n <= calls && n < 8; n++) {
        arena.used = arena.calls = 0;
        arena.fail_at = n;
        rc = ccb_json_decode(value, &node_shape, &node, &alloc, &err);
        require(rc == CCB_NO_MEMORY);
    }
    arena.used = arena.calls = arena.fail_at = 0;
}

/* ---- writing it again --------------------------------------------------- */

struct output {
    size_t len;
    char text[MAX_INPUT * 8];
};

static int on_output(void *ctx, const char *bytes, size_t len)
{
    struct output *out = ctx;

    if (len > sizeof(out->text) - out->len)
        return CCB_TOO_LARGE;
    memcpy(out->text + out->len, bytes, len);
    out->len += len;
    return 0;
}

static struct ccb_slice text_of(struct ccb_json value)
{
    struct ccb_slice text;

    require(ccb_json_string(value, &alloc, &text) == 0);
    return text;
}

static void write_value(struct ccb_json_writer *w, struct ccb_json value,
                        unsigned depth, unsigned *deepest)
{
    struct ccb_json_iter it = ccb_json_iter(value);
    int object = value.type == CCB_JSON_OBJECT;

    *deepest = depth > *deepest ? depth : *deepest;
    if (value.type == CCB_JSON_STRING) {
        ccb_json_put_string(w, text_of(value));
        return;
    }
    if (!object && value.type != CCB_JSON_ARRAY) {
        ccb_json_put_raw(w, value.raw);
        return;
    }
    object ? ccb_json_begin_object(w) : ccb_json_begin_array(w);
    while (ccb_json_next(&it)) {
        if (object)
            ccb_json_key_slice(w, text_of(it.key));
        write_value(w, it.value, depth + 1, deepest);
    }
    object ? ccb_json_end_object(w) : ccb_json_end_array(w);
}

static void write_again(struct ccb_json value)
{
    static struct output out;
    struct ccb_json_writer w;
    struct ccb_json again;
    unsigned deepest = 0;

    out.len = 0;
    ccb_json_writer_init(&w, on_output, &out);
    write_value(&w, value, 0, &deepest);
    if (ccb_json_writer_end(&w) != 0) {
        require(deepest >= WRITER_DEPTH);
        return;
    }
    require(ccb_json_parse(&again, ccb_slice_make(out.text, out.len),
                           CCB_JSON_WHOLE, NULL) == 0);
    require(ccb_json_equal(value, again));
    require(ccb_json_equal(again, value));
}

/* ---- cJSON -------------------------------------------------------------- */

static unsigned long unit_at(const char *p, const char *end)
{
    char digits[5] = {0};

    if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
        return 0xffff;
    memcpy(digits, p + 2, 4);
    return strtoul(digits, NULL, 16);
}

/* What cJSON is known to refuse or to cut: NUL and lone surrogates in strings,
 * numbers of more than 63 bytes. */
static int foreign(struct ccb_slice text)
{
    const char *p = text.ptr, *end = p + text.len;
    size_t run = 0;

    for (; p < end; p++) {
        run = strchr("+-.0123456789eE", *p) && *p ? run + 1 : 0;
        if (run > 63)
            return 1;
        if (*p != '\\')
            continue;
        unsigned long unit = unit_at(p, end);
        if (unit == 0 || (unit >= 0xdc00 && unit < 0xe000))
            return 1;
        if (unit >= 0xd800 && unit < 0xdc00) {
            unit = unit_at(p + 6, end);
            if (unit < 0xdc00 || unit > 0xdfff)
                return 1;
            p += 10; /* and one more by the loop: a backslash was looked at */
        }
        p++;
    }
    return 0;
}

/* cJSON leaves bytes that are not UTF-8 as they are; we replace them. */
static int same_text(struct ccb_json value, const char *theirs)
{
    struct ccb_slice text = text_of(value);

    for (size_t i = 0; i + 2 < text.len; i++)
        if (memcmp(text.ptr + i, "\xef\xbf\xbd", 3) == 0)
            return 1;
    return ccb_json_string_is(value, theirs);
}

static void compare(struct ccb_json ours, const cJSON *theirs)
{
    struct ccb_json_iter it = ccb_json_iter(ours);
    const cJSON *child = theirs->child;
    int64_t n;

    switch (ours.type) {
    case CCB_JSON_NULL:
        require(cJSON_IsNull(theirs));
        break;
    case CCB_JSON_BOOL:
        require(ours.raw.len == 4 ? cJSON_IsTrue(theirs)
                                  : cJSON_IsFalse(theirs));
        break;
    case CCB_JSON_NUMBER:
        require(cJSON_IsNumber(theirs));
        if (ccb_json_int64(ours, &n) == 0 && n < (INT64_C(1) << 53) &&
            n > -(INT64_C(1) << 53))
            require((double)n == theirs->valuedouble);
        break;
    case CCB_JSON_STRING:
        require(cJSON_IsString(theirs) && same_text(ours, theirs->valuestring));
        break;
    default:
        require(ours.type == CCB_JSON_ARRAY ? cJSON_IsArray(theirs)
                                            : cJSON_IsObject(theirs));
        for (; ccb_json_next(&it); child = child->next) {
            require(child != NULL);
            if (ours.type == CCB_JSON_OBJECT)
                require(same_text(it.key, child->string));
            compare(it.value, child);
        }
        require(child == NULL);
    }
}

static void compare_with_cjson(struct ccb_json value)
{
    cJSON *theirs;

    if (foreign(value.raw))
        return;
    theirs = cJSON_ParseWithLengthOpts(value.raw.ptr, value.raw.len, NULL, 0);
    require(theirs != NULL);
    compare(value, theirs);
    cJSON_Delete(theirs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ccb_slice text = ccb_slice_make((const char *)data, size);
    struct ccb_json value, first;
    struct ccb_error err;
    int rc;

    if (size > MAX_INPUT)
        return 0;
    arena.used = arena.calls = arena.fail_at = 0;
    rc = ccb_json_parse(&value, text, CCB_JSON_WHOLE, &err);
    require(rc == 0 || (rc == CCB_INVALID && err.message[0]));
    if (ccb_json_parse(&first, text, CCB_JSON_FIRST, NULL) != 0) {
        require(rc != 0);
        return 0;
    }
    if (rc == 0)
        require(ccb_slice_equal(value.raw, first.raw));
    decode(first);
    write_again(first);
    compare_with_cjson(first);
    ccb_json_get(first, "key");
    return 0;
}
