/*
 * Any bytes as a .cfignore and a path (the first line): the matcher ends, and
 * what it says is consistent (core/cli/ignore.h). Patterns without
 * brackets and backslashes mean the same to fnmatch.
 */
#include <fnmatch.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/ignore.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_PATH 1024
/* fnmatch tries again for each star: its time has no good bound. */
#define MAX_STARS 3

static void check(int ok)
{
    if (!ok)
        abort();
}

static size_t count(struct ccb_slice text, const char *of)
{
    size_t n = 0, i;

    for (i = 0; i < text.len; i++)
        n += text.ptr[i] != '\0' && strchr(of, text.ptr[i]) != NULL;
    return n;
}

/* ASCII only, since fnmatch looks at characters; brackets that are left open
 * mean something else to it. */
static void compare(struct ccb_slice pattern, const char *name)
{
    char *copy;
    size_t i;

    if (count(pattern, "*") > MAX_STARS || count(pattern, "[]\\") > 0 ||
        memchr(pattern.ptr, 0, pattern.len))
        return;
    for (i = 0; i < pattern.len; i++)
        if ((unsigned char)pattern.ptr[i] >= 0x80)
            return;
    for (i = 0; name[i]; i++)
        if ((unsigned char)name[i] >= 0x80)
            return;
    copy = ccb_slice_dup(pattern);
    if (copy)
        check(ccb_ignore_match_name(pattern, ccb_slice_of(name)) ==
              (fnmatch(copy, name, FNM_NOESCAPE) == 0));
    ccb_free(copy);
}

static void ask(const struct ccb_ignore *list, const char *path)
{
    bool file = ccb_ignore_excludes(list, path, false);
    bool alone = ccb_ignore_matches(list, path, false);

    /* Nothing above takes a path back in, and alone it is as its last name
     * where there is nothing above. */
    if (alone)
        check(file);
    if (!strchr(path, '/'))
        check(alone == file);
    (void)ccb_ignore_excludes(list, path, true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ccb_slice text = ccb_slice_make((const char *)data, size);
    struct ccb_ignore list = {0};
    const char *end = size > 0 ? memchr(text.ptr, '\n', size) : NULL;
    size_t len = end ? (size_t)(end - text.ptr) : 0;
    char path[MAX_PATH];

    if (!end || len == 0 || len >= sizeof(path) || memchr(text.ptr, 0, len))
        return 0;
    memcpy(path, text.ptr, len);
    path[len] = '\0';
    text = ccb_slice_make(end + 1, size - len - 1);
    if (ccb_ignore_add(&list, text) == 0)
        ask(&list, path);
    ccb_ignore_destroy(&list);
    if (text.len > 0)
        compare(text, path);
    return 0;
}
