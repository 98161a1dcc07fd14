#ifndef FRONTENDS_CERTIFY_BINDING_H
#define FRONTENDS_CERTIFY_BINDING_H

#include "frontends/certify/token.h"
#include "frontends/certify/wallet_nonces.h"

/*
 * That who shows an access token has the key that it is bound to (RFC 9449 section 7). The nonce of
 * such a proof is one of ours, and so no older than this process: what was used before it started
 * cannot be shown again.
 */
struct binding {
    const struct token *token;
    struct ps_bytes token_text;
    struct ps_bytes proof; /* the header DPoP */
    const char *url;
    struct wallet_nonces *nonces;
    uint64_t now_s;
};

/*
 * json:   is used for the proof; nothing of it is kept
 * Errors: PS_E_STATE: its nonce is none that may be used now; PS_E_DENIED: it proves nothing, the
 *         detail says why; those of wallet_nonces_use
 */
PS_MUST_USE enum ps_err binding_check(const struct binding *binding, struct json *json);

#endif
