#ifndef FAKE_P11_MECHANISM_H
#define FAKE_P11_MECHANISM_H

#include <stddef.h>

#include "pkcs11/module/cryptoki_extra.h"

/* What the code for a mechanism has in common with others. */
enum family {
    FAMILY_RSA_PKCS,
    FAMILY_RSA_PSS,
    FAMILY_RSA_RAW,
    FAMILY_RSA_OAEP,
    FAMILY_ECDSA,
    FAMILY_EDDSA,
    FAMILY_HMAC,
    FAMILY_AES_GCM,
    FAMILY_AES_ECB,
    FAMILY_AES_WRAP,
    FAMILY_ECDH,
    FAMILY_GENERATE
};

struct mechanism {
    CK_MECHANISM_TYPE type;
    const char *name;
    enum family family;
    CK_KEY_TYPE key_type;
    const char *hash; /* OpenSSL's name of the digest the mechanism itself computes, or NULL */
    CK_ULONG min_size, max_size;
    CK_FLAGS flags;
};

extern const struct mechanism mechanisms[];
extern const size_t mechanism_count;

const struct mechanism *mechanism_find(CK_MECHANISM_TYPE type);

#endif
