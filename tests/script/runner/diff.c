/*
 * Compares JSON values by meaning and finds values by path (match.h).
 *
 * Invariant: numbers are equal when their text is (so big integers compare
 * exactly), the last duplicate of a key counts, keys match in their exact
 * case. In an expected document the strings <any>, <string>, <number>,
 * <bool>, <array> and <object> stand for any value of that kind.
 */
#include "match.h"

#include <stdlib.h>
#include <string.h>

#define MAX_LINES 10

struct diff {
    struct ccb_text *why;
    struct ccb_text path;
    int lines, subset;
};

static void *pool_alloc(void *ctx, size_t size)
{
    return ccb_pool_alloc(ctx, size);
}

struct ccb_slice ccb_diff_text(struct ccb_json value, struct ccb_pool *pool)
{
    struct ccb_json_alloc alloc = {.alloc = pool_alloc, .ctx = pool};
    struct ccb_slice text = value.raw;
    if (value.type == CCB_JSON_STRING &&
        ccb_json_string(value, &alloc, &text) < 0)
        text = value.raw;
    return text;
}

/* Whether two strings mean the same text. */
static int same_string(struct ccb_json a, struct ccb_json b)
{
    if (ccb_slice_equal(a.raw, b.raw))
        return 1;
    if (memchr(a.raw.ptr, '\\', a.raw.len) == NULL &&
        memchr(b.raw.ptr, '\\', b.raw.len) == NULL)
        return 0;
    struct ccb_pool pool = {0};
    int same =
        ccb_slice_equal(ccb_diff_text(a, &pool), ccb_diff_text(b, &pool));
    ccb_pool_free(&pool);
    return same;
}

/* The last member of exactly that key. */
static struct ccb_json member(struct ccb_json object, struct ccb_json key)
{
    struct ccb_json found = {.type = CCB_JSON_NONE};
    struct ccb_json_iter it = ccb_json_iter(object);
    while (ccb_json_next(&it))
        if (same_string(it.key, key))
            found = it.value;
    return found;
}

static void add_value(struct ccb_text *out, struct ccb_json v)
{
    if (v.type == CCB_JSON_NONE)
        ccb_text_adds(out, "nothing");
    else
        ccb_text_show(out, v.raw.ptr, v.raw.len, 200);
}

static int differs(struct diff *d, struct ccb_json expected,
                   struct ccb_json found)
{
    if (d->lines++ == MAX_LINES)
        ccb_text_adds(d->why, "\n    ... and more");
    if (d->lines > MAX_LINES)
        return 1;
    ccb_text_addf(d->why, "\n    %s: expected ",
                  d->path.len ? d->path.ptr : "(the document)");
    add_value(d->why, expected);
    ccb_text_adds(d->why, ", found ");
    add_value(d->why, found);
    return 1;
}

static int is_placeholder(struct ccb_json expected, struct ccb_json found)
{
    static const struct {
        const char *text;
        enum ccb_json_type type;
    } kinds[] = {
        {"\"<any>\"", CCB_JSON_NONE},      {"\"<string>\"", CCB_JSON_STRING},
        {"\"<number>\"", CCB_JSON_NUMBER}, {"\"<bool>\"", CCB_JSON_BOOL},
        {"\"<array>\"", CCB_JSON_ARRAY},   {"\"<object>\"", CCB_JSON_OBJECT}};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        if (ccb_slice_is(expected.raw, kinds[i].text))
            return found.type != CCB_JSON_NONE &&
                   (i == 0 || kinds[i].type == found.type);
    return 0;
}

static int compare(struct diff *d, struct ccb_json expected,
                   struct ccb_json found);

static size_t push_key(struct diff *d, struct ccb_json key)
{
    size_t before = d->path.len;
    if (before > 0)
        ccb_text_adds(&d->path, ".");
    if (key.raw.len > 2)
        ccb_text_add(&d->path, key.raw.ptr + 1, key.raw.len - 2);
    return before;
}

static void pop(struct diff *d, size_t before)
{
    d->path.len = before;
    d->path.ptr[before] = '\0';
}

static int compare_objects(struct diff *d, struct ccb_json expected,
                           struct ccb_json found)
{
    const struct ccb_json none = {.type = CCB_JSON_NONE};
    int differ = 0;
    struct ccb_json_iter it = ccb_json_iter(expected);
    while (ccb_json_next(&it)) {
        size_t before = push_key(d, it.key);
        differ |= compare(d, member(expected, it.key), member(found, it.key));
        pop(d, before);
    }
    it = ccb_json_iter(found);
    while (!d->subset && ccb_json_next(&it)) {
        if (member(expected, it.key).type != CCB_JSON_NONE)
            continue;
        size_t before = push_key(d, it.key);
        differ |= differs(d, none, it.value);
        pop(d, before);
    }
    return differ;
}

