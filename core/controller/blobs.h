/*
 * The files of the controller: bits, droplets and build artifacts caches, each
 * under its SHA-256 in STATE/controller/blobs.
 *
 * Invariant: a record names a file only after that is whole and on the disk
 * under its final name; a file without a record is nothing, and is swept at
 * start. All functions here are for the ledger's thread, or before it runs.
 */
#ifndef CCB_CONTROLLER_BLOBS_H
#define CCB_CONTROLLER_BLOBS_H

#include "controller/ledger.h"

#define CCB_DIGEST_HEX 64 /* of SHA-256, without the NUL */

/* What is known of a file's content. */
struct ccb_digests {
    char sha256[65], sha1[41], md5[33];
    uint64_t bytes;
};

/* Renames the temporary file (an absolute path) and adds its record. Only
 * inside an operation. */
int ccb_blobs_adopt(struct ccb_ledger *ledger, const char *temporary,
                    const struct ccb_digests *digests, struct ccb_error *err);
/* The record goes when nothing refers to it any more, its file after the
 * commit. Call it when the references were taken away; a NULL digest is
 * fine. */
int ccb_blobs_release(struct ccb_ledger *ledger, struct ccb_slice digest,
                      struct ccb_error *err);
/* Opens one for reading: a descriptor, or negative. */
int ccb_blobs_open(struct ccb_ledger *ledger, struct ccb_slice digest,
                   struct ccb_error *err);
/* Removes files: digests in a row. */
void ccb_blobs_unlink(const char *dir, struct ccb_slice digests);
/* At start: makes the directories; what no record names goes. */
int ccb_blobs_prepare(struct ccb_ledger *ledger, struct ccb_error *err);

/* mkdir, 0700; fine when it is there. */
int ccb_blobs_make_dir(const char *path, struct ccb_error *err);
/* A rename that is on the disk when it returns. */
int ccb_blobs_rename(const char *from, const char *to, const char *dir,
                     struct ccb_error *err);

#endif
