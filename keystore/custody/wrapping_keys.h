#ifndef KEYSTORE_CUSTODY_WRAPPING_KEYS_H
#define KEYSTORE_CUSTODY_WRAPPING_KEYS_H

#include "keystore/internal.h"

/*
 * The appliance's own keys by which others live outside the tokens: one wraps private keys, one
 * secret keys, one makes the MACs that bind what was wrapped to its key and version. All three are
 * in every token that has to open such keys.
 */
#define WRAPPING_KEY_NAME         "privyseal.wrapping"
#define WRAPPING_SECRETS_KEY_NAME "privyseal.wrapping-secrets"
#define RECORD_MAC_KEY_NAME       "privyseal.record-mac"
#define WRAPPING_KEYS_COUNT       3u
/* In the order in which they are made, and in which documents name their objects. */
extern const char *const wrapping_key_names[WRAPPING_KEYS_COUNT];

struct wrapping_keys {
    const struct key_version *wrapping;
    const struct key_version *secrets;
    const struct key_version *mac;
};

/* Those for new keys. False: there are none yet. */
bool wrapping_keys_now(const struct keeper *keeper, struct wrapping_keys *ret_keys);

/* Those of one number: all have the same. False: there are no such versions. */
bool wrapping_keys_at(const struct keeper *keeper, uint32_t number, struct wrapping_keys *ret_keys);

/* The one that wraps keys of this type. */
const struct key_version *wrapping_keys_for(const struct wrapping_keys *keys,
                                            enum ps_key_type type);

/* Whether it is one of them: they may be carried to another token, wrapped. */
bool wrapping_keys_have(const struct key *key);

/*
 * Where a version of a key is used: where it was made, or, if it lives outside, in the token of its
 * key or in another that holds the version of the wrapping keys which it is under. Reads its record
 * while tokens hold some of these and lack others, some ten microseconds. It need not be ready.
 * NULL: no token that is configured has it, or opens it.
 */
struct token *wrapping_keys_token_for(const struct keeper *keeper,
                                      const struct key_version *version);

/*
 * Where a wrapped key is made: in this token, or in any other that wraps while it is away or lacks
 * the version that is for new keys. NULL: there is none, and no such token.
 */
struct token *wrapping_keys_maker(const struct keeper *keeper, struct ps_bytes token);

/* The newest version that a token holds, of those that are not destroyed; 0: none. */
uint32_t wrapping_keys_newest_on(const struct keeper *keeper, struct ps_bytes token);

/* Whether keys of this type can be made in that token. */
bool wrapping_keys_allow(const struct keeper *keeper, const struct token_view *view,
                         struct ps_bytes token, enum ps_key_type type);

/*
 * Whether a key of this type that is made now can be used in two tokens of the configuration at
 * least. One that is away counts as what it was: it holds what it held.
 */
bool wrapping_keys_are_replicated(const struct keeper *keeper, enum ps_key_type type);

#endif
