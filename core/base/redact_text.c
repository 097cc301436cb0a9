/*
 * What plain text loses: the user info of URLs, also where the whole URL is
 * percent-encoded inside another one's query, parameters of either one's query
 * that are secret by their name (a signed blob's URL), and PEM blocks.
 *
 * Invariant: one walk from left to right; no look ahead is longer than the
 * user info limit or is done twice, so hostile text costs linear time. In
 * doubt more is cut, never less.
 */
#include "base/redact.h"

#include "base/redact_name.h"

#define MASK "[redacted]"
#define PEM_BEGIN "-----BEGIN"
#define PEM_END "-----END"

/* How far behind "://" an "@" is looked for past what ends an authority. */
#define LOOSE_LIMIT 256

/* memmem, but without its set-up: texts here are short and the first
 * character is rare. This runs for every text of every log line. */
static int holds(struct ccb_slice text, const char *part, size_t len)
{
    const char *end = text.ptr + text.len;
    const char *at = memchr(text.ptr, *part, text.len);

    while (at != NULL && (size_t)(end - at) >= len) {
        if (memcmp(at, part, len) == 0)
            return 1;
        at = memchr(at + 1, *part, (size_t)(end - at) - 1);
    }
    return 0;
}

int ccb_redact_text_needed(struct ccb_slice text)
{
    return text.len > 0 &&
           (memchr(text.ptr, '@', text.len) != NULL ||
            memchr(text.ptr, '?', text.len) != NULL || holds(text, "%40", 3) ||
            holds(text, "%3F", 3) || holds(text, "%3f", 3) ||
            holds(text, PEM_BEGIN, sizeof(PEM_BEGIN) - 1));
}

static int starts_at(struct ccb_slice text, size_t at, const char *word)
{
    size_t len = strlen(word);

    return text.len - at >= len && memcmp(text.ptr + at, word, len) == 0;
}

/* Whether "%" and these two digits stand here; the second one in any case. */
static int is_encoded(struct ccb_slice text, size_t at, char high, char low)
{
    return text.len - at >= 3 && text.ptr[at] == '%' &&
           text.ptr[at + 1] == high &&
           (text.ptr[at + 2] == low || text.ptr[at + 2] == (low | 0x20));
}

/* The length of the "://" at this place, percent-encoded or not, or 0. What
 * counts for the rest of the URL is how the slashes are written. */
static size_t match_mark(struct ccb_slice text, size_t at, int *encoded)
{
    size_t colon = text.ptr[at] == ':'              ? 1
                   : is_encoded(text, at, '3', 'A') ? 3
                                                    : 0;

    if (colon == 0)
        return 0;
    *encoded = is_encoded(text, at + colon, '2', 'F');
    if (*encoded && is_encoded(text, at + colon + 3, '2', 'F'))
        return colon + 6;
    return starts_at(text, at + colon, "//") ? colon + 2 : 0;
}

/* What can't be part of a URL, and what sets one off in prose. */
static int ends_url(char c)
{
    return (unsigned char)c <= ' ' || strchr("\"'<>\\`", c) != NULL;
}

/* Inside a query "&" ends the parameter; in a plain URL "&" and "%2F" may be
 * part of a user name. */
static int ends_authority(struct ccb_slice text, size_t at, int encoded)
{
    if (strchr("/?#", text.ptr[at]) != NULL)
        return 1;
    return encoded &&
           (text.ptr[at] == '&' || is_encoded(text, at, '2', 'F') ||
            is_encoded(text, at, '3', 'F') || is_encoded(text, at, '2', '3'));
}

/* Whether text[from, to) is "host:port" or a plain host, so that what follows
 * it is a path; else it is the start of a user info with a raw "/", "?" or
 * "#" in the password. */
static int is_host(struct ccb_slice text, size_t from, size_t to)
{
    const char *colon;

    if (to == from || text.ptr[from] == '[')
        return 1;
    colon = memchr(text.ptr + from, ':', to - from);
    if (colon == NULL)
        return 1;
    for (colon++; colon < text.ptr + to; colon++) {
        if (*colon < '0' || *colon > '9')
            return 0;
    }
    return 1;
}

/* Where the host begins: behind the last "@" of the authority at `start`. */
static size_t skip_user_info(struct ccb_slice text, size_t start, int encoded)
{
    size_t host = start;
    int strict = 1;

    for (size_t at = start; at < text.len && !ends_url(text.ptr[at]); at++) {
        if (strict && ends_authority(text, at, encoded)) {
            if (host > start || is_host(text, start, at))
                return host;
            strict = 0;
        }
        if (!strict && at - start > LOOSE_LIMIT)
            return host;
        if (text.ptr[at] == '@')
            host = at + 1;
        else if (encoded && is_encoded(text, at, '4', '0'))
            host = at + 3;
    }
    return host;
}

