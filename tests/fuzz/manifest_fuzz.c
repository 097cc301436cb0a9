/*
 * The manifest of a plugin file from arbitrary bytes: the ELF reader as a
 * directory scan uses it, and the JSON behind the note. An input that is no
 * ELF file is given to the decoder as a manifest's text.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/manifest.h"
#include "plugin/note.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const uint8_t *data;
    size_t size;
};

/* The reader promises to ask only for what is there. */
static int read_input(void *ctx, uint64_t offset, void *to, size_t len)
{
    const struct input *input = ctx;

    if (offset > input->size || len > input->size - offset)
        abort();
    memcpy(to, input->data + offset, len);
    return 0;
}

static void check(const struct ccb_manifest *m)
{
    const struct ccb_slice *claims = m->claims.items;

    if (m->id.len == 0 || m->version.len == 0 || m->claims.count == 0 ||
        m->interfaces.count == 0 || claims[0].len == 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    struct ccb_note_source source = {read_input, &input, size};
    struct ccb_plugin_refusal refusal = {.file = "x.so"};
    struct ccb_arena *arena = ccb_arena_create();
    struct ccb_slice text;
    struct ccb_manifest manifest;
    char line[1024];
    int code;

    if (!arena)
        return 0;
    code = ccb_note_find(&source, arena, &text, &refusal);
    if (code) {
        ccb_plugin_refusal_format(&refusal, line, sizeof(line));
        text = ccb_slice_make((const char *)data, size);
    }
    code = ccb_manifest_decode(&manifest, text, arena, &refusal);
    if (code == 0)
        check(&manifest);
    else
        ccb_plugin_refusal_format(&refusal, line, sizeof(line));
    ccb_arena_unref(arena);
    return 0;
}
