/*
 * Requests of the HTTP client, the same for both lanes: what may go into a
 * head, how it is written, basic auth, and which proxy the environment names.
 *
 * Invariant: nothing a caller passes can end a header line or start another
 * one, and framing headers are the client's alone. Follows contract/stager.md
 * B1 and C6 (Go's client: user info becomes basic auth, loopback is never
 * proxied).
 */
#include <stdlib.h>
#include <strings.h>
#include <sys/un.h>

#include "net/http_client_internal.h"

#define MAX_SOCKET_PATH sizeof(((struct sockaddr_un *)0)->sun_path)

/* ---- words -------------------------------------------------------------- */

bool ccb_http_same_word(struct ccb_slice a, struct ccb_slice b)
{
    return a.len == b.len &&
           (a.len == 0 || strncasecmp(a.ptr, b.ptr, a.len) == 0);
}

static bool is_token_char(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
           (c >= 'A' && c <= 'Z') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

bool ccb_http_is_token(struct ccb_slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!is_token_char((unsigned char)text.ptr[i]))
            return false;
    return text.len > 0;
}

static bool is_field_value(struct ccb_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if ((c < ' ' && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

/* Visible: what a request target and an authority may hold. */
static bool is_visible(struct ccb_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if (c <= ' ' || c == 0x7f)
            return false;
    }
    return true;
}

static const struct ccb_http_header *find_header(
    const struct ccb_http_call_options *options, const char *name)
{
    struct ccb_slice wanted = ccb_slice_of(name);

    for (size_t i = 0; i < options->header_count; i++)
        if (ccb_http_same_word(options->headers[i].name, wanted))
            return &options->headers[i];
    return NULL;
}

/* ---- checks ------------------------------------------------------------- */

static int check_headers(const struct ccb_http_call_options *options,
                         struct ccb_error *err)
{
    static const char *const ours[] = {"Content-Length", "Transfer-Encoding",
                                       "Host"};

    for (size_t i = 0; i < options->header_count; i++) {
        const struct ccb_http_header *header = &options->headers[i];

        if (!ccb_http_is_token(header->name))
            return ccb_error_set(err, CCB_INVALID, "header %zu has a bad name",
                                 i + 1);
        if (!is_field_value(header->value))
            return ccb_error_set(err, CCB_INVALID,
                                 "header %.*s has a control character",
                                 (int)header->name.len, header->name.ptr);
    }
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        if (find_header(options, ours[i]) != NULL)
            return ccb_error_set(err, CCB_INVALID,
                                 "header %s is set by the client itself",
                                 ours[i]);
    return 0;
}

int ccb_http_request_check(const struct ccb_http_call_options *options,
                           const struct ccb_url *url, struct ccb_error *err)
{
    if (options->method == NULL ||
        !ccb_http_is_token(ccb_slice_of(options->method)))
        return ccb_error_set(err, CCB_INVALID, "bad HTTP method");
    if (strcmp(options->method, "HEAD") == 0 &&
        (options->body.len > 0 || options->on_read != NULL))
        return ccb_error_set(err, CCB_INVALID, "HEAD takes no body");
    if (options->on_done == NULL)
        return ccb_error_set(err, CCB_INVALID, "a call needs on_done");
    if (ccb_url_check_http(url, err) < 0)
        return CCB_INVALID;
    if (url->host.len == 0)
        return ccb_error_set(err, CCB_INVALID, "no host in request URL");
    if (!is_visible(url->authority) || !is_visible(url->target))
        return ccb_error_set(err, CCB_INVALID,
                             "the URL for host %.*s has a blank or control "
                             "character; percent-encode it",
                             (int)url->host.len, url->host.ptr);
    if (options->unix_socket != NULL &&
        strlen(options->unix_socket) >= MAX_SOCKET_PATH)
        return ccb_error_set(err, CCB_INVALID,
                             "the path of the unix socket %s has more than "
                             "the %zu bytes that the system takes",
                             options->unix_socket, MAX_SOCKET_PATH - 1);
    return check_headers(options, err);
}

bool ccb_http_may_repeat(const struct ccb_http_call_options *options)
{
    static const char *const harmless[] = {"GET", "PUT", "DELETE", "HEAD"};

    if (options->no_repeat || options->on_read != NULL)
        return false;
    for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++)
        if (strcmp(options->method, harmless[i]) == 0)
            return true;
    return false;
}

/* ---- basic auth --------------------------------------------------------- */

static struct ccb_slice encode_basic(struct ccb_arena *arena,
                                     struct ccb_slice text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "abcdefghijklmnopqrstuvwxyz0123456789+/";
    static const char prefix[] = "Basic ";
    size_t len = sizeof(prefix) - 1 + (text.len + 2) / 3 * 4;
    char *out = ccb_arena_text(arena, len + 1);
    char *pos = out;

    if (out == NULL)
        return ccb_slice_make(NULL, 0);
    memcpy(pos, prefix, sizeof(prefix) - 1);
    pos += sizeof(prefix) - 1;
    for (size_t i = 0; i < text.len; i += 3) {
        unsigned group = 0;

        for (size_t k = 0; k < 3; k++)
            group = group << 8 |
                    (i + k < text.len ? (unsigned char)text.ptr[i + k] : 0);
        for (unsigned k = 0; k < 4; k++)
            *pos++ = digits[group >> (18 - 6 * k) & 63];
    }
    for (size_t pad = (3 - text.len % 3) % 3; pad > 0; pad--)
        out[len - pad] = '=';
    return ccb_slice_make(out, len);
}

/* Takes "user:password" of the URL apart and decodes both. */
static int url_auth(const struct ccb_http_call *call, struct ccb_slice *user,
                    struct ccb_slice *password, struct ccb_error *err)
{
    struct ccb_slice info = call->url.userinfo;
    const char *colon = info.len > 0 ? memchr(info.ptr, ':', info.len) : NULL;
    size_t user_len = colon != NULL ? (size_t)(colon - info.ptr) : info.len;
    int code;

    *password = ccb_slice_make("", 0);
    code =
        ccb_url_unescape(call->arena, ccb_slice_make(info.ptr, user_len), user);
    if (code == 0 && colon != NULL)
        code = ccb_url_unescape(
            call->arena, ccb_slice_make(colon + 1, info.len - user_len - 1),
            password);
    if (code != 0)
        return ccb_error_set(err, code,
                             "the user info of the URL for host %.*s can't be "
                             "decoded: check its percent signs",
                             (int)call->url.host.len, call->url.host.ptr);
    return 0;
}

int ccb_http_request_auth(const struct ccb_http_call *call, bool *has,
                          struct ccb_slice *value, struct ccb_error *err)
{
    struct ccb_slice user = call->options.username;
    struct ccb_slice password = call->options.password;
    char *pair;
    int code;

    *has = (call->options.has_auth || call->url.has_userinfo) &&
           find_header(&call->options, "Authorization") == NULL;
    if (!*has)
        return 0;
    if (!call->options.has_auth) {
        code = url_auth(call, &user, &password, err);
        if (code != 0)
            return code;
    }
    pair = ccb_arena_text(call->arena, user.len + password.len + 1);
    if (pair == NULL)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    if (user.len > 0)
        memcpy(pair, user.ptr, user.len);
    pair[user.len] = ':';
    if (password.len > 0)
        memcpy(pair + user.len + 1, password.ptr, password.len);
    *value = encode_basic(call->arena,
                          ccb_slice_make(pair, user.len + password.len + 1));
    return value->ptr != NULL
               ? 0
               : ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
}

/* ---- the head ----------------------------------------------------------- */

struct ccb_slice ccb_http_request_target(const struct ccb_url *url,
                                         const char **slash)
{
    struct ccb_slice target = url->target;
    const char *hash =
        target.len > 0 ? memchr(target.ptr, '#', target.len) : NULL;

    if (hash != NULL)
        target.len = (size_t)(hash - target.ptr);
    *slash = target.len == 0 || target.ptr[0] != '/' ? "/" : "";
    return target;
}

/* Writes when `out` is there, counts in any case: one code for both. */
struct writer {
    char *out;
    size_t len;
};

static void put(struct writer *w, struct ccb_slice text)
{
    if (w->out != NULL && text.len > 0)
        memcpy(w->out + w->len, text.ptr, text.len);
    w->len += text.len;
}

static void put_cstr(struct writer *w, const char *text)
{
    put(w, ccb_slice_of(text));
}

static void put_header(struct writer *w, const char *name,
                       struct ccb_slice value)
{
    put_cstr(w, name);
    put_cstr(w, ": ");
    put(w, value);
    put_cstr(w, "\r\n");
}

static bool tells_length(const struct ccb_http_call_options *options)
{
    return options->body.len > 0 || strcmp(options->method, "PUT") == 0 ||
           strcmp(options->method, "POST") == 0;
}

static struct ccb_slice format_number(size_t number, char *end)
{
    char *start = end;

    do {
        *--start = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    return ccb_slice_make(start, (size_t)(end - start));
}

static void write_head(struct writer *w, const struct ccb_http_call *call,
                       bool has_auth, struct ccb_slice auth)
{
    const struct ccb_http_call_options *options = &call->options;
    const char *slash;
    struct ccb_slice target = ccb_http_request_target(&call->url, &slash);
    char number[24];

    put_cstr(w, options->method);
    put_cstr(w, " ");
    put_cstr(w, slash);
    put(w, target);
    put_cstr(w, " HTTP/1.1\r\n");
    put_header(w, "Host", call->url.authority);
    if (has_auth)
        put_header(w, "Authorization", auth);
    for (size_t i = 0; i < options->header_count; i++) {
        put(w, options->headers[i].name);
        put_cstr(w, ": ");
        put(w, options->headers[i].value);
        put_cstr(w, "\r\n");
    }
    if (tells_length(options))
        put_header(w, "Content-Length",
                   format_number(options->body.len, number + sizeof(number)));
    put_cstr(w, "\r\n");
}

int ccb_http_request_head(const struct ccb_http_call *call,
                          struct ccb_slice *head, struct ccb_error *err)
{
    struct writer w = {NULL, 0};
    struct ccb_slice auth = {NULL, 0};
    bool has_auth;
    int code = ccb_http_request_auth(call, &has_auth, &auth, err);
    char *text;

    if (code != 0)
        return code;
    write_head(&w, call, has_auth, auth);
    text = ccb_arena_text(call->arena, w.len);
    if (text == NULL)
        return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
    w.out = text;
    w.len = 0;
    write_head(&w, call, has_auth, auth);
    *head = ccb_slice_make(text, w.len);
    return 0;
}

/* ---- proxies ------------------------------------------------------------ */

static const char *first_env(const char *upper, const char *lower)
{
    const char *value = getenv(upper);

    if (value == NULL || value[0] == '\0')
        value = getenv(lower);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

const char *ccb_http_request_proxy(const struct ccb_url *url)
{
    /* As Go has it: what is on this machine is never asked for elsewhere. */
    if (ccb_http_is_loopback(url->host))
        return NULL;
    if (ccb_slice_is(url->scheme, "https"))
        return first_env("HTTPS_PROXY", "https_proxy");
    return first_env("HTTP_PROXY", "http_proxy");
}

bool ccb_http_is_loopback(struct ccb_slice host)
{
    return ccb_slice_is(host, "localhost") || ccb_slice_is(host, "::1") ||
           (ccb_slice_starts(host, "127.") && host.len <= 15);
}
