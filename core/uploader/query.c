/*
 * Parameters in the queries of URLs, as Go's net/url reads and writes them
 * (contract/fileserver-ccuploader.md 2.2, 2.3).
 *
 * Invariant: a parameter that can't be decoded is as none at all; nothing that
 * is logged from here holds user info or a secret parameter.
 */
#include <ctype.h>
#include <stdlib.h>

#include "base/hex.h"
#include "base/number.h"
#include "base/redact.h"
#include "ccbridge/json.h"
#include "uploader/internal.h"

struct pair {
    struct ccb_slice key, value; /* decoded */
    size_t order;
};

/* ---- reading ------------------------------------------------------------ */

/* CCB_INVALID for a broken '%', CCB_NO_MEMORY. */
static int decode(struct ccb_arena *arena, struct ccb_slice text,
                  struct ccb_slice *out)
{
    char *bytes = ccb_arena_text(arena, text.len + 1);
    size_t len = 0;

    if (bytes == NULL)
        return CCB_NO_MEMORY;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (c == '%') {
            if (text.len - i < 3 || ccb_hex_digit(text.ptr[i + 1]) < 0 ||
                ccb_hex_digit(text.ptr[i + 2]) < 0)
                return CCB_INVALID;
            c = (char)(ccb_hex_digit(text.ptr[i + 1]) << 4 |
                       ccb_hex_digit(text.ptr[i + 2]));
            i += 2;
        } else if (c == '+') {
            c = ' ';
        }
        bytes[len++] = c;
    }
    bytes[len] = '\0';
    *out = ccb_slice_make(bytes, len);
    return CCB_OK;
}

/* The next "key=value"; false: there is none. */
static bool next_part(struct ccb_slice *query, struct ccb_slice *part)
{
    const char *end;

    while (query->len > 0 && query->ptr[0] == '&') {
        query->ptr++;
        query->len--;
    }
    if (query->len == 0)
        return false;
    end = memchr(query->ptr, '&', query->len);
    part->ptr = query->ptr;
    part->len = end == NULL ? query->len : (size_t)(end - query->ptr);
    query->ptr += part->len;
    query->len -= part->len;
    return true;
}

static int decode_part(struct ccb_arena *arena, struct ccb_slice part,
                       struct pair *pair)
{
    const char *equals = memchr(part.ptr, '=', part.len);
    struct ccb_slice key = part, value = {"", 0};
    int code;

    if (equals != NULL) {
        key.len = (size_t)(equals - part.ptr);
        value = ccb_slice_make(equals + 1, part.len - key.len - 1);
    }
    code = decode(arena, key, &pair->key);
    return code == CCB_OK ? decode(arena, value, &pair->value) : code;
}

struct ccb_slice ccb_query_get(struct ccb_arena *arena, struct ccb_slice query,
                               const char *key)
{
    struct ccb_slice part;
    struct pair pair;

    while (next_part(&query, &part)) {
        int code = decode_part(arena, part, &pair);

        if (code == CCB_NO_MEMORY)
            return ccb_slice_make(NULL, 0);
        if (code == CCB_OK && ccb_slice_is(pair.key, key))
            return pair.value;
    }
    return ccb_slice_of("");
}

/* ---- writing ------------------------------------------------------------ */

static void put_encoded(struct ccb_buf *out, struct ccb_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if (isalnum(c) || (c != '\0' && strchr("-_.~", c) != NULL))
            (void)ccb_buf_putc(out, (char)c);
        else if (c == ' ')
            (void)ccb_buf_putc(out, '+');
        else
            (void)ccb_buf_printf(out, "%%%02X", c);
    }
}

static int compare(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    size_t len = x->key.len < y->key.len ? x->key.len : y->key.len;
    int code = len > 0 ? memcmp(x->key.ptr, y->key.ptr, len) : 0;

    if (code != 0)
        return code;
    if (x->key.len != y->key.len)
        return x->key.len < y->key.len ? -1 : 1;
    return x->order < y->order ? -1 : 1;
}

/* The parameters but those called `key`, and one to spare; NULL: no memory. */
static struct pair *decode_all(struct ccb_arena *arena, struct ccb_slice query,
                               const char *key, size_t *count)
{
    struct ccb_slice part, rest = query;
    struct pair *pairs;
    size_t most = 1;

    while (next_part(&rest, &part))
        most++;
    pairs = ccb_arena_alloc(arena, most * sizeof(*pairs));
    *count = 0;
    while (pairs != NULL && next_part(&query, &part)) {
        int code = decode_part(arena, part, &pairs[*count]);

        if (code == CCB_NO_MEMORY)
            return NULL;
        pairs[*count].order = *count;
        if (code == CCB_OK && !ccb_slice_is(pairs[*count].key, key))
            (*count)++;
    }
    return pairs;
}

