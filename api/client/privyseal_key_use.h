#ifndef API_CLIENT_PRIVYSEAL_KEY_USE_H
#define API_CLIENT_PRIVYSEAL_KEY_USE_H

/* Stands beside this one, in the tree and where it is installed. */
#include "privyseal.h"

/* Keys that make no signatures: MACs, encryption and decryption; see privyseal(3). */

/* What comes of it: a MAC, a ciphertext or a plaintext. Clear it after use: that wipes it, too. */
struct privyseal_octets {
    const void *octets; /* a NUL follows, which is not counted */
    size_t len;
    uint32_t version; /* of the key */
    struct privyseal_answer answer;
};
PRIVYSEAL_API void privyseal_octets_clear(struct privyseal_octets *result);

PRIVYSEAL_API PRIVYSEAL_MUST_USE enum privyseal_result
privyseal_make_mac(struct privyseal *client, const char *key, const void *message, size_t len,
                   struct privyseal_octets *ret_mac);

struct privyseal_mac {
    const char *key;
    const void *message;
    size_t message_len;
    const void *mac;
    size_t mac_len;
    uint32_t version; /* that made it; 0: the active one */
};
/* *ret_valid is 1 when it is the MAC of the message, else 0; also after an error. */
PRIVYSEAL_API PRIVYSEAL_MUST_USE enum privyseal_result
privyseal_verify_mac(struct privyseal *client, const struct privyseal_mac *request, int *ret_valid);

struct privyseal_crypt {
    const char *key;
    const void *octets; /* a plaintext of at most 524,288 octets; or a ciphertext */
    size_t len;
    const void *aad; /* authenticated with it, for AES keys; or NULL */
    size_t aad_len;
    uint32_t version; /* to decrypt with an RSA key; 0: the active one */
};
PRIVYSEAL_API PRIVYSEAL_MUST_USE enum privyseal_result
privyseal_encrypt(struct privyseal *client, const struct privyseal_crypt *request,
                  struct privyseal_octets *ret_ciphertext);
/* What cannot be decrypted is PRIVYSEAL_REFUSED with the code "refused", whatever the reason. */
PRIVYSEAL_API PRIVYSEAL_MUST_USE enum privyseal_result
privyseal_decrypt(struct privyseal *client, const struct privyseal_crypt *request,
                  struct privyseal_octets *ret_plaintext);

#endif
