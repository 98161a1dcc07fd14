#include "curve.h"

#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <string.h>

/* DER of the named curves' object identifiers (SEC 2; RFC 8410), and of the name
 * "edwards25519" that the first texts of v3.0 asked for. */
static const struct curve curves[] = {
    {"prime256v1",
     NID_X9_62_prime256v1,
     CKK_EC,
     32,
     10,
     {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07}},
    {"secp384r1", NID_secp384r1, CKK_EC, 48, 7, {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22}},
    {"secp521r1", NID_secp521r1, CKK_EC, 66, 7, {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23}},
    {"secp256k1", NID_secp256k1, CKK_EC, 32, 7, {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a}},
    {"ED25519", NID_ED25519, CKK_EC_EDWARDS, 32, 5, {0x06, 0x03, 0x2b, 0x65, 0x70}},
    {"ED25519", NID_ED25519, CKK_EC_EDWARDS, 32, 14,
     "\x13\x0c"
     "edwards25519"},
};
#define CURVE_COUNT (sizeof(curves) / sizeof(curves[0]))

const struct curve *curve_of_params(const struct attr *params)
{
    for (size_t i = 0; params && i < CURVE_COUNT; i++)
        if (attr_equals(params, curves[i].params, curves[i].params_length))
            return &curves[i];
    return NULL;
}

const struct curve *curve_of_pkey(const EVP_PKEY *pkey)
{
    char name[64] = "ED25519";
    size_t length = 0;
    if (EVP_PKEY_get_base_id(pkey) == EVP_PKEY_EC &&
        !EVP_PKEY_get_group_name(pkey, name, sizeof(name), &length))
        return NULL;
    for (size_t i = 0; i < CURVE_COUNT; i++)
        if (strcmp(curves[i].name, name) == 0)
            return &curves[i];
    return NULL;
}

bool curve_point(const struct curve *curve, const unsigned char *point, size_t length,
                 const unsigned char **ret_point, size_t *ret_length)
{
    size_t raw = curve->key_type == CKK_EC ? 1 + 2 * curve->octets : curve->octets;
    size_t head = raw < 0x80 ? 2 : 3;
    if (!point)
        return false;
    if (length == raw) {
        *ret_point = point;
    } else if (length == head + raw && point[0] == 0x04 && point[head - 1] == raw &&
               (head == 2 || point[1] == 0x81)) {
        *ret_point = point + head;
    } else {
        return false;
    }
    *ret_length = raw;
    return true;
}
