#ifndef FRONTENDS_OIDC_TOKEN_H
#define FRONTENDS_OIDC_TOKEN_H

#include "frontends/oidc/service.h"

/* The token endpoint, and what is told of a person for a token of it. */
void token_give(struct exchange *exchange, const struct endpoint *endpoint);
void userinfo_tell(struct exchange *exchange, const struct endpoint *endpoint);

/* grant.c */

/* A code on its way to its tokens. */
struct grant;

struct grant_request {
    struct ps_bytes code;
    struct ps_bytes client;
    struct ps_bytes redirect_uri;
    struct ps_bytes verifier; /* PKCE; empty: none */
    struct ps_bytes jkt;      /* of a proof that came with it; empty: none */
};

/*
 * Redeems a code of a client that is authenticated; answers, now or later. A code that this client
 * shows again takes its access token away (RFC 6749 section 4.1.2).
 */
void grant_redeem(struct exchange *exchange, const struct grant_request *request);

#endif
