/*
 * The buildpacks of -buildpackDir, packed at start into zips that are named by
 * their content: what is changed there is taken at the next start, and a
 * staging under way keeps what it was told of.
 */
#ifndef CCB_CONTROLLER_PACKS_H
#define CCB_CONTROLLER_PACKS_H

#include "controller/blobs.h"

struct ccb_pack {
    char *name;
    int64_t position; /* the leading number of its file name */
    struct ccb_digests digests;
    int64_t modified; /* ns */
};

struct ccb_packs {
    struct ccb_pack *items; /* in the order of detection */
    size_t count;
    char *dir; /* where the zips are */
};

/* Blocks: only at start. `source` NULL or "": none. `dir` is made. */
int ccb_packs_load(struct ccb_packs *packs, const char *source, const char *dir,
                   struct ccb_error *err);
void ccb_packs_destroy(struct ccb_packs *packs);
const struct ccb_pack *ccb_packs_find(const struct ccb_packs *packs,
                                      struct ccb_slice name);
const struct ccb_pack *ccb_packs_by_digest(const struct ccb_packs *packs,
                                           struct ccb_slice sha256);

/* A directory as a zip, in order of name, with modes and links (zip.c). */
int ccb_pack_directory(const char *source, const char *zip,
                       struct ccb_error *err);
/* The digests of a whole file. */
int ccb_pack_digest(const char *path, struct ccb_digests *out,
                    struct ccb_error *err);

#endif
