/*
 * Peers that take metrics: each datagram is a dropsonde envelope
 * (contract/stager.md A6) and is recorded as the request `COUNTER NAME` or
 * `VALUE NAME` with its other fields as the JSON body, so that every
 * expectation on a request holds for it too.
 *
 * Invariant: a datagram that is not wholly understood is recorded as
 * `BROKEN datagram`.
 */
#include "peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- protobuf ----------------------------------------------------------- */

enum { VARINT = 0, FIXED64 = 1, BYTES = 2 };

struct reader {
    const unsigned char *at, *end;
};

struct field {
    unsigned number;
    int type;
    uint64_t integer; /* BYTES: how many */
    const unsigned char *bytes;
};

static int read_varint(struct reader *r, uint64_t *out)
{
    *out = 0;
    for (int shift = 0; shift < 64 && r->at < r->end; shift += 7) {
        *out |= (uint64_t)(*r->at & 0x7f) << shift;
        if (*r->at++ < 0x80)
            return 0;
    }
    return -1;
}

static int read_fixed64(struct reader *r, uint64_t *out)
{
    *out = 0;
    for (int shift = 0; shift < 64; shift += 8) {
        if (r->at == r->end)
            return -1;
        *out |= (uint64_t)*r->at++ << shift;
    }
    return 0;
}

/* 0, or -1 for what is no field. */
static int read_field(struct reader *r, struct field *f)
{
    uint64_t tag;
    *f = (struct field){0};
    if (read_varint(r, &tag) < 0)
        return -1;
    f->number = (unsigned)(tag >> 3);
    f->type = (int)(tag & 7);
    if (f->type == FIXED64)
        return read_fixed64(r, &f->integer);
    if ((f->type != VARINT && f->type != BYTES) ||
        read_varint(r, &f->integer) < 0)
        return -1;
    f->bytes = r->at;
    if (f->type == BYTES) {
        if (f->integer > (uint64_t)(r->end - r->at))
            return -1;
        r->at += f->integer;
    }
    return 0;
}

/* ---- envelopes ---------------------------------------------------------- */

enum { ENVELOPE, VALUE_METRIC, COUNTER_EVENT };

static const struct known {
    int message; /* the one it is a field of */
    unsigned number;
    int type;
    const char *name;   /* in the record's JSON */
    int inner;          /* the message it holds */
    const char *method; /* of the record, when it is there */
} known[] = {
    {.number = 1, .type = BYTES, .name = "origin"},
    {.number = 2, .type = VARINT, .name = "event_type"},
    {.number = 6, .type = VARINT, .name = "timestamp"},
    {.number = 9, .type = BYTES, .inner = VALUE_METRIC, .method = "VALUE"},
    {.number = 10, .type = BYTES, .inner = COUNTER_EVENT, .method = "COUNTER"},
    {.message = VALUE_METRIC, .number = 1, .type = BYTES, .name = "name"},
    {.message = VALUE_METRIC, .number = 2, .type = FIXED64, .name = "value"},
    {.message = VALUE_METRIC, .number = 3, .type = BYTES, .name = "unit"},
    {.message = COUNTER_EVENT, .number = 1, .type = BYTES, .name = "name"},
    {.message = COUNTER_EVENT, .number = 2, .type = VARINT, .name = "delta"},
};

struct found {
    const char *method;
    struct ccb_text name, json; /* json: members, each with a comma behind */
};

static const struct known *find_known(int message, const struct field *f)
{
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (known[i].message == message && known[i].number == f->number &&
            known[i].type == f->type)
            return &known[i];
    return NULL;
}

/* Names need no escapes; what would is not understood. */
static int put_text(struct found *found, const char *name,
                    const struct field *f)
{
    for (uint64_t i = 0; i < f->integer; i++)
        if (f->bytes[i] < ' ' || f->bytes[i] > '~' ||
            strchr("\"\\?", f->bytes[i]) != NULL)
            return -1;
    if (strcmp(name, "name") == 0)
        ccb_text_add(&found->name, f->bytes, (size_t)f->integer);
    ccb_text_addf(&found->json, "\"%s\":\"%.*s\",", name, (int)f->integer,
                  (const char *)f->bytes);
    return 0;
}

static int put_number(struct found *found, const char *name,
                      const struct field *f)
{
    double value;
    if (f->type == VARINT) {
        ccb_text_addf(&found->json, "\"%s\":%llu,", name,
                      (unsigned long long)f->integer);
        return 0;
    }
    memcpy(&value, &f->integer, sizeof(value));
    if (!isfinite(value))
        return -1;
    ccb_text_addf(&found->json,
                  value == floor(value) ? "\"%s\":%.0f," : "\"%s\":%.17g,",
                  name, value);
    return 0;
}

static int read_message(struct reader r, int message, struct found *found)
{
    struct field f;
    while (r.at < r.end) {
        const struct known *k =
            read_field(&r, &f) == 0 ? find_known(message, &f) : NULL;
        int code = k ? 0 : -1;
        if (k && k->method) {
            struct reader inner = {f.bytes, f.bytes + f.integer};
            found->method = k->method;
            code = read_message(inner, k->inner, found);
        } else if (k) {
            code = k->type == BYTES ? put_text(found, k->name, &f)
                                    : put_number(found, k->name, &f);
        }
        if (code < 0)
            return -1;
    }
    return 0;
}

static void record(struct ccb_peer *peer, const unsigned char *bytes,
                   size_t len)
{
    struct reader r = {bytes, bytes + len};
    struct ccb_record *record = ccb_tool_alloc(sizeof(*record));
    struct ccb_message *m = &record->message;
    struct found found = {0};
    int whole = read_message(r, ENVELOPE, &found) == 0 && found.name.len > 0;
    const char *method = whole ? found.method : "BROKEN";
    const char *name = whole ? found.name.ptr : "datagram";
    m->method = ccb_tool_copy(method, strlen(method));
    m->target = ccb_tool_copy(name, strlen(name));
    m->whole = 1;
    if (whole)
        ccb_text_addf(&m->body, "{%.*s}", (int)found.json.len - 1,
                      found.json.ptr);
    else
        ccb_text_add(&m->body, bytes, len);
    m->length = m->body.len;
    ccb_trace(peer->name, name, m->body.ptr, m->body.len);
    ccb_text_free(&found.name);
    ccb_text_free(&found.json);
    ccb_peer_publish(peer, record);
}

/* ---- the socket --------------------------------------------------------- */

int ccb_dropsonde_listen(int port, struct ccb_text *why)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0)
        return fd;
    ccb_text_addf(why, "can't listen on UDP port %d: %s", port,
                  strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

void *ccb_dropsonde_receive(void *arg)
{
    struct ccb_peer *peer = arg;
    struct pollfd p[2] = {{.fd = peer->listener, .events = POLLIN},
                          {.fd = peer->stop_fd, .events = POLLIN}};
    unsigned char bytes[4096];
    for (;;) {
        if ((poll(p, 2, -1) < 0 && errno != EINTR) || p[1].revents)
            return NULL;
        ssize_t n = recv(peer->listener, bytes, sizeof(bytes), 0);
        if (n >= 0)
            record(peer, bytes, (size_t)n);
    }
}
