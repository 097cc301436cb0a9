/*
 * One text as a YAML value, in the style the original's encoder chose and with
 * its faults, since the file is compared byte for byte
 * (contract/lifecycle-buildpack.md A9): it leaves ": " unquoted, and its hex
 * digits are characters from 0x37 on, so 0 to 9 come out wrong.
 */
#include <regex.h>
#include <string.h>
#include <strings.h>

#include "base/utf8.h"
#include "staging_info.h"

enum style { PLAIN, SINGLE_QUOTED, DOUBLE_QUOTED, LITERAL };

/* Plain text that YAML 1.1 reads as something else than text. */
static int is_word(struct ccb_slice text)
{
    static const char *const words[] = {"y",     "n",    "yes",  "no", "true",
                                        "false", "on",   "off",  "~",  "null",
                                        "<<",    ".inf", ".nan", "="};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (text.len == strlen(words[i]) &&
            strncasecmp(text.ptr, words[i], text.len) == 0)
            return 1;
    }
    return 0;
}

static int is_number(struct ccb_slice text)
{
    static const char *const forms[] = {
        "^[-+]?[0-9][0-9_]*$",
        "^[-+]?0b[01_]+$",
        "^[-+]?0x[0-9a-fA-F_]+$",
        "^[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\\.[0-9_]*)?$",
        "^[-+]?([0-9][0-9_]*)?\\.[0-9][0-9_]*([eE][-+]?[0-9]+)?$",
        "^[-+]?[0-9][0-9_]*\\.?([eE][-+]?[0-9]+)?$",
        "^[-+]\\.(inf|Inf|INF)$",
        "^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}$",
        "^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt]| +)[0-9]{1,2}:[0-9]{2}:[0-9]{2}",
    };
    char space[128];

    if (text.len >= sizeof(space) ||
        strchr("+-.0123456789", text.ptr[0]) == NULL)
        return 0;
    memcpy(space, text.ptr, text.len);
    space[text.len] = '\0';
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        regex_t form;
        int found;

        if (regcomp(&form, forms[i], REG_EXTENDED | REG_NOSUB) != 0)
            return 1; /* no memory: quotes never hurt */
        found = regexec(&form, space, 0, NULL, 0) == 0;
        regfree(&form);
        if (found)
            return 1;
    }
    return 0;
}

/* What stands at the beginning and means something else than text there. */
static int is_indicated(struct ccb_slice text)
{
    int spaced = text.len == 1 || text.ptr[1] == ' ';

    if (strchr("#,[]{}&*!|>'\"%@`", text.ptr[0]) != NULL)
        return 1;
    if (strchr("-?:", text.ptr[0]) != NULL && spaced)
        return 1;
    return ccb_slice_starts(text, "---") || ccb_slice_starts(text, "...");
}

static int has_comment(struct ccb_slice text)
{
    for (size_t i = 1; i < text.len; i++) {
        if (text.ptr[i] == '#' && text.ptr[i - 1] == ' ')
            return 1;
    }
    return 0;
}

/* Of text in one line, printable ASCII. */
static enum style line_style(struct ccb_slice text)
{
    char last = text.ptr[text.len - 1];

    if (is_word(text) || is_number(text))
        return DOUBLE_QUOTED;
    if (is_indicated(text) || has_comment(text) || text.ptr[0] == ' ' ||
        last == ' ' || last == ':')
        return SINGLE_QUOTED;
    return PLAIN;
}

static enum style style_of(struct ccb_slice text)
{
    int lines = 0;

    if (text.len == 0)
        return DOUBLE_QUOTED;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if (c != '\n' && (c < ' ' || c > '~'))
            return DOUBLE_QUOTED;
        /* A literal block can't hold a line that ends with a blank. */
        if (c == ' ' && i + 1 < text.len && text.ptr[i + 1] == '\n')
            return DOUBLE_QUOTED;
        lines |= c == '\n';
    }
    if (!lines)
        return line_style(text);
    return text.ptr[text.len - 1] == ' ' ? DOUBLE_QUOTED : LITERAL;
}

