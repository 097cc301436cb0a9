/*
 * The fact "ssh_keys": two fresh pairs that belong together, in the forms that
 * contract/nsync.md 3.2 names, for every key type.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/arena.h"
#include "ccbridge/json.h"
#include "nsync/ssh_keys.h"

struct fact {
    struct ccb_arena *arena;
    int code, calls;
    struct ccb_json value;
};

static void on_fact(void *token, int code, struct ccb_slice value,
                    const char *error)
{
    struct fact *fact = token;
    fact->calls++;
    fact->code = code;
    if (code < 0)
        fail_msg("%s", error);
    assert_int_equal(ccb_json_parse(&fact->value,
                                    ccb_arena_copy(fact->arena, value),
                                    CCB_JSON_WHOLE, NULL),
                     0);
}

static void gather(struct fact *fact, const char *type)
{
    struct ccb_loop loop;
    struct ccb_ssh_keys keys = {.type = type};
    struct ccb_error err;
    fact->arena = ccb_arena_create();
    assert_int_equal(ccb_loop_open(&loop, &err), 0);
    assert_int_equal(ccb_ssh_keys_gather(&keys, &loop, on_fact, fact), 0);
    assert_int_equal(fact->calls, 0);
    ccb_loop_run(&loop);
    assert_int_equal(ccb_loop_close(&loop, &err), 0);
    assert_int_equal(fact->calls, 1);
}

static struct ccb_slice text(const struct fact *fact, const char *name)
{
    struct ccb_json_alloc alloc = ccb_arena_json(fact->arena);
    struct ccb_slice out;
    assert_int_equal(
        ccb_json_string(ccb_json_get(fact->value, name), &alloc, &out), 0);
    return out;
}

static EVP_PKEY *read_pem(struct ccb_slice pem)
{
    BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    BIO_free(bio);
    assert_non_null(key);
    return key;
}

/* The public key's blob out of an authorized_keys line. */
static size_t read_line(struct ccb_slice line, const char *name,
                        unsigned char *blob)
{
    size_t skip = strlen(name) + 1;
    int n;
    assert_true(ccb_slice_starts(line, name));
    assert_int_equal(line.ptr[line.len - 1], '\n');
    n = EVP_DecodeBlock(blob, (const unsigned char *)line.ptr + skip,
                        (int)(line.len - skip - 1));
    assert_true(n > 0);
    assert_memory_equal(blob + 4, name, strlen(name));
    return (size_t)n;
}

static void check_type(const char *type, const char *pem_head,
                       const char *ssh_name, int bits)
{
    unsigned char blob[1024];
    struct fact fact = {0};
    EVP_PKEY *host, *user;
    gather(&fact, type);
    assert_true(ccb_slice_starts(text(&fact, "host_key"), pem_head));
    assert_true(ccb_slice_starts(text(&fact, "user_key"), pem_head));
    assert_true(ccb_slice_ends(text(&fact, "user_key"), "-----\n"));
    assert_false(
        ccb_slice_equal(text(&fact, "host_key"), text(&fact, "user_key")));
    assert_int_equal(text(&fact, "host_fingerprint").len, 47);
    host = read_pem(text(&fact, "host_key"));
    user = read_pem(text(&fact, "user_key"));
    assert_int_equal(EVP_PKEY_get_bits(host), bits);
    assert_int_equal(EVP_PKEY_get_bits(user), bits);
    read_line(text(&fact, "authorized_key"), ssh_name, blob);
    EVP_PKEY_free(host);
    EVP_PKEY_free(user);
    ccb_arena_unref(fact.arena);
}

static void each_key_type_has_its_forms(void **state)
{
    (void)state;
    check_type("rsa-1024", "-----BEGIN RSA PRIVATE KEY-----\n", "ssh-rsa",
               1024);
    check_type("rsa-2048", "-----BEGIN RSA PRIVATE KEY-----\n", "ssh-rsa",
               2048);
    check_type("ecdsa-p256", "-----BEGIN EC PRIVATE KEY-----\n",
               "ecdsa-sha2-nistp256", 256);
}

/* The line must be the public half of the user key: its RSA modulus, as an
 * mpint, ends the blob. */
static void the_line_belongs_to_the_user_key(void **state)
{
    unsigned char blob[1024], modulus[128];
    struct fact fact = {0};
    BIGNUM *n = NULL;
    EVP_PKEY *user;
    size_t len;
    (void)state;
    gather(&fact, "rsa-1024");
    user = read_pem(text(&fact, "user_key"));
    assert_int_equal(EVP_PKEY_get_bn_param(user, "n", &n), 1);
    assert_int_equal(BN_bn2binpad(n, modulus, sizeof(modulus)), 128);
    len = read_line(text(&fact, "authorized_key"), "ssh-rsa", blob);
    /* 4+7 name, 4+3 exponent, 4+1+128 modulus; base64 padding may add to len */
    assert_true(len >= 151);
    assert_memory_equal(blob + 151 - 128, modulus, 128);
    BN_free(n);
    EVP_PKEY_free(user);
    ccb_arena_unref(fact.arena);
}

static void unknown_types_are_refused(void **state)
{
    (void)state;
    assert_int_equal(ccb_ssh_key_type_check("rsa-1024"), 0);
    assert_int_equal(ccb_ssh_key_type_check("rsa"), CCB_NOT_FOUND);
    assert_int_equal(ccb_ssh_key_type_check(""), CCB_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_key_type_has_its_forms),
        cmocka_unit_test(the_line_belongs_to_the_user_key),
        cmocka_unit_test(unknown_types_are_refused),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    /* The pool's threads end here, and with them what OpenSSL keeps in each. */
    uv_library_shutdown();
    return failed;
}
