/*
 * Sockets with deadlines, plain or TLS (wire.h).
 *
 * Invariant: sockets are non-blocking and every wait is a poll until the
 * wire's deadline, so nothing hangs and a shutdown from elsewhere wakes it.
 */
#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void ccb_wire_init(struct ccb_wire *w, int fd, const char *who)
{
    int on = 1;
    memset(w, 0, offsetof(struct ccb_wire, buffer));
    w->fd = fd;
    w->who = who;
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

const char *ccb_wire_error(int code)
{
    static const char *const texts[] = {
        "", "the connection was closed", "the connection broke (reset)",
        "the deadline passed", "the answer came before the body was sent"};
    return code < 0 && code >= CCB_WIRE_ANSWERED ? texts[-code] : "";
}

static int wait_for(struct ccb_wire *w, short events)
{
    struct pollfd p = {.fd = w->fd, .events = events};
    long long left = w->deadline - ccb_tool_now();
    if (left <= 0)
        return CCB_WIRE_LATE;
    int n = poll(&p, 1, (int)left);
    if (n < 0 && errno != EINTR)
        return CCB_WIRE_BROKEN;
    if (n > 0 && events != POLLIN && (p.revents & POLLIN) &&
        !(p.revents & POLLOUT))
        return CCB_WIRE_ANSWERED;
    return 0;
}

/* What to do after a TLS call that gave no bytes: wait, or a code. */
static int tls_wait(struct ccb_wire *w, int result)
{
    switch (SSL_get_error(w->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return wait_for(w, POLLIN);
    case SSL_ERROR_WANT_WRITE:
        return wait_for(w, POLLOUT);
    case SSL_ERROR_ZERO_RETURN:
        return CCB_WIRE_EOF;
    default:
        return CCB_WIRE_BROKEN;
    }
}

static long read_some(struct ccb_wire *w, char *out, size_t max)
{
    for (;;) {
        int code;
        if (w->ssl != NULL) {
            int n = SSL_read(w->ssl, out, (int)max);
            if (n > 0)
                return n;
            code = tls_wait(w, n);
        } else {
            ssize_t n = recv(w->fd, out, max, 0);
            if (n > 0)
                return n;
            if (n == 0)
                return CCB_WIRE_EOF;
            if (errno == EINTR)
                continue;
            code = errno == EAGAIN ? wait_for(w, POLLIN) : CCB_WIRE_BROKEN;
        }
        if (code < 0)
            return code;
    }
}

long ccb_wire_read(struct ccb_wire *w, char *out, size_t max)
{
    if (w->pos == w->len) {
        long n = read_some(w, w->buffer, sizeof(w->buffer));
        if (n < 0)
            return n;
        ccb_trace(w->who, "<", w->buffer, (size_t)n);
        w->pos = 0;
        w->len = (size_t)n;
    }
    size_t n = w->len - w->pos < max ? w->len - w->pos : max;
    memcpy(out, w->buffer + w->pos, n);
    w->pos += n;
    return (long)n;
}

int ccb_wire_line(struct ccb_wire *w, struct ccb_text *line)
{
    ccb_text_clear(line);
    ccb_text_add(line, "", 0);
    while (line->len < 1 << 20) {
        char c;
        long n = ccb_wire_read(w, &c, 1);
        if (n < 0)
            return (int)n;
        if (c == '\n') {
            if (line->len > 0 && line->ptr[line->len - 1] == '\r')
                line->ptr[--line->len] = '\0';
            return 0;
        }
        ccb_text_add(line, &c, 1);
    }
    return CCB_WIRE_BROKEN;
}

/* Some of the bytes; how many, or a code. */
static long write_some(struct ccb_wire *w, const char *bytes, size_t len)
{
    int code;
    if (w->ssl != NULL) {
        int n = SSL_write(w->ssl, bytes, (int)(len < 16384 ? len : 16384));
        if (n > 0)
            return n;
        code = tls_wait(w, n);
    } else {
        ssize_t n = send(w->fd, bytes, len, MSG_NOSIGNAL);
        if (n >= 0)
            return n;
        short events = POLLOUT | (w->stop_on_input ? POLLIN : 0);
        code = errno == EAGAIN  ? wait_for(w, events)
               : errno == EINTR ? 0
                                : CCB_WIRE_BROKEN;
    }
    return code;
}

int ccb_wire_write(struct ccb_wire *w, const char *bytes, size_t len)
{
    ccb_trace(w->who, ">", bytes, len);
    while (len > 0) {
        long n = write_some(w, bytes, len);
        if (n < 0)
            return (int)n;
        bytes += n;
        len -= (size_t)n;
    }
    return 0;
}

void ccb_wire_half_close(struct ccb_wire *w)
{
    if (w->ssl != NULL)
        SSL_shutdown(w->ssl);
    shutdown(w->fd, SHUT_WR);
}

void ccb_wire_close(struct ccb_wire *w)
{
    if (w->ssl != NULL) {
        SSL_shutdown(w->ssl);
        SSL_free(w->ssl);
    }
    w->ssl = NULL;
    if (w->fd >= 0)
        close(w->fd);
    w->fd = -1;
}

void ccb_wire_reset(struct ccb_wire *w)
{
    struct linger now = {.l_onoff = 1};
    setsockopt(w->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    SSL_free(w->ssl);
    w->ssl = NULL;
    ccb_wire_close(w);
}

int ccb_wire_wait(struct ccb_wire *w, int extra_fd)
{
    /* Behind TLS the close comes as bytes: nobody pipelines in these tests. */
    short closing = (short)(POLLRDHUP | (w->ssl != NULL ? POLLIN : 0));
    struct pollfd p[2] = {{.fd = w->fd, .events = closing},
                          {.fd = extra_fd, .events = POLLIN}};
    for (;;) {
        long long left = w->deadline - ccb_tool_now();
        if (left <= 0)
            return CCB_WIRE_LATE;
        int n = poll(p, 2, left > 60000 ? 60000 : (int)left);
        if (n < 0 && errno != EINTR)
            return 0;
        if (n > 0)
            return p[0].revents ? 0 : 1;
    }
}

int ccb_wire_is_closed(const struct ccb_wire *w)
{
    char byte;
    return w->pos == w->len &&
           recv(w->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static int unix_address(const char *path, struct sockaddr_storage *to,
                        socklen_t *len)
{
    struct sockaddr_un *un = (struct sockaddr_un *)to;
    if (strlen(path) >= sizeof(un->sun_path))
        return -1;
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path, path, strlen(path) + 1);
    *len = sizeof(*un);
    return 0;
}

static int dial_inet(const char *address, struct sockaddr_storage *to,
                     socklen_t *len)
{
    const char *colon = strrchr(address, ':');
    if (colon == NULL)
        return -1;
    int bracket = address[0] == '[';
    char *host = ccb_tool_copy(address + bracket,
                               (size_t)(colon - address) - 2 * bracket);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    int code = getaddrinfo(host, colon + 1, &hints, &found);
    if (code == 0) {
        memcpy(to, found->ai_addr, found->ai_addrlen);
        *len = found->ai_addrlen;
        freeaddrinfo(found);
    }
    free(host);
    return code == 0 ? 0 : -1;
}

static int finish_dial(int fd, long long deadline)
{
    struct ccb_wire w = {.fd = fd, .deadline = deadline};
    int error = 0;
    socklen_t size = sizeof(error);
    if (wait_for(&w, POLLOUT) < 0)
        return ETIMEDOUT;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    return error;
}

int ccb_wire_dial(const char *address, long long deadline, struct ccb_text *why)
{
    struct sockaddr_storage to = {0};
    socklen_t len = 0;
    int code = strncmp(address, "unix:", 5) == 0
                   ? unix_address(address + 5, &to, &len)
                   : dial_inet(address, &to, &len);
    if (code < 0) {
        ccb_text_addf(why, "%s is no address (HOST:PORT or unix:PATH)",
                      address);
        return -1;
    }
    int fd =
        socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int error = 0;
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, len) < 0)
        error = errno == EINPROGRESS ? finish_dial(fd, deadline) : errno;
    if (error == 0)
        return fd;
    ccb_text_addf(why, "no connection to %s: %s", address, strerror(error));
    if (fd >= 0)
        close(fd);
    return -1;
}

int ccb_wire_listen(int port, struct ccb_text *why)
{
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 &&
        listen(fd, 1024) == 0)
        return fd;
    ccb_text_addf(why, "can't listen on port %d: %s", port, strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

int ccb_wire_listen_unix(const char *path, struct ccb_text *why)
{
    struct sockaddr_storage at = {0};
    socklen_t len = 0;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    unlink(path);
    if (fd >= 0 && unix_address(path, &at, &len) == 0 &&
        bind(fd, (struct sockaddr *)&at, len) == 0 && listen(fd, 128) == 0)
        return fd;
    ccb_text_addf(why, "can't listen on %s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}