/* ---- writing ------------------------------------------------------------ */

/* Digits from 0x37 on, most significant first: the original's fault. */
static void put_hex(struct ccb_buf *out, uint32_t rune)
{
    int digits = rune <= 0xff ? 2 : rune <= 0xffff ? 4 : 8;

    (void)ccb_buf_put(out, digits == 2 ? "\\x" : digits == 4 ? "\\u" : "\\U");
    while (digits-- > 0)
        (void)ccb_buf_putc(out, (char)(0x37 + (rune >> (digits * 4) & 15)));
}

static void put_rune(struct ccb_buf *out, uint32_t rune)
{
    static const struct {
        uint32_t rune;
        char letter;
    } named[] = {
        {0, '0'},     {7, 'a'},    {8, 'b'},    {'\t', 't'},   {'\n', 'n'},
        {0x0b, 'v'},  {0x0c, 'f'}, {'\r', 'r'}, {0x1b, 'e'},   {'"', '"'},
        {'\\', '\\'}, {0x85, 'N'}, {0xa0, '_'}, {0x2028, 'L'}, {0x2029, 'P'},
    };

    for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
        if (named[i].rune == rune) {
            (void)ccb_buf_putc(out, '\\');
            (void)ccb_buf_putc(out, named[i].letter);
            return;
        }
    }
    if (rune >= ' ' && rune <= '~')
        (void)ccb_buf_putc(out, (char)rune);
    else
        put_hex(out, rune);
}

static void put_double_quoted(struct ccb_buf *out, struct ccb_slice text)
{
    (void)ccb_buf_putc(out, '"');
    for (size_t i = 0; i < text.len;) {
        uint32_t rune = 0xfffd;
        size_t size = ccb_utf8_next(text.ptr + i, text.len - i, &rune);

        put_rune(out, size == 0 ? 0xfffd : rune);
        i += size == 0 ? 1 : size;
    }
    (void)ccb_buf_put(out, "\"\n");
}

static void put_single_quoted(struct ccb_buf *out, struct ccb_slice text)
{
    (void)ccb_buf_putc(out, '\'');
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\'')
            (void)ccb_buf_putc(out, '\'');
        (void)ccb_buf_putc(out, text.ptr[i]);
    }
    (void)ccb_buf_put(out, "'\n");
}

static void put_literal(struct ccb_buf *out, struct ccb_slice text)
{
    char last = text.ptr[text.len - 1];
    int begins = 1;

    (void)ccb_buf_putc(out, '|');
    if (text.ptr[0] == ' ' || text.ptr[0] == '\n')
        (void)ccb_buf_putc(out, '2'); /* or the blanks would be the indent */
    (void)ccb_buf_put(out, last == '\n' ? "+\n" : "-\n");
    for (size_t i = 0; i < text.len; i++) {
        if (begins && text.ptr[i] != '\n')
            (void)ccb_buf_put(out, "  ");
        (void)ccb_buf_putc(out, text.ptr[i]);
        begins = text.ptr[i] == '\n';
    }
    if (last != '\n')
        (void)ccb_buf_putc(out, '\n');
}

static void put_plain(struct ccb_buf *out, struct ccb_slice text)
{
    (void)ccb_buf_put_slice(out, text);
    (void)ccb_buf_putc(out, '\n');
}

void ccb_yaml_put_text(struct ccb_buf *out, struct ccb_slice text)
{
    static void (*const put[])(struct ccb_buf *, struct ccb_slice) = {
        [PLAIN] = put_plain,
        [SINGLE_QUOTED] = put_single_quoted,
        [DOUBLE_QUOTED] = put_double_quoted,
        [LITERAL] = put_literal,
    };

    put[style_of(text)](out, text);
}
