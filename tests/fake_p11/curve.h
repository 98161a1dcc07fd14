#ifndef FAKE_P11_CURVE_H
#define FAKE_P11_CURVE_H

#include <openssl/types.h>

#include "attrs.h"

/* The curves of the module and their CKA_EC_PARAMS. */
struct curve {
    const char *name; /* OpenSSL's */
    int nid;
    CK_KEY_TYPE key_type;
    size_t octets; /* of a coordinate, of a scalar and of each half of a signature */
    size_t params_length;
    unsigned char params[16];
};

const struct curve *curve_of_params(const struct attr *params);
const struct curve *curve_of_pkey(const EVP_PKEY *pkey);

/*
 * The octets of a point, out of an OCTET STRING or as they are: callers and tokens use both. A
 * point's length for the curve decides, since a raw one can look like an OCTET STRING.
 * ret_point: borrowed from `point`
 */
bool curve_point(const struct curve *curve, const unsigned char *point, size_t length,
                 const unsigned char **ret_point, size_t *ret_length);

#endif
