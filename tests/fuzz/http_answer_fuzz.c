/*
 * The short lane's reader of answers over any bytes. The first byte picks the
 * request (HEAD or not) and the limit; the rest is fed whole and byte by byte,
 * which must come to the same status and body.
 */
#include <stdlib.h>

#include "net/http_client_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
    int code, status;
    size_t headers;
    struct ccb_buf body;
};

/* Touches all that the answer points to. */
static void note(struct outcome *out, const struct ccb_http_answer *answer)
{
    out->status = answer->status;
    out->headers = answer->header_count;
    (void)ccb_buf_put_slice(&out->body, answer->body);
    for (size_t i = 0; i < answer->header_count; i++) {
        (void)ccb_buf_put_slice(&out->body, answer->headers[i].name);
        (void)ccb_buf_put_slice(&out->body, answer->headers[i].value);
    }
}

static void read_in(const uint8_t *data, size_t size, size_t step, bool head,
                    uint64_t max, struct outcome *out)
{
    struct ccb_arena *arena = ccb_arena_create();
    struct ccb_http_answer answer = {0};
    struct ccb_http_reader reader;
    char *last = NULL;
    int code = 0;

    ccb_http_reader_init(&reader, arena, head, max);
    for (size_t at = 0; at < size && code == 0; at += step) {
        size_t n = size - at < step ? size - at : step;

        free(last); /* what was fed before is gone */
        last = malloc(n);
        memcpy(last, data + at, n);
        code = ccb_http_reader_feed(&reader, ccb_slice_make(last, n));
    }
    if (code == 0)
        code = ccb_http_reader_finish(&reader);
    out->code = code;
    ccb_http_reader_answer(&reader, &answer);
    if (code == 1)
        note(out, &answer);
    free(last);
    ccb_http_reader_destroy(&reader);
    ccb_arena_unref(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct outcome whole = {0}, cut = {0};
    bool head;
    uint64_t max;

    if (size == 0)
        return 0;
    head = (data[0] & 1) != 0;
    max = (data[0] & 2) != 0 ? 16 : 1 << 20;
    read_in(data + 1, size - 1, size, head, max, &whole);
    read_in(data + 1, size - 1, 1, head, max, &cut);
    if (whole.code != cut.code || whole.status != cut.status ||
        whole.headers != cut.headers ||
        !ccb_slice_equal(ccb_buf_slice(&whole.body), ccb_buf_slice(&cut.body)))
        abort();
    ccb_buf_destroy(&whole.body);
    ccb_buf_destroy(&cut.body);
    return 0;
}
