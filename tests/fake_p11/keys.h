#ifndef FAKE_P11_KEYS_H
#define FAKE_P11_KEYS_H

#include <openssl/types.h>

#include "attrs.h"

/* Keys between their attributes and OpenSSL's form. */

/* The public or private key that attributes describe; NULL when they describe none. */
EVP_PKEY *keys_load(const struct attrs *attrs);

/* The type of an OpenSSL key; CK_UNAVAILABLE_INFORMATION when the module knows none for it. */
CK_KEY_TYPE keys_type(const EVP_PKEY *pkey);

/* Adds what makes the key to the attributes of its public or private object. */
CK_RV keys_store_public(EVP_PKEY *pkey, struct attrs *attrs);
CK_RV keys_store_private(EVP_PKEY *pkey, struct attrs *attrs);

/* Checks that a template of C_CreateObject describes a key and completes it. */
CK_RV keys_check_created(struct attrs *attrs);

/* PKCS#8 PrivateKeyInfo, in memory of OpenSSL's that the caller frees. */
CK_RV keys_to_pkcs8(EVP_PKEY *pkey, unsigned char **ret_der, size_t *ret_length);
EVP_PKEY *keys_from_pkcs8(const unsigned char *der, size_t length);

#endif
