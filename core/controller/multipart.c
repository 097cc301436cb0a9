/*
 * A push parser for multipart/form-data (multipart.h). It goes over the bytes
 * of content once, looking for the delimiter's first byte, and holds back what
 * may be one that is cut by the border of two pieces.
 */
#include "controller/multipart.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ---- the content type --------------------------------------------------- */

static int find_boundary(struct ccb_slice type, struct ccb_slice *out)
{
    static const char name[] = "boundary=";
    const char *end = type.ptr + type.len;

    for (const char *at = type.ptr; at + sizeof(name) - 1 < end; at++) {
        const char *from = at + sizeof(name) - 1, *to = from;
        if (strncasecmp(at, name, sizeof(name) - 1) != 0)
            continue;
        if (*from == '"') {
            from++;
            to = memchr(from, '"', (size_t)(end - from));
            if (!to)
                return CCB_INVALID;
        } else {
            while (to < end && *to != ';' && *to != ' ')
                to++;
        }
        *out = ccb_slice_make(from, (size_t)(to - from));
        return 0;
    }
    return CCB_INVALID;
}

int ccb_multipart_init(struct ccb_multipart *m, struct ccb_slice content_type,
                       void (*on_file)(void *user, struct ccb_slice piece),
                       void *user, struct ccb_error *err)
{
    static const char type[] = "multipart/form-data";
    struct ccb_slice boundary;

    if (content_type.len < sizeof(type) - 1 ||
        strncasecmp(content_type.ptr, type, sizeof(type) - 1) != 0)
        return ccb_error_set(err, CCB_INVALID,
                             "the upload is not multipart/form-data");
    if (find_boundary(content_type, &boundary) < 0 || boundary.len == 0 ||
        boundary.len > CCB_MULTIPART_BOUNDARY)
        return ccb_error_set(err, CCB_INVALID,
                             "multipart/form-data without a usable boundary");
    (void)memset(m, 0, sizeof(*m));
    m->delimiter_len =
        (size_t)snprintf(m->delimiter, sizeof(m->delimiter), "\r\n--%.*s",
                         (int)boundary.len, boundary.ptr);
    /* The first delimiter may stand at the very beginning. */
    (void)memcpy(m->held, "\r\n", 2);
    m->held_len = 2;
    m->on_file = on_file;
    m->user = user;
    return 0;
}

/* ---- content ------------------------------------------------------------ */

static void emit(struct ccb_multipart *m, const char *bytes, size_t len)
{
    if (m->in_file && len > 0)
        m->on_file(m->user, ccb_slice_make(bytes, len));
}

/* The delimiter continues what is held with these bytes: 1 whole, 0 not yet
 * known, -1 not. */
static int match(const struct ccb_multipart *m, const char *bytes, size_t len,
                 size_t held)
{
    size_t want = m->delimiter_len - held;
    size_t there = len < want ? len : want;

    if (memcmp(m->delimiter + held, bytes, there) != 0)
        return -1;
    return there == want;
}

static void start_after(struct ccb_multipart *m)
{
    m->held_len = 0;
    m->in_file = false;
    m->state = CCB_MULTIPART_AFTER;
}

/* What is held is the delimiter's beginning. Goes on with it, or gives up its
 * first byte and looks for the next place where it may begin. */
static void settle_held(struct ccb_multipart *m, struct ccb_slice *bytes)
{
    int found = match(m, bytes->ptr, bytes->len, m->held_len);
    size_t next = 1;

    if (found > 0) {
        bytes->ptr += m->delimiter_len - m->held_len;
        bytes->len -= m->delimiter_len - m->held_len;
        start_after(m);
        return;
    }
    if (found == 0) {
        (void)memcpy(m->held + m->held_len, bytes->ptr, bytes->len);
        m->held_len += bytes->len;
        bytes->len = 0;
        return;
    }
    while (next < m->held_len &&
           memcmp(m->held + next, m->delimiter, m->held_len - next) != 0)
        next++;
    emit(m, m->held, next);
    m->held_len -= next;
    (void)memmove(m->held, m->held + next, m->held_len);
}

