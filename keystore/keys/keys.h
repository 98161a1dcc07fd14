#ifndef KEYSTORE_KEYS_KEYS_H
#define KEYSTORE_KEYS_KEYS_H

#include "keystore/keys/key_version.h"
#include "lib/base/name.h"

/*
 * The keys as the signing path needs them: found by name without a look into the database. Made
 * from catalog rows, changed only after a row changed. A key stays in the table for the life of the
 * process (a destroyed one too), but for what key_cache.h lets go, which nobody has pinned.
 */
struct keys;

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

/* The version that signs now; NULL: none. */
struct key_version *key_active(struct key *key, uint64_t now_s);
struct key_version *key_version(const struct key *key, uint32_t number);
/* By its thumbprint (RFC 7638) or, as MOSIP's keymanager names keys, by the SHA-256 of its
 * certificate in base64url. NULL: none. */
struct key_version *key_version_by_kid(const struct key *key, struct ps_bytes kid);
struct key_version *key_latest(const struct key *key);
/* The newest version while it waits to be activated; NULL: none waits. */
struct key_version *key_successor(const struct key *key);

enum key_class key_class_of(const struct key *key); /* that counts: of our own keys it is A */

static inline bool key_has_format(const struct key *key, enum ps_format format)
{
    return (key->formats >> format & 1u) != 0;
}
bool key_has_algorithm(const struct key *key, enum ps_alg alg);

bool key_successors_need_certificates(const struct key *key); /* also of all that issue */

#endif
