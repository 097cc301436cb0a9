/*
 * Key pairs for apps that allow SSH: contract/nsync.md 3.2. Two fresh pairs a
 * recipe, host first; made in libuv's thread pool, since one RSA pair costs
 * milliseconds. Private keys are in the classic PEM forms ("RSA PRIVATE KEY",
 * "EC PRIVATE KEY"), which every historic reader parses; public ones in the
 * form of authorized_keys.
 */
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/md5.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "base/buf.h"
#include "base/mem.h"
#include "ccbridge/json.h"
#include "nsync/ssh_keys.h"

/* ---- the public key as SSH writes it (RFC 4253, RFC 5656) --------------- */

static void put_string(struct ccb_buf *out, const void *bytes, size_t len)
{
    unsigned char head[4] = {(unsigned char)(len >> 24),
                             (unsigned char)(len >> 16),
                             (unsigned char)(len >> 8), (unsigned char)len};
    ccb_buf_append(out, head, sizeof(head));
    ccb_buf_append(out, bytes, len);
}

static void put_cstr(struct ccb_buf *out, const char *text)
{
    put_string(out, text, strlen(text));
}

/* A positive mpint: one zero byte in front when the top bit is set. */
static int put_number(struct ccb_buf *out, const EVP_PKEY *key,
                      const char *name)
{
    unsigned char bytes[513] = {0};
    BIGNUM *number = NULL;
    int len;
    if (!EVP_PKEY_get_bn_param(key, name, &number))
        return CCB_FAILED;
    len = BN_bn2bin(number, bytes + 1);
    BN_free(number);
    if (bytes[1] & 0x80)
        put_string(out, bytes, (size_t)len + 1);
    else
        put_string(out, bytes + 1, (size_t)len);
    return 0;
}

static int put_rsa_blob(struct ccb_buf *out, const EVP_PKEY *key)
{
    int code;
    put_cstr(out, "ssh-rsa");
    code = put_number(out, key, OSSL_PKEY_PARAM_RSA_E);
    return code < 0 ? code : put_number(out, key, OSSL_PKEY_PARAM_RSA_N);
}

static int put_ec_blob(struct ccb_buf *out, const EVP_PKEY *key)
{
    unsigned char point[133];
    size_t len;
    if (!EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point,
                                         sizeof(point), &len))
        return CCB_FAILED;
    put_cstr(out, "ecdsa-sha2-nistp256");
    put_cstr(out, "nistp256");
    put_string(out, point, len);
    return 0;
}

/* ---- the private key in PEM ---------------------------------------------- */

static int put_rsa_pem(BIO *out, EVP_PKEY *key)
{
    return PEM_write_bio_PrivateKey_traditional(out, key, NULL, NULL, 0, NULL,
                                                NULL);
}

enum { EC_NUMBER = 32, EC_POINT_SIZE = 1 + 2 * EC_NUMBER };

/* RFC 5915 by hand: all that varies in a P-256 key are these two members, and
 * OpenSSL's way there builds the curve anew for every key. */
static int put_ec_pem(BIO *out, EVP_PKEY *key)
{
    static const unsigned char head[] = {0x30, 0x77, 0x02,     0x01,
                                         0x01, 0x04, EC_NUMBER};
    static const unsigned char middle[] = {
        0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d,
        0x03, 0x01, 0x07, 0xa1, 0x44, 0x03, 0x42, 0x00 /* P-256 */};
    unsigned char
        der[sizeof(head) + EC_NUMBER + sizeof(middle) + EC_POINT_SIZE];
    unsigned char *number = der + sizeof(head), *rest = number + EC_NUMBER;
    BIGNUM *value = NULL;
    size_t len = 0;
    int ok = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &value) &&
             BN_bn2binpad(value, number, EC_NUMBER) == EC_NUMBER &&
             EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY,
                                             rest + sizeof(middle),
                                             EC_POINT_SIZE, &len) &&
             len == EC_POINT_SIZE;
    memcpy(der, head, sizeof(head));
    memcpy(rest, middle, sizeof(middle));
    ok = ok &&
         PEM_write_bio(out, PEM_STRING_ECPRIVATEKEY, "", der, sizeof(der)) > 0;
    OPENSSL_cleanse(der, sizeof(der));
    BN_clear_free(value);
    return ok;
}

