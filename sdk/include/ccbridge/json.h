/*
 * The strict JSON reader and writer shared by the daemon and the plugins.
 *
 * It exists because what crosses our wires needs exact 64-bit integers, raw
 * values carried byte for byte, the last duplicate to win, keys that match in
 * any case, and lists of any length in bounded memory. The rules are
 * contract/stager.md A8.
 *
 *  - Reading: text is checked once, whole (ccb_json_parse); after that a value
 *    is a borrowed view of that text and can't fail to be walked. Structs are
 *    filled by tables (ccb_json_decode).
 *  - Lists of any length: push bytes in, get elements out (ccb_json_stream).
 *  - Writing: into a sink, no white space, `<`, `>`, `&`, U+2028 and U+2029
 *    escaped, invalid UTF-8 replaced by U+FFFD.
 *
 * Not ABI. Threads: no global state; an object belongs to one thread.
 */
#ifndef CCBRIDGE_JSON_H
#define CCBRIDGE_JSON_H

#include <stddef.h>
#include <stdint.h>

#include "ccbridge/error.h"
#include "ccbridge/slice.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Deeper nesting than this is refused (CCB_INVALID). */
#define CCB_JSON_MAX_DEPTH 256

enum ccb_json_type {
    CCB_JSON_NONE, /* no value: an absent member */
    CCB_JSON_NULL,
    CCB_JSON_BOOL,
    CCB_JSON_NUMBER,
    CCB_JSON_STRING,
    CCB_JSON_ARRAY,
    CCB_JSON_OBJECT
};

/* A checked value: its exact text, without white space around it. */
struct ccb_json {
    enum ccb_json_type type;
    struct ccb_slice raw;
};

/* Where decoded strings and arrays are put. `alloc` returns memory aligned
 * for any type, that the caller frees with everything else of the request,
 * or NULL when there is none left. */
struct ccb_json_alloc {
    void *(*alloc)(void *ctx, size_t size);
    void *ctx;
};

/* ---- checking and walking ----------------------------------------------- */

enum ccb_json_extent {
    CCB_JSON_WHOLE, /* anything but white space behind the value is an error */
    CCB_JSON_FIRST  /* what follows the first value is ignored */
};

/* Checks `text` and gives a view of its (first) value. CCB_INVALID with the
 * byte offset in the message; empty input is invalid. O(n), no allocation. */
int ccb_json_parse(struct ccb_json *out, struct ccb_slice text,
                   enum ccb_json_extent extent, struct ccb_error *err);

/* Walks the members of an object or the elements of an array, in order:
 *   struct ccb_json_iter it = ccb_json_iter(value);
 *   while (ccb_json_next(&it)) use(it.key, it.value);
 * For arrays and for anything else than a container `key` is NONE; other
 * types have no elements. */
struct ccb_json_iter {
    struct ccb_json key; /* a string, still in its escaped form */
    struct ccb_json value;
    size_t index; /* 0 for the first */
    const char *pos, *end;
    int object, started;
};
struct ccb_json_iter ccb_json_iter(struct ccb_json container);
int ccb_json_next(struct ccb_json_iter *it);

/* ccb_json_next finds where a container ends before it is gone into, so that a
 * walk of all levels reads the deepest text once for each. Who walks whole
 * documents steps instead: ccb_json_step gives a container whose text is still
 * open (raw reaches to the end of what is walked), and then either
 *  - ccb_json_settle passes over it and makes its text exact, or
 *  - ccb_json_enter, steps until 0, ccb_json_leave walk it.
 * A container that was entered must be walked to its end before the next
 * step. */
int ccb_json_step(struct ccb_json_iter *it);
void ccb_json_settle(struct ccb_json_iter *it);
void ccb_json_enter(struct ccb_json_iter *it, const struct ccb_json_iter *at);
void ccb_json_leave(struct ccb_json_iter *at, const struct ccb_json_iter *it);

/* The member that a decoder would use for `key`: of all that match (exactly
 * or in another case) the last one; type NONE when there is none or `object`
 * is no object. */
struct ccb_json ccb_json_get(struct ccb_json object, const char *key);

/* Whether a member's name (as an iterator gives it) stands for `name`, by the
 * same rule. */
int ccb_json_key_matches(struct ccb_json key, const char *name);

/* ---- scalars ------------------------------------------------------------ */

/* The number as an exact integer. CCB_INVALID for a fraction, an exponent, a
 * value out of range, or another type. */
