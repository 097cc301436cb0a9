/*
 * Building a log line without printf: digits and escapes by hand, since a line
 * is written for every request. Invariant: a line either holds all that was
 * put or is marked failed; it never holds half an escape.
 */
#include "base/log_line.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/utf8.h"

void ccb_log_line_init(struct ccb_log_line *line)
{
    line->data = line->small;
    line->len = 0;
    line->cap = sizeof(line->small);
    line->failed = 0;
}

void ccb_log_line_destroy(struct ccb_log_line *line)
{
    if (line->data != line->small)
        ccb_free(line->data);
}

static int grow(struct ccb_log_line *line, size_t more)
{
    size_t cap = line->cap * 2;
    char *data;

    if (line->failed)
        return -1;
    while (cap - line->len < more)
        cap *= 2; /* lengths are those of memory there is: no overflow */
    data = ccb_realloc(line->data == line->small ? NULL : line->data, cap);
    if (data == NULL) {
        line->failed = 1;
        return -1;
    }
    if (line->data == line->small)
        memcpy(data, line->small, line->len);
    line->data = data;
    line->cap = cap;
    return 0;
}

void ccb_log_line_put(struct ccb_log_line *line, const char *bytes, size_t len)
{
    if (len == 0 || (len > line->cap - line->len && grow(line, len) != 0))
        return;
    memcpy(line->data + line->len, bytes, len);
    line->len += len;
}

/* Decimal digits, at least `width` of them, right-aligned before `end`. */
static char *digits(char *end, uint64_t number, int width)
{
    do {
        *--end = (char)('0' + number % 10);
        number /= 10;
        width--;
    } while (number > 0 || width > 0);
    return end;
}

void ccb_log_line_put_uint(struct ccb_log_line *line, uint64_t number)
{
    char text[20];
    char *end = text + sizeof(text), *start = digits(end, number, 1);

    ccb_log_line_put(line, start, (size_t)(end - start));
}

void ccb_log_line_put_int(struct ccb_log_line *line, int64_t number)
{
    if (number < 0)
        CCB_LOG_LINE_LIT(line, "-");
    ccb_log_line_put_uint(line,
                          number < 0 ? 0 - (uint64_t)number : (uint64_t)number);
}

void ccb_log_line_put_time(struct ccb_log_line *line, int64_t nanoseconds)
{
    uint64_t time = nanoseconds < 0 ? 0 : (uint64_t)nanoseconds;
    char text[32];
    char *end = text + sizeof(text);
    char *start = digits(end, time % (uint64_t)CCB_SECOND, 9);

    *--start = '.';
    start = digits(start, time / (uint64_t)CCB_SECOND, 1);
    ccb_log_line_put(line, start, (size_t)(end - start));
}

/* Bytes that stand for themselves: printable ASCII but " & < > \ */
static int is_plain(unsigned char c)
{
    static const uint64_t special[2] = {
        UINT64_C(0xffffffff) | UINT64_C(1) << '"' | UINT64_C(1) << '&' |
            UINT64_C(1) << '<' | UINT64_C(1) << '>',
        UINT64_C(1) << ('\\' - 64)};

    return c < 128 && !(special[c >> 6] >> (c & 63) & 1);
}

static void put_escape(struct ccb_log_line *line, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    char text[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
    char letter = c == '\n'               ? 'n'
                  : c == '\r'             ? 'r'
                  : c == '\t'             ? 't'
                  : c == '"' || c == '\\' ? (char)c
                                          : '\0';

    if (letter == '\0') {
        ccb_log_line_put(line, text, sizeof(text));
        return;
    }
    text[1] = letter;
    ccb_log_line_put(line, text, 2);
}

/* One character that is not plain; returns its length. */
static size_t put_special(struct ccb_log_line *line, struct ccb_slice text)
{
    uint32_t rune = 0;
    size_t size = ccb_utf8_next(text.ptr, text.len, &rune);

    if (size == 0)
        CCB_LOG_LINE_LIT(line, "\xef\xbf\xbd"); /* U+FFFD */
    else if (size == 1)
        put_escape(line, (unsigned char)rune);
    else if (rune == 0x2028)
        CCB_LOG_LINE_LIT(line, "\\u2028");
    else if (rune == 0x2029)
        CCB_LOG_LINE_LIT(line, "\\u2029");
    else
        ccb_log_line_put(line, text.ptr, size);
    return size == 0 ? 1 : size;
}

void ccb_log_line_put_escaped(struct ccb_log_line *line, struct ccb_slice text)
{
    while (text.len > 0) {
        size_t run = 0;

        while (run < text.len && is_plain((unsigned char)text.ptr[run]))
            run++;
        ccb_log_line_put(line, text.ptr, run);
        text.ptr += run;
        text.len -= run;
        if (text.len == 0)
            break;
        run = put_special(line, text);
        text.ptr += run;
        text.len -= run;
    }
}
