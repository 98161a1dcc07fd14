#ifndef PS_BASE_ALGORITHM_H
#define PS_BASE_ALGORITHM_H

#include "lib/base/hash.h"

/*
 * The vocabulary of keys: types, usages, formats, algorithms and states. Each is one table; every
 * process, document and test reads these names from here. The numbers go over the wire between our
 * processes and into no file.
 */

enum ps_key_type {
    PS_KEY_NONE,
    PS_KEY_RSA_2048,
    PS_KEY_RSA_3072,
    PS_KEY_RSA_4096,
    PS_KEY_EC_P256,
    PS_KEY_EC_P384,
    PS_KEY_EC_P521,
    PS_KEY_EC_SECP256K1,
    PS_KEY_ED25519,
    PS_KEY_AES_256,
    PS_KEY_HMAC_SHA256,
    PS_KEY_COUNT
};

enum ps_key_family { PS_FAMILY_RSA, PS_FAMILY_EC, PS_FAMILY_EDWARDS, PS_FAMILY_SECRET };

struct ps_key_type_info {
    const char *name; /* "ec-p256" */
    enum ps_key_family family;
    unsigned bits;        /* RSA modulus, EC field or secret key */
    size_t coordinate;    /* octets of one EC coordinate, else 0 */
    size_t signature_max; /* octets of the longest raw signature; 0 for secret keys */
    const char *jwk_crv;  /* RFC 7518 section 6.2.1.1, RFC 8037, RFC 8812; NULL for RSA, secrets */
    const char *group;    /* OpenSSL's name of the curve or key; NULL for secrets */
    int cose_crv;         /* RFC 9053 section 7.1, RFC 8812; 0 for RSA, secrets */
};

enum ps_usage {
    PS_USAGE_NONE,
    PS_USAGE_SIGN,
    PS_USAGE_CERTIFY,
    PS_USAGE_DECRYPT,
    PS_USAGE_ENCRYPT,
    PS_USAGE_MAC,
    PS_USAGE_WRAP,
    PS_USAGE_COUNT
};

enum ps_format {
    PS_FORMAT_NONE,
    PS_FORMAT_JWS,
    PS_FORMAT_COSE,
    PS_FORMAT_DATA_INTEGRITY,
    PS_FORMAT_RAW,
    PS_FORMAT_X509, /* certificates and CRLs; of keys of usage certify, as the next one */
    PS_FORMAT_CMS,
    PS_FORMAT_COUNT
};

enum ps_alg {
    PS_ALG_NONE,
    PS_ALG_RS256,
    PS_ALG_RS384,
    PS_ALG_RS512,
    PS_ALG_PS256,
    PS_ALG_PS384,
    PS_ALG_PS512,
    PS_ALG_ES256,
    PS_ALG_ES384,
    PS_ALG_ES512,
    PS_ALG_ES256K,
    PS_ALG_EDDSA,
    PS_ALG_COUNT
};

enum ps_scheme { PS_SCHEME_RSA_PKCS1, PS_SCHEME_RSA_PSS, PS_SCHEME_ECDSA, PS_SCHEME_EDDSA };

struct ps_alg_info {
    const char *name; /* JOSE's: RFC 7518, 8037, 8812 */
    enum ps_scheme scheme;
    enum ps_key_family family;
    enum ps_key_type curve; /* the one key type it goes with; PS_KEY_NONE: any RSA */
    enum ps_hash hash;      /* of the signing input; unused by EdDSA */
    bool signs_message;     /* the token gets the message itself, not its digest (EdDSA) */
    unsigned cost;          /* about how long it takes, ES256 being 1; for fair queueing */
    int cose;               /* its number in COSE: RFC 9053, 8230, 8812 */
};

const struct ps_key_type_info *ps_key_type_info(enum ps_key_type type); /* NULL if not a type */
const struct ps_alg_info *ps_alg_info(enum ps_alg alg);                 /* NULL if not one */

/* The number of a name, or the 0 of its table (.._NONE) when there is no such name. */
enum ps_key_type ps_key_type_by_name(struct ps_bytes name);
enum ps_alg ps_alg_by_name(struct ps_bytes name);
enum ps_usage ps_usage_by_name(struct ps_bytes name);
enum ps_format ps_format_by_name(struct ps_bytes name);

const char *ps_usage_name(enum ps_usage usage);
const char *ps_format_name(enum ps_format format);

/* True when keys of this type can make signatures of this algorithm. */
bool ps_alg_fits(enum ps_alg alg, enum ps_key_type type);

/* Longest raw signature of any type: RSA-4096. */
#define PS_SIGNATURE_MAX 512u

#endif