struct ccb_slice ccb_query_set(struct ccb_arena *arena, struct ccb_slice url,
                               const char *key, const char *value)
{
    const char *hash = memchr(url.ptr, '#', url.len), *mark;
    struct ccb_slice query = {"", 0}, result;
    struct ccb_buf out = {0};
    struct pair *pairs;
    size_t count;

    if (hash != NULL)
        url.len = (size_t)(hash - url.ptr);
    mark = memchr(url.ptr, '?', url.len);
    if (mark != NULL) {
        query =
            ccb_slice_make(mark + 1, url.len - (size_t)(mark - url.ptr) - 1);
        url.len = (size_t)(mark - url.ptr);
    }
    pairs = decode_all(arena, query, key, &count);
    if (pairs == NULL)
        return ccb_slice_make(NULL, 0);
    pairs[count].key = ccb_slice_of(key);
    pairs[count].value = ccb_slice_of(value);
    pairs[count].order = count;
    qsort(pairs, count + 1, sizeof(*pairs), compare);
    (void)ccb_buf_put_slice(&out, url);
    for (size_t i = 0; i <= count; i++) {
        (void)ccb_buf_putc(&out, i == 0 ? '?' : '&');
        put_encoded(&out, pairs[i].key);
        (void)ccb_buf_putc(&out, '=');
        put_encoded(&out, pairs[i].value);
    }
    result = out.failed ? ccb_slice_make(NULL, 0)
                        : ccb_arena_copy(arena, ccb_buf_slice(&out));
    ccb_buf_destroy(&out);
    return result;
}

int ccb_query_resolve(struct ccb_buf *out, const struct ccb_url *base,
                      struct ccb_slice reference, struct ccb_error *err)
{
    struct ccb_url url;
    int code = ccb_url_parse(&url, reference, err);

    if (code != CCB_OK)
        return code;
    ccb_buf_reset(out);
    if (url.authority.len > 0 && url.scheme.len > 0) {
        (void)ccb_buf_put_slice(out, reference);
    } else {
        (void)ccb_buf_put_slice(out, base->scheme);
        (void)ccb_buf_put(out, "://");
        (void)ccb_buf_put_slice(out, url.authority.len > 0 ? url.authority
                                                           : base->authority);
        if (!ccb_slice_starts(url.target, "/"))
            (void)ccb_buf_putc(out, '/');
        (void)ccb_buf_put_slice(out, url.target);
    }
    return out->failed ? ccb_error_set(err, CCB_NO_MEMORY, "out of memory")
                       : CCB_OK;
}

/* ---- the log ------------------------------------------------------------ */

/* The query with its secrets masked. */
static void redact_query(struct ccb_buf *out, struct ccb_slice query)
{
    struct ccb_buf text = {0}, clean = {0};

    (void)ccb_buf_putc(&text, '?');
    (void)ccb_buf_put_slice(&text, query);
    if (!text.failed)
        ccb_redact_text(&clean, ccb_buf_slice(&text));
    if (!clean.failed && clean.len > 0)
        (void)ccb_buf_append(out, clean.data + 1, clean.len - 1);
    ccb_buf_destroy(&text);
    ccb_buf_destroy(&clean);
}

void ccb_query_log_url(struct ccb_buf *out, const struct ccb_url *url)
{
    struct ccb_slice path = url->target, query = {"", 0};
    const char *mark = path.len > 0 ? memchr(path.ptr, '?', path.len) : NULL;
    struct ccb_buf clean = {0};
    struct ccb_json_writer w;

    if (mark != NULL) {
        query =
            ccb_slice_make(mark + 1, path.len - (size_t)(mark - path.ptr) - 1);
        path.len = (size_t)(mark - path.ptr);
    }
    redact_query(&clean, query);
    ccb_json_writer_init(&w, ccb_buf_sink, out);
    ccb_json_begin_object(&w);
    ccb_json_member_string(&w, "Scheme", url->scheme);
    ccb_json_member_cstr(&w, "Opaque", "");
    ccb_json_key(&w, "User");
    if (url->has_userinfo)
        ccb_json_put_raw(&w, ccb_slice_of("{}"));
    else
        ccb_json_put_null(&w);
    ccb_json_member_string(&w, "Host", url->authority);
    ccb_json_member_string(&w, "Path", path);
    ccb_json_member_string(&w, "RawQuery", ccb_buf_slice(&clean));
    ccb_json_member_cstr(&w, "Fragment", "");
    ccb_json_end_object(&w);
    (void)ccb_json_writer_end(&w);
    ccb_buf_destroy(&clean);
}

/* ---- numbers ------------------------------------------------------------ */

int ccb_query_int(struct ccb_slice text, int64_t *value, struct ccb_error *err)
{
    int code = ccb_number_parse(text, value);
    const char *why =
        code == CCB_TOO_LARGE ? "value out of range" : "invalid syntax";

    if (code == 0)
        return CCB_OK;
    return ccb_error_set(err, CCB_INVALID, "strconv.Atoi: parsing \"%.*s\": %s",
                         (int)(text.len > 100 ? 100 : text.len), text.ptr, why);
}
