/*
 * Any bytes as a URL, an address, a path: slices stay inside the text, and
 * what was escaped by ccb_url_path_guid reads back (core/net/url.h).
 */
#include <stdint.h>
#include <stdlib.h>

#include "net/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int ok)
{
    if (!ok)
        abort();
}

static void check_inside(struct ccb_slice part, struct ccb_slice text)
{
    if (part.len > 0)
        check(part.ptr >= text.ptr &&
              part.ptr + part.len <= text.ptr + text.len);
}

static void check_guid(struct ccb_arena *arena, struct ccb_slice text)
{
    struct ccb_slice path, plain, again;

    if (ccb_url_path_guid(arena, text, &path, NULL) != CCB_OK)
        return;
    for (size_t i = 0; i < path.len; i++)
        check((unsigned char)path.ptr[i] > 0x20 &&
              (unsigned char)path.ptr[i] < 0x7f && path.ptr[i] != '?' &&
              path.ptr[i] != '#');
    check(ccb_url_unescape(arena, path, &plain) == CCB_OK);
    check(ccb_url_path_guid(arena, path, &again, NULL) == CCB_OK);
    check(ccb_slice_equal(path, again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ccb_slice text = ccb_slice_make((const char *)data, size);
    struct ccb_arena *arena = ccb_arena_create();
    struct ccb_slice host, port;
    struct ccb_error err;
    struct ccb_url url;

    if (ccb_url_parse(&url, text, &err) == CCB_OK) {
        check_inside(url.userinfo, text);
        check_inside(url.authority, text);
        check_inside(url.host, text);
        check_inside(url.target, text);
    }
    if (ccb_url_split_host_port(text, &host, &port, &err) == CCB_OK) {
        check_inside(host, text);
        check_inside(port, text);
    }
    check_guid(arena, text);
    ccb_arena_unref(arena);
    return 0;
}
