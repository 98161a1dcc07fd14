#ifndef KEYSTORE_KEYS_KEY_VERSION_H
#define KEYSTORE_KEYS_KEY_VERSION_H

#include "keystore/catalog/records.h"
#include "keystore/certificates/key_certificate.h"
#include "keystore/keys/encryption_count.h"
#include "keystore/tokens/process_set.h"
#include "lib/formats/public_key/public_key.h"

/* One version of a key (keys.h), which it lives as long as. */
struct key;

#define OBJECT_ID_MAX 32u
struct key_version {
    struct key *key;
    uint32_t number;
    enum key_state state;
    uint8_t object_id[OBJECT_ID_MAX]; /* CKA_ID */
    size_t object_id_len;
    uint8_t *spki; /* DER; NULL for secret keys */
    size_t spki_len;
    uint8_t *check; /* check value of a secret key; NULL: none */
    size_t check_len;
    char kid[KEY_KID_MAX + 1];
    uint64_t created_s;
    uint64_t activates_s;
    uint64_t expires_s;                  /* 0: no end */
    uint64_t retired_s;                  /* 0: not yet */
    struct public_key *public_key;       /* made at first use: version_public_key */
    struct key_certificate *certificate; /* version_certificate */
    uint64_t finish_ns; /* monotonic: until then a rotated one finishes what it had begun */
    bool is_unproven;   /* the token has to show its public key first, and nobody is given it */
    bool is_marked;     /* its row says so: `unproven` */
    bool is_doubted;    /* the token is asked: operations/unproven.c */
    bool is_told;       /* that it waits for a certificate */
    char *tokens;       /* "NAME\n" of each that holds it; first where it was made */
    bool was_active;    /* it was deactivated straight from active */
    struct process_set proven; /* whose signature with it verified */
    struct process_set loaded; /* that have it open, of a wrapped key: see custody/records.h */
    struct encryptions encryptions;
    uint64_t tried_ns; /* monotonic: the last checkup */
};

/* Signs, encrypts, makes MACs at this time; with `on_expiry` stop, within its certificate. */
bool version_protects(const struct key_version *version, uint64_t now_s);

/*
 * Where it was made, which need not be the token of its key; and whether a token, by its name,
 * holds it. Of a wrapped key no token does, but for as long as it has it open.
 */
struct ps_bytes version_token(const struct key_version *version);
bool version_is_on(const struct key_version *version, struct ps_bytes token);

/*
 * The name at *cursor, which is 0 for the first, of the tokens that hold it. False past the last.
 */
bool version_next_token(const struct key_version *version, size_t *cursor,
                        struct ps_bytes *ret_token);

/* Errors: PS_E_STATE (no public key), PS_E_TOKEN (unproven), PS_E_INPUT (a row without one). */
PS_MUST_USE enum ps_err version_public_key(struct key_version *version,
                                           struct public_key **ret_key);

/* The chain of a version, in force or not; NULL: it has none. Valid until rows change. */
static inline const struct key_certificate *version_certificate(const struct key_version *version)
{
    return version->certificate;
}

/* Not to be activated: each version of the key needs a certificate, and it has none in force. */
bool version_lacks_certificate(const struct key_version *version, uint64_t now_s);

/* True while relying parties should find the version in a JWKS. */
bool version_is_published(const struct key_version *version, uint64_t now_s);

static inline struct ps_bytes version_object_id(const struct key_version *version)
{
    return ps_bytes(version->object_id, version->object_id_len);
}

static inline struct ps_bytes version_spki(const struct key_version *version)
{
    return ps_bytes(version->spki, version->spki_len);
}

#endif
