/*
 * Any value that checks as JSON comes out as a value that checks, without the
 * secret planted around it, and redacting it again changes nothing but what
 * was cut (core/base/redact.h). Text of any bytes only gets shorter or masked.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/redact.h"

#define SECRET "Qx7-planted-Zw9"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void redact(struct ccb_slice in, struct ccb_buf *out)
{
    struct ccb_json value;

    if (ccb_json_parse(&value, in, CCB_JSON_WHOLE, NULL) != 0)
        abort();
    ccb_redact_json(out, value);
    if (out->failed ||
        ccb_json_parse(&value, ccb_buf_slice(out), CCB_JSON_WHOLE, NULL) != 0)
        abort();
}

/* The value among secrets of every kind; the input can't end their reach,
 * as it is one checked value. */
static void check_planted(struct ccb_slice json)
{
    static const char *const frames[][2] = {
        {"{\"docker_password\":\"" SECRET "\",\"x\":", "}"},
        {"{\"x\":",
         ",\"environment\":[{\"name\":\"A\",\"value\":\"" SECRET "\"}]}"},
        {"[\"http://u:" SECRET "@h\",", ",\"-hostKey=" SECRET "\"]"},
        {"{\"env\":", "}"},
        {"{\"secret\":[\"" SECRET "\",", "]}"},
        {"[{\"value\":[\"" SECRET "\",", "],\"name\":\"n\"}]"},
    };

    for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
        struct ccb_buf in = {0}, out = {0};
        struct ccb_json value;

        (void)ccb_buf_put(&in, frames[i][0]);
        (void)ccb_buf_put_slice(&in, json);
        (void)ccb_buf_put(&in, frames[i][1]);
        /* Two levels more may be too deep to be read at all. */
        if (ccb_json_parse(&value, ccb_buf_slice(&in), CCB_JSON_WHOLE, NULL) ==
            0) {
            redact(ccb_buf_slice(&in), &out);
            if (memmem(out.data, out.len, SECRET, sizeof(SECRET) - 1) != NULL)
                abort();
        }
        ccb_buf_destroy(&in);
        ccb_buf_destroy(&out);
    }
}

static void check_text(struct ccb_slice text)
{
    struct ccb_buf out = {0};

    ccb_redact_text(&out, text);
    if (out.failed)
        abort();
    if (!ccb_redact_text_needed(text) &&
        !ccb_slice_equal(ccb_buf_slice(&out), text))
        abort();
    ccb_buf_destroy(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ccb_slice text = {(const char *)data, size};
    struct ccb_json value;
    struct ccb_buf out = {0};

    check_text(text);
    if (memmem(data, size, "planted", 7) != NULL ||
        ccb_json_parse(&value, text, CCB_JSON_WHOLE, NULL) != 0)
        return 0;
    redact(text, &out);
    ccb_buf_destroy(&out);
    check_planted(value.raw);
    ccb_arena_drain();
    return 0;
}
