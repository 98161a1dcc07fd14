#ifndef KEYSTORE_KEYS_H
#define KEYSTORE_KEYS_H

#include "keystore/catalog/records.h"
#include "keystore/certificates/key_certificate.h"
#include "keystore/encryption_count.h"
#include "keystore/tokens/process_set.h"
#include "lib/base/name.h"
#include "lib/formats/public_key/public_key.h"

/*
 * The keys as the signing path needs them: found by name without a look into the database. Made
 * from catalog rows, changed only after a row changed. A key stays in the table for the life of the
 * process (a destroyed one too), but for what key_cache.h lets go, which nobody has pinned.
 */
struct keys;
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
    uint64_t finish_ns;        /* monotonic: until then a rotated one finishes what it had begun */
    bool is_unproven;          /* the token has to show its public key first: retrace.h */
    bool is_told;              /* that it waits for a certificate */
    char *replicas;            /* "NAME\n" of each further token that holds it; NULL: none */
    bool was_active;           /* it was deactivated straight from active */
    struct process_set proven; /* whose signature with it verified */
    struct process_set loaded; /* that have it open, of a wrapped key: see custody/records.h */
    struct encryptions encryptions;
    uint64_t tried_ns; /* monotonic: the last checkup */
};

#define KEY_TEXT_MAX (KEY_JWT_TEXT_MAX + 1u)
struct key {
    char name[PS_NAME_MAX + 1];
    char token[PS_NAME_MAX + 1];
    enum ps_key_type type;
    enum ps_usage usage;
    enum key_class class; /* as its row has it; see key_class_of */
    unsigned formats;     /* one bit per enum ps_format */
    enum ps_alg algorithms[KEY_ALGS_MAX];
    size_t algorithm_count;
    enum key_state state;
    enum key_verify verify;
    struct rotation rotation;
    char issuer[PS_NAME_MAX + 1]; /* "": none */
    uint64_t validity_s;
    char residence[16];
    bool is_wrapped; /* its versions live outside the tokens, wrapped: custody/records.h */
    char recovery[16];
    char jwt_type[KEY_TEXT_MAX]; /* "": not pinned, as those below */
    char jwt_issuer[KEY_TEXT_MAX];
    uint64_t jwt_max_ttl_s;
    char *labels; /* JSON object; NULL: none */
    uint32_t latest;
    uint64_t revision;
    uint32_t epoch;  /* one more at each change of the key or a version */
    bool is_blocked; /* a state change is being recorded: no leaf of a use may come after it */
    struct key_version **versions; /* by number, rising */
    size_t version_count;
    struct key_version *active; /* NULL: none; valid until next_change_s */
    uint64_t next_change_s;
    uint64_t schedule_s; /* after a failure: before that nothing is scheduled for it */
    uint32_t pins;       /* by what points to it for longer than a turn of the loop */
    bool was_asked_for;  /* since it was last looked at by who lets keys go */
};

PS_MUST_USE enum ps_err keys_new(struct keys **ret_keys);
void keys_free(struct keys *keys);
PS_DEFINE_CLEANUP(struct keys, keys_free)

/*
 * Takes over what a catalog row, `body`, says: a key, then its versions, then their certificates.
 * Errors: PS_E_INPUT (not of the schema), PS_E_NOT_FOUND (no such key or version), PS_E_NO_MEMORY.
 */
PS_MUST_USE enum ps_err keys_put(struct keys *keys, struct ps_bytes body, uint64_t revision);
PS_MUST_USE enum ps_err keys_put_version(struct keys *keys, struct ps_bytes body);
PS_MUST_USE enum ps_err keys_put_certificate(struct keys *keys, struct ps_bytes body);

struct key *keys_find(const struct keys *keys, struct ps_bytes name);
struct key *keys_next(const struct keys *keys, size_t *cursor); /* of those here, in no order */
size_t keys_count(const struct keys *keys);                     /* of those here */

/* The highest class of the keys that a pattern covers; reserved names are covered by none. */
enum key_class keys_class_of(const struct keys *keys, struct ps_bytes pattern);

/* Signs, encrypts, makes MACs at this time; with `on_expiry` stop, within its certificate. */
bool version_protects(const struct key_version *version, uint64_t now_s);

/* The version that signs now; NULL: none. */
struct key_version *key_active(struct key *key, uint64_t now_s);
struct key_version *key_version(const struct key *key, uint32_t number);
/* By its thumbprint (RFC 7638) or, as MOSIP's keymanager names keys, by the SHA-256 of its
 * certificate in base64url. NULL: none. */
struct key_version *key_version_by_kid(const struct key *key, struct ps_bytes kid);
struct key_version *key_latest(const struct key *key);
/* The newest version while it waits to be activated; NULL: none waits. */
struct key_version *key_successor(const struct key *key);

/* Errors: PS_E_STATE (no public key), PS_E_TOKEN (unproven), PS_E_INPUT (a row without one). */
PS_MUST_USE enum ps_err version_public_key(struct key_version *version,
                                           struct public_key **ret_key);

/* The chain of a version, in force or not; NULL: it has none. Valid until rows change. */
static inline const struct key_certificate *version_certificate(const struct key_version *version)
{
    return version->certificate;
}

enum key_class key_class_of(const struct key *key); /* that counts: of our own keys it is A */

static inline bool key_has_format(const struct key *key, enum ps_format format)
{
    return (key->formats >> format & 1u) != 0;
}
bool key_has_algorithm(const struct key *key, enum ps_alg alg);

/* Not to be activated: each version of the key needs a certificate, and it has none in force. */
bool version_lacks_certificate(const struct key_version *version, uint64_t now_s);
bool key_successors_need_certificates(const struct key *key); /* also of all that issue */

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
