/*
 * Opening listening sockets.
 *
 * The first socket of an address binds without SO_REUSEPORT: a second daemon
 * with the same address must fail, not steal half the requests. Only then is
 * the option set, for the siblings of this process.
 */
#include "net/http_server.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int set_option(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof(value));
}

/* The historic programs' words: "bind: address already in use". */
static int listen_failed(struct ccb_error *err, const char *host, uint16_t port,
                         const char *call, const char *reason)
{
    char text[160];

    (void)snprintf(text, sizeof(text), "%s", reason);
    text[0] = (char)tolower((unsigned char)text[0]);
    return ccb_error_set(err, CCB_IO, "listen tcp %s:%u: %s: %s", host, port,
                         call, text);
}

/* The name of the call that failed, errno set; NULL: listening. */
static const char *open_socket(const struct sockaddr *address, socklen_t length,
                               int reuse_port, int *fd)
{
    const char *call = NULL;
    int saved;

    *fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
                 0);
    if (*fd < 0)
        return "socket";
    if (set_option(*fd, SOL_SOCKET, SO_REUSEADDR, 1) != 0 ||
        (reuse_port && set_option(*fd, SOL_SOCKET, SO_REUSEPORT, 1) != 0))
        call = "setsockopt";
    else if (bind(*fd, address, length) != 0)
        call = "bind";
    else if (listen(*fd, SOMAXCONN) != 0)
        call = "listen";
    if (call == NULL)
        return NULL;
    saved = errno;
    (void)close(*fd);
    *fd = -1;
    errno = saved;
    return call;
}

static const char *open_sibling(int sibling_of, int *fd)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof(address);

    if (getsockname(sibling_of, (struct sockaddr *)&address, &length) != 0)
        return "getsockname";
    if (set_option(sibling_of, SOL_SOCKET, SO_REUSEPORT, 1) != 0)
        return "setsockopt";
    return open_socket((struct sockaddr *)&address, length, 1, fd);
}

int ccb_http_listen(const char *host, uint16_t port, int sibling_of, int *fd,
                    struct ccb_error *err)
{
    struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV,
                             .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    const char *call, *shown = host == NULL ? "" : host;
    char service[8];
    int code;

    *fd = -1;
    if (sibling_of >= 0) {
        call = open_sibling(sibling_of, fd);
        return call == NULL
                   ? CCB_OK
                   : listen_failed(err, shown, port, call, strerror(errno));
    }
    (void)snprintf(service, sizeof(service), "%u", port);
    /* No host means all addresses; IPv4, as the daemon's own URLs have it. */
    code = getaddrinfo(shown[0] == '\0' ? "0.0.0.0" : shown, service, &hints,
                       &found);
    if (code != 0)
        return listen_failed(err, shown, port, "lookup", gai_strerror(code));
    call = open_socket(found->ai_addr, found->ai_addrlen, 0, fd);
    code = errno;
    freeaddrinfo(found);
    return call == NULL ? CCB_OK
                        : listen_failed(err, shown, port, call, strerror(code));
}

uint16_t ccb_http_bound_port(int fd)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof(address);

    memset(&address, 0, sizeof(address));
    if (getsockname(fd, (struct sockaddr *)&address, &length) != 0)
        return 0;
    if (address.ss_family == AF_INET)
        return ntohs(((struct sockaddr_in *)&address)->sin_port);
    if (address.ss_family == AF_INET6)
        return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
    return 0;
}

static int bad_address(struct ccb_error *err, const char *text, const char *why)
{
    return ccb_error_set(err, CCB_INVALID, "listen tcp: address %s: %s", text,
                         why);
}

int ccb_http_address_parse(struct ccb_http_address *out, const char *text,
                           struct ccb_error *err)
{
    const char *colon = strrchr(text, ':');
    size_t len = colon == NULL ? 0 : (size_t)(colon - text);
    unsigned long port;
    char *end;

    if (colon == NULL)
        return bad_address(err, text, "missing port in address");
    if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
        text++;
        len -= 2;
    } else if (memchr(text, ':', len) != NULL) {
        return bad_address(err, text, "too many colons in address");
    }
    errno = 0;
    port = strtoul(colon + 1, &end, 10);
    if (!isdigit((unsigned char)colon[1]) || *end != '\0' || errno != 0 ||
        port > UINT16_MAX)
        return bad_address(err, text, "the port must be a number up to 65535");
    if (len >= sizeof(out->host))
        return bad_address(err, text, "the host is too long");
    memcpy(out->host, text, len);
    out->host[len] = '\0';
    if (strcmp(out->host, "0.0.0.0") == 0)
        out->host[0] = '\0';
    out->port = (uint16_t)port;
    return CCB_OK;
}
