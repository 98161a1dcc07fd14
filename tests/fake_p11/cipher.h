#ifndef FAKE_P11_CIPHER_H
#define FAKE_P11_CIPHER_H

#include "operation.h"

/* One encryption, decryption, wrapping or unwrapping, of octets. */
struct cipher_job {
    struct object *key;
    const struct mechanism *mechanism;
    const struct parameters *parameters;
    bool encrypting;
    const unsigned char *in;
    size_t in_length;
    unsigned char *out; /* cipher_bound octets */
    size_t out_length;
};

/* At most so many octets come out. */
size_t cipher_bound(const struct cipher_job *job);

/* Errors: CKR_DATA_LEN_RANGE, CKR_ENCRYPTED_DATA_INVALID, CKR_ENCRYPTED_DATA_LEN_RANGE,
 *         CKR_FUNCTION_FAILED */
CK_RV cipher_run(struct cipher_job *job);

#endif
