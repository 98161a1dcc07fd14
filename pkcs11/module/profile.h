#ifndef PKCS11_MODULE_PROFILE_H
#define PKCS11_MODULE_PROFILE_H

#include "lib/base/algorithm.h"
#include "lib/base/buf.h"
#include "pkcs11/token/recovery.h"

/*
 * What one kind of token can do and what it gets wrong: a file of firmware-profiles/, read into
 * named quirks. firmware-profiles/schema.json describes the file, the reader here is as strict.
 */

/* How the module is started anew. */
enum profile_reload {
    PROFILE_RELOAD_FINALIZE, /* C_Finalize, C_Initialize */
    PROFILE_RELOAD_UNLOAD,   /* and dlclose, dlopen in between */
    PROFILE_RELOAD_EXIT      /* it survives neither: the process ends and is replaced */
};

enum profile_point { PROFILE_POINT_DER, PROFILE_POINT_RAW, PROFILE_POINT_EITHER };

/* How far an attribute can be relied on. */
enum profile_support {
    PROFILE_ENFORCED, /* set, read back and compared */
    PROFILE_IGNORED,  /* may be set, is not kept: not compared */
    PROFILE_REJECTED  /* must not stand in a template */
};

enum {
    PROFILE_ID_MAX = 64,
    PROFILE_MATCH_MAX = 32,
    PROFILE_PARAMS_MAX = 32,
    PROFILE_ATTRIBUTES_MAX = 48,
    PROFILE_RULES_MAX = 32,
    PROFILE_ALLOWED_MAX = 8
};

struct profile_text {
    char text[PROFILE_MATCH_MAX + 1];
};

struct profile_key_type {
    bool offered;
    CK_MECHANISM_TYPE generate;
    uint8_t params[PROFILE_PARAMS_MAX]; /* CKA_EC_PARAMS to generate with */
    size_t params_len;                  /* 0: no curve */
};

struct profile_algorithm {
    bool offered;
    CK_MECHANISM_TYPE mechanism;
};

/* Usages that are not a matter of signature algorithms, by kind of key. */
enum profile_use {
    PROFILE_USE_DECRYPT_RSA,
    PROFILE_USE_DECRYPT_EC,
    PROFILE_USE_ENCRYPT,
    PROFILE_USE_MAC,
    PROFILE_USE_WRAP,
    PROFILE_USE_TRANSPORT, /* of keys that wrap, to another token */
    PROFILE_USE_COUNT
};

struct profile_allowed {
    CK_MECHANISM_TYPE mechanisms[PROFILE_ALLOWED_MAX];
    size_t count;
};

struct profile_attribute {
    CK_ATTRIBUTE_TYPE type;
    enum profile_support support;
};

struct profile {
    char id[PROFILE_ID_MAX + 1];
    struct profile_text library_manufacturer; /* beginnings; empty: any */
    struct profile_text token_manufacturer;
    struct profile_text token_model;
    enum profile_reload reload;
    bool reload_when_gone; /* a token that comes back is seen only by a module started anew */
    bool interface_3;      /* C_GetInterface is asked first */
    uint32_t start_timeout_ms;
    struct profile_text rewritten_file; /* see store_copy.h; empty: there is none */
    uint32_t pin_min;
    uint32_t pin_max;
    uint32_t sessions_max; /* 0: no limit known */
    uint32_t random_max;   /* octets of one C_GenerateRandom */
    bool data_objects;
    bool certificates;
    struct profile_key_type key_types[PS_KEY_COUNT];
    struct profile_algorithm algorithms[PS_ALG_COUNT];
    struct profile_allowed uses[PROFILE_USE_COUNT];
    enum profile_point point;
    bool signature_der;    /* ECDSA comes as X9.62 DER and not as R || S */
    bool eddsa_params;     /* CKM_EDDSA wants a CK_EDDSA_PARAMS */
    bool private_public;   /* public keys are made with CKA_PRIVATE */
    uint32_t wrappable;    /* types of keys that it wraps: 1 << enum ps_key_type */
    bool transport_sha256; /* RSA-OAEP for keys is with SHA-256, and not with SHA-1 */
    struct profile_attribute attributes[PROFILE_ATTRIBUTES_MAX];
    size_t attributes_count;
    struct recovery_rule rules[PROFILE_RULES_MAX];
    size_t rules_count;
};

/*
 * Reads a profile. Every member that is not known, missing, doubled, of another type or outside its
 * limits is an error that names it.
 * Errors: PS_E_INPUT, PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err profile_read(struct ps_bytes json, struct profile *ret_profile);

/* PROFILE_ENFORCED when the profile does not name the attribute. */
enum profile_support profile_support(const struct profile *profile, CK_ATTRIBUTE_TYPE type);

#endif
