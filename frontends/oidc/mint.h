#ifndef FRONTENDS_OIDC_MINT_H
#define FRONTENDS_OIDC_MINT_H

#include "frontends/oidc/transaction.h"
#include "frontends/shared/calls.h"

/* Having tokens and userinfo signed and encrypted by the appliance. */

/* What is signed: each is one JSON object, NUL-terminated; "" for what there is not. */
struct mint {
    struct call call; /* first: a call is its mint */
    const char *access_key;
    const char *id_key;
    struct ps_buf access_claims;
    struct ps_buf id_claims;    /* without at_hash, and open at its end */
    struct ps_buf access_token; /* what comes of it */
    struct ps_buf id_token;
    bool good;
    char why[256];
};

/* For calls_make: signs the access token, and then the ID token with its hash. */
void mint_tokens(struct call *call, struct privyseal *client);

struct seal_userinfo {
    struct call call; /* first */
    const char *key;
    struct ps_buf claims;    /* JSON object, NUL-terminated; "": `jwt` is signed already */
    struct ps_buf recipient; /* JWK, NUL-terminated; "": it is not encrypted */
    struct ps_buf jwt;       /* what comes of it */
    bool good;
    char why[256];
};
void mint_userinfo(struct call *call, struct privyseal *client);

#endif
