/*
 * TLS for peers and clients, and the certificates scripts use (wire.h).
 *
 * Invariant: nothing is trusted but what the script names; verification is on
 * for a client unless it says `insecure` (no CA file given).
 */
#include "wire.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void add_reason(struct ccb_text *why, const char *what)
{
    char text[256] = "unknown reason";
    unsigned long code = ERR_peek_last_error();
    if (code != 0)
        ERR_error_string_n(code, text, sizeof(text));
    ERR_clear_error();
    ccb_text_addf(why, "%s: %s", what, text);
}

static int use_certificate(SSL_CTX *ctx, const char *cert, const char *key,
                           struct ccb_text *why)
{
    if (SSL_CTX_use_certificate_chain_file(ctx, cert) == 1 &&
        SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) == 1)
        return 0;
    add_reason(why, cert);
    return -1;
}

SSL_CTX *ccb_tls_server(const char *cert, const char *key,
                        const char *client_ca, struct ccb_text *why)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    int code = use_certificate(ctx, cert, key, why);
    if (code == 0 && client_ca != NULL) {
        SSL_CTX_set_verify(
            ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
        if (SSL_CTX_load_verify_locations(ctx, client_ca, NULL) != 1) {
            add_reason(why, client_ca);
            code = -1;
        }
    }
    if (code == 0)
        return ctx;
    SSL_CTX_free(ctx);
    return NULL;
}

SSL_CTX *ccb_tls_client(const char *ca, const char *cert, const char *key,
                        struct ccb_text *why)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    int code = 0;
    if (ca != NULL) {
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
        if (SSL_CTX_load_verify_locations(ctx, ca, NULL) != 1) {
            add_reason(why, ca);
            code = -1;
        }
    }
    if (code == 0 && cert != NULL)
        code = use_certificate(ctx, cert, key, why);
    if (code == 0)
        return ctx;
    SSL_CTX_free(ctx);
    return NULL;
}

void ccb_tls_free(SSL_CTX *ctx)
{
    SSL_CTX_free(ctx);
}

int ccb_tls_start(struct ccb_wire *w, SSL_CTX *ctx, const char *host,
                  struct ccb_text *why)
{
    SSL *ssl = SSL_new(ctx);
    SSL_set_fd(ssl, w->fd);
    SSL_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE |
                          SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (host != NULL && strspn(host, "0123456789.") == strlen(host))
        X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host);
    else if (host != NULL && SSL_set1_host(ssl, host) == 1)
        SSL_set_tlsext_host_name(ssl, host);
    for (;;) {
        int n = host != NULL ? SSL_connect(ssl) : SSL_accept(ssl);
        if (n == 1)
            break;
        int want = SSL_get_error(ssl, n);
        long long left = w->deadline - ccb_tool_now();
        struct pollfd p = {.fd = w->fd, .events = POLLIN};
        if (want == SSL_ERROR_WANT_WRITE)
            p.events = POLLOUT;
        if ((want == SSL_ERROR_WANT_READ || want == SSL_ERROR_WANT_WRITE) &&
            left > 0 && poll(&p, 1, (int)left) >= 0)
            continue;
        add_reason(why, "the TLS handshake failed");
        SSL_free(ssl);
        return -1;
    }
    w->ssl = ssl;
    return 0;
}

/* ---- certificates ------------------------------------------------------- */

struct made {
    EVP_PKEY *key, *issuer_key;
    X509 *cert, *issuer;
};

static FILE *open_part(const char *path, const char *suffix, const char *mode)
{
    struct ccb_text full = {0};
    ccb_text_addf(&full, "%s%s", path, suffix);
    FILE *f = fopen(full.ptr, mode);
    ccb_text_free(&full);
    return f;
}

static int load_issuer(struct made *m, const char *path)
{
    FILE *f = open_part(path, ".crt", "re");
    if (f == NULL)
        return -1;
    m->issuer = PEM_read_X509(f, NULL, NULL, NULL);
    fclose(f);
    f = open_part(path, ".key", "re");
    if (f == NULL)
        return -1;
    m->issuer_key = PEM_read_PrivateKey(f, NULL, NULL, NULL);
    fclose(f);
    return m->issuer != NULL && m->issuer_key != NULL ? 0 : -1;
}

static int add_extension(X509 *cert, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    int code = e != NULL && X509_add_ext(cert, e, -1) == 1 ? 0 : -1;
    X509_EXTENSION_free(e);
    return code;
}

static int fill(struct made *m, const struct ccb_certificate *c)
{
    static long serial;
    X509_NAME *name = X509_get_subject_name(m->cert);
    long now = c->days < 0 ? 2 * c->days : -1;
    X509_set_version(m->cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(m->cert),
                     (long)getpid() * 1000 + ++serial);
    X509_gmtime_adj(X509_getm_notBefore(m->cert), now * 86400);
    X509_gmtime_adj(X509_getm_notAfter(m->cert), c->days * 86400);
    X509_set_pubkey(m->cert, m->key);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                               (const unsigned char *)c->name, -1, -1, 0);
    X509_set_issuer_name(m->cert,
                         m->issuer ? X509_get_subject_name(m->issuer) : name);
    if (c->ca &&
        add_extension(m->cert, NID_basic_constraints, "critical,CA:TRUE") < 0)
        return -1;
    if (c->names != NULL &&
        add_extension(m->cert, NID_subject_alt_name, c->names) < 0)
        return -1;
    EVP_PKEY *signer = m->issuer_key ? m->issuer_key : m->key;
    return X509_sign(m->cert, signer, EVP_sha256()) > 0 ? 0 : -1;
}

static int store(struct made *m, const struct ccb_certificate *c)
{
    FILE *f = open_part(c->path, ".crt", "we");
    if (f == NULL)
        return -1;
    int good = PEM_write_X509(f, m->cert);
    good = fclose(f) == 0 && good;
    f = open_part(c->path, ".key", "we");
    if (f == NULL)
        return -1;
    good = PEM_write_PrivateKey(f, m->key, NULL, NULL, 0, NULL, NULL) && good;
    return fclose(f) == 0 && good ? 0 : -1;
}

int ccb_tls_make(const struct ccb_certificate *c, struct ccb_text *why)
{
    struct made m = {.key = EVP_EC_gen("P-256"), .cert = X509_new()};
    int code = m.key == NULL || m.cert == NULL ? -1 : 0;
    if (code == 0 && c->issuer != NULL)
        code = load_issuer(&m, c->issuer);
    if (code == 0)
        code = fill(&m, c);
    if (code == 0)
        code = store(&m, c);
    if (code < 0)
        add_reason(why, c->path);
    EVP_PKEY_free(m.key);
    EVP_PKEY_free(m.issuer_key);
    X509_free(m.cert);
    X509_free(m.issuer);
    return code;
}
