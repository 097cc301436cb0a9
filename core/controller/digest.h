/*
 * SHA-256, SHA-1 and MD5 of one stream, side by side. One thread at a time.
 */
#ifndef CCB_CONTROLLER_DIGEST_H
#define CCB_CONTROLLER_DIGEST_H

#include <openssl/evp.h>

#include "controller/blobs.h"

struct ccb_digester {
    EVP_MD_CTX *contexts[3];
    uint64_t bytes;
};

int ccb_digester_init(struct ccb_digester *digester, struct ccb_error *err);
int ccb_digester_add(struct ccb_digester *digester, const void *bytes,
                     size_t len, struct ccb_error *err);
int ccb_digester_end(struct ccb_digester *digester, struct ccb_digests *out,
                     struct ccb_error *err);
void ccb_digester_destroy(struct ccb_digester *digester);

#endif
