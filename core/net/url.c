/*
 * URLs as Go's net/url of 2015 takes them apart (contract/stager.md B1, C1).
 *
 * Invariant: parsing never copies; every slice lies in the text, but for the
 * scheme, which is a constant when it is one we know. Stricter than Go in two
 * points: a port must be a number, and control bytes are refused, since a URL
 * ends up in a request line.
 */
#include "net/url.h"

#include <string.h>
#include <strings.h>

#include "base/hex.h"

static const struct scheme {
    struct ccb_slice name;
    uint16_t port;
} schemes[] = {
    {CCB_LIT("http"), 80},
    {CCB_LIT("https"), 443},
    {CCB_LIT("ws"), 80},
    {CCB_LIT("wss"), 443},
};

static const struct ccb_slice nothing = CCB_LIT("");

static struct ccb_slice slice_from(struct ccb_slice text, size_t from)
{
    return ccb_slice_make(text.ptr + from, text.len - from);
}

static const char *find_byte(struct ccb_slice text, char byte)
{
    return text.len == 0 ? NULL : memchr(text.ptr, byte, text.len);
}

static const char *find_last(struct ccb_slice text, char byte)
{
    return text.len == 0 ? NULL : memrchr(text.ptr, byte, text.len);
}

/* Fails with words that show the URL without user info and query: everything
 * up to the last '@' goes, even where it is no user info by the grammar. */
static int bad_url(struct ccb_slice text, const char *why,
                   struct ccb_error *err)
{
    const char *at = find_last(text, '@');
    struct ccb_slice scheme = nothing, shown = text;
    const char *query;

    if (at != NULL) {
        const char *slashes = memmem(text.ptr, text.len, "//", 2);

        shown = slice_from(text, (size_t)(at - text.ptr) + 1);
        if (slashes != NULL && slashes < at)
            scheme = ccb_slice_make(text.ptr, (size_t)(slashes - text.ptr) + 2);
    }
    query = find_byte(shown, '?');
    if (query != NULL)
        shown.len = (size_t)(query - shown.ptr);
    return ccb_error_set(err, CCB_INVALID, "parse %.*s%.*s: %s",
                         (int)(scheme.len > 40 ? 40 : scheme.len), scheme.ptr,
                         (int)(shown.len > 160 ? 160 : shown.len), shown.ptr,
                         why);
}

static int is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Index of a '%' without two hex digits behind it; len when all are whole. */
static size_t broken_escape(struct ccb_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '%')
            continue;
        if (text.len - i < 3 || ccb_hex_digit(text.ptr[i + 1]) < 0 ||
            ccb_hex_digit(text.ptr[i + 2]) < 0)
            return i;
        i += 2;
    }
    return text.len;
}

/* Length of "scheme" when the text starts with "scheme:", 0 when it has none,
 * -1 when the colon comes first. */
static ptrdiff_t scheme_length(struct ccb_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (c == ':')
            return i == 0 ? -1 : (ptrdiff_t)i;
        if (is_alpha(c))
            continue;
        if (i == 0 || !(is_digit(c) || c == '+' || c == '-' || c == '.'))
            return 0;
    }
    return 0;
}

static void set_scheme(struct ccb_url *url, struct ccb_slice name)
{
    url->scheme = name;
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        if (name.len == schemes[i].name.len &&
            strncasecmp(name.ptr, schemes[i].name.ptr, name.len) == 0) {
            url->scheme = schemes[i].name;
            url->port = schemes[i].port;
        }
    }
}

/* An empty port means the default one, as in Go. */
static int parse_port(struct ccb_slice text, uint16_t *port)
{
    uint32_t value = 0;

    if (text.len == 0)
        return CCB_OK;
    for (size_t i = 0; i < text.len; i++) {
        if (!is_digit(text.ptr[i]))
            return CCB_INVALID;
        value = value * 10 + (uint32_t)(text.ptr[i] - '0');
        if (value > UINT16_MAX)
            return CCB_INVALID;
    }
    *port = (uint16_t)value;
    return CCB_OK;
}

