/*
 * Taking URLs apart and putting them together (contract/lifecycle-buildpack.md
 * A5). Invariant: a URL that was parsed has only whole %XX in path and
 * fragment.
 */
#include "url.h"

#include <string.h>

#include "base/hex.h"

static int is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static struct ccb_slice behind(struct ccb_slice text, size_t count)
{
    return ccb_slice_make(text.ptr + count, text.len - count);
}

/* Cuts `text` at the first of `marks`; what follows it (the mark too) is
 * returned, with ptr NULL when there was none. */
static struct ccb_slice cut(struct ccb_slice *text, const char *marks)
{
    struct ccb_slice rest = {NULL, 0};

    for (size_t i = 0; i < text->len; i++) {
        if (text->ptr[i] != '\0' && strchr(marks, text->ptr[i]) != NULL) {
            rest = behind(*text, i);
            text->len = i;
            break;
        }
    }
    return rest;
}

/* The length of the scheme, 0 for none, -1 for a colon without one. */
static long scheme_length(struct ccb_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (is_letter(c))
            continue;
        if (c == ':')
            return i == 0 ? -1 : (long)i;
        if (i == 0 || !(is_digit(c) || c == '+' || c == '-' || c == '.'))
            return 0;
    }
    return 0;
}

static int check_escapes(struct ccb_slice text, struct ccb_slice whole,
                         struct ccb_failure *failure)
{
    for (size_t i = 0; i < text.len; i++) {
        size_t left = text.len - i;

        if (text.ptr[i] != '%')
            continue;
        if (left < 3 || ccb_hex_digit(text.ptr[i + 1]) < 0 ||
            ccb_hex_digit(text.ptr[i + 2]) < 0)
            return ccb_failure_set(failure, CCB_INVALID,
                                   "parse %.*s: invalid URL escape \"%.*s\"",
                                   (int)whole.len, whole.ptr,
                                   (int)(left < 3 ? left : 3), text.ptr + i);
    }
    return 0;
}

static int parse_authority(struct ccb_url *url, struct ccb_slice *rest,
                           struct ccb_slice whole, struct ccb_failure *failure)
{
    struct ccb_slice path, host;

    *rest = behind(*rest, 2);
    path = cut(rest, "/");
    url->authority = host = *rest;
    url->has_authority = 1;
    *rest = path.ptr == NULL ? ccb_slice_make(rest->ptr + rest->len, 0) : path;
    for (size_t i = host.len; i > 0; i--) {
        if (host.ptr[i - 1] == '@') {
            host = behind(host, i);
            break;
        }
    }
    url->host = host;
    if (host.len > 0 && memchr(host.ptr, '%', host.len) != NULL)
        return ccb_failure_set(failure, CCB_INVALID,
                               "parse %.*s: hexadecimal escape in host",
                               (int)whole.len, whole.ptr);
    return 0;
}

int ccb_url_parse(struct ccb_url *url, struct ccb_slice text,
                  struct ccb_failure *failure)
{
    struct ccb_slice rest = text, tail;
    long scheme;
    int code = 0;

    memset(url, 0, sizeof(*url));
    tail = cut(&rest, "#");
    if (tail.ptr != NULL)
        url->fragment = behind(tail, 1);
    scheme = scheme_length(rest);
    if (scheme < 0)
        return ccb_failure_set(failure, CCB_INVALID,
                               "parse %.*s: missing protocol scheme",
                               (int)rest.len, rest.ptr);
    if (scheme > 0) {
        url->scheme = ccb_slice_make(rest.ptr, (size_t)scheme);
        rest = behind(rest, (size_t)scheme + 1);
    }
    tail = cut(&rest, "?");
    url->has_query = tail.ptr != NULL;
    if (url->has_query)
        url->query = behind(tail, 1);
    if (scheme > 0 && !ccb_slice_starts(rest, "/"))
        url->opaque = rest;
    else if (ccb_slice_starts(rest, "//") &&
             (scheme > 0 || !ccb_slice_starts(rest, "///")))
        code = parse_authority(url, &rest, text, failure);
    if (url->opaque.ptr == NULL)
        url->path = rest;
    if (code == 0)
        code = check_escapes(url->path, text, failure);
    if (code == 0)
        code = check_escapes(url->fragment, text, failure);
    return code;
}

struct ccb_slice ccb_url_unescape(struct ccb_arena *arena,
                                  struct ccb_slice text)
{
    char *out = ccb_arena_text(arena, text.len + 1);
    size_t len = 0;

    if (out == NULL)
        return ccb_slice_make(NULL, 0);
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (c == '%' && text.len - i >= 3) {
            c = (char)(ccb_hex_digit(text.ptr[i + 1]) * 16 +
                       ccb_hex_digit(text.ptr[i + 2]));
            i += 2;
        }
        out[len++] = c;
    }
    out[len] = '\0';
    return ccb_slice_make(out, len);
}

struct ccb_slice ccb_url_escape(struct ccb_arena *arena, struct ccb_slice text)
{
    static const char digits[] = "0123456789ABCDEF";
    char *out = ccb_arena_text(arena, text.len * 3 + 1);
    size_t len = 0;

    if (out == NULL)
        return ccb_slice_make(NULL, 0);
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if (c > ' ' && c < 0x7f && strchr("\"<>\\^`{|}", c) == NULL) {
            out[len++] = (char)c;
            continue;
        }
        out[len++] = '%';
        out[len++] = digits[c >> 4];
        out[len++] = digits[c & 15];
    }
    out[len] = '\0';
    return ccb_slice_make(out, len);
}

const char *ccb_url_format(struct ccb_arena *arena, const struct ccb_url *url)
{
    struct ccb_slice path = ccb_url_escape(arena, url->path);
    struct ccb_slice out;
    char *text;

    if (path.ptr == NULL)
        return NULL;
    out = ccb_arena_format(
        arena, "%.*s%s%s%.*s%.*s%s%s%.*s", (int)url->scheme.len,
        url->scheme.len > 0 ? url->scheme.ptr : "",
        url->scheme.len > 0 ? ":" : "",
        url->opaque.ptr == NULL && (url->scheme.len > 0 || url->has_authority)
            ? "//"
            : "",
        (int)url->authority.len,
        url->authority.len > 0 ? url->authority.ptr : "", (int)url->opaque.len,
        url->opaque.len > 0 ? url->opaque.ptr : "", path.ptr,
        url->query.len > 0 ? "?" : "", (int)url->query.len,
        url->query.len > 0 ? url->query.ptr : "");
    text = (char *)(uintptr_t)out.ptr;
    for (size_t i = 0; text != NULL && i < url->scheme.len; i++)
        if (text[i] >= 'A' && text[i] <= 'Z')
            text[i] = (char)(text[i] - 'A' + 'a');
    return text;
}