static int compare_arrays(struct diff *d, struct ccb_json expected,
                          struct ccb_json found)
{
    const struct ccb_json none = {.type = CCB_JSON_NONE};
    struct ccb_json_iter e = ccb_json_iter(expected);
    struct ccb_json_iter f = ccb_json_iter(found);
    int differ = 0;
    for (size_t i = 0;; i++) {
        int more_e = ccb_json_next(&e), more_f = ccb_json_next(&f);
        if (!more_e && !more_f)
            return differ;
        size_t before = d->path.len;
        ccb_text_addf(&d->path, "[%zu]", i);
        differ |= compare(d, more_e ? e.value : none, more_f ? f.value : none);
        pop(d, before);
    }
}

static int compare(struct diff *d, struct ccb_json expected,
                   struct ccb_json found)
{
    if (expected.type == CCB_JSON_STRING && is_placeholder(expected, found))
        return 0;
    if (expected.type != found.type)
        return differs(d, expected, found);
    switch (expected.type) {
    case CCB_JSON_OBJECT:
        return compare_objects(d, expected, found);
    case CCB_JSON_ARRAY:
        return compare_arrays(d, expected, found);
    case CCB_JSON_STRING:
        return same_string(expected, found) ? 0 : differs(d, expected, found);
    default:
        return ccb_slice_equal(expected.raw, found.raw)
                   ? 0
                   : differs(d, expected, found);
    }
}

int ccb_diff_json(struct ccb_json expected, struct ccb_json found, int subset,
                  struct ccb_text *why)
{
    struct diff d = {.why = why, .subset = subset};
    ccb_text_add(&d.path, "", 0);
    int differ = compare(&d, expected, found);
    ccb_text_free(&d.path);
    return differ;
}

/* ---- paths -------------------------------------------------------------- */

static struct ccb_json by_name(struct ccb_json object, const char *name,
                               size_t len)
{
    struct ccb_json found = {.type = CCB_JSON_NONE};
    struct ccb_json_iter it = ccb_json_iter(object);
    struct ccb_pool pool = {0};
    while (object.type == CCB_JSON_OBJECT && ccb_json_next(&it))
        if (ccb_slice_equal(ccb_diff_text(it.key, &pool),
                            ccb_slice_make(name, len)))
            found = it.value;
    ccb_pool_free(&pool);
    return found;
}

static struct ccb_json by_index(struct ccb_json array, size_t index)
{
    struct ccb_json_iter it = ccb_json_iter(array);
    while (array.type == CCB_JSON_ARRAY && ccb_json_next(&it))
        if (it.index == index)
            return it.value;
    return (struct ccb_json){.type = CCB_JSON_NONE};
}

/* [0] or ["name"]: what follows it, NULL when malformed. */
static const char *step_bracket(const char *p, struct ccb_json *at)
{
    const char *end;
    if (p[1] == '"') {
        end = strstr(p + 2, "\"]");
        if (end == NULL)
            return NULL;
        *at = by_name(*at, p + 2, (size_t)(end - p) - 2);
        return end + 2;
    }
    char *stop;
    unsigned long index = strtoul(p + 1, &stop, 10);
    if (stop == p + 1 || *stop != ']')
        return NULL;
    *at = by_index(*at, index);
    return stop + 1;
}

/* `!`: the string's text as a document. */
static int step_into(struct ccb_json *at, struct ccb_pool *pool,
                     struct ccb_text *why)
{
    struct ccb_error err;
    if (at->type == CCB_JSON_NONE)
        return 0;
    struct ccb_slice text = ccb_diff_text(*at, pool);
    if (ccb_json_parse(at, text, CCB_JSON_WHOLE, &err) == 0)
        return 0;
    ccb_text_addf(why, "the text before `!` is no JSON: %s", err.message);
    return -1;
}

int ccb_diff_path(struct ccb_json root, const char *path, struct ccb_pool *pool,
                  struct ccb_json *out, struct ccb_text *why)
{
    const char *p = path;
    *out = root;
    while (p != NULL && *p != '\0') {
        if (*p == '[') {
            p = step_bracket(p, out);
        } else if (*p == '!') {
            if (step_into(out, pool, why) < 0)
                return -1;
            p++;
        } else if (*p == '.') {
            p++;
        } else {
            size_t len = strcspn(p, ".[!");
            *out = by_name(*out, p, len);
            p += len;
        }
    }
    if (p != NULL)
        return 0;
    ccb_text_addf(why, "malformed path %s (a.b[0][\"x.y\"]!.c)", path);
    return -1;
}
