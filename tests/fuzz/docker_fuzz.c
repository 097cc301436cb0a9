/*
 * Docker images: any bytes as a reference become a URL that holds them, or are
 * refused in words; any bytes as metadata give a user and a port, or words
 * (ccbridge/docker.h). Both run on every input, the second time without memory
 * for one of the blocks they ask for.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"
#include "ccbridge/docker.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int ok)
{
    if (!ok)
        abort();
}

struct blocks {
    void *block[4096];
    size_t count, fail_at; /* 0: never */
};

static void *blocks_alloc(void *ctx, size_t size)
{
    struct blocks *b = ctx;

    if (b->count + 1 == b->fail_at || b->count == 4096)
        return NULL;
    b->block[b->count] = ccb_malloc(size > 0 ? size : 1);
    return b->block[b->count++];
}

static void blocks_free(struct blocks *b)
{
    while (b->count > 0)
        ccb_free(b->block[--b->count]);
}

/* Nothing that ends a URL or a line, and one '#' at most. */
static void check_rootfs(struct ccb_slice rootfs)
{
    int tags = 0;

    check(ccb_slice_starts(rootfs, "docker://"));
    for (size_t i = 0; i < rootfs.len; i++) {
        char c = rootfs.ptr[i];
        check((unsigned char)c > 0x20 && (unsigned char)c < 0x7f);
        tags += c == '#';
    }
    check(tags <= 1);
}

static int format(struct ccb_slice text, struct blocks *blocks)
{
    const struct ccb_json_alloc alloc = {blocks_alloc, blocks};
    struct ccb_error err = {0, "", ""};
    struct ccb_slice out;
    int code = ccb_docker_format_rootfs(text, &alloc, &out, &err);

    check(code == 0 || (err.code == code && err.message[0]));
    if (code == 0)
        check_rootfs(out);
    else
        check(out.len == 0);
    blocks_free(blocks);
    return code;
}

static int parse(struct ccb_slice text, struct blocks *blocks)
{
    const struct ccb_json_alloc alloc = {blocks_alloc, blocks};
    struct ccb_error err = {0, "", ""};
    struct ccb_docker_metadata out;
    int code = ccb_docker_parse_metadata(text, &alloc, &out, &err);

    check(code == 0 || (err.code == code && err.message[0]));
    check(code != 0 || out.user.len > 0);
    blocks_free(blocks);
    return code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct blocks blocks;
    struct ccb_slice text = ccb_slice_make((const char *)data, size);
    int formatted, parsed, code;

    blocks.fail_at = 0;
    formatted = format(text, &blocks);
    parsed = parse(text, &blocks);
    blocks.fail_at = size > 0 ? data[size - 1] % 8 + 1 : 1;
    code = format(text, &blocks);
    check(code == formatted || code == CCB_NO_MEMORY);
    code = parse(text, &blocks);
    check(code == parsed || code == CCB_NO_MEMORY);
    return 0;
}
