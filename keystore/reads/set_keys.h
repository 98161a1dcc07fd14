#ifndef KEYSTORE_READS_SET_KEYS_H
#define KEYSTORE_READS_SET_KEYS_H

#include "keystore/keys/sets.h"

/*
 * Which keys a JWK set lists. Whoever fetches a set takes what is not in it for not ours, so it is
 * whole or an error, and a change after which one would be too large is refused.
 */
#define SET_KEYS_MAX  512u           /* that one may list after a change */
#define SET_KEYS_ROOM 768u           /* that one lists: changes that are executed together add up */
#define SET_JWKS_MAX  (512u * 1024u) /* octets of its public keys after a change */
/* While not all keys are in memory: keys that are looked at for it, and octets of all rows that are
 * gone through, also of those that it does not list. */
#define SET_ROWS_MAX   16384u
#define SET_OCTETS_MAX (64u * 1024u * 1024u)

/* Without a set of this name it lists every key with the format jws. */
#define DEFAULT_SET "default"

struct set_keys {
    struct key
        *all[SET_KEYS_ROOM]; /* in the order of their names; valid in this turn of the loop */
    size_t count;
};

/*
 * set: NULL: the default set while nobody has made one
 * Errors: PS_E_LIMIT (it is too large; the detail says what to do), PS_E_DENIED and PS_E_STATE (a
 * row is not what the log says), the catalog's.
 */
PS_MUST_USE enum ps_err set_keys_find(const struct keeper *keeper, const struct key_set *set,
                                      struct set_keys *ret_keys);

/* Whether it lists the key, or would list one with these fields and this name. */
bool set_lists(const struct key_set *set, const struct key *key);
bool set_would_list(const struct key_set *set, const struct key_record *record,
                    struct ps_bytes name);

/*
 * Whether a set has room for so many keys more, of this type. What it takes in octets is at most
 * half of what may be fetched: while keys rotate they have two public keys in it. Errors: as
 * set_keys_find.
 */
PS_MUST_USE enum ps_err set_keys_check_room(const struct keeper *keeper, const struct key_set *set,
                                            size_t more, enum ps_key_type type);

#endif
