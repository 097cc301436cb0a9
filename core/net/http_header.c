/*
 * What a request's head must be, beyond what llhttp asks (traps.md: it lets
 * "Host :", empty names, folded lines, HTTP/0.9 and 2.0, two Hosts and
 * "gzip, chunked" through).
 *
 * Each slip has its own words. Lines are looked at as bytes before llhttp
 * sees them, headers by name after it took them apart.
 */
#include "net/http_server_internal.h"

#include <strings.h>

static const struct ccb_httpd_refusal fine = {0, NULL};

static struct ccb_httpd_refusal bad(const char *why)
{
    return (struct ccb_httpd_refusal){400, why};
}

/* ---- bytes -------------------------------------------------------------- */

/* RFC 9110's token characters. */
static const bool token[256] = {
    ['!'] = 1, ['#'] = 1, ['$'] = 1, ['%'] = 1, ['&'] = 1, ['\''] = 1,
    ['*'] = 1, ['+'] = 1, ['-'] = 1, ['.'] = 1, ['^'] = 1, ['_'] = 1,
    ['`'] = 1, ['|'] = 1, ['~'] = 1, ['0'] = 1, ['1'] = 1, ['2'] = 1,
    ['3'] = 1, ['4'] = 1, ['5'] = 1, ['6'] = 1, ['7'] = 1, ['8'] = 1,
    ['9'] = 1, ['A'] = 1, ['B'] = 1, ['C'] = 1, ['D'] = 1, ['E'] = 1,
    ['F'] = 1, ['G'] = 1, ['H'] = 1, ['I'] = 1, ['J'] = 1, ['K'] = 1,
    ['L'] = 1, ['M'] = 1, ['N'] = 1, ['O'] = 1, ['P'] = 1, ['Q'] = 1,
    ['R'] = 1, ['S'] = 1, ['T'] = 1, ['U'] = 1, ['V'] = 1, ['W'] = 1,
    ['X'] = 1, ['Y'] = 1, ['Z'] = 1, ['a'] = 1, ['b'] = 1, ['c'] = 1,
    ['d'] = 1, ['e'] = 1, ['f'] = 1, ['g'] = 1, ['h'] = 1, ['i'] = 1,
    ['j'] = 1, ['k'] = 1, ['l'] = 1, ['m'] = 1, ['n'] = 1, ['o'] = 1,
    ['p'] = 1, ['q'] = 1, ['r'] = 1, ['s'] = 1, ['t'] = 1, ['u'] = 1,
    ['v'] = 1, ['w'] = 1, ['x'] = 1, ['y'] = 1, ['z'] = 1,
};

static size_t token_length(struct ccb_slice text)
{
    size_t i = 0;

    while (i < text.len && token[(unsigned char)text.ptr[i]])
        i++;
    return i;
}

static bool is_control(unsigned char c)
{
    return c < 0x20 || c == 0x7f;
}

static struct ccb_httpd_refusal check_version(struct ccb_slice text)
{
    if (text.len != 8 || memcmp(text.ptr, "HTTP/", 5) != 0 ||
        text.ptr[5] < '0' || text.ptr[5] > '9' || text.ptr[6] != '.' ||
        text.ptr[7] < '0' || text.ptr[7] > '9')
        return bad("malformed HTTP version");
    if (text.ptr[5] != '1' || text.ptr[7] > '1')
        return (struct ccb_httpd_refusal){
            505, "only HTTP/1.0 and HTTP/1.1 are served"};
    return fine;
}

struct ccb_httpd_refusal ccb_httpd_check_request_line(struct ccb_slice line)
{
    size_t method = token_length(line), end;

    if (method == 0 || method == line.len || line.ptr[method] != ' ')
        return bad("malformed request line");
    for (end = method + 1; end < line.len && line.ptr[end] != ' '; end++)
        if (is_control((unsigned char)line.ptr[end]))
            return bad("control character in the request target");
    if (end == method + 1)
        return bad("malformed request line");
    if (end == line.len)
        return (struct ccb_httpd_refusal){505, "HTTP/0.9 is not served"};
    if (method == 7 && memcmp(line.ptr, "CONNECT", 7) == 0)
        return (struct ccb_httpd_refusal){501, "CONNECT is not served"};
    return check_version(
        ccb_slice_make(line.ptr + end + 1, line.len - end - 1));
}

