/*
 * "HOST:PORT", taken apart with Go's verdicts and words, which operators find
 * in the log (contract/stager.md C1, C5 row 7).
 *
 * Invariant: slices are borrowed; nothing is looked up or normalised.
 */
#include "ccbridge/address.h"

static const char *find(struct ccb_slice text, char c)
{
    return text.len > 0 ? memchr(text.ptr, c, text.len) : NULL;
}

static const char *find_last(struct ccb_slice text, char c)
{
    return text.len > 0 ? memrchr(text.ptr, c, text.len) : NULL;
}

static int refuse(const char *why, struct ccb_slice address,
                  struct ccb_error *err)
{
    int shown = address.len < 200 ? (int)address.len : 200;

    return ccb_error_set(err, CCB_INVALID, "%s in address%s%.*s", why,
                         shown > 0 ? " " : "", shown,
                         shown > 0 ? address.ptr : "");
}

/* These return the words for what is wrong, or NULL. */

static const char *split_bracketed(struct ccb_slice text, const char *colon,
                                   struct ccb_slice *host)
{
    const char *end = find(text, ']');

    if (!end)
        return "missing ']'";
    if (end + 1 != colon)
        return end + 1 < text.ptr + text.len && end[1] == ':'
                   ? "too many colons"
                   : "missing port";
    *host = ccb_slice_make(text.ptr + 1, (size_t)(end - text.ptr) - 1);
    return find(*host, '[') ? "unexpected '['" : NULL;
}

static const char *split_plain(struct ccb_slice text, const char *colon,
                               struct ccb_slice *host)
{
    *host = ccb_slice_make(text.ptr, (size_t)(colon - text.ptr));
    if (find(*host, ':'))
        return "too many colons";
    if (find(*host, '%'))
        return "missing brackets";
    if (find(*host, '['))
        return "unexpected '['";
    return find(*host, ']') ? "unexpected ']'" : NULL;
}

static const char *split(struct ccb_slice text, struct ccb_slice *host,
                         struct ccb_slice *port)
{
    const char *colon = find_last(text, ':');
    const char *why;

    if (!colon)
        return "missing port";
    why = text.ptr[0] == '[' ? split_bracketed(text, colon, host)
                             : split_plain(text, colon, host);
    if (why)
        return why;
    *port =
        ccb_slice_make(colon + 1, (size_t)(text.ptr + text.len - colon) - 1);
    if (find(*port, '['))
        return "unexpected '['";
    return find(*port, ']') ? "unexpected ']'" : NULL;
}

int ccb_url_split_host_port(struct ccb_slice address, struct ccb_slice *host,
                            struct ccb_slice *port, struct ccb_error *err)
{
    const char *why;

    *host = *port = ccb_slice_of("");
    why = split(address, host, port);
    return why ? refuse(why, address, err) : 0;
}
