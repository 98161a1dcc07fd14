#ifndef KEYSTORE_KEYS_H
#define KEYSTORE_KEYS_H

#include "keystore/catalog/records.h"
#include "lib/base/name.h"
#include "lib/formats/public_key.h"

/*
 * The keys as the signing path needs them: found by name without a look into the database. Made
 * from catalog rows, changed only after a row changed. A key stays in the table for the life of the
 * process (a destroyed one too), so that requests in flight may point to it.
 */
struct keys;

#define OBJECT_ID_MAX 32u

struct key;

struct key_version {
    struct key *key;
    uint32_t number;
    enum key_state state;
    uint8_t object_id[OBJECT_ID_MAX]; /* CKA_ID */
    size_t object_id_len;
    uint8_t *spki; /* DER; NULL for secret keys */
    size_t spki_len;
    char kid[KEY_KID_MAX + 1];
    uint64_t created_s;
    uint64_t activates_s;
    uint64_t expires_s;            /* 0: no end */
    uint64_t retired_s;            /* 0: not yet */
    struct public_key *public_key; /* made at first use: version_public_key */
    uint64_t finish_ns; /* monotonic: until then a rotated one finishes what it had begun */
    bool was_active;    /* it was deactivated straight from active */
    uint64_t proven;    /* token processes, by number, that made a signature which verified ... */
    uint64_t proven_epoch; /* ... in this epoch of the token */
};

#define KEY_TEXT_MAX (KEY_JWT_TEXT_MAX + 1u)

struct key {
    char name[PS_NAME_MAX + 1];
    char token[PS_NAME_MAX + 1];
    enum ps_key_type type;
    enum ps_usage usage;
    unsigned formats; /* one bit per enum ps_format */
    enum ps_alg algorithms[KEY_ALGS_MAX];
    size_t algorithm_count;
    enum key_state state;
    enum key_verify verify;
    struct rotation rotation;
    uint64_t validity_s;
    char residence[16];
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
};

PS_MUST_USE enum ps_err keys_new(struct keys **ret_keys);
void keys_free(struct keys *keys);
PS_DEFINE_CLEANUP(struct keys, keys_free)

/*
 * Takes over what a catalog row says. `body`: the row's document. A version's key comes first.
 * Errors: PS_E_INPUT (not of the schema), PS_E_NOT_FOUND (a version without key), PS_E_NO_MEMORY.
 */
PS_MUST_USE enum ps_err keys_put(struct keys *keys, struct ps_bytes body, uint64_t revision);
PS_MUST_USE enum ps_err keys_put_version(struct keys *keys, struct ps_bytes body);

struct key *keys_find(const struct keys *keys, struct ps_bytes name);
struct key *keys_next(const struct keys *keys, size_t *cursor); /* in no order */
size_t keys_count(const struct keys *keys);

/* The version that signs now; NULL: none. */
struct key_version *key_active(struct key *key, uint64_t now_s);
struct key_version *key_version(const struct key *key, uint32_t number);
struct key_version *key_latest(const struct key *key);

/* Errors: PS_E_STATE (no public key), PS_E_INPUT (a row that holds none of ours). */
PS_MUST_USE enum ps_err version_public_key(struct key_version *version,
                                           struct public_key **ret_key);

static inline bool key_has_format(const struct key *key, enum ps_format format)
{
    return (key->formats >> format & 1u) != 0;
}
bool key_has_algorithm(const struct key *key, enum ps_alg alg);

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
