#ifndef TESTS_OFFICER_AUTHENTICATOR_H
#define TESTS_OFFICER_AUTHENTICATOR_H

#include <stddef.h>
#include <stdint.h>

/*
 * What ssh-sk-helper asks of the library that SSH_SK_PROVIDER names (OpenSSH's sk-api.h, version
 * 10). The names and their order are OpenSSH's.
 */
#define SSH_SK_VERSION_MAJOR          0x000a0000u
#define SSH_SK_USER_PRESENCE_REQD     0x01u
#define SSH_SK_USER_VERIFICATION_REQD 0x04u
#define SSH_SK_ECDSA                  0u
#define SSH_SK_ED25519                1u
#define SSH_SK_ERR_GENERAL            (-1)
#define SSH_SK_ERR_UNSUPPORTED        (-2)
#define SSH_SK_ERR_PIN_REQUIRED       (-3)

struct sk_enroll_response {
    uint8_t flags;
    uint8_t *public_key;
    size_t public_key_len;
    uint8_t *key_handle;
    size_t key_handle_len;
    uint8_t *signature;
    size_t signature_len;
    uint8_t *attestation_cert;
    size_t attestation_cert_len;
    uint8_t *authdata;
    size_t authdata_len;
};

struct sk_sign_response {
    uint8_t flags;
    uint32_t counter;
    uint8_t *sig_r; /* of Ed25519 the whole signature */
    size_t sig_r_len;
    uint8_t *sig_s;
    size_t sig_s_len;
};

struct sk_option {
    char *name;
    char *value;
    uint8_t required;
};

struct sk_resident_key;

uint32_t sk_api_version(void);
int sk_enroll(uint32_t alg, const uint8_t *challenge, size_t challenge_len, const char *application,
              uint8_t flags, const char *pin, struct sk_option **options,
              struct sk_enroll_response **ret_response);
int sk_sign(uint32_t alg, const uint8_t *data, size_t data_len, const char *application,
            const uint8_t *key_handle, size_t key_handle_len, uint8_t flags, const char *pin,
            struct sk_option **options, struct sk_sign_response **ret_response);
int sk_load_resident_keys(const char *pin, struct sk_option **options,
                          struct sk_resident_key ***ret_keys, size_t *ret_count);

#endif
