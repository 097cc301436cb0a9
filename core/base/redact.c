/*
 * The walk over a JSON value that writes it again without its secrets: by the
 * names of members, by the form of environment entries and of command lines,
 * and by what stands inside strings.
 *
 * Invariants: a byte is passed a bounded number of times (its depth, at most
 * DEPTH_LIMIT, in at most NEST_LIMIT strings), so time is linear in the input
 * and recursion is bounded; in doubt a value is masked; what is written is
 * whole and valid, or nothing is.
 */
#include "base/redact.h"

#include "base/arena.h"
#include "base/redact_name.h"
#include "ccbridge/error.h"

#define DEPTH_LIMIT 60 /* the writer holds 64 open containers */
#define NEST_LIMIT 3   /* JSON in a string in a string in a string */
#define NAME_LIMIT 256 /* longer names are secret unseen */

struct walk {
    struct ccb_json_writer writer;
    struct ccb_arena *arena; /* what had to be decoded; made when needed */
    unsigned nest;
};

/* What the place of a value says about it. */
enum place {
    PLACE_PLAIN,
    PLACE_ENVIRONMENT /* an element of what is named "environment" or "env" */
};

static const struct ccb_slice mask = CCB_LIT("[redacted]");

static int redact_into(struct ccb_buf *out, struct ccb_json value,
                       unsigned nest);
static void put_value(struct walk *walk, struct ccb_json value, unsigned depth);

/* ---- memory and text ---------------------------------------------------- */

static void *on_alloc(void *ctx, size_t size)
{
    struct walk *walk = ctx;

    if (walk->arena == NULL)
        walk->arena = ccb_arena_create();
    return walk->arena == NULL ? NULL : ccb_arena_alloc(walk->arena, size);
}

static void fail(struct walk *walk, int code)
{
    if (walk->writer.code == 0)
        walk->writer.code = code;
}

/* The decoded text of a string; empty and the walk failed without memory. */
static struct ccb_slice text_of(struct walk *walk, struct ccb_json string)
{
    struct ccb_json_alloc alloc = {on_alloc, walk};
    struct ccb_slice text = {NULL, 0};
    int rc = ccb_json_string(string, &alloc, &text);

    if (rc != 0)
        fail(walk, rc);
    return text;
}

/* ---- names -------------------------------------------------------------- */

static int names_environment(const char *folded)
{
    return strcmp(folded, "env") == 0 || strcmp(folded, "environment") == 0;
}

/* ---- strings ------------------------------------------------------------ */

static void put_masked(struct walk *walk, struct ccb_json value)
{
    /* That nothing was given is no secret, and often the answer sought. */
    if (value.type == CCB_JSON_NULL)
        ccb_json_put_null(&walk->writer);
    else
        ccb_json_put_string(&walk->writer, mask);
}

/* Text without URLs' user info and PEM. May live in `spare`. */
static struct ccb_slice clean_text(struct walk *walk, struct ccb_slice text,
                                   struct ccb_buf *spare)
{
    if (!ccb_redact_text_needed(text))
        return text;
    ccb_redact_text(spare, text);
    if (spare->failed)
        fail(walk, spare->failed);
    return ccb_buf_slice(spare);
}

/* A string that is an object or an array in JSON again, e.g. lifecycle_data
 * in an annotation: 1 when it was one and `spare` has it redacted. */
static int clean_nested(struct walk *walk, struct ccb_slice text,
                        struct ccb_buf *spare)
{
    struct ccb_json nested;
    size_t at = 0;

    while (at < text.len && (unsigned char)text.ptr[at] <= ' ')
        at++;
    if (at == text.len || (text.ptr[at] != '{' && text.ptr[at] != '[') ||
        ccb_json_parse(&nested, text, CCB_JSON_WHOLE, NULL) != 0)
        return 0;
    if (walk->nest >= NEST_LIMIT)
        (void)ccb_buf_put_slice(spare, mask);
    else
        (void)redact_into(spare, nested, walk->nest + 1);
    if (spare->failed)
        fail(walk, spare->failed);
    return 1;
}

static void put_text(struct walk *walk, struct ccb_slice text)
{
    struct ccb_buf spare = {0};

    if (clean_nested(walk, text, &spare))
        text = ccb_buf_slice(&spare);
    else
        text = clean_text(walk, text, &spare);
    ccb_json_put_string(&walk->writer, text);
    ccb_buf_destroy(&spare);
}

/* ---- containers --------------------------------------------------------- */

/* An argument "-NAME" or "-NAME=VALUE" with a secret name. `*len` is how much
 * of it may be shown; true as well when the secret is the next argument. */
static int is_secret_argument(struct ccb_slice text, size_t *len, int *next)
{
    char folded[NAME_LIMIT];
    const char *equals;

    *next = 0;
    if (text.len < 2 || text.ptr[0] != '-' || text.ptr[1] == '\n')
        return 0;
    equals = memchr(text.ptr, '=', text.len);
    *len = equals == NULL ? text.len : (size_t)(equals - text.ptr) + 1;
    if (!ccb_redact_fold(ccb_slice_make(text.ptr, *len), folded,
                         sizeof(folded)) ||
        !ccb_redact_names_secret(folded))
        return 0;
    *next = equals == NULL;
    return 1;
}

/* An element of an array that may be a command line. */
static void put_argument(struct walk *walk, struct ccb_json value,
                         int *next_is_secret)
{
    struct ccb_slice text = text_of(walk, value);
    struct ccb_slice pieces[2];

    if (is_secret_argument(text, &pieces[0].len, next_is_secret) &&
        !*next_is_secret) {
        pieces[0].ptr = text.ptr;
        pieces[1] = mask;
        ccb_json_put_pieces(&walk->writer, pieces, 2);
        return;
    }
    put_text(walk, text);
}

