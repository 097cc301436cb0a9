/*
 * Walking checked text: elements, members, integers, and whether two values
 * mean the same.
 *
 * Invariant: a value is a borrowed view and is never checked again; skipping
 * one looks only at quotes and brackets. Text that was not checked gives
 * nonsense, but nothing is read past its end. Follows contract/stager.md A8.
 */
#include "json_internal.h"

enum ccb_json_type ccb_json_type_of(char first)
{
    switch (first) {
    case '{':
        return CCB_JSON_OBJECT;
    case '[':
        return CCB_JSON_ARRAY;
    case '"':
        return CCB_JSON_STRING;
    case 't':
    case 'f':
        return CCB_JSON_BOOL;
    case 'n':
        return CCB_JSON_NULL;
    default:
        return first == '-' || ccb_json_is(first, CCB_JSON_C_DIGIT)
                   ? CCB_JSON_NUMBER
                   : CCB_JSON_NONE;
    }
}

const char *ccb_json_type_name(enum ccb_json_type type)
{
    static const char *const names[] = {
        [CCB_JSON_NONE] = "nothing",    [CCB_JSON_NULL] = "null",
        [CCB_JSON_BOOL] = "a boolean",  [CCB_JSON_NUMBER] = "a number",
        [CCB_JSON_STRING] = "a string", [CCB_JSON_ARRAY] = "an array",
        [CCB_JSON_OBJECT] = "an object"};

    return names[type];
}

/* ---- extents ------------------------------------------------------------ */

/* `p` is inside a string; returns behind its closing quote, else `end`. */
static inline const char *feed_string(struct ccb_json_span *span, const char *p,
                                      const char *end)
{
    if (span->escaped && p < end) {
        span->escaped = 0;
        p++;
    }
    for (;;) {
        p = ccb_json_find_quote(p, end);
        if (p == end)
            return end;
        if (*p == '"') {
            span->quoted = 0;
            return p + 1;
        }
        if (end - p < 2) {
            span->escaped = 1;
            return end;
        }
        p += 2;
    }
}

static const char *feed_container(struct ccb_json_span *span, const char *p,
                                  const char *end)
{
    if (span->quoted)
        p = feed_string(span, p, end);
    while (p < end) {
        char c = *p++;
        if (!ccb_json_is(c, CCB_JSON_C_NEST))
            continue;
        if (c == '"') {
            span->quoted = 1;
            p = feed_string(span, p, end);
        } else if (c == '{' || c == '[') {
            span->depth++;
        } else if (--span->depth == 0) {
            span->done = 1;
            return p;
        }
    }
    return p;
}

const char *ccb_json_span_feed(struct ccb_json_span *span, const char *p,
                               const char *end)
{
    if (p == end)
        return p;
    if (!span->kind) {
        span->kind = *p == '"' ? 's' : *p == '{' || *p == '[' ? 'c' : 't';
        if (span->kind == 's') {
            span->quoted = 1;
            p++;
        }
    }
    switch (span->kind) {
    case 'c':
        return feed_container(span, p, end);
    case 's':
        p = feed_string(span, p, end);
        span->done = !span->quoted;
        return p;
    default:
        while (p < end && !ccb_json_is(*p, CCB_JSON_C_DELIMIT))
            p++;
        span->done = p < end;
        return p;
    }
}

/* ---- elements and members ----------------------------------------------- */

static int is_container(enum ccb_json_type type)
{
    return type == CCB_JSON_ARRAY || type == CCB_JSON_OBJECT;
}

/* Behind the string or token at `p`. */
static inline const char *skip_scalar(const char *p, const char *end)
{
    if (*p != '"') {
        while (p < end && !ccb_json_is(*p, CCB_JSON_C_DELIMIT))
            p++;
        return p;
    }
    for (p++;; p += 2) {
        p = ccb_json_find_quote(p, end);
        if (end - p < 2)
            return end;
        if (*p == '"')
            return p + 1;
    }
}

void ccb_json_enter(struct ccb_json_iter *it, const struct ccb_json_iter *at)
{
    memset(it, 0, sizeof(*it));
    it->object = at->value.type == CCB_JSON_OBJECT;
    if (is_container(at->value.type) && at->value.raw.len >= 2) {
        it->pos = at->value.raw.ptr + 1;
        it->end = at->end;
    }
}

int ccb_json_step(struct ccb_json_iter *it)
{
    const char *p = ccb_json_skip_space(it->pos, it->end), *start;

    if (p < it->end && it->started && *p == ',')
        p = ccb_json_skip_space(p + 1, it->end);
    it->pos = p;
    if (p == it->end || *p == '}' || *p == ']')
        return 0;
    it->index += it->started ? 1 : 0;
    it->started = 1;
    if (it->object) {
        it->key.type = ccb_json_type_of(*p);
        it->key.raw.ptr = p;
        p = skip_scalar(p, it->end);
        it->key.raw.len = (size_t)(p - it->key.raw.ptr);
        p = ccb_json_skip_space(p, it->end);
        if (p < it->end && *p == ':')
            p = ccb_json_skip_space(p + 1, it->end);
    }
    start = p;
    it->value.type = p < it->end ? ccb_json_type_of(*p) : CCB_JSON_NONE;
    if (is_container(it->value.type))
        it->value.raw = ccb_slice_make(start, (size_t)(it->end - start));
    else if (it->value.type != CCB_JSON_NONE)
        p = skip_scalar(p, it->end);
    if (!is_container(it->value.type))
        it->value.raw = ccb_slice_make(start, (size_t)(p - start));
    it->pos = p;
    return it->value.type != CCB_JSON_NONE;
}

