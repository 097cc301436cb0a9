/*
 * From the URL to a name below the root, and back (files/internal.h).
 *
 * Invariant: a cleaned path has no "..", so no request can name anything
 * outside the root. Symbolic links are another matter (open.c): they are the
 * operator's word and followed wherever they lead, unless -confineLinks is
 * given, as the historic packages lie beside the root and are linked into it.
 */
#include "files/internal.h"

#include <ctype.h>

/* The next element; false: there is none. */
static bool next_element(struct ccb_slice *path, struct ccb_slice *element)
{
    const char *slash;

    while (path->len > 0 && path->ptr[0] == '/') {
        path->ptr++;
        path->len--;
    }
    if (path->len == 0)
        return false;
    slash = memchr(path->ptr, '/', path->len);
    *element = ccb_slice_make(
        path->ptr, slash == NULL ? path->len : (size_t)(slash - path->ptr));
    path->ptr += element->len;
    path->len -= element->len;
    return true;
}

/* Drops the last element of what is in `out`. */
static size_t go_up(const char *out, size_t len)
{
    while (len > 0 && out[len - 1] != '/')
        len--;
    return len > 0 ? len - 1 : 0;
}

char *ccb_files_clean_path(struct ccb_arena *arena, struct ccb_slice path)
{
    char *out = ccb_arena_text(arena, path.len + 2);
    struct ccb_slice element;
    size_t len = 0;

    if (out == NULL)
        return NULL;
    while (next_element(&path, &element)) {
        if (ccb_slice_is(element, "."))
            continue;
        if (ccb_slice_is(element, "..")) {
            len = go_up(out, len);
            continue;
        }
        if (len > 0)
            out[len++] = '/';
        memcpy(out + len, element.ptr, element.len);
        len += element.len;
    }
    if (len == 0)
        out[len++] = '.';
    out[len] = '\0';
    return out;
}

struct ccb_slice ccb_files_base(struct ccb_slice path)
{
    struct ccb_slice element, last = {"", 0};

    while (next_element(&path, &element))
        last = element;
    return last;
}

void ccb_files_put_encoded(struct ccb_buf *out, struct ccb_slice name)
{
    static const char hex[] = "0123456789ABCDEF";

    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.ptr[i];

        if (isalnum(c) || (c != '\0' && strchr("-_.~", c) != NULL)) {
            (void)ccb_buf_putc(out, (char)c);
        } else {
            (void)ccb_buf_putc(out, '%');
            (void)ccb_buf_putc(out, hex[c >> 4]);
            (void)ccb_buf_putc(out, hex[c & 15]);
        }
    }
}

void ccb_files_put_escaped(struct ccb_buf *out, struct ccb_slice text)
{
    static const struct {
        char c;
        const char *entity;
    } rows[] = {{'&', "&amp;"},
                {'<', "&lt;"},
                {'>', "&gt;"},
                {'"', "&#34;"},
                {'\'', "&#39;"}};

    for (size_t i = 0; i < text.len; i++) {
        size_t k = 0;

        while (k < 5 && rows[k].c != text.ptr[i])
            k++;
        if (k < 5)
            (void)ccb_buf_put(out, rows[k].entity);
        else
            (void)ccb_buf_putc(out, text.ptr[i]);
    }
}
