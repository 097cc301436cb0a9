/*
 * URLs as plugins compose and check them: contract/stager.md B1 (guids in
 * paths), C4 (joints, form escaping), and Go's net/url where the contract
 * leaves the verdict to it (url.Parse, ParseRequestURI).
 *
 * Invariant: texts are judged, never normalised; a message never holds the
 * URL, whose user info may be a password.
 */
#include "ccbridge/sdk.h"

static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_control(char c)
{
    return (unsigned char)c < ' ' || c == 0x7f;
}

static bool is_unreserved(char c)
{
    return is_alpha(c) || is_digit(c) || c == '-' || c == '_' || c == '.' ||
           c == '~';
}

static bool is_one_of(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

/* Offset of the first `c`; the length when there is none. */
static size_t find(struct ccb_slice text, char c)
{
    const char *hit = text.len ? memchr(text.ptr, c, text.len) : NULL;
    return hit ? (size_t)(hit - text.ptr) : text.len;
}

static size_t find_last(struct ccb_slice text, char c)
{
    size_t i = text.len;

    while (i > 0)
        if (text.ptr[--i] == c)
            return i;
    return text.len;
}

static struct ccb_slice head(struct ccb_slice text, size_t n)
{
    return ccb_slice_make(text.ptr, n);
}

static struct ccb_slice behind(struct ccb_slice text, size_t n)
{
    if (n >= text.len)
        return ccb_slice_of("");
    return ccb_slice_make(text.ptr + n, text.len - n);
}

/* ---- judging ------------------------------------------------------------ */

/* The checks below return NULL, or why the text is refused. */

static bool escape_at(struct ccb_slice text, size_t i)
{
    return text.len - i > 2 && is_hex(text.ptr[i + 1]) &&
           is_hex(text.ptr[i + 2]);
}

static const char *check_escapes(struct ccb_slice text)
{
    size_t i;

    for (i = 0; i < text.len; i++)
        if (text.ptr[i] == '%' && !escape_at(text, i))
            return "broken percent escape";
    return NULL;
}

static const char *check_controls(struct ccb_slice text)
{
    size_t i;

    for (i = 0; i < text.len; i++)
        if (is_control(text.ptr[i]))
            return "control character";
    return NULL;
}

#define HOST_MARKS "!$&'()*+,;=:[]<>\""

/* In a host only "%25" and bytes above 0x7f may come escaped; a zone (what
 * follows "%25" in brackets) may hold what a host may, escaped or not. */
static bool host_escape_is_fine(const char *at, bool zone)
{
    char high = at[1], low = at[2];
    int value;

    if (high > '7' || (high == '2' && low == '5'))
        return true;
    value = (high - '0') * 16 + (is_digit(low) ? low - '0' : (low & 7) + 9);
    return zone && (value == ' ' || is_unreserved((char)value) ||
                    is_one_of((char)value, HOST_MARKS));
}

static const char *check_host_text(struct ccb_slice text, bool zone)
{
    size_t i;

    for (i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '%') {
            if (!escape_at(text, i) || !host_escape_is_fine(text.ptr + i, zone))
                return "broken percent escape in the host";
            i += 2;
        } else if (!((unsigned char)c & 0x80) && !is_unreserved(c) &&
                   !is_one_of(c, HOST_MARKS)) {
            return "invalid character in the host name";
        }
    }
    return NULL;
}

/* "" or ":" and digits, of which there may be none. */
static const char *check_port(struct ccb_slice text)
{
    size_t i;

    if (text.len == 0)
        return NULL;
    for (i = 1; i < text.len; i++)
        if (!is_digit(text.ptr[i]))
            return "invalid port behind the host";
    return text.ptr[0] == ':' ? NULL : "invalid port behind the host";
}

static size_t find_zone(struct ccb_slice text)
{
    size_t i;

    for (i = 0; i + 3 <= text.len; i++)
        if (memcmp(text.ptr + i, "%25", 3) == 0)
            return i;
    return text.len;
}

/* "[::1]:80", "[fe80::1%25en0]" */
static const char *check_ip_literal(struct ccb_slice host)
{
    size_t close = find_last(host, ']'), zone;
    const char *why;

    if (close == host.len)
        return "missing ']' in the host";
    why = check_port(behind(host, close + 1));
    if (why)
        return why;
    zone = find_zone(head(host, close));
    if (zone < close)
        why = check_host_text(behind(head(host, close), zone), true);
    return why ? why : check_host_text(head(host, zone), false);
}

static const char *check_userinfo(struct ccb_slice text)
{
    size_t i;

    for (i = 0; i < text.len; i++)
        if (!is_unreserved(text.ptr[i]) &&
            !is_one_of(text.ptr[i], ":!$&'()*+,;=%@"))
            return "invalid user information";
    return check_escapes(text) ? "invalid user information" : NULL;
}

static const char *check_authority(struct ccb_slice text)
{
    size_t at = find_last(text, '@');
    struct ccb_slice host = at < text.len ? behind(text, at + 1) : text;
    size_t colon = find_last(host, ':');
    const char *why;

    if (ccb_slice_starts(host, "[")) {
        why = check_ip_literal(host);
    } else {
        why = check_port(behind(host, colon));
        if (!why)
            why = check_host_text(host, false);
    }
    if (!why && at < text.len)
        why = check_userinfo(head(text, at));
    return why;
}

/* A scheme is letters, digits and +-. up to the first colon, a letter first.
 * A text that has none is not refused for that. */
