/*
 * A scripted HTTP server for the client's tests: a thread that plays a list of
 * steps over raw sockets, so that answers can be cut, late or wrong. Every
 * wait is for an event (bytes, an end, a signal of the test) and bounded; a
 * step that does not come true stops the script, and peer_stop tells.
 */
#ifndef CCB_TEST_FAKE_PEER_H
#define CCB_TEST_FAKE_PEER_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PEER_PATIENCE 20000 /* ms for one event */
#define PEER_LOG (1 << 20)

enum peer_verb {
    PEER_END,
    PEER_ACCEPT, /* the next connection becomes the current one */
    PEER_READ,   /* a whole request (Content-Length or chunked) */
    PEER_HEAD,   /* a request's head only */
    PEER_SEND,   /* text, or `size` bytes of it when size > 0 */
    PEER_EACH,   /* text, byte by byte, each its own segment */
    PEER_FLOOD,  /* `size` bytes of 'x' */
    PEER_CLOSE,
    PEER_RESET,
    PEER_GONE, /* waits until the client closes the connection */
    PEER_WAIT, /* waits for peer_go */
    PEER_TELL  /* lets peer_await return */
};

struct peer_step {
    enum peer_verb verb;
    const char *text;
    size_t size;
};

struct peer {
    int listener, fd;
    unsigned short port;
    const struct peer_step *steps;
    pthread_t thread;
    sem_t go, told;
    size_t played;
    bool failed;
    int connections;
    char *log; /* all that was read, in order */
    size_t log_len;
};

static inline bool peer_ready(int fd, short events)
{
    struct pollfd p = {.fd = fd, .events = events};

    return poll(&p, 1, PEER_PATIENCE) == 1;
}

static inline bool peer_accept(struct peer *peer)
{
    int one = 1;

    if (!peer_ready(peer->listener, POLLIN))
        return false;
    if (peer->fd >= 0)
        close(peer->fd);
    peer->fd = accept(peer->listener, NULL, NULL);
    peer->connections++;
    (void)setsockopt(peer->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return peer->fd >= 0;
}

/* Reads what is there; 0 at the end, -1 on trouble. */
static inline ssize_t peer_more(struct peer *peer)
{
    ssize_t n;

    if (!peer_ready(peer->fd, POLLIN) || peer->log_len >= PEER_LOG - 1)
        return -1;
    n = recv(peer->fd, peer->log + peer->log_len, PEER_LOG - 1 - peer->log_len,
             0);
    if (n > 0) {
        peer->log_len += (size_t)n;
        peer->log[peer->log_len] = '\0';
    }
    return n;
}

static inline bool peer_read(struct peer *peer, bool whole)
{
    size_t from = peer->log_len;
    const char *end, *length, *chunked;

    for (;;) {
        end = strstr(peer->log + from, "\r\n\r\n");
        if (end != NULL)
            break;
        if (peer_more(peer) <= 0)
            return false;
    }
    length = strstr(peer->log + from, "Content-Length: ");
    chunked = strstr(peer->log + from, "Transfer-Encoding: chunked");
    if (!whole)
        return true;
    if (chunked != NULL && chunked < end) {
        while (strstr(end + 2, "\r\n0\r\n\r\n") == NULL)
            if (peer_more(peer) <= 0)
                return false;
    } else if (length != NULL && length < end) {
        size_t body = strtoul(length + 16, NULL, 10);
        size_t want = (size_t)(end + 4 - peer->log) + body;

        while (peer->log_len < want)
            if (peer_more(peer) <= 0)
                return false;
    }
    return true;
}

static inline bool peer_write(struct peer *peer, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t n = send(peer->fd, bytes, size, MSG_NOSIGNAL);

        if (n <= 0)
            return false;
        bytes += n;
        size -= (size_t)n;
    }
    return true;
}

static inline bool peer_each(struct peer *peer, const char *text)
{
    for (; *text != '\0'; text++)
        if (!peer_write(peer, text, 1))
            return false;
    return true;
}

static inline bool peer_flood(struct peer *peer, size_t size)
{
    static const char block[4096] = {[0 ... 4095] = 'x'};

    while (size > 0) {
        size_t n = size < sizeof(block) ? size : sizeof(block);

        if (!peer_write(peer, block, n))
            return false;
        size -= n;
    }
    return true;
}

