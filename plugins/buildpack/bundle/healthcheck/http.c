/*
 * One GET and its redirects (contract/lifecycle-healthcheck.md A2).
 *
 * Invariant: one deadline covers everything; only the head of an answer is
 * read, and no more than 64 KiB of it. What would need TLS or a name server (a
 * redirect elsewhere) fails: a health check looks at its own container.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <llhttp.h>
#include <poll.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "healthcheck.h"
#include "path.h"
#include "url.h"

#define REDIRECTS_MAX 10
#define HEAD_MAX 65536

struct answer {
    unsigned status; /* 0: none yet */
    bool in_location, done;
    size_t field_len;
    char field[16];
    struct ccb_buf location;
};

/* ---- reading the answer ------------------------------------------------- */

static int on_field(llhttp_t *parser, const char *at, size_t length)
{
    struct answer *answer = parser->data;

    for (size_t i = 0; i < length; i++) {
        if (answer->field_len < sizeof(answer->field))
            answer->field[answer->field_len++] = at[i];
    }
    return 0;
}

static int on_field_complete(llhttp_t *parser)
{
    struct answer *answer = parser->data;

    answer->in_location = answer->field_len == 8 &&
                          strncasecmp(answer->field, "location", 8) == 0 &&
                          answer->location.len == 0;
    answer->field_len = 0;
    return 0;
}

static int on_value(llhttp_t *parser, const char *at, size_t length)
{
    struct answer *answer = parser->data;

    if (answer->in_location)
        (void)ccb_buf_append(&answer->location, at, length);
    return 0;
}

static int on_headers(llhttp_t *parser)
{
    struct answer *answer = parser->data;

    if (parser->status_code < 200 && parser->status_code != 101) {
        ccb_buf_reset(&answer->location); /* not the answer yet */
        return 0;
    }
    answer->status = parser->status_code;
    answer->done = true;
    return HPE_PAUSED; /* the body is nobody's business */
}