void ccb_json_settle(struct ccb_json_iter *it)
{
    struct ccb_json_span span = {0};
    const char *start = it->value.raw.ptr;

    if (!is_container(it->value.type))
        return;
    it->pos = ccb_json_span_feed(&span, start, it->end);
    it->value.raw.len = (size_t)(it->pos - start);
}

void ccb_json_leave(struct ccb_json_iter *at, const struct ccb_json_iter *it)
{
    at->pos = it->pos + (it->pos < it->end ? 1 : 0);
}

struct ccb_json_iter ccb_json_iter(struct ccb_json container)
{
    struct ccb_json_iter it, at;

    memset(&at, 0, sizeof(at));
    at.value = container;
    if (container.raw.len > 0)
        at.end = container.raw.ptr + container.raw.len;
    ccb_json_enter(&it, &at);
    return it;
}

int ccb_json_next(struct ccb_json_iter *it)
{
    if (!ccb_json_step(it))
        return 0;
    ccb_json_settle(it);
    return 1;
}

int ccb_json_key_matches(struct ccb_json key, const char *name)
{
    struct ccb_slice text = ccb_json_inside(key);

    return ccb_json_key_is(text, name) || ccb_json_folds_to(text, name);
}

struct ccb_json ccb_json_get(struct ccb_json object, const char *key)
{
    struct ccb_json found = {CCB_JSON_NONE, {NULL, 0}};
    struct ccb_json_iter it;

    if (object.type != CCB_JSON_OBJECT)
        return found;
    it = ccb_json_iter(object);
    while (ccb_json_next(&it))
        if (ccb_json_key_matches(it.key, key))
            found = it.value;
    return found;
}

/* ---- integers ----------------------------------------------------------- */

/* The digits of `value` without their sign as a number up to 2^64 - 1. */
static int read_digits(struct ccb_json value, uint64_t *out, int *negative)
{
    const char *p = value.raw.ptr, *end = p + value.raw.len;
    uint64_t n = 0;

    if (value.type != CCB_JSON_NUMBER || value.raw.len == 0)
        return CCB_INVALID;
    *negative = *p == '-';
    for (p += *negative; p < end; p++) {
        unsigned digit = (unsigned char)*p - (unsigned)'0';
        if (digit > 9 || __builtin_mul_overflow(n, 10u, &n) ||
            __builtin_add_overflow(n, digit, &n))
            return CCB_INVALID;
    }
    *out = n;
    return 0;
}

int ccb_json_int64(struct ccb_json value, int64_t *out)
{
    uint64_t n;
    int negative;

    if (read_digits(value, &n, &negative) != 0)
        return CCB_INVALID;
    if (n > (uint64_t)INT64_MAX + (negative ? 1 : 0))
        return CCB_INVALID;
    if (negative)
        *out = n == 0 ? 0 : -(int64_t)(n - 1) - 1;
    else
        *out = (int64_t)n;
    return 0;
}

int ccb_json_uint64(struct ccb_json value, uint64_t *out)
{
    uint64_t n;
    int negative;

    /* -0 has a sign, and so no unsigned reader takes it. */
    if (read_digits(value, &n, &negative) != 0 || negative)
        return CCB_INVALID;
    *out = n;
    return 0;
}

/* ---- equality ----------------------------------------------------------- */

/* The last member with exactly this key; NONE when there is none. */
static struct ccb_json find_last(struct ccb_json object, struct ccb_json key)
{
    struct ccb_json found = {CCB_JSON_NONE, {NULL, 0}};
    struct ccb_json_iter it = ccb_json_iter(object);

    while (ccb_json_next(&it))
        if (ccb_json_same_text(it.key, key))
            found = it.value;
    return found;
}

static int equal(struct ccb_json a, struct ccb_json b, unsigned depth);

static int equal_arrays(struct ccb_json a, struct ccb_json b, unsigned depth)
{
    struct ccb_json_iter in_a = ccb_json_iter(a), in_b = ccb_json_iter(b);

    while (ccb_json_next(&in_a))
        if (!ccb_json_next(&in_b) || !equal(in_a.value, in_b.value, depth))
            return 0;
    return !ccb_json_next(&in_b);
}

/* Whether every member of `a` that counts is in `b`, too. */
static int covers(struct ccb_json a, struct ccb_json b, unsigned depth,
                  int compare)
{
    struct ccb_json_iter it = ccb_json_iter(a);

    while (ccb_json_next(&it)) {
        struct ccb_json other = find_last(b, it.key);
        if (other.type == CCB_JSON_NONE)
            return 0;
        if (!compare || find_last(a, it.key).raw.ptr != it.value.raw.ptr)
            continue; /* an earlier duplicate: only its key counts */
        if (!equal(it.value, other, depth))
            return 0;
    }
    return 1;
}

static int equal(struct ccb_json a, struct ccb_json b, unsigned depth)
{
    if (a.type != b.type)
        return 0;
    if (ccb_slice_equal(a.raw, b.raw))
        return 1; /* the same text means the same: most values end here */
    if (depth == 0)
        return 0;
    switch (a.type) {
    case CCB_JSON_STRING:
        return ccb_json_same_text(a, b);
    case CCB_JSON_ARRAY:
        return equal_arrays(a, b, depth - 1);
    case CCB_JSON_OBJECT:
        return covers(a, b, depth - 1, 1) && covers(b, a, depth - 1, 0);
    default:
        return 0;
    }
}

int ccb_json_equal(struct ccb_json a, struct ccb_json b)
{
    return equal(a, b, CCB_JSON_MAX_DEPTH + 1);
}