/* Where the PEM block that begins at `start` is over: behind its last dashes,
 * or at the end of the text when it is cut off. */
static size_t skip_pem(struct ccb_slice text, size_t start)
{
    const char *limit = text.ptr + text.len;
    const char *end = memmem(text.ptr + start, text.len - start, PEM_END,
                             sizeof(PEM_END) - 1);

    if (end == NULL)
        return text.len;
    end += sizeof(PEM_END) - 1;
    while (end < limit && *end != '-' && *end != '\n')
        end++; /* " RSA PRIVATE KEY" */
    while (end < limit && *end == '-')
        end++;
    return (size_t)(end - text.ptr);
}

/* ---- parameters --------------------------------------------------------- */

#define PARAMETER_LIMIT 64

/* Signatures by names that mean it only in a query. */
static int signs(const char *folded)
{
    return strcmp(folded, "sig") == 0 || strcmp(folded, "md5") == 0;
}

/* The length of this mark at this place, as it is or percent-encoded, or 0. */
static size_t match_char(struct ccb_slice text, size_t at, char plain,
                         char high, char low)
{
    if (at >= text.len)
        return 0;
    if (text.ptr[at] == plain)
        return 1;
    return is_encoded(text, at, high, low) ? 3 : 0;
}

/* Where a parameter's name or value is over. Behind an encoded mark it is in a
 * URL inside another one's query, and encoded marks end it, too. */
static int ends_parameter(struct ccb_slice text, size_t at, int encoded)
{
    if (text.ptr[at] == '&' || text.ptr[at] == '#' || ends_url(text.ptr[at]))
        return 1;
    return encoded &&
           (is_encoded(text, at, '2', '6') || is_encoded(text, at, '2', '3'));
}

/* At "?", or at "&" behind one: the length of "?NAME=" when NAME is secret,
 * else 0. */
static size_t match_parameter(struct ccb_slice text, size_t at, int *query,
                              int *encoded)
{
    char folded[PARAMETER_LIMIT];
    struct ccb_slice name = ccb_slice_make(NULL, 0);
    size_t mark = match_char(text, at, '?', '3', 'F'), end, equals;

    *query |= mark > 0;
    if (mark == 0 && *query)
        mark = match_char(text, at, '&', '2', '6');
    if (mark == 0)
        return 0;
    *encoded = mark > 1;
    end = at + mark;
    name.ptr = text.ptr + end;
    while (end < text.len && name.len < PARAMETER_LIMIT &&
           text.ptr[end] != '=' && !ends_parameter(text, end, *encoded) &&
           !(*encoded && is_encoded(text, end, '3', 'D'))) {
        end++;
        name.len++;
    }
    equals = match_char(text, end, '=', '3', 'D');
    if (name.len == 0 || equals == 0 ||
        !ccb_redact_fold(name, folded, sizeof(folded)) ||
        !(ccb_redact_names_secret(folded) || signs(folded)))
        return 0;
    return mark + name.len + equals;
}

static size_t skip_parameter(struct ccb_slice text, size_t at, int encoded)
{
    while (at < text.len && !ends_parameter(text, at, encoded))
        at++;
    return at;
}

void ccb_redact_text(struct ccb_buf *out, struct ccb_slice text)
{
    size_t written = 0, at = 0;
    int query = 0;

    while (at < text.len) {
        int encoded = 0;
        size_t mark = match_mark(text, at, &encoded);
        size_t parameter =
            mark > 0 ? 0 : match_parameter(text, at, &query, &encoded);

        if (parameter > 0) {
            (void)ccb_buf_append(out, text.ptr + written,
                                 at + parameter - written);
            (void)ccb_buf_put(out, MASK);
            at = skip_parameter(text, at + parameter, encoded);
            written = at;
        } else if (mark > 0) {
            (void)ccb_buf_append(out, text.ptr + written, at + mark - written);
            at = skip_user_info(text, at + mark, encoded);
            written = at;
        } else if (text.ptr[at] == '-' && starts_at(text, at, PEM_BEGIN)) {
            (void)ccb_buf_append(out, text.ptr + written, at - written);
            (void)ccb_buf_put(out, MASK);
            at = skip_pem(text, at);
            written = at;
        } else {
            at++;
        }
    }
    if (written < text.len)
        (void)ccb_buf_append(out, text.ptr + written, text.len - written);
}
