/*
 * Digests of what comes in (digest.h): SHA-256 names it, MD5 is what uploads
 * and downloads are checked by, SHA-1 is what CC names droplets by.
 */
#include "controller/digest.h"

#include "base/hex.h"

static int fail(struct ccb_error *err)
{
    return ccb_error_set(err, CCB_FAILED, "the digest can't be computed");
}

int ccb_digester_init(struct ccb_digester *digester, struct ccb_error *err)
{
    const EVP_MD *kinds[3] = {EVP_sha256(), EVP_sha1(), EVP_md5()};

    *digester = (struct ccb_digester){0};
    for (size_t i = 0; i < 3; i++) {
        digester->contexts[i] = EVP_MD_CTX_new();
        if (!digester->contexts[i] ||
            EVP_DigestInit_ex(digester->contexts[i], kinds[i], NULL) != 1) {
            ccb_digester_destroy(digester);
            return fail(err);
        }
    }
    return 0;
}

int ccb_digester_add(struct ccb_digester *digester, const void *bytes,
                     size_t len, struct ccb_error *err)
{
    for (size_t i = 0; i < 3; i++)
        if (EVP_DigestUpdate(digester->contexts[i], bytes, len) != 1)
            return fail(err);
    digester->bytes += len;
    return 0;
}

int ccb_digester_end(struct ccb_digester *digester, struct ccb_digests *out,
                     struct ccb_error *err)
{
    char *texts[3] = {out->sha256, out->sha1, out->md5};
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len;

    for (size_t i = 0; i < 3; i++) {
        if (EVP_DigestFinal_ex(digester->contexts[i], digest, &len) != 1)
            return fail(err);
        ccb_hex_format(texts[i], digest, len);
    }
    out->bytes = digester->bytes;
    return 0;
}

void ccb_digester_destroy(struct ccb_digester *digester)
{
    for (size_t i = 0; i < 3; i++) {
        EVP_MD_CTX_free(digester->contexts[i]);
        digester->contexts[i] = NULL;
    }
}