struct ccb_httpd_refusal ccb_httpd_check_header_line(struct ccb_slice line)
{
    size_t name = token_length(line);

    if (line.ptr[0] == ' ' || line.ptr[0] == '\t')
        return bad("folded header lines are not taken");
    if (name == line.len)
        return bad("header line without a colon");
    if (line.ptr[name] == ' ' || line.ptr[name] == '\t')
        return bad("white space before the colon of a header");
    if (line.ptr[name] != ':')
        return bad("bad character in a header name");
    if (name == 0)
        return bad("empty header name");
    for (size_t i = name + 1; i < line.len; i++)
        if (is_control((unsigned char)line.ptr[i]) && line.ptr[i] != '\t')
            return bad("control character in a header value");
    return fine;
}

/* ---- headers by name ---------------------------------------------------- */

struct seen {
    unsigned host, length, encoding;
    struct ccb_http_request *request;
};

static struct ccb_httpd_refusal on_host(struct seen *seen,
                                        struct ccb_slice value)
{
    for (size_t i = 0; i < value.len; i++)
        if (strchr(" \t/?#@\\,", value.ptr[i]) != NULL)
            return bad("bad character in the Host header");
    return ++seen->host > 1 ? bad("more than one Host header") : fine;
}

static struct ccb_httpd_refusal on_length(struct seen *seen,
                                          struct ccb_slice value)
{
    int64_t length = 0;

    if (seen->length++ > 0)
        return bad("more than one Content-Length header");
    if (value.len == 0)
        return bad("bad Content-Length");
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] < '0' || value.ptr[i] > '9')
            return bad("bad Content-Length");
        if (length > (INT64_MAX - 9) / 10)
            return bad("Content-Length too large");
        length = length * 10 + (value.ptr[i] - '0');
    }
    seen->request->content_length = length;
    return fine;
}

static struct ccb_httpd_refusal on_encoding(struct seen *seen,
                                            struct ccb_slice value)
{
    if (seen->encoding++ > 0 || !ccb_httpd_slice_is_nocase(value, "chunked"))
        return (struct ccb_httpd_refusal){
            501, "the only Transfer-Encoding taken is chunked"};
    if (seen->request->http10)
        return bad("Transfer-Encoding in an HTTP/1.0 request");
    return fine;
}

static struct ccb_httpd_refusal on_expect(struct seen *seen,
                                          struct ccb_slice value)
{
    if (seen->request->http10)
        return fine; /* RFC 9110 10.1.1: ignored there */
    if (!ccb_httpd_slice_is_nocase(value, "100-continue"))
        return (struct ccb_httpd_refusal){
            417, "the only expectation met is 100-continue"};
    seen->request->expects = 1;
    return fine;
}

static const struct {
    struct ccb_slice name;
    struct ccb_httpd_refusal (*check)(struct seen *seen,
                                      struct ccb_slice value);
} checks[] = {
    {CCB_LIT("Host"), on_host},
    {CCB_LIT("Content-Length"), on_length},
    {CCB_LIT("Transfer-Encoding"), on_encoding},
    {CCB_LIT("Expect"), on_expect},
};

static struct ccb_httpd_refusal check_one(struct seen *seen,
                                          const struct ccb_http_header *header)
{
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
        if (header->name.len == checks[i].name.len &&
            strncasecmp(header->name.ptr, checks[i].name.ptr,
                        header->name.len) == 0)
            return checks[i].check(seen, header->value);
    return fine;
}

struct ccb_httpd_refusal ccb_httpd_check_headers(
    struct ccb_http_request *request)
{
    struct seen seen = {.request = request};

    for (size_t i = 0; i < request->info.header_count; i++) {
        struct ccb_httpd_refusal found = check_one(&seen, &request->headers[i]);

        if (found.status != 0)
            return found;
    }
    if (seen.encoding > 0 && seen.length > 0)
        return bad("Transfer-Encoding together with Content-Length");
    if (seen.host == 0 && !request->http10)
        return bad("no Host header");
    if (seen.encoding > 0)
        request->content_length = -1;
    return fine;
}
