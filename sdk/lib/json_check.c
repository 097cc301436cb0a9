/*
 * The syntax check: one pass over the text, no allocation, nesting bounded.
 *
 * Invariant: what passes here can be walked, decoded and compared without any
 * further check. Invalid UTF-8 inside strings passes (it is replaced when a
 * string is decoded); raw control characters, other escapes than JSON's, a
 * byte order mark and NUL bytes do not. Follows RFC 8259 and
 * contract/stager.md A8.
 */
#include "json_internal.h"

#define SP (CCB_JSON_C_SPACE | CCB_JSON_C_DELIMIT)
#define PL CCB_JSON_C_PLAIN
#define DI (PL | CCB_JSON_C_DIGIT | CCB_JSON_C_HEX)
#define HX (PL | CCB_JSON_C_HEX)
#define HE (HX | CCB_JSON_C_ESCAPE)
#define ES (PL | CCB_JSON_C_ESCAPE)
#define DE (PL | CCB_JSON_C_DELIMIT)
#define NE (DE | CCB_JSON_C_NEST)
#define QU (CCB_JSON_C_ESCAPE | CCB_JSON_C_NEST | CCB_JSON_C_DELIMIT)
#define BS CCB_JSON_C_ESCAPE

const unsigned char ccb_json_class[256] = {
    ['\t'] = SP, ['\n'] = SP, ['\r'] = SP, [' '] = SP | PL, ['!'] = PL,
    ['"'] = QU,  ['#'] = PL,  ['$'] = PL,  ['%'] = PL,      ['&'] = PL,
    ['\''] = PL, ['('] = PL,  [')'] = PL,  ['*'] = PL,      ['+'] = PL,
    [','] = DE,  ['-'] = PL,  ['.'] = PL,  ['/'] = ES,      ['0'] = DI,
    ['1'] = DI,  ['2'] = DI,  ['3'] = DI,  ['4'] = DI,      ['5'] = DI,
    ['6'] = DI,  ['7'] = DI,  ['8'] = DI,  ['9'] = DI,      [':'] = DE,
    [';'] = PL,  ['<'] = PL,  ['='] = PL,  ['>'] = PL,      ['?'] = PL,
    ['@'] = PL,  ['A'] = HX,  ['B'] = HX,  ['C'] = HX,      ['D'] = HX,
    ['E'] = HX,  ['F'] = HX,  ['G'] = PL,  ['H'] = PL,      ['I'] = PL,
    ['J'] = PL,  ['K'] = PL,  ['L'] = PL,  ['M'] = PL,      ['N'] = PL,
    ['O'] = PL,  ['P'] = PL,  ['Q'] = PL,  ['R'] = PL,      ['S'] = PL,
    ['T'] = PL,  ['U'] = PL,  ['V'] = PL,  ['W'] = PL,      ['X'] = PL,
    ['Y'] = PL,  ['Z'] = PL,  ['['] = NE,  ['\\'] = BS,     [']'] = NE,
    ['^'] = PL,  ['_'] = PL,  ['`'] = PL,  ['a'] = HX,      ['b'] = HE,
    ['c'] = HX,  ['d'] = HX,  ['e'] = HX,  ['f'] = HE,      ['g'] = PL,
    ['h'] = PL,  ['i'] = PL,  ['j'] = PL,  ['k'] = PL,      ['l'] = PL,
    ['m'] = PL,  ['n'] = ES,  ['o'] = PL,  ['p'] = PL,      ['q'] = PL,
    ['r'] = ES,  ['s'] = PL,  ['t'] = ES,  ['u'] = PL,      ['v'] = PL,
    ['w'] = PL,  ['x'] = PL,  ['y'] = PL,  ['z'] = PL,      ['{'] = NE,
    ['|'] = PL,  ['}'] = NE,  ['~'] = PL,  [0x7f] = PL,
};

/* One check. The functions below return where they stopped, or NULL after
 * noting what was wrong and where. */
struct check {
    const char *end;
    const char *at;      /* of the problem */
    const char *problem; /* in words, without any text of the document */
    unsigned depth;
    char closers[CCB_JSON_MAX_DEPTH]; /* the bracket each level waits for */
};

static const char *fail(struct check *c, const char *at, const char *problem)
{
    c->at = at;
    c->problem = at < c->end ? problem : "the text ends too early";
    return NULL;
}

/* The next byte of a string that is a quote, a backslash or a control. */
static inline const char *find_special(const char *p, const char *end)
{
#ifdef CCB_JSON_WIDE
    for (; end - p >= 16; p += 16) {
        __m128i bytes = ccb_json_load16(p);
        /* Below 0x20: the lesser of it and 0x1f is itself. */
        __m128i control =
            _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
        int hits = _mm_movemask_epi8(
            _mm_or_si128(control, _mm_or_si128(ccb_json_eq16(bytes, '"'),
                                               ccb_json_eq16(bytes, '\\'))));
        if (hits)
            return p + __builtin_ctz((unsigned)hits);
    }
#endif
    while (CCB_JSON_WORDS && end - p >= 8) {
        uint64_t word = ccb_json_load(p);
        uint64_t hits = ccb_json_eq(word, '"') | ccb_json_eq(word, '\\') |
                        ccb_json_below(word, 0x20);
        if (hits)
            return p + ccb_json_first(hits);
        p += 8;
    }
    while (p < end && (ccb_json_is(*p, CCB_JSON_C_PLAIN) || (*p & 0x80)))
        p++;
    return p;
}

