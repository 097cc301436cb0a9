/*
 * The push reader on any bytes cut anywhere: the same events and the same end
 * as when the document is walked whole. The first byte chooses the mode, the
 * next three how long the parts are. Follows contract/stager.md A8.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ccbridge/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_INPUT 4096
#define HEAD 4
#define LIST "list"

static void require(int truth)
{
    if (!truth)
        abort();
}

/* What was handed on, each event between marks that JSON can't hold. */
struct events {
    size_t len;
    char text[4 * MAX_INPUT];
};

static void note(struct events *e, char mark, struct ccb_slice text)
{
    require(text.len + 1 <= sizeof(e->text) - e->len);
    e->text[e->len++] = mark;
    memcpy(e->text + e->len, text.ptr, text.len);
    e->len += text.len;
}

static int on_item(void *ctx, struct ccb_json value)
{
    require(value.type != CCB_JSON_NONE);
    note(ctx, 1, value.raw);
    return 0;
}

static int on_member(void *ctx, struct ccb_json key, struct ccb_json value)
{
    note(ctx, 2, key.raw);
    note(ctx, 3, value.raw);
    return 0;
}

/* Pushes `text` in parts, each copied to a block of its own so that a byte
 * read outside is seen. */
static int stream(struct events *e, const char *list, struct ccb_slice text,
                  const uint8_t *parts)
{
    struct ccb_json_stream_options options = {
        .list = list, .on_item = on_item, .on_member = on_member, .ctx = e};
    struct ccb_json_stream *s = ccb_json_stream_create(&options);
    struct ccb_error err = {0};
    int rc = 0, last;

    require(s != NULL);
    for (size_t at = 0, n = 0; at < text.len && rc == 0; n++) {
        size_t len = parts ? (size_t)parts[n % 3] % 19 : text.len;
        char *part;
        len = len > text.len - at ? text.len - at : len;
        len = len == 0 ? 1 : len;
        part = malloc(len);
        require(part != NULL);
        memcpy(part, text.ptr + at, len);
        rc = ccb_json_stream_push(s, ccb_slice_make(part, len), &err);
        free(part);
        at += len;
    }
    last = ccb_json_stream_end(s, &err);
    require(rc == 0 || last == rc);
    require(last == 0 || (err.code == last && err.message[0]));
    ccb_json_stream_free(s);
    return last;
}

static int is_list(struct ccb_json key)
{
    char object[MAX_INPUT + 8];
    int len = snprintf(object, sizeof(object), "{%.*s:1}", (int)key.raw.len,
                       key.raw.ptr);
    struct ccb_json value;

    require(len > 0 && (size_t)len < sizeof(object));
    require(ccb_json_parse(&value, ccb_slice_make(object, (size_t)len),
                           CCB_JSON_WHOLE, NULL) == 0);
    return ccb_json_get(value, LIST).type != CCB_JSON_NONE;
}

static void walk_items(struct events *e, struct ccb_json list)
{
    struct ccb_json_iter it = ccb_json_iter(list);

    while (ccb_json_next(&it))
        on_item(e, it.value);
}

/* What the stream is to say of a document that is JSON. */
static int walk(struct events *e, const char *list, struct ccb_json document)
{
    struct ccb_json_iter it = ccb_json_iter(document);
    int seen = 0;

    if (document.type != (list ? CCB_JSON_OBJECT : CCB_JSON_ARRAY))
        return CCB_INVALID;
    if (!list) {
        walk_items(e, document);
        return 0;
    }
    while (ccb_json_next(&it)) {
        if (!is_list(it.key)) {
            on_member(e, it.key, it.value);
            continue;
        }
        if (seen++ ||
            (it.value.type != CCB_JSON_ARRAY && it.value.type != CCB_JSON_NULL))
            return CCB_INVALID;
        walk_items(e, it.value);
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct events whole, cut, walked;
    struct ccb_slice text;
    struct ccb_json document;
    struct ccb_error err = {0};
    const char *list;
    int rc;

    if (size < HEAD || size > MAX_INPUT)
        return 0;
    list = data[0] & 1 ? LIST : NULL;
    text = ccb_slice_make((const char *)data + HEAD, size - HEAD);
    whole.len = cut.len = walked.len = 0;
    rc = stream(&whole, list, text, NULL);
    require(stream(&cut, list, text, data + 1) == rc);
    require(whole.len == cut.len);
    require(memcmp(whole.text, cut.text, cut.len) == 0);
    if (ccb_json_parse(&document, text, CCB_JSON_FIRST, &err) != 0) {
        /* The stream counts depth from each element on. */
        require(rc == CCB_INVALID || strstr(err.message, "deep"));
        return 0;
    }
    if (document.type == CCB_JSON_NULL) {
        /* `nullx` is a null and rubbish, or no value at all. */
        require(whole.len == 0);
        return 0;
    }
    require(walk(&walked, list, document) == rc);
    require(whole.len == walked.len);
    require(memcmp(whole.text, walked.text, walked.len) == 0);
    return 0;
}
