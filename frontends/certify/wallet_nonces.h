#ifndef FRONTENDS_CERTIFY_WALLET_NONCES_H
#define FRONTENDS_CERTIFY_WALLET_NONCES_H

#include "lib/base/buf.h"

/*
 * Nonces for proofs of possession. Those that are handed out are not kept: each says itself when it
 * ends, under a MAC whose key is this process's own. Those that were used are kept until they end,
 * so that each is good for one credential; so are nonces that an access token brings.
 */
struct wallet_nonces;

#define WALLET_NONCES_TEXT_LEN 64u

/*
 * How many used ones are kept, in all and of one person at one client: as many credentials may be
 * issued within one nonce's life. Nobody alone can use up what there is for all.
 */
#define WALLET_NONCES_USED_MAX  262144u
#define WALLET_NONCES_SHARE_MAX 16384u

/* Longest time that one is kept; seconds. */
#define WALLET_NONCES_LIFE_MAX_S 4095u

/* now_s: since 1970, as in all of these */
PS_MUST_USE enum ps_err wallet_nonces_new(uint64_t ttl_s, uint64_t now_s,
                                          struct wallet_nonces **ret_nonces);
void wallet_nonces_free(struct wallet_nonces *nonces);
PS_DEFINE_CLEANUP(struct wallet_nonces, wallet_nonces_free)

void wallet_nonces_put_new(struct wallet_nonces *nonces, uint64_t now_s, struct ps_buf *out);

/* Whether a nonce was handed out here and has not ended; *ret_until_s: when it does. */
bool wallet_nonces_is_ours(const struct wallet_nonces *nonces, struct ps_bytes nonce,
                           uint64_t now_s, uint64_t *ret_until_s);

/*
 * Whether it is known what was used of nonces that tokens brought since then: those that were used
 * before this process began nobody knows any more.
 */
bool wallet_nonces_remember(const struct wallet_nonces *nonces, uint64_t since_s);

struct wallet_nonce {
    struct ps_bytes text;
    struct ps_bytes whose; /* a client and a person there: any octets */
    uint64_t until_s;      /* when it ends; at most WALLET_NONCES_LIFE_MAX_S from now */
};

/*
 * Uses a nonce up, whoever handed it out.
 *
 * Errors: PS_E_CONFLICT: it was used; PS_E_BUSY: too many are kept; PS_E_LIMIT: of this person;
 *         PS_E_INTERNAL: it ends too late; PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err wallet_nonces_use(struct wallet_nonces *nonces,
                                          const struct wallet_nonce *nonce, uint64_t now_s);

/* Undoes wallet_nonces_use, where nothing came of it. */
void wallet_nonces_give_back(struct wallet_nonces *nonces, struct ps_bytes nonce);

#endif
