#ifndef FRONTENDS_CERTIFY_TOKEN_KEYS_H
#define FRONTENDS_CERTIFY_TOKEN_KEYS_H

#include "frontends/shared/calls.h"
#include "lib/formats/public_key/public_key.h"

/*
 * The authorization server's public keys: its JWK set, read from a file or fetched, kept, and read
 * again when it is old or a token names a key that is not there. What is read is bounded, and so is
 * how often.
 */
struct token_keys;

/* How long the last good set is used while no newer one can be had; seconds. */
#define TOKEN_KEYS_KEPT_S 3600u
/* Not sooner than that is the set read again because of a key that it does not have. */
#define TOKEN_KEYS_PAUSE_S 5u
#define TOKEN_KEYS_MAX     100u

/* Texts stay valid; "": none. */
struct token_keys_options {
    const char *file;
    const char *url;
    const char *socket;
    const char *ca;
    uint64_t fresh_s;
    uint64_t timeout_ms;
};
PS_MUST_USE enum ps_err token_keys_new(struct calls *calls,
                                       const struct token_keys_options *options,
                                       struct token_keys **ret_keys);
void token_keys_free(struct token_keys *keys); /* after calls_free */

/* Who waits for the set; memory of whoever waits. */
struct token_keys_wait {
    void (*ready)(struct token_keys_wait *wait);
    struct token_keys_wait *next;
};

/*
 * Whether it has to be read, since it is old, or has no such key and may be asked again. `kid`
 * empty: the token names none.
 */
bool token_keys_are_old(const struct token_keys *keys, struct ps_bytes kid);

/* Reads it; calls `ready` when that ended, well or not. Errors: PS_E_BUSY; it is not called then.
 */
PS_MUST_USE enum ps_err token_keys_read(struct token_keys *keys, struct token_keys_wait *wait);

/* Whether there is a set at all. */
bool token_keys_are_there(const struct token_keys *keys);

/* NULL: none that fits. Without a kid there has to be one alone that fits the algorithm. */
struct public_key *token_keys_find(const struct token_keys *keys, struct ps_bytes kid,
                                   enum ps_alg alg);

/* The keys of a JWK set, as they are kept; for tests, too. Errors: PS_E_INPUT, PS_E_NO_MEMORY. */
struct token_key {
    struct public_key *key;
    enum ps_alg alg; /* PS_ALG_NONE: any of its type */
    struct ps_buf kid;
};
struct token_key_set {
    struct token_key keys[TOKEN_KEYS_MAX];
    size_t count;
};
PS_MUST_USE enum ps_err token_key_set_parse(struct ps_bytes text, struct token_key_set *ret_set);
void token_key_set_clear(struct token_key_set *set);

#endif
