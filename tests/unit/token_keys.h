#ifndef TESTS_UNIT_TOKEN_KEYS_H
#define TESTS_UNIT_TOKEN_KEYS_H

#include "tests/unit/token_process.h"

#include "lib/base/algorithm.h"
#include "lib/base/reader.h"
#include "pkcs11/use/ecdsa_form.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

/* Keys made and used through a token process, and signatures checked by OpenSSL. */

struct test_key {
    uint8_t id[16];
    enum ps_key_type type;
    uint8_t spki[640];
    size_t spki_len;
    char attributes[2560];
};

static inline PS_UNUSED struct ps_bytes key_id(const struct test_key *key)
{
    return ps_bytes(key->id, sizeof key->id);
}

/* The answer is left in ret_answer, whatever it is. */
static inline PS_UNUSED void ask_for_key(struct process *process, const struct test_key *key,
                                         enum ps_usage usage, const uint8_t *algs, size_t count,
                                         struct process_answer *ret_answer)
{
    const struct msg_token_generate message = {
        .object_id = key_id(key),
        .label = ps_bytes_str("a.key"),
        .key_type = (uint8_t)key->type,
        .usage = (uint8_t)usage,
        .algorithms = ps_bytes(algs, count),
    };

    process_call(process, &msg_token_generate_info, &message, ret_answer);
}

static inline PS_UNUSED void keep_key(const struct process_answer *answer, struct test_key *key)
{
    const struct msg_token_generated *made = (const void *)answer->message;

    assert_answered(answer);
    assert_ptr_equal(answer->info, &msg_token_generated_info);
    assert_true(made->public_key.len <= sizeof key->spki);
    if (made->public_key.len != 0) {
        memcpy(key->spki, made->public_key.data, made->public_key.len);
    }
    key->spki_len = made->public_key.len;
    assert_true(made->attributes.len < sizeof key->attributes);
    memcpy(key->attributes, made->attributes.data, made->attributes.len);
    key->attributes[made->attributes.len] = 0;
}

static inline PS_UNUSED void make_key(struct process *process, enum ps_alg alg,
                                      enum ps_key_type type, struct test_key *key)
{
    const uint8_t algs[] = {(uint8_t)alg};
    struct process_answer answer;

    *key = (struct test_key){.type = type};
    ps_random(key->id, sizeof key->id);
    ask_for_key(process, key, PS_USAGE_SIGN, algs, 1, &answer);
    keep_key(&answer, key);
}

/* What goes to the token for an algorithm: random octets of the right length. */
static inline PS_UNUSED struct ps_bytes input_for(enum ps_alg alg, uint8_t octets[128])
{
    const struct ps_alg_info *info = ps_alg_info(alg);

    ps_random(octets, 128);
    return ps_bytes(octets, info->signs_message ? 100 : ps_hash_len(info->hash));
}

static inline PS_UNUSED struct msg_token_sign sign_message(const struct test_key *key,
                                                           enum ps_alg alg, struct ps_bytes data)
{
    return (struct msg_token_sign){
        .object_id = key_id(key),
        .algorithm = (uint8_t)alg,
        .key_type = (uint8_t)key->type,
        .data = data,
    };
}

static inline PS_UNUSED void ask_to_sign(struct process *process, const struct test_key *key,
                                         enum ps_alg alg, struct ps_bytes data,
                                         struct process_answer *ret_answer)
{
    const struct msg_token_sign message = sign_message(key, alg, data);

    process_call(process, &msg_token_sign_info, &message, ret_answer);
}

static inline bool verify_digest(EVP_PKEY *pkey, const struct ps_alg_info *alg,
                                 struct ps_bytes digest, struct ps_bytes signature)
{
    static const char *const names[] = {"SHA1", "SHA256", "SHA384", "SHA512"};
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(pkey, NULL);
    uint8_t der[160];
    size_t der_len;
    bool good;

    assert_int_equal(EVP_PKEY_verify_init(context), 1);
    assert_int_equal(EVP_PKEY_CTX_set_signature_md(context, EVP_get_digestbyname(names[alg->hash])),
                     1);
    if (alg->scheme == PS_SCHEME_RSA_PSS) {
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST), 1);
    }
    if (alg->scheme == PS_SCHEME_ECDSA) {
        assert_ok(ecdsa_form_to_der(signature.data, signature.len / 2, der, sizeof der, &der_len));
        signature = ps_bytes(der, der_len);
    }
    good = EVP_PKEY_verify(context, signature.data, signature.len, digest.data, digest.len) == 1;
    EVP_PKEY_CTX_free(context);
    return good;
}

static inline bool verify_message(EVP_PKEY *pkey, struct ps_bytes message,
                                  struct ps_bytes signature)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good;

    assert_int_equal(EVP_DigestVerifyInit(context, NULL, NULL, NULL, pkey), 1);
    good = EVP_DigestVerify(context, signature.data, signature.len, message.data, message.len) == 1;
    EVP_MD_CTX_free(context);
    return good;
}

static inline PS_UNUSED bool verifies(const struct test_key *key, enum ps_alg alg,
                                      struct ps_bytes data, const struct process_answer *answer)
{
    const struct msg_token_signed *made = (const void *)answer->message;
    const uint8_t *at = key->spki;
    EVP_PKEY *pkey = d2i_PUBKEY(NULL, &at, (long)key->spki_len);
    const struct ps_alg_info *info = ps_alg_info(alg);
    bool good;

    assert_answered(answer);
    assert_ptr_equal(answer->info, &msg_token_signed_info);
    assert_non_null(pkey);
    good = info->signs_message ? verify_message(pkey, data, made->signature)
                               : verify_digest(pkey, info, data, made->signature);
    EVP_PKEY_free(pkey);
    return good;
}

/* One signature that must be good. */
static inline PS_UNUSED void must_sign(struct process *process, const struct test_key *key,
                                       enum ps_alg alg)
{
    uint8_t octets[128];
    const struct ps_bytes data = input_for(alg, octets);
    struct process_answer answer;

    ask_to_sign(process, key, alg, data, &answer);
    assert_true(verifies(key, alg, data, &answer));
}

/* A certificate of its own, of a new key. */
static inline PS_UNUSED struct ps_bytes make_certificate(int serial, uint8_t der[2048])
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    uint8_t *to = der;
    int len;

    assert_true(key != NULL && certificate != NULL);
    assert_int_equal(X509_set_version(certificate, 2), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(certificate), 0));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(certificate), 86400));
    assert_int_equal(X509_set_pubkey(certificate, key), 1);
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    len = i2d_X509(certificate, NULL);
    assert_true(len > 0 && len <= 2048);
    len = i2d_X509(certificate, &to);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return ps_bytes(der, (size_t)len);
}

#endif