/* ---- the types ---------------------------------------------------------- */

static int set_rsa(EVP_PKEY_CTX *maker, int bits)
{
    return EVP_PKEY_CTX_set_rsa_keygen_bits(maker, bits);
}

static int set_ec(EVP_PKEY_CTX *maker, int bits)
{
    (void)bits;
    return EVP_PKEY_CTX_set_group_name(maker, "P-256");
}

static const struct type {
    const char *name, *algorithm;
    int bits;
    int (*set)(EVP_PKEY_CTX *maker, int bits);
    int (*put_pem)(BIO *out, EVP_PKEY *key);
    int (*put_blob)(struct ccb_buf *out, const EVP_PKEY *key);
    const char *ssh_name;
} types[] = {
    {"rsa-1024", "RSA", 1024, set_rsa, put_rsa_pem, put_rsa_blob, "ssh-rsa"},
    {"rsa-2048", "RSA", 2048, set_rsa, put_rsa_pem, put_rsa_blob, "ssh-rsa"},
    {"ecdsa-p256", "EC", 256, set_ec, put_ec_pem, put_ec_blob,
     "ecdsa-sha2-nistp256"},
};

static const struct type *find_type(const char *name)
{
    size_t i;
    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (strcmp(types[i].name, name) == 0)
            return &types[i];
    return NULL;
}

int ccb_ssh_key_type_check(const char *name)
{
    return find_type(name) ? 0 : CCB_NOT_FOUND;
}

/* ---- one pair ----------------------------------------------------------- */

struct pair {
    struct ccb_buf pem, blob;
};

static void destroy_pair(struct pair *pair)
{
    if (pair->pem.data)
        OPENSSL_cleanse(pair->pem.data, pair->pem.len);
    ccb_buf_destroy(&pair->pem);
    ccb_buf_destroy(&pair->blob);
}

/* Makes keys of a type, one after the other. NULL: no memory. */
static EVP_PKEY_CTX *open_maker(const struct type *type)
{
    EVP_PKEY_CTX *maker =
        EVP_PKEY_CTX_new_from_name(NULL, type->algorithm, NULL);
    if (maker && (EVP_PKEY_keygen_init(maker) <= 0 ||
                  type->set(maker, type->bits) <= 0)) {
        EVP_PKEY_CTX_free(maker);
        maker = NULL;
    }
    return maker;
}

static int put_pem(struct ccb_buf *out, const struct type *type, EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    char *text;
    long len;
    int ok = bio && type->put_pem(bio, key);
    if (ok) {
        len = BIO_get_mem_data(bio, &text);
        ccb_buf_append(out, text, (size_t)len);
    }
    BIO_free(bio);
    return ok ? 0 : CCB_FAILED;
}

static int make_pair(struct pair *pair, const struct type *type,
                     EVP_PKEY_CTX *maker)
{
    EVP_PKEY *key = NULL;
    int code = CCB_FAILED;
    if (!maker || EVP_PKEY_generate(maker, &key) <= 0)
        return code;
    code = put_pem(&pair->pem, type, key);
    if (code == 0)
        code = type->put_blob(&pair->blob, key);
    if (code == 0)
        code = pair->pem.failed ? pair->pem.failed : pair->blob.failed;
    EVP_PKEY_free(key);
    return code;
}

/* ---- the fact ----------------------------------------------------------- */

static void put_fingerprint(struct ccb_json_writer *w, struct ccb_slice blob)
{
    unsigned char digest[MD5_DIGEST_LENGTH];
    char text[3 * MD5_DIGEST_LENGTH + 1];
    size_t i;
    EVP_Q_digest(NULL, "MD5", NULL, blob.ptr, blob.len, digest, NULL);
    for (i = 0; i < sizeof(digest); i++)
        snprintf(text + 3 * i, 4, "%02x:", digest[i]);
    ccb_json_member_string(w, "host_fingerprint",
                           ccb_slice_make(text, 3 * sizeof(digest) - 1));
}