int ccb_json_int64(struct ccb_json value, int64_t *out);
int ccb_json_uint64(struct ccb_json value, uint64_t *out);

/* The string's text. Without escapes and with valid UTF-8 it is borrowed from
 * the document, otherwise made by `alloc`. Invalid UTF-8 and lone surrogates
 * become U+FFFD. May hold NUL bytes. CCB_INVALID for another type,
 * CCB_NO_MEMORY. */
int ccb_json_string(struct ccb_json value, const struct ccb_json_alloc *alloc,
                    struct ccb_slice *out);

/* Whether a string value, decoded, equals `text`. No allocation. */
int ccb_json_string_is(struct ccb_json value, const char *text);

/* ---- structs by table --------------------------------------------------- */

enum ccb_json_kind {
    CCB_JSON_K_STRING, /* struct ccb_slice */
    CCB_JSON_K_QUOTED, /* struct ccb_slice: a string as it stands in the text,
                          quotes and escapes included; empty when null. For
                          what is only passed on: ccb_json_put_quoted */
    CCB_JSON_K_BOOL,   /* bool (C99 _Bool) */
    CCB_JSON_K_INT64,  /* int64_t */
    CCB_JSON_K_UINT64, /* uint64_t */
    CCB_JSON_K_INT32,  /* int32_t */
    CCB_JSON_K_UINT32, /* uint32_t */
    CCB_JSON_K_UINT16, /* uint16_t */
    CCB_JSON_K_RAW,    /* struct ccb_json: any value, kept; null is kept too */
    CCB_JSON_K_OBJECT, /* the struct of `shape`, in place */
    CCB_JSON_K_LIST    /* struct ccb_json_list of `shape`s or, with `element`,
                          of scalars */
};

/* A decoded array. `items` points to `count` elements laid side by side.
 * `given` tells [] (given, 0) from absent or null (not given). */
struct ccb_json_list {
    void *items;
    size_t count;
    int given;
};

struct ccb_json_shape;

struct ccb_json_field {
    const char *name;
    enum ccb_json_kind kind;
    size_t offset;
    enum ccb_json_kind element;         /* of a LIST: the elements' kind */
    const struct ccb_json_shape *shape; /* of OBJECT, or LIST of OBJECT */
    size_t given; /* offset + 1 of a bool set when the member was there and
                     not null; 0: none */
};

struct ccb_json_shape {
    const struct ccb_json_field *fields;
    size_t count;
    size_t size; /* sizeof the struct */
};

/*
 * Fills `out` (zeroed here, shape->size bytes) from an object. Keys match
 * exactly or in another case (Go's folding: ASCII plus U+017F and U+212A);
 * unknown keys are skipped; the last duplicate wins whole; null leaves the
 * zero value. A wrong type or a number out of range is CCB_INVALID with a
 * message that names the path, what was expected and what was found (the
 * type, never the value): "buildpacks[1].key: expected a string, found a
 * number". A null document leaves everything zero; a document of another
 * type is CCB_INVALID. CCB_NO_MEMORY from `alloc`.
 */
int ccb_json_decode(struct ccb_json value, const struct ccb_json_shape *shape,
                    void *out, const struct ccb_json_alloc *alloc,
                    struct ccb_error *err);

/* Whether two values mean the same: members in any order, the last duplicate
 * of a key counts, strings by their decoded text, numbers by their text.
 * Bounded by CCB_JSON_MAX_DEPTH; quadratic in the members of one object. */
int ccb_json_equal(struct ccb_json a, struct ccb_json b);

/* ---- lists of any length ------------------------------------------------ */

/*
 * A push reader for a document that is one array, or an object with one long
 * array in it; a document `null` has no elements. It keeps at most one element
 * (or one other member) at a time. Callbacks get checked values, borrowed
 * until they return; a negative return ends the reading with that code (the
 * error's message then only says which element was refused). They must not
 * push into the stream or free it.
 *
 * Elements are handed on as they come, so the rule of the last duplicate can't
 * hold for the list itself: a second member of its name is CCB_INVALID. The
 * other members come in order, duplicates too: the last one counts.
 */
struct ccb_json_stream;

