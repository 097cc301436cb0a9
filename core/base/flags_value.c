/*
 * Values of flags: one row of `types` is one type. Numbers follow strconv with
 * base 0 (decimal, 0x, leading 0), pairs follow contract/stager.md A2.
 * Invariant: a refused text leaves the value as it was.
 */
#include "base/flags_value.h"

#include "base/mem.h"
#include "base/utf8.h"

#define WHY_SIZE 512

/* ---- quoting ------------------------------------------------------------ */

/* The characters that %q escapes although they are valid: blanks other than
 * the space, marks that can't be seen, private use. */
static const struct range {
    uint32_t first, last;
} hidden[] = {
    {0x7f, 0xa0},     {0xad, 0xad},     {0x1680, 0x1680},   {0x2000, 0x200f},
    {0x2028, 0x202f}, {0x205f, 0x206f}, {0x3000, 0x3000},   {0xe000, 0xf8ff},
    {0xfeff, 0xfeff}, {0xfff0, 0xfffb}, {0xe0000, 0xe0fff}, {0xf0000, 0x10ffff},
};

static int is_hidden(uint32_t rune)
{
    for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++) {
        if (rune >= hidden[i].first && rune <= hidden[i].last)
            return 1;
    }
    return 0;
}

static void quote_ascii(struct ccb_buf *out, unsigned char c)
{
    static const char letters[] = "abtnvfr"; /* 7 to 13 */

    if (c == '"' || c == '\\')
        (void)ccb_buf_printf(out, "\\%c", c);
    else if (c >= 7 && c <= 13)
        (void)ccb_buf_printf(out, "\\%c", letters[c - 7]);
    else if (c < ' ')
        (void)ccb_buf_printf(out, "\\x%02x", c);
    else
        (void)ccb_buf_putc(out, (char)c);
}

void ccb_flag_quote(struct ccb_buf *out, struct ccb_slice text)
{
    size_t i = 0;

    (void)ccb_buf_putc(out, '"');
    while (i < text.len) {
        uint32_t rune = 0;
        size_t size = ccb_utf8_next(text.ptr + i, text.len - i, &rune);

        if (size == 0)
            (void)ccb_buf_printf(out, "\\x%02x", (unsigned char)text.ptr[i]);
        else if (is_hidden(rune))
            (void)ccb_buf_printf(out, rune < 0x10000 ? "\\u%04x" : "\\U%08x",
                                 (unsigned)rune);
        else if (size == 1)
            quote_ascii(out, (unsigned char)rune);
        else
            (void)ccb_buf_append(out, text.ptr + i, size);
        i += size == 0 ? 1 : size;
    }
    (void)ccb_buf_putc(out, '"');
}

/* ---- numbers ------------------------------------------------------------ */

static const char bad_syntax[] = "invalid syntax";
static const char bad_range[] = "value out of range";

static int refuse(struct ccb_buf *why, const char *parser, const char *text,
                  const char *words)
{
    (void)ccb_buf_printf(why, "strconv.%s: parsing ", parser);
    ccb_flag_quote(why, ccb_slice_of(text));
    (void)ccb_buf_printf(why, ": %s", words);
    return CCB_INVALID;
}

static unsigned digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    if (c >= 'a' && c <= 'f')
        return (unsigned)(c - 'a') + 10;
    if (c >= 'A' && c <= 'F')
        return (unsigned)(c - 'A') + 10;
    return 16;
}

/* Base 0 without sign. NULL, or the words for what is wrong. */
static const char *parse_digits(const char *text, uint64_t *out)
{
    unsigned base = 10;
    uint64_t value = 0;

    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        base = 16;
        text += 2;
    } else if (text[0] == '0') {
        base = 8;
    }
    if (*text == '\0')
        return bad_syntax;
    for (; *text != '\0'; text++) {
        unsigned digit = digit_of(*text);

        if (digit >= base)
            return bad_syntax;
        if (__builtin_mul_overflow(value, base, &value) ||
            __builtin_add_overflow(value, digit, &value))
            return bad_range;
    }
    *out = value;
    return NULL;
}

static int set_int(const struct ccb_flag *flag, void *value, const char *text,
                   struct ccb_buf *why)
{
    int negative = text[0] == '-';
    uint64_t limit = (uint64_t)INT64_MAX + (negative ? 1 : 0), digits = 0;
    const char *words =
        parse_digits(text + (negative || text[0] == '+'), &digits);

    (void)flag;
    if (words == NULL && digits > limit)
        words = bad_range;
    if (words != NULL)
        return refuse(why, "ParseInt", text, words);
    *(int64_t *)value = (int64_t)(negative ? 0 - digits : digits);
    return 0;
}

static int set_uint(const struct ccb_flag *flag, void *value, const char *text,
                    struct ccb_buf *why)
{
    uint64_t digits = 0;
    const char *words = parse_digits(text, &digits);

    (void)flag;
    if (words != NULL)
        return refuse(why, "ParseUint", text, words);
    *(uint64_t *)value = digits;
    return 0;
}

/* ---- the other types ---------------------------------------------------- */

static int set_string(const struct ccb_flag *flag, void *value,
                      const char *text, struct ccb_buf *why)
{
    (void)flag;
    (void)why;
    *(const char **)value = text;
    return 0;
}

static int set_bool(const struct ccb_flag *flag, void *value, const char *text,
                    struct ccb_buf *why)
{
    static const char *const words[][6] = {
        {"0", "f", "F", "false", "FALSE", "False"},
        {"1", "t", "T", "true", "TRUE", "True"},
    };

