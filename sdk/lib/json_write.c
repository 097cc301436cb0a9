/*
 * The writer: commas and colons by itself, strings by runs of plain bytes.
 *
 * Invariant: what reaches the sink is valid JSON in valid UTF-8 without white
 * space, as long as the calls nest properly; the first error sticks and ends
 * all output. Follows contract/stager.md A8 (encoders).
 */
#include "json_internal.h"

#define MAX_OPEN 64 /* bits of ccb_json_writer.filled */

void ccb_json_writer_init(struct ccb_json_writer *w,
                          int (*sink)(void *ctx, const char *bytes, size_t len),
                          void *ctx)
{
    w->sink = sink;
    w->ctx = ctx;
    w->code = 0;
    w->depth = 0;
    w->filled = 0;
    w->after_key = 0;
    w->used = 0;
}

static void give(struct ccb_json_writer *w, const char *bytes, size_t len)
{
    if (w->code == 0 && len > 0)
        w->code = w->sink(w->ctx, bytes, len);
}

static void flush(struct ccb_json_writer *w)
{
    give(w, w->buffer, w->used);
    w->used = 0;
}

static void append(struct ccb_json_writer *w, const char *bytes, size_t len)
{
    if (len == 0)
        return;
    if (len > sizeof(w->buffer) - w->used)
        flush(w);
    if (len > sizeof(w->buffer)) {
        give(w, bytes, len);
        return;
    }
    memcpy(w->buffer + w->used, bytes, len);
    w->used += len;
}

static void append_byte(struct ccb_json_writer *w, char c)
{
    if (w->used == sizeof(w->buffer))
        flush(w);
    w->buffer[w->used++] = c;
}

int ccb_json_writer_end(struct ccb_json_writer *w)
{
    if (w->code == 0 && (w->depth > 0 || w->after_key))
        w->code = CCB_FAILED;
    flush(w);
    return w->code;
}

/* ---- strings ------------------------------------------------------------ */

/* The next byte that can't be written as it is: a control, a quote, a
 * backslash, `<`, `>`, `&`, or not ASCII. */
static const char *find_unsafe(const char *p, const char *end)
{
#ifdef CCB_JSON_WIDE
    for (; end - p >= 16; p += 16) {
        __m128i bytes = ccb_json_load16(p);
        /* Pairs that differ in one bit cost one test: < and >, " and &.
         * Bytes from 0x80 up are negative, so one comparison finds them and
         * the controls. */
        __m128i odd = _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20));
        __m128i angle =
            ccb_json_eq16(_mm_or_si128(bytes, _mm_set1_epi8(0x02)), '>');
        __m128i quote =
            ccb_json_eq16(_mm_or_si128(bytes, _mm_set1_epi8(0x04)), '&');
        __m128i slash = ccb_json_eq16(bytes, '\\');
        int hits = _mm_movemask_epi8(
            _mm_or_si128(_mm_or_si128(odd, angle), _mm_or_si128(quote, slash)));
        if (hits)
            return p + __builtin_ctz((unsigned)hits);
    }
#endif
    while (CCB_JSON_WORDS && end - p >= 8) {
        uint64_t word = ccb_json_load(p);
        /* Pairs that differ in one bit cost one test: < and >, " and &. */
        uint64_t hits = ccb_json_eq(word | CCB_JSON_EACH(0x02), '>') |
                        ccb_json_eq(word | CCB_JSON_EACH(0x04), '&') |
                        ccb_json_eq(word, '\\') | ccb_json_below(word, 0x20) |
                        (word & CCB_JSON_HIGH);
        if (hits)
            return p + ccb_json_first(hits);
        p += 8;
    }
    while (p < end && ccb_json_is(*p, CCB_JSON_C_PLAIN) && *p != '<' &&
           *p != '>' && *p != '&')
        p++;
    return p;
}

