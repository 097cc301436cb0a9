/*
 * URLs as the historic programs take them apart: Go's net/url, as far as the
 * flags, the Receptor client and the CC client need it.
 *
 * No state; any thread.
 */
#ifndef CCB_NET_URL_H
#define CCB_NET_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "ccbridge/address.h" /* ccb_url_split_host_port */
#include "ccbridge/error.h"
#include "ccbridge/slice.h"

struct ccb_url {
    struct ccb_slice scheme;   /* lower-case "http", or empty */
    struct ccb_slice userinfo; /* still escaped, or empty */
    bool has_userinfo;
    struct ccb_slice authority; /* host[:port] as written, "[::1]:80" */
    struct ccb_slice host;      /* without brackets and port */
    uint16_t port;              /* given, or the scheme's default, or 0 */
    struct ccb_slice target;    /* path and query, still escaped; may be "" */
};

/* Borrowed slices of `text`. CCB_INVALID with a message that names the text
 * without its user info: "://x" has no scheme, "http://h:port" a bad port. */
int ccb_url_parse(struct ccb_url *out, struct ccb_slice text,
                  struct ccb_error *err);

/* CCB_INVALID and Go's words for a scheme that is not http or https. */
int ccb_url_check_http(const struct ccb_url *url, struct ccb_error *err);

/* %XX decoding of a path; '+' stands. CCB_INVALID for a broken '%'. */
int ccb_url_unescape(struct ccb_arena *arena, struct ccb_slice text,
                     struct ccb_slice *out);

/* A guid put into a path as text, the whole then read as a URL (B1): blanks,
 * non-ASCII and what a path can't hold is percent-encoded, '/' and valid %HH
 * stand, everything from '?' or '#' on is cut off. CCB_INVALID for a broken
 * '%', CCB_NO_MEMORY. */
int ccb_url_path_guid(struct ccb_arena *arena, struct ccb_slice guid,
                      struct ccb_slice *out, struct ccb_error *err);

/* A value for a query: all but letters, digits and "-._~" becomes %XX.
 * Borrowed where nothing has to. CCB_NO_MEMORY. */
int ccb_url_query_value(struct ccb_arena *arena, struct ccb_slice text,
                        struct ccb_slice *out);

#endif
