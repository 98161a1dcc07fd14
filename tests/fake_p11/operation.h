#ifndef FAKE_P11_OPERATION_H
#define FAKE_P11_OPERATION_H

#include <openssl/types.h>

#include "ecdsa.h"
#include "mechanism.h"
#include "object.h"

/* An operation of a session, between its Init and its end. */

enum operation_kind {
    OPERATION_SIGN,
    OPERATION_VERIFY,
    OPERATION_ENCRYPT,
    OPERATION_DECRYPT,
    OPERATION_COUNT
};

/* The parameter of a mechanism, read and copied. */
struct parameters {
    const char *hash; /* OpenSSL's names, of PSS and OAEP */
    const char *mask_hash;
    CK_ULONG salt_length;
    unsigned char *label; /* of OAEP, or the associated data of GCM */
    CK_ULONG label_length;
    unsigned char iv[64];
    CK_ULONG iv_length;
    CK_ULONG tag_length;
};

struct operation {
    _Atomic bool active;
    bool in_parts;      /* C_SignUpdate or C_VerifyUpdate was called */
    bool authenticated; /* C_Login(CKU_CONTEXT_SPECIFIC) was called */
    _Atomic(const struct mechanism *) mechanism;
    struct object *key;
    struct parameters parameters;
    /* What the last operation set up stays for the next with the same key and mechanism. */
    EVP_PKEY_CTX *pkey_context;
    struct ecdsa *ecdsa; /* for signing */
    EVP_MD_CTX *digest;
    EVP_MAC_CTX *mac;
};

/* Ends an operation but keeps what the next one can use again. */
void operation_end(struct operation *operation);
void operation_clear(struct operation *operation);

/*
 * Reads a mechanism's parameter.
 * Errors: CKR_MECHANISM_PARAM_INVALID, CKR_HOST_MEMORY
 */
CK_RV parameters_read(const CK_MECHANISM *given, const struct mechanism *mechanism,
                      struct parameters *ret_parameters);
void parameters_clear(struct parameters *parameters);
bool parameters_equal(const struct parameters *a, const struct parameters *b);

#endif
