/*
 * Any bytes as the body of a create or an update: what passes is shown as a
 * document that the strict reader takes, on one line, and that passes again;
 * what does not is refused with a name and words (core/cell/validate.h).
 * The first byte chooses the kind of body.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cell/validate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int ok)
{
    if (!ok)
        abort();
}

static void check_refusal(int code, const struct ccb_refusal *refusal)
{
    check(code == CCB_INVALID);
    check(refusal->name != NULL && refusal->message.len > 0);
}

static void check_document(const struct ccb_buf *out)
{
    struct ccb_json document;

    check(out->failed == 0);
    check(ccb_json_parse(&document, ccb_buf_slice(out), CCB_JSON_WHOLE, NULL) ==
          0);
    check(document.type == CCB_JSON_OBJECT);
    check(memchr(out->data, '\n', out->len) == NULL);
}

static void try_task(struct ccb_slice text, struct ccb_arena *arena, int again)
{
    struct ccb_refusal refusal = {0};
    struct ccb_buf out = {0};
    struct ccb_task task;
    int code = ccb_task_decode(&task, text, arena, &refusal);

    if (code < 0) {
        check(!again);
        check_refusal(code, &refusal);
        return;
    }
    ccb_task_encode(&out, &task);
    check_document(&out);
    if (!again)
        try_task(ccb_buf_slice(&out), arena, 1);
    ccb_buf_destroy(&out);
}

static void try_desired(struct ccb_slice text, struct ccb_arena *arena,
                        int again)
{
    struct ccb_refusal refusal = {0};
    struct ccb_buf out = {0};
    struct ccb_desired desired;
    int code = ccb_desired_decode(&desired, text, arena, &refusal);

    if (code < 0) {
        check(!again);
        check_refusal(code, &refusal);
        return;
    }
    ccb_desired_encode(&out, &desired);
    check_document(&out);
    if (!again)
        try_desired(ccb_buf_slice(&out), arena, 1);
    ccb_buf_destroy(&out);
}

static void try_update(struct ccb_slice text, struct ccb_arena *arena)
{
    struct ccb_refusal refusal = {0};
    struct ccb_desired_update update;
    struct ccb_json routes;
    int code = ccb_desired_update_decode(&update, text, arena, &refusal);

    if (code < 0)
        check_refusal(code, &refusal);
    else if (update.routes.len > 0)
        check(ccb_json_parse(&routes, update.routes, CCB_JSON_WHOLE, NULL) ==
              0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ccb_arena *arena = ccb_arena_create();
    struct ccb_slice text;

    if (size > 0) {
        text = ccb_slice_make((const char *)data + 1, size - 1);
        if (data[0] % 3 == 0)
            try_task(text, arena, 0);
        else if (data[0] % 3 == 1)
            try_desired(text, arena, 0);
        else
            try_update(text, arena);
    }
    ccb_arena_unref(arena);
    return 0;
}
