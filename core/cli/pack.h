/*
 * An app's directory as a zip: what .cfignore leaves, in the order of the
 * names, with modes and with symbolic links that stay inside.
 */
#ifndef CCB_CLI_PACK_H
#define CCB_CLI_PACK_H

#include <stdint.h>

#include "ccbridge/error.h"

struct ccb_pack {
    const char *directory;
    /* Of what is left out for its kind: a socket, a device ... May be NULL. */
    void (*on_skip)(void *ctx, const char *path, const char *kind);
    void *ctx;
    /* What was packed. */
    int64_t files, bytes; /* bytes: of the files */
    int64_t size;         /* of the zip */
};

/* Packs into a file that has no name, read from its beginning; the caller
 * closes it. A descriptor; or CCB_INVALID for a link that leads outside, a
 * directory without files, CCB_IO for what can't be read, each named. */
int ccb_pack_directory(struct ccb_pack *pack, struct ccb_error *err);

/* Whether a link at `path` (relative, in the directory) leads outside. */
int ccb_pack_leads_outside(const char *path, const char *target);

#endif