static void read_answer(int fd, struct answer *answer, int64_t deadline)
{
    llhttp_settings_t settings;
    llhttp_t parser;
    size_t seen = 0;

    llhttp_settings_init(&settings);
    settings.on_header_field = on_field;
    settings.on_header_field_complete = on_field_complete;
    settings.on_header_value = on_value;
    settings.on_headers_complete = on_headers;
    llhttp_init(&parser, HTTP_RESPONSE, &settings);
    parser.data = answer;
    while (!answer->done && seen < HEAD_MAX &&
           ccb_health_wait(fd, POLLIN, deadline)) {
        char chunk[4096];
        ssize_t got = recv(fd, chunk, sizeof(chunk), 0);

        if (got < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (got <= 0)
            break;
        seen += (size_t)got;
        if (llhttp_execute(&parser, chunk, (size_t)got) != HPE_OK)
            break;
    }
}

static bool send_all(int fd, struct ccb_slice text, int64_t deadline)
{
    while (text.len > 0) {
        ssize_t put = send(fd, text.ptr, text.len, MSG_NOSIGNAL);

        if (put > 0) {
            text.ptr += put;
            text.len -= (size_t)put;
        } else if (errno == EAGAIN) {
            if (!ccb_health_wait(fd, POLLOUT, deadline))
                return false;
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

/* ---- one exchange ------------------------------------------------------- */

/* "HOST:PORT" of a URL; only addresses and localhost are hosts here. */
static bool parse_host(const struct ccb_url *url, struct in_addr *address,
                       uint16_t *port)
{
    struct ccb_slice host = url->host, digits = {"80", 2};
    const char *colon = NULL;
    char text[INET_ADDRSTRLEN];

    if (host.len > 0)
        colon = memrchr(host.ptr, ':', host.len);
    if (colon != NULL) {
        digits.ptr = colon + 1;
        digits.len = host.len - (size_t)(digits.ptr - host.ptr);
        host.len = (size_t)(colon - host.ptr);
    }
    if (ccb_health_parse_port(digits, "/etc/services", port) != 0)
        return false;
    if (ccb_slice_is(host, "localhost")) {
        address->s_addr = htonl(INADDR_LOOPBACK);
        return true;
    }
    if (host.len >= sizeof(text))
        return false;
    memcpy(text, host.ptr, host.len);
    text[host.len] = '\0';
    return inet_pton(AF_INET, text, address) == 1;
}

static struct ccb_slice make_request(struct ccb_arena *arena,
                                     const struct ccb_url *url)
{
    struct ccb_slice path = ccb_url_escape(arena, url->path);
    struct ccb_slice query = ccb_url_escape(arena, url->query);

    if (path.ptr == NULL || query.ptr == NULL)
        return ccb_slice_make(NULL, 0);
    return ccb_arena_format(arena,
                            "GET %s%s%s HTTP/1.1\r\n"
                            "Host: %.*s\r\n"
                            "User-Agent: diego-healthcheck\r\n"
                            "Connection: close\r\n\r\n",
                            path.len == 0 ? "/" : path.ptr,
                            query.len > 0 ? "?" : "", query.ptr,
                            (int)url->host.len, url->host.ptr);
}

static void exchange(struct ccb_arena *arena, const struct ccb_url *url,
                     int64_t deadline, struct answer *answer)
{
    struct ccb_slice request = make_request(arena, url);
    struct in_addr address;
    uint16_t port;
    int fd;

    if (request.ptr == NULL || !parse_host(url, &address, &port))
        return;
    fd = ccb_health_dial(SOCK_STREAM, address, port, deadline);
    if (fd < 0)
        return;
    if (send_all(fd, request, deadline))
        read_answer(fd, answer, deadline);
    (void)close(fd);
}

/* ---- redirects ---------------------------------------------------------- */

static bool is_redirect(unsigned status)
{
    return status == 301 || status == 302 || status == 303 || status == 307;
}

/* A path beside the one that was asked for. */
static bool resolve_path(struct ccb_arena *arena, const struct ccb_url *base,
                         struct ccb_url *url)
{
    struct ccb_slice whole;
    size_t keep = base->path.len;
    char *clean;

    while (keep > 0 && base->path.ptr[keep - 1] != '/')
        keep--;
    whole = ccb_slice_starts(url->path, "/")
                ? ccb_arena_copy(arena, url->path)
                : ccb_arena_format(arena, "/%.*s%.*s", (int)keep,
                                   keep > 0 ? base->path.ptr : "",
                                   (int)url->path.len, url->path.ptr);
    clean = whole.ptr == NULL ? NULL : ccb_path_clean(arena, whole.ptr);
    if (clean == NULL)
        return false;
    whole = ccb_slice_ends(whole, "/") && clean[1] != '\0'
                ? ccb_arena_format(arena, "%s/", clean)
                : ccb_slice_of(clean);
    url->path = whole;
    return whole.ptr != NULL;
}

/* Where the answer leads, instead of where `url` led so far. */
static bool follow(struct ccb_arena *arena, struct ccb_slice location,
                   struct ccb_url *url)
{
    struct ccb_failure failure = {arena, NULL};
    struct ccb_slice copy = ccb_arena_copy(arena, location);
    struct ccb_url next;

    if (copy.ptr == NULL || location.len == 0 ||
        ccb_url_parse(&next, copy, &failure) != 0)
        return false;
    if (next.scheme.len > 0) {
        *url = next;
        return next.has_authority && next.scheme.len == 4 &&
               strncasecmp(next.scheme.ptr, "http", 4) == 0;
    }
    if (next.has_authority) {
        *url = next;
        return true;
    }
    if (next.path.len == 0) {
        next.path = url->path;
        if (!next.has_query)
            next.query = url->query;
    } else if (!resolve_path(arena, url, &next)) {
        return false;
    }
    next.host = url->host;
    *url = next;
    return true;
}

static bool get(struct ccb_arena *arena, struct ccb_url *url, int64_t deadline)
{
    for (int redirects = 0; redirects <= REDIRECTS_MAX; redirects++) {
        struct answer answer = {.location = {.max = HEAD_MAX}};
        bool go_on;

        exchange(arena, url, deadline, &answer);
        go_on = is_redirect(answer.status) && !answer.location.failed &&
                follow(arena, ccb_buf_slice(&answer.location), url);
        ccb_buf_destroy(&answer.location);
        if (!go_on)
            return answer.status == 200;
    }
    return false;
}

bool ccb_health_http(struct in_addr address,
                     const struct ccb_health_config *config)
{
    struct ccb_failure failure = {ccb_arena_create(), NULL};
    char host[INET_ADDRSTRLEN] = "";
    struct ccb_slice text;
    struct ccb_url url;
    bool passed = false;

    if (failure.arena == NULL ||
        inet_ntop(AF_INET, &address, host, sizeof(host)) == NULL)
        goto out;
    text = ccb_arena_format(failure.arena, "http://%s:%s%s", host, config->port,
                            config->uri);
    if (text.ptr != NULL && ccb_url_parse(&url, text, &failure) == 0)
        passed = get(failure.arena, &url, ccb_health_deadline(config->timeout));
out:
    ccb_arena_unref(failure.arena);
    return passed;
}