static void put_authorized_key(struct ccb_json_writer *w,
                               const struct type *type, struct ccb_slice blob)
{
    struct ccb_buf line = {0};
    char *room;
    ccb_buf_printf(&line, "%s ", type->ssh_name);
    room = ccb_buf_reserve(&line, (blob.len + 2) / 3 * 4 + 2);
    if (room) {
        line.len += (size_t)EVP_EncodeBlock((unsigned char *)room,
                                            (const unsigned char *)blob.ptr,
                                            (int)blob.len);
        ccb_buf_putc(&line, '\n');
    }
    ccb_json_member_string(w, "authorized_key", ccb_buf_slice(&line));
    ccb_buf_destroy(&line);
}

/* What could not be made: in words, and as the historic programs logged it. */
struct trouble {
    const char *words, *action;
};
static const struct trouble no_host = {"making the SSH host key failed",
                                       "new-host-key-pair-failed"};
static const struct trouble no_user = {"making the SSH user key failed",
                                       "new-user-key-pair-failed"};
static const struct trouble no_memory = {"out of memory",
                                         "marshaling-ssh-route-failed"};

static int make_fact(struct ccb_buf *out, const struct type *type,
                     const struct trouble **trouble)
{
    struct pair host = {0}, user = {0};
    struct ccb_json_writer w;
    EVP_PKEY_CTX *maker = open_maker(type);
    int code = make_pair(&host, type, maker);
    *trouble = &no_host;
    if (code == 0) {
        code = make_pair(&user, type, maker);
        *trouble = &no_user;
    }
    if (code == 0) {
        ccb_json_writer_init(&w, ccb_buf_sink, out);
        ccb_json_begin_object(&w);
        ccb_json_member_string(&w, "host_key", ccb_buf_slice(&host.pem));
        put_fingerprint(&w, ccb_buf_slice(&host.blob));
        ccb_json_member_string(&w, "user_key", ccb_buf_slice(&user.pem));
        put_authorized_key(&w, type, ccb_buf_slice(&user.blob));
        ccb_json_end_object(&w);
        code = ccb_json_writer_end(&w);
        *trouble = &no_memory;
    }
    destroy_pair(&host);
    destroy_pair(&user);
    EVP_PKEY_CTX_free(maker);
    return code;
}

struct work {
    uv_work_t uv; /* first */
    const struct type *type;
    struct ccb_log_session *log;
    struct ccb_buf value;
    const struct trouble *trouble;
    int code;
    void (*done)(void *token, int code, struct ccb_slice value,
                 const char *error);
    void *token;
};

static void on_work(uv_work_t *uv)
{
    struct work *work = (struct work *)uv;
    work->code = make_fact(&work->value, work->type, &work->trouble);
}

static void log_trouble(const struct work *work)
{
    struct ccb_log_session builder;
    if (!work->log)
        return;
    ccb_log_begin(&builder, work->log, "message-builder", NULL, 0);
    ccb_log_error(&builder, work->trouble->action, work->trouble->words);
}

static void on_worked(uv_work_t *uv, int status)
{
    struct work *work = (struct work *)uv;
    if (status < 0)
        work->code = CCB_CANCELLED;
    else if (work->code < 0)
        log_trouble(work);
    work->done(work->token, work->code, ccb_buf_slice(&work->value),
               work->trouble->words);
    if (work->value.data)
        OPENSSL_cleanse(work->value.data, work->value.len);
    ccb_buf_destroy(&work->value);
    ccb_free(work);
}

int ccb_ssh_keys_gather(void *user, struct ccb_loop *loop,
                        void (*done)(void *token, int code,
                                     struct ccb_slice value, const char *error),
                        void *token)
{
    const struct ccb_ssh_keys *keys = user;
    struct work *work = ccb_calloc(1, sizeof(*work));
    if (!work)
        return CCB_NO_MEMORY;
    work->type = find_type(keys->type);
    work->log = keys->log;
    work->trouble = &no_host;
    work->done = done;
    work->token = token;
    if (uv_queue_work(&loop->uv, &work->uv, on_work, on_worked) < 0) {
        ccb_free(work);
        return CCB_FAILED;
    }
    return 0;
}