    (void)flag;
    for (int truth = 0; truth < 2; truth++) {
        for (size_t i = 0; i < 6; i++) {
            if (strcmp(text, words[truth][i]) == 0) {
                *(bool *)value = truth;
                return 0;
            }
        }
    }
    return refuse(why, "ParseBool", text, bad_syntax);
}

static int set_duration(const struct ccb_flag *flag, void *value,
                        const char *text, struct ccb_buf *why)
{
    char words[WHY_SIZE];

    (void)flag;
    if (ccb_duration_check(ccb_slice_of(text), words, sizeof(words)) != 0) {
        (void)ccb_buf_put(why, words);
        return CCB_INVALID;
    }
    return ccb_duration_parse(ccb_slice_of(text), value);
}

static struct ccb_pair *find_pair(const struct ccb_pairs *pairs,
                                  struct ccb_slice key)
{
    for (size_t i = 0; i < pairs->count; i++) {
        if (ccb_slice_equal(pairs->items[i].key, key))
            return &pairs->items[i];
    }
    return NULL;
}

const struct ccb_pair *ccb_pairs_find(const struct ccb_pairs *pairs,
                                      struct ccb_slice key)
{
    return find_pair(pairs, key);
}

void ccb_pairs_destroy(struct ccb_pairs *pairs)
{
    ccb_free(pairs->items);
    pairs->items = NULL;
    pairs->count = 0;
}

static int put_pair(struct ccb_pairs *pairs, struct ccb_pair pair)
{
    struct ccb_pair *old = find_pair(pairs, pair.key), *items;

    if (old != NULL) {
        old->value = pair.value;
        return 0;
    }
    items = ccb_realloc(pairs->items, (pairs->count + 1) * sizeof(*items));
    if (items == NULL)
        return CCB_NO_MEMORY;
    pairs->items = items;
    pairs->items[pairs->count++] = pair;
    return 0;
}

/* NULL when the text is a pair; else the historic words, or our own. */
static const char *refuse_pair(const struct ccb_flag *flag, const char *text,
                               const char *separator)
{
    if (separator != NULL && separator != text && separator[1] != '\0')
        return NULL;
    if (flag->separator != '\0')
        return "";
    if (separator == NULL)
        return "not of the form 'lifecycle-name:path'";
    return separator == text ? "empty lifecycle name" : "empty path";
}

static int set_pair(const struct ccb_flag *flag, void *value, const char *text,
                    struct ccb_buf *why)
{
    const char *separator =
        strchr(text, flag->separator != '\0' ? flag->separator : ':');
    const char *words = refuse_pair(flag, text, separator);
    struct ccb_pair pair;

    if (words != NULL) {
        if (flag->separator != '\0')
            (void)ccb_buf_printf(why, "use %s", ccb_flag_placeholder(flag));
        else
            (void)ccb_buf_printf(why, "Invalid lifecycle value: %s", words);
        return CCB_INVALID;
    }
    pair.key = ccb_slice_make(text, (size_t)(separator - text));
    pair.value = ccb_slice_of(separator + 1);
    if (put_pair(value, pair) != 0) {
        (void)ccb_buf_put(why, "not enough memory");
        return CCB_NO_MEMORY;
    }
    return 0;
}

/* ---- the table ---------------------------------------------------------- */

static const struct type {
    size_t size;
    const char *placeholder;
    int (*set)(const struct ccb_flag *flag, void *value, const char *text,
               struct ccb_buf *why);
} types[] = {
    [CCB_FLAG_STRING] = {sizeof(const char *), "string", set_string},
    [CCB_FLAG_BOOL] = {sizeof(bool), "", set_bool},
    [CCB_FLAG_INT] = {sizeof(int64_t), "int", set_int},
    [CCB_FLAG_UINT] = {sizeof(uint64_t), "uint", set_uint},
    [CCB_FLAG_DURATION] = {sizeof(int64_t), "duration", set_duration},
    [CCB_FLAG_PAIRS] = {sizeof(struct ccb_pairs), "KEY:VALUE", set_pair},
};

void ccb_flag_clear(const struct ccb_flag *flag, void *values)
{
    char *value = (char *)values + flag->offset;

    memset(value, 0, types[flag->type].size);
    if (flag->type == CCB_FLAG_STRING)
        *(const char **)(void *)value = "";
}

int ccb_flag_set(const struct ccb_flag *flag, void *values, const char *text,
                 struct ccb_buf *why)
{
    char words[WHY_SIZE] = "";

    if (flag->check != NULL &&
        flag->check(ccb_slice_of(text), words, sizeof(words)) != 0) {
        (void)ccb_buf_put(why, words);
        return CCB_INVALID;
    }
    return types[flag->type].set(flag, (char *)values + flag->offset, text,
                                 why);
}

const char *ccb_flag_placeholder(const struct ccb_flag *flag)
{
    return flag->placeholder != NULL ? flag->placeholder
                                     : types[flag->type].placeholder;
}

int ccb_flag_default_is_zero(const struct ccb_flag *flag)
{
    const char *text = flag->default_text;

    return text == NULL || *text == '\0' ||
           (flag->type != CCB_FLAG_STRING &&
            (strcmp(text, "0") == 0 || strcmp(text, "0s") == 0 ||
             strcmp(text, "false") == 0));
}
