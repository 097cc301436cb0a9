/*
 * Dropsonde envelopes, encoded and sent (contract/stager.md A6). Protobuf is
 * written by hand: two messages with three kinds of field are less than a
 * library and its generator would be.
 *
 * Invariant: a thread's datagrams leave in the order in which they were made,
 * each once, by one sendmmsg(2) that never waits.
 */
#include "base/dropsonde.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

/* Field numbers as tags: number * 8 + wire type. */
enum {
    VARINT = 0,
    FIXED64 = 1,
    BYTES = 2,
    ORIGIN = 1 << 3 | BYTES,
    EVENT_TYPE = 2 << 3 | VARINT,
    TIMESTAMP = 6 << 3 | VARINT,
    VALUE_METRIC = 9 << 3 | BYTES,
    COUNTER_EVENT = 10 << 3 | BYTES,
    NAME = 1 << 3 | BYTES,
    DELTA = 2 << 3 | VARINT,
    VALUE = 2 << 3 | FIXED64,
    UNIT = 3 << 3 | BYTES
};
enum { TYPE_VALUE_METRIC = 6, TYPE_COUNTER_EVENT = 7 };

/* `len` goes on counting when the bytes are full: it was too long then. */
struct message {
    size_t len;
    unsigned char bytes[CCB_DROPSONDE_MAX];
};

/* Not connected: a connected socket would answer the refusal of one datagram
 * by refusing the next, when the agent is there again. */
static struct sockaddr_storage address;
static socklen_t address_length;
static _Atomic int socket_fd = -1;

static _Thread_local struct {
    int on;
    size_t count;
    struct message messages[CCB_DROPSONDE_HELD];
} held;

/* ---- protobuf ----------------------------------------------------------- */

static void put_byte(struct message *m, unsigned char byte)
{
    if (m->len < sizeof(m->bytes))
        m->bytes[m->len] = byte;
    m->len++;
}

static void put_varint(struct message *m, unsigned char tag, uint64_t number)
{
    put_byte(m, tag);
    for (; number >= 0x80; number >>= 7)
        put_byte(m, (unsigned char)(number | 0x80));
    put_byte(m, (unsigned char)number);
}

/* Its length is one byte, which 127 fits in: longer ones are too long. */
static void put_bytes(struct message *m, unsigned char tag, const void *bytes,
                      size_t len)
{
    if (len > 0x7f || m->len + 2 + len > sizeof(m->bytes)) {
        m->len = sizeof(m->bytes) + 1;
        return;
    }
    put_byte(m, tag);
    put_byte(m, (unsigned char)len);
    memcpy(m->bytes + m->len, bytes, len);
    m->len += len;
}

static void put_text(struct message *m, unsigned char tag, const char *text)
{
    put_bytes(m, tag, text, strlen(text));
}

static void put_double(struct message *m, unsigned char tag, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    put_byte(m, tag);
    for (int shift = 0; shift < 64; shift += 8)
        put_byte(m, (unsigned char)(bits >> shift));
}

static void put_envelope(struct message *m, const char *origin, uint64_t type,
                         unsigned char tag, const struct message *event)
{
    m->len = 0;
    put_text(m, ORIGIN, origin);
    put_varint(m, EVENT_TYPE, type);
    put_varint(m, TIMESTAMP, (uint64_t)ccb_clock_wall());
    put_bytes(m, tag, event->bytes, event->len);
}

/* ---- sending ------------------------------------------------------------ */

void ccb_dropsonde_flush(void)
{
    struct mmsghdr headers[CCB_DROPSONDE_HELD];
    struct iovec parts[CCB_DROPSONDE_HELD];
    int fd = atomic_load_explicit(&socket_fd, memory_order_acquire);
    size_t count = held.count;

    held.count = 0;
    if (fd < 0 || count == 0)
        return;
    for (size_t i = 0; i < count; i++) {
        parts[i] = (struct iovec){held.messages[i].bytes, held.messages[i].len};
        headers[i] = (struct mmsghdr){.msg_hdr = {.msg_name = &address,
                                                  .msg_namelen = address_length,
                                                  .msg_iov = &parts[i],
                                                  .msg_iovlen = 1}};
    }
    (void)sendmmsg(fd, headers, (unsigned)count, MSG_DONTWAIT);
}

void ccb_dropsonde_hold(int on)
{
    ccb_dropsonde_flush();
    held.on = on;
}

static void send_event(const char *origin, uint64_t type, unsigned char tag,
                       const struct message *event)
{
    struct message *envelope = &held.messages[held.count];

    put_envelope(envelope, origin, type, tag, event);
    if (envelope->len <= sizeof(envelope->bytes))
        held.count++;
    if (!held.on || held.count == CCB_DROPSONDE_HELD)
        ccb_dropsonde_flush();
}

static int is_open(void)
{
    return atomic_load_explicit(&socket_fd, memory_order_relaxed) >= 0;
}

void ccb_dropsonde_count(const char *origin, const char *name, uint64_t delta)
{
    struct message event = {.len = 0};

    if (!is_open())
        return;
    put_text(&event, NAME, name);
    put_varint(&event, DELTA, delta);
    send_event(origin, TYPE_COUNTER_EVENT, COUNTER_EVENT, &event);
}

void ccb_dropsonde_value(const char *origin, const char *name, double value,
                         const char *unit)
{
    struct message event = {.len = 0};

    if (!is_open())
        return;
    put_text(&event, NAME, name);
    put_double(&event, VALUE, value);
    put_text(&event, UNIT, unit);
    send_event(origin, TYPE_VALUE_METRIC, VALUE_METRIC, &event);
}

/* ---- the socket --------------------------------------------------------- */

int ccb_dropsonde_open(const struct sockaddr *to, socklen_t length,
                       struct ccb_error *err)
{
    int fd = length <= sizeof(address)
                 ? socket(to->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0)
                 : -1;
    if (fd < 0)
        return ccb_error_set(err, CCB_IO, "udp socket: %s", strerror(errno));
    memcpy(&address, to, length);
    address_length = length;
    ccb_dropsonde_close();
    atomic_store_explicit(&socket_fd, fd, memory_order_release);
    return 0;
}

void ccb_dropsonde_close(void)
{
    int fd = atomic_exchange(&socket_fd, -1);

    if (fd >= 0)
        (void)close(fd);
}