/* Words for what is wrong with host[:port], or NULL. */
static const char *parse_host(struct ccb_url *url, struct ccb_slice text)
{
    struct ccb_slice rest = text;
    const char *end;

    url->authority = text;
    if (text.len > 0 && text.ptr[0] == '[') {
        end = find_last(text, ']');
        if (end == NULL)
            return "missing ']' in host";
        url->host = ccb_slice_make(text.ptr + 1, (size_t)(end - text.ptr) - 1);
        rest = slice_from(text, (size_t)(end - text.ptr) + 1);
        if (rest.len > 0 && rest.ptr[0] != ':')
            return "bad port behind ']'";
    } else {
        end = find_last(text, ':');
        url->host = text;
        if (end != NULL)
            url->host.len = (size_t)(end - text.ptr);
        rest = slice_from(text, url->host.len);
        if (find_byte(url->host, ':') != NULL)
            return "too many colons in host";
    }
    if (find_byte(url->host, ' ') != NULL || find_byte(url->host, '%') != NULL)
        return "bad character in host";
    if (rest.len > 0 && parse_port(slice_from(rest, 1), &url->port) != CCB_OK)
        return "bad port";
    return NULL;
}

/* `text` is what stands between "//" and the next '/' or '?'. */
static const char *parse_authority(struct ccb_url *url, struct ccb_slice text)
{
    const char *at = find_last(text, '@');

    if (at == NULL)
        return parse_host(url, text);
    url->has_userinfo = true;
    url->userinfo = ccb_slice_make(text.ptr, (size_t)(at - text.ptr));
    if (broken_escape(url->userinfo) < url->userinfo.len)
        return "broken percent-encoding in user info";
    return parse_host(url, slice_from(text, (size_t)(at - text.ptr) + 1));
}

static size_t authority_length(struct ccb_slice text)
{
    size_t i = 0;

    while (i < text.len && text.ptr[i] != '/' && text.ptr[i] != '?')
        i++;
    return i;
}

static const char *check_target(const struct ccb_url *url)
{
    struct ccb_slice path = url->target;
    const char *query = find_byte(path, '?');

    if (query != NULL)
        path.len = (size_t)(query - path.ptr);
    if (broken_escape(path) < path.len)
        return "broken percent-encoding in path";
    return NULL;
}

static int has_control(struct ccb_slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f)
            return 1;
    return 0;
}

int ccb_url_parse(struct ccb_url *out, struct ccb_slice text,
                  struct ccb_error *err)
{
    struct ccb_slice rest = text.ptr == NULL ? nothing : text;
    const char *fragment, *why = NULL;
    ptrdiff_t scheme;

    memset(out, 0, sizeof(*out));
    out->scheme = out->userinfo = out->authority = out->host = nothing;
    out->target = nothing;
    if (has_control(rest))
        return ccb_error_set(err, CCB_INVALID,
                             "parse URL: it holds a control character");
    fragment = find_byte(rest, '#');
    if (fragment != NULL)
        rest.len = (size_t)(fragment - rest.ptr);
    scheme = scheme_length(rest);
    if (scheme < 0)
        return bad_url(text, "missing protocol scheme", err);
    if (scheme > 0) {
        set_scheme(out, ccb_slice_make(rest.ptr, (size_t)scheme));
        rest = slice_from(rest, (size_t)scheme + 1);
    }
    out->target = rest;
    /* "///x" without a scheme is a path. */
    if (!ccb_slice_starts(rest, "//") ||
        (scheme == 0 && ccb_slice_starts(rest, "///"))) {
        /* "name:8080" is opaque in Go: taken whole, not looked at. */
        if (scheme == 0 || ccb_slice_starts(rest, "/"))
            why = check_target(out);
        return why == NULL ? CCB_OK : bad_url(text, why, err);
    }
    rest = slice_from(rest, 2);
    out->target = slice_from(rest, authority_length(rest));
    rest.len = authority_length(rest);
    why = parse_authority(out, rest);
    if (why == NULL)
        why = check_target(out);
    return why == NULL ? CCB_OK : bad_url(text, why, err);
}

