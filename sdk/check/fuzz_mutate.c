/* Changes to a message that follow from a number alone. */
#include <string.h>

#include "fuzz.h"

/* splitmix64: any state will do, also 0 and its neighbours. */
uint64_t ccb_check_random_next(struct ccb_check_random *random)
{
    uint64_t x = random->state += UINT64_C(0x9e3779b97f4a7c15);

    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

size_t ccb_check_random_below(struct ccb_check_random *random, size_t limit)
{
    return (size_t)(ccb_check_random_next(random) % limit);
}

/* ---- changes ------------------------------------------------------------ */

/* Each puts a changed form of `text` into `out`; text is never empty. */
typedef void (*change)(struct ccb_buf *out, struct ccb_slice text,
                       struct ccb_check_random *random);

struct span {
    size_t at, len;
};

static struct span pick_span(struct ccb_slice text, size_t max,
                             struct ccb_check_random *random)
{
    struct span span = {ccb_check_random_below(random, text.len), 0};

    span.len = 1 + ccb_check_random_below(random, max);
    if (span.len > text.len - span.at)
        span.len = text.len - span.at;
    return span;
}

static void put_around(struct ccb_buf *out, struct ccb_slice text,
                       struct span span, const char *bytes, size_t len)
{
    ccb_buf_append(out, text.ptr, span.at);
    ccb_buf_append(out, bytes, len);
    ccb_buf_append(out, text.ptr + span.at + span.len,
                   text.len - span.at - span.len);
}

static void flip_bit(struct ccb_buf *out, struct ccb_slice text,
                     struct ccb_check_random *random)
{
    struct span span = {ccb_check_random_below(random, text.len), 1};
    char byte =
        (char)(text.ptr[span.at] ^ (1 << ccb_check_random_below(random, 8)));

    put_around(out, text, span, &byte, 1);
}

static void drop(struct ccb_buf *out, struct ccb_slice text,
                 struct ccb_check_random *random)
{
    put_around(out, text, pick_span(text, 16, random), "", 0);
}

static void cut(struct ccb_buf *out, struct ccb_slice text,
                struct ccb_check_random *random)
{
    ccb_buf_append(out, text.ptr, ccb_check_random_below(random, text.len));
}

static void copy_elsewhere(struct ccb_buf *out, struct ccb_slice text,
                           struct ccb_check_random *random)
{
    struct span from = pick_span(text, 64, random);
    struct span to = {ccb_check_random_below(random, text.len), 0};

    put_around(out, text, to, text.ptr + from.at, from.len);
}

static void put_token(struct ccb_buf *out, struct ccb_slice text,
                      struct ccb_check_random *random)
{
    static const char *const tokens[] = {
        "null",  "true",   "0",        "-1",      "9223372036854775808",
        "1e400", "\"\"",   "[",        "]",       "{",
        "}",     ",",      ":",        "\\u0000", "\\ud800",
        "\xff",  "[[[[[[", "{\"a\":",  "http://", "://",
        "%",     "../",    "\"8080\"", "65536",   "\n"};
    const char *token = tokens[ccb_check_random_below(
        random, sizeof(tokens) / sizeof(tokens[0]))];
    struct span span = pick_span(text, 4, random);

    if (ccb_check_random_below(random, 2) == 0)
        span.len = 0;
    put_around(out, text, span, token, strlen(token));
}

/* The value behind a random colon becomes another one: the text stays JSON, so
 * what lies behind the parser is tried, too. */
static void replace_value(struct ccb_buf *out, struct ccb_slice text,
                          struct ccb_check_random *random)
{
    static const char *const values[] = {
        "null", "false",  "0",     "-1",        "2147483648",
        "1.5",  "\"\"",   "\"x\"", "\"%s%n\"",  "\"http://[::1\"",
        "[]",   "[null]", "{}",    "{\"a\":{}}"};
    const char *value = values[ccb_check_random_below(
        random, sizeof(values) / sizeof(values[0]))];
    size_t at = ccb_check_random_below(random, text.len);
    const char *colon = memchr(text.ptr + at, ':', text.len - at);
    struct ccb_json json;
    struct span span;

    if (!colon) {
        put_token(out, text, random);
        return;
    }
    span.at = (size_t)(colon + 1 - text.ptr);
    span.len = 0;
    if (ccb_json_parse(&json,
                       ccb_slice_make(text.ptr + span.at, text.len - span.at),
                       CCB_JSON_FIRST, NULL) == 0)
        span.len = json.raw.len;
    put_around(out, text, span, value, strlen(value));
}

void ccb_check_mutate(struct ccb_buf *out, struct ccb_slice text,
                      struct ccb_check_random *random)
{
    static const change changes[] = {
        flip_bit,       drop,          cut,           put_token,
        copy_elsewhere, replace_value, replace_value, replace_value};
    size_t count = 1 + ccb_check_random_below(random, 8);
    struct ccb_buf from = {0};

    ccb_buf_reset(out);
    ccb_buf_put_slice(out, text);
    for (size_t i = 0; i < count && out->len > 0; i++) {
        ccb_buf_reset(&from);
        ccb_buf_put_slice(&from, ccb_buf_slice(out));
        if (from.failed)
            break;
        ccb_buf_reset(out);
        changes[ccb_check_random_below(random,
                                       sizeof(changes) / sizeof(changes[0]))](
            out, ccb_buf_slice(&from), random);
    }
    ccb_buf_destroy(&from);
}