struct ccb_json_stream_options {
    const char *list; /* NULL: the document is the array; else the name of the
                         member that is (borrowed, matched in any case). It may
                         be absent or null: no elements */
    size_t max_item;  /* bytes of one element or other member; 0: 1 MiB */
    int (*on_item)(void *ctx, struct ccb_json value);
    int (*on_member)(void *ctx, struct ccb_json key, struct ccb_json value);
    /* the object's other members; may be NULL */
    void *ctx;
    /* memory for the stream and for what straddles two pushes, as realloc,
     * but size 0 always frees; NULL: the malloc family */
    void *(*resize)(void *ctx, void *old, size_t size);
    int needs_list; /* a document without the list's member, or with null for
                       it, is CCB_INVALID */
    int whole;      /* so is anything but white space behind the document */
};

/* NULL when there is no memory. */
struct ccb_json_stream *ccb_json_stream_create(
    const struct ccb_json_stream_options *options);
void ccb_json_stream_free(struct ccb_json_stream *stream);

/* Takes the next bytes. 0, or a negative code once and from then on:
 * CCB_INVALID, CCB_TOO_LARGE, CCB_NO_MEMORY, or a callback's. */
int ccb_json_stream_push(struct ccb_json_stream *stream, struct ccb_slice bytes,
                         struct ccb_error *err);

/* The end of input: CCB_INVALID unless exactly one whole document was seen
 * (what follows it is ignored, unless `whole`). */
int ccb_json_stream_end(struct ccb_json_stream *stream, struct ccb_error *err);

/* ---- writing ------------------------------------------------------------ */

/*
 * A writer into a sink. It places commas and colons itself; errors stick, so
 * only ccb_json_writer_end needs a check. Use: init, values, end.
 */
struct ccb_json_writer {
    int (*sink)(void *ctx, const char *bytes, size_t len);
    void *ctx;
    int code;        /* 0 or the first error */
    unsigned depth;  /* at most 64 containers open */
    uint64_t filled; /* bit n: container n has a member already */
    int after_key;
    size_t used;
    char buffer[1024];
};

void ccb_json_writer_init(struct ccb_json_writer *w,
                          int (*sink)(void *ctx, const char *bytes, size_t len),
                          void *ctx);
/* Flushes; 0, the sink's code, or CCB_FAILED when the calls did not nest: a
 * container is open, one too many was ended or is over the 64, a key has no
 * value or no container. Nothing more reaches the sink after an error. */
int ccb_json_writer_end(struct ccb_json_writer *w);

void ccb_json_begin_object(struct ccb_json_writer *w);
void ccb_json_end_object(struct ccb_json_writer *w);
void ccb_json_begin_array(struct ccb_json_writer *w);
void ccb_json_end_array(struct ccb_json_writer *w);
void ccb_json_key(struct ccb_json_writer *w, const char *key);
void ccb_json_key_slice(struct ccb_json_writer *w, struct ccb_slice key);
/* A key that is a JSON string already, as an iterator gives it. */
void ccb_json_key_raw(struct ccb_json_writer *w, struct ccb_slice json);
void ccb_json_put_string(struct ccb_json_writer *w, struct ccb_slice text);
void ccb_json_put_int(struct ccb_json_writer *w, int64_t number);
void ccb_json_put_uint(struct ccb_json_writer *w, uint64_t number);
void ccb_json_put_bool(struct ccb_json_writer *w, int truth);
void ccb_json_put_null(struct ccb_json_writer *w);
/* One value that is JSON already (checked by whoever made it); null when it
 * is empty. */
void ccb_json_put_raw(struct ccb_json_writer *w, struct ccb_slice json);

/* A string in its JSON form, as CCB_JSON_K_QUOTED gives it; invalid UTF-8 is
 * replaced, an empty slice is the empty string. */
void ccb_json_put_quoted(struct ccb_json_writer *w, struct ccb_slice quoted);

/* A string made of several pieces, e.g. "-port=" and "8080". A character must
 * not straddle two of them. */
void ccb_json_put_pieces(struct ccb_json_writer *w,
                         const struct ccb_slice *pieces, size_t count);

/* Members: key and value in one. */
void ccb_json_member_string(struct ccb_json_writer *w, const char *key,
                            struct ccb_slice text);
void ccb_json_member_cstr(struct ccb_json_writer *w, const char *key,
                          const char *text);
void ccb_json_member_int(struct ccb_json_writer *w, const char *key,
                         int64_t number);
void ccb_json_member_uint(struct ccb_json_writer *w, const char *key,
                          uint64_t number);
void ccb_json_member_bool(struct ccb_json_writer *w, const char *key,
                          int truth);
void ccb_json_member_raw(struct ccb_json_writer *w, const char *key,
                         struct ccb_slice json);

#ifdef __cplusplus
}
#endif

#endif
