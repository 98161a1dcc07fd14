#include "tests/officer/authenticator.h"

#include "lib/base/compiler.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/*
 * A FIDO authenticator in software, for tests with real sk- keys: it is touched at once and has one
 * PIN. What it signs PROTOCOL.u2f says. The key handle is the private key itself.
 */
#define PIN        "1234"
#define HASH_LEN   32u
#define SIGNED_LEN (HASH_LEN + 1 + 4 + HASH_LEN)
#define COUNTER    7u
#define P256_LEN   32
#define DER_MAX    512u

#define EXPORTED __attribute__((visibility("default")))

static void free_key(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}

static void free_context(EVP_MD_CTX **context)
{
    EVP_MD_CTX_free(*context);
}

static void free_ecdsa(ECDSA_SIG **signature)
{
    ECDSA_SIG_free(*signature);
}

EXPORTED uint32_t sk_api_version(void)
{
    return SSH_SK_VERSION_MAJOR;
}

static int check_person(uint8_t flags, const char *pin, struct sk_option **options)
{
    for (size_t i = 0; options != NULL && options[i] != NULL; i++) {
        if (options[i]->required != 0) {
            return SSH_SK_ERR_UNSUPPORTED;
        }
    }
    if ((flags & SSH_SK_USER_VERIFICATION_REQD) != 0 && (pin == NULL || strcmp(pin, PIN) != 0)) {
        return SSH_SK_ERR_PIN_REQUIRED;
    }
    return 0;
}

static int copy(const uint8_t *octets, size_t len, uint8_t **ret_copy, size_t *ret_len)
{
    *ret_copy = malloc(len == 0 ? 1 : len);
    if (*ret_copy == NULL) {
        return -1;
    }
    memcpy(*ret_copy, octets, len);
    *ret_len = len;
    return 0;
}

static EVP_PKEY *make_key(uint32_t alg)
{
    return alg == SSH_SK_ED25519 ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")
                                 : EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
}

static int fill_enrolment(EVP_PKEY *key, struct sk_enroll_response *response)
{
    uint8_t point[2 * P256_LEN + 1];
    uint8_t handle[DER_MAX];
    uint8_t *end = handle;
    size_t len = sizeof point;
    int done;

    if (EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519) {
        done = EVP_PKEY_get_raw_public_key(key, point, &len);
    } else {
        done = EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point,
                                               &len);
    }
    if (done != 1 || i2d_PrivateKey(key, NULL) > (int)sizeof handle ||
        i2d_PrivateKey(key, &end) <= 0) {
        return -1;
    }
    return copy(point, len, &response->public_key, &response->public_key_len) != 0 ||
                   copy(handle, (size_t)(end - handle), &response->key_handle,
                        &response->key_handle_len) != 0 ||
                   copy(handle, 0, &response->signature, &response->signature_len) != 0
               ? -1
               : 0;
}

EXPORTED int sk_enroll(uint32_t alg, const uint8_t *challenge, size_t challenge_len,
                       const char *application, uint8_t flags, const char *pin,
                       struct sk_option **options, struct sk_enroll_response **ret_response)
{
    PS_CLEANUP(free_key) EVP_PKEY *key = NULL;
    const int refused = check_person(flags, pin, options);

    (void)challenge;
    (void)challenge_len;
    (void)application;
    if (refused != 0) {
        return refused;
    }
    key = make_key(alg);
    /* The helper ends after each answer, so that what is left of a failed one goes with it. */
    *ret_response = calloc(1, sizeof **ret_response);
    if (key == NULL || *ret_response == NULL || fill_enrolment(key, *ret_response) != 0) {
        return SSH_SK_ERR_GENERAL;
    }
    (*ret_response)->flags = flags;
    return 0;
}

/* PROTOCOL.u2f: SHA-256(application) || flags || counter || SHA-256(data) */
static int put_signed(const char *application, uint8_t flags, const uint8_t *data, size_t data_len,
                      uint8_t out[SIGNED_LEN])
{
    out[HASH_LEN] = flags;
    memcpy(out + HASH_LEN + 1, (const uint8_t[]){0, 0, 0, COUNTER}, 4);
    return EVP_Digest(application, strlen(application), out, NULL, EVP_sha256(), NULL) == 1 &&
                   EVP_Digest(data, data_len, out + HASH_LEN + 5, NULL, EVP_sha256(), NULL) == 1
               ? 0
               : -1;
}

/* ECDSA's DER as the two numbers that the helper wants. */
static int split(const uint8_t *der, size_t len, struct sk_sign_response *response)
{
    PS_CLEANUP(free_ecdsa) ECDSA_SIG *parsed = d2i_ECDSA_SIG(NULL, &der, (long)len);
    uint8_t number[P256_LEN];

    if (parsed == NULL || BN_bn2binpad(ECDSA_SIG_get0_r(parsed), number, P256_LEN) != P256_LEN ||
        copy(number, P256_LEN, &response->sig_r, &response->sig_r_len) != 0 ||
        BN_bn2binpad(ECDSA_SIG_get0_s(parsed), number, P256_LEN) != P256_LEN) {
        return -1;
    }
    return copy(number, P256_LEN, &response->sig_s, &response->sig_s_len);
}

static int fill_signature(EVP_PKEY *key, const uint8_t to_sign[SIGNED_LEN],
                          struct sk_sign_response *response)
{
    PS_CLEANUP(free_context) EVP_MD_CTX *context = EVP_MD_CTX_new();
    const bool is_ed25519 = EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519;
    uint8_t signature[DER_MAX];
    size_t len = sizeof signature;

    if (context == NULL ||
        EVP_DigestSignInit(context, NULL, is_ed25519 ? NULL : EVP_sha256(), NULL, key) != 1 ||
        EVP_DigestSign(context, signature, &len, to_sign, SIGNED_LEN) != 1) {
        return -1;
    }
    return is_ed25519 ? copy(signature, len, &response->sig_r, &response->sig_r_len)
                      : split(signature, len, response);
}

EXPORTED int sk_sign(uint32_t alg, const uint8_t *data, size_t data_len, const char *application,
                     const uint8_t *key_handle, size_t key_handle_len, uint8_t flags,
                     const char *pin, struct sk_option **options,
                     struct sk_sign_response **ret_response)
{
    PS_CLEANUP(free_key) EVP_PKEY *key = NULL;
    const int refused = check_person(flags, pin, options);
    uint8_t to_sign[SIGNED_LEN];

    (void)alg;
    if (refused != 0) {
        return refused;
    }
    key = d2i_AutoPrivateKey(NULL, &key_handle, (long)key_handle_len);
    *ret_response = calloc(1, sizeof **ret_response);
    if (key == NULL || *ret_response == NULL ||
        put_signed(application, flags, data, data_len, to_sign) != 0 ||
        fill_signature(key, to_sign, *ret_response) != 0) {
        return SSH_SK_ERR_GENERAL;
    }
    (*ret_response)->flags = flags;
    (*ret_response)->counter = COUNTER;
    return 0;
}

EXPORTED int sk_load_resident_keys(const char *pin, struct sk_option **options,
                                   struct sk_resident_key ***ret_keys, size_t *ret_count)
{
    (void)pin;
    (void)options;
    *ret_keys = NULL;
    *ret_count = 0;
    return SSH_SK_ERR_UNSUPPORTED;
}
