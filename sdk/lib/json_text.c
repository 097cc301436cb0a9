/*
 * The text of strings: escapes, UTF-8, and keys that match in any case.
 *
 * Invariant: what comes out is valid UTF-8: each byte that belongs to no valid
 * sequence and each surrogate without its other half becomes one U+FFFD.
 * Follows contract/stager.md A8 (Go's reading of strings and keys).
 */
#include "json_internal.h"

static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */

size_t ccb_json_utf8(const char *p, const char *end)
{
    const unsigned char *s = (const unsigned char *)p;
    size_t room = (size_t)(end - p);
    unsigned char low = 0x80, high = 0xbf; /* of the second byte */
    size_t len;

    if (s[0] < 0xc2 || s[0] > 0xf4)
        return 0;
    len = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    if (s[0] == 0xe0)
        low = 0xa0; /* shorter forms exist */
    if (s[0] == 0xed)
        high = 0x9f; /* surrogates */
    if (s[0] == 0xf0)
        low = 0x90; /* shorter forms exist */
    if (s[0] == 0xf4)
        high = 0x8f; /* above U+10FFFF */
    if (room < len || s[1] < low || s[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    return len;
}

struct ccb_slice ccb_json_inside(struct ccb_json string)
{
    if (string.type != CCB_JSON_STRING || string.raw.len < 2)
        return ccb_slice_make("", 0);
    return ccb_slice_make(string.raw.ptr + 1, string.raw.len - 2);
}

static unsigned hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    return (unsigned)((c | 0x20) - 'a') + 10;
}

/* The \uXXXX at the beginning of `text`, or 0xffffffff when there is none. */
static uint32_t read_unit(struct ccb_slice text)
{
    uint32_t unit = 0;

    if (text.len < 6 || text.ptr[0] != '\\' || text.ptr[1] != 'u')
        return UINT32_MAX;
    for (size_t i = 2; i < 6; i++) {
        if (!ccb_json_is(text.ptr[i], CCB_JSON_C_HEX))
            return UINT32_MAX;
        unit = unit * 16 + hex_value(text.ptr[i]);
    }
    return unit;
}

static void advance(struct ccb_slice *text, size_t bytes)
{
    text->ptr += bytes;
    text->len -= bytes;
}

static size_t put_rune(uint32_t rune, char out[4])
{
    if (rune < 0x80) {
        out[0] = (char)rune;
        return 1;
    }
    if (rune < 0x800) {
        out[0] = (char)(0xc0 | rune >> 6);
        out[1] = (char)(0x80 | (rune & 0x3f));
        return 2;
    }
    if (rune < 0x10000) {
        out[0] = (char)(0xe0 | rune >> 12);
        out[1] = (char)(0x80 | (rune >> 6 & 0x3f));
        out[2] = (char)(0x80 | (rune & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | rune >> 18);
    out[1] = (char)(0x80 | (rune >> 12 & 0x3f));
    out[2] = (char)(0x80 | (rune >> 6 & 0x3f));
    out[3] = (char)(0x80 | (rune & 0x3f));
    return 4;
}

static size_t put_replacement(char out[4])
{
    memcpy(out, replacement, 3);
    return 3;
}

/* `text` begins with \uXXXX: takes it, and with it the second half of a
 * surrogate pair where that follows. */
static size_t next_unicode(struct ccb_slice *text, char out[4])
{
    uint32_t unit = read_unit(*text), low;

    if (unit == UINT32_MAX) { /* text that was never checked */
        advance(text, text->len);
        return 0;
    }
    advance(text, 6);
    if (unit < 0xd800 || unit > 0xdfff)
        return put_rune(unit, out);
    low = unit < 0xdc00 ? read_unit(*text) : UINT32_MAX;
    if (low < 0xdc00 || low > 0xdfff)
        return put_replacement(out);
    advance(text, 6);
    return put_rune(0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00), out);
}

static size_t next_escape(struct ccb_slice *text, char out[4])
{
    static const char meaning[256] = {
        ['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
        ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t'};

    if (text->len < 2 || text->ptr[1] == 'u')
        return next_unicode(text, out);
    out[0] = meaning[(unsigned char)text->ptr[1]];
    advance(text, 2);
    return 1;
}

size_t ccb_json_next_char(struct ccb_slice *text, char out[4])
{
    size_t len;

    if (text->len == 0)
        return 0;
    if (*text->ptr == '\\')
        return next_escape(text, out);
    if (!(*text->ptr & 0x80)) {
        out[0] = *text->ptr;
        advance(text, 1);
        return 1;
    }
    len = ccb_json_utf8(text->ptr, text->ptr + text->len);
    if (len == 0) {
        advance(text, 1);
        return put_replacement(out);
    }
    memcpy(out, text->ptr, len);
    advance(text, len);
    return len;
}

/* ---- the whole text ----------------------------------------------------- */

/* Looks for what keeps `text` from being used as it is; returns whether there
 * is anything, and how many bytes each become a U+FFFD. */
static int needs_copy(struct ccb_slice text, size_t *bad)
{
    const char *p = text.ptr, *end = p + text.len;
    int escapes = 0;

    *bad = 0;
    for (;;) {
        p = ccb_json_find_odd(p, end);
        if (p == end)
            return escapes || *bad > 0;
        if (*p == '\\') {
            escapes = 1;
            p += end - p < 2 ? 1 : 2;
        } else {
            size_t len = ccb_json_utf8(p, end);
            *bad += len == 0;
            p += len == 0 ? 1 : len;
        }
    }
}

/* Writes the decoded text at `out`, which is large enough. */
static size_t decode_text(struct ccb_slice text, char *out)
{
    char *at = out;

    while (text.len > 0) {
        const char *odd = ccb_json_find_odd(text.ptr, text.ptr + text.len);
        size_t plain = (size_t)(odd - text.ptr), len;
        char character[4];
        memcpy(at, text.ptr, plain);
        at += plain;
        advance(&text, plain);
        len = ccb_json_next_char(&text, character);
        memcpy(at, character, len);
        at += len;
    }
    return (size_t)(at - out);
}

int ccb_json_string(struct ccb_json value, const struct ccb_json_alloc *alloc,
                    struct ccb_slice *out)
{
    struct ccb_slice text = ccb_json_inside(value);
    size_t bad;
    char *copy;

    *out = ccb_slice_make(NULL, 0);
    if (value.type != CCB_JSON_STRING)
        return CCB_INVALID;
    if (!needs_copy(text, &bad)) {
        *out = text;
        return 0;
    }
    /* An escape never grows; a bad byte becomes three. */
    copy = alloc ? alloc->alloc(alloc->ctx, text.len + 2 * bad) : NULL;
    if (!copy)
        return CCB_NO_MEMORY;
    *out = ccb_slice_make(copy, decode_text(text, copy));
    return 0;
}

int ccb_json_string_is(struct ccb_json value, const char *text)
{
    struct ccb_slice rest = ccb_json_inside(value);
    char character[4];

    if (value.type != CCB_JSON_STRING)
        return 0;
    /* The usual cases: no escapes and equal, or another first letter. */
    if (ccb_json_key_is(rest, text))
        return 1;
    if (rest.len > 0 && rest.ptr[0] != *text && rest.ptr[0] != '\\' &&
        !(rest.ptr[0] & 0x80))
        return 0;
    while (rest.len > 0) {
        size_t len = ccb_json_next_char(&rest, character);
        /* strncmp stops at the end of `text`; a NUL in the string differs
         * from it even so, as no character of `text` is NUL. */
        if (*text == '\0' || strncmp(text, character, len) != 0)
            return 0;
        text += len;
    }
    return *text == '\0';
}

int ccb_json_same_text(struct ccb_json a, struct ccb_json b)
{
    struct ccb_slice in_a = ccb_json_inside(a), in_b = ccb_json_inside(b);
    char next_a[4], next_b[4];

    if (ccb_slice_equal(in_a, in_b))
        return 1;
    while (in_a.len > 0 && in_b.len > 0) {
        size_t len = ccb_json_next_char(&in_a, next_a);
        if (len != ccb_json_next_char(&in_b, next_b) ||
            memcmp(next_a, next_b, len) != 0)
            return 0;
    }
    return in_a.len == 0 && in_b.len == 0;
}

/* ---- keys --------------------------------------------------------------- */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* The two characters beyond ASCII that fold to a letter of ASCII become that
 * letter. Returns the new length. */
static size_t fold_wide(char character[4], size_t len)
{
    int is_s = len == 2 && memcmp(character, "\xc5\xbf", 2) == 0;
    int is_k = len == 3 && memcmp(character, "\xe2\x84\xaa", 3) == 0;

    if (!is_s && !is_k)
        return len;
    character[0] = is_s ? 's' : 'k';
    return 1;
}

int ccb_json_folds_to(struct ccb_slice key, const char *name)
{
    char character[4];

    while (key.len > 0) {
        size_t len = ccb_json_next_char(&key, character);
        len = fold_wide(character, len);
        if (len == 1 && lower(character[0]) != lower(*name))
            return 0;
        if (*name == '\0' || (len > 1 && strncmp(character, name, len) != 0))
            return 0;
        name += len;
    }
    return *name == '\0';
}