static inline bool peer_drop(struct peer *peer, bool reset)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};

    if (reset)
        (void)setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &linger,
                         sizeof(linger));
    close(peer->fd);
    peer->fd = -1;
    return true;
}

static inline bool peer_gone(struct peer *peer)
{
    char byte[256];
    ssize_t n;

    do {
        if (!peer_ready(peer->fd, POLLIN))
            return false;
        n = recv(peer->fd, byte, sizeof(byte), 0);
    } while (n > 0);
    return true;
}

static inline bool peer_wait(sem_t *sem)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PEER_PATIENCE / 1000;
    while (sem_timedwait(sem, &until) != 0)
        if (errno != EINTR)
            return false;
    return true;
}

static inline bool peer_play(struct peer *peer, const struct peer_step *step)
{
    size_t size = step->size;

    switch (step->verb) {
    case PEER_ACCEPT:
        return peer_accept(peer);
    case PEER_READ:
    case PEER_HEAD:
        return peer_read(peer, step->verb == PEER_READ);
    case PEER_SEND:
        return peer_write(peer, step->text,
                          size > 0 ? size : strlen(step->text));
    case PEER_EACH:
        return peer_each(peer, step->text);
    case PEER_FLOOD:
        return peer_flood(peer, size);
    case PEER_CLOSE:
    case PEER_RESET:
        return peer_drop(peer, step->verb == PEER_RESET);
    case PEER_GONE:
        return peer_gone(peer);
    case PEER_WAIT:
        return peer_wait(&peer->go);
    case PEER_TELL:
        return sem_post(&peer->told) == 0;
    case PEER_END:
        break;
    }
    return false;
}

static inline void *peer_main(void *arg)
{
    struct peer *peer = arg;

    for (const struct peer_step *s = peer->steps; s->verb != PEER_END; s++) {
        if (!peer_play(peer, s)) {
            fprintf(stderr, "peer: step %zu (verb %d) failed\n", peer->played,
                    (int)s->verb);
            peer->failed = true;
            break;
        }
        peer->played++;
    }
    if (peer->fd >= 0)
        close(peer->fd);
    close(peer->listener);
    return NULL;
}

/* A listener on a free port of 127.0.0.1, or ::1. */
static inline int peer_listen(int family, unsigned short *port)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6,
                               .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    bool six = family == AF_INET6;
    struct sockaddr *addr = six ? (void *)&in6 : (void *)&in;
    socklen_t len = six ? sizeof(in6) : sizeof(in);
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, addr, len) != 0 || listen(fd, 128) != 0 ||
        getsockname(fd, addr, &len) != 0) {
        if (fd >= 0)
            close(fd);
        return -1;
    }
    *port = ntohs(six ? in6.sin6_port : in.sin_port);
    return fd;
}

static inline bool peer_start_on(struct peer *peer, int family,
                                 const struct peer_step *steps)
{
    memset(peer, 0, sizeof(*peer));
    peer->fd = -1;
    peer->steps = steps;
    peer->listener = peer_listen(family, &peer->port);
    peer->log = calloc(1, PEER_LOG);
    (void)sem_init(&peer->go, 0, 0);
    (void)sem_init(&peer->told, 0, 0);
    return peer->listener >= 0 && peer->log != NULL &&
           pthread_create(&peer->thread, NULL, peer_main, peer) == 0;
}

static inline bool peer_start(struct peer *peer, const struct peer_step *steps)
{
    return peer_start_on(peer, AF_INET, steps);
}

static inline void peer_go(struct peer *peer)
{
    (void)sem_post(&peer->go);
}

static inline bool peer_await(struct peer *peer)
{
    return peer_wait(&peer->told);
}

/* Waits for the script's end; whether every step came true. The log stays
 * until peer_free. */
static inline bool peer_stop(struct peer *peer)
{
    (void)pthread_join(peer->thread, NULL);
    return !peer->failed;
}

static inline void peer_free(struct peer *peer)
{
    free(peer->log);
    (void)sem_destroy(&peer->go);
    (void)sem_destroy(&peer->told);
}

#endif