static void put_array(struct walk *walk, struct ccb_json array, unsigned depth)
{
    struct ccb_json_iter it = ccb_json_iter(array);
    int next_is_secret = 0;

    ccb_json_begin_array(&walk->writer);
    while (ccb_json_next(&it)) {
        if (next_is_secret) {
            put_masked(walk, it.value);
            next_is_secret = 0;
        } else if (it.value.type == CCB_JSON_STRING)
            put_argument(walk, it.value, &next_is_secret);
        else
            put_value(walk, it.value, depth + 1);
    }
    ccb_json_end_array(&walk->writer);
}

struct object {
    struct ccb_json json;
    enum place place;
    int named; /* has a "name"; -1: not looked for yet, and seldom needed */
};

/* Whether the value of a key, given folded, must be masked. */
static int is_secret_member(struct object *object, const char *folded,
                            struct ccb_json value)
{
    if (object->place == PLACE_ENVIRONMENT)
        return strcmp(folded, "name") != 0;
    /* With a "name" beside it, it is the value of an environment entry. */
    if (strcmp(folded, "value") == 0) {
        if (object->named < 0)
            object->named =
                ccb_json_get(object->json, "name").type != CCB_JSON_NONE;
        return object->named;
    }
    /* A page's "token" is a document; a string of that name is a secret. */
    if (strcmp(folded, "token") == 0)
        return value.type == CCB_JSON_STRING;
    return ccb_redact_names_secret(folded);
}

static void put_key(struct walk *walk, struct ccb_slice key)
{
    struct ccb_buf spare = {0};

    ccb_json_key_slice(&walk->writer, clean_text(walk, key, &spare));
    ccb_buf_destroy(&spare);
}

static void put_environment(struct walk *walk, struct ccb_json value,
                            unsigned depth);

static void put_object(struct walk *walk, struct ccb_json json,
                       enum place place, unsigned depth)
{
    struct object object = {json, place, -1};
    struct ccb_json_iter it = ccb_json_iter(json);
    char folded[NAME_LIMIT];

    ccb_json_begin_object(&walk->writer);
    while (ccb_json_next(&it)) {
        struct ccb_slice key = text_of(walk, it.key);

        put_key(walk, key);
        if (!ccb_redact_fold(key, folded, sizeof(folded)) ||
            is_secret_member(&object, folded, it.value))
            put_masked(walk, it.value);
        else if (names_environment(folded))
            put_environment(walk, it.value, depth + 1);
        else
            put_value(walk, it.value, depth + 1);
    }
    ccb_json_end_object(&walk->writer);
}

/* {"A":"1"}: every value goes. */
static void put_map(struct walk *walk, struct ccb_json object)
{
    struct ccb_json_iter it = ccb_json_iter(object);

    ccb_json_begin_object(&walk->writer);
    while (ccb_json_next(&it)) {
        put_key(walk, text_of(walk, it.key));
        put_masked(walk, it.value);
    }
    ccb_json_end_object(&walk->writer);
}

/* The value of "environment" or "env": of entries only the names stay, of a
 * map only the keys, of anything else nothing. */
static void put_environment(struct walk *walk, struct ccb_json value,
                            unsigned depth)
{
    struct ccb_json_iter it = ccb_json_iter(value);

    if (value.type == CCB_JSON_OBJECT && depth < DEPTH_LIMIT) {
        put_map(walk, value);
        return;
    }
    if (value.type != CCB_JSON_ARRAY || depth + 1 >= DEPTH_LIMIT) {
        put_masked(walk, value);
        return;
    }
    ccb_json_begin_array(&walk->writer);
    while (ccb_json_next(&it)) {
        if (it.value.type == CCB_JSON_OBJECT)
            put_object(walk, it.value, PLACE_ENVIRONMENT, depth + 1);
        else
            put_masked(walk, it.value);
    }
    ccb_json_end_array(&walk->writer);
}

static void put_value(struct walk *walk, struct ccb_json value, unsigned depth)
{
    switch (value.type) {
    case CCB_JSON_OBJECT:
        if (depth < DEPTH_LIMIT)
            put_object(walk, value, PLACE_PLAIN, depth);
        else
            put_masked(walk, value);
        break;
    case CCB_JSON_ARRAY:
        if (depth < DEPTH_LIMIT)
            put_array(walk, value, depth);
        else
            put_masked(walk, value);
        break;
    case CCB_JSON_STRING:
        put_text(walk, text_of(walk, value));
        break;
    case CCB_JSON_BOOL:
    case CCB_JSON_NUMBER:
        ccb_json_put_raw(&walk->writer, value.raw);
        break;
    case CCB_JSON_NONE:
    case CCB_JSON_NULL:
        ccb_json_put_null(&walk->writer);
        break;
    }
}

static int redact_into(struct ccb_buf *out, struct ccb_json value,
                       unsigned nest)
{
    struct walk walk = {.nest = nest};
    size_t before = out->len;
    int code;

    ccb_json_writer_init(&walk.writer, ccb_buf_sink, out);
    put_value(&walk, value, 0);
    code = ccb_json_writer_end(&walk.writer);
    ccb_arena_unref(walk.arena);
    if (code != 0) {
        out->len = before;
        if (!out->failed)
            out->failed = code;
    }
    return code;
}

void ccb_redact_json(struct ccb_buf *out, struct ccb_json value)
{
    (void)redact_into(out, value, 0);
}