int ccb_url_check_http(const struct ccb_url *url, struct ccb_error *err)
{
    if (ccb_slice_is(url->scheme, "http") || ccb_slice_is(url->scheme, "https"))
        return CCB_OK;
    return ccb_error_set(err, CCB_INVALID,
                         "unsupported protocol scheme \"%.*s\"",
                         (int)url->scheme.len, url->scheme.ptr);
}

int ccb_url_unescape(struct ccb_arena *arena, struct ccb_slice text,
                     struct ccb_slice *out)
{
    const char *percent = find_byte(text, '%');
    char *copy;
    size_t len;

    *out = text;
    if (percent == NULL)
        return CCB_OK;
    if (broken_escape(text) < text.len)
        return CCB_INVALID;
    copy = ccb_arena_text(arena, text.len + 1);
    if (copy == NULL)
        return CCB_NO_MEMORY;
    len = (size_t)(percent - text.ptr);
    memcpy(copy, text.ptr, len);
    for (size_t i = len; i < text.len; i++) {
        char c = text.ptr[i];

        if (c == '%') {
            c = (char)(ccb_hex_digit(text.ptr[i + 1]) << 4 |
                       ccb_hex_digit(text.ptr[i + 2]));
            i += 2;
        }
        copy[len++] = c;
    }
    copy[len] = '\0';
    *out = ccb_slice_make(copy, len);
    return CCB_OK;
}

/* What stands in a path as it is: RFC 3986's pchar, '/', and the brackets
 * that Go lets through; '%' too, whose digits were checked. */
static bool stands_in_path(unsigned char c)
{
    return c > 0x20 && c < 0x7f && strchr("\"<>\\^`{|}", c) == NULL;
}

static struct ccb_slice cut_at(struct ccb_slice text, char byte,
                               struct ccb_slice *behind)
{
    const char *found = find_byte(text, byte);

    *behind = nothing;
    if (found == NULL)
        return text;
    *behind = slice_from(text, (size_t)(found - text.ptr) + 1);
    return ccb_slice_make(text.ptr, (size_t)(found - text.ptr));
}

/* What does not stand becomes %XX; borrowed where nothing does. */
static int encode(struct ccb_arena *arena, struct ccb_slice text,
                  bool (*stands)(unsigned char c), struct ccb_slice *out)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t len = 0, escapes = 0;
    char *copy;

    for (size_t i = 0; i < text.len; i++)
        escapes += !stands((unsigned char)text.ptr[i]);
    *out = text;
    if (escapes == 0)
        return CCB_OK;
    copy = ccb_arena_text(arena, text.len + 2 * escapes + 1);
    if (copy == NULL)
        return CCB_NO_MEMORY;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if (stands(c)) {
            copy[len++] = (char)c;
            continue;
        }
        copy[len++] = '%';
        copy[len++] = hex[c >> 4];
        copy[len++] = hex[c & 15];
    }
    copy[len] = '\0';
    *out = ccb_slice_make(copy, len);
    return CCB_OK;
}

int ccb_url_path_guid(struct ccb_arena *arena, struct ccb_slice guid,
                      struct ccb_slice *out, struct ccb_error *err)
{
    struct ccb_slice fragment, query, path;

    path = cut_at(guid.ptr == NULL ? nothing : guid, '#', &fragment);
    path = cut_at(path, '?', &query);
    /* Go reads the fragment too, before it is dropped. */
    if (broken_escape(path) < path.len ||
        broken_escape(fragment) < fragment.len)
        return ccb_error_set(err, CCB_INVALID,
                             "\"%.*s\" can't stand in a URL: a '%%' must be "
                             "followed by two hexadecimal digits",
                             (int)(guid.len > 100 ? 100 : guid.len), guid.ptr);
    if (encode(arena, path, stands_in_path, out) < 0)
        return ccb_error_set(err, CCB_NO_MEMORY, "no memory for a URL path");
    return CCB_OK;
}

static bool stands_in_value(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || (c != '\0' && strchr("-._~", c) != NULL);
}

int ccb_url_query_value(struct ccb_arena *arena, struct ccb_slice text,
                        struct ccb_slice *out)
{
    return encode(arena, text, stands_in_value, out);
}
