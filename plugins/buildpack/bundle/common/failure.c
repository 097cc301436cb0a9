/*
 * Words for what failed. Invariant: once a failure is set its text is never
 * NULL, whatever memory there is (contract/lifecycle-buildpack.md A4).
 */
#include "failure.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char no_memory[] = "not enough memory";

int ccb_failure_memory(struct ccb_failure *failure)
{
    failure->text = no_memory;
    return CCB_NO_MEMORY;
}

int ccb_failure_set(struct ccb_failure *failure, int code, const char *format,
                    ...)
{
    va_list list;
    int len;
    char *text = NULL;

    va_start(list, format);
    len = vsnprintf(NULL, 0, format, list);
    va_end(list);
    if (len >= 0)
        text = ccb_arena_text(failure->arena, (size_t)len + 1);
    if (text == NULL)
        return ccb_failure_memory(failure);
    va_start(list, format);
    (void)vsnprintf(text, (size_t)len + 1, format, list);
    va_end(list);
    failure->text = text;
    return code;
}

int ccb_failure_prefix(struct ccb_failure *failure, int code, const char *words)
{
    return ccb_failure_set(failure, code, "%s: %s", words, failure->text);
}

int ccb_failure_system(struct ccb_failure *failure, const char *call,
                       const char *path)
{
    int number = errno;
    char words[80];

    return ccb_failure_set(failure, number == ENOENT ? CCB_NOT_FOUND : CCB_IO,
                           "%s %s: %s", call, path,
                           ccb_failure_errno(number, words, sizeof(words)));
}

static const char *begin_small(const char *words, char *out, size_t size)
{
    (void)snprintf(out, size, "%s", words);
    /* Not "RPC ..." and its like. */
    if (out[0] >= 'A' && out[0] <= 'Z' && !(out[1] >= 'A' && out[1] <= 'Z'))
        out[0] = (char)(out[0] - 'A' + 'a');
    return out;
}

const char *ccb_failure_errno(int number, char *out, size_t size)
{
    return begin_small(strerror(number), out, size);
}

const char *ccb_failure_signal(int number, char *out, size_t size)
{
    const char *words = sigdescr_np(number);

    if (words == NULL) {
        (void)snprintf(out, size, "signal %d", number);
        return out;
    }
    return begin_small(words, out, size);
}