/* Writes the ASCII byte `c` that find_unsafe stopped at. */
static void put_escape(struct ccb_json_writer *w, char c)
{
    static const char digits[] = "0123456789abcdef";
    static const char letter[256] = {
        ['"'] = '"', ['\\'] = '\\', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
    char text[6] = {'\\', 'u', '0', '0'};

    text[4] = digits[(unsigned char)c >> 4];
    text[5] = digits[c & 15];
    if (letter[(unsigned char)c]) {
        text[1] = letter[(unsigned char)c];
        append(w, text, 2);
    } else {
        append(w, text, sizeof(text));
    }
}

/* Writes the character beyond ASCII at `p`; returns its bytes. */
static size_t put_wide(struct ccb_json_writer *w, const char *p,
                       const char *end)
{
    size_t len = ccb_json_utf8(p, end);

    if (len == 0) {
        append(w, "\\ufffd", 6);
        return 1;
    }
    /* Line ends for JavaScript, which JSON may be pasted into. */
    if (len == 3 && memcmp(p, "\xe2\x80\xa8", 3) == 0)
        append(w, "\\u2028", 6);
    else if (len == 3 && memcmp(p, "\xe2\x80\xa9", 3) == 0)
        append(w, "\\u2029", 6);
    else
        append(w, p, len);
    return len;
}

static void put_text(struct ccb_json_writer *w, struct ccb_slice text)
{
    const char *p = text.ptr, *end;

    if (text.len == 0)
        return;
    end = p + text.len;
    while (p < end) {
        const char *stop = find_unsafe(p, end);
        append(w, p, (size_t)(stop - p));
        p = stop;
        if (p == end)
            break;
        if (*p & 0x80)
            p += put_wide(w, p, end);
        else
            put_escape(w, *p++);
    }
}

static void put_quoted(struct ccb_json_writer *w, struct ccb_slice text)
{
    append_byte(w, '"');
    put_text(w, text);
    append_byte(w, '"');
}

/* The text between the quotes is JSON already, but for what is no UTF-8. */
static void put_ready(struct ccb_json_writer *w, struct ccb_slice quoted)
{
    const char *p = quoted.ptr, *end = p + quoted.len;

    while (p < end) {
        const char *wide = p;
        while (wide < end && !(*wide & 0x80))
            wide = *wide == '\\' ? wide + 1 : ccb_json_find_odd(wide, end);
        append(w, p, (size_t)(wide - p));
        p = wide;
        if (p < end)
            p += put_wide(w, p, end);
    }
}

/* ---- structure ---------------------------------------------------------- */

/* A comma, unless this is the first of its container. */
static void separate(struct ccb_json_writer *w)
{
    uint64_t bit;

    if (w->depth == 0)
        return;
    bit = UINT64_C(1) << (w->depth - 1);
    if (w->filled & bit)
        append_byte(w, ',');
    w->filled |= bit;
}

/* What goes before any value. */
static void begin_value(struct ccb_json_writer *w)
{
    if (w->after_key)
        w->after_key = 0;
    else
        separate(w);
}

static void begin_container(struct ccb_json_writer *w, char bracket)
{
    begin_value(w);
    if (w->depth == MAX_OPEN) {
        w->code = w->code ? w->code : CCB_FAILED;
        return;
    }
    append_byte(w, bracket);
    w->filled &= ~(UINT64_C(1) << w->depth);
    w->depth++;
}

static void end_container(struct ccb_json_writer *w, char bracket)
{
    if (w->depth == 0 || w->after_key) {
        w->code = w->code ? w->code : CCB_FAILED;
        return;
    }
    append_byte(w, bracket);
    w->depth--;
}

void ccb_json_begin_object(struct ccb_json_writer *w)
{
    begin_container(w, '{');
}

void ccb_json_end_object(struct ccb_json_writer *w)
{
    end_container(w, '}');
}

void ccb_json_begin_array(struct ccb_json_writer *w)
{
    begin_container(w, '[');
}

void ccb_json_end_array(struct ccb_json_writer *w)
{
    end_container(w, ']');
}

/* Room for a key: 0 where none may stand. */
static int begin_key(struct ccb_json_writer *w)
{
    if (w->depth == 0 || w->after_key) {
        w->code = w->code ? w->code : CCB_FAILED;
        return 0;
    }
    separate(w);
    return 1;
}

static void end_key(struct ccb_json_writer *w)
{
    append_byte(w, ':');
    w->after_key = 1;
}

void ccb_json_key_slice(struct ccb_json_writer *w, struct ccb_slice key)
{
    if (!begin_key(w))
        return;
    put_quoted(w, key);
    end_key(w);
}

void ccb_json_key_raw(struct ccb_json_writer *w, struct ccb_slice json)
{
    if (!begin_key(w))
        return;
    append(w, json.ptr, json.len);
    end_key(w);
}

void ccb_json_key(struct ccb_json_writer *w, const char *key)
{
    ccb_json_key_slice(w, ccb_slice_of(key));
}

/* ---- values ------------------------------------------------------------- */

void ccb_json_put_string(struct ccb_json_writer *w, struct ccb_slice text)
{
    begin_value(w);
    put_quoted(w, text);
}

void ccb_json_put_quoted(struct ccb_json_writer *w, struct ccb_slice quoted)
{
    begin_value(w);
    if (quoted.len == 0)
        append(w, "\"\"", 2);
    else
        put_ready(w, quoted);
}

void ccb_json_put_pieces(struct ccb_json_writer *w,
                         const struct ccb_slice *pieces, size_t count)
{
    begin_value(w);
    append_byte(w, '"');
    for (size_t i = 0; i < count; i++)
        put_text(w, pieces[i]);
    append_byte(w, '"');
}

static void put_digits(struct ccb_json_writer *w, int negative, uint64_t n)
{
    char text[24];
    size_t at = sizeof(text);

    do {
        text[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    if (negative)
        text[--at] = '-';
    begin_value(w);
    append(w, text + at, sizeof(text) - at);
}

void ccb_json_put_int(struct ccb_json_writer *w, int64_t number)
{
    put_digits(w, number < 0,
               number < 0 ? 0 - (uint64_t)number : (uint64_t)number);
}

void ccb_json_put_uint(struct ccb_json_writer *w, uint64_t number)
{
    put_digits(w, 0, number);
}

void ccb_json_put_bool(struct ccb_json_writer *w, int truth)
{
    begin_value(w);
    append(w, truth ? "true" : "false", truth ? 4 : 5);
}

void ccb_json_put_null(struct ccb_json_writer *w)
{
    begin_value(w);
    append(w, "null", 4);
}

void ccb_json_put_raw(struct ccb_json_writer *w, struct ccb_slice json)
{
    /* An absent value has no text, and a member needs one. */
    if (json.len == 0) {
        ccb_json_put_null(w);
        return;
    }
    begin_value(w);
    append(w, json.ptr, json.len);
}

/* ---- members ------------------------------------------------------------ */

void ccb_json_member_string(struct ccb_json_writer *w, const char *key,
                            struct ccb_slice text)
{
    ccb_json_key(w, key);
    ccb_json_put_string(w, text);
}

void ccb_json_member_cstr(struct ccb_json_writer *w, const char *key,
                          const char *text)
{
    ccb_json_member_string(w, key, ccb_slice_of(text));
}

void ccb_json_member_int(struct ccb_json_writer *w, const char *key,
                         int64_t number)
{
    ccb_json_key(w, key);
    ccb_json_put_int(w, number);
}

void ccb_json_member_uint(struct ccb_json_writer *w, const char *key,
                          uint64_t number)
{
    ccb_json_key(w, key);
    ccb_json_put_uint(w, number);
}

void ccb_json_member_bool(struct ccb_json_writer *w, const char *key, int truth)
{
    ccb_json_key(w, key);
    ccb_json_put_bool(w, truth);
}

void ccb_json_member_raw(struct ccb_json_writer *w, const char *key,
                         struct ccb_slice json)
{
    ccb_json_key(w, key);
    ccb_json_put_raw(w, json);
}