/* `p` is at the byte behind a backslash. */
static const char *check_escape(struct check *c, const char *p)
{
    if (p == c->end)
        return fail(c, p, "");
    if (*p != 'u') {
        if (!ccb_json_is(*p, CCB_JSON_C_ESCAPE))
            return fail(c, p, "an unknown escape in a string");
        return p + 1;
    }
    p++;
    for (const char *last = p + 4; p < last; p++)
        if (p == c->end || !ccb_json_is(*p, CCB_JSON_C_HEX))
            return fail(c, p, "four hexadecimal digits were expected");
    return p;
}

/* `p` is behind the opening quote; returns behind the closing one. */
static inline const char *check_string(struct check *c, const char *p)
{
    for (;;) {
        p = find_special(p, c->end);
        if (p == c->end)
            return fail(c, p, "");
        if (*p == '"')
            return p + 1;
        if (*p != '\\')
            return fail(c, p, "a control character in a string");
        p = check_escape(c, p + 1);
        if (!p)
            return NULL;
    }
}

static inline const char *skip_digits(const char *p, const char *end)
{
    while (p < end && ccb_json_is(*p, CCB_JSON_C_DIGIT))
        p++;
    return p;
}

/* At least one digit. */
static const char *check_digits(struct check *c, const char *p)
{
    if (p == c->end || !ccb_json_is(*p, CCB_JSON_C_DIGIT))
        return fail(c, p, "a digit was expected");
    return skip_digits(p, c->end);
}

static const char *check_number(struct check *c, const char *p)
{
    if (*p == '-')
        p++;
    /* A number that begins with 0 ends there: 01 is 0 and rubbish. */
    p = p < c->end && *p == '0' ? p + 1 : check_digits(c, p);
    if (p && p < c->end && *p == '.')
        p = check_digits(c, p + 1);
    if (p && p < c->end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < c->end && (*p == '+' || *p == '-'))
            p++;
        p = check_digits(c, p);
    }
    return p;
}

static const char *check_word(struct check *c, const char *p, const char *word,
                              size_t len)
{
    size_t i = 0;

    while (i < len && p + i < c->end && p[i] == word[i])
        i++;
    if (i < len)
        return fail(c, p + i, "a value was expected");
    return p + len;
}

/* A member's name and its colon, up to where its value begins. */
static const char *check_key(struct check *c, const char *p)
{
    p = ccb_json_skip_space(p, c->end);
    if (p == c->end || *p != '"')
        return fail(c, p, "a member's name was expected");
    p = check_string(c, p + 1);
    if (!p)
        return NULL;
    p = ccb_json_skip_space(p, c->end);
    if (p == c->end || *p != ':')
        return fail(c, p, "':' was expected");
    return p + 1;
}

/* `p` is at an opening bracket. Goes on to its first value; a container that
 * is closed at once is a value that is over: `*open` stays 0. */
static const char *open_container(struct check *c, const char *p, int *open)
{
    char closer = *p == '{' ? '}' : ']';

    if (c->depth == CCB_JSON_MAX_DEPTH)
        return fail(c, p, "nested too deeply");
    p = ccb_json_skip_space(p + 1, c->end);
    if (p < c->end && *p == closer)
        return p + 1;
    *open = 1;
    c->closers[c->depth++] = closer;
    return closer == '}' ? check_key(c, p) : p;
}

/* One value that holds no other, or the opening of one that does. */
static inline const char *check_value(struct check *c, const char *p, int *open)
{
    p = ccb_json_skip_space(p, c->end);
    if (p == c->end)
        return fail(c, p, "");
    switch (*p) {
    case '"':
        return check_string(c, p + 1);
    case '{':
    case '[':
        return open_container(c, p, open);
    case 't':
        return check_word(c, p, "true", 4);
    case 'f':
        return check_word(c, p, "false", 5);
    case 'n':
        return check_word(c, p, "null", 4);
    default:
        if (*p != '-' && !ccb_json_is(*p, CCB_JSON_C_DIGIT))
            return fail(c, p, "a value was expected");
        return check_number(c, p);
    }
}

/* Behind a value: closes what ends here, or goes on to where the next value
 * begins. The whole text is over when no container is open any more. */
static inline const char *check_after(struct check *c, const char *p)
{
    while (c->depth > 0) {
        char closer = c->closers[c->depth - 1];
        p = ccb_json_skip_space(p, c->end);
        if (p < c->end && *p == ',')
            return closer == '}' ? check_key(c, p + 1) : p + 1;
        if (p == c->end || *p != closer)
            return fail(c, p,
                        closer == '}' ? "',' or '}' was expected"
                                      : "',' or ']' was expected");
        p++;
        c->depth--;
    }
    return p;
}

/* `p` is where a value begins; returns behind its last byte. */
static const char *check(struct check *c, const char *p)
{
    do {
        int open = 0;
        p = check_value(c, p, &open);
        if (p && !open)
            p = check_after(c, p);
    } while (p && c->depth > 0);
    return p;
}

int ccb_json_parse(struct ccb_json *out, struct ccb_slice text,
                   enum ccb_json_extent extent, struct ccb_error *err)
{
    struct check c;
    const char *start, *p;

    memset(out, 0, sizeof(*out));
    if (text.len == 0)
        return ccb_error_set(err, CCB_INVALID, "invalid JSON: no text at all");
    c.end = text.ptr + text.len;
    c.depth = 0;
    start = ccb_json_skip_space(text.ptr, c.end);
    p = check(&c, start);
    if (p && extent == CCB_JSON_WHOLE) {
        const char *rest = ccb_json_skip_space(p, c.end);
        if (rest < c.end)
            p = fail(&c, rest, "nothing was expected behind the value");
    }
    if (!p)
        return ccb_error_set(err, CCB_INVALID, "invalid JSON at byte %zu: %s",
                             (size_t)(c.at - text.ptr), c.problem);
    out->type = ccb_json_type_of(*start);
    out->raw = ccb_slice_make(start, (size_t)(p - start));
    return 0;
}
