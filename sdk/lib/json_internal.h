/*
 * What the files of the JSON reader and writer share: the class of each byte,
 * the search for the next byte that matters, and the text of a string read
 * character by character.
 *
 * Invariant: every function here takes an end and stays before it, also when
 * the text was never checked. Follows contract/stager.md A8.
 */
#ifndef CCBRIDGE_JSON_INTERNAL_H
#define CCBRIDGE_JSON_INTERNAL_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "ccbridge/json.h"

/* ---- classes of bytes (RFC 8259) ---------------------------------------- */

enum {
    CCB_JSON_C_SPACE = 1,   /* white space between tokens */
    CCB_JSON_C_DIGIT = 2,   /* 0-9 */
    CCB_JSON_C_HEX = 4,     /* 0-9 a-f A-F */
    CCB_JSON_C_ESCAPE = 8,  /* may follow a backslash, but for u */
    CCB_JSON_C_PLAIN = 16,  /* stands for itself in a string, one byte */
    CCB_JSON_C_NEST = 32,   /* opens or closes a container or a string */
    CCB_JSON_C_DELIMIT = 64 /* can't be part of a number, true, false, null */
};
extern const unsigned char ccb_json_class[256];

static inline int ccb_json_is(char c, int classes)
{
    return ccb_json_class[(unsigned char)c] & classes;
}

static inline const char *ccb_json_skip_space(const char *p, const char *end)
{
    while (p < end && ccb_json_is(*p, CCB_JSON_C_SPACE))
        p++;
    return p;
}

/* What a value is by its first byte; NONE when no value begins so. */
enum ccb_json_type ccb_json_type_of(char first);
/* "an object", "a string", ... */
const char *ccb_json_type_name(enum ccb_json_type type);

/* ---- eight bytes at a time ---------------------------------------------- */

/* Each test sets the high bit of the bytes it is true for. Bytes above the
 * first true one may be set wrongly (a borrow runs upward), so only the
 * lowest set bit counts; that makes the first byte, in the order of memory,
 * on little-endian machines. Others take the loop over single bytes. */
#define CCB_JSON_EACH(byte) (UINT64_C(0x0101010101010101) * (byte))
#define CCB_JSON_HIGH CCB_JSON_EACH(0x80)

static inline uint64_t ccb_json_load(const char *p)
{
    uint64_t word;

    memcpy(&word, p, sizeof(word));
    return word;
}

static inline uint64_t ccb_json_eq(uint64_t word, unsigned byte)
{
    uint64_t x = word ^ CCB_JSON_EACH(byte);

    return (x - CCB_JSON_EACH(1)) & ~x & CCB_JSON_HIGH;
}

static inline uint64_t ccb_json_below(uint64_t word, unsigned byte)
{
    return (word - CCB_JSON_EACH(byte)) & ~word & CCB_JSON_HIGH;
}

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define CCB_JSON_WORDS 1
#else
#define CCB_JSON_WORDS 0
#endif

/* With SSE2, which every x86-64 has, sixteen at a time go before. */
#if defined(__SSE2__)
#include <emmintrin.h>
#define CCB_JSON_WIDE 1
static inline __m128i ccb_json_load16(const char *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

static inline __m128i ccb_json_eq16(__m128i bytes, char byte)
{
    return _mm_cmpeq_epi8(bytes, _mm_set1_epi8(byte));
}
#endif

/* Index of the first byte that a test is true for; `hits` is not 0. */
static inline size_t ccb_json_first(uint64_t hits)
{
    return (size_t)__builtin_ctzll(hits) / 8;
}

/* The next quote or backslash: all that matters in a checked string. */
static inline const char *ccb_json_find_quote(const char *p, const char *end)
{
#ifdef CCB_JSON_WIDE
    for (; end - p >= 16; p += 16) {
        __m128i bytes = ccb_json_load16(p);
        int hits = _mm_movemask_epi8(_mm_or_si128(ccb_json_eq16(bytes, '"'),
                                                  ccb_json_eq16(bytes, '\\')));
        if (hits)
            return p + __builtin_ctz((unsigned)hits);
    }
#endif
    while (CCB_JSON_WORDS && end - p >= 8) {
        uint64_t word = ccb_json_load(p);
        uint64_t hits = ccb_json_eq(word, '"') | ccb_json_eq(word, '\\');
        if (hits)
            return p + ccb_json_first(hits);
        p += 8;
    }
    while (p < end && *p != '"' && *p != '\\')
        p++;
    return p;
}

/* The next byte of a string's inside that does not stand for itself: an
 * escape, or not ASCII. */
static inline const char *ccb_json_find_odd(const char *p, const char *end)
{
#ifdef CCB_JSON_WIDE
    for (; end - p >= 16; p += 16) {
        __m128i bytes = ccb_json_load16(p);
        int hits =
            _mm_movemask_epi8(_mm_or_si128(bytes, ccb_json_eq16(bytes, '\\')));
        if (hits)
            return p + __builtin_ctz((unsigned)hits);
    }
#endif
    while (CCB_JSON_WORDS && end - p >= 8) {
        uint64_t word = ccb_json_load(p);
        uint64_t hits = ccb_json_eq(word, '\\') | (word & CCB_JSON_HIGH);
        if (hits)
            return p + ccb_json_first(hits);
        p += 8;
    }
    while (p < end && *p != '\\' && !(*p & 0x80))
        p++;
    return p;
}

/* ---- the extent of a value in checked text ------------------------------ */

/* Finds where a value ends without checking it again; it may be fed in parts
 * (the stream does). Begin with {0}. */
struct ccb_json_span {
    size_t depth; /* containers open */
    char kind;    /* 0 not begun, 't' token, 's' string, 'c' container */
    char quoted;  /* inside a string */
    char escaped; /* the next byte belongs to an escape */
    char done;    /* the end was seen */
};
/* Reads on at `p`; returns behind the value's last byte when `done`, else
 * `end`. A number, true, false or null is done at the first byte that can't
 * belong to it, so never by the end of the text. */
const char *ccb_json_span_feed(struct ccb_json_span *span, const char *p,
                               const char *end);

/* ---- the text of a string ----------------------------------------------- */

/* The bytes of the valid UTF-8 sequence at `p` (2 to 4), or 0 when there is
 * none. For bytes from 0x80 up. */
size_t ccb_json_utf8(const char *p, const char *end);

/* What is between the quotes of a string value. */
struct ccb_slice ccb_json_inside(struct ccb_json string);

/* Reads the next character of `text` (still escaped), as UTF-8, into `out`;
 * returns its bytes, 0 at the end. */
size_t ccb_json_next_char(struct ccb_slice *text, char out[4]);

/* Whether two string values mean the same text. */
int ccb_json_same_text(struct ccb_json a, struct ccb_json b);

/* Whether a key (what is between its quotes) is `name`, but for the case of
 * ASCII letters, U+017F for s and U+212A for k. */
int ccb_json_folds_to(struct ccb_slice key, const char *name);

/* Whether a key without escapes is `name`, byte for byte. */
static inline int ccb_json_key_is(struct ccb_slice key, const char *name)
{
    return key.len > 0 && key.ptr[0] == name[0] &&
           strncmp(key.ptr, name, key.len) == 0 && name[key.len] == '\0' &&
           !memchr(key.ptr, '\\', key.len);
}

#endif