static void scan(struct ccb_multipart *m, struct ccb_slice *bytes)
{
    const char *from = bytes->ptr, *end = bytes->ptr + bytes->len;
    const char *at = memchr(from, '\r', bytes->len);

    while (at && match(m, at, (size_t)(end - at), 0) < 0)
        at = memchr(at + 1, '\r', (size_t)(end - at - 1));
    if (!at) {
        emit(m, from, bytes->len);
        bytes->len = 0;
        return;
    }
    emit(m, from, (size_t)(at - from));
    m->held[0] = '\r';
    m->held_len = 1;
    *bytes = ccb_slice_make(at + 1, (size_t)(end - at - 1));
}

/* ---- between contents --------------------------------------------------- */

/* One more byte is held; CCB_INVALID when that is too many. */
static int hold(struct ccb_multipart *m, struct ccb_slice *bytes,
                struct ccb_error *err)
{
    if (m->held_len == sizeof(m->held))
        return ccb_error_set(err, CCB_INVALID,
                             "multipart: a part's head is longer than %d "
                             "bytes",
                             CCB_MULTIPART_HEAD);
    m->held[m->held_len++] = *bytes->ptr++;
    bytes->len--;
    return 0;
}

static int after_delimiter(struct ccb_multipart *m, struct ccb_slice *bytes,
                           struct ccb_error *err)
{
    int code = hold(m, bytes, err);

    if (code < 0)
        return code;
    if (m->held_len == 2 && memcmp(m->held, "--", 2) == 0) {
        m->state = CCB_MULTIPART_DONE;
    } else if (m->held[m->held_len - 1] == '\n') {
        m->held_len = 0;
        m->state = CCB_MULTIPART_PART_HEAD;
    }
    return 0;
}

static bool head_ended(const struct ccb_multipart *m)
{
    return (m->held_len == 2 && memcmp(m->held, "\r\n", 2) == 0) ||
           (m->held_len >= 4 &&
            memcmp(m->held + m->held_len - 4, "\r\n\r\n", 4) == 0);
}

static int part_head(struct ccb_multipart *m, struct ccb_slice *bytes,
                     struct ccb_error *err)
{
    static const char mark[] = "filename=";
    int code = hold(m, bytes, err);

    if (code < 0 || !head_ended(m))
        return code;
    if (!m->saw_file &&
        memmem(m->held, m->held_len, mark, sizeof(mark) - 1) != NULL)
        m->in_file = m->saw_file = true;
    m->held_len = 0;
    m->state = CCB_MULTIPART_CONTENT;
    return 0;
}

int ccb_multipart_push(struct ccb_multipart *m, struct ccb_slice bytes,
                       struct ccb_error *err)
{
    int code = 0;

    while (code == 0 && bytes.len > 0)
        switch (m->state) {
        case CCB_MULTIPART_PREAMBLE:
        case CCB_MULTIPART_CONTENT:
            if (m->held_len > 0)
                settle_held(m, &bytes);
            else
                scan(m, &bytes);
            break;
        case CCB_MULTIPART_AFTER:
            code = after_delimiter(m, &bytes, err);
            break;
        case CCB_MULTIPART_PART_HEAD:
            code = part_head(m, &bytes, err);
            break;
        default: /* what follows the last delimiter is of no meaning */
            return 0;
        }
    return code;
}

int ccb_multipart_end(struct ccb_multipart *m, struct ccb_error *err)
{
    if (m->state != CCB_MULTIPART_DONE)
        return ccb_error_set(err, CCB_INVALID, "the upload is cut off");
    if (!m->saw_file)
        return ccb_error_set(err, CCB_INVALID, "the upload has no file in it");
    return 0;
}
