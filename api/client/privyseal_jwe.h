#ifndef API_CLIENT_PRIVYSEAL_JWE_H
#define API_CLIENT_PRIVYSEAL_JWE_H

/* Stands beside this one, in the tree and where it is installed. */
#include "privyseal.h"

/* JSON Web Encryption; see privyseal(3). */

struct privyseal_jwe {
    const char *jwk;         /* to whom, one of three: a JWK, JSON; */
    const char *certificate; /* base64 of a certificate's DER; */
    const char *key;         /* name of a key of the appliance that decrypts */
    const void *plaintext;
    size_t plaintext_len;
    const char *header;     /* JSON object of further header members, or NULL */
    const char *include;    /* JSON array of "x5c", "x5t#S256", or NULL */
    const char *algorithm;  /* or NULL: the one that fits the key */
    const char *encryption; /* or NULL: A256GCM */
};

struct privyseal_encrypted {
    const char *jwe; /* compact */
    struct privyseal_answer answer;
};
PRIVYSEAL_API void privyseal_encrypted_clear(struct privyseal_encrypted *result);

PRIVYSEAL_API PRIVYSEAL_MUST_USE enum privyseal_result
privyseal_encrypt_jwe(struct privyseal *client, const struct privyseal_jwe *request,
                      struct privyseal_encrypted *ret_encrypted);

struct privyseal_decrypted {
    const void *plaintext; /* a NUL follows, which is not counted */
    size_t plaintext_len;
    const char *header; /* the protected header, JSON */
    const char *kid;
    struct privyseal_answer answer;
};
/* Wipes the plaintext, too. */
PRIVYSEAL_API void privyseal_decrypted_clear(struct privyseal_decrypted *result);

/* `key`: its name. The JWE's `kid` names the version. */
PRIVYSEAL_API PRIVYSEAL_MUST_USE enum privyseal_result
privyseal_decrypt_jwe(struct privyseal *client, const char *key, const char *jwe,
                      struct privyseal_decrypted *ret_decrypted);

#endif
