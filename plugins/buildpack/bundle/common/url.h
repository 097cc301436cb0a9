/*
 * URLs as the Go of 2015 took them apart: what has a scheme, what is a path,
 * what is refused (contract/lifecycle-buildpack.md A5). All parts are borrowed
 * from the text and still escaped.
 */
#ifndef BUNDLE_URL_H
#define BUNDLE_URL_H

#include "ccbridge/slice.h"
#include "failure.h"

struct ccb_url {
    struct ccb_slice scheme;    /* as written; empty: none */
    struct ccb_slice opaque;    /* behind "scheme:" when no slash follows */
    struct ccb_slice authority; /* user info and host */
    struct ccb_slice host;      /* with the port */
    struct ccb_slice path, query, fragment;
    int has_authority, has_query;
};

/* CCB_INVALID and Go's words: "parse :x: missing protocol scheme". */
int ccb_url_parse(struct ccb_url *url, struct ccb_slice text,
                  struct ccb_failure *failure);

/* The text with its %XX resolved (they were checked by parsing), in the arena
 * and NUL-terminated. ptr NULL: no memory. */
struct ccb_slice ccb_url_unescape(struct ccb_arena *arena,
                                  struct ccb_slice text);

/* The text with what may not stand in a URL as %XX. */
struct ccb_slice ccb_url_escape(struct ccb_arena *arena, struct ccb_slice text);

/* The URL without its fragment, as text. NULL: no memory. */
const char *ccb_url_format(struct ccb_arena *arena, const struct ccb_url *url);

#endif