static const char *find_scheme(struct ccb_slice text, struct ccb_slice *scheme)
{
    size_t i;

    *scheme = ccb_slice_of("");
    for (i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == ':') {
            *scheme = head(text, i);
            return i > 0 ? NULL : "missing protocol scheme";
        }
        if (!is_alpha(c) && (i == 0 || !(is_digit(c) || is_one_of(c, "+-."))))
            return NULL;
    }
    return NULL;
}

static const char *check_rootless(struct ccb_slice rest, bool is_request)
{
    if (is_request)
        return "neither absolute nor beginning with '/'";
    if (find(head(rest, find(rest, '/')), ':') < find(rest, '/'))
        return "first path segment holds a colon";
    return check_escapes(rest);
}

/* Go's parse(): `text` without fragment, or with one that counts as path. */
static const char *parse(struct ccb_slice text, bool is_request,
                         struct ccb_slice *scheme)
{
    struct ccb_slice rest, authority;
    const char *why = check_controls(text);

    *scheme = ccb_slice_of("");
    if (!why && is_request && text.len == 0)
        why = "empty";
    if (why || ccb_slice_is(text, "*"))
        return why;
    why = find_scheme(text, scheme);
    if (why)
        return why;
    rest = scheme->len > 0 ? behind(text, scheme->len + 1) : text;
    rest = head(rest, find(rest, '?'));
    if (!ccb_slice_starts(rest, "/"))
        return scheme->len > 0 ? NULL : check_rootless(rest, is_request);
    if (ccb_slice_starts(rest, "//") &&
        (scheme->len > 0 || (!is_request && !ccb_slice_starts(rest, "///")))) {
        rest = behind(rest, 2);
        authority = head(rest, find(rest, '/'));
        rest = behind(rest, authority.len);
        why = check_authority(authority);
    }
    return why ? why : check_escapes(rest);
}

int ccb_url_scheme(struct ccb_slice url, struct ccb_slice *scheme,
                   struct ccb_error *err)
{
    size_t hash = find(url, '#');
    const char *why = parse(head(url, hash), false, scheme);

    if (!why)
        why = check_escapes(behind(url, hash + 1));
    return why ? ccb_error_set(err, CCB_INVALID, "invalid URL: %s", why) : 0;
}

int ccb_url_check_request_uri(struct ccb_slice url, struct ccb_error *err)
{
    struct ccb_slice scheme;
    const char *why = parse(url, true, &scheme);

    if (!why)
        return 0;
    return ccb_error_set(err, CCB_INVALID, "invalid URI for request: %s", why);
}

/* ---- making ------------------------------------------------------------- */

struct ccb_slice ccb_sdk_join(struct ccb_sdk_call *c, struct ccb_slice base,
                              struct ccb_slice path)
{
    struct ccb_slice pieces[3] = {base, CCB_LIT(""), path};
    bool left = ccb_slice_ends(base, "/"), right = ccb_slice_starts(path, "/");

    if (left && right)
        pieces[2] = behind(path, 1);
    else if (!left && !right)
        pieces[1] = ccb_slice_of("/");
    return ccb_sdk_concat(c, pieces, 3);
}

static char *put_escaped(char *at, char c)
{
    static const char hex[] = "0123456789ABCDEF";

    *at++ = '%';
    *at++ = hex[(unsigned char)c >> 4];
    *at++ = hex[(unsigned char)c & 15];
    return at;
}

/* Room for `text` with every byte escaped. */
static char *escape_room(struct ccb_sdk_call *c, struct ccb_slice text)
{
    return ccb_sdk_alloc(c, text.len > 0 ? text.len : 1, 3);
}

struct ccb_slice ccb_sdk_query_escape(struct ccb_sdk_call *c,
                                      struct ccb_slice text)
{
    char *start = escape_room(c, text), *at = start;
    size_t i;

    if (!start)
        return ccb_slice_of("");
    for (i = 0; i < text.len; i++) {
        char byte = text.ptr[i];
        if (is_unreserved(byte))
            *at++ = byte;
        else if (byte == ' ')
            *at++ = '+';
        else
            at = put_escaped(at, byte);
    }
    return ccb_slice_make(start, (size_t)(at - start));
}

/* The historic programs parsed the path as a URL, so what follows the first
 * '#' was a fragment and judged, even behind a '?'. */
static const char *check_guid(struct ccb_slice guid)
{
    size_t query = find(guid, '?'), hash = find(guid, '#');
    const char *why = check_controls(guid);

    if (!why)
        why = check_escapes(head(guid, query < hash ? query : hash));
    return why ? why : check_escapes(behind(guid, hash + 1));
}

int ccb_sdk_path_guid(struct ccb_sdk_call *c, struct ccb_slice guid,
                      struct ccb_slice *out)
{
    char *start, *at;
    size_t i;

    *out = ccb_slice_of("");
    if (check_guid(guid))
        return CCB_INVALID;
    guid = head(guid, find(guid, '?'));
    start = at = escape_room(c, guid);
    if (!start)
        return CCB_NO_MEMORY;
    for (i = 0; i < guid.len; i++) {
        char byte = guid.ptr[i];
        if (is_unreserved(byte) || is_one_of(byte, "!$&'()*+,;=:@[]/%"))
            *at++ = byte;
        else
            at = put_escaped(at, byte);
    }
    *out = ccb_slice_make(start, (size_t)(at - start));
    return 0;
}
