/* Reads multipart and protobuf as far as container metrics need
 * (tps/metrics.h). */
#include "tps/metrics.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

/* ---- protobuf ----------------------------------------------------------- */

/* A message that is read field by field. */
struct message {
    struct ccb_slice rest;
    uint32_t number;        /* of the field */
    uint64_t value;         /* of a varint or a fixed number */
    struct ccb_slice bytes; /* of a field with a length */
    unsigned wire;
};

enum { WIRE_VARINT, WIRE_64, WIRE_BYTES, WIRE_32 = 5 };

static bool read_varint(struct ccb_slice *rest, uint64_t *out)
{
    unsigned shift;
    *out = 0;
    for (shift = 0; shift < 64 && rest->len > 0; shift += 7) {
        unsigned char byte = (unsigned char)rest->ptr[0];
        rest->ptr++;
        rest->len--;
        *out |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

static bool read_fixed(struct ccb_slice *rest, size_t size, uint64_t *out)
{
    size_t i;
    if (rest->len < size)
        return false;
    *out = 0;
    for (i = 0; i < size; i++)
        *out |= (uint64_t)(unsigned char)rest->ptr[i] << (8 * i);
    rest->ptr += size;
    rest->len -= size;
    return true;
}

static bool read_bytes(struct ccb_slice *rest, struct ccb_slice *out)
{
    uint64_t len;
    if (!read_varint(rest, &len) || len > rest->len)
        return false;
    *out = ccb_slice_make(rest->ptr, (size_t)len);
    rest->ptr += len;
    rest->len -= (size_t)len;
    return true;
}

/* 1: a field; 0: the end; -1: this is no message. */
static int next_field(struct message *m)
{
    uint64_t key;
    bool good = false;
    if (m->rest.len == 0)
        return 0;
    if (!read_varint(&m->rest, &key) || key >> 3 == 0 || key >> 3 > 536870911)
        return -1;
    m->number = (uint32_t)(key >> 3);
    m->wire = (unsigned)(key & 7);
    if (m->wire == WIRE_VARINT)
        good = read_varint(&m->rest, &m->value);
    else if (m->wire == WIRE_64)
        good = read_fixed(&m->rest, 8, &m->value);
    else if (m->wire == WIRE_32)
        good = read_fixed(&m->rest, 4, &m->value);
    else if (m->wire == WIRE_BYTES)
        good = read_bytes(&m->rest, &m->bytes);
    return good ? 1 : -1;
}

/* ---- an envelope -------------------------------------------------------- */

enum { EVENT_LOG_MESSAGE = 5 };

struct envelope {
    uint64_t type;
    struct ccb_slice metric; /* ptr NULL: it has none */
};

static bool read_envelope(struct ccb_slice part, struct envelope *out)
{
    struct message m = {.rest = part};
    int more;
    *out = (struct envelope){0};
    for (more = next_field(&m); more > 0; more = next_field(&m)) {
        if (m.number == 2 && m.wire == WIRE_VARINT)
            out->type = m.value;
        else if (m.number == 12 && m.wire == WIRE_BYTES)
            out->metric = m.bytes;
    }
    return more == 0;
}

/* All but the application is there in one that is whole. */
static bool read_metric(struct ccb_slice text, struct ccb_container_metric *out)
{
    struct message m = {.rest = text};
    unsigned seen = 0;
    int more;
    *out = (struct ccb_container_metric){0};
    for (more = next_field(&m); more > 0; more = next_field(&m)) {
        if (m.number == 2 && m.wire == WIRE_VARINT)
            out->index = (int32_t)m.value;
        else if (m.number == 3 && m.wire == WIRE_64)
            memcpy(&out->cpu, &m.value, sizeof(out->cpu));
        else if (m.number == 4 && m.wire == WIRE_VARINT)
            out->memory = m.value;
        else if (m.number == 5 && m.wire == WIRE_VARINT)
            out->disk = m.value;
        else
            continue;
        seen |= 1U << m.number;
    }
    return more == 0 && seen == 0x3c && isfinite(out->cpu);
}

/* ---- multipart ---------------------------------------------------------- */

/* What stands behind "boundary=", without quotes. */
static struct ccb_slice find_boundary(struct ccb_slice content_type)
{
    static const char name[] = "boundary=";
    const size_t len = sizeof(name) - 1;
    const char *at = content_type.len
                         ? memmem(content_type.ptr, content_type.len, name, len)
                         : NULL;
    struct ccb_slice none = {NULL, 0}, out;
    if (!at)
        return none;
    out = ccb_slice_make(
        at + len, (size_t)(content_type.ptr + content_type.len - at - len));
    if (out.len >= 2 && out.ptr[0] == '"' && out.ptr[out.len - 1] == '"')
        out = ccb_slice_make(out.ptr + 1, out.len - 2);
    return out;
}

struct parts {
    struct ccb_slice rest, delimiter; /* "\r\n--BOUNDARY" */
};

/* Moves behind the next delimiter; what was before it is `before`. */
static bool skip_delimiter(struct parts *parts, struct ccb_slice *before)
{
    const char *at = parts->rest.len
                         ? memmem(parts->rest.ptr, parts->rest.len,
                                  parts->delimiter.ptr, parts->delimiter.len)
                         : NULL;
    size_t used;
    if (!at)
        return false;
    *before = ccb_slice_make(parts->rest.ptr, (size_t)(at - parts->rest.ptr));
    used = before->len + parts->delimiter.len;
    parts->rest =
        ccb_slice_make(parts->rest.ptr + used, parts->rest.len - used);
    return true;
}

/* The body of the next part. One that no delimiter ends was cut off. */
static bool next_part(struct parts *parts, struct ccb_slice *body)
{
    struct ccb_slice part;
    const char *blank;
    size_t head;
    if (ccb_slice_starts(parts->rest, "--") || !skip_delimiter(parts, &part))
        return false;
    blank = part.len ? memmem(part.ptr, part.len, "\r\n\r\n", 4) : NULL;
    head = blank ? (size_t)(blank + 4 - part.ptr) : part.len;
    *body = ccb_slice_make(part.ptr + head, part.len - head);
    return true;
}

static int open_parts(struct parts *parts, struct ccb_slice boundary,
                      struct ccb_slice body, struct ccb_arena *arena)
{
    struct ccb_slice before;
    parts->delimiter =
        ccb_arena_format(arena, "\r\n--%.*s", (int)boundary.len, boundary.ptr);
    if (!parts->delimiter.ptr)
        return CCB_NO_MEMORY;
    parts->rest = body;
    /* The first one may stand at the very beginning, without its line end. */
    if (body.len >= parts->delimiter.len - 2 &&
        memcmp(body.ptr, parts->delimiter.ptr + 2, parts->delimiter.len - 2) ==
            0)
        parts->rest = ccb_slice_make(body.ptr + parts->delimiter.len - 2,
                                     body.len - parts->delimiter.len + 2);
    else if (!skip_delimiter(parts, &before))
        parts->rest.len = 0;
    return 0;
}

/* ---- all of it ---------------------------------------------------------- */

static int take(struct ccb_container_metrics *out, struct ccb_slice part,
                struct ccb_arena *arena, size_t *capacity,
                struct ccb_error *err)
{
    struct envelope envelope;
    struct ccb_container_metric metric, *grown;
    if (!read_envelope(part, &envelope))
        return 0;
    if (envelope.type == EVENT_LOG_MESSAGE)
        return ccb_error_set(err, CCB_INVALID,
                             "the traffic controller answered a log message");
    if (!envelope.metric.ptr || !read_metric(envelope.metric, &metric))
        return 0;
    if (out->count == *capacity) {
        *capacity = *capacity ? 2 * *capacity : 16;
        grown = ccb_arena_alloc(arena, *capacity * sizeof(*grown));
        if (!grown)
            return ccb_error_set(err, CCB_NO_MEMORY, "out of memory");
        if (out->count > 0)
            memcpy(grown, out->items, out->count * sizeof(*grown));
        out->items = grown;
    }
    out->items[out->count++] = metric;
    return 0;
}

int ccb_container_metrics_parse(struct ccb_container_metrics *out,
                                struct ccb_slice content_type,
                                struct ccb_slice body, struct ccb_arena *arena,
                                struct ccb_error *err)
{
    struct ccb_slice boundary = find_boundary(content_type), part;
    struct parts parts;
    size_t capacity = 0;
    int code;
    *out = (struct ccb_container_metrics){0};
    if (boundary.len == 0)
        return ccb_error_set(err, CCB_INVALID,
                             "the answer's content type has no boundary");
    code = open_parts(&parts, boundary, body, arena);
    if (code < 0)
        return ccb_error_set(err, code, "out of memory");
    while (code == 0 && next_part(&parts, &part))
        code = take(out, part, arena, &capacity, err);
    return code;
}

const struct ccb_container_metric *ccb_container_metrics_find(
    const struct ccb_container_metrics *metrics, int64_t index)
{
    size_t i = metrics ? metrics->count : 0;
    while (i > 0)
        if (metrics->items[--i].index == index)
            return &metrics->items[i];
    return NULL;
}

/* ---- writing ------------------------------------------------------------ */

/* The shortest text that reads back as the same number. */
static void put_double(struct ccb_buf *out, double number)
{
    char text[40];
    int digits = 0;
    do
        snprintf(text, sizeof(text), "%.*g", ++digits, number);
    while (digits < 17 && strtod(text, NULL) != number);
    ccb_buf_put(out, text);
}

void ccb_container_metric_put(struct ccb_buf *out,
                              const struct ccb_container_metric *metric,
                              const char *time)
{
    ccb_buf_printf(out, "{\"time\":\"%s\",\"cpu\":", time);
    put_double(out, metric->cpu / 100);
    ccb_buf_printf(out, ",\"mem\":%llu,\"disk\":%llu}",
                   (unsigned long long)metric->memory,
                   (unsigned long long)metric->disk);
}

void ccb_metric_time_format(int64_t time, char *out, size_t size)
{
    time_t seconds = (time_t)(time / CCB_SECOND);
    struct tm parts;
    char fraction[16], zone[16];
    size_t len;
    int n;
    localtime_r(&seconds, &parts);
    n = snprintf(fraction, sizeof(fraction), ".%09d", (int)(time % CCB_SECOND));
    while (n > 0 && (fraction[n - 1] == '0' || fraction[n - 1] == '.'))
        fraction[--n] = '\0';
    /* "+0200" becomes "+02:00". */
    if (parts.tm_gmtoff == 0)
        snprintf(zone, sizeof(zone), "Z");
    else
        snprintf(zone, sizeof(zone), "%c%02d:%02d",
                 parts.tm_gmtoff < 0 ? '-' : '+',
                 abs((int)parts.tm_gmtoff) / 3600,
                 abs((int)parts.tm_gmtoff) / 60 % 60);
    len = strftime(out, size, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(out + len, size - len, "%s%s", fraction, zone);
}
