/*
 * The error object: a code, the Cloud Controller's error id, a message.
 *
 * Invariant: the message is NUL-terminated and never ends inside a UTF-8
 * sequence, however long what was put into it. Arguments may point into the
 * object that is being filled. Follows ccbridge/error.h.
 */
#include "ccbridge/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Bytes of a sequence that begins with `lead`; 1 for what begins none. */
static size_t sequence_length(unsigned char lead)
{
    if (lead >= 0xf0 && lead < 0xf8)
        return 4;
    if (lead >= 0xe0)
        return lead < 0xf0 ? 3 : 1;
    return lead >= 0xc0 ? 2 : 1;
}

/* `text` was cut after `len` bytes: drops a sequence that lost its end. */
static void trim_cut_character(char *text, size_t len)
{
    size_t start = len;

    while (start > 0 && len - start < 4) {
        unsigned char c = (unsigned char)text[--start];
        if ((c & 0xc0) != 0x80) {
            if (start + sequence_length(c) > len)
                text[start] = '\0';
            return;
        }
    }
}

int ccb_error_set(struct ccb_error *err, int code, const char *format, ...)
{
    char text[sizeof(err->message)];
    va_list args;
    int n;

    if (!err)
        return code;
    va_start(args, format);
    n = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (n < 0)
        snprintf(text, sizeof(text), "%s", ccb_error_name(code));
    else if ((size_t)n >= sizeof(text))
        trim_cut_character(text, sizeof(text) - 1);
    err->code = code;
    err->id[0] = '\0';
    memcpy(err->message, text, strlen(text) + 1);
    return code;
}

void ccb_error_prefix(struct ccb_error *err, const char *format, ...)
{
    char text[sizeof(err->message)];
    size_t used, room, old;
    va_list args;
    int n;

    if (!err)
        return;
    va_start(args, format);
    n = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (n < 0)
        return; /* the message without a prefix is better than none */
    if ((size_t)n >= sizeof(text))
        trim_cut_character(text, sizeof(text) - 1);
    used = strlen(text);
    room = sizeof(text) - 1 - used;
    memcpy(text + used, ": ", room < 2 ? room : 2);
    used += room < 2 ? room : 2;
    room = sizeof(text) - 1 - used;
    old = strlen(err->message);
    memcpy(text + used, err->message, old < room ? old : room);
    used += old < room ? old : room;
    text[used] = '\0';
    if (old > room)
        trim_cut_character(text, used);
    memcpy(err->message, text, used + 1);
}

static const struct {
    int code;
    const char *name;
} names[] = {
    {CCB_OK, "ok"},
    {CCB_INVALID, "invalid"},
    {CCB_NOT_FOUND, "not found"},
    {CCB_UNSUPPORTED, "unsupported"},
    {CCB_TOO_LARGE, "too large"},
    {CCB_CANCELLED, "cancelled"},
    {CCB_FAILED, "failed"},
    {CCB_NO_MEMORY, "no memory"},
    {CCB_NEED_FACTS, "need facts"},
    {CCB_IO, "input or output error"},
    {CCB_TIMED_OUT, "timed out"},
    {CCB_CONFLICT, "conflict"},
    {CCB_CLOSED, "closed"},
};

const char *ccb_error_name(int code)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (names[i].code == code)
            return names[i].name;
    return "unknown";
}
