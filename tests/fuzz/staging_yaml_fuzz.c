/*
 * What apps and buildpacks say in YAML, on any bytes: Procfile, release and
 * staging_info.yml end in text or in words, also when memory runs out, and
 * what the builder writes of an ASCII line the launcher reads again
 * (contract/lifecycle-buildpack.md A7 to A10).
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "builder.h"
#include "staging_info.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int truth)
{
    if (!truth)
        abort();
}

typedef int parse(struct ccb_slice text, struct ccb_slice *out,
                  struct ccb_failure *failure);

static void try(parse *parse_text, struct ccb_slice text, const char *words)
{
    struct ccb_failure failure = {ccb_arena_create(), NULL};
    struct ccb_slice out = {NULL, 0};
    int code = parse_text(text, &out, &failure);

    require(code == 0 ? out.ptr != NULL : failure.text != NULL);
    if (code == CCB_INVALID && words != NULL)
        require(strncmp(failure.text, words, strlen(words)) == 0);
    ccb_arena_unref(failure.arena);
    for (size_t n = 1; n < 4; n++) {
        failure = (struct ccb_failure){ccb_arena_create(), NULL};
        (void)ccb_mem_fail_at(n, 1);
        code = parse_text(text, &out, &failure);
        (void)ccb_mem_fail_at(0, 0);
        require(code == 0 || failure.text != NULL);
        ccb_arena_unref(failure.arena);
    }
}

/* One printable ASCII line without ": ", which the original's form breaks. */
static int reads_back(struct ccb_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if (c < ' ' || c > '~')
            return 0;
        if (c == ':' && i + 1 < text.len && text.ptr[i + 1] == ' ')
            return 0;
    }
    return 1;
}

static void write_and_read(struct ccb_slice text)
{
    struct ccb_failure failure = {ccb_arena_create(), NULL};
    struct ccb_buf file = {0};
    struct ccb_slice out;

    ccb_staging_info_format(&file, text, text);
    if (reads_back(text)) {
        require(ccb_staging_info_parse(ccb_buf_slice(&file), &out, &failure) ==
                0);
        require(ccb_slice_equal(out, text));
    }
    ccb_buf_destroy(&file);
    ccb_arena_unref(failure.arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ccb_slice text = ccb_slice_make((const char *)data, size);

    if (size > 4096)
        return 0;
    try(ccb_procfile_parse, text, "invalid YAML");
    try(ccb_release_parse, text, "buildpack's release output invalid: ");
    try(ccb_staging_info_parse, text, NULL);
    write_and_read(text);
    return 0;
}
