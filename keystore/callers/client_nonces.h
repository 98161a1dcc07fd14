#ifndef KEYSTORE_CALLERS_CLIENT_NONCES_H
#define KEYSTORE_CALLERS_CLIENT_NONCES_H

#include "lib/base/bytes.h"
#include "lib/base/err.h"
#include "lib/base/name.h"

/*
 * What clients sign to be known by another key, each once: in memory, since a statement is made and
 * sent within minutes, and after a restart a client asks for another.
 */
#define CLIENT_NONCE_LEN    16u
#define CLIENT_NONCE_LIVE_S 300u
#define CLIENT_NONCES_MAX   1024u /* of all clients */
#define CLIENT_NONCES_EACH  4u    /* of one: a fifth takes the place of its oldest */

struct client_nonces;

PS_MUST_USE enum ps_err client_nonces_new(struct client_nonces **ret_nonces);
void client_nonces_free(struct client_nonces *nonces);
PS_DEFINE_CLEANUP(struct client_nonces, client_nonces_free)

/*
 * A new one, random; mono_s: monotonic seconds. Errors: PS_E_BUSY (too many of others are alive).
 */
PS_MUST_USE enum ps_err client_nonces_give(struct client_nonces *nonces, struct ps_bytes client,
                                           uint64_t mono_s, uint8_t ret_nonce[CLIENT_NONCE_LEN]);

/* Whether it was given to this client and is alive. */
bool client_nonces_has(const struct client_nonces *nonces, struct ps_bytes client,
                       const uint8_t nonce[CLIENT_NONCE_LEN], uint64_t mono_s);

/* It is used, whoever's it is. */
void client_nonces_use(struct client_nonces *nonces, const uint8_t nonce[CLIENT_NONCE_LEN]);

#endif
